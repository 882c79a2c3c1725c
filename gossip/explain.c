/* explain: what the core knows, read out for people. Changes nothing. */
#include "gossip/core.h"

#include <string.h>

struct gossip_member gossip_self(const struct gossip *g)
{
    return member_public(&g->members.slots[g->self]);
}

bool gossip_next_member(const struct gossip *g, size_t *cursor, struct gossip_member *member)
{
    for (; *cursor < g->members.used; (*cursor)++) {
        const struct member *m = &g->members.slots[*cursor];
        if (!m->profile || m->pruned)
            continue;
        *member = member_public(m);
        (*cursor)++;
        return true;
    }
    return false;
}

static uint32_t explain_find(const struct gossip *g, const char *name)
{
    uint32_t slot = member_by_name(&g->members, name);
    return slot != MEMBER_NONE && g->members.slots[slot].pruned ? MEMBER_NONE : slot;
}

bool gossip_find(const struct gossip *g, const char *name, struct gossip_member *member)
{
    uint32_t slot = explain_find(g, name);
    if (slot == MEMBER_NONE)
        return false;
    *member = member_public(&g->members.slots[slot]);
    return true;
}

const struct gossip_timing *gossip_get_timing(const struct gossip *g)
{
    return &g->timing;
}

void gossip_get_stats(const struct gossip *g, struct gossip_stats *stats)
{
    *stats = g->stats;
    stats->rtt_us = (uint64_t)g->edges.prior_srtt_us;
    stats->updates_waiting = g->spread.waiting;
    stats->members_alive =
        g->members.by_status[GOSSIP_ALIVE] + g->members.by_status[GOSSIP_SUSPECT];
    stats->members_failed = g->members.by_status[GOSSIP_FAILED];
    stats->members_left = g->members.by_status[GOSSIP_LEAVING] + g->members.by_status[GOSSIP_LEFT];
}

void gossip_get_calibration(const struct gossip *g, uint32_t counts[GOSSIP_CALIBRATION_BUCKETS])
{
    memcpy(counts, g->probe.calibration, sizeof g->probe.calibration);
}

static void explain_edge(const struct edge *e, int64_t now_us, struct gossip_explanation *x)
{
    x->watched = true;
    x->phi = phi_at(&e->phi, now_us);
    x->loss = e->phi.loss;
    x->rtt_us = e->answered_us == INT64_MIN ? -1 : (int64_t)e->phi.srtt_us;
    x->last_ack_age_us = e->answered_us == INT64_MIN ? -1 : now_us - e->answered_us;
    x->pings_unanswered = e->phi.unanswered;
    x->tcp_only = edge_is_stream_only(e);
}

enum gossip_error gossip_explain(const struct gossip *g, int64_t now_us, const char *name,
                                 struct gossip_explanation *x)
{
    uint32_t slot = explain_find(g, name);
    if (slot == MEMBER_NONE)
        return GOSSIP_ERROR_UNKNOWN;
    *x = (struct gossip_explanation){.member = member_public(&g->members.slots[slot])};
    const struct edge *e = edge_of(g, slot);
    if (e)
        explain_edge(e, now_us, x);
    const struct suspicion *s = suspicion_of(g, slot);
    if (s) {
        x->suspicion = true;
        x->suspicion_ours = s->mode == SUSPICION_OURS;
        x->confirmations = s->observers_count;
        x->suspicion_left_us = s->deadline_us - now_us;
    }
    uint32_t observers[RING_EDGES_MAX];
    x->observers_count = ring_observers(&g->members, core_rings(g), slot, MEMBER_NONE, observers);
    for (size_t i = 0; i < x->observers_count; i++)
        x->observers[i] = g->members.slots[observers[i]].profile;
    return GOSSIP_OK;
}
