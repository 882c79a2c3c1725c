#include "agent/net/net.h"

#include "agent/base/address.h"
#include "agent/base/error.h"
#include "agent/base/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    LISTEN_BACKLOG = 256,
    BUFFER_BYTES =
        1 << 20,          /* rides out half a second of a busy cluster while we are not scheduled */
    SEGMENT_BYTES = 1220, /* 1,280 less the headers of IPv6 and TCP */
};

static const char *net_bind_advice(int reason)
{
    switch (reason) {
    case EADDRINUSE:
        return "another process has that port; stop it, or choose another port with bind";
    case EADDRNOTAVAIL:
        return "no interface of this host has that address; bind to one that `ip addr` shows";
    case EACCES:
        return "ports below 1024 need privileges; choose another port with bind";
    default:
        return "choose another address or port with bind";
    }
}

int net_family(const struct gossip_addr *addr, bool ipv6)
{
    return ipv6 || !address_is_ipv4(addr->ip) ? AF_INET6 : AF_INET;
}

bool net_source_suits(const uint8_t source[16], const struct gossip_addr *to)
{
    return !address_is_any(source) && address_is_ipv4(source) == address_is_ipv4(to->ip) &&
           (!address_is_loopback(source) || address_is_loopback(to->ip));
}

void net_limit_segments(int fd)
{
    setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &(int){SEGMENT_BYTES}, sizeof(int));
}

/* Both are asked for: older kernels know the first alone, and take it for IPv6 too. */
static void net_allow_absent(int fd, int family)
{
    int on = 1;
    setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof on);
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof on);
}

/* All families on one socket where the address is "any" in IPv6. */
static bool net_bind_socket(int fd, const struct gossip_addr *addr, int type, int family)
{
    struct sockaddr_storage sa;
    socklen_t len = address_to_socket(addr->ip, addr->port, family, &sa);
    int on = 1, off = 0, bytes = BUFFER_BYTES;
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (type == SOCK_STREAM) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        net_limit_segments(fd);
    } else {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    }
    return bind(fd, (struct sockaddr *)&sa, len) == 0 &&
           (type != SOCK_STREAM || listen(fd, LISTEN_BACKLOG) == 0);
}

static int net_open(const struct gossip_addr *addr, int type, bool ipv6, bool ahead, char *error)
{
    struct gossip_addr any6 = {.port = addr->port};
    int family = net_family(addr, ipv6);
    if (family == AF_INET6 && address_is_any(addr->ip))
        addr = &any6;
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && ahead)
        net_allow_absent(fd, family);
    if (fd >= 0 && net_bind_socket(fd, addr, type, family))
        return fd;
    int reason = errno;
    char text[ADDRESS_TEXT_BYTES];
    error_set(error, "cannot listen on %s (%s): %s; %s", address_text(addr->ip, addr->port, text),
              type == SOCK_STREAM ? "TCP" : "UDP", strerror(reason), net_bind_advice(reason));
    if (fd >= 0)
        close(fd);
    errno = reason;
    return -1;
}

int net_bind(const struct gossip_addr *addr, int type, bool ipv6, char *error)
{
    return net_open(addr, type, ipv6, false, error);
}

int net_bind_ahead(const struct gossip_addr *addr, int type, bool ipv6, char *error)
{
    char text[ADDRESS_TEXT_BYTES];
    int fd = net_open(addr, type, ipv6, false, error);
    if (fd >= 0 || errno != EADDRNOTAVAIL)
        return fd;
    fd = net_open(addr, type, ipv6, true, error);
    if (fd >= 0)
        log_warn("this host does not have the address of %s yet; answers there once it has",
                 address_text(addr->ip, addr->port, text));
    return fd;
}
