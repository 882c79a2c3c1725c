#include "gossip/detector/evidence.h"

#include "gossip/core.h"

#include <math.h>

#define PHI_VOTE_MIN 1.0 /* less is no vote */

enum {
    MANY = 3,                 /* others that are enough to judge without us */
    HELPERS = 3,              /* SWIM's k, where there are no rings */
    UNREACHABLE_PERIODS = 10, /* gossip periods between reports that an unreachable member sends */
};

/* What an EVIDENCE packet reports of a subject. */
struct report {
    double phi;
    int64_t sign_us; /* its last sign of life; INT64_MIN: none, or it is not the point */
    unsigned flags;
};

static uint64_t evidence_age_ms(const struct gossip *g, int64_t sign_us)
{
    int64_t none_us = g->now_us - core_ms(WIRE_AGE_NONE);
    return sign_us <= none_us ? WIRE_AGE_NONE : (uint64_t)(g->now_us - sign_us) / 1000;
}

static void evidence_send(struct gossip *g, uint32_t to_slot, uint32_t subject,
                          const struct report *report)
{
    struct wire_writer w = outbox_begin(g, WIRE_EVIDENCE, GOSSIP_DATAGRAM);
    wire_put(&w, core_member(g, subject)->key, 8);
    wire_put(&w, (uint64_t)(fmin(report->phi, 600) * 100), 2);
    wire_put(&w, evidence_age_ms(g, report->sign_us), 2);
    wire_put(&w, report->flags, 1);
    spread_fill(g, &w);
    struct gossip_route to = outbox_to(core_member(g, to_slot));
    outbox_send(g, &to, &w);
    g->stats.notices_sent++;
}

/* The other members that can judge this one: its observers; without rings, a few at random, as SWIM
 * has it. */
static size_t evidence_helpers(struct gossip *g, uint32_t slot, uint32_t slots[RING_EDGES_MAX])
{
    if (TUNING_LACKS(&g->tuning, notice))
        return 0;
    if (!TUNING_LACKS(&g->tuning, ring_edges))
        return ring_observers(&g->members, core_rings(g), slot, g->self, slots);
    size_t count = 0;
    for (int i = 0; i < HELPERS; i++) {
        uint32_t other = member_random_live(&g->members, &g->rng, g->self);
        bool chosen = other == MEMBER_NONE || other == slot;
        for (size_t before = 0; before < count; before++)
            chosen |= slots[before] == other;
        if (!chosen)
            slots[count++] = other;
    }
    return count;
}

static void evidence_send_to_helpers(struct gossip *g, uint32_t subject,
                                     const struct report *report)
{
    uint32_t slots[RING_EDGES_MAX];
    size_t count = evidence_helpers(g, subject, slots);
    for (size_t i = 0; i < count && budget_take(g); i++)
        evidence_send(g, slots[i], subject, report);
}

void evidence_share(struct gossip *g, const struct edge *e)
{
    unsigned flags = (health_is_degraded(g) ? WIRE_DEGRADED : 0) |
                     (reach_finds_lossy(g, e) ? WIRE_LOSSY : 0) |
                     (suspicion_is_ours(g, e->slot) ? WIRE_SUSPECTING : 0);
    const struct report report = {phi_at(&e->phi, g->now_us), INT64_MIN, flags};
    evidence_send_to_helpers(g, e->slot, &report);
}

void evidence_reached(struct gossip *g, struct edge *e)
{
    const struct report report = {0, g->now_us,
                                  WIRE_REACHED | (reach_finds_lossy(g, e) ? WIRE_LOSSY : 0)};
    unsigned kept = 0;
    for (unsigned i = 0; i < e->votes.count; i++) {
        const struct vote *v = &e->votes.all[i];
        uint32_t slot = member_by_key(&g->members, v->observer);
        if (!(v->flags & WIRE_REACHED) && slot != MEMBER_NONE && budget_take(g))
            evidence_send(g, slot, e->slot, &report);
        if (reach_vote_counts(g, v))
            e->votes.all[kept++] = *v;
    }
    e->votes.count = kept;
}

/* Pools the votes. False: an observer has reached the subject while we have not, so that the fault
 * lies between us and it. */
static bool evidence_pool(const struct gossip *g, const struct edge *e, double *sum,
                          unsigned *observers)
{
    int64_t fresh_us = g->now_us - core_ms(g->timing.suspicion_max_ms);
    for (unsigned i = 0; !TUNING_LACKS(&g->tuning, pooling) && i < e->votes.count; i++) {
        const struct vote *v = &e->votes.all[i];
        uint32_t observer = member_by_key(&g->members, v->observer);
        if (v->received_us < fresh_us || (v->flags & WIRE_DEGRADED) || observer == MEMBER_NONE ||
            (g->members.slots[observer].unreachable && !(v->flags & WIRE_REACHED)))
            continue;
        if (v->flags & WIRE_REACHED) {
            if (v->received_us >= e->missing_us)
                return false;
        } else if (v->phi >= PHI_VOTE_MIN) {
            *sum += fmin(v->phi, g->tuning.phi_cap);
            (*observers)++;
        }
    }
    return true;
}

