/* history: the events that the cores of a virtual network published, in order. */
#ifndef GOSSIP_SIM_HISTORY_H
#define GOSSIP_SIM_HISTORY_H

#include "gossip/gossip.h"

struct net_event {
    int64_t at_us;
    uint32_t observer, subject; /* nodes; subject: NET_NOBODY if it is of none */
    uint32_t named;             /* the node whose name the subject bears */
    enum gossip_event_kind kind;
};

struct history {
    struct net_event *all; /* owned */
    size_t count, capacity;
};

void history_free(struct history *history);
void history_add(struct history *history, const struct net_event *event);

/* The word for a kind: "failed". Static storage. */
const char *history_kind_text(enum gossip_event_kind kind);

#endif
