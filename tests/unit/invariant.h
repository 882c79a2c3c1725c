/* invariant: what holds of a core between any two calls, whatever it has heard. */
#ifndef MUSTER_INVARIANT_H
#define MUSTER_INVARIANT_H

#include "gossip/core.h"

#include <assert.h>
#include <string.h>

static inline void invariant_table(const struct gossip *g)
{
    const struct member_table *t = &g->members;
    uint32_t by_status[GOSSIP_LEFT + 1] = {0}, count = 0;
    uint64_t view = 0;
    for (uint32_t row = 0; row < t->used; row++) {
        const struct member *m = &t->rows[row];
        if (!m->profile)
            continue;
        count++;
        by_status[m->status]++;
        if (member_is_live(m))
            view += sync_term(m);
        assert(member_by_key(t, m->key) == row);
        assert(member_by_name(t, m->profile->name) == row);
        assert(!m->hidden || !member_is_live(m));
    }
    assert(count == t->count);
    assert(memcmp(by_status, t->by_status, sizeof by_status) == 0);
    assert(view == g->view);
}

static inline void invariant_suspicions(const struct gossip *g)
{
    uint32_t with = 0;
    for (uint32_t row = 0; row < g->members.used; row++) {
        const struct member *m = &g->members.rows[row];
        if (!m->profile)
            continue;
        assert(m->status != GOSSIP_SUSPECT || m->suspicion != MEMBER_NONE);
        if (m->suspicion == MEMBER_NONE)
            continue;
        with++;
        assert(member_is_live(m) && row != g->self);
        assert(g->suspicions.all[m->suspicion].row == row);
        assert(g->suspicions.all[m->suspicion].deadline_us >=
               g->suspicions.all[m->suspicion].started_us);
    }
    assert(with == g->suspicions.count);
}

static inline void invariant_spread(const struct gossip *g)
{
    uint32_t waiting = 0;
    for (int lane = 0; lane < SPREAD_LANES; lane++)
        for (unsigned sends = 0; sends < SPREAD_SENDS_MAX; sends++) {
            uint32_t before = MEMBER_NONE;
            for (uint32_t row = g->spread.heads[lane][sends]; row != MEMBER_NONE;
                 row = g->members.rows[row].news_next) {
                const struct member *m = &g->members.rows[row];
                assert(m->profile && m->news_prev == before);
                assert(m->news_lane == lane && m->news_sends == sends);
                waiting++;
                assert(waiting <= g->members.count);
                before = row;
            }
        }
    assert(waiting == g->spread.waiting);
}

static inline void invariant_edges(const struct gossip *g)
{
    const struct probe *p = &g->probe;
    for (size_t i = 0; i < PROBE_EDGES; i++) {
        uint32_t row = p->edges[i].row;
        if (row == MEMBER_NONE)
            continue;
        assert(row != g->self && g->members.rows[row].profile);
        assert(member_is_live(&g->members.rows[row]));
        for (size_t before = 0; before < i; before++)
            assert(p->edges[before].row != row);
    }
    uint32_t subjects[RING_EDGES_MAX];
    ring_subjects(&g->members, probe_ring_edges(g), g->self, subjects);
    assert(p->rings_changed || memcmp(subjects, p->subjects, sizeof subjects) == 0);
}

static inline void invariant_check(const struct gossip *g)
{
    const struct member *self = &g->members.rows[g->self];
    assert(self->key == g->key && !self->hidden);
    assert(self->status == GOSSIP_ALIVE || core_is_leaving(g));
    assert(g->deadline_us >= g->now_us);
    assert(g->joins.count <= GOSSIP_JOINS_MAX);
    invariant_table(g);
    invariant_suspicions(g);
    invariant_spread(g);
    invariant_edges(g);
}

#endif
