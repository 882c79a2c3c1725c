#include "agent/net/endpoint.h"

#include "agent/base/address.h"
#include "agent/base/log.h"
#include "agent/net/attempts.h"
#include "agent/net/own_address.h"
#include "agent/net/stream.h"
#include "agent/net/udp.h"
#include "agent/state/store.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    WAITING_MS = 500,    /* between two looks while it cannot listen; the kernel tells sooner */
    FOLLOWING_MS = 3000, /* ... while it listens: members that joined may show a better address */
    CALM_MS = 50,        /* a change of addresses seldom comes alone */
    TAKEN_MAX = GOSSIP_MEMBERS_MAX,
    LOOKED_UP_MAX = CONFIG_JOINS_MAX,
};

static const char endpoint_no_address[] = "this host has no address yet that others could reach";

struct endpoint {
    struct host *host;
    struct attempts *attempts;
    struct udp *udp;
    struct stream *stream;
    struct gossip_addr bound; /* as long as there are sockets */
    int changes_fd;           /* rtnetlink: addresses and links; -1: the timer must do */
    struct event *changes, *timer;
    struct own_addresses own;
    struct gossip_addr towards[STORE_PEERS_MAX + CONFIG_JOINS_MAX + LOOKED_UP_MAX];
    struct gossip_addr *taken; /* TAKEN_MAX */
    char waits[ERROR_BYTES];
    bool has_no_address;              /* that others could reach */
    uint8_t seen[ADDRESS_IP_BYTES];   /* the last that was warned of */
    uint8_t shared[ADDRESS_IP_BYTES]; /* likewise */
};

/* ---- what the choice depends on ---- */

/* Hosts to join that are given as numbers; names are looked up by the attempts. */
static size_t endpoint_add_joins(const struct config *c, struct gossip_addr *into)
{
    size_t count = 0;
    for (size_t i = 0; i < c->join_count; i++)
        count += address_parse(c->join[i], into[count].ip, &into[count].port);
    return count;
}

static bool endpoint_is_other(const struct gossip_member *m, const struct gossip_profile *self)
{
    return m->status <= GOSSIP_SUSPECT && m->profile != self;
}

static struct own_choice endpoint_choice(struct endpoint *e)
{
    const struct config *c = host_config(e->host);
    const struct gossip *g = host_view(e->host);
    const struct gossip_profile *self = gossip_self(g).profile;
    struct own_choice choice = {.config = c,
                                .own = &e->own,
                                .towards = e->towards,
                                .taken = e->taken,
                                .source = own_address_source};
    struct gossip_member m;
    for (size_t cursor = 0; gossip_next_member(g, &cursor, &m);) {
        if (!endpoint_is_other(&m, self))
            continue;
        if (choice.towards_count < STORE_PEERS_MAX)
            e->towards[choice.towards_count++] = m.profile->addr;
        if (choice.taken_count < TAKEN_MAX)
            e->taken[choice.taken_count++] = m.profile->addr;
    }
    choice.towards_count += endpoint_add_joins(c, e->towards + choice.towards_count);
    if (e->attempts)
        choice.towards_count +=
            attempts_addresses(e->attempts, e->towards + choice.towards_count, LOOKED_UP_MAX);
    own_addresses_read(&e->own);
    return choice;
}

void endpoint_first_addr(const struct config *c, struct gossip_addr *addr)
{
    struct gossip_addr towards[CONFIG_JOINS_MAX];
    struct own_addresses own = {.count = 0};
    struct own_choice choice = {
        .config = c, .own = &own, .towards = towards, .source = own_address_source};
    choice.towards_count = endpoint_add_joins(c, towards);
    own_addresses_read(&own);
    *addr = (struct gossip_addr){.port = c->bind.port};
    if (!own_address_advertise(&choice, addr))
        address_parse(c->bind_where.ipv6 ? "::1" : "127.0.0.1", addr->ip, &addr->port);
    own_addresses_free(&own);
}

/* ---- listening ---- */

static void endpoint_close(struct endpoint *e)
{
    stream_free(e->stream);
    udp_free(e->udp);
    e->stream = NULL;
    e->udp = NULL;
}

static void endpoint_wait(struct endpoint *e, const char *why)
{
    if (strcmp(e->waits, why) == 0)
        return;
    snprintf(e->waits, sizeof e->waits, "%s", why);
    log_warn("%s; waits for it", why);
}

