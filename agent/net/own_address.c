#include "agent/net/own_address.h"

#include "agent/base/address.h"
#include "agent/base/array.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- reading ---- */

static bool own_from_kernel(const struct ifaddrs *i, struct own_address *into)
{
    struct sockaddr_storage sa = {0};
    uint16_t port;
    int family = i->ifa_addr ? i->ifa_addr->sa_family : AF_UNSPEC;
    if (family != AF_INET && family != AF_INET6)
        return false;
    memcpy(&sa, i->ifa_addr,
           family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
    *into = (struct own_address){.running = (i->ifa_flags & IFF_UP) && (i->ifa_flags & IFF_RUNNING),
                                 .loopback = i->ifa_flags & IFF_LOOPBACK};
    memcpy(into->interface, i->ifa_name, strnlen(i->ifa_name, IF_NAMESIZE - 1));
    return address_from_socket(&sa, into->ip, &port);
}

bool own_addresses_read(struct own_addresses *o)
{
    struct ifaddrs *all = NULL;
    bool ok = getifaddrs(&all) == 0;
    o->count = 0;
    for (const struct ifaddrs *i = all; ok && i; i = i->ifa_next) {
        ok = ARRAY_RESERVE(o->all, o->capacity, o->count + 1);
        o->count += ok && own_from_kernel(i, &o->all[o->count]);
    }
    freeifaddrs(all);
    o->count = ok ? o->count : 0;
    return ok;
}

void own_addresses_free(struct own_addresses *o)
{
    free(o->all);
    *o = (struct own_addresses){.count = 0};
}

static const struct own_address *own_find(const struct own_addresses *o, const uint8_t *ip)
{
    for (size_t i = 0; i < o->count; i++)
        if (memcmp(o->all[i].ip, ip, ADDRESS_IP_BYTES) == 0)
            return &o->all[i];
    return NULL;
}

bool own_addresses_have(const struct own_addresses *o, const uint8_t ip[ADDRESS_IP_BYTES])
{
    return own_find(o, ip);
}

/* ---- which of them can be meant ---- */

static bool own_is_vip(const struct config *c, const uint8_t *ip)
{
    for (size_t i = 0; i < c->vips_count; i++)
        for (size_t j = 0; j < c->vips[i].addresses_count; j++)
            if (memcmp(c->vips[i].addresses[j].ip, ip, ADDRESS_IP_BYTES) == 0)
                return true;
    return false;
}

static bool own_is_taken(const struct own_choice *choice, const uint8_t *ip)
{
    for (size_t i = 0; i < choice->taken_count; i++)
        if (choice->taken[i].port == choice->config->bind.port &&
            memcmp(choice->taken[i].ip, ip, ADDRESS_IP_BYTES) == 0)
            return true;
    return false;
}

/* An IPv4 socket reaches IPv4 hosts only. */
static bool own_is_usable(const struct own_choice *choice, const uint8_t *ip)
{
    const struct own_address *a = own_find(choice->own, ip);
    return a && a->running && !address_is_link_local(ip) &&
           (choice->config->bind_where.ipv6 || address_is_ipv4(ip)) &&
           !own_is_vip(choice->config, ip) && !own_is_taken(choice, ip);
}

/* The first of its kind; of an interface with both families, IPv4. */
static const struct own_address *own_find_where(const struct own_choice *choice,
                                                const struct gossip_addr *network,
                                                const struct config_where *where)
{
    const struct own_address *found = NULL;
    for (size_t i = 0; i < choice->own->count; i++) {
        const struct own_address *a = &choice->own->all[i];
        bool fits =
            where->network_bits > 0
                ? address_same_network(a->ip, network->ip, where->network_bits)
                : strcmp(a->interface, where->interface) == 0 && !address_is_link_local(a->ip);
        if (!fits || own_is_vip(choice->config, a->ip))
            continue;
        if (!found || (address_is_ipv4(a->ip) && !address_is_ipv4(found->ip)))
            found = a;
    }
    return found;
}

static bool own_resolve(const struct own_choice *choice, const struct gossip_addr *given,
                        const struct config_where *where, struct gossip_addr *into)
{
    if (where->network_bits == 0 && where->interface[0] == '\0') {
        *into = *given;
        return true;
    }
    const struct own_address *a = own_find_where(choice, given, where);
    if (!a)
        return false;
    memcpy(into->ip, a->ip, sizeof into->ip);
    into->port = given->port;
    return true;
}

bool own_address_bind(const struct own_choice *choice, struct gossip_addr *bind)
{
    const struct config *c = choice->config;
    return own_resolve(choice, &c->bind, &c->bind_where, bind);
}

/* ---- what others should know ---- */

/* Towards one of the hosts. A loopback address is one for whom loopback addresses are joined. */
static bool own_source_fits(const struct own_choice *choice, const struct gossip_addr *to,
                            uint8_t *ip)
{
    if (!choice->source(to, choice->config->bind_where.ipv6, ip) || !own_is_usable(choice, ip))
        return false;
    return !address_is_loopback(ip) || (to && address_is_loopback(to->ip));
}

/* True: the address in force is right towards one of them, or nothing is known of any. */
static bool own_stays(const struct own_choice *choice, const struct gossip_addr *addr)
{
    uint8_t ip[ADDRESS_IP_BYTES];
    bool any = false;
    if (!own_is_usable(choice, addr->ip))
        return false;
    for (size_t i = 0; i < choice->towards_count; i++) {
        if (!own_source_fits(choice, &choice->towards[i], ip))
            continue;
        any = true;
        if (memcmp(ip, addr->ip, sizeof ip) == 0)
            return true;
    }
    return !any && !address_is_loopback(addr->ip);
}

static bool own_find_best(const struct own_choice *choice, uint8_t *ip)
{
    for (size_t i = 0; i < choice->towards_count; i++)
        if (own_source_fits(choice, &choice->towards[i], ip))
            return true;
    if (own_source_fits(choice, NULL, ip))
        return true;
    for (size_t i = 0; i < choice->own->count; i++) {
        const struct own_address *a = &choice->own->all[i];
        memcpy(ip, a->ip, sizeof a->ip);
        if (!a->loopback && own_is_usable(choice, ip))
            return true;
    }
    return false;
}

bool own_address_advertise(const struct own_choice *choice, struct gossip_addr *addr)
{
    const struct config *c = choice->config;
    struct gossip_addr found = {.port = c->bind.port};
    bool given = !address_is_any(c->advertise.ip) || c->advertise_where.interface[0] != '\0';
    if (given)
        return own_resolve(choice, &c->advertise, &c->advertise_where, addr);
    if (!own_address_bind(choice, &found))
        return false;
    if (address_is_any(found.ip) && own_stays(choice, addr))
        return true;
    if (address_is_any(found.ip) && !own_find_best(choice, found.ip))
        return false;
    *addr = found;
    return true;
}

bool own_address_source(const struct gossip_addr *to, bool ipv6, uint8_t ip[ADDRESS_IP_BYTES])
{
    /* A UDP socket that is connected sends nothing. These are for documentation (RFC 5737, RFC
     * 3849): only the default route leads there. */
    struct gossip_addr away = {.port = 9};
    address_parse(ipv6 ? "2001:db8::1" : "192.0.2.1", away.ip, &away.port);
    struct sockaddr_storage sa;
    int family = address_is_ipv4(to ? to->ip : away.ip) ? AF_INET : AF_INET6;
    socklen_t bytes = address_to_socket(to ? to->ip : away.ip, 9, family, &sa);
    uint16_t port;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && bytes > 0 && connect(fd, (struct sockaddr *)&sa, bytes) == 0;
    bytes = sizeof sa;
    ok = ok && getsockname(fd, (struct sockaddr *)&sa, &bytes) == 0 &&
         address_from_socket(&sa, ip, &port);
    if (fd >= 0)
        close(fd);
    return ok;
}
