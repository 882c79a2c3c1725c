#include "gossip/outbox.h"

#include "agent/base/array.h"
#include "gossip/core.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct outbox_packet {
    struct gossip_route route;
    uint32_t len;
};

void outbox_init(struct outbox *o)
{
    *o = (struct outbox){0};
}

void outbox_free(struct outbox *o)
{
    gossip_profile_release(o->event_profile);
    for (size_t i = o->events_read; i < o->events_used; i++)
        gossip_profile_release(o->events[i].member.profile);
    free(o->events);
    free(o->bytes);
}

struct wire_writer outbox_begin(struct gossip *g, enum wire_kind kind, enum gossip_via via)
{
    size_t bytes = via == GOSSIP_STREAM ? GOSSIP_FRAME_BYTES_MAX : GOSSIP_DATAGRAM_BYTES_MAX;
    return wire_begin(g->scratch, bytes, kind, g->cluster, g->key, g->view);
}

struct gossip_route outbox_to(const struct member *m)
{
    return (struct gossip_route){.addr = m->profile->addr, .via = GOSSIP_DATAGRAM};
}

void outbox_send(struct gossip *g, const struct gossip_route *route, const struct wire_writer *w)
{
    struct outbox *o = &g->outbox;
    struct outbox_packet packet = {*route, (uint32_t)(w->at - w->start)};
    if (!ARRAY_RESERVE(o->bytes, o->bytes_capacity, o->bytes_used + sizeof packet + packet.len))
        return;
    memcpy(o->bytes + o->bytes_used, &packet, sizeof packet);
    memcpy(o->bytes + o->bytes_used + sizeof packet, w->start, packet.len);
    o->bytes_used += sizeof packet + packet.len;
    g->stats.packets_sent++;
    g->stats.bytes_sent += packet.len;
}

bool gossip_next_packet(struct gossip *g, struct gossip_packet *packet)
{
    struct outbox *o = &g->outbox;
    if (o->bytes_read == o->bytes_used) {
        o->bytes_read = o->bytes_used = 0;
        if (o->bytes_capacity > OUTBOX_BYTES_KEPT) {
            free(o->bytes);
            o->bytes = NULL;
            o->bytes_capacity = 0;
        }
        return false;
    }
    struct outbox_packet head;
    memcpy(&head, o->bytes + o->bytes_read, sizeof head);
    *packet = (struct gossip_packet){head.route, o->bytes + o->bytes_read + sizeof head, head.len};
    o->bytes_read += sizeof head + head.len;
    return true;
}

void outbox_event(struct gossip *g, enum gossip_event_kind kind, const struct member *m,
                  const struct gossip_addr *addr)
{
    struct outbox *o = &g->outbox;
    if (!ARRAY_RESERVE(o->events, o->events_capacity, o->events_used + 1))
        return;
    struct gossip_event *event = &o->events[o->events_used++];
    *event = (struct gossip_event){.kind = kind};
    if (m) {
        event->member = member_public(m);
        gossip_profile_hold(m->profile);
    }
    if (addr)
        event->addr = *addr;
}

bool gossip_next_event(struct gossip *g, struct gossip_event *event)
{
    struct outbox *o = &g->outbox;
    gossip_profile_release(o->event_profile);
    o->event_profile = NULL;
    if (o->events_read == o->events_used) {
        o->events_read = o->events_used = 0;
        if (o->events_capacity > OUTBOX_EVENTS_KEPT) {
            free(o->events);
            o->events = NULL;
            o->events_capacity = 0;
        }
        return false;
    }
    *event = o->events[o->events_read++];
    o->event_profile = event->member.profile;
    return true;
}
