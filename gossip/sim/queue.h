/* queue: what is going to happen on the virtual network, soonest first. */
#ifndef GOSSIP_SIM_QUEUE_H
#define GOSSIP_SIM_QUEUE_H

#include "gossip/gossip.h"

/* A packet arrives, or a node's deadline comes. */
struct happening {
    int64_t at_us;
    uint64_t order; /* of creation, so that the same run is the same run */
    uint32_t node;
    uint32_t len;
    uint8_t *bytes;           /* of a packet, owned; NULL: a deadline */
    struct gossip_route from; /* packets */
};

struct queue {
    struct happening *heap;
    size_t count, capacity;
    uint64_t order;
};

void queue_free(struct queue *q);
/* Takes the happening; returns the order it was given. */
uint64_t queue_push(struct queue *q, struct happening h);
/* When the soonest comes; INT64_MAX: nothing will. */
int64_t queue_next_us(const struct queue *q);
/* Takes the soonest out; there must be one. */
struct happening queue_pop(struct queue *q);

#endif
