#include "gossip/detector/probe.h"

#include "gossip/core.h"

enum { FEW = 3 }; /* members among whom evidence is scarce: one other observer, or none */

void probe_init(struct gossip *g)
{
    struct probe *p = &g->probe;
    *p = (struct probe){
        .seq = (uint32_t)rng_next(&g->rng),
        .rings_changed = true,
        .sweep_us = g->now_us + core_ms(rng_below(&g->rng, g->timing.sweep_period_ms)),
    };
    for (size_t i = 0; i < RING_EDGES_MAX; i++)
        p->subjects[i] = MEMBER_NONE;
}

/* A ping of a suspect, or of an unreachable member, carries that claim: the member shall refute it,
 * not just answer. */
static struct wire_writer probe_begin(struct gossip *g, const struct edge *e, uint32_t seq,
                                      enum gossip_via via)
{
    uint32_t slot = e->slot;
    struct wire_writer w = outbox_begin(g, WIRE_PING, via);
    wire_put(&w, seq, 4);
    const struct member *m = core_member(g, slot);
    wire_put(&w, m->key, 8);
    wire_put(&w, reach_is_lossy(g, e) ? WIRE_COMPLAINT : 0, 1);
    if ((m->status != GOSSIP_ALIVE || m->unreachable) && !health_is_isolated(g))
        wire_put_short(&w, m, core_suspecting_observer(g, slot));
    return w;
}

static void probe_send(struct gossip *g, struct edge *e, enum gossip_via via)
{
    struct gossip_route to = outbox_to(core_member(g, e->slot));
    to.via = via;
    struct wire_writer w = probe_begin(g, e, ++g->probe.seq, via);
    spread_fill(g, &w);
    outbox_send(g, &to, &w);
    phi_sent(&e->phi, g->probe.seq, g->now_us);
    g->stats.pings_sent++;
}

static void probe_ping(struct gossip *g, struct edge *e)
{
    if (!edge_is_stream_only(e)) {
        probe_send(g, e, GOSSIP_DATAGRAM);
        return;
    }
    probe_send(g, e, GOSSIP_STREAM);
    e->datagram_seq = ++g->probe.seq;
    struct wire_writer w = probe_begin(g, e, e->datagram_seq, GOSSIP_DATAGRAM);
    struct gossip_route to = outbox_to(core_member(g, e->slot));
    outbox_send(g, &to, &w);
}

static int64_t probe_period_us(struct gossip *g)
{
    int64_t period = core_ms(g->timing.ping_period_ms);
    /* A tenth either way, so that members that started together drift apart. */
    return period * 9 / 10 + rng_below(&g->rng, (uint32_t)(period / 5) + 1);
}

static unsigned probe_repings_fast(const struct gossip *g)
{
    return (unsigned)(member_live_count(&g->members) > FEW ? g->tuning.repings
                                                           : g->tuning.repings_alone);
}

/* Between pings that go unanswered: fast at first, then ever slower up to the ordinary period. */
static int64_t probe_reping_us(const struct gossip *g, const struct edge *e)
{
    int64_t fast = core_ms(g->timing.reping_ms), slow = core_ms(g->timing.ping_period_ms);
    unsigned many = probe_repings_fast(g);
    if (e->repings <= many)
        return fast;
    unsigned doublings = e->repings - many;
    return doublings > 10 ? slow : core_min(fast << doublings, slow);
}

/* The first late answer: ask again, by TCP too, should only datagrams be lost on the way. */
static void probe_begin_missing(struct gossip *g, struct edge *e)
{
    e->missing_us = g->now_us;
    e->repings = 0;
    e->next_us = g->now_us;
    g->stats.pings_missed++;
    if (!edge_is_stream_only(e))
        probe_send(g, e, GOSSIP_STREAM);
}

static enum probe_outcome probe_ping_again(struct gossip *g, struct edge *e)
{
    e->repings++;
    e->next_us = g->now_us + probe_reping_us(g, e);
    if (e->repings <= probe_repings_fast(g) && !budget_take(g))
        return PROBE_MISSES;
    probe_ping(g, e);
    return PROBE_PINGED_AGAIN;
}

static int64_t probe_late_us(const struct edge *e)
{
    return e->missing_us || e->phi.count == 0 ? INT64_MAX
                                              : e->phi.pings[0].sent_us + phi_patience_us(&e->phi);
}

