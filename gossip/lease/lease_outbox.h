/* lease_outbox: messages about leases, gathered in one call of the core: to one member, or to each
 * voter. Many fit a packet. They go by datagram, and to a member that answers on streams only
 * (member.h: by_stream) by stream too. */
#ifndef GOSSIP_LEASE_OUTBOX_H
#define GOSSIP_LEASE_OUTBOX_H

#include "gossip/wire.h"

struct lease_outbox_item {
    uint64_t to;    /* a member's key; 0: each voter but us */
    uint32_t conn;  /* an answer on the stream that the question came by; 0: no such */
    bool by_stream; /* by stream too, whatever is known of the member */
    struct wire_lease lease;
};

struct lease_outbox {
    struct lease_outbox_item *items;
    uint32_t count, capacity;
};

void lease_outbox_free(struct lease_outbox *out);

/* Adds a message; without memory it is lost, as by a network. by_stream: by stream too, for
 * datagrams may have been lost. */
void lease_outbox_push(struct gossip *g, uint64_t to, uint64_t name, const struct lease_message *m,
                       bool by_stream);
/* Adds an answer to what a member sent by that route: it goes back the same way. */
void lease_outbox_answer(struct gossip *g, uint64_t to, const struct gossip_route *from,
                         uint64_t name, const struct lease_message *m);
/* Sends what has gathered. */
void lease_outbox_flush(struct gossip *g);

#endif
