#include "gossip/detector/health.h"

#include "gossip/core.h"

enum {
    STALL_SHARE = 4,      /* a stall that counts: over a quarter of a ping period */
    DEGRADED_PERIODS = 2, /* ping periods to recover in, so that each edge was pinged anew */
};

bool health_is_degraded(const struct gossip *g)
{
    return !TUNING_LACKS(&g->tuning, health) && g->now_us < g->health.degraded_until_us;
}

bool health_is_isolated(const struct gossip *g)
{
    return !TUNING_LACKS(&g->tuning, health) &&
           g->now_us - g->health.received_us > core_ms(g->timing.ping_period_ms);
}

bool health_was_isolated(const struct gossip *g, int64_t since_us)
{
    return g->health.isolated_until_us > since_us && !health_is_isolated(g);
}

/* In the place of the same member, or else of the one that sent longest ago. */
void health_received(struct gossip *g, uint64_t key)
{
    struct health *h = &g->health;
    size_t at = 0;
    for (size_t i = 0; i < HEALTH_SENDERS && h->senders[at].key != key; i++)
        if (h->senders[i].key == key || h->senders[i].at_us < h->senders[at].at_us)
            at = i;
    if (health_is_isolated(g))
        h->isolated_until_us = g->now_us;
    h->senders[at].key = key;
    h->senders[at].at_us = h->received_us = g->now_us;
}

unsigned health_senders(const struct gossip *g)
{
    unsigned count = 0;
    for (size_t i = 0; i < HEALTH_SENDERS; i++)
        count += g->health.senders[i].key != 0 &&
                 g->now_us - g->health.senders[i].at_us < core_ms(g->timing.detect_ms);
    return count;
}

int64_t health_wake(struct gossip *g)
{
    int64_t late_us = g->now_us - g->deadline_us;
    if (late_us < HEALTH_LATE_US)
        return 0;
    int64_t period_us = core_ms(g->timing.ping_period_ms);
    if (late_us >= period_us / STALL_SHARE) {
        g->stats.stalls++;
        g->health.degraded_until_us = g->now_us + DEGRADED_PERIODS * period_us;
    }
    g->stats.stalled_ms += (uint64_t)(late_us / 1000);
    /* What follows in this turn is not late again. */
    g->deadline_us = g->now_us;
    return TUNING_LACKS(&g->tuning, health) ? 0 : late_us;
}
