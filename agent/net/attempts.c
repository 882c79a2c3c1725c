#include "agent/net/attempts.h"

#include "agent/base/address.h"
#include "agent/base/log.h"
#include "agent/config/config.h"
#include "agent/net/net.h"
#include "agent/net/resolver.h"
#include "agent/state/store.h"

#include <assert.h>
#include <event2/event.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum {
    HOST_BYTES = 256,
    PATIENCE_TICKS = 3, /* 1, 2 and 4 s: then it is logged that nobody answers */
};

/* One host. */
struct attempt {
    LIST_ENTRY(attempt) entry;
    struct attempts *attempts;
    char host[HOST_BYTES + 8];
    bool persistent; /* configured: for as long as we run */
    bool is_number;  /* no name: its one address stays the same */
    bool joining;    /* else it rests, having been answered */
    bool answered;   /* by another member, at some time */
    bool has_complained, has_said_self;
    unsigned tries;     /* ticks without an answer, or alone */
    unsigned rest_s;    /* left until it is looked up again */
    host_done_fn *done; /* NULL: nobody waits */
    void *arg;
    struct lookup *lookup; /* under way; it may outlive the attempt */
    struct gossip_addr addrs[ATTEMPTS_ADDRESSES_MAX];
    size_t count;
    struct event *timer; /* look up again, or give up */
};

/* The resolver has it; `attempt` is only touched on the loop. */
struct lookup {
    struct attempt *attempt; /* NULL: the result is wanted no more */
    char host[HOST_BYTES];
    uint16_t port;
    int error;
    struct gossip_addr addrs[ATTEMPTS_ADDRESSES_MAX];
    size_t count;
};

struct attempts {
    struct host *host;
    struct resolver *resolver;
    size_t count;
    LIST_HEAD(attempt_list, attempt) all;
    struct gossip_addr peers[STORE_PEERS_MAX];
    size_t peers_count;
};

static void attempts_answered(struct attempts *all, const struct gossip_addr *addr, bool by_self);

static void attempts_on_joined(void *arg, const struct gossip_event *event)
{
    attempts_answered(arg, &event->addr, event->member.profile != NULL);
}

struct attempts *attempts_new(struct host *host, struct resolver *resolver)
{
    struct attempts *all = calloc(1, sizeof *all);
    if (!all)
        return NULL;
    all->host = host;
    all->resolver = resolver;
    LIST_INIT(&all->all);
    host_on_event(host, GOSSIP_EVENT_JOINED, attempts_on_joined, all);
    return all;
}

static void attempt_drop(struct attempt *a)
{
    if (a->lookup)
        a->lookup->attempt = NULL;
    LIST_REMOVE(a, entry);
    a->attempts->count--;
    event_free(a->timer);
    free(a);
}

void attempts_free(struct attempts *all)
{
    if (!all)
        return;
    host_on_event(all->host, GOSSIP_EVENT_JOINED, NULL, NULL);
    while (!LIST_EMPTY(&all->all))
        attempt_drop(LIST_FIRST(&all->all));
    free(all);
}

static void attempt_wait(struct attempt *a, int s)
{
    event_add(a->timer, &(struct timeval){.tv_sec = s});
}

static void attempt_finish(struct attempt *a, bool ok, const char *error)
{
    host_done_fn *done = a->done;
    void *arg = a->arg;
    attempt_drop(a);
    if (done)
        done(arg, ok, error);
}

static void attempt_complain(struct attempt *a, const char *why)
{
    if (!a->has_complained)
        log_warn("join %s: %s; still trying", a->host, why);
    a->has_complained = true;
}

static void lookup_resolve(struct lookup *l, int flags)
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV | flags};
    struct addrinfo *found = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", l->port);
    l->error = getaddrinfo(l->host, port, &hints, &found);
    for (struct addrinfo *i = found; i && l->count < ATTEMPTS_ADDRESSES_MAX; i = i->ai_next) {
        struct sockaddr_storage sa = {0};
        memcpy(&sa, i->ai_addr, i->ai_addrlen);
        l->count += address_from_socket(&sa, l->addrs[l->count].ip, &l->addrs[l->count].port);
    }
    if (found)
        freeaddrinfo(found);
}

/* On the resolver's thread. */
static void lookup_run(void *arg)
{
    lookup_resolve(arg, 0);
}