/* A transient target stays while we suspect it. */
static bool probe_is_over(const struct gossip *g, struct edge *e)
{
    if (g->now_us < e->until_us)
        return false;
    if (!suspicion_is_ours(g, e->slot))
        return true;
    e->until_us = suspicion_of(g, e->slot)->deadline_us;
    return false;
}

enum probe_outcome probe_step(struct gossip *g, struct edge *e)
{
    if (probe_is_over(g, e)) {
        edge_close(e);
        return PROBE_QUIET;
    }
    if (g->now_us >= probe_late_us(e))
        probe_begin_missing(g, e);
    if (g->now_us < e->next_us)
        return PROBE_QUIET;
    if (e->missing_us)
        return probe_ping_again(g, e);
    e->next_us = g->now_us + probe_period_us(g);
    probe_ping(g, e);
    return PROBE_QUIET;
}

/* Notes the path by which the subject answers; a change is an event. */
static void probe_note_path(struct gossip *g, struct edge *e, enum gossip_via via)
{
    bool was_stream_only = edge_is_stream_only(e);
    e->stream_answers = via == GOSSIP_STREAM ? e->stream_answers + 1 : 0;
    core_member(g, e->slot)->by_stream = via == GOSSIP_STREAM;
    if (edge_is_stream_only(e) != was_stream_only && edge_is_ring(g, e))
        outbox_event(g, was_stream_only ? GOSSIP_EVENT_DATAGRAMS_PASS : GOSSIP_EVENT_DATAGRAMS_LOST,
                     core_member(g, e->slot), NULL);
}

static void probe_settle(struct gossip *g, struct edge *e)
{
    g->stats.acks_received++;
    e->answered_us = g->now_us;
    e->missing_us = 0;
    core_member(g, e->slot)->refutations = 0;
    core_member(g, e->slot)->believed_us = 0;
    if (edge_is_ring(g, e))
        e->next_us = g->now_us + probe_period_us(g);
    else if (edge_place(g, e) == EDGE_SWEEP)
        e->next_us = INT64_MAX;
}

static size_t probe_calibration_bucket(double phi)
{
    size_t i = (size_t)(phi * GOSSIP_CALIBRATION_BUCKETS_PER_PHI);
    return i < GOSSIP_CALIBRATION_BUCKETS ? i : GOSSIP_CALIBRATION_BUCKETS - 1;
}

struct edge *probe_answered(struct gossip *g, const struct wire_message *ack,
                            const struct gossip_route *from)
{
    uint32_t slot = member_by_key(&g->members, ack->sender);
    struct edge *e = slot == MEMBER_NONE ? NULL : edge_find(g, slot);
    if (!e)
        return NULL;
    if (from->via == GOSSIP_DATAGRAM && e->stream_answers && ack->ack.seq == e->datagram_seq) {
        probe_note_path(g, e, GOSSIP_DATAGRAM);
        return NULL;
    }
    double phi = phi_at(&e->phi, g->now_us);
    if (!phi_answered(&e->phi, ack->ack.seq, g->now_us))
        return NULL;
    if (edge_is_ring(g, e))
        g->probe.calibration[probe_calibration_bucket(phi)]++;
    probe_note_path(g, e, from->via);
    if (from->via == GOSSIP_STREAM)
        phi_clear(&e->phi); /* datagrams still out prove nothing more: it lives */
    else
        edge_learn_prior(g, e);
    probe_settle(g, e);
    return e;
}

static int64_t probe_belief_us(const struct gossip *g, unsigned refutations)
{
    return EDGE_TRANSIENT_WINDOWS * core_ms(g->timing.suspicion_max_ms) << refutations;
}

/* Else a member that is cut off from its observers and not from others would be suspected, refute
 * and be suspected again without end. Each refutation is believed for twice as long, until the
 * member answers, or was not suspected for long. */
void probe_refuted(struct gossip *g, uint32_t slot)
{
    struct member *m = core_member(g, slot);
    struct edge *e = edge_find(g, slot);
    if (e)
        phi_clear(&e->phi);
    edge_sign(g, slot, g->now_us);
    if (g->now_us - m->believed_us > probe_belief_us(g, (unsigned)g->tuning.belief_doublings))
        m->refutations = 0;
    m->believed_us = g->now_us + probe_belief_us(g, m->refutations);
    if (m->refutations < g->tuning.belief_doublings)
        m->refutations++;
}

