#include "gossip/detector/reach.h"

#include "gossip/core.h"
#include "gossip/membership/view.h"

#include <math.h>

#define LOSS_POOR 0.6 /* of pings; and */
#define LOSS_POOR_ABOVE                                                                            \
    0.25               /* so much more than on our other edges: else the network is poor, or we */
#define LOSS_GOOD 0.35 /* a poor edge that loses less is poor no more */

enum {
    SILENT_WINDOWS = 2,    /* times suspicion_max without an answer */
    VOTE_PERIODS = 8,      /* ping periods that another's finding counts */
    RETURN_DETECTS = 40,   /* times detect between two returns from failed that belong together */
    RELAPSE_DETECTS = 400, /* ... between a mark taken back and one that is a relapse */
    RETURNS_MAX = 2,
    HEARD_PERIODS = 8,         /* ping periods that a sign of life counts */
    PATIENCE_DETECTS_MAX = 20, /* ... of one that comes and goes, at the most */
    RELAPSES_MAX = 6, /* doublings of the time without a complaint: an hour at the default */
    WELL_PERIODS = 3, /* ping periods within which somebody must have reached us then */
};

static bool is_silent(const struct gossip *g, const struct edge *e)
{
    return e->missing_us &&
           g->now_us - e->missing_us >= SILENT_WINDOWS * core_ms(g->timing.suspicion_max_ms) &&
           phi_at(&e->phi, g->now_us) >= g->tuning.phi_cap;
}

bool reach_is_own_fault(const struct gossip *g)
{
    unsigned edges = 0, failing = 0;
    for (size_t i = 0; i < RING_EDGES_MAX; i++) {
        const struct edge *e = &g->probe.edges[i];
        if (e->row == MEMBER_NONE || g->members.rows[e->row].partly) /* known not to be ours */
            continue;
        edges++;
        failing += e->poor || e->missing_us;
    }
    return edges > 1 && 2 * failing > edges;
}

void reach_measure(struct gossip *g, struct edge *e)
{
    if (reach_is_own_fault(g))
        g->reach.fault_us = g->now_us;
    double poor = fmax(LOSS_POOR, g->probe.prior_loss + LOSS_POOR_ABOVE);
    if (is_silent(g, e) || e->phi.loss >= poor)
        e->poor = true;
    else if (e->phi.loss < LOSS_GOOD && !e->missing_us)
        e->poor = false;
}

bool reach_vote_counts(const struct gossip *g, const struct vote *vote)
{
    int64_t fresh_us = g->now_us - VOTE_PERIODS * core_ms(g->timing.ping_period_ms);
    uint32_t voter = member_by_key(&g->members, vote->observer);
    return (vote->flags & WIRE_POOR) && vote->heard_us >= fresh_us && voter != MEMBER_NONE &&
           !g->members.rows[voter].partly;
}

static unsigned poor_votes(const struct gossip *g, const struct edge *e)
{
    unsigned count = 0;
    for (unsigned i = 0; i < e->votes.count; i++)
        count += reach_vote_counts(g, &e->votes.all[i]);
    return count;
}

bool reach_was_own_fault(const struct gossip *g)
{
    return g->reach.fault_us > g->now_us - VOTE_PERIODS * core_ms(g->timing.ping_period_ms);
}

static bool returned_within(const struct gossip *g, const struct member *m, int64_t us)
{
    return m->returns > 0 && g->now_us - (int64_t)m->returned_s * 1000000 < us;
}

/* Has it just come back, and not for the first time? */
static bool comes_and_goes(const struct gossip *g, const struct member *m)
{
    return m->returns > 1 &&
           returned_within(g, m, VOTE_PERIODS * core_ms(g->timing.ping_period_ms));
}

bool reach_finds_poor(const struct gossip *g, const struct edge *e)
{
    return (e->poor || comes_and_goes(g, &g->members.rows[e->row])) && !reach_was_own_fault(g);
}

bool reach_is_poor(const struct gossip *g, const struct edge *e)
{
    return reach_finds_poor(g, e) || poor_votes(g, e) > 0;
}

/* Does it answer, or has it given a sign of life lately, since it fell silent? */
static bool lives(const struct gossip *g, const struct edge *e)
{
    int64_t sign_us = core_max(e->heard_us, e->answered_us);
    int64_t lately_us = g->now_us - core_ms(g->timing.suspicion_max_ms);
    return !e->missing_us || sign_us > core_max(e->missing_us, lately_us);
}

void reach_claim(struct gossip *g, uint32_t row)
{
    struct fact fact = member_fact(core_member(g, row));
    fact.status = GOSSIP_ALIVE;
    fact.partly = true;
    view_set_fact(g, row, &fact);
}

/* How many must find it poorly reached, ourselves included: as many as there are that can. */
static unsigned votes_wanted(const struct gossip *g, uint32_t row)
{
    uint32_t rows[RING_EDGES_MAX];
    if (probe_ring_edges(g) == 0)
        return (unsigned)fmin(g->tuning.observers, member_live_count(&g->members) - 1);
    unsigned able = 1;
    size_t others = ring_observers(&g->members, probe_ring_edges(g), row, g->self, rows);
    for (size_t i = 0; i < others; i++)
        able += !g->members.rows[rows[i]].partly;
    return (unsigned)fmin(g->tuning.observers, able);
}

