#include "gossip/probe.h"

#include "gossip/core.h"

#include <math.h>

#define PHI_VOTE_MIN 1.0 /* less is no vote */
#define PRIOR_GAIN (1.0 / 16)

enum {
    HELPERS = 3,       /* SWIM's k, where there are no rings */
    GUEST_WINDOWS = 3, /* times suspicion_max that a guest stays without an answer; and that a
                          member is believed once it has contradicted */
};

void probe_init(struct gossip *g)
{
    struct probe *p = &g->probe;
    *p = (struct probe){
        .seq = (uint32_t)rng_next(&g->rng),
        .rings_changed = true,
        .sweep_us = g->now_us + core_ms(g->timing.sweep_period_ms),
        .prior_loss = g->tuning.loss_min,
        .tokens = PROBE_TOKENS_MAX,
        .tokens_us = g->now_us,
    };
    for (size_t i = 0; i < PROBE_EDGES; i++)
        p->edges[i].row = MEMBER_NONE;
    for (size_t i = 0; i < RING_EDGES_MAX; i++)
        p->subjects[i] = MEMBER_NONE;
}

unsigned probe_ring_edges(const struct gossip *g)
{
    return (unsigned)g->tuning.ring_edges;
}

static bool take_token(struct gossip *g)
{
    struct probe *p = &g->probe;
    p->tokens += (double)(g->now_us - p->tokens_us) / PROBE_TOKEN_US;
    p->tokens = fmin(p->tokens, PROBE_TOKENS_MAX);
    p->tokens_us = g->now_us;
    if (p->tokens < 1)
        return false;
    p->tokens -= 1;
    return true;
}

/* PROBE_EDGES: we do not ping it. */
static size_t place_of(const struct probe *p, uint32_t row)
{
    size_t place = 0;
    while (place < PROBE_EDGES && p->edges[place].row != row)
        place++;
    return place;
}

static struct edge *find_edge(struct gossip *g, uint32_t row)
{
    size_t place = place_of(&g->probe, row);
    return place < PROBE_EDGES ? &g->probe.edges[place] : NULL;
}

const struct edge *probe_edge(const struct gossip *g, uint32_t row)
{
    size_t place = place_of(&g->probe, row);
    return place < PROBE_EDGES ? &g->probe.edges[place] : NULL;
}

bool probe_answered_since(const struct gossip *g, uint32_t row, int64_t since_us)
{
    const struct edge *e = probe_edge(g, row);
    return e && e->answered_us > since_us;
}

static void edge_open(struct gossip *g, struct edge *e, uint32_t row)
{
    *e = (struct edge){
        .row = row, .next_us = INT64_MAX, .until_us = INT64_MAX, .answered_us = INT64_MIN};
    phi_init(&e->phi, &g->tuning, g->probe.prior_srtt_us, g->probe.prior_loss);
}

static void edge_close(struct edge *e)
{
    e->row = MEMBER_NONE;
}

/* A suspect that is pinged is told so first: it shall contradict, not just answer. */
static struct wire_writer begin_ping(struct gossip *g, uint32_t row, uint32_t seq,
                                     enum gossip_via via)
{
    struct wire_writer w = outbox_begin(g, WIRE_PING, via);
    wire_put(&w, seq, 4);
    wire_put(&w, core_member(g, row)->key, 8);
    if (core_member(g, row)->status != GOSSIP_ALIVE)
        spread_put(g, &w, row);
    return w;
}

static void send_ping(struct gossip *g, struct edge *e, enum gossip_via via)
{
    struct gossip_route to = outbox_to(core_member(g, e->row));
    to.via = via;
    struct wire_writer w = begin_ping(g, e->row, ++g->probe.seq, via);
    spread_fill(g, &w);
    outbox_send(g, &to, &w);
    phi_sent(&e->phi, g->probe.seq, g->now_us);
    g->stats.pings_sent++;
}

bool probe_is_stream_only(const struct edge *e)
{
    return e->stream_answers >= PROBE_STREAM_ANSWERS;
}

