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

#endif
