/* lease_out: what is to be said of leases, gathered in one call of the core: to one member, or to
 * each voter. Many fit a packet. */
#ifndef GOSSIP_LEASE_OUT_H
#define GOSSIP_LEASE_OUT_H

#include "gossip/wire.h"

struct lease_item {
    uint64_t to; /* a member's key; 0: each voter but us */
    struct wire_lease lease;
};

struct lease_out {
    struct lease_item *items;
    uint32_t count, capacity;
};

void lease_out_free(struct lease_out *out);

/* Lost if there is no memory, as by a network. */
void lease_out_push(struct gossip *g, uint64_t to, uint64_t name, const struct lease_message *m);
/* Sends what has gathered. */
void lease_out_flush(struct gossip *g);

#endif