static void ping(struct gossip *g, struct edge *e)
{
    if (!probe_is_stream_only(e)) {
        send_ping(g, e, GOSSIP_DATAGRAM);
        return;
    }
    send_ping(g, e, GOSSIP_STREAM);
    e->datagram_seq = ++g->probe.seq;
    struct wire_writer w = begin_ping(g, e->row, e->datagram_seq, GOSSIP_DATAGRAM);
    struct gossip_route to = outbox_to(core_member(g, e->row));
    outbox_send(g, &to, &w);
}

void probe_ask(struct gossip *g, uint32_t row, enum gossip_via via)
{
    /* Said as a claim of failure, whatever we hold ourselves: weaker claims need no answer. */
    struct member claimed = *core_member(g, row);
    claimed.status = GOSSIP_FAILED;
    struct wire_writer w = outbox_begin(g, WIRE_PING, via);
    wire_put(&w, ++g->probe.seq, 4);
    wire_put(&w, claimed.key, 8);
    wire_put_short(&w, &claimed, 0);
    struct gossip_route to = outbox_to(&claimed);
    to.via = via;
    outbox_send(g, &to, &w);
    g->stats.pings_sent++;
}

static int64_t period_us(struct gossip *g)
{
    int64_t period = core_ms(g->timing.ping_period_ms);
    /* A tenth either way, so that members who started together drift apart. */
    return period * 9 / 10 + rng_below(&g->rng, (uint32_t)(period / 5) + 1);
}

static unsigned repings_fast(const struct gossip *g)
{
    return (unsigned)(member_live_count(&g->members) > 2 ? g->tuning.repings
                                                         : g->tuning.repings_alone);
}

/* Between pings that go unanswered: fast at first, then ever slower up to the ordinary period. */
static int64_t reping_us(const struct gossip *g, const struct edge *e)
{
    int64_t fast = core_ms(g->timing.reping_ms), slow = core_ms(g->timing.ping_period_ms);
    unsigned many = repings_fast(g);
    if (e->repings <= many)
        return fast;
    unsigned doublings = e->repings - many;
    return doublings > 10 ? slow : core_min(fast << doublings, slow);
}

static void send_evidence(struct gossip *g, uint64_t observer, const struct edge *e, double phi,
                          unsigned flags)
{
    uint32_t row = member_by_key(&g->members, observer);
    if (row == MEMBER_NONE)
        return;
    struct wire_writer w = outbox_begin(g, WIRE_EVIDENCE, GOSSIP_DATAGRAM);
    wire_put(&w, core_member(g, e->row)->key, 8);
    wire_put(&w, (uint64_t)(fmin(phi, 600) * 100), 2);
    wire_put(&w, flags, 1);
    spread_fill(g, &w);
    struct gossip_route to = outbox_to(core_member(g, row));
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
        if (other != MEMBER_NONE && other != row)
            rows[count++] = other;
    }
    return count;
}

/* Tells the subject's other observers what we see; who hears it pings at once, by its own path. */
static void share_evidence(struct gossip *g, const struct edge *e)
{
    uint32_t observers[RING_EDGES_MAX];
    size_t count = helpers(g, e->row, observers);
    const struct suspicion *s = suspicion_of(g, e->row);
    unsigned flags =
        (health_is_ill(g) ? WIRE_ILL : 0) | (s && s->mode == SUSPICION_OURS ? WIRE_ACCUSING : 0);
    double phi = phi_at(&e->phi, g->now_us);
    for (size_t i = 0; i < count && take_token(g); i++)
        send_evidence(g, core_member(g, observers[i])->key, e, phi, flags);
}

/* Pools the votes. False: an observer has reached the subject since we have not, so that the fault
 * lies between us and it. */
