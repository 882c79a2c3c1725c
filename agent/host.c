#include "agent/host.h"

#include "agent/base/clock.h"
#include "agent/base/log.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* Rounds of one settle before the sockets have their turn again. Two are usual: an event makes a
 * module call the core, and the packets of that call go out. */
#define SETTLE_ROUNDS_MAX 16

#define CORE_EVENTS (GOSSIP_EVENT_GONE + 1)
#define TRANSPORTS (GOSSIP_STREAM + 1)

struct host {
    struct event_base *base;
    struct journal *journal;
    struct gossip *gossip;
    const struct config *config;
    bool leaving;

    struct event *settle;
    bool dirty;    /* a settle is due */
    bool settling; /* and under way */

    int deadline_fd; /* a timerfd, set to deadline_us */
    struct event *deadline;
    int64_t deadline_us;

    uint64_t published; /* the last change that the subscribers were told of */
    bool publishing;

    struct {
        host_change_fn *call;
        void *arg;
    } subscribers[HOST_MODULES];
    struct {
        host_settle_fn *call;
        void *arg;
    } settlers[HOST_MODULES];
    struct {
        host_event_fn *call;
        void *arg;
    } events[CORE_EVENTS];
    struct {
        const char *prefix;
        host_lease_fn *call;
        void *arg;
    } leases[HOST_LEASE_KINDS_MAX];
    struct host_transport transports[TRANSPORTS];
};

int64_t host_now_us(void)
{
    return clock_us(CLOCK_BOOTTIME);
}

/* ---- publishing ---- */

static void tell_subscribers(struct host *h, const struct journal_entry *entry)
{
    for (size_t i = 0; i < HOST_MODULES; i++)
        if (h->subscribers[i].call)
            h->subscribers[i].call(h->subscribers[i].arg, entry);
}

/* The journal numbers the changes, so it is also the queue of those that a subscriber publishes. */
void host_publish(struct host *h, enum event_kind kind, const struct gossip_member *member,
                  const struct vip_record *vip)
{
    journal_append(h->journal, clock_us(CLOCK_REALTIME) / 1000, kind, member, vip);
    if (h->publishing)
        return;
    h->publishing = true;
    while (h->published < journal_newest(h->journal)) {
        const struct journal_entry *entry = journal_at(h->journal, ++h->published);
        if (entry)
            journal_hold(entry);
        tell_subscribers(h, entry);
        if (entry)
            journal_release(entry);
    }
    h->publishing = false;
}

void host_subscribe(struct host *h, enum host_module module, host_change_fn *changed, void *arg)
{
    h->subscribers[module].call = changed;
    h->subscribers[module].arg = arg;
}

/* ---- what the core reports ---- */

static bool is_of_member(enum gossip_event_kind from, enum event_kind *kind)
{
    static const struct {
        bool is_change;
        enum event_kind kind;
    } kinds[CORE_EVENTS] = {
        [GOSSIP_EVENT_JOIN] = {true, EVENT_MEMBER_JOIN},
        [GOSSIP_EVENT_SUSPECT] = {true, EVENT_MEMBER_SUSPECT},
        [GOSSIP_EVENT_FAILED] = {true, EVENT_MEMBER_FAILED},
        [GOSSIP_EVENT_LEAVE] = {true, EVENT_MEMBER_LEAVE},
        [GOSSIP_EVENT_UPDATE] = {true, EVENT_MEMBER_UPDATE},
        [GOSSIP_EVENT_UNREACHABLE] = {true, EVENT_MEMBER_UNREACHABLE},
        [GOSSIP_EVENT_REACHABLE] = {true, EVENT_MEMBER_REACHABLE},
        [GOSSIP_EVENT_REAP] = {true, EVENT_MEMBER_REAP},
    };
    *kind = kinds[from].kind;
    return kinds[from].is_change;
}

static void take_event(struct host *h, const struct gossip_event *event)
{
    enum event_kind kind;
    if (is_of_member(event->kind, &kind))
        host_publish(h, kind, &event->member, NULL);
    else if (h->events[event->kind].call)
        h->events[event->kind].call(h->events[event->kind].arg, event);
}

void host_on_event(struct host *h, enum gossip_event_kind kind, host_event_fn *receive, void *arg)
{
    h->events[kind].call = receive;
    h->events[kind].arg = arg;
}

static void host_receive_lease(struct host *h, const struct leases_state *lease)
{
    for (size_t i = 0; i < HOST_LEASE_KINDS_MAX; i++) {
        const char *prefix = h->leases[i].prefix;
        if (prefix && strncmp(lease->name, prefix, strlen(prefix)) == 0)
            h->leases[i].call(h->leases[i].arg, lease);
    }
}

void host_on_lease(struct host *h, const char *prefix, host_lease_fn *receive, void *arg)
{
    size_t i = 0;
    while (i < HOST_LEASE_KINDS_MAX && h->leases[i].prefix &&
           strcmp(h->leases[i].prefix, prefix) != 0)
        i++;
    assert(i < HOST_LEASE_KINDS_MAX);
    h->leases[i].prefix = receive ? prefix : NULL;
    h->leases[i].call = receive;
    h->leases[i].arg = arg;
}

