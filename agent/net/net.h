/* net: sockets: addresses between the core's form and the kernel's, and the listeners. */
#ifndef MUSTER_NET_H
#define MUSTER_NET_H

#include "gossip/gossip.h"

#include <stdbool.h>
#include <sys/socket.h>

#define NET_ERROR_BYTES 512

/* The kernel's form of addr, for a socket of `family` (AF_INET or AF_INET6, where IPv4 is mapped).
 * Returns its length; 0: an IPv6 address has no form on an AF_INET socket. */
socklen_t net_sockaddr(const struct gossip_addr *addr, int family, struct sockaddr_storage *into);
/* And back. False: neither IPv4 nor IPv6. */
bool net_addr(const struct sockaddr_storage *from, struct gossip_addr *addr);

/* True for 0.0.0.0 and ::, mapped or not. */
bool net_is_any(const struct gossip_addr *addr);
bool net_is_ipv4(const struct gossip_addr *addr);

/* A non-blocking socket of `type` (SOCK_DGRAM, SOCK_STREAM; streams listening) bound to addr; the
 * family is AF_INET6, for both families, if `ipv6` or addr needs it. -1 with `error` filled
 * (NET_ERROR_BYTES), naming the address and what would do. */
int net_bind(const struct gossip_addr *addr, int type, bool ipv6, char *error);

/* An address of this host that others could reach, for one that listens on all: the first that is
 * up, no loopback before any loopback, the family of choice before the other; none of `others`,
 * whose ports do not count. Port untouched. */
void net_own_addr(bool ipv6, const struct gossip_addr *others, size_t others_count,
                  struct gossip_addr *addr);

#endif