static bool pool_votes(const struct gossip *g, const struct edge *e, double *sum, unsigned *voters)
{
    int64_t fresh_us = g->now_us - core_ms(g->timing.suspicion_max_ms);
    if (g->tuning.pooling <= 0)
        return true;
    for (unsigned i = 0; i < e->votes_count; i++) {
        const struct vote *v = &e->votes[i];
        if (v->heard_us < fresh_us || (v->flags & WIRE_ILL))
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

static void judge(struct gossip *g, struct edge *e)
{
    double own = phi_at(&e->phi, g->now_us);
    double sum = fmin(own, g->tuning.phi_cap);
    unsigned voters = 1;
    if (!e->missing_us || own < g->tuning.phi_own || health_is_ill(g) ||
        g->now_us < core_member(g, e->row)->believed_us || !pool_votes(g, e, &sum, &voters))
        return;
    if (own >= g->tuning.phi_alone ||
        (voters >= g->tuning.observers && sum >= g->tuning.phi_pooled))
        suspicion_accuse(g, e->row);
}

/* The first late answer: ask again, by TCP too, should only datagrams be lost on the way. */
static void begin_missing(struct gossip *g, struct edge *e)
{
    e->missing_us = g->now_us;
    e->repings = 0;
    e->next_us = g->now_us;
    g->stats.pings_missed++;
    if (!probe_is_stream_only(e))
        send_ping(g, e, GOSSIP_STREAM);
}

static void ping_again(struct gossip *g, struct edge *e)
{
    e->repings++;
    e->next_us = g->now_us + reping_us(g, e);
    if (e->repings > repings_fast(g) || take_token(g)) {
        ping(g, e);
        share_evidence(g, e);
    }
}

static int64_t late_us(const struct edge *e)
{
    return e->missing_us || e->phi.count == 0 ? INT64_MAX
                                              : e->phi.pings[0].sent_us + phi_patience_us(&e->phi);
}

static void edge_tick(struct gossip *g, struct edge *e)
{
    if (g->now_us >= e->until_us) {
        edge_close(e);
        return;
    }
    if (g->now_us >= late_us(e))
        begin_missing(g, e);
    if (g->now_us < e->next_us)
        return;
    if (e->missing_us) {
        ping_again(g, e);
        judge(g, e);
    } else {
        e->next_us = g->now_us + period_us(g);
        ping(g, e);
    }
}

static void learn_prior(struct gossip *g, const struct edge *e)
{
    struct probe *p = &g->probe;
    if (p->prior_srtt_us <= 0)
        p->prior_srtt_us = e->phi.srtt_us;
    p->prior_srtt_us += (e->phi.srtt_us - p->prior_srtt_us) * PRIOR_GAIN;
    p->prior_loss += (e->phi.loss - p->prior_loss) * PRIOR_GAIN;
}

/* Whoever reported silence hears that we have been answered. */
static void report_reached(struct gossip *g, struct edge *e)
{
    for (unsigned i = 0; i < e->votes_count; i++)
        if (!(e->votes[i].flags & WIRE_REACHED) && take_token(g))
            send_evidence(g, e->votes[i].observer, e, 0, WIRE_REACHED);
    e->votes_count = 0;
}

/* Notes by which path the subject answers, and tells when that changes. */
static void note_path(struct gossip *g, struct edge *e, enum gossip_via via)
{
    bool was_stream_only = probe_is_stream_only(e);
    e->stream_answers = via == GOSSIP_STREAM ? e->stream_answers + 1 : 0;
    if (probe_is_stream_only(e) != was_stream_only && e - g->probe.edges < RING_EDGES_MAX)
        outbox_event(g, was_stream_only ? GOSSIP_EVENT_DATAGRAMS_PASS : GOSSIP_EVENT_DATAGRAMS_LOST,
                     core_member(g, e->row), NULL);
}

static void settle(struct gossip *g, struct edge *e)
{
    g->stats.acks_received++;
    e->answered_us = g->now_us;
    e->missing_us = 0;
    core_member(g, e->row)->contradictions = 0;
    core_member(g, e->row)->believed_us = 0;
    report_reached(g, e);
    size_t place = (size_t)(e - g->probe.edges);
    if (place < RING_EDGES_MAX)
        e->next_us = g->now_us + period_us(g);
    else if (place == PROBE_SWEEP)
        e->next_us = INT64_MAX;
}

void probe_answered(struct gossip *g, const struct wire_message *ack,
                    const struct gossip_route *from)
{
    uint32_t row = member_by_key(&g->members, ack->sender);
    struct edge *e = row == MEMBER_NONE ? NULL : find_edge(g, row);
    if (!e)
        return;
    if (from->via == GOSSIP_DATAGRAM && e->stream_answers && ack->ack.seq == e->datagram_seq) {
        note_path(g, e, GOSSIP_DATAGRAM);
        return;
    }
    if (!phi_answered(&e->phi, ack->ack.seq, g->now_us))
        return;
    note_path(g, e, from->via);
    if (from->via == GOSSIP_STREAM)
        phi_forget(&e->phi); /* datagrams still out say nothing more: it lives */
    else
        learn_prior(g, e);
    settle(g, e);
}

static int64_t belief_us(const struct gossip *g, unsigned contradictions)
{
    return GUEST_WINDOWS * core_ms(g->timing.suspicion_max_ms) << contradictions;
}

/* Else a member that is cut off from its observers and not from others would be accused, contradict
 * and be accused again without end. Each time it is believed for twice as long, until it answers,
 * or was not accused for long. */
void probe_contradicted(struct gossip *g, uint32_t row)
{
    struct member *m = core_member(g, row);
    struct edge *e = find_edge(g, row);
    if (e)
        phi_forget(&e->phi);
    if (g->now_us - m->believed_us > belief_us(g, (unsigned)g->tuning.belief_doublings))
        m->contradictions = 0;
    m->believed_us = g->now_us + belief_us(g, m->contradictions);
    if (m->contradictions < g->tuning.belief_doublings)
        m->contradictions++;
}

void probe_restarted(struct gossip *g, uint32_t row)
{
    struct edge *e = find_edge(g, row);
    if (!e)
        return;
    phi_forget(&e->phi);
    e->votes_count = 0;
    if (e->missing_us)
        e->next_us = g->now_us;
    e->missing_us = 0;
}

static struct edge *open_guest(struct gossip *g, uint32_t row)
{
    for (size_t i = PROBE_SWEEP + 1; i < PROBE_EDGES; i++) {
        struct edge *e = &g->probe.edges[i];
        if (e->row != MEMBER_NONE)
            continue;
        edge_open(g, e, row);
        e->until_us = g->now_us + GUEST_WINDOWS * core_ms(g->timing.suspicion_max_ms);
        return e;
    }
    return NULL;
}

static void note_vote(struct gossip *g, struct edge *e, const struct wire_message *m)
{
    unsigned at = 0;
    while (at < e->votes_count && e->votes[at].observer != m->sender)
        at++;
    if (at == PROBE_VOTES_MAX)
        return;
    if (at == e->votes_count)
        e->votes_count++;
    e->votes[at] = (struct vote){m->sender, m->evidence.phi, g->now_us, m->evidence.flags};
}

static bool pinged_lately(const struct gossip *g, const struct edge *e)
{
    const struct phi *phi = &e->phi;
    return phi->count > 0 &&
           g->now_us - phi->pings[phi->count - 1].sent_us < core_ms(g->timing.reping_ms) / 2;
}

static struct edge *edge_or_guest(struct gossip *g, uint32_t row)
{
    struct edge *e = find_edge(g, row);
    return e ? e : open_guest(g, row);
}

static void look(struct gossip *g, struct edge *e)
{
    if (!pinged_lately(g, e))
        ping(g, e);
}

void probe_look(struct gossip *g, uint32_t row)
{
    struct edge *e = edge_or_guest(g, row);
    if (e)
        look(g, e);
}

void probe_look_around(struct gossip *g)
{
    for (int i = 0; i < (int)g->tuning.looks; i++) {
        uint32_t row = member_random_live(&g->members, &g->rng, g->self);
        if (row != MEMBER_NONE)
            probe_look(g, row);
    }
}

void probe_evidence(struct gossip *g, const struct wire_message *m, const struct gossip_route *from)
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
    struct edge *e = edge_or_guest(g, row);
    if (!e)
        return;
    note_vote(g, e, m);
    if ((m->evidence.flags & WIRE_ACCUSING) && core_member(g, row)->status == GOSSIP_SUSPECT)
        suspicion_hear(g, row, m->sender);
    if (m->evidence.flags & WIRE_REACHED)
        return;
    look(g, e);
    judge(g, e);
}

/* Makes a ring's edge one to `row`. If we ping that row already, in another ring's place or as a
 * guest, the edge moves with all that is known of it: two edges would take each other's answers. */
static void edge_watch(struct gossip *g, struct edge *e, uint32_t row)
{
    struct edge *known = find_edge(g, row), old = *e;
    edge_open(g, e, row);
    if (known) {
        *e = *known;
        *known = old;
        if (known >= g->probe.edges + RING_EDGES_MAX)
            edge_close(known);
    }
    int64_t first_us = g->now_us + core_ms(rng_below(&g->rng, g->timing.ping_period_ms));
    e->next_us = core_min(e->next_us, first_us);
    e->until_us = INT64_MAX;
}

/* Keeps the edges whose subject is still ours, and opens those that are new. */
static void follow_rings(struct gossip *g)
{
    struct probe *p = &g->probe;
    p->rings_changed = false;
    ring_subjects(&g->members, probe_ring_edges(g), g->self, p->subjects);
    for (size_t r = 0; r < RING_EDGES_MAX; r++) {
        struct edge *e = &p->edges[r];
        uint32_t row = p->subjects[r];
        for (size_t before = 0; before < r; before++)
            if (p->edges[before].row == row)
                row = MEMBER_NONE;
        if (row == e->row)
            continue;
        if (row == MEMBER_NONE)
            edge_close(e);
        else
            edge_watch(g, e, row);
    }
}

void probe_view_changed(struct gossip *g, uint32_t row)
{
    struct probe *p = &g->probe;
    if (!member_is_live(core_member(g, row)))
        for (size_t i = 0; i < PROBE_EDGES; i++)
            if (p->edges[i].row == row)
                edge_close(&p->edges[i]);
    p->rings_changed |= ring_touched(&g->members, probe_ring_edges(g), g->self, p->subjects, row);
}

/* The next row of a walk that visits every row once, in an order that is different each time: a
 * random start and a random odd step, the table's capacity being a power of two. */
static uint32_t sweep_next(struct gossip *g)
{
    struct probe *p = &g->probe;
    for (uint32_t i = 0; i < 2 * g->members.capacity; i++) {
        if (p->sweep_left == 0) {
            p->sweep_left = g->members.capacity;
            p->sweep_step = rng_below(&g->rng, g->members.capacity) | 1;
            p->sweep_at = rng_below(&g->rng, g->members.capacity);
        }
        p->sweep_left--;
        p->sweep_at = (p->sweep_at + p->sweep_step) & (g->members.capacity - 1);
        const struct member *m = core_member(g, p->sweep_at);
        if (p->sweep_at < g->members.used && p->sweep_at != g->self && m->profile &&
            member_is_live(m) && !find_edge(g, p->sweep_at))
            return p->sweep_at;
    }
    return MEMBER_NONE;
}

static void sweep_tick(struct gossip *g)
{
    struct probe *p = &g->probe;
    struct edge *e = &p->edges[PROBE_SWEEP];
    if (g->now_us < p->sweep_us)
        return;
    p->sweep_us = g->now_us + core_ms(g->timing.sweep_period_ms);
    if (e->row != MEMBER_NONE && e->missing_us)
        return;
    edge_close(e);
    uint32_t row = sweep_next(g);
    if (row == MEMBER_NONE)
        return;
    edge_open(g, e, row);
    e->until_us = g->now_us + GUEST_WINDOWS * core_ms(g->timing.suspicion_max_ms);
    send_ping(g, e, GOSSIP_DATAGRAM);
}

void probe_excuse(struct gossip *g, int64_t slept_us)
{
    for (size_t i = 0; i < PROBE_EDGES; i++)
        phi_excuse(&g->probe.edges[i].phi, slept_us);
}

void probe_tick(struct gossip *g)
{
    if (g->probe.rings_changed)
        follow_rings(g);
    for (size_t i = 0; i < PROBE_EDGES; i++)
        if (g->probe.edges[i].row != MEMBER_NONE)
            edge_tick(g, &g->probe.edges[i]);
    sweep_tick(g);
}

int64_t probe_deadline(const struct gossip *g)
{
    if (g->probe.rings_changed)
        return g->now_us;
    int64_t deadline_us = g->probe.sweep_us;
    for (size_t i = 0; i < PROBE_EDGES; i++) {
        const struct edge *e = &g->probe.edges[i];
        if (e->row == MEMBER_NONE)
            continue;
        deadline_us = core_min(deadline_us, core_min(e->next_us, e->until_us));
        deadline_us = core_min(deadline_us, late_us(e));
    }
    return deadline_us;
}
