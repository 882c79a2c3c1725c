#include "agent/agent.h"

#include "agent/base/address.h"
#include "agent/base/clock.h"
#include "agent/base/notify.h"
#include "agent/control/control.h"
#include "agent/net/dial.h"
#include "agent/net/net.h"
#include "agent/net/stream.h"
#include "agent/net/udp.h"
#include "agent/reload.h"
#include "agent/vip/locks.h"
#include "agent/vip/quorum.h"
#include "agent/vip/vips.h"

#include <assert.h>
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
    SAVE_DELAY_US = 50000, /* a change of members seldom comes alone */
    SAVE_PERIOD_S = 5,
    FLUSH_MS = 100,         /* a last moment for answers on their way to clients */
    HAND_OVER_S = 2,        /* at the end, for the addresses to be given up */
    LOOK_PERIOD_S = 10,     /* whether detect can be kept; */
    ADVICE_PERIOD_S = 3600, /* and so often at most it is said that it cannot */
    STATUS_TAKEN = 3,       /* the name, or the identity: starting again would not help */
};

int64_t agent_now_us(void)
{
    return clock_us(CLOCK_BOOTTIME);
}

static void send_packets(struct agent *a)
{
    struct gossip_packet packet;
    while (gossip_next_packet(a->gossip, &packet)) {
        if (packet.route.via == GOSSIP_STREAM)
            stream_send(a->stream, &packet);
        else
            udp_send(a->udp, &packet);
    }
    udp_flush(a->udp);
}

static void say(enum event_kind kind, const struct gossip_member *member,
                const struct journal_vip *vip)
{
    static const char remark[] = "; it lives, but not all who watch it can reach it: is a link cut "
                                 "one way, or losing packets?";
    bool is_trouble = kind == EVENT_MEMBER_UNREACHABLE; /* which no agent can do anything about */
    char addr[ADDRESS_TEXT_BYTES];
    if (event_kind_is_of_member(kind))
        log_write(is_trouble ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "%s: %s %s%s",
                  event_kind_text(kind), member->profile->name,
                  address_text(member->profile->addr.ip, member->profile->addr.port, addr),
                  is_trouble ? remark : "");
    else if (vip)
        log_write(kind == EVENT_VIP_CONFLICT ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
                  "%s: %s, %s on %s: held by %s, epoch %" PRIu64, event_kind_text(kind), vip->name,
                  vip->address, vip->interface, *vip->holder ? vip->holder : "nobody", vip->epoch);
    else
        log_write(kind == EVENT_QUORUM_LOST ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "%s: %s",
                  event_kind_text(kind),
                  kind == EVENT_QUORUM_LOST
                      ? "too few voters are alive and agree for any address to be held"
                      : "enough voters are alive and agree");
}

void agent_publish(struct agent *a, enum event_kind kind, const struct gossip_member *member,
                   const struct journal_vip *vip)
{
    say(kind, member, vip);
    const struct journal_entry *entry =
        journal_append(a->journal, clock_us(CLOCK_REALTIME) / 1000, kind, member, vip);
    if (vip)
        events_set_vip(a->events, vip);
    events_notify(a->events);
    control_notify(a->control);
    if (entry)
        handlers_publish(a->handlers, entry);
}

/* The name is taken, or the id: who came later stops, so that the first is not disturbed. */
static void yield(struct agent *a, const struct gossip_event *event)
{
    char addr[ADDRESS_TEXT_BYTES];
    if (event->kind == GOSSIP_EVENT_NAME_TAKEN)
        log_error(
            "the name \"%s\" is taken by a member at %s; give this one another name (-n, or "
            "name in the configuration), or stop that one first",
            event->member.profile->name,
            address_text(event->member.profile->addr.ip, event->member.profile->addr.port, addr));
    else
        log_error("an agent at %s runs with this one's identity; if %s was copied from another "
                  "host, empty it and start again",
                  address_text(event->addr.ip, event->addr.port, addr), a->config->state_dir);
    a->exit_status = STATUS_TAKEN;
    event_base_loopbreak(a->base);
}

/* The addresses to rejoin by: a random few if there are more than are kept. Alone, or the only one
 * left: whoever was known last is better than nobody. */
static void save_peers(struct agent *a)
{
    struct gossip_addr peers[STORE_PEERS_MAX];
    size_t cursor = 0, seen = 0;
    struct gossip_member m;
    const struct gossip_profile *self = gossip_self(a->gossip).profile;
    while (gossip_next_member(a->gossip, &cursor, &m)) {
        if (m.status > GOSSIP_SUSPECT || m.profile == self)
            continue;
        size_t at = seen++;
        if (at >= STORE_PEERS_MAX)
            at = (size_t)random() % seen; /* reservoir sampling */
        if (at < STORE_PEERS_MAX)
            peers[at] = m.profile->addr;
    }
    a->saved_us = agent_now_us();
    if (seen > 0)
        store_save_peers(a->store, a->worker, peers,
                         seen < STORE_PEERS_MAX ? seen : STORE_PEERS_MAX);
}

