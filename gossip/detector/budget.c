#include "gossip/detector/budget.h"

#include "gossip/core.h"

#include <math.h>

void budget_init(struct gossip *g)
{
    g->budget = (struct budget){.tokens = g->tuning.tokens, .filled_us = g->now_us};
}

bool budget_take(struct gossip *g)
{
    struct budget *b = &g->budget;
    b->tokens += (double)(g->now_us - b->filled_us) * g->tuning.tokens_per_s / 1e6;
    b->tokens = fmin(b->tokens, g->tuning.tokens);
    b->filled_us = g->now_us;
    if (b->tokens < 1)
        return false;
    b->tokens -= 1;
    return true;
}
