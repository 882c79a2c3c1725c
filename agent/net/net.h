/* net: sockets: addresses between the core's form and the kernel's, and the listeners. */
#ifndef MUSTER_NET_H
#define MUSTER_NET_H

#include "agent/base/error.h"
#include "agent/config/vip_spec.h"
#include "gossip/gossip.h"

#include <stdbool.h>
#include <sys/socket.h>

/* A non-blocking socket of `type` (SOCK_DGRAM, SOCK_STREAM; streams listening) bound to addr; the
 * family is AF_INET6, for both families, if `ipv6` or addr needs it. -1 with `error` filled
 * (ERROR_BYTES), naming the address and what would do. */
int net_bind(const struct gossip_addr *addr, int type, bool ipv6, char *error);

/* An address of this host that others could reach, for one that listens on all: the first that is
 * up, no loopback before any loopback, the family of choice before the other; none of the vips',
 * as one may still be configured here from an earlier run. Port untouched. */
void net_own_addr(bool ipv6, const struct vip_spec *vips, size_t vips_count,
                  struct gossip_addr *addr);

#endif