/* A member that received nothing since is isolated, and not the only one left, until that has
 * lasted for long. One that finds most of its edges failing, and receives from several others,
 * leaves it to them. */
static bool evidence_may_decide_alone(const struct gossip *g, const struct edge *e)
{
    if (member_live_count(&g->members) <= 2)
        return true;
    if (g->health.received_us <= e->missing_us)
        return g->now_us - g->health.received_us >= core_ms(g->timing.detect_ms);
    return !reach_is_local_fault(g) || health_senders(g) < MANY;
}

/* False while we are degraded. An unreachable member may be suspected only by its observers, and
 * only after a while without a sign of life: that it does not answer is known. */
static bool evidence_may_suspect(const struct gossip *g, const struct edge *e)
{
    const struct member *m = &g->members.slots[e->slot];
    int64_t sign_us = g->now_us - reach_patience_us(g, e->slot);
    if (!e->missing_us || health_is_degraded(g) || g->now_us < m->believed_us)
        return false;
    return !m->unreachable ||
           (edge_is_ring(g, e) && e->sign_us < sign_us && e->opened_us < sign_us);
}

bool evidence_suffices(const struct gossip *g, const struct edge *e)
{
    double own = phi_at(&e->phi, g->now_us);
    double sum = fmin(own, g->tuning.phi_cap);
    unsigned observers = 1;
    if (own < g->tuning.phi_own || !evidence_may_suspect(g, e) ||
        !evidence_pool(g, e, &sum, &observers))
        return false;
    bool pooled = !g->members.slots[g->self].unreachable && observers >= g->tuning.observers &&
                  sum >= g->tuning.phi_pooled;
    return pooled || (own >= g->tuning.phi_alone && evidence_may_decide_alone(g, e));
}

/* In the place of the observer's last vote, or else of the oldest. */
void evidence_note(struct gossip *g, struct edge *e, const struct wire_message *m)
{
    struct votes *votes = &e->votes;
    unsigned at = 0, oldest = 0;
    for (; at < votes->count && votes->all[at].observer != m->sender; at++)
        if (votes->all[at].received_us < votes->all[oldest].received_us)
            oldest = at;
    if (at == EDGE_VOTES_MAX)
        at = oldest;
    else if (at == votes->count)
        votes->count++;
    votes->all[at] = (struct vote){m->sender, m->evidence.phi, g->now_us, m->evidence.flags};
}

int64_t evidence_sign_us(const struct gossip *g, const struct wire_message *m)
{
    return m->evidence.age_ms == WIRE_AGE_NONE ? INT64_MIN
                                               : g->now_us - core_ms(m->evidence.age_ms);
}

void evidence_answer_sign(struct gossip *g, const struct edge *e, uint32_t observer)
{
    const struct suspicion *s = suspicion_of(g, e->slot);
    const struct report report = {0, e->sign_us, WIRE_SIGN};
    if (s && e->sign_us > s->started_us && budget_take(g))
        evidence_send(g, observer, e->slot, &report);
}

/* The members that suspect it may be others than its observers. */
static void evidence_send_to_suspecting(struct gossip *g, uint32_t subject,
                                        const struct report *report)
{
    const struct suspicion *s = suspicion_of(g, subject);
    for (unsigned i = 0; s && i < s->observers_count; i++) {
        uint32_t slot = member_by_key(&g->members, s->observers[i]);
        if (slot != MEMBER_NONE && slot != g->self && budget_take(g))
            evidence_send(g, slot, subject, report);
    }
}

/* True if the last report of a sign of life is long enough ago; the time of this one is noted. */
static bool evidence_sign_is_due(const struct gossip *g, struct member *m)
{
    uint16_t now = (uint16_t)(g->now_us / core_ms(g->timing.gossip_period_ms));
    int periods = m->status == GOSSIP_SUSPECT ? 1 : UNREACHABLE_PERIODS;
    if ((uint16_t)(now - m->sign_reported) < periods)
        return false;
    m->sign_reported = now;
    return true;
}

void evidence_report_sign(struct gossip *g, uint32_t slot)
{
    struct member *m = core_member(g, slot);
    const struct report report = {0, g->now_us, WIRE_SIGN};
    if (m->status != GOSSIP_SUSPECT && !m->unreachable)
        return;
    /* A packet read by a degraded host may have waited here for as long as the host stalled. */
    if (health_is_degraded(g) || !evidence_sign_is_due(g, m))
        return;
    if (m->status == GOSSIP_SUSPECT)
        evidence_send_to_suspecting(g, slot, &report);
    evidence_send_to_helpers(g, slot, &report);
}
