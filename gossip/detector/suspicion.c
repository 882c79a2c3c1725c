#include "gossip/detector/suspicion.h"

#include "gossip/core.h"
#include "gossip/membership/view.h"

#include <math.h>
#include <stdlib.h>

enum {
    ASKS = 4,     /* direct questions within one verification; whoever stays silent is asked ever
                     more seldom */
    PATIENCE = 6, /* times suspicion_max that others' suspicions are left to them */
};

void suspicion_free(struct suspicions *s)
{
    free(s->all);
}

const struct suspicion *suspicion_of(const struct gossip *g, uint32_t row)
{
    uint32_t at = g->members.rows[row].suspicion;
    return at == MEMBER_NONE ? NULL : &g->suspicions.all[at];
}

uint64_t suspicion_accuser(const struct gossip *g, uint32_t row)
{
    const struct suspicion *s = suspicion_of(g, row);
    return s && s->accusers_count ? s->accusers[s->accusers_count - 1] : 0;
}

/* The suspicion of a member, if need be a new one in this mode; NULL: out of memory. */
static struct suspicion *find_or_start(struct gossip *g, uint32_t row, enum suspicion_mode mode)
{
    struct suspicions *all = &g->suspicions;
    uint32_t at = core_member(g, row)->suspicion;
    if (at != MEMBER_NONE)
        return &all->all[at];
    if (all->count == all->capacity) {
        uint32_t capacity = all->capacity ? 2 * all->capacity : 8;
        struct suspicion *grown = realloc(all->all, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        all->all = grown;
        all->capacity = capacity;
    }
    core_member(g, row)->suspicion = all->count;
    struct suspicion *s = &all->all[all->count++];
    *s = (struct suspicion){.row = row, .mode = mode, .started_us = g->now_us, .ask_us = INT64_MAX};
    return s;
}

static void start_anew(const struct gossip *g, struct suspicion *s)
{
    s->started_us = g->now_us;
    s->slept_us = 0;
}

void suspicion_end(struct gossip *g, uint32_t row)
{
    struct suspicions *all = &g->suspicions;
    uint32_t at = core_member(g, row)->suspicion;
    if (at == MEMBER_NONE)
        return;
    core_member(g, row)->suspicion = MEMBER_NONE;
    all->all[at] = all->all[--all->count];
    if (at < all->count)
        core_member(g, all->all[at].row)->suspicion = at;
}

static void add_accuser(struct suspicion *s, uint64_t accuser)
{
    for (unsigned i = 0; i < s->accusers_count; i++)
        if (s->accusers[i] == accuser)
            return;
    if (accuser && s->accusers_count < SUSPICION_ACCUSERS_MAX)
        s->accusers[s->accusers_count++] = accuser;
}

/* Lifeguard's shrinking timeout: from max to min, by the logarithm of the confirmations. */
static int64_t window_us(const struct gossip *g, const struct suspicion *s)
{
    double max = g->timing.suspicion_max_ms, min = g->timing.suspicion_min_ms;
    if (s->heard) /* it may be heard seldom, and accusers do not make it fall silent sooner */
        return (int64_t)(1000 * max);
    uint32_t others = member_live_count(&g->members) - 2;
    /* As many as a member has observers beside the first. */
    double expected = fmin(others, fmax(g->tuning.ring_edges, g->tuning.observers) - 1);
    double confirmed = s->accusers_count > 1 ? s->accusers_count - 1 : 0;
    /* Of two members nobody can confirm; the one has weighed far more evidence of its own. */
    double shrink = expected > 0 ? log1p(confirmed) / log1p(expected) : 0.5;
    return (int64_t)(1000 * fmax(min, max - (max - min) * shrink));
}

static void set_deadline(const struct gossip *g, struct suspicion *s)
{
    if (s->mode == SUSPICION_OURS)
        s->deadline_us = s->started_us + s->slept_us + window_us(g, s);
    else if (s->mode == SUSPICION_HEARD)
        s->deadline_us =
            s->started_us + s->slept_us + PATIENCE * core_ms(g->timing.suspicion_max_ms);
}

void suspicion_accuse(struct gossip *g, uint32_t row)
{
    struct member *m = core_member(g, row);
    bool was_suspect = m->status == GOSSIP_SUSPECT;
    const struct suspicion *held = suspicion_of(g, row);
    if (held && held->mode == SUSPICION_OURS)
        return;
    if (m->status == GOSSIP_ALIVE)
        view_set(g, row, m->incarnation, GOSSIP_SUSPECT);
    struct suspicion *s = find_or_start(g, row, SUSPICION_OURS);
    if (!s)
        return;
    /* A quiet check that was under way gave the member no public chance to contradict. */
    if (!was_suspect)
        start_anew(g, s);
    s->mode = SUSPICION_OURS;
    s->ask_us = INT64_MAX;
    add_accuser(s, g->key);
    set_deadline(g, s);
    g->stats.suspicions++;
}

void suspicion_hear(struct gossip *g, uint32_t row, uint64_t accuser)
{
    struct suspicion *s = find_or_start(g, row, SUSPICION_HEARD);
    if (!s)
        return;
    add_accuser(s, accuser);
    set_deadline(g, s);
}

bool suspicion_allows_failed(const struct gossip *g, uint32_t row, const struct fact *heard)
{
    const struct member *m = &g->members.rows[row];
    const struct suspicion *s = suspicion_of(g, row);
    if (m->status == GOSSIP_LEAVING)
        return true;
    if (!member_is_live(m)) /* dead before, dead again in a later life that we missed */
        return true;
    if (m->status != GOSSIP_SUSPECT || !s || heard->incarnation != m->incarnation ||
        heard->generation != m->profile->generation)
        return false;
    return g->now_us - s->started_us >= core_ms(g->timing.suspicion_min_ms) / 2 &&
           !probe_heard_since(g, row, s->started_us);
}

/* Takes the verification up; false: out of memory, or there is more at hand already. */
static struct suspicion *begin_verifying(struct gossip *g, uint32_t row)
{
    struct suspicion *s = find_or_start(g, row, SUSPICION_VERIFYING);
    if (!s || s->mode != SUSPICION_HEARD)
        return s;
    s->mode = SUSPICION_VERIFYING;
    s->accusers_count = 0;
    start_anew(g, s);
    return s;
}

/* How many must say that it has failed to be several: one never is, and among four members no more
 * than two can say so of the third to the fourth. */
static unsigned several(const struct gossip *g)
{
    return member_live_count(&g->members) > 4 ? 3 : 2;
}

void suspicion_verify(struct gossip *g, uint32_t row, uint64_t sender)
{
    const struct suspicion *held = suspicion_of(g, row);
    bool is_new = !held || held->mode == SUSPICION_HEARD;
    struct suspicion *s = begin_verifying(g, row);
    if (!s || s->mode != SUSPICION_VERIFYING)
        return;
    add_accuser(s, sender);
    bool partly = core_member(g, row)->partly;
    if (is_new) {
        s->ask_us = g->now_us;
        s->deadline_us = g->now_us + (partly ? REACH_CLEAR_DETECTS * core_ms(g->timing.detect_ms)
                                             : core_ms(g->timing.suspicion_max_ms));
    }
    /* Whoever is partly unreachable may be unable to answer; but neither will several believe that
     * it has failed if it has not. */
    if (partly && s->accusers_count >= several(g))
        s->deadline_us = g->now_us;
}

void suspicion_excuse(struct gossip *g, int64_t slept_us)
{
    for (uint32_t i = 0; i < g->suspicions.count; i++) {
        struct suspicion *s = &g->suspicions.all[i];
        s->slept_us += slept_us;
        s->deadline_us += slept_us;
    }
}

/* A member that had announced its leave, and is gone, has left. */
static void convict(struct gossip *g, uint32_t row)
{
    const struct member *m = core_member(g, row);
    view_set(g, row, m->incarnation, m->status == GOSSIP_LEAVING ? GOSSIP_LEFT : GOSSIP_FAILED);
}

/* Not yet: it counts what is seen from now on. Of one that was heard its observers hear the most,
 * and whoever else accuses it waits for what they say. */
static void look_again(const struct gossip *g, struct suspicion *s, bool heard)
{
    const struct edge *e = probe_edge(g, s->row);
    bool waits = s->mode == SUSPICION_OURS && !(e && probe_is_ring_edge(g, e));
    int64_t least_us = core_ms(g->timing.suspicion_min_ms);
    int64_t most_us = core_ms(g->timing.suspicion_max_ms);
    start_anew(g, s);
    s->heard |= heard;
    s->deadline_us = g->now_us + (s->heard || waits ? most_us : least_us);
    if (waits)
        s->deadline_us += least_us;
}

static void expire_ours(struct gossip *g, struct suspicion *s)
{
    const struct member *m = core_member(g, s->row);
    const struct edge *e = probe_edge(g, s->row);
    bool heard = probe_heard_since(g, s->row, s->started_us);
    bool looked_away = !e || e->opened_us > s->started_us;
    bool was_deaf = health_was_deaf(g, s->started_us) && member_live_count(&g->members) > 2;
    bool is_known = heard && (m->partly || reach_was_own_fault(g));
    if (looked_away || health_is_ill(g) || was_deaf || is_known) {
        if (looked_away)
            probe_look(g, s->row);
        look_again(g, s, heard);
    } else if (e->answered_us > s->started_us) {
        /* It lives; its contradiction must be on the way. */
        s->mode = SUSPICION_HEARD;
        start_anew(g, s);
        set_deadline(g, s);
    } else if (m->status == GOSSIP_SUSPECT && heard && s->heard) {
        reach_claim(g, s->row);
    } else if (m->status == GOSSIP_SUSPECT && heard) {
        look_again(g, s, true); /* one sign may be a late packet of the dead */
    } else {
        g->stats.convictions++;
        convict(g, s->row);
        probe_look_around(g);
    }
}

static void expire(struct gossip *g, struct suspicion *s)
{
    switch (s->mode) {
    case SUSPICION_OURS:
        expire_ours(g, s);
        return;
    case SUSPICION_HEARD:
        suspicion_verify(g, s->row, 0);
        return;
    case SUSPICION_VERIFYING:
        /* Who has just slept may have missed the answer; several will not all have. */
        if (probe_heard_since(g, s->row, s->started_us) ||
            (health_is_ill(g) && s->accusers_count < several(g)))
            look_again(g, s, false);
        else
            convict(g, s->row);
        return;
    }
}

/* By both ways: either may be blocked. */
static void ask(struct gossip *g, struct suspicion *s)
{
    int64_t asking_us = g->now_us - s->started_us;
    bool first = s->ask_us <= s->started_us;
    s->ask_us = g->now_us + core_max(core_ms(g->timing.suspicion_max_ms) / ASKS, asking_us / 2);
    if (!first && !probe_take_token(g))
        return;
    probe_ask(g, s->row, GOSSIP_DATAGRAM);
    probe_ask(g, s->row, GOSSIP_STREAM);
}

void suspicion_tick(struct gossip *g)
{
    /* From the end: a suspicion that ends is replaced by the last one, already looked at. */
    for (uint32_t i = g->suspicions.count; i > 0; i--) {
        struct suspicion *s = &g->suspicions.all[i - 1];
        if (g->now_us >= s->deadline_us)
            expire(g, s);
        else if (g->now_us >= s->ask_us)
            ask(g, s);
    }
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
