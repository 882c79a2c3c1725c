/* budget: a token bucket for the packets that are sent because answers are missing, so that a
 * brown-out of the network is not amplified. */
#ifndef GOSSIP_BUDGET_H
#define GOSSIP_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct gossip;

struct budget {
    double tokens;
    int64_t filled_us; /* when `tokens` was last brought up to date */
};

/* A full bucket. */
void budget_init(struct gossip *g);
/* Takes one packet's token. False: the bucket is empty, and the packet must not be sent. */
bool budget_take(struct gossip *g);

#endif