static bool attempts_same_addr(const struct gossip_addr *a, const struct gossip_addr *b)
{
    return a->port == b->port && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static bool attempt_has(const struct attempt *a, const struct gossip_addr *addr)
{
    for (size_t i = 0; i < a->count; i++)
        if (attempts_same_addr(&a->addrs[i], addr))
            return true;
    return false;
}

/* True: a live member has that address. but: not that one. */
static bool attempts_is_member(const struct gossip *g, const struct gossip_addr *addr,
                               const struct gossip_profile *but)
{
    size_t cursor = 0;
    struct gossip_member m;
    while (gossip_next_member(g, &cursor, &m))
        if (m.status <= GOSSIP_SUSPECT && m.profile != but &&
            attempts_same_addr(&m.profile->addr, addr))
            return true;
    return false;
}

static bool attempts_is_alone(const struct attempts *all)
{
    const struct gossip *g = host_view(all->host);
    const struct gossip_profile *self = gossip_self(g).profile;
    size_t cursor = 0;
    struct gossip_member m;
    while (gossip_next_member(g, &cursor, &m))
        if (m.status <= GOSSIP_SUSPECT && m.profile != self)
            return false;
    return true;
}

/* True if a member, perhaps this one, is at each of its addresses. */
static bool attempt_is_done(const struct attempt *a)
{
    for (size_t i = 0; i < a->count; i++)
        if (!attempts_is_member(host_view(a->attempts->host), &a->addrs[i], NULL))
            return false;
    return true;
}

/* Of a configured host the members that we see are left out: one of them would be the first to
 * answer, and end it for the others. False: the core joins none of its addresses, with `error` set.
 */
static bool attempt_join(struct attempt *a, enum gossip_error *error)
{
    struct host *host = a->attempts->host;
    const struct gossip_profile *self = gossip_self(host_view(host)).profile;
    size_t joined = 0;
    for (size_t i = 0; i < a->count; i++) {
        if (a->persistent && attempts_is_member(host_view(host), &a->addrs[i], self))
            continue;
        enum gossip_error one = gossip_join(host_core(host), host_now_us(), &a->addrs[i]);
        joined += one == GOSSIP_OK;
        if (one != GOSSIP_OK)
            *error = one;
    }
    return joined > 0 || *error == GOSSIP_OK;
}

/* True if the address is joined for another host too, or as a member known from before. */
static bool attempts_want(const struct attempts *all, const struct attempt *except,
                          const struct gossip_addr *addr)
{
    const struct attempt *a;
    for (size_t i = 0; i < all->peers_count; i++)
        if (attempts_same_addr(&all->peers[i], addr))
            return true;
    LIST_FOREACH (a, &all->all, entry)
        if (a != except && a->joining && attempt_has(a, addr))
            return true;
    return false;
}

static void attempt_stop(struct attempt *a)
{
    for (size_t i = 0; i < a->count; i++)
        if (!attempts_want(a->attempts, a, &a->addrs[i]))
            gossip_join_stop(host_core(a->attempts->host), &a->addrs[i]);
}

/* Ends an attempt, or logs the trouble of one that goes on. */
static void attempt_fail(struct attempt *a, const char *why)
{
    if (a->persistent)
        attempt_complain(a, why);
    else
        attempt_finish(a, false, why);
}

/* What was found before stays good if nothing is found now. */
static void attempt_take(struct attempt *a, const struct lookup *l)
{
    enum gossip_error error = GOSSIP_OK;
    if (l->count == 0) {
        attempt_fail(a, l->error ? gai_strerror(l->error) : "no usable address");
        return;
    }
    if (a->joining)
        attempt_stop(a);
    a->count = l->count;
    memcpy(a->addrs, l->addrs, sizeof a->addrs);
    if (a->persistent && !a->joining && !attempt_is_done(a)) {
        a->joining = true; /* a name has new addresses, or a member of the old ones is gone */
        attempt_wait(a, ATTEMPTS_RETRY_S);
    }
    if (a->joining && !attempt_join(a, &error))
        attempt_fail(a, gossip_error_text(error));
}

static void lookup_done(void *arg)
{
    struct lookup *l = arg;
    if (l->attempt)
        l->attempt->lookup = NULL;
    if (l->attempt && !host_is_leaving(l->attempt->attempts->host))
        attempt_take(l->attempt, l);
    free(l);
}

/* False: out of memory, or too many look-ups wait. */
static bool lookup_begin(struct attempt *a)
{
    struct lookup *l = calloc(1, sizeof *l);
    if (!l)
        return false;
    l->attempt = a;
    l->port = CONFIG_DEFAULT_PORT;
    address_parse_host(a->host, l->host, sizeof l->host,
                       &l->port); /* as attempt_begin has checked */
    lookup_resolve(l, AI_NUMERICHOST);
    if (l->count > 0) {
        a->is_number = true;
        lookup_done(l);
        return true;
    }
    if (resolver_submit(a->attempts->resolver, lookup_run, lookup_done, l)) {
        a->lookup = l;
        return true;
    }
    free(l);
    return false;
}

static void attempt_rest(struct attempt *a)
{
    a->joining = false;
    a->tries = 0;
    a->rest_s = ATTEMPTS_REST_S;
    attempt_wait(a, ATTEMPTS_ALONE_S_MAX);
}

/* Nobody has answered yet, or this member is alone: its name is looked up often. It may mean this
 * host only so far, or another address by now. */
static void attempt_seek(struct attempt *a)
{
    unsigned wait_s = ATTEMPTS_ALONE_S_MIN << a->tries;
    if (a->tries == PATIENCE_TICKS && !a->answered && a->count > 0 && !a->has_said_self)
        attempt_complain(a, "no answer yet");
    a->tries += wait_s < ATTEMPTS_ALONE_S_MAX;
    a->joining = true;
    attempt_wait(a, (int)(wait_s < ATTEMPTS_ALONE_S_MAX ? wait_s : ATTEMPTS_ALONE_S_MAX));
    if (!a->lookup)
        lookup_begin(a);
}

/* Afterwards it is looked up now and then, and joined for a while if no member has one of its
 * addresses: so that two parts of a cluster meet that have long forgotten each other. */
static void attempt_persist(struct attempt *a)
{
    if (!a->answered || attempts_is_alone(a->attempts)) {
        attempt_seek(a);
        return;
    }
    if (a->joining) {
        attempt_stop(a);
        attempt_rest(a);
        return;
    }
    a->rest_s -= a->rest_s < ATTEMPTS_ALONE_S_MAX ? a->rest_s : ATTEMPTS_ALONE_S_MAX;
    if (a->rest_s > 0) {
        attempt_wait(a, ATTEMPTS_ALONE_S_MAX);
        return;
    }
    attempt_rest(a);
    if (!a->lookup)
        lookup_begin(a);
}

static void attempt_tick(int fd, short what, void *arg)
{
    struct attempt *a = arg;
    (void)fd, (void)what;
    if (a->persistent) {
        attempt_persist(a);
        return;
    }
    attempt_stop(a);
    attempt_finish(a, false, a->lookup ? "its name could not be looked up in time" : "no answer");
}

/* NULL with `error` (static text): no room, no memory, or not a host. */
static struct attempt *attempt_begin(struct attempts *all, const char *host, bool persistent,
                                     const char **error)
{
    char name[HOST_BYTES];
    uint16_t port = CONFIG_DEFAULT_PORT;
    *error = "too many joins at one time";
    if (all->count == ATTEMPTS_MAX)
        return NULL;
    *error = "not an address: HOST, HOST:PORT or [IPV6]:PORT";
    if (!address_parse_host(host, name, sizeof name, &port))
        return NULL;
    *error = "out of memory";
    struct attempt *a = calloc(1, sizeof *a);
    struct event *timer = a ? evtimer_new(host_base(all->host), attempt_tick, a) : NULL;
    if (!timer) {
        free(a);
        return NULL;
    }
    a->attempts = all;
    a->persistent = persistent;
    a->timer = timer;
    snprintf(a->host, sizeof a->host, "%s", host);
    LIST_INSERT_HEAD(&all->all, a, entry);
    all->count++;
    return a;
}

static struct attempt *attempts_find_configured(const struct attempts *all, const char *host)
{
    struct attempt *a;
    LIST_FOREACH (a, &all->all, entry)
        if (a->persistent && strcmp(a->host, host) == 0)
            return a;
    return NULL;
}

static bool attempt_is_listed(const struct attempt *a, char *const *hosts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(a->host, hosts[i]) == 0)
            return true;
    return false;
}

