#include "agent/net/net.h"

#include "agent/base/ip.h"
#include "agent/config/config.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    LISTEN_BACKLOG = 256,
    BUFFER_BYTES =
        1 << 20, /* rides out half a second of a busy cluster while we are not scheduled */
};

bool net_is_ipv4(const struct gossip_addr *addr)
{
    return ip_is_ipv4(addr->ip);
}

bool net_is_any(const struct gossip_addr *addr)
{
    static const uint8_t zero[16];
    return net_is_ipv4(addr) ? memcmp(addr->ip + 12, zero, 4) == 0
                             : memcmp(addr->ip, zero, 16) == 0;
}

socklen_t net_sockaddr(const struct gossip_addr *addr, int family, struct sockaddr_storage *into)
{
    memset(into, 0, sizeof *into);
    if (family == AF_INET6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)into;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(addr->port);
        memcpy(&in6->sin6_addr, addr->ip, 16);
        return sizeof *in6;
    }
    if (!net_is_ipv4(addr))
        return 0;
    struct sockaddr_in *in = (struct sockaddr_in *)into;
    in->sin_family = AF_INET;
    in->sin_port = htons(addr->port);
    memcpy(&in->sin_addr, addr->ip + 12, 4);
    return sizeof *in;
}

bool net_addr(const struct sockaddr_storage *from, struct gossip_addr *addr)
{
    if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
        memcpy(addr->ip, &in6->sin6_addr, 16);
        addr->port = ntohs(in6->sin6_port);
        return true;
    }
    if (from->ss_family != AF_INET)
        return false;
    const struct sockaddr_in *in = (const struct sockaddr_in *)from;
    memcpy(addr->ip, ip_mapped, sizeof ip_mapped);
    memcpy(addr->ip + 12, &in->sin_addr, 4);
    addr->port = ntohs(in->sin_port);
    return true;
}

static const char *bind_advice(int reason)
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

/* All families on one socket where the address is "any" in IPv6. */
static bool bind_socket(int fd, const struct gossip_addr *addr, int type, int family)
{
    struct sockaddr_storage sa;
    socklen_t len = net_sockaddr(addr, family, &sa);
    int on = 1, off = 0, bytes = BUFFER_BYTES;
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (type == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    else
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    return bind(fd, (struct sockaddr *)&sa, len) == 0 &&
           (type != SOCK_STREAM || listen(fd, LISTEN_BACKLOG) == 0);
}

int net_bind(const struct gossip_addr *addr, int type, bool ipv6, char *error)
{
    struct gossip_addr any6 = {.port = addr->port};
    int family = ipv6 || !net_is_ipv4(addr) ? AF_INET6 : AF_INET;
    if (family == AF_INET6 && net_is_any(addr))
        addr = &any6;
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind_socket(fd, addr, type, family))
        return fd;
    int reason = errno;
    char text[CONFIG_ADDR_TEXT_BYTES];
    snprintf(error, NET_ERROR_BYTES, "cannot listen on %s (%s): %s; %s",
             config_addr_text(addr, text), type == SOCK_STREAM ? "TCP" : "UDP", strerror(reason),
             bind_advice(reason));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* The higher the better; 0: of no use to others (down, link-local, or not an internet address). */
static int rank(const struct ifaddrs *i, bool ipv6, struct gossip_addr *addr)
{
    if (!i->ifa_addr || !(i->ifa_flags & IFF_UP))
        return 0;
    int family = i->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6)
        return 0;
    struct sockaddr_storage sa = {0};
    memcpy(&sa, i->ifa_addr,
           family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
    if (!net_addr(&sa, addr))
        return 0;
    if (family == AF_INET6 && addr->ip[0] == 0xfe && (addr->ip[1] & 0xc0) == 0x80)
        return 0;
    return 1 + ((family == AF_INET6) == ipv6) + (i->ifa_flags & IFF_LOOPBACK ? 0 : 2);
}

static bool is_among(const struct gossip_addr *addr, const struct gossip_addr *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(all[i].ip, addr->ip, sizeof addr->ip) == 0)
            return true;
    return false;
}

void net_own_addr(bool ipv6, const struct gossip_addr *others, size_t others_count,
                  struct gossip_addr *addr)
{
    struct ifaddrs *all = NULL;
    int best = 0;
    uint16_t port = addr->port;
    if (getifaddrs(&all) != 0)
        return;
    for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
        struct gossip_addr candidate;
        int r = rank(i, ipv6, &candidate);
        if (r <= best || is_among(&candidate, others, others_count))
            continue;
        best = r;
        *addr = candidate;
        addr->port = port;
    }
    freeifaddrs(all);
}
