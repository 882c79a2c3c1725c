#include "gossip/detector/health.h"

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
    return g->tuning.health > 0 &&
           g->now_us - g->health.heard_us > core_ms(g->timing.ping_period_ms);
}

bool health_was_deaf(const struct gossip *g, int64_t since_us)
{
    return g->health.deaf_until_us > since_us && !health_is_deaf(g);
}

/* In the place of the same member, or else of the one that was heard longest ago. */
void health_heard(struct gossip *g, uint64_t key)
{
    struct health *h = &g->health;
    size_t at = 0;
    for (size_t i = 0; i < HEALTH_HEARD && h->heard[at].key != key; i++)
        if (h->heard[i].key == key || h->heard[i].at_us < h->heard[at].at_us)
            at = i;
    if (health_is_deaf(g))
        h->deaf_until_us = g->now_us;
    h->heard[at].key = key;
    h->heard[at].at_us = h->heard_us = g->now_us;
}

unsigned health_hears(const struct gossip *g)
{
    unsigned count = 0;
    for (size_t i = 0; i < HEALTH_HEARD; i++)
        count += g->health.heard[i].key != 0 &&
                 g->now_us - g->health.heard[i].at_us < core_ms(g->timing.detect_ms);
    return count;
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
