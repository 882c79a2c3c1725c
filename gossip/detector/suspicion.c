#include "gossip/detector/suspicion.h"

#include "agent/base/array.h"
#include "gossip/core.h"

#include <math.h>
#include <stdlib.h>

enum {
    ASKS = 4,     /* direct questions within one verification; later ones are ever rarer */
    PATIENCE = 6, /* times suspicion_max that others' suspicions are left to them */
};

void suspicion_free(struct suspicions *s)
{
    free(s->all);
}

const struct suspicion *suspicion_of(const struct gossip *g, uint32_t slot)
{
    uint32_t at = g->members.slots[slot].suspicion;
    return at == MEMBER_NONE ? NULL : &g->suspicions.all[at];
}

bool suspicion_is_ours(const struct gossip *g, uint32_t slot)
{
    const struct suspicion *s = suspicion_of(g, slot);
    return s && s->mode == SUSPICION_OURS;
}

/* The suspicion of a member, if need be a new one in this mode; NULL: out of memory. */
static struct suspicion *suspicion_find_or_start(struct gossip *g, uint32_t slot,
                                                 enum suspicion_mode mode)
{
    struct suspicions *all = &g->suspicions;
    uint32_t at = core_member(g, slot)->suspicion;
    if (at != MEMBER_NONE)
        return &all->all[at];
    if (!ARRAY_RESERVE(all->all, all->capacity, all->count + 1))
        return NULL;
    core_member(g, slot)->suspicion = all->count;
    struct suspicion *s = &all->all[all->count++];
    *s = (struct suspicion){
        .slot = slot, .mode = mode, .started_us = g->now_us, .ask_us = INT64_MAX};
    return s;
}

static void suspicion_restart(const struct gossip *g, struct suspicion *s)
{
    s->started_us = g->now_us;
    s->stalled_us = 0;
}

void suspicion_end(struct gossip *g, uint32_t slot)
{
    struct suspicions *all = &g->suspicions;
    uint32_t at = core_member(g, slot)->suspicion;
    if (at == MEMBER_NONE)
        return;
    core_member(g, slot)->suspicion = MEMBER_NONE;
    all->all[at] = all->all[--all->count];
    if (at < all->count)
        core_member(g, all->all[at].slot)->suspicion = at;
}

static void suspicion_add_observer(struct suspicion *s, uint64_t observer)
{
    for (unsigned i = 0; i < s->observers_count; i++)
        if (s->observers[i] == observer)
            return;
    if (observer && s->observers_count < SUSPICION_OBSERVERS_MAX)
        s->observers[s->observers_count++] = observer;
}

/* Lifeguard's shrinking timeout: from max to min, by the logarithm of the confirmations. */
static int64_t suspicion_window_us(const struct gossip *g, const struct suspicion *s)
{
    double max = g->timing.suspicion_max_ms, min = g->timing.suspicion_min_ms;
    if (s->sign) /* its packets may come rarely, however many observers suspect it */
        return (int64_t)(1000 * max);
    uint32_t others = member_live_count(&g->members) - 2;
    /* As many as a member has observers beside the first. */
    double expected = fmin(others, fmax(g->tuning.ring_edges, g->tuning.observers) - 1);
    double confirmed = s->observers_count > 1 ? s->observers_count - 1 : 0;
    /* Of two members none can confirm; the one has weighed far more evidence of its own. */
    double shrink = expected > 0 ? log1p(confirmed) / log1p(expected) : 0.5;
    return (int64_t)(1000 * fmax(min, max - (max - min) * shrink));
}

static void suspicion_set_deadline(const struct gossip *g, struct suspicion *s)
{
    if (s->mode == SUSPICION_OURS)
        s->deadline_us = s->started_us + s->stalled_us + suspicion_window_us(g, s);
    else if (s->mode == SUSPICION_OTHERS)
        s->deadline_us =
            s->started_us + s->stalled_us + PATIENCE * core_ms(g->timing.suspicion_max_ms);
}

void suspicion_join(struct gossip *g, uint32_t slot, bool publicly)
{
    struct suspicion *s = suspicion_find_or_start(g, slot, SUSPICION_OURS);
    if (!s)
        return;
    /* A verification that was under way gave the member no public chance to refute. */
    if (!publicly)
        suspicion_restart(g, s);
    s->mode = SUSPICION_OURS;
    s->ask_us = INT64_MAX;
    suspicion_add_observer(s, g->key);
    suspicion_set_deadline(g, s);
    g->stats.suspicions++;
}

void suspicion_confirm(struct gossip *g, uint32_t slot, uint64_t observer)
{
    struct suspicion *s = suspicion_find_or_start(g, slot, SUSPICION_OTHERS);
    if (!s)
        return;
    suspicion_add_observer(s, observer);
    suspicion_set_deadline(g, s);
}

bool suspicion_allows_failed(const struct gossip *g, uint32_t slot, const struct fact *received)
{
    const struct member *m = &g->members.slots[slot];
    const struct suspicion *s = suspicion_of(g, slot);
    if (m->status == GOSSIP_LEAVING)
        return true;
    if (!member_is_live(m)) /* dead before, dead again in a later life that we missed */
        return true;
    if (m->status != GOSSIP_SUSPECT || !s || received->incarnation != m->incarnation ||
        received->generation != m->profile->generation)
        return false;
    return g->now_us - s->started_us >= core_ms(g->timing.suspicion_min_ms) / 2 &&
           !edge_sign_since(g, slot, s->started_us);
}

/* The suspicion as a verification, unless it is ours. NULL: out of memory. */
static struct suspicion *suspicion_begin_verifying(struct gossip *g, uint32_t slot)
{
    struct suspicion *s = suspicion_find_or_start(g, slot, SUSPICION_VERIFYING);
    if (!s || s->mode != SUSPICION_OTHERS)
        return s;
    s->mode = SUSPICION_VERIFYING;
    s->observers_count = 0;
    suspicion_restart(g, s);
    return s;
}

