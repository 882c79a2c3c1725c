/* told: the events that the cores of a virtual network have told, in order. */
#ifndef GOSSIP_SIM_TOLD_H
#define GOSSIP_SIM_TOLD_H

#include "gossip/gossip.h"

struct net_told {
    int64_t at_us;
    uint32_t teller, subject; /* nodes; subject: NET_NOBODY if it is of none */
    uint32_t named;           /* whose name the subject bears */
    enum gossip_event_kind kind;
};

struct told {
    struct net_told *all; /* owned */
    size_t count, capacity;
};

void told_free(struct told *told);
void told_add(struct told *told, const struct net_told *event);

/* The word for a kind: "failed". Static storage. */
const char *told_kind_text(enum gossip_event_kind kind);

#endif
