#include "gossip/membership/join.h"

#include "gossip/core.h"
#include "gossip/membership/profile.h"

enum {
    ASKING = 4, /* members that ask a dead one, in each period */
    ASKED_ALONE = 4,
    DRAWS_MAX = 64,
    RECENT_MS = 10000, /* that the rest of a large state may take */
};

enum gossip_error gossip_join(struct gossip *g, int64_t now_us, const struct gossip_addr *addr)
{
    struct joins *j = &g->joins;
    struct gossip_profile probe = {.addr = *addr, .name = "x"};
    if (profile_check(&probe) != GOSSIP_OK)
        return GOSSIP_ERROR_ADDRESS;
    if (core_is_leaving(g))
        return GOSSIP_ERROR_LEAVING;
    for (uint32_t i = 0; i < j->count; i++)
        if (profile_addr_equal(&j->targets[i].addr, addr))
            return GOSSIP_OK;
    if (j->count == GOSSIP_JOINS_MAX)
        return GOSSIP_ERROR_FULL;
    j->targets[j->count++] = (struct join_target){*addr, proof_nonce(g), 0, now_us};
    g->deadline_us = core_min(g->deadline_us, now_us);
    return GOSSIP_OK;
}

static void join_drop(struct joins *j, uint32_t at)
{
    j->targets[at] = j->targets[--j->count];
}

void gossip_join_stop(struct gossip *g, const struct gossip_addr *addr)
{
    for (uint32_t i = 0; i < g->joins.count; i++)
        if (profile_addr_equal(&g->joins.targets[i].addr, addr)) {
            join_drop(&g->joins, i);
            return;
        }
}

struct join_target *join_target_of(struct gossip *g, uint64_t token)
{
    struct joins *j = &g->joins;
    for (uint32_t i = 0; i < j->count; i++)
        if (j->targets[i].token == token)
            return &j->targets[i];
    return NULL;
}

bool join_is_token(const struct gossip *g, uint64_t token)
{
    const struct joins *j = &g->joins;
    for (uint32_t i = 0; i < j->count; i++)
        if (j->targets[i].token == token)
            return true;
    for (unsigned i = 0; i < JOIN_RECENT_MAX; i++)
        if (j->recent[i].token == token && g->now_us < j->recent[i].until_us)
            return true;
    return false;
}

void join_answered(struct gossip *g, uint64_t token, uint64_t by)
{
    struct joins *j = &g->joins;
    const struct member *self = by == g->key ? core_member(g, g->self) : NULL;
    struct join_target *t = join_target_of(g, token);
    if (!t)
        return;
    unsigned at = j->recent_at++ % JOIN_RECENT_MAX;
    j->recent[at].token = token;
    j->recent[at].until_us = g->now_us + core_ms(RECENT_MS);
    outbox_event(g, GOSSIP_EVENT_JOINED, self, &t->addr);
    join_drop(j, (uint32_t)(t - j->targets));
}

void join_send(struct gossip *g, const struct gossip_addr *addr, enum gossip_via via,
               uint64_t token, uint64_t cookie)
{
    const struct gossip_route to = {.addr = *addr, .via = via};
    struct wire_writer w = outbox_begin(g, WIRE_JOIN, via);
    wire_put(&w, token, 8);
    wire_put(&w, cookie, 8);
    wire_put_full(&w, core_member(g, g->self), g->now_us);
    outbox_send(g, &to, &w);
}

static int64_t join_retry_us(struct gossip *g, unsigned tries)
{
    int64_t ms = JOIN_RETRY_MS_MAX;
    if (tries < 5)
        ms = core_min(ms, (int64_t)JOIN_RETRY_MS_MIN << tries);
    return core_ms((uint32_t)ms) * 3 / 4 + rng_below(&g->rng, (uint32_t)ms * 500);
}

/* By turns as a datagram and by stream: a firewall may pass only one of them. */
static void join_try(struct gossip *g, struct join_target *t)
{
    join_send(g, &t->addr, t->tries % 2 ? GOSSIP_STREAM : GOSSIP_DATAGRAM, t->token, 0);
    t->next_us = g->now_us + join_retry_us(g, t->tries);
    t->tries++;
}

static bool rejoin_may_live(const struct member *m)
{
    return m->profile &&
           (m->status == GOSSIP_FAILED || (m->status == GOSSIP_LEFT && m->force_left));
}

/* Of the dead, each is asked by ASKING members or so in every period, however many members there
 * are: we draw enough slots that one may live by that chance, and ask the first that may. As
 * nobody asks more than one in a period, each is asked less often where the dead are many. */
static void rejoin_one(struct gossip *g)
{
    const struct member_table *t = &g->members;
    uint32_t draws = 1 + ASKING * t->used / member_live_count(t);
    for (draws = draws < DRAWS_MAX ? draws : DRAWS_MAX; draws > 0; draws--) {
        uint32_t slot = rng_below(&g->rng, t->used);
        if (!rejoin_may_live(core_member(g, slot)))
            continue;
        /* By turns, as any join. */
        spread_challenge(g, slot, g->joins.redials++ % 2 ? GOSSIP_STREAM : GOSSIP_DATAGRAM);
        return;
    }
}

/* The dead are not in the view's hash. So a random member is sent our fact about one that failed,
 * and answers if that one has left, or lives. */
static void rejoin_compare(struct gossip *g)
{
    uint32_t start = rng_below(&g->rng, g->members.used);
    uint32_t other = member_random_live(&g->members, &g->rng, g->self);
    if (other == MEMBER_NONE)
        return;
    for (uint32_t i = 0; i < g->members.used; i++) {
        uint32_t slot = (start + i) % g->members.used;
        const struct member *m = core_member(g, slot);
        if (!m->profile || m->status != GOSSIP_FAILED || m->undisseminated)
            continue;
        struct gossip_route to = outbox_to(core_member(g, other));
        spread_send(g, &to, &slot, 1);
        return;
    }
}

static void rejoin_tick(struct gossip *g)
{
    const uint32_t *by_status = g->members.by_status;
    g->joins.redial_us = g->now_us + core_ms(g->timing.redial_period_ms);
    if (core_is_leaving(g))
        return;
    /* A member alone has no other work; and if it is only isolated, others see that it runs. */
    int count = member_live_count(&g->members) > 1 ? 1 : ASKED_ALONE;
    for (int i = 0; i < count && by_status[GOSSIP_FAILED] + by_status[GOSSIP_LEFT] > 0; i++)
        rejoin_one(g);
    if (by_status[GOSSIP_FAILED] > 0)
        rejoin_compare(g);
}

void join_tick(struct gossip *g)
{
    struct joins *j = &g->joins;
    for (uint32_t i = 0; i < j->count; i++)
        if (g->now_us >= j->targets[i].next_us)
            join_try(g, &j->targets[i]);
    if (g->now_us >= j->redial_us)
        rejoin_tick(g);
}

int64_t join_deadline(const struct gossip *g)
{
    int64_t deadline_us = g->joins.redial_us;
    for (uint32_t i = 0; i < g->joins.count; i++)
        deadline_us = core_min(deadline_us, g->joins.targets[i].next_us);
    return deadline_us;
}
