#include "agent/agent.h"

#include "agent/base/address.h"
#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/notify.h"
#include "agent/control/control.h"
#include "agent/net/dial.h"
#include "agent/reload.h"
#include "agent/scripts/handler.h"
#include "agent/state/store.h"
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

static void say(enum event_kind kind, const struct gossip_member *member,
                const struct vip_record *vip)
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

/* The name is taken, or the id: who came later stops, so that the first is not disturbed. */
static void on_taken(void *arg, const struct gossip_event *event)
{
    struct agent *a = arg;
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
    event_base_loopbreak(host_base(a->host));
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
    a->saved_us = host_now_us();
    if (seen > 0)
        store_save_peers(a->store, a->files, peers,
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
    bool lately = a->saved_us && host_now_us() - a->saved_us < SAVE_PERIOD_S * 1000000;
    struct timeval delay = {.tv_sec = lately ? SAVE_PERIOD_S : 0,
                            .tv_usec = lately ? 0 : SAVE_DELAY_US};
    if (!event_pending(a->save, EV_TIMEOUT, NULL))
        event_add(a->save, &delay);
}

static void on_change(void *arg, const struct journal_entry *entry)
{
    if (entry && event_kind_is_of_member(entry->kind))
        save_soon(arg);
}

static void on_log(void *arg, const struct journal_entry *entry)
{
    (void)arg;
    if (entry)
        say(entry->kind, &entry->member, entry->vip);
    else
        log_error("a change is lost: out of memory");
}

static void on_events(void *arg, const struct journal_entry *entry)
{
    (void)entry;
    events_notify(arg);
}

static void on_scripts(void *arg, const struct journal_entry *entry)
{
    if (entry)
        handlers_publish(arg, entry);
}

static void on_datagrams(void *arg, const struct gossip_event *event)
{
    const struct gossip_profile *p = event->member.profile;
    (void)arg;
    if (event->kind == GOSSIP_EVENT_DATAGRAMS_LOST)
        log_warn("%s: answers on TCP, not on UDP; is UDP port %u blocked on the way?", p->name,
                 p->addr.port);
    else
        log_info("%s: answers on UDP again", p->name);
}

static void on_gone(void *arg, const struct gossip_event *event)
{
    const struct agent *a = arg;
    (void)event;
    event_base_loopexit(host_base(a->host), &(struct timeval){.tv_usec = FLUSH_MS * 1000});
}

/* A last moment for the heirs to be told. */
static void leave_now(struct agent *a)
{
    a->left = true;
    handlers_stop(a->handlers);
    gossip_leave(host_core(a->host), host_now_us());
}

static void on_settle(void *arg)
{
    struct agent *a = arg;
    if (host_is_leaving(a->host) && !a->left && vips_are_down(a->vips))
        leave_now(a);
}

/* The addresses go on to others first. A steward that does not let go of them is not waited for
 * longer than they last anyway. */
void agent_leave(struct agent *a)
{
    if (host_is_leaving(a->host))
        return;
    host_set_leaving(a->host);
    log_info("leaving");
    notify_send("STOPPING=1");
    save_peers(a);
    vips_stop(a->vips);
    event_add(a->hand_over, &(struct timeval){.tv_sec = HAND_OVER_S});
}

void agent_lost_steward(void *arg)
{
    struct agent *a = arg;
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
    const struct agent *a = arg;
    (void)signal, (void)what;
    reload_begin(a->reloads, on_reloaded, NULL);
}

/* What detect can be is known only once answers are measured, and changes with the network. */
static void on_look(int fd, short what, void *arg)
{
    struct agent *a = arg;
    char advice[CONFIG_ERROR_BYTES];
    struct gossip_stats stats;
    int64_t now_us = host_now_us();
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

static void request_join(void *arg, const char *host, host_done_fn *done, void *done_arg)
{
    const struct agent *a = arg;
    dial_once(a->dials, host, done, done_arg);
}

static void request_reload(void *arg, host_done_fn *done, void *done_arg)
{
    const struct agent *a = arg;
    reload_begin(a->reloads, done, done_arg);
}

static void request_leave(void *arg)
{
    agent_leave(arg);
}

static void forget_request(void *arg, const void *done_arg)
{
    const struct agent *a = arg;
    dial_forget(a->dials, done_arg);
    reload_forget(a->reloads, done_arg);
}

const struct control_requests agent_requests = {
    .join = request_join,
    .reload = request_reload,
    .leave = request_leave,
    .forget = forget_request,
};

static void add_event(struct agent *a, struct event **event, int fd, short what,
                      event_callback_fn callback)
{
    *event = event_new(host_base(a->host), fd, what, callback, a);
    assert(*event);
}

static void listen_to_core(struct agent *a)
{
    static const enum gossip_event_kind taken[] = {GOSSIP_EVENT_NAME_TAKEN, GOSSIP_EVENT_ID_TAKEN},
                                        datagrams[] = {GOSSIP_EVENT_DATAGRAMS_LOST,
                                                       GOSSIP_EVENT_DATAGRAMS_PASS};
    for (size_t i = 0; i < 2; i++) {
        host_on_event(a->host, taken[i], on_taken, a);
        host_on_event(a->host, datagrams[i], on_datagrams, a);
    }
    host_on_event(a->host, GOSSIP_EVENT_GONE, on_gone, a);
    host_subscribe(a->host, HOST_LOG, on_log, a);
    host_subscribe(a->host, HOST_EVENTS, on_events, a->events);
    host_subscribe(a->host, HOST_SCRIPTS, on_scripts, a->handlers);
    host_subscribe(a->host, HOST_AGENT, on_change, a);
    host_on_settle(a->host, HOST_AGENT, on_settle, a);
}

bool agent_watch(struct agent *a, char *error)
{
    (void)error;
    listen_to_core(a);
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
    return true;
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
    host_publish(a->host, EVENT_MEMBER_JOIN, &self, NULL);
    host_dirty(a->host);
    notify_send("READY=1");
    event_base_dispatch(host_base(a->host));
    return a->exit_status;
}
