#include "agent/net/dial.h"

#include "agent/base/address.h"
#include "agent/base/log.h"
#include "agent/base/worker.h"
#include "agent/config/config.h"
#include "agent/net/net.h"
#include "agent/state/store.h"

#include <assert.h>
#include <event2/event.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum { HOST_BYTES = 256 };

/* One host being looked up or dialled. */
struct dial {
    LIST_ENTRY(dial) entry;
    struct dials *dials;
    char host[HOST_BYTES + 8];
    bool persistent; /* configured: for as long as we run */
    bool dialling;   /* else it rests, having been answered */
    bool answered;   /* at some time */
    bool complained;
    host_done_fn *done; /* NULL: nobody waits */
    void *arg;
    struct lookup *lookup; /* under way; it outlives the dial if need be */
    struct gossip_addr addrs[DIAL_ADDRESSES_MAX];
    size_t count;
    struct event *timer; /* look up again, or give up */
};

/* What the worker has; `dial` is only touched on the loop. */
struct lookup {
    struct dial *dial; /* NULL: nobody wants the result any more */
    char host[HOST_BYTES];
    uint16_t port;
    int error;
    struct gossip_addr addrs[DIAL_ADDRESSES_MAX];
    size_t count;
};

struct dials {
    struct host *host;
    struct worker *resolver; /* for name look-ups, which take as long as they take */
    size_t count;
    LIST_HEAD(dial_list, dial) all;
    struct gossip_addr peers[STORE_PEERS_MAX];
    size_t peers_count;
};

static void on_joined(void *arg, const struct gossip_event *event)
{
    dial_answered(arg, &event->addr, event->member.profile != NULL);
}

struct dials *dial_new(struct host *host, struct worker *resolver)
{
    struct dials *d = calloc(1, sizeof *d);
    assert(d);
    d->host = host;
    d->resolver = resolver;
    LIST_INIT(&d->all);
    host_on_event(host, GOSSIP_EVENT_JOINED, on_joined, d);
    return d;
}

static void drop(struct dial *d)
{
    if (d->lookup)
        d->lookup->dial = NULL;
    LIST_REMOVE(d, entry);
    d->dials->count--;
    event_free(d->timer);
    free(d);
}

void dial_free(struct dials *d)
{
    if (!d)
        return;
    host_on_event(d->host, GOSSIP_EVENT_JOINED, NULL, NULL);
    while (!LIST_EMPTY(&d->all))
        drop(LIST_FIRST(&d->all));
    free(d);
}

static void wait_s(struct dial *d, int s)
{
    event_add(d->timer, &(struct timeval){.tv_sec = s});
}

static void finish(struct dial *d, bool ok, const char *error)
{
    host_done_fn *done = d->done;
    void *arg = d->arg;
    drop(d);
    if (done)
        done(arg, ok, error);
}

static void complain(struct dial *d, const char *why)
{
    if (!d->complained)
        log_warn("join %s: %s; still trying", d->host, why);
    d->complained = true;
}

static void resolve(struct lookup *l, int flags)
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV | flags};
    struct addrinfo *found = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", l->port);
    l->error = getaddrinfo(l->host, port, &hints, &found);
    for (struct addrinfo *i = found; i && l->count < DIAL_ADDRESSES_MAX; i = i->ai_next) {
        struct sockaddr_storage sa = {0};
        memcpy(&sa, i->ai_addr, i->ai_addrlen);
        l->count += address_from_socket(&sa, l->addrs[l->count].ip, &l->addrs[l->count].port);
    }
    if (found)
        freeaddrinfo(found);
}

/* On the resolver's thread. */
static void look_up(void *arg)
{
    resolve(arg, 0);
}