void attempts_configure(struct attempts *all, char *const *hosts, size_t count)
{
    struct attempt *a, *next;
    for (a = LIST_FIRST(&all->all); a; a = next) {
        next = LIST_NEXT(a, entry);
        if (!a->persistent || attempt_is_listed(a, hosts, count))
            continue;
        attempt_stop(a);
        attempt_drop(a);
    }
    for (size_t i = 0; i < count; i++) {
        if (attempts_find_configured(all, hosts[i]))
            continue;
        const char *error;
        a = attempt_begin(all, hosts[i], true, &error);
        if (a)
            attempt_persist(a);
        else
            log_warn("join %s: given up: %s", hosts[i], error);
    }
}

void attempts_once(struct attempts *all, const char *host, host_done_fn *done, void *arg)
{
    const char *error;
    struct attempt *a = attempt_begin(all, host, false, &error);
    if (!a) {
        done(arg, false, error);
        return;
    }
    a->done = done;
    a->arg = arg;
    a->joining = true;
    attempt_wait(a, ATTEMPTS_ONCE_S);
    if (!lookup_begin(a))
        attempt_finish(a, false, "too many look-ups at one time");
}

void attempts_forget(struct attempts *all, const void *arg)
{
    struct attempt *a, *next;
    for (a = LIST_FIRST(&all->all); a; a = next) {
        next = LIST_NEXT(a, entry);
        if (!a->done || a->arg != arg)
            continue;
        attempt_stop(a);
        attempt_drop(a);
    }
}

