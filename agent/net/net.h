/* net: sockets: addresses between the core's form and the kernel's, and the listeners. */
#ifndef MUSTER_NET_H
#define MUSTER_NET_H

#include "agent/base/error.h"
#include "gossip/gossip.h"

#include <stdbool.h>
#include <sys/socket.h>

/* A non-blocking socket of `type` (SOCK_DGRAM, SOCK_STREAM; streams listening) bound to addr; the
 * family is AF_INET6, for both families, if `ipv6` or addr needs it. -1 with `error` filled
 * (ERROR_BYTES), naming the address and what would do, and errno: EADDRNOTAVAIL, this host does not
 * have the address. */
int net_bind(const struct gossip_addr *addr, int type, bool ipv6, char *error);
/* The same, also for a listener at an address that this host gets later (IP_FREEBIND): its port is
 * taken from now on, and clients are answered once the address is there. */
int net_bind_ahead(const struct gossip_addr *addr, int type, bool ipv6, char *error);
/* AF_INET or AF_INET6, as net_bind chooses. */
int net_family(const struct gossip_addr *addr, bool ipv6);

/* True if what is sent to `to` may leave from `source`: an address of the same family, and no
 * loopback address unless `to` is one. */
bool net_source_suits(const uint8_t source[16], const struct gossip_addr *to);

/* For a TCP socket before it connects or listens: with all headers, its segments and the other
 * side's are no longer than IPv6's least MTU. A path may lose longer ones without a word. */
void net_limit_segments(int fd);

#endif
