#include "gossip/detector/edge.h"

#include "gossip/core.h"

#define PRIOR_GAIN (1.0 / 16)

void edge_init(struct edges *edges, double loss)
{
    *edges = (struct edges){.prior_loss = loss};
    for (size_t i = 0; i < EDGES_MAX; i++)
        edges->all[i].slot = MEMBER_NONE;
}

const struct edge *edge_of(const struct gossip *g, uint32_t slot)
{
    for (size_t i = 0; i < EDGES_MAX; i++)
        if (g->edges.all[i].slot == slot)
            return &g->edges.all[i];
    return NULL;
}

struct edge *edge_find(struct gossip *g, uint32_t slot)
{
    const struct edge *e = edge_of(g, slot);
    return e ? &g->edges.all[edge_place(g, e)] : NULL;
}

void edge_open(struct gossip *g, struct edge *e, uint32_t slot)
{
    *e = (struct edge){.slot = slot,
                       .opened_us = g->now_us,
                       .next_us = INT64_MAX,
                       .until_us = INT64_MAX,
                       .answered_us = INT64_MIN,
                       .sign_us = INT64_MIN};
    phi_init(&e->phi, &g->tuning, g->edges.prior_srtt_us, g->edges.prior_loss);
}

void edge_make_transient(const struct gossip *g, struct edge *e)
{
    e->until_us = g->now_us + EDGE_TRANSIENT_WINDOWS * core_ms(g->timing.suspicion_max_ms);
}

struct edge *edge_find_or_open(struct gossip *g, uint32_t slot)
{
    struct edge *known = edge_find(g, slot);
    if (known)
        return known;
    for (size_t i = EDGE_SWEEP + 1; i < EDGES_MAX; i++) {
        struct edge *e = &g->edges.all[i];
        if (e->slot != MEMBER_NONE)
            continue;
        edge_open(g, e, slot);
        edge_make_transient(g, e);
        return e;
    }
    return NULL;
}

void edge_close(struct edge *e)
{
    e->slot = MEMBER_NONE;
}

void edge_close_all(struct gossip *g, uint32_t slot)
{
    for (size_t i = 0; i < EDGES_MAX; i++)
        if (g->edges.all[i].slot == slot)
            edge_close(&g->edges.all[i]);
}

size_t edge_place(const struct gossip *g, const struct edge *e)
{
    return (size_t)(e - g->edges.all);
}

bool edge_is_ring(const struct gossip *g, const struct edge *e)
{
    return edge_place(g, e) < RING_EDGES_MAX;
}

bool edge_is_stream_only(const struct edge *e)
{
    return e->stream_answers >= EDGE_STREAM_ANSWERS;
}

void edge_sign(struct gossip *g, uint32_t slot, int64_t at_us)
{
    struct edge *e = edge_find(g, slot);
    if (e)
        e->sign_us = core_max(e->sign_us, at_us);
}

bool edge_sign_since(const struct gossip *g, uint32_t slot, int64_t since_us)
{
    const struct edge *e = edge_of(g, slot);
    return e && (e->answered_us > since_us || e->sign_us > since_us);
}

void edge_learn_prior(struct gossip *g, const struct edge *e)
{
    struct edges *edges = &g->edges;
    if (core_member(g, e->slot)->unreachable) /* it loses more than others do */
        return;
    if (edges->prior_srtt_us <= 0)
        edges->prior_srtt_us = e->phi.srtt_us;
    edges->prior_srtt_us += (e->phi.srtt_us - edges->prior_srtt_us) * PRIOR_GAIN;
    edges->prior_loss += (e->phi.loss - edges->prior_loss) * PRIOR_GAIN;
}

void edge_compensate(struct gossip *g, int64_t stall_us)
{
    for (size_t i = 0; i < EDGES_MAX; i++)
        phi_compensate(&g->edges.all[i].phi, stall_us);
}
