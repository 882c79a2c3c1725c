#include "gossip/lease/lease_outbox.h"

#include "agent/base/array.h"
#include "gossip/core.h"

#include <stdlib.h>

void lease_outbox_free(struct lease_outbox *out)
{
    free(out->items);
}

static void lease_outbox_add(struct gossip *g, const struct lease_outbox_item *item)
{
    struct lease_outbox *out = &g->leases.out;
    if (ARRAY_RESERVE(out->items, out->capacity, out->count + 1))
        out->items[out->count++] = *item;
}

void lease_outbox_push(struct gossip *g, uint64_t to, uint64_t name, const struct lease_message *m,
                       bool by_stream)
{
    lease_outbox_add(
        g, &(struct lease_outbox_item){.to = to, .by_stream = by_stream, .lease = {name, *m}});
}

void lease_outbox_answer(struct gossip *g, uint64_t to, const struct gossip_route *from,
                         uint64_t name, const struct lease_message *m)
{
    uint32_t conn = from->via == GOSSIP_STREAM ? from->conn : 0;
    lease_outbox_add(g, &(struct lease_outbox_item){.to = to, .conn = conn, .lease = {name, *m}});
}

static bool lease_outbox_goes(const struct lease_outbox_item *item, uint64_t to,
                              const struct gossip_route *route, bool by_stream)
{
    if (item->to != to || item->conn != route->conn)
        return false;
    return route->via == GOSSIP_DATAGRAM || route->conn != 0 || by_stream || item->by_stream;
}

/* Sends the items for `to` that go by this route, in as many packets as it takes. */
static void lease_outbox_send(struct gossip *g, uint64_t to, const struct gossip_route *route,
                              bool by_stream)
{
    struct lease_outbox *out = &g->leases.out;
    struct gossip_voters ours = voters_range(&g->leases.voters);
    struct wire_writer w;
    bool open = false;
    for (uint32_t i = 0; i < out->count; i++) {
        if (!lease_outbox_goes(&out->items[i], to, route, by_stream))
            continue;
        if (open && wire_put_lease(&w, &out->items[i].lease))
            continue;
        if (open)
            outbox_send(g, route, &w);
        w = outbox_begin(g, WIRE_LEASE, route->via);
        wire_put_voters(&w, &ours);
        open = wire_put_lease(&w, &out->items[i].lease);
    }
    if (open)
        outbox_send(g, route, &w);
}

/* conn: of answers on that stream alone. */
static void lease_outbox_send_to(struct gossip *g, uint64_t to, uint32_t slot, uint32_t conn)
{
    const struct member *m = core_member(g, slot);
    struct gossip_route route = outbox_to(m);
    bool by_stream = m->by_stream;
    route.conn = conn;
    if (conn == 0)
        lease_outbox_send(g, to, &route, false);
    route.via = GOSSIP_STREAM;
    lease_outbox_send(g, to, &route, by_stream);
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
            lease_outbox_send_to(g, 0, slot, 0);
    }
    for (uint32_t i = 0; i < out->count; i++) {
        struct lease_outbox_item item = out->items[i];
        uint32_t slot = member_by_key(&g->members, item.to);
        if (item.to == 0 || slot == MEMBER_NONE)
            continue;
        lease_outbox_send_to(g, item.to, slot, item.conn);
        for (uint32_t j = i; j < out->count; j++)
            if (out->items[j].to == item.to && out->items[j].conn == item.conn)
                out->items[j].to = g->key; /* sent; to ourselves nothing is sent */
    }
    out->count = 0;
}
