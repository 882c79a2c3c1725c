/* udp: the datagram socket, read and written in batches. */
#ifndef MUSTER_UDP_H
#define MUSTER_UDP_H

#include "gossip/gossip.h"

#include <stdbool.h>
#include <stddef.h>

/* Datagrams a system call. An agent is sent a dozen a second; a burst comes when many join at once,
 * or when garbage does. */
#define UDP_BATCH 16

struct agent;
struct udp;

/* Listens at addr. NULL with `error` filled (NET_ERROR_BYTES). */
struct udp *udp_new(struct agent *a, const struct gossip_addr *addr, bool ipv6, char *error);
void udp_free(struct udp *u);

/* Hands everything that waits to the core, up to a bound that keeps a flood from starving the rest
 * of the loop. Does not settle. */
void udp_drain(struct udp *u);

/* Queues a datagram; it leaves with the next flush, or earlier if the batch is full. */
void udp_send(struct udp *u, const struct gossip_packet *packet);
void udp_flush(struct udp *u);

#endif