static void on_save(int fd, short what, void *arg)
{
    (void)fd, (void)what;
    save_peers(arg);
}

/* Soon after the first change, so that an agent killed young still knows whom to rejoin by; then
 * seldom, for a large cluster changes all the time. */
static void save_soon(struct agent *a)
{
    bool lately = a->saved_us && agent_now_us() - a->saved_us < SAVE_PERIOD_S * 1000000;
    struct timeval delay = {.tv_sec = lately ? SAVE_PERIOD_S : 0,
                            .tv_usec = lately ? 0 : SAVE_DELAY_US};
    if (!event_pending(a->save, EV_TIMEOUT, NULL))
        event_add(a->save, &delay);
}

static void tell(struct agent *a, const struct gossip_event *event)
{
    static const enum event_kind kinds[] = {
        [GOSSIP_EVENT_JOIN] = EVENT_MEMBER_JOIN,
        [GOSSIP_EVENT_SUSPECT] = EVENT_MEMBER_SUSPECT,
        [GOSSIP_EVENT_FAILED] = EVENT_MEMBER_FAILED,
        [GOSSIP_EVENT_LEAVE] = EVENT_MEMBER_LEAVE,
        [GOSSIP_EVENT_UPDATE] = EVENT_MEMBER_UPDATE,
        [GOSSIP_EVENT_UNREACHABLE] = EVENT_MEMBER_UNREACHABLE,
        [GOSSIP_EVENT_REACHABLE] = EVENT_MEMBER_REACHABLE,
        [GOSSIP_EVENT_REAP] = EVENT_MEMBER_REAP,
    };
    switch (event->kind) {
    case GOSSIP_EVENT_JOINED:
        dial_answered(a->dials, &event->addr, event->member.profile != NULL);
        return;
    case GOSSIP_EVENT_NAME_TAKEN:
    case GOSSIP_EVENT_ID_TAKEN:
        yield(a, event);
        return;
    case GOSSIP_EVENT_DATAGRAMS_LOST:
        log_warn("%s: answers on TCP, not on UDP; is UDP port %u blocked on the way?",
                 event->member.profile->name, event->member.profile->addr.port);
        return;
    case GOSSIP_EVENT_DATAGRAMS_PASS:
        log_info("%s: answers on UDP again", event->member.profile->name);
        return;
    case GOSSIP_EVENT_GONE:
        event_base_loopexit(a->base, &(struct timeval){.tv_usec = FLUSH_MS * 1000});
        return;
    default:
        agent_publish(a, kinds[event->kind], &event->member, NULL);
        if (a->quorum)
            quorum_hear(a->quorum, kinds[event->kind], &event->member);
        if (a->vips && (event->kind == GOSSIP_EVENT_JOIN || event->kind == GOSSIP_EVENT_REACHABLE))
            vips_announce(a->vips);
        save_soon(a);
        return;
    }
}

/* A last moment for the heirs to be told. */
static void leave_now(struct agent *a)
{
    a->left = true;
    handlers_stop(a->handlers);
    gossip_leave(a->gossip, agent_now_us());
    send_packets(a);
}

/* An absolute time on our own clock: neither early nor late, and set only when it has changed. */
static void arm(struct agent *a)
{
    int64_t deadline_us = gossip_deadline(a->gossip);
    if (deadline_us == a->deadline_us)
        return;
    a->deadline_us = deadline_us;
    struct itimerspec when = {.it_value = {deadline_us / 1000000, deadline_us % 1000000 * 1000}};
    if (deadline_us <= 0)
        when.it_value.tv_nsec = 1; /* zero would disarm it */
    timerfd_settime(event_get_fd(a->deadline), TFD_TIMER_ABSTIME, &when, NULL);
}

/* True: the core may have something to say again. */
static bool take_leases(struct agent *a)
{
    struct leases_state lease;
    bool any = false;
    while (leases_next_change(a->gossip, agent_now_us(), &lease)) {
        any = true;
        if (!locks_hear(a->locks, &lease))
            vips_hear(a->vips, &lease);
    }
    return any;
}

void agent_settle(struct agent *a)
{
    struct gossip_event event;
    do {
        send_packets(a);
        while (gossip_next_event(a->gossip, &event))
            tell(a, &event);
    } while (a->vips && take_leases(a));
    if (a->quorum)
        quorum_settle(a->quorum);
    reload_settle(a);
    if (a->leaving && a->vips && !a->left && vips_are_down(a->vips))
        leave_now(a);
    arm(a);
}

static void on_deadline(int fd, short what, void *arg)
{
    struct agent *a = arg;
    uint64_t expirations;
    (void)what;
    (void)!read(fd, &expirations, sizeof expirations);
    a->deadline_us = 0;
    /* Answers that have come in time must not be counted as missing because we were late. */
    udp_drain(a->udp);
    gossip_tick(a->gossip, agent_now_us());
    agent_settle(a);
}

