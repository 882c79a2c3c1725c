/* udp: the datagram socket, read and written in batches. */
#ifndef MUSTER_UDP_H
#define MUSTER_UDP_H

#include "gossip/gossip.h"

#include <stdbool.h>
#include <stddef.h>

/* Datagrams a system call. An agent is sent a dozen a second; a burst comes when many join at once,
 * or when garbage does. */
#define UDP_BATCH 16

struct host;
struct udp;

/* Listens at addr, and is the host's transport for datagrams until it is freed. NULL with `error`
 * filled (ERROR_BYTES). */
struct udp *udp_new(struct host *host, const struct gossip_addr *addr, bool ipv6, char *error);
void udp_free(struct udp *u);

/* Where it listens on every address: an answer leaves from the address that its question came to,
 * and anything else from this one, which must be of this host; all zero: the kernel chooses. */
void udp_set_source(struct udp *u, const uint8_t ip[16]);

/* Hands everything that waits to the core, up to a bound that keeps a flood from starving the rest
 * of the loop. */
void udp_drain(struct udp *u);

/* Queues a datagram; it leaves with the next flush, or earlier if the batch is full. */
void udp_send(struct udp *u, const struct gossip_packet *packet);
void udp_flush(struct udp *u);

#endif