/* The number of claims of failure that count as several: one never does, and among four members no
 * more than two can claim it of the third to the fourth. */
static unsigned suspicion_several(const struct gossip *g)
{
    return member_live_count(&g->members) > 4 ? 3 : 2;
}

void suspicion_verify(struct gossip *g, uint32_t slot, uint64_t sender)
{
    const struct suspicion *held = suspicion_of(g, slot);
    bool is_new = !held || held->mode == SUSPICION_OTHERS;
    struct suspicion *s = suspicion_begin_verifying(g, slot);
    if (!s || s->mode != SUSPICION_VERIFYING)
        return;
    suspicion_add_observer(s, sender);
    bool unreachable = core_member(g, slot)->unreachable;
    if (is_new) {
        s->ask_us = g->now_us;
        s->deadline_us =
            g->now_us + (unreachable ? REACH_CLEAR_DETECTS * core_ms(g->timing.detect_ms)
                                     : core_ms(g->timing.suspicion_max_ms));
    }
    /* An unreachable member may be unable to answer; but several do not claim that it has failed
     * while it lives. */
    if (unreachable && s->observers_count >= suspicion_several(g))
        s->deadline_us = g->now_us;
}

void suspicion_compensate(struct gossip *g, int64_t stall_us)
{
    for (uint32_t i = 0; i < g->suspicions.count; i++) {
        struct suspicion *s = &g->suspicions.all[i];
        s->stalled_us += stall_us;
        s->deadline_us += stall_us;
    }
}

/* Starts another window, in which only what is seen from now on counts. The observers of a member
 * that gives signs of life receive most of them; others that suspect it wait for their reports. */
static void suspicion_extend(const struct gossip *g, struct suspicion *s, bool sign)
{
    const struct edge *e = edge_of(g, s->slot);
    bool waits = s->mode == SUSPICION_OURS && !(e && edge_is_ring(g, e));
    int64_t least_us = core_ms(g->timing.suspicion_min_ms);
    int64_t most_us = core_ms(g->timing.suspicion_max_ms);
    suspicion_restart(g, s);
    s->sign |= sign;
    s->deadline_us = g->now_us + (s->sign || waits ? most_us : least_us);
    if (waits)
        s->deadline_us += least_us;
}

static enum suspicion_outcome suspicion_expire_ours(const struct gossip *g, struct suspicion *s)
{
    const struct member *m = &g->members.slots[s->slot];
    const struct edge *e = edge_of(g, s->slot);
    bool sign = edge_sign_since(g, s->slot, s->started_us);
    bool unobserved = !e || e->opened_us > s->started_us;
    bool was_isolated = health_was_isolated(g, s->started_us) && member_live_count(&g->members) > 2;
    bool is_known = sign && (m->unreachable || reach_was_local_fault(g));
    if (unobserved || health_is_degraded(g) || was_isolated || is_known) {
        suspicion_extend(g, s, sign);
        return unobserved ? SUSPICION_PROBES : SUSPICION_WAITS;
    }
    if (e->answered_us > s->started_us) {
        /* It lives; its refutation must be on the way. */
        s->mode = SUSPICION_OTHERS;
        suspicion_restart(g, s);
        suspicion_set_deadline(g, s);
        return SUSPICION_WAITS;
    }
    if (m->status != GOSSIP_SUSPECT || !sign)
        return SUSPICION_FAILED;
    if (s->sign)
        return SUSPICION_LIVES;
    suspicion_extend(g, s, true); /* one sign may be a late packet of the dead */
    return SUSPICION_WAITS;
}

static enum suspicion_outcome suspicion_expire(struct gossip *g, struct suspicion *s)
{
    switch (s->mode) {
    case SUSPICION_OURS:
        return suspicion_expire_ours(g, s);
    case SUSPICION_OTHERS:
        suspicion_verify(g, s->slot, 0);
        return SUSPICION_WAITS;
    case SUSPICION_VERIFYING:
        break;
    }
    /* A host that just stalled may have missed the answer; several will not all have. */
    if (!edge_sign_since(g, s->slot, s->started_us) &&
        (!health_is_degraded(g) || s->observers_count >= suspicion_several(g)))
        return SUSPICION_VERIFIED_FAILED;
    suspicion_extend(g, s, false);
    return SUSPICION_WAITS;
}

/* The first question is free; later ones come out of the budget. */
static enum suspicion_outcome suspicion_ask(struct gossip *g, struct suspicion *s)
{
    int64_t asking_us = g->now_us - s->started_us;
    bool first = s->ask_us <= s->started_us;
    s->ask_us = g->now_us + core_max(core_ms(g->timing.suspicion_max_ms) / ASKS, asking_us / 2);
    return first || budget_take(g) ? SUSPICION_ASKS : SUSPICION_WAITS;
}

enum suspicion_outcome suspicion_step(struct gossip *g, uint32_t at)
{
    struct suspicion *s = &g->suspicions.all[at];
    if (g->now_us >= s->deadline_us)
        return suspicion_expire(g, s);
    return g->now_us >= s->ask_us ? suspicion_ask(g, s) : SUSPICION_WAITS;
}

int64_t suspicion_deadline(const struct gossip *g)
{
    int64_t deadline_us = INT64_MAX;
    for (uint32_t i = 0; i < g->suspicions.count; i++) {
        const struct suspicion *s = &g->suspicions.all[i];
        deadline_us = core_min(deadline_us, core_min(s->deadline_us, s->ask_us));
    }
    return deadline_us;
}