void reach_judge(struct gossip *g, const struct edge *e)
{
    const struct member *m = core_member(g, e->row);
    if (m->partly || m->status > GOSSIP_SUSPECT || core_member(g, g->self)->partly ||
        health_is_ill(g) || !reach_finds_poor(g, e))
        return;
    if (lives(g, e) && 1 + poor_votes(g, e) >= votes_wanted(g, e->row))
        reach_claim(g, e->row);
}

void reach_told(struct gossip *g, bool poorly)
{
    if (poorly)
        g->reach.told_us = g->now_us;
    else
        g->reach.well_us = g->now_us;
}

/* If that was over only for a while, it is to last longer this time. */
void reach_admit(struct gossip *g)
{
    struct reach *r = &g->reach;
    bool relapse = r->cleared_us > g->now_us - RELAPSE_DETECTS * core_ms(g->timing.detect_ms);
    if (!relapse)
        r->relapses = 0;
    else if (r->relapses < RELAPSES_MAX)
        r->relapses++;
    reach_told(g, true);
    reach_claim(g, g->self);
}

void reach_contradicted(struct gossip *g, uint32_t incarnation)
{
    g->reach.contradicted = incarnation;
    g->reach.contradicted_us = g->now_us;
    g->reach.senders_count = 0;
}

/* How many of those are enough: REACH_SENDERS, or all others if they are fewer. */
static unsigned senders_wanted(const struct gossip *g)
{
    uint32_t others = member_live_count(&g->members) - 1;
    return others < REACH_SENDERS ? others : REACH_SENDERS;
}

static void note_sender(struct reach *r, uint64_t sender)
{
    for (unsigned i = 0; i < r->senders_count; i++)
        if (r->senders[i] == sender)
            return;
    if (r->senders_count < REACH_SENDERS)
        r->senders[r->senders_count++] = sender;
}

void reach_called_failed(struct gossip *g, uint32_t incarnation, uint64_t sender)
{
    struct reach *r = &g->reach;
    const struct member *self = core_member(g, g->self);
    int64_t since_us = r->contradicted_us + core_ms(g->timing.detect_ms);
    if (self->partly || !r->contradicted_us || incarnation != r->contradicted ||
        g->now_us < since_us)
        return;
    note_sender(r, sender);
    if (r->senders_count < senders_wanted(g))
        return;
    reach_told(g, true);
    view_restate_self(g, 0, (enum gossip_status)self->status, true);
}

void reach_returned(struct gossip *g, uint32_t row, int64_t failed_us)
{
    struct member *m = core_member(g, row);
    int64_t detect_us = core_ms(g->timing.detect_ms);
    if (m->unheard || reach_was_own_fault(g))
        return;
    if (!returned_within(g, m, RETURN_DETECTS * detect_us)) {
        m->returns = 0;
        m->away = 0;
    }
    /* It fell silent before it was found failed; and rounded up. */
    int64_t away = core_min(2 + (g->now_us - failed_us) / detect_us, PATIENCE_DETECTS_MAX);
    m->away = (uint8_t)core_max(m->away, away);
    if (m->returns < RETURNS_MAX)
        m->returns++;
    m->returned_s = (uint32_t)(g->now_us / 1000000);
}

void reach_watch(struct gossip *g, const struct edge *e)
{
    if (!comes_and_goes(g, core_member(g, e->row)))
        return;
    evidence_share(g, e);
    reach_judge(g, e);
}

int64_t reach_patience_us(const struct gossip *g, uint32_t row)
{
    const struct member *m = &g->members.rows[row];
    int64_t usual_us = HEARD_PERIODS * core_ms(g->timing.ping_period_ms);
    if (!returned_within(g, m, RELAPSE_DETECTS * core_ms(g->timing.detect_ms)))
        return usual_us;
    int64_t detects = core_min(2 * m->away, PATIENCE_DETECTS_MAX);
    return core_max(usual_us, detects * core_ms(g->timing.detect_ms));
}

static int64_t clear_us(const struct gossip *g)
{
    return g->reach.told_us +
           ((REACH_CLEAR_DETECTS * core_ms(g->timing.detect_ms)) << g->reach.relapses);
}

static void clear(struct gossip *g)
{
    view_restate_self(g, 0, (enum gossip_status)core_member(g, g->self)->status, false);
    g->reach.cleared_us = g->now_us;
}

void reach_tick(struct gossip *g)
{
    const struct member *self = core_member(g, g->self);
    if (!self->partly || g->now_us < clear_us(g))
        return;
    if (g->now_us - g->reach.well_us > WELL_PERIODS * core_ms(g->timing.ping_period_ms))
        g->reach.told_us = g->now_us; /* nobody reaches us at all */
    else
        clear(g);
}

int64_t reach_deadline(const struct gossip *g)
{
    return g->members.rows[g->self].partly ? clear_us(g) : INT64_MAX;
}
