#include "gossip/health.h"

#include "gossip/core.h"

enum {
    STALL_SHARE = 4, /* a stall that counts: over a quarter of a ping period */
    ILL_PERIODS = 2, /* ping periods to recover in, so that each edge was heard anew */
};

bool health_is_ill(const struct gossip *g)
{
    return g->tuning.health > 0 && g->now_us < g->health.ill_until_us;
}

bool health_is_deaf(const struct gossip *g)
{
    return g->tuning.health > 0 && g->now_us - g->heard_us > core_ms(g->timing.ping_period_ms);
}

void health_wake(struct gossip *g)
{
    int64_t slept_us = g->now_us - g->deadline_us;
    if (slept_us < HEALTH_LATE_US)
        return;
    int64_t period_us = core_ms(g->timing.ping_period_ms);
    if (g->tuning.health > 0) {
        probe_excuse(g, slept_us);
        suspicion_excuse(g, slept_us);
    }
    if (slept_us >= period_us / STALL_SHARE) {
        g->stats.stalls++;
        g->health.ill_until_us = g->now_us + ILL_PERIODS * period_us;
    }
    g->stats.stalled_ms += (uint64_t)(slept_us / 1000);
    /* What follows in this turn is not late again. */
    g->deadline_us = g->now_us;
}