static bool same_addr(const struct gossip_addr *a, const struct gossip_addr *b)
{
    return a->port == b->port && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static bool has_addr(const struct dial *d, const struct gossip_addr *addr)
{
    for (size_t i = 0; i < d->count; i++)
        if (same_addr(&d->addrs[i], addr))
            return true;
    return false;
}

/* False: nothing to dial, with `error` set. */
static bool dial_addresses(struct dial *d, enum gossip_error *error)
{
    struct host *host = d->dials->host;
    size_t dialled = 0;
    for (size_t i = 0; i < d->count; i++) {
        enum gossip_error one = gossip_join(host_core(host), host_now_us(), &d->addrs[i]);
        dialled += one == GOSSIP_OK;
        if (one != GOSSIP_OK)
            *error = one;
    }
    return dialled > 0;
}

/* Does anybody else dial it: another host of that address, or as a member known from before? */
static bool is_wanted(const struct dials *all, const struct dial *except,
                      const struct gossip_addr *addr)
{
    const struct dial *d;
    for (size_t i = 0; i < all->peers_count; i++)
        if (same_addr(&all->peers[i], addr))
            return true;
    LIST_FOREACH (d, &all->all, entry)
        if (d != except && d->dialling && has_addr(d, addr))
            return true;
    return false;
}

static void stop_dialling(struct dial *d)
{
    for (size_t i = 0; i < d->count; i++)
        if (!is_wanted(d->dials, d, &d->addrs[i]))
            gossip_join_stop(host_core(d->dials->host), &d->addrs[i]);
}

/* Ends a dial that has failed, or says so of one that goes on. */
static void fail(struct dial *d, const char *why)
{
    if (d->persistent)
        complain(d, why);
    else
        finish(d, false, why);
}

/* What was found before stays good if nothing is found now. */
static void take_addresses(struct dial *d, const struct lookup *l)
{
    enum gossip_error error = GOSSIP_OK;
    if (l->count == 0) {
        fail(d, l->error ? gai_strerror(l->error) : "no usable address");
        return;
    }
    if (d->dialling)
        stop_dialling(d);
    d->count = l->count;
    memcpy(d->addrs, l->addrs, sizeof d->addrs);
    if (d->dialling && !dial_addresses(d, &error))
        fail(d, gossip_error_text(error));
}

static void on_found(void *arg)
{
    struct lookup *l = arg;
    if (l->dial) {
        l->dial->lookup = NULL;
        take_addresses(l->dial, l);
    }
    free(l);
}

static bool begin_lookup(struct dial *d)
{
    struct lookup *l = calloc(1, sizeof *l);
    assert(l);
    l->dial = d;
    l->port = CONFIG_DEFAULT_PORT;
    address_parse_host(d->host, l->host, sizeof l->host, &l->port); /* as begin() has seen */
    resolve(l, AI_NUMERICHOST);
    if (l->count > 0) {
        on_found(l);
        return true;
    }
    if (worker_submit(d->dials->resolver, look_up, on_found, l)) {
        d->lookup = l;
        return true;
    }
    free(l);
    return false;
}

static bool is_member(const struct gossip *g, const struct gossip_addr *addr)
{
    size_t cursor = 0;
    struct gossip_member m;
    while (gossip_next_member(g, &cursor, &m))
        if (m.status <= GOSSIP_SUSPECT && same_addr(&m.profile->addr, addr))
            return true;
    return false;
}

/* Is a member, perhaps this one, at each of its addresses? */
static bool are_members(const struct dial *d)
{
    for (size_t i = 0; i < d->count; i++)
        if (!is_member(host_view(d->dials->host), &d->addrs[i]))
            return false;
    return true;
}

/* Until the first answer without a pause. Afterwards the host is dialled now and then while no
 * member has its address: so that two parts of a cluster meet that have long forgotten each other.
 */
static void persist(struct dial *d)
{
    bool again = !d->answered || (!d->dialling && !are_members(d));
    if (d->dialling && !d->answered && d->count)
        complain(d, "no answer yet");
    if (d->dialling && !again)
        stop_dialling(d);
    d->dialling = again;
    wait_s(d, again ? DIAL_RETRY_S : DIAL_REST_S);
    /* Its name may mean another address by now. */
    if (again && !d->lookup)
        begin_lookup(d);
}

static void on_timer(int fd, short what, void *arg)
{
    struct dial *d = arg;
    (void)fd, (void)what;
    if (d->persistent) {
        persist(d);
        return;
    }
    stop_dialling(d);
    finish(d, false, d->lookup ? "its name could not be looked up in time" : "no answer");
}

/* NULL: no room, or not a host. */
static struct dial *begin(struct dials *all, const char *host, bool persistent)
{
    char name[HOST_BYTES];
    uint16_t port = CONFIG_DEFAULT_PORT;
    if (all->count == DIAL_MAX || !address_parse_host(host, name, sizeof name, &port))
        return NULL;
    struct dial *d = calloc(1, sizeof *d);
    assert(d);
    d->dials = all;
    d->persistent = persistent;
    snprintf(d->host, sizeof d->host, "%s", host);
    d->timer = evtimer_new(host_base(all->host), on_timer, d);
    assert(d->timer);
    LIST_INSERT_HEAD(&all->all, d, entry);
    all->count++;
    return d;
}

static struct dial *find_configured(const struct dials *all, const char *host)
{
    struct dial *d;
    LIST_FOREACH (d, &all->all, entry)
        if (d->persistent && strcmp(d->host, host) == 0)
            return d;
    return NULL;
}

static bool is_listed(const struct dial *d, char *const *hosts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(d->host, hosts[i]) == 0)
            return true;
    return false;
}