/* False: with `error`, and *may_come: it may help to wait. */
static bool endpoint_open(struct endpoint *e, const struct gossip_addr *bind, char *error,
                          bool *may_come)
{
    bool ipv6 = host_config(e->host)->bind_where.ipv6;
    e->udp = udp_new(e->host, bind, ipv6, error);
    e->stream = e->udp ? stream_new(e->host, bind, ipv6, error) : NULL;
    *may_come = errno == EADDRNOTAVAIL;
    if (e->stream) {
        e->bound = *bind;
        return true;
    }
    endpoint_close(e);
    return false;
}

static void endpoint_describe_wait(const struct config *c, char *into)
{
    char text[ADDRESS_TEXT_BYTES];
    address_ip_text(c->bind.ip, text);
    if (c->bind_where.interface[0] != '\0')
        snprintf(into, ERROR_BYTES, "bind: interface %s has no address", c->bind_where.interface);
    else if (c->bind_where.network_bits > 0)
        snprintf(into, ERROR_BYTES, "bind: this host has no address in %s/%u", text,
                 c->bind_where.network_bits);
    else
        snprintf(into, ERROR_BYTES, "bind: this host does not have the address %s", text);
}

/* Listens where it should. False: it cannot, and waiting does not help. */
static bool endpoint_listen(struct endpoint *e, const struct own_choice *choice, char *error)
{
    struct gossip_addr bind = choice->config->bind;
    char why[ERROR_BYTES];
    bool may_come = true, there = own_address_bind(choice, &bind);
    endpoint_describe_wait(choice->config, why);
    if (e->udp && (!there || memcmp(&bind, &e->bound, sizeof bind) == 0))
        return true;
    endpoint_close(e);
    if (there && endpoint_open(e, &bind, error, &may_come)) {
        if (e->waits[0] != '\0')
            log_info("bind: listens at %s", address_text(bind.ip, bind.port, why));
        e->waits[0] = '\0';
        return true;
    }
    if (may_come)
        endpoint_wait(e, why);
    return may_come;
}

/* ---- the address that others know ---- */

/* Members do not know the new address: some of them must be asked. */
static void endpoint_rejoin(struct endpoint *e, const struct own_choice *choice)
{
    size_t count = choice->taken_count < STORE_PEERS_MAX ? choice->taken_count : STORE_PEERS_MAX;
    if (e->attempts && count > 0)
        attempts_peers(e->attempts, choice->taken, count);
}

/* Where all hosts to join are at loopback addresses, the whole cluster is on this host. */
static bool endpoint_needs_others(const struct config *c)
{
    for (size_t i = 0; i < c->join_count; i++) {
        struct gossip_addr addr;
        if (!address_parse(c->join[i], addr.ip, &addr.port) || !address_is_loopback(addr.ip))
            return true;
    }
    return false;
}

static void endpoint_note_address(struct endpoint *e, bool has)
{
    bool lacks = !has && endpoint_needs_others(host_config(e->host));
    if (lacks && !e->has_no_address)
        log_warn("%s; waits for one", endpoint_no_address);
    e->has_no_address = lacks;
}

/* Each host may have such an address, as that of a bridge for containers; or it is a mistake. */
static void endpoint_note_shared(struct endpoint *e, const struct own_choice *choice)
{
    char text[ADDRESS_TEXT_BYTES];
    for (size_t i = 0; i < choice->taken_count; i++) {
        const struct gossip_addr *other = &choice->taken[i];
        if (other->port != choice->config->bind.port || address_is_loopback(other->ip) ||
            !own_addresses_have(choice->own, other->ip) ||
            memcmp(e->shared, other->ip, sizeof e->shared) == 0)
            continue;
        memcpy(e->shared, other->ip, sizeof e->shared);
        log_warn("%s is an address of this host, and another member publishes it as its own; give "
                 "each host an address of its own by bind or advertise",
                 address_ip_text(other->ip, text));
        return;
    }
}

static void endpoint_advertise(struct endpoint *e, const struct own_choice *choice)
{
    struct gossip_addr before = gossip_self(host_view(e->host)).profile->addr, addr = before;
    char was[ADDRESS_TEXT_BYTES], is[ADDRESS_TEXT_BYTES];
    bool has = own_address_advertise(choice, &addr);
    endpoint_note_shared(e, choice);
    endpoint_note_address(e, has || e->waits[0] != '\0');
    if (!has || memcmp(&addr, &before, sizeof addr) == 0 ||
        gossip_set_addr(host_core(e->host), host_now_us(), &addr) != GOSSIP_OK)
        return;
    log_info("the address of this member is %s now; it was %s",
             address_text(addr.ip, addr.port, is), address_text(before.ip, before.port, was));
    endpoint_rejoin(e, choice);
}

