/* outbox: packets to send and events, kept for the host until it drains them. */
#ifndef GOSSIP_OUTBOX_H
#define GOSSIP_OUTBOX_H

#include "gossip/wire.h"

/* Room for more than this gives its memory back once it is drained. */
enum { OUTBOX_BYTES_KEPT = 16384, OUTBOX_EVENTS_KEPT = 64 };

/* Packets lie back to back in `bytes`, each behind a struct outbox_packet. */
struct outbox {
    uint8_t *bytes;
    size_t bytes_read, bytes_used, bytes_capacity;
    struct gossip_event *events;
    size_t events_read, events_used, events_capacity;
    const struct gossip_profile *event_profile; /* held for the event taken out last */
};

void outbox_init(struct outbox *o);
void outbox_free(struct outbox *o);

/* A packet with our header, in a buffer that holds until the next packet is begun. */
struct wire_writer outbox_begin(struct gossip *g, enum wire_kind kind, enum gossip_via via);
/* Queues what was written. Out of memory drops it, as a network might. */
void outbox_send(struct gossip *g, const struct gossip_route *route, const struct wire_writer *w);
/* To where a member listens, as a datagram. */
struct gossip_route outbox_to(const struct member *m);

void outbox_event(struct gossip *g, enum gossip_event_kind kind, const struct member *m,
                  const struct gossip_addr *addr);

#endif