void probe_restarted(struct gossip *g, uint32_t slot)
{
    struct edge *e = edge_find(g, slot);
    if (!e)
        return;
    phi_clear(&e->phi);
    e->votes.count = 0;
    if (e->missing_us)
        e->next_us = g->now_us;
    e->missing_us = 0;
}

static bool probe_was_recent(const struct gossip *g, const struct edge *e)
{
    const struct phi *phi = &e->phi;
    return phi->count > 0 &&
           g->now_us - phi->pings[phi->count - 1].sent_us < core_ms(g->timing.reping_ms) / 2;
}

void probe_now(struct gossip *g, uint32_t slot)
{
    struct edge *e = edge_find_or_open(g, slot);
    if (e && !probe_was_recent(g, e))
        probe_ping(g, e);
}

void probe_random(struct gossip *g)
{
    for (int i = 0; i < (int)g->tuning.random_probes; i++) {
        uint32_t slot = member_random_live(&g->members, &g->rng, g->self);
        if (slot != MEMBER_NONE)
            probe_now(g, slot);
    }
}

/* Makes a ring's edge one to `slot`. If that member is pinged already, in another ring's place or
 * as a transient target, its edge moves with all measurements: two edges would take each other's
 * answers. */
static void probe_observe(struct gossip *g, struct edge *e, uint32_t slot)
{
    struct edge *known = edge_find(g, slot), old = *e;
    edge_open(g, e, slot);
    if (known) {
        *e = *known;
        *known = old;
        if (!edge_is_ring(g, known))
            edge_close(known);
    }
    int64_t first_us = g->now_us + core_ms(rng_below(&g->rng, g->timing.ping_period_ms));
    e->next_us = core_min(e->next_us, first_us);
    e->until_us = INT64_MAX;
}

bool probe_follow_ring(struct gossip *g, size_t ring)
{
    struct edge *e = &g->edges.all[ring];
    uint32_t slot = g->probe.subjects[ring];
    for (size_t before = 0; before < ring; before++)
        if (g->edges.all[before].slot == slot)
            slot = MEMBER_NONE;
    if (slot == e->slot)
        return false;
    if (slot == MEMBER_NONE)
        edge_close(e);
    else
        probe_observe(g, e, slot);
    return slot != MEMBER_NONE;
}

bool probe_compute_rings(struct gossip *g)
{
    struct probe *p = &g->probe;
    if (!p->rings_changed)
        return false;
    p->rings_changed = false;
    ring_subjects(&g->members, core_rings(g), g->self, p->subjects);
    return true;
}

void probe_view_changed(struct gossip *g, uint32_t slot)
{
    struct probe *p = &g->probe;
    if (!member_is_live(core_member(g, slot)))
        edge_close_all(g, slot);
    p->rings_changed |= ring_touched(&g->members, core_rings(g), g->self, p->subjects, slot);
}

/* The next slot of a walk that visits every slot once, in an order that is different each time: a
 * random start and a random step without a factor of two, the table's capacity being a power of
 * two. */
static uint32_t probe_sweep_next(struct gossip *g)
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
            member_is_live(m) && !edge_find(g, p->sweep_at))
            return p->sweep_at;
    }
    return MEMBER_NONE;
}

void probe_sweep(struct gossip *g)
{
    struct probe *p = &g->probe;
    struct edge *e = &g->edges.all[EDGE_SWEEP];
    if (g->now_us < p->sweep_us)
        return;
    p->sweep_us = g->now_us + core_ms(g->timing.sweep_period_ms);
    if (e->slot != MEMBER_NONE && e->missing_us)
        return;
    edge_close(e);
    uint32_t slot = probe_sweep_next(g);
    if (slot == MEMBER_NONE)
        return;
    edge_open(g, e, slot);
    edge_make_transient(g, e);
    probe_send(g, e, GOSSIP_DATAGRAM);
}

int64_t probe_deadline(const struct gossip *g)
{
    if (g->probe.rings_changed)
        return g->now_us;
    int64_t deadline_us = g->probe.sweep_us;
    for (size_t i = 0; i < EDGES_MAX; i++) {
        const struct edge *e = &g->edges.all[i];
        if (e->slot == MEMBER_NONE)
            continue;
        deadline_us = core_min(deadline_us, core_min(e->next_us, e->until_us));
        deadline_us = core_min(deadline_us, probe_late_us(e));
    }
    return deadline_us;
}
