/* stream: TCP between agents, for what does not fit a datagram and for where datagrams do not pass.
 * A frame is its length (4 bytes, big-endian) and one message of the core. */
#ifndef MUSTER_STREAM_H
#define MUSTER_STREAM_H

#include "gossip/gossip.h"

#include <stdbool.h>

#define STREAM_CONNECTIONS_MAX 256
/* Of these, from others: so that however many connect, this agent can still connect itself. */
#define STREAM_INCOMING_MAX 192
/* Of these, from one address: several agents may run on one host; a stranger gets no more. */
#define STREAM_INCOMING_OF_ONE_MAX 64
#define STREAM_IDLE_S 10   /* a connection on which nothing moves is closed */
#define STREAM_REST_MS 500 /* until the next accept, when the process has no descriptor left */
#define STREAM_PENDING_BYTES_MAX                                                                   \
    (16 << 20) /* more than any cluster's whole state; then it is cut */

struct host;
struct stream;

/* Listens at addr, and is the host's transport for streams until it is freed. NULL with `error`
 * filled (ERROR_BYTES). */
struct stream *stream_new(struct host *host, const struct gossip_addr *addr, bool ipv6,
                          char *error);
/* NULL: nothing. */
void stream_free(struct stream *s);

/* As udp_set_source, for connections to others. Those that left from another address are closed: it
 * may be gone, and what is sent on them lost. */
void stream_set_source(struct stream *s, const uint8_t ip[16]);

/* Sends a frame on packet->route.conn, or on a connection to its address, made if there is none. */
void stream_send(struct stream *s, const struct gossip_packet *packet);

/* Hands every frame that waits in the sockets to the core, those of connections that were not
 * accepted yet too, up to a bound that keeps a flood from starving the rest of the loop. */
void stream_drain(struct stream *s);

#endif
