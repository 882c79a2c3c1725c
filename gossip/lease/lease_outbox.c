#include "gossip/lease/lease_outbox.h"

#include "agent/base/array.h"
#include "gossip/core.h"

#include <stdlib.h>

void lease_outbox_free(struct lease_outbox *out)
{
    free(out->items);
}

void lease_outbox_push(struct gossip *g, uint64_t to, uint64_t name, const struct lease_message *m)
{
    struct lease_outbox *out = &g->leases.out;
    if (!ARRAY_RESERVE(out->items, out->capacity, out->count + 1))
        return;
    out->items[out->count++] = (struct lease_outbox_item){to, {name, *m}};
}

/* Sends the items for `to` to that member, in as many packets as it takes. */
static void lease_outbox_send(struct gossip *g, uint64_t to, uint32_t slot)
{
    struct lease_outbox *out = &g->leases.out;
    struct gossip_voters ours = voters_range(&g->leases.voters);
    struct gossip_route route = outbox_to(core_member(g, slot));
    struct wire_writer w;
    bool open = false;
    for (uint32_t i = 0; i < out->count; i++) {
        if (out->items[i].to != to)
            continue;
        if (open && wire_put_lease(&w, &out->items[i].lease))
            continue;
        if (open)
            outbox_send(g, &route, &w);
        w = outbox_begin(g, WIRE_LEASE, GOSSIP_DATAGRAM);
        wire_put_voters(&w, &ours);
        open = wire_put_lease(&w, &out->items[i].lease);
    }
    if (open)
        outbox_send(g, &route, &w);
}

void lease_outbox_flush(struct gossip *g)
{
    struct lease_outbox *out = &g->leases.out;
    if (out->count == 0)
        return;
    unsigned cursor = 0;
    for (const char *name; (name = voters_next(&g->leases.voters, &cursor));) {
        uint32_t slot = member_by_name(&g->members, name);
        if (slot != MEMBER_NONE && slot != g->self)
            lease_outbox_send(g, 0, slot);
    }
    for (uint32_t i = 0; i < out->count; i++) {
        uint64_t to = out->items[i].to;
        uint32_t slot = member_by_key(&g->members, to);
        if (to == 0 || slot == MEMBER_NONE)
            continue;
        lease_outbox_send(g, to, slot);
        for (uint32_t j = i; j < out->count; j++)
            if (out->items[j].to == to)
                out->items[j].to = g->key; /* sent; to ourselves nothing is sent */
    }
    out->count = 0;
}