static void send_packets(struct host *h)
{
    struct gossip_packet packet;
    while (gossip_next_packet(h->gossip, &packet)) {
        const struct host_transport *t = &h->transports[packet.route.via];
        if (t->send)
            t->send(t->arg, &packet);
    }
    for (size_t i = 0; i < TRANSPORTS; i++)
        if (h->transports[i].flush)
            h->transports[i].flush(h->transports[i].arg);
}

void host_set_transport(struct host *h, enum gossip_via via, const struct host_transport *transport)
{
    h->transports[via] = transport ? *transport : (struct host_transport){.send = NULL};
}

/* ---- settling ---- */

/* An absolute time on our own clock: neither early nor late, and set only when it has changed. */
static void arm_deadline(struct host *h)
{
    int64_t deadline_us = gossip_deadline(h->gossip);
    if (deadline_us == h->deadline_us)
        return;
    h->deadline_us = deadline_us;
    struct itimerspec when = {.it_value = {deadline_us / 1000000, deadline_us % 1000000 * 1000}};
    if (deadline_us <= 0)
        when.it_value = (struct timespec){.tv_nsec = 1}; /* zero would disarm it */
    timerfd_settime(h->deadline_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Packets first: they are what others wait for. */
static void settle_round(struct host *h)
{
    struct gossip_event event;
    struct leases_state lease;
    send_packets(h);
    while (gossip_next_event(h->gossip, &event))
        take_event(h, &event);
    while (leases_next_change(h->gossip, host_now_us(), &lease))
        host_receive_lease(h, &lease);
    if (h->dirty) /* by one of those */
        return;
    for (size_t i = 0; i < HOST_MODULES; i++)
        if (h->settlers[i].call)
            h->settlers[i].call(h->settlers[i].arg);
}

static void on_settle(evutil_socket_t fd, short what, void *arg)
{
    struct host *h = arg;
    (void)fd, (void)what;
    if (!h->gossip)
        return;
    h->settling = true;
    for (int rounds = 0; h->dirty && rounds < SETTLE_ROUNDS_MAX; rounds++) {
        h->dirty = false;
        settle_round(h);
    }
    h->settling = false;
    if (h->dirty)
        event_add(h->settle, &(struct timeval){.tv_sec = 0});
    arm_deadline(h);
}

/* An event that is made active behind those that are active now runs after them, in this turn. */
void host_dirty(struct host *h)
{
    if (!h->dirty && !h->settling)
        event_active(h->settle, EV_TIMEOUT, 1);
    h->dirty = true;
}

void host_on_settle(struct host *h, enum host_module module, host_settle_fn *settle, void *arg)
{
    h->settlers[module].call = settle;
    h->settlers[module].arg = arg;
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct host *h = arg;
    uint64_t expirations;
    (void)what;
    (void)!read(fd, &expirations, sizeof expirations);
    h->deadline_us = 0;
    if (!h->gossip)
        return;
    for (size_t i = 0; i < TRANSPORTS; i++)
        if (h->transports[i].drain)
            h->transports[i].drain(h->transports[i].arg);
    gossip_tick(host_core(h), host_now_us());
}

/* ---- what modules share ---- */

struct event_base *host_base(const struct host *h)
{
    return h->base;
}

const struct config *host_config(const struct host *h)
{
    return h->config;
}

const struct journal *host_journal(const struct host *h)
{
    return h->journal;
}

bool host_is_leaving(const struct host *h)
{
    return h->leaving;
}

const struct gossip *host_view(const struct host *h)
{
    return h->gossip;
}

struct gossip *host_core(struct host *h)
{
    host_dirty(h);
    return h->gossip;
}

/* ---- its life ---- */

void host_set_core(struct host *h, struct gossip *gossip)
{
    h->gossip = gossip;
    h->deadline_us = 0;
}

void host_set_config(struct host *h, const struct config *config)
{
    h->config = config;
}

void host_set_leaving(struct host *h)
{
    h->leaving = true;
    host_dirty(h);
}

struct host *host_new(void)
{
    struct host *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->deadline_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    h->base = event_base_new();
    h->journal = journal_new();
    if (h->deadline_fd >= 0 && h->base && h->journal) {
        h->settle = evtimer_new(h->base, on_settle, h);
        h->deadline = event_new(h->base, h->deadline_fd, EV_READ | EV_PERSIST, on_deadline, h);
    }
    if (h->settle && h->deadline && event_add(h->deadline, NULL) == 0)
        return h;
    int error = errno ? errno : ENOMEM;
    host_free(h);
    errno = error;
    return NULL;
}

void host_free(struct host *h)
{
    if (!h)
        return;
    if (h->settle)
        event_free(h->settle);
    if (h->deadline)
        event_free(h->deadline);
    if (h->deadline_fd >= 0)
        close(h->deadline_fd);
    if (h->journal)
        journal_free(h->journal);
    if (h->base)
        event_base_free(h->base);
    free(h);
}
