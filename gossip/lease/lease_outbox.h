/* lease_outbox: messages about leases, gathered in one call of the core: to one member, or to each
 * voter. Many fit a packet. */
#ifndef GOSSIP_LEASE_OUTBOX_H
#define GOSSIP_LEASE_OUTBOX_H

#include "gossip/wire.h"

struct lease_outbox_item {
    uint64_t to; /* a member's key; 0: each voter but us */
    struct wire_lease lease;
};

struct lease_outbox {
    struct lease_outbox_item *items;
    uint32_t count, capacity;
};

void lease_outbox_free(struct lease_outbox *out);

/* Adds a message; without memory it is lost, as by a network. */
void lease_outbox_push(struct gossip *g, uint64_t to, uint64_t name, const struct lease_message *m);
/* Sends what has gathered. */
void lease_outbox_flush(struct gossip *g);

#endif
