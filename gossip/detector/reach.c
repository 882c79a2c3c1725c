#include "gossip/detector/reach.h"

#include "gossip/core.h"

#include <math.h>

/* An edge is lossy from this share of lost pings on, if that is as much above the loss of the
 * host's other edges: else the network is lossy, or this host. */
#define LOSSY 0.6
#define LOSSY_ABOVE 0.25
#define LOSSY_NO_MORE 0.35 /* below this share the edge is lossy no longer */

enum {
    SILENT_WINDOWS = 2,    /* times suspicion_max without an answer */
    VOTE_PERIODS = 8,      /* ping periods that another observer's report counts */
    RETURN_DETECTS = 40,   /* times detect between two returns from failed that belong together */
    RELAPSE_DETECTS = 400, /* ... between a mark taken back and one that is a relapse */
    RETURNS_MAX = 2,
    SIGN_PERIODS = 8,          /* ping periods that a sign of life counts */
    PATIENCE_DETECTS_MAX = 20, /* ... of one that comes and goes, at the most */
    RELAPSES_MAX = 6,    /* doublings of the time without a complaint: an hour at the default */
    REACHED_PERIODS = 3, /* ping periods: an observer must have reached us within them by then */
};

static bool reach_edge_is_silent(const struct gossip *g, const struct edge *e)
{
    return e->missing_us &&
           g->now_us - e->missing_us >= SILENT_WINDOWS * core_ms(g->timing.suspicion_max_ms) &&
           phi_at(&e->phi, g->now_us) >= g->tuning.phi_cap;
}

bool reach_is_local_fault(const struct gossip *g)
{
    unsigned edges = 0, failing = 0;
    for (size_t i = 0; i < RING_EDGES_MAX; i++) {
        const struct edge *e = &g->edges.all[i];
        if (e->slot == MEMBER_NONE ||
            g->members.slots[e->slot].unreachable) /* a fault of its own */
            continue;
        edges++;
        failing += e->lossy || e->missing_us;
    }
    return edges > 1 && 2 * failing > edges;
}

void reach_measure(struct gossip *g, struct edge *e)
{
    if (reach_is_local_fault(g))
        g->reach.fault_us = g->now_us;
    double lossy = fmax(LOSSY, g->edges.prior_loss + LOSSY_ABOVE);
    if (reach_edge_is_silent(g, e) || e->phi.loss >= lossy)
        e->lossy = true;
    else if (e->phi.loss < LOSSY_NO_MORE && !e->missing_us)
        e->lossy = false;
}

bool reach_vote_counts(const struct gossip *g, const struct vote *vote)
{
    int64_t fresh_us = g->now_us - VOTE_PERIODS * core_ms(g->timing.ping_period_ms);
    uint32_t observer = member_by_key(&g->members, vote->observer);
    return (vote->flags & WIRE_LOSSY) && vote->received_us >= fresh_us && observer != MEMBER_NONE &&
           !g->members.slots[observer].unreachable;
}

static unsigned reach_lossy_votes(const struct gossip *g, const struct edge *e)
{
    unsigned count = 0;
    for (unsigned i = 0; i < e->votes.count; i++)
        count += reach_vote_counts(g, &e->votes.all[i]);
    return count;
}

bool reach_was_local_fault(const struct gossip *g)
{
    return g->reach.fault_us > g->now_us - VOTE_PERIODS * core_ms(g->timing.ping_period_ms);
}

static bool reach_returned_within(const struct gossip *g, const struct member *m, int64_t us)
{
    return m->returns > 0 && g->now_us - (int64_t)m->returned_s * 1000000 < us;
}

bool reach_comes_and_goes(const struct gossip *g, const struct member *m)
{
    return m->returns > 1 &&
           reach_returned_within(g, m, VOTE_PERIODS * core_ms(g->timing.ping_period_ms));
}

bool reach_finds_lossy(const struct gossip *g, const struct edge *e)
{
    return (e->lossy || reach_comes_and_goes(g, &g->members.slots[e->slot])) &&
           !reach_was_local_fault(g);
}

bool reach_is_lossy(const struct gossip *g, const struct edge *e)
{
    return reach_finds_lossy(g, e) || reach_lossy_votes(g, e) > 0;
}

/* True if it answers, or has given a recent sign of life since it fell silent. */
static bool reach_subject_lives(const struct gossip *g, const struct edge *e)
{
    int64_t sign_us = core_max(e->sign_us, e->answered_us);
    int64_t recent_us = g->now_us - core_ms(g->timing.suspicion_max_ms);
    return !e->missing_us || sign_us > core_max(e->missing_us, recent_us);
}