void agent_join(struct agent *a, const char *host, agent_done_fn *done, void *arg)
{
    dial_once(a->dials, host, done, arg);
}

void agent_reload(struct agent *a, agent_done_fn *done, void *arg)
{
    reload_begin(a, done, arg);
}

void agent_forget(struct agent *a, const void *arg)
{
    dial_forget(a->dials, arg);
    reload_forget(a, arg);
}

/* The addresses go on to others first. A steward that does not let go of them is not waited for
 * longer than they last anyway. */
void agent_leave(struct agent *a)
{
    if (a->leaving)
        return;
    a->leaving = true;
    log_info("leaving");
    notify_send("STOPPING=1");
    save_peers(a);
    vips_stop(a->vips);
    event_add(a->hand_over, &(struct timeval){.tv_sec = HAND_OVER_S});
    agent_settle(a);
}

void agent_lost_steward(struct agent *a)
{
    if (!notify_has_supervisor())
        return;
    a->exit_status = EXIT_FAILURE;
    agent_leave(a);
}

static void on_hand_over(int fd, short what, void *arg)
{
    struct agent *a = arg;
    (void)fd, (void)what;
    if (!a->left)
        leave_now(a);
    arm(a);
}

static void on_stop_signal(int signal, short what, void *arg)
{
    (void)signal, (void)what;
    agent_leave(arg);
}

static void on_reloaded(void *arg, bool ok, const char *error)
{
    (void)arg;
    if (!ok)
        log_error("reload: %s; the old configuration stays", error);
}

static void on_hangup(int signal, short what, void *arg)
{
    (void)signal, (void)what;
    agent_reload(arg, on_reloaded, arg);
}

/* What detect can be is known only once answers are measured, and changes with the network. */
static void on_look(int fd, short what, void *arg)
{
    struct agent *a = arg;
    char advice[CONFIG_ERROR_BYTES];
    struct gossip_stats stats;
    int64_t now_us = agent_now_us();
    (void)fd, (void)what;
    if (a->advised_us && now_us - a->advised_us < ADVICE_PERIOD_S * INT64_C(1000000))
        return;
    gossip_get_stats(a->gossip, &stats);
    if (!config_detect_advice(a->config->detect_ms, stats.rtt_us, advice))
        return;
    log_warn("%s", advice);
    a->advised_us = now_us;
}

static void on_watchdog(int fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    notify_send("WATCHDOG=1");
}

static void add_event(struct agent *a, struct event **event, int fd, short what,
                      event_callback_fn callback)
{
    *event = event_new(a->base, fd, what, callback, a);
    assert(*event);
}

void agent_watch(struct agent *a)
{
    int fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    assert(fd >= 0);
    add_event(a, &a->deadline, fd, EV_READ | EV_PERSIST, on_deadline);
    event_add(a->deadline, NULL);
    add_event(a, &a->save, -1, EV_TIMEOUT, on_save);
    add_event(a, &a->hand_over, -1, EV_TIMEOUT, on_hand_over);
    add_event(a, &a->look, -1, EV_PERSIST, on_look);
    event_add(a->look, &(struct timeval){.tv_sec = LOOK_PERIOD_S});
    static const struct {
        int signal;
        event_callback_fn callback;
    } signals[] = {{SIGTERM, on_stop_signal}, {SIGINT, on_stop_signal}, {SIGHUP, on_hangup}};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        add_event(a, &a->signals[i], signals[i].signal, EV_SIGNAL | EV_PERSIST,
                  signals[i].callback);
        event_add(a->signals[i], NULL);
    }
    int64_t watchdog_us = notify_watchdog_us();
    if (watchdog_us > 0) {
        add_event(a, &a->watchdog, -1, EV_PERSIST, on_watchdog);
        event_add(a->watchdog, &(struct timeval){watchdog_us / 1000000, watchdog_us % 1000000});
    }
}

static void free_event(struct event *event)
{
    if (event)
        event_free(event);
}

void agent_unwatch(struct agent *a)
{
    for (size_t i = 0; i < sizeof a->signals / sizeof *a->signals; i++)
        free_event(a->signals[i]);
    if (a->deadline)
        close(event_get_fd(a->deadline));
    free_event(a->deadline);
    free_event(a->save);
    free_event(a->hand_over);
    free_event(a->look);
    free_event(a->watchdog);
}

int agent_run(struct agent *a)
{
    char addr[ADDRESS_TEXT_BYTES];
    struct gossip_member self = gossip_self(a->gossip);
    log_info("%s of cluster \"%s\" at %s, notices a death in %u ms", self.profile->name,
             a->config->cluster, address_text(self.profile->addr.ip, self.profile->addr.port, addr),
             a->config->detect_ms);
    agent_publish(a, EVENT_MEMBER_JOIN, &self, NULL);
    agent_settle(a);
    notify_send("READY=1");
    event_base_dispatch(a->base);
    return a->exit_status;
}