/* What others know as our address is also where our packets come from, if this host has it: behind
 * a translation of addresses it has not, and the kernel chooses. */
static void endpoint_set_source(struct endpoint *e)
{
    static const uint8_t none[ADDRESS_IP_BYTES];
    const uint8_t *ip = gossip_self(host_view(e->host)).profile->addr.ip;
    if (!own_addresses_have(&e->own, ip))
        ip = none;
    if (e->udp) {
        udp_set_source(e->udp, ip);
        stream_set_source(e->stream, ip);
    }
}

/* A wrong advertise, or a translation of addresses on the way. */
static void endpoint_on_seen(void *arg, const struct gossip_event *event)
{
    struct endpoint *e = arg;
    char seen[ADDRESS_TEXT_BYTES], own[ADDRESS_TEXT_BYTES];
    const uint8_t *ip = event->addr.ip;
    if (memcmp(e->seen, ip, sizeof e->seen) == 0)
        return;
    memcpy(e->seen, ip, sizeof e->seen);
    address_ip_text(ip, seen);
    address_ip_text(gossip_self(host_view(e->host)).profile->addr.ip, own);
    log_warn(
        "members see this one at %s, and it publishes %s; if they cannot reach it there, write "
        "advertise = \"%s\"",
        seen, own, seen);
}

/* ---- changes ---- */

static void endpoint_arm(struct endpoint *e, int ms)
{
    event_add(e->timer, &(struct timeval){ms / 1000, ms % 1000 * 1000});
}

static void endpoint_on_timer(int fd, short what, void *arg)
{
    struct endpoint *e = arg;
    char error[ERROR_BYTES];
    (void)fd, (void)what;
    if (host_is_leaving(e->host))
        return;
    struct own_choice choice = endpoint_choice(e);
    if (!endpoint_listen(e, &choice, error))
        endpoint_wait(e, error);
    endpoint_advertise(e, &choice);
    endpoint_set_source(e);
    endpoint_arm(e, e->udp ? FOLLOWING_MS : WAITING_MS);
}

/* What has changed is read from the kernel anew; the messages only say that something has. */
static void endpoint_on_changes(int fd, short what, void *arg)
{
    char bytes[8192];
    (void)what;
    while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        continue;
    endpoint_arm(arg, CALM_MS);
}

static int endpoint_open_changes(void)
{
    struct sockaddr_nl groups = {.nl_family = AF_NETLINK,
                                 .nl_groups =
                                     RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&groups, sizeof groups) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool endpoint_watch(struct endpoint *e)
{
    struct event_base *base = host_base(e->host);
    e->changes_fd = endpoint_open_changes();
    e->timer = evtimer_new(base, endpoint_on_timer, e);
    if (!e->timer)
        return false;
    if (e->changes_fd >= 0)
        e->changes = event_new(base, e->changes_fd, EV_READ | EV_PERSIST, endpoint_on_changes, e);
    endpoint_arm(e, WAITING_MS);
    return e->changes_fd < 0 || (e->changes && event_add(e->changes, NULL) == 0);
}

struct endpoint *endpoint_new(struct host *host, char *error)
{
    struct endpoint *e = calloc(1, sizeof *e);
    if (!e || !(e->taken = calloc(TAKEN_MAX, sizeof *e->taken))) {
        free(e);
        error_set(error, "out of memory");
        return NULL;
    }
    e->host = host;
    e->changes_fd = -1;
    struct own_choice choice = endpoint_choice(e);
    error_set(error, "cannot watch this host's addresses: out of memory");
    if (endpoint_watch(e) && endpoint_listen(e, &choice, error)) {
        endpoint_set_source(e);
        host_on_event(host, GOSSIP_EVENT_SEEN_ELSEWHERE, endpoint_on_seen, e);
        return e;
    }
    endpoint_free(e);
    return NULL;
}

void endpoint_free(struct endpoint *e)
{
    if (!e)
        return;
    host_on_event(e->host, GOSSIP_EVENT_SEEN_ELSEWHERE, NULL, NULL);
    endpoint_close(e);
    if (e->changes)
        event_free(e->changes);
    if (e->changes_fd >= 0)
        close(e->changes_fd);
    if (e->timer)
        event_free(e->timer);
    own_addresses_free(&e->own);
    free(e->taken);
    free(e);
}

void endpoint_set_attempts(struct endpoint *e, struct attempts *attempts)
{
    e->attempts = attempts;
}

const char *endpoint_waits_for(const struct endpoint *e)
{
    if (e->waits[0] != '\0')
        return e->waits;
    return e->has_no_address ? endpoint_no_address : NULL;
}