/* The number of observers that must find it lossy, this one included: as many as are able to. */
static unsigned reach_votes_needed(const struct gossip *g, uint32_t slot)
{
    uint32_t slots[RING_EDGES_MAX];
    if (TUNING_LACKS(&g->tuning, ring_edges))
        return (unsigned)fmin(g->tuning.observers, member_live_count(&g->members) - 1);
    unsigned able = 1;
    size_t others = ring_observers(&g->members, core_rings(g), slot, g->self, slots);
    for (size_t i = 0; i < others; i++)
        able += !g->members.slots[slots[i]].unreachable;
    return (unsigned)fmin(g->tuning.observers, able);
}

bool reach_is_unreachable(const struct gossip *g, const struct edge *e)
{
    const struct member *m = &g->members.slots[e->slot];
    if (m->unreachable || m->status > GOSSIP_SUSPECT || g->members.slots[g->self].unreachable ||
        health_is_degraded(g) || !reach_finds_lossy(g, e))
        return false;
    return reach_subject_lives(g, e) &&
           1 + reach_lossy_votes(g, e) >= reach_votes_needed(g, e->slot);
}

void reach_complaint(struct gossip *g, bool lossy)
{
    if (lossy)
        g->reach.complaint_us = g->now_us;
    else
        g->reach.reached_us = g->now_us;
}

/* A relapse: the mark is to last longer this time. */
void reach_admit(struct gossip *g)
{
    struct reach *r = &g->reach;
    bool relapse = r->cleared_us > g->now_us - RELAPSE_DETECTS * core_ms(g->timing.detect_ms);
    if (!relapse)
        r->relapses = 0;
    else if (r->relapses < RELAPSES_MAX)
        r->relapses++;
    reach_complaint(g, true);
}

void reach_refuted(struct gossip *g, uint32_t incarnation)
{
    g->reach.refuted = incarnation;
    g->reach.refuted_us = g->now_us;
    g->reach.senders_count = 0;
}

/* REACH_SENDERS, or all others if they are fewer. */
static unsigned reach_senders_needed(const struct gossip *g)
{
    uint32_t others = member_live_count(&g->members) - 1;
    return others < REACH_SENDERS ? others : REACH_SENDERS;
}

static void reach_note_sender(struct reach *r, uint64_t sender)
{
    for (unsigned i = 0; i < r->senders_count; i++)
        if (r->senders[i] == sender)
            return;
    if (r->senders_count < REACH_SENDERS)
        r->senders[r->senders_count++] = sender;
}

bool reach_refutation_lost(struct gossip *g, uint32_t incarnation, uint64_t sender)
{
    struct reach *r = &g->reach;
    int64_t since_us = r->refuted_us + core_ms(g->timing.detect_ms);
    if (core_member(g, g->self)->unreachable || !r->refuted_us || incarnation != r->refuted ||
        g->now_us < since_us)
        return false;
    reach_note_sender(r, sender);
    return r->senders_count >= reach_senders_needed(g);
}

void reach_returned(struct gossip *g, uint32_t slot, int64_t failed_us)
{
    struct member *m = core_member(g, slot);
    int64_t detect_us = core_ms(g->timing.detect_ms);
    if (m->undisseminated || reach_was_local_fault(g))
        return;
    if (!reach_returned_within(g, m, RETURN_DETECTS * detect_us)) {
        m->returns = 0;
        m->away = 0;
    }
    /* Rounded up, and one more: it fell silent before it was declared failed. */
    int64_t away = core_min(2 + (g->now_us - failed_us) / detect_us, PATIENCE_DETECTS_MAX);
    m->away = (uint8_t)core_max(m->away, away);
    if (m->returns < RETURNS_MAX)
        m->returns++;
    m->returned_s = (uint32_t)(g->now_us / 1000000);
}

int64_t reach_patience_us(const struct gossip *g, uint32_t slot)
{
    const struct member *m = &g->members.slots[slot];
    int64_t usual_us = SIGN_PERIODS * core_ms(g->timing.ping_period_ms);
    if (!reach_returned_within(g, m, RELAPSE_DETECTS * core_ms(g->timing.detect_ms)))
        return usual_us;
    int64_t detects = core_min(2 * m->away, PATIENCE_DETECTS_MAX);
    return core_max(usual_us, detects * core_ms(g->timing.detect_ms));
}

static int64_t reach_clear_us(const struct gossip *g)
{
    return g->reach.complaint_us +
           ((REACH_CLEAR_DETECTS * core_ms(g->timing.detect_ms)) << g->reach.relapses);
}

bool reach_is_over(struct gossip *g)
{
    if (!core_member(g, g->self)->unreachable || g->now_us < reach_clear_us(g))
        return false;
    bool reached =
        g->now_us - g->reach.reached_us <= REACHED_PERIODS * core_ms(g->timing.ping_period_ms);
    /* Without a ping of any observer the missing complaints prove nothing: wait again. */
    *(reached ? &g->reach.cleared_us : &g->reach.complaint_us) = g->now_us;
    return reached;
}

int64_t reach_deadline(const struct gossip *g)
{
    return g->members.slots[g->self].unreachable ? reach_clear_us(g) : INT64_MAX;
}