void attempts_peers(struct attempts *all, const struct gossip_addr *peers, size_t count)
{
    assert(count <= STORE_PEERS_MAX);
    memcpy(all->peers, peers, count * sizeof *peers);
    all->peers_count = count;
    for (size_t i = 0; i < count; i++)
        gossip_join(host_core(all->host), host_now_us(), &peers[i]);
}

static struct attempt *attempts_find(const struct attempts *all, const struct gossip_addr *addr)
{
    struct attempt *a;
    LIST_FOREACH (a, &all->all, entry)
        if (a->joining && attempt_has(a, addr))
            return a;
    return NULL;
}

static void attempts_stop_peers(struct attempts *all)
{
    while (all->peers_count > 0) {
        const struct gossip_addr *addr = &all->peers[--all->peers_count];
        if (!attempts_want(all, NULL, addr))
            gossip_join_stop(host_core(all->host), addr);
    }
}

static void attempt_forget_addr(struct attempt *a, const struct gossip_addr *addr)
{
    for (size_t i = a->count; i-- > 0;)
        if (attempts_same_addr(&a->addrs[i], addr))
            a->addrs[i] = a->addrs[--a->count];
}

/* A number is of this host alone, and rests. A name that means this host alone may mean others
 * later: of a service whose other hosts are not ready yet, for instance. */
static void attempt_note_self(struct attempt *a)
{
    if (!a->has_said_self)
        log_info("join %s: that is this agent%s", a->host,
                 a->is_number ? "" : " alone so far; it is looked up again");
    a->has_said_self = true;
    if (a->is_number)
        attempt_rest(a);
}

/* A name may stand for all hosts, this one among them: then the others are still joined. */
static void attempts_answered_by_self(struct attempts *all, const struct gossip_addr *addr)
{
    for (struct attempt *a; (a = attempts_find(all, addr)) != NULL;) {
        attempt_forget_addr(a, addr);
        if (a->count > 0)
            continue;
        if (a->persistent)
            attempt_note_self(a);
        else
            attempt_finish(a, true, NULL);
    }
}

/* The core was answered from there; by ourselves, if the address is our own. */
static void attempts_answered(struct attempts *all, const struct gossip_addr *addr, bool by_self)
{
    if (by_self) {
        attempts_answered_by_self(all, addr);
        return;
    }
    attempts_stop_peers(all);
    /* From the start each time: `done` may take others off the list. */
    for (struct attempt *a; (a = attempts_find(all, addr)) != NULL;) {
        a->joining = false;
        attempt_stop(a);
        if (!a->persistent) {
            attempt_finish(a, true, NULL);
            continue;
        }
        if (!a->answered)
            log_info("join %s: done", a->host);
        a->answered = true;
        a->has_complained = a->has_said_self = false;
        attempt_rest(a);
    }
}

size_t attempts_addresses(const struct attempts *all, struct gossip_addr *into, size_t max)
{
    const struct attempt *a;
    size_t count = 0;
    LIST_FOREACH (a, &all->all, entry)
        for (size_t i = 0; i < a->count && count < max; i++)
            into[count++] = a->addrs[i];
    return count;
}
