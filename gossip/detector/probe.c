#include "gossip/detector/probe.h"

#include "gossip/core.h"

#include <math.h>

#define PRIOR_GAIN (1.0 / 16)

enum {
    FEW = 3, /* members among whom evidence is scarce: there is one other observer, or none */
    GUEST_WINDOWS = 3, /* times suspicion_max that a guest stays without an answer; and that a
                          member is believed once it has contradicted */
};

void probe_init(struct gossip *g)
{
    struct probe *p = &g->probe;
    *p = (struct probe){
        .seq = (uint32_t)rng_next(&g->rng),
        .rings_changed = true,
        .sweep_us = g->now_us + core_ms(rng_below(&g->rng, g->timing.sweep_period_ms)),
        .prior_loss = g->tuning.loss_min,
        .tokens = g->tuning.tokens,
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

bool probe_take_token(struct gossip *g)
{
    struct probe *p = &g->probe;
    p->tokens += (double)(g->now_us - p->tokens_us) * g->tuning.tokens_per_s / 1e6;
    p->tokens = fmin(p->tokens, g->tuning.tokens);
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

bool probe_heard_since(const struct gossip *g, uint32_t row, int64_t since_us)
{
    const struct edge *e = probe_edge(g, row);
    return e && (e->answered_us > since_us || e->heard_us > since_us);
}

bool probe_is_ring_edge(const struct gossip *g, const struct edge *e)
{
    return e - g->probe.edges < RING_EDGES_MAX;
}

void probe_heard(struct gossip *g, uint32_t row, int64_t at_us)
{
    struct edge *e = find_edge(g, row);
    if (e)
        e->heard_us = core_max(e->heard_us, at_us);
}

static void edge_open(struct gossip *g, struct edge *e, uint32_t row)
{
    *e = (struct edge){.row = row,
                       .opened_us = g->now_us,
                       .next_us = INT64_MAX,
                       .until_us = INT64_MAX,
                       .answered_us = INT64_MIN,
                       .heard_us = INT64_MIN};
    phi_init(&e->phi, &g->tuning, g->probe.prior_srtt_us, g->probe.prior_loss);
}

static void edge_close(struct edge *e)
{
    e->row = MEMBER_NONE;
}

/* A suspect that is pinged, or one that is partly unreachable, is told so first: it shall
 * contradict, not just answer. */
static struct wire_writer begin_ping(struct gossip *g, const struct edge *e, uint32_t seq,
                                     enum gossip_via via)
{
    uint32_t row = e->row;
    struct wire_writer w = outbox_begin(g, WIRE_PING, via);
    wire_put(&w, seq, 4);
    const struct member *m = core_member(g, row);
    wire_put(&w, m->key, 8);
    wire_put(&w, reach_is_poor(g, e) ? WIRE_UNREACHED : 0, 1);
    if ((m->status != GOSSIP_ALIVE || m->partly) && !health_is_deaf(g))
        wire_put_short(&w, m, suspicion_accuser(g, row));
    return w;
}

static void send_ping(struct gossip *g, struct edge *e, enum gossip_via via)
{
    struct gossip_route to = outbox_to(core_member(g, e->row));
    to.via = via;
    struct wire_writer w = begin_ping(g, e, ++g->probe.seq, via);
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
    struct wire_writer w = begin_ping(g, e, e->datagram_seq, GOSSIP_DATAGRAM);
    struct gossip_route to = outbox_to(core_member(g, e->row));
    outbox_send(g, &to, &w);
}

void probe_ask(struct gossip *g, uint32_t row, enum gossip_via via)
{
    /* Said as a claim of failure, whatever we hold ourselves: weaker claims need no answer. */
    struct member claimed = *core_member(g, row);
    claimed.status = GOSSIP_FAILED;
    claimed.partly = false;
    struct wire_writer w = outbox_begin(g, WIRE_PING, via);
    wire_put(&w, ++g->probe.seq, 4);
    wire_put(&w, claimed.key, 8);
    wire_put(&w, 0, 1);
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
    return (unsigned)(member_live_count(&g->members) > FEW ? g->tuning.repings
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
    if (e->repings > repings_fast(g) || probe_take_token(g)) {
        ping(g, e);
        reach_measure(g, e);
        evidence_share(g, e);
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
        const struct suspicion *s = suspicion_of(g, e->row);
        if (!s || s->mode != SUSPICION_OURS) {
            edge_close(e);
            return;
        }
        e->until_us = s->deadline_us; /* whoever accuses goes on looking */
    }
    if (g->now_us >= late_us(e))
        begin_missing(g, e);
    if (g->now_us < e->next_us)
        return;
    if (e->missing_us) {
        ping_again(g, e);
        evidence_judge(g, e);
        reach_judge(g, e);
    } else {
        e->next_us = g->now_us + period_us(g);
        ping(g, e);
    }
}

static void learn_prior(struct gossip *g, const struct edge *e)
{
    struct probe *p = &g->probe;
    if (core_member(g, e->row)->partly) /* it loses more than others do */
        return;
    if (p->prior_srtt_us <= 0)
        p->prior_srtt_us = e->phi.srtt_us;
    p->prior_srtt_us += (e->phi.srtt_us - p->prior_srtt_us) * PRIOR_GAIN;
    p->prior_loss += (e->phi.loss - p->prior_loss) * PRIOR_GAIN;
}

/* Notes by which path the subject answers, and tells when that changes. */
static void note_path(struct gossip *g, struct edge *e, enum gossip_via via)
{
    bool was_stream_only = probe_is_stream_only(e);
    e->stream_answers = via == GOSSIP_STREAM ? e->stream_answers + 1 : 0;
    if (probe_is_stream_only(e) != was_stream_only && probe_is_ring_edge(g, e))
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
    reach_measure(g, e);
    evidence_reached(g, e);
    reach_judge(g, e);
    size_t place = (size_t)(e - g->probe.edges);
    if (place < RING_EDGES_MAX)
        e->next_us = g->now_us + period_us(g);
    else if (place == PROBE_SWEEP)
        e->next_us = INT64_MAX;
}

static size_t silence_of(double phi)
{
    size_t i = (size_t)(phi * GOSSIP_SILENCES_A_UNIT);
    return i < GOSSIP_SILENCES ? i : GOSSIP_SILENCES - 1;
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
    double phi = phi_at(&e->phi, g->now_us);
    if (!phi_answered(&e->phi, ack->ack.seq, g->now_us))
        return;
    if (probe_is_ring_edge(g, e))
        g->probe.silences[silence_of(phi)]++;
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
    probe_heard(g, row, g->now_us);
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
    e->votes.count = 0;
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

static bool pinged_lately(const struct gossip *g, const struct edge *e)
{
    const struct phi *phi = &e->phi;
    return phi->count > 0 &&
           g->now_us - phi->pings[phi->count - 1].sent_us < core_ms(g->timing.reping_ms) / 2;
}

struct edge *probe_edge_or_guest(struct gossip *g, uint32_t row)
{
    struct edge *e = find_edge(g, row);
    return e ? e : open_guest(g, row);
}

void probe_look(struct gossip *g, uint32_t row)
{
    struct edge *e = probe_edge_or_guest(g, row);
    if (e && !pinged_lately(g, e))
        ping(g, e);
}

void probe_look_around(struct gossip *g)
{
    for (int i = 0; i < (int)g->tuning.looks; i++) {
        uint32_t row = member_random_live(&g->members, &g->rng, g->self);
        if (row != MEMBER_NONE)
            probe_look(g, row);
    }
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
    reach_watch(g, e);
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
