#include "gossip/detect.h"

#include "gossip/changes.h"
#include "gossip/core.h"
#include "gossip/detector/evidence.h"

void detect_init(struct gossip *g)
{
    edge_init(&g->edges, g->tuning.loss_min);
    budget_init(g);
    probe_init(g);
    g->health.received_us = g->now_us;
    g->reach.fault_us = g->reach.cleared_us = INT64_MIN;
}

void detect_wake(struct gossip *g)
{
    int64_t stall_us = health_wake(g);
    if (stall_us == 0)
        return;
    edge_compensate(g, stall_us);
    suspicion_compensate(g, stall_us);
}

static void detect_publish_unreachable(struct gossip *g, uint32_t slot)
{
    changes_apply(g, view_mark_unreachable(g, slot));
}

/* The member becomes suspect, or we join the observers that suspect it. */
static void detect_suspect(struct gossip *g, uint32_t slot)
{
    enum gossip_status status = (enum gossip_status)core_member(g, slot)->status;
    if (suspicion_is_ours(g, slot))
        return;
    if (status == GOSSIP_ALIVE)
        changes_apply(g, view_set_status(g, slot, GOSSIP_SUSPECT));
    suspicion_join(g, slot, status == GOSSIP_SUSPECT);
}

static void detect_judge_silence(struct gossip *g, const struct edge *e)
{
    if (evidence_suffices(g, e))
        detect_suspect(g, e->slot);
}

static void detect_judge_reach(struct gossip *g, const struct edge *e)
{
    if (reach_is_unreachable(g, e))
        detect_publish_unreachable(g, e->slot);
}

void detect_ack(struct gossip *g, const struct wire_message *ack, const struct gossip_route *from)
{
    struct edge *e = probe_answered(g, ack, from);
    if (!e)
        return;
    proof_note_source(core_member(g, e->slot), from);
    reach_measure(g, e);
    evidence_reached(g, e);
    detect_judge_reach(g, e);
}

/* The report of silence of a live subject; its sender is answered, and the subject probed. */
static void detect_apply_silence(struct gossip *g, struct edge *e, uint32_t observer)
{
    evidence_answer_sign(g, e, observer);
    probe_now(g, e->slot);
    detect_judge_silence(g, e);
}

void detect_evidence(struct gossip *g, const struct wire_message *m,
                     const struct gossip_route *from)
{
    unsigned flags = m->evidence.flags;
    uint32_t slot = member_by_key(&g->members, m->evidence.subject);
    uint32_t observer = member_by_key(&g->members, m->sender);
    if (slot == MEMBER_NONE || slot == g->self || observer == MEMBER_NONE ||
        !member_is_live(core_member(g, observer)))
        return;
    if (!member_is_live(core_member(g, slot))) {
        spread_send(g, from, &slot, 1);
        return;
    }
    edge_sign(g, slot, evidence_sign_us(g, m));
    struct edge *e = flags & WIRE_SIGN ? NULL : edge_find_or_open(g, slot);
    if (!e)
        return;
    evidence_note(g, e, m);
    if ((flags & WIRE_SUSPECTING) && core_member(g, slot)->status == GOSSIP_SUSPECT)
        suspicion_confirm(g, slot, m->sender);
    if (!(flags & WIRE_REACHED))
        detect_apply_silence(g, e, observer);
    detect_judge_reach(g, e);
}

void detect_packet(struct gossip *g, uint32_t slot)
{
    health_received(g, core_member(g, slot)->key);
    edge_sign(g, slot, g->now_us);
    evidence_report_sign(g, slot);
}

/* A member that had announced its leave, and is gone, has left. */
static void detect_declare_failed(struct gossip *g, uint32_t slot)
{
    bool leaving = core_member(g, slot)->status == GOSSIP_LEAVING;
    changes_apply(g, view_set_status(g, slot, leaving ? GOSSIP_LEFT : GOSSIP_FAILED));
}

/* Either of datagrams and streams may be blocked. */
static void detect_challenge(struct gossip *g, uint32_t slot)
{
    spread_challenge(g, slot, GOSSIP_DATAGRAM);
    spread_challenge(g, slot, GOSSIP_STREAM);
}

static void detect_tick_suspicion(struct gossip *g, uint32_t at)
{
    uint32_t slot = g->suspicions.all[at].slot;
    switch (suspicion_step(g, at)) {
    case SUSPICION_WAITS:
        return;
    case SUSPICION_ASKS:
        detect_challenge(g, slot);
        return;
    case SUSPICION_PROBES:
        probe_now(g, slot);
        return;
    case SUSPICION_LIVES:
        detect_publish_unreachable(g, slot);
        return;
    case SUSPICION_FAILED:
        g->stats.declared_failed++;
        detect_declare_failed(g, slot);
        probe_random(g);
        return;
    case SUSPICION_VERIFIED_FAILED:
        detect_declare_failed(g, slot);
        return;
    }
}

/* The observers of a member that comes and goes are sent at once that it is observed again. */
static void detect_tick_rings(struct gossip *g)
{
    if (!probe_compute_rings(g))
        return;
    for (size_t ring = 0; ring < RING_EDGES_MAX; ring++) {
        struct edge *e = &g->edges.all[ring];
        if (!probe_follow_ring(g, ring) || !reach_comes_and_goes(g, core_member(g, e->slot)))
            continue;
        evidence_share(g, e);
        detect_judge_reach(g, e);
    }
}

static void detect_tick_edge(struct gossip *g, struct edge *e)
{
    enum probe_outcome outcome = probe_step(g, e);
    if (outcome == PROBE_QUIET)
        return;
    if (outcome == PROBE_PINGED_AGAIN) {
        reach_measure(g, e);
        evidence_share(g, e);
    }
    detect_judge_silence(g, e);
    detect_judge_reach(g, e);
}

static void detect_tick_reach(struct gossip *g)
{
    const struct member *self = core_member(g, g->self);
    if (reach_is_over(g))
        changes_apply(g, view_restate_self(g, 0, (enum gossip_status)self->status, false));
}

void detect_tick(struct gossip *g)
{
    /* From the end: a suspicion that ends is replaced by the last one, which was stepped already.
     */
    for (uint32_t i = g->suspicions.count; i > 0; i--)
        detect_tick_suspicion(g, i - 1);
    detect_tick_rings(g);
    for (size_t i = 0; i < EDGES_MAX; i++)
        if (g->edges.all[i].slot != MEMBER_NONE)
            detect_tick_edge(g, &g->edges.all[i]);
    probe_sweep(g);
    detect_tick_reach(g);
}

int64_t detect_deadline(const struct gossip *g)
{
    int64_t deadline_us = core_min(probe_deadline(g), suspicion_deadline(g));
    return core_min(deadline_us, reach_deadline(g));
}
