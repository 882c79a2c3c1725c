#include "gossip/detector/evidence.h"

#include "gossip/core.h"

#include <math.h>

#define PHI_VOTE_MIN 1.0 /* less is no vote */

enum {
    MANY = 3,                 /* others that are enough to judge without us */
    HELPERS = 3,              /* SWIM's k, where there are no rings */
    PARTLY_TOLD_PERIODS = 10, /* gossip periods between two reports that such a one was heard */
};

/* What there is to say of a subject. */
struct report {
    double phi;
    int64_t heard_us; /* its last sign of life; INT64_MIN: none, or it is not the point */
    unsigned flags;
};

static uint64_t age_ms(const struct gossip *g, int64_t heard_us)
{
    int64_t none_us = g->now_us - core_ms(WIRE_AGE_NONE);
    return heard_us <= none_us ? WIRE_AGE_NONE : (uint64_t)(g->now_us - heard_us) / 1000;
}

static void send(struct gossip *g, uint32_t to_row, uint32_t subject, const struct report *report)
{
    struct wire_writer w = outbox_begin(g, WIRE_EVIDENCE, GOSSIP_DATAGRAM);
    wire_put(&w, core_member(g, subject)->key, 8);
    wire_put(&w, (uint64_t)(fmin(report->phi, 600) * 100), 2);
    wire_put(&w, age_ms(g, report->heard_us), 2);
    wire_put(&w, report->flags, 1);
    spread_fill(g, &w);
    struct gossip_route to = outbox_to(core_member(g, to_row));
    outbox_send(g, &to, &w);
    g->stats.notices_sent++;
}

/* Who else can judge of a member: its observers; without rings, a few at random, as SWIM has it. */
static size_t helpers(struct gossip *g, uint32_t row, uint32_t rows[RING_EDGES_MAX])
{
    if (g->tuning.notice <= 0)
        return 0;
    if (probe_ring_edges(g) > 0)
        return ring_observers(&g->members, probe_ring_edges(g), row, g->self, rows);
    size_t count = 0;
    for (int i = 0; i < HELPERS; i++) {
        uint32_t other = member_random_live(&g->members, &g->rng, g->self);
        bool chosen = other == MEMBER_NONE || other == row;
        for (size_t before = 0; before < count; before++)
            chosen |= rows[before] == other;
        if (!chosen)
            rows[count++] = other;
    }
    return count;
}

static void tell_helpers(struct gossip *g, uint32_t subject, const struct report *report)
{
    uint32_t rows[RING_EDGES_MAX];
    size_t count = helpers(g, subject, rows);
    for (size_t i = 0; i < count && probe_take_token(g); i++)
        send(g, rows[i], subject, report);
}

void evidence_share(struct gossip *g, const struct edge *e)
{
    const struct suspicion *s = suspicion_of(g, e->row);
    unsigned flags = (health_is_ill(g) ? WIRE_ILL : 0) | (reach_finds_poor(g, e) ? WIRE_POOR : 0) |
                     (s && s->mode == SUSPICION_OURS ? WIRE_ACCUSING : 0);
    const struct report report = {phi_at(&e->phi, g->now_us), INT64_MIN, flags};
    tell_helpers(g, e->row, &report);
}

void evidence_reached(struct gossip *g, struct edge *e)
{
    const struct report report = {0, g->now_us,
                                  WIRE_REACHED | (reach_finds_poor(g, e) ? WIRE_POOR : 0)};
    unsigned kept = 0;
    for (unsigned i = 0; i < e->votes.count; i++) {
        const struct vote *v = &e->votes.all[i];
        uint32_t row = member_by_key(&g->members, v->observer);
        if (!(v->flags & WIRE_REACHED) && row != MEMBER_NONE && probe_take_token(g))
            send(g, row, e->row, &report);
        if (reach_vote_counts(g, v))
            e->votes.all[kept++] = *v;
    }
    e->votes.count = kept;
}

/* Pools the votes. False: an observer has reached the subject since we have not, so that the fault
 * lies between us and it. */
static bool pool(const struct gossip *g, const struct edge *e, double *sum, unsigned *voters)
{
    int64_t fresh_us = g->now_us - core_ms(g->timing.suspicion_max_ms);
    for (unsigned i = 0; g->tuning.pooling > 0 && i < e->votes.count; i++) {
        const struct vote *v = &e->votes.all[i];
        uint32_t voter = member_by_key(&g->members, v->observer);
        if (v->heard_us < fresh_us || (v->flags & WIRE_ILL) || voter == MEMBER_NONE ||
            (g->members.rows[voter].partly && !(v->flags & WIRE_REACHED)))
            continue;
        if (v->flags & WIRE_REACHED) {
            if (v->heard_us >= e->missing_us)
                return false;
        } else if (v->phi >= PHI_VOTE_MIN) {
            *sum += fmin(v->phi, g->tuning.phi_cap);
            (*voters)++;
        }
    }
    return true;
}

/* Who has heard nobody since is deaf, and not alone in the world, until that has lasted for long.
 * Who finds most of its edges failing, and hears several others, should leave it to them. */
static bool may_accuse_alone(const struct gossip *g, const struct edge *e)
{
    if (member_live_count(&g->members) <= 2)
        return true;
    if (g->health.heard_us <= e->missing_us)
        return g->now_us - g->health.heard_us >= core_ms(g->timing.detect_ms);
    return !reach_is_own_fault(g) || health_hears(g) < MANY;
}