void dial_configure(struct dials *all, char *const *hosts, size_t count)
{
    struct dial *d, *next;
    for (d = LIST_FIRST(&all->all); d; d = next) {
        next = LIST_NEXT(d, entry);
        if (!d->persistent || is_listed(d, hosts, count))
            continue;
        stop_dialling(d);
        drop(d);
    }
    for (size_t i = 0; i < count; i++) {
        if (find_configured(all, hosts[i]))
            continue;
        d = begin(all, hosts[i], true);
        if (d)
            persist(d);
        else
            log_warn("join %s: not dialled, too many joins are under way", hosts[i]);
    }
}

void dial_once(struct dials *all, const char *host, host_done_fn *done, void *arg)
{
    struct dial *d = begin(all, host, false);
    if (!d) {
        done(arg, false,
             all->count == DIAL_MAX ? "too many joins at one time"
                                    : "not an address: HOST, HOST:PORT or [IPV6]:PORT");
        return;
    }
    d->done = done;
    d->arg = arg;
    d->dialling = true;
    wait_s(d, DIAL_ONCE_S);
    if (!begin_lookup(d))
        finish(d, false, "too many look-ups at one time");
}

void dial_forget(struct dials *all, const void *arg)
{
    struct dial *d, *next;
    for (d = LIST_FIRST(&all->all); d; d = next) {
        next = LIST_NEXT(d, entry);
        if (!d->done || d->arg != arg)
            continue;
        stop_dialling(d);
        drop(d);
    }
}

void dial_peers(struct dials *all, const struct gossip_addr *peers, size_t count)
{
    assert(count <= STORE_PEERS_MAX);
    memcpy(all->peers, peers, count * sizeof *peers);
    all->peers_count = count;
    for (size_t i = 0; i < count; i++)
        gossip_join(host_core(all->host), host_now_us(), &peers[i]);
}

static struct dial *find_dialling(const struct dials *all, const struct gossip_addr *addr)
{
    struct dial *d;
    LIST_FOREACH (d, &all->all, entry)
        if (d->dialling && has_addr(d, addr))
            return d;
    return NULL;
}

static void stop_peers(struct dials *all)
{
    while (all->peers_count > 0) {
        const struct gossip_addr *addr = &all->peers[--all->peers_count];
        if (!is_wanted(all, NULL, addr))
            gossip_join_stop(host_core(all->host), addr);
    }
}

static void forget_addr(struct dial *d, const struct gossip_addr *addr)
{
    for (size_t i = d->count; i-- > 0;)
        if (same_addr(&d->addrs[i], addr))
            d->addrs[i] = d->addrs[--d->count];
}

static void rest(struct dial *d, const char *why)
{
    if (!d->answered)
        log_info("join %s: %s", d->host, why);
    d->dialling = d->complained = false;
    d->answered = true;
    wait_s(d, DIAL_REST_S);
}

/* A name may stand for all hosts, this one among them: then the others are dialled on. */
static void answered_by_ourselves(struct dials *all, const struct gossip_addr *addr)
{
    for (struct dial *d; (d = find_dialling(all, addr)) != NULL;) {
        forget_addr(d, addr);
        if (d->count > 0)
            continue;
        if (d->persistent)
            rest(d, "that is this agent");
        else
            finish(d, true, NULL);
    }
}

void dial_answered(struct dials *all, const struct gossip_addr *addr, bool by_ourselves)
{
    if (by_ourselves) {
        answered_by_ourselves(all, addr);
        return;
    }
    stop_peers(all);
    /* From the start each time: whoever is told may take others off the list. */
    for (struct dial *d; (d = find_dialling(all, addr)) != NULL;) {
        d->dialling = false;
        stop_dialling(d);
        if (d->persistent)
            rest(d, "done");
        else
            finish(d, true, NULL);
    }
}