/* May we accuse it at all? Not while we are ill; and one that is partly unreachable only as its
 * observer, when there has been no sign of its life for a while: that it does not answer is known.
 */
static bool may_accuse(const struct gossip *g, const struct edge *e)
{
    const struct member *m = &g->members.rows[e->row];
    int64_t heard_us = g->now_us - reach_patience_us(g, e->row);
    if (!e->missing_us || health_is_ill(g) || g->now_us < m->believed_us)
        return false;
    return !m->partly ||
           (probe_is_ring_edge(g, e) && e->heard_us < heard_us && e->opened_us < heard_us);
}

void evidence_judge(struct gossip *g, struct edge *e)
{
    double own = phi_at(&e->phi, g->now_us);
    double sum = fmin(own, g->tuning.phi_cap);
    unsigned voters = 1;
    if (own < g->tuning.phi_own || !may_accuse(g, e) || !pool(g, e, &sum, &voters))
        return;
    bool pooled = !core_member(g, g->self)->partly && voters >= g->tuning.observers &&
                  sum >= g->tuning.phi_pooled;
    if (pooled || (own >= g->tuning.phi_alone && may_accuse_alone(g, e)))
        suspicion_accuse(g, e->row);
}

/* In the place of the observer's last vote, or else of the oldest. */
static void note_vote(struct gossip *g, struct edge *e, const struct wire_message *m)
{
    struct votes *votes = &e->votes;
    unsigned at = 0, oldest = 0;
    for (; at < votes->count && votes->all[at].observer != m->sender; at++)
        if (votes->all[at].heard_us < votes->all[oldest].heard_us)
            oldest = at;
    if (at == EVIDENCE_VOTES_MAX)
        at = oldest;
    else if (at == votes->count)
        votes->count++;
    votes->all[at] = (struct vote){m->sender, m->evidence.phi, g->now_us, m->evidence.flags};
}

static void note_sign(struct gossip *g, uint32_t row, const struct wire_message *m)
{
    if (m->evidence.age_ms != WIRE_AGE_NONE)
        probe_heard(g, row, g->now_us - core_ms(m->evidence.age_ms));
}

/* Whoever finds it silent should know of a sign of life. */
static void answer_with_sign(struct gossip *g, const struct edge *e, uint32_t voter)
{
    const struct suspicion *s = suspicion_of(g, e->row);
    const struct report report = {0, e->heard_us, WIRE_HEARD};
    if (s && e->heard_us > s->started_us && probe_take_token(g))
        send(g, voter, e->row, &report);
}

void evidence_hear(struct gossip *g, const struct wire_message *m, const struct gossip_route *from)
{
    uint32_t row = member_by_key(&g->members, m->evidence.subject);
    uint32_t voter = member_by_key(&g->members, m->sender);
    if (row == MEMBER_NONE || row == g->self || voter == MEMBER_NONE ||
        !member_is_live(core_member(g, voter)))
        return;
    if (!member_is_live(core_member(g, row))) {
        spread_tell(g, from, &row, 1);
        return;
    }
    note_sign(g, row, m);
    if (m->evidence.flags & WIRE_HEARD)
        return;
    struct edge *e = probe_edge_or_guest(g, row);
    if (!e)
        return;
    note_vote(g, e, m);
    if ((m->evidence.flags & WIRE_ACCUSING) && core_member(g, row)->status == GOSSIP_SUSPECT)
        suspicion_hear(g, row, m->sender);
    if (!(m->evidence.flags & WIRE_REACHED)) {
        answer_with_sign(g, e, voter);
        probe_look(g, row);
        evidence_judge(g, e);
    }
    reach_judge(g, e);
}

/* Those who accuse it may be others than its observers. */
static void tell_accusers(struct gossip *g, uint32_t subject, const struct report *report)
{
    const struct suspicion *s = suspicion_of(g, subject);
    for (unsigned i = 0; s && i < s->accusers_count; i++) {
        uint32_t row = member_by_key(&g->members, s->accusers[i]);
        if (row != MEMBER_NONE && row != g->self && probe_take_token(g))
            send(g, row, subject, report);
    }
}

/* Is it long enough ago that others were told of a sign of life? Notes that they are now. */
static bool take_turn(const struct gossip *g, struct member *m)
{
    uint16_t now = (uint16_t)(g->now_us / core_ms(g->timing.gossip_period_ms));
    int periods = m->status == GOSSIP_SUSPECT ? 1 : PARTLY_TOLD_PERIODS;
    if ((uint16_t)(now - m->heard_told) < periods)
        return false;
    m->heard_told = now;
    return true;
}

void evidence_heard_from(struct gossip *g, uint32_t row)
{
    struct member *m = core_member(g, row);
    const struct report report = {0, g->now_us, WIRE_HEARD};
    health_heard(g, m->key);
    probe_heard(g, row, g->now_us);
    if (m->status != GOSSIP_SUSPECT && !m->partly)
        return;
    /* While we are ill, it may have lain here for as long as we slept. */
    if (health_is_ill(g) || !take_turn(g, m))
        return;
    if (m->status == GOSSIP_SUSPECT)
        tell_accusers(g, row, &report);
    tell_helpers(g, row, &report);
}
