#include "agent/agent.h"

#include "agent/base/address.h"
#include "agent/base/error.h"
#include "agent/base/log.h"
#include "agent/base/notify.h"
#include "agent/control/control.h"
#include "agent/leave.h"
#include "agent/net/attempts.h"
#include "agent/net/endpoint.h"
#include "agent/peers.h"
#include "agent/reload.h"
#include "agent/scripts/handlers.h"
#include "agent/state/store.h"
#include "agent/vip/quorum.h"
#include "agent/vip/vips.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>

enum {
    FLUSH_MS = 100,         /* for answers still on their way to clients */
    ADVISE_PERIOD_S = 10,   /* how often detect is checked against round-trip times */
    ADVICE_PERIOD_S = 3600, /* shortest time between two warnings about it */
};

/* The name or identity is in use: the later agent stops, so that the first is not disturbed. */
static void agent_on_taken(void *arg, const struct gossip_event *event)
{
    struct agent *a = arg;
    char addr[ADDRESS_TEXT_BYTES];
    bool forgotten = event->kind == GOSSIP_EVENT_ID_TAKEN && store_forget_identity(a->store);
    if (event->kind == GOSSIP_EVENT_NAME_TAKEN)
        log_error(
            "the name \"%s\" is taken by a member at %s; give this member another name (-n, or "
            "name in the configuration), or stop that one first",
            event->member.profile->name,
            address_text(event->member.profile->addr.ip, event->member.profile->addr.port, addr));
    else
        log_error("an agent at %s uses the identity of this member: %s was copied from its host, "
                  "or to it; this member has a new identity from its next start on%s",
                  address_text(event->addr.ip, event->addr.port, addr), a->config->state_dir,
                  forgotten ? "" : ", if the file identity there is removed");
    a->exit_status = forgotten ? EXIT_FAILURE : AGENT_EXIT_TAKEN;
    event_base_loopbreak(host_base(a->host));
}

static void agent_on_events(void *arg, const struct journal_entry *entry)
{
    (void)entry;
    events_notify(arg);
}

static void agent_on_scripts(void *arg, const struct journal_entry *entry)
{
    if (entry)
        handlers_publish(arg, entry);
}

static void agent_on_datagrams(void *arg, const struct gossip_event *event)
{
    const struct gossip_profile *p = event->member.profile;
    (void)arg;
    if (event->kind == GOSSIP_EVENT_DATAGRAMS_LOST)
        log_warn("%s: answers on TCP, not on UDP; is UDP port %u blocked on the way?", p->name,
                 p->addr.port);
    else
        log_info("%s: answers on UDP again", p->name);
}

static void agent_on_views_differ(void *arg, const struct gossip_event *event)
{
    (void)arg;
    log_warn("%s: pings pass, and what it knows of other members does not come, by UDP nor TCP; is "
             "there a tunnel on the way that loses packets of less than 1,280 bytes?",
             event->member.profile->name);
}

static void agent_on_left(void *arg)
{
    const struct agent *a = arg;
    event_base_loopexit(host_base(a->host), &(struct timeval){.tv_usec = FLUSH_MS * 1000});
}

void agent_leave(struct agent *a)
{
    if (!host_is_leaving(a->host))
        peers_save(a->peers);
    leave_begin(a->leave);
}

/* Without a steward this host holds no address and runs no script: the cluster must learn so. */
void agent_lost_steward(void *arg)
{
    struct agent *a = arg;
    if (a->exit_status == AGENT_EXIT_STEWARD)
        return;
    log_error("the steward is gone: this host can hold no address and run no script; leaving, "
              "for a restart");
    a->exit_status = AGENT_EXIT_STEWARD;
    leave_hurry(a->leave);
    agent_leave(a);
}

static void agent_on_stop_signal(int signal, short what, void *arg)
{
    struct agent *a = arg;
    (void)signal, (void)what;
    if (host_is_leaving(a->host))
        leave_hurry(a->leave); /* a second signal: do not wait for scripts */
    else
        agent_leave(a);
}

static void agent_on_reloaded(void *arg, bool ok, const char *error)
{
    (void)arg;
    if (!ok)
        log_error("reload: %s; the old configuration stays", error);
}

static void agent_on_hangup(int signal, short what, void *arg)
{
    const struct agent *a = arg;
    (void)signal, (void)what;
    reload_begin(a->reloads, agent_on_reloaded, NULL);
}

/* A line for the log: what `muster members` and `muster vip` say in detail. */
static void agent_on_summary(int signal, short what, void *arg)
{
    struct agent *a = arg;
    unsigned count[GOSSIP_LEFT + 1] = {0}, held = 0;
    struct gossip_member member;
    struct vips_view view;
    (void)signal, (void)what;
    for (size_t cursor = 0; gossip_next_member(a->gossip, &cursor, &member);)
        count[member.status]++;
    for (size_t cursor = 0; vips_next(a->vips, &cursor, &view);)
        held += view.vip->state == VIP_HOLDING;
    log_info(
        "summary: members: %u alive, %u suspect, %u failed, %u leaving, %u left; addresses held "
        "here: %u; quorum: %s",
        count[GOSSIP_ALIVE], count[GOSSIP_SUSPECT], count[GOSSIP_FAILED], count[GOSSIP_LEAVING],
        count[GOSSIP_LEFT], held, quorum_is_there(a->quorum) ? "there" : "not there");
}

bool agent_start_leave(struct agent *a, char *error)
{
    a->leave = leave_new(a->host, a->vips, a->handlers, agent_on_left, a);
    if (!a->leave)
        error_set(error, "out of memory");
    return a->leave;
}

/* The shortest possible detect depends on round-trip times, which change with the network. */
static void agent_on_advise(int fd, short what, void *arg)
{
    struct agent *a = arg;
    char advice[ERROR_BYTES];
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

static void agent_on_watchdog(int fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    notify_send("WATCHDOG=1");
}

static void agent_request_join(void *arg, const char *host, host_done_fn *done, void *done_arg)
{
    const struct agent *a = arg;
    attempts_once(a->attempts, host, done, done_arg);
}

static void agent_request_reload(void *arg, host_done_fn *done, void *done_arg)
{
    const struct agent *a = arg;
    reload_begin(a->reloads, done, done_arg);
}

static void agent_request_leave(void *arg)
{
    agent_leave(arg);
}

static const char *agent_waits_for(void *arg)
{
    const struct agent *a = arg;
    return endpoint_waits_for(a->endpoint);
}

static void agent_forget_request(void *arg, const void *done_arg)
{
    const struct agent *a = arg;
    attempts_forget(a->attempts, done_arg);
    reload_forget(a->reloads, done_arg);
}

const struct control_requests agent_requests = {
    .join = agent_request_join,
    .reload = agent_request_reload,
    .leave = agent_request_leave,
    .waits_for = agent_waits_for,
    .forget = agent_forget_request,
};

static bool agent_add_event(struct agent *a, struct event **event, int fd, short what,
                            event_callback_fn callback, const struct timeval *every)
{
    *event = event_new(host_base(a->host), fd, what, callback, a);
    return *event && event_add(*event, every) == 0;
}

static void agent_subscribe(struct agent *a)
{
    host_on_event(a->host, GOSSIP_EVENT_NAME_TAKEN, agent_on_taken, a);
    host_on_event(a->host, GOSSIP_EVENT_ID_TAKEN, agent_on_taken, a);
    host_on_event(a->host, GOSSIP_EVENT_DATAGRAMS_LOST, agent_on_datagrams, a);
    host_on_event(a->host, GOSSIP_EVENT_DATAGRAMS_PASS, agent_on_datagrams, a);
    host_on_event(a->host, GOSSIP_EVENT_VIEWS_DIFFER, agent_on_views_differ, a);
    host_subscribe(a->host, HOST_EVENTS, agent_on_events, a->events);
    host_subscribe(a->host, HOST_SCRIPTS, agent_on_scripts, a->handlers);
}

bool agent_watch(struct agent *a, char *error)
{
    static const struct {
        int signal;
        event_callback_fn callback;
    } signals[] = {{SIGTERM, agent_on_stop_signal},
                   {SIGINT, agent_on_stop_signal},
                   {SIGHUP, agent_on_hangup},
                   {SIGUSR1, agent_on_summary}};
    struct timeval advise = {.tv_sec = ADVISE_PERIOD_S};
    int64_t watchdog_us = notify_watchdog_us();
    struct timeval watchdog = {watchdog_us / 1000000, watchdog_us % 1000000};
    bool ok = agent_add_event(a, &a->advise, -1, EV_PERSIST, agent_on_advise, &advise) &&
              (watchdog_us <= 0 ||
               agent_add_event(a, &a->watchdog, -1, EV_PERSIST, agent_on_watchdog, &watchdog));
    for (size_t i = 0; ok && i < sizeof signals / sizeof *signals; i++)
        ok = agent_add_event(a, &a->signals[i], signals[i].signal, EV_SIGNAL | EV_PERSIST,
                             signals[i].callback, NULL);
    if (!ok)
        error_set(error, "cannot watch for signals: out of memory");
    agent_subscribe(a);
    return ok;
}

static void agent_free_event(struct event *event)
{
    if (event)
        event_free(event);
}

void agent_unwatch(struct agent *a)
{
    for (size_t i = 0; i < sizeof a->signals / sizeof *a->signals; i++)
        agent_free_event(a->signals[i]);
    agent_free_event(a->advise);
    agent_free_event(a->watchdog);
}

int agent_run(struct agent *a)
{
    char addr[ADDRESS_TEXT_BYTES];
    struct gossip_member self = gossip_self(a->gossip);
    log_info("%s of cluster \"%s\" at %s, detects a failure within %u ms", self.profile->name,
             a->config->cluster, address_text(self.profile->addr.ip, self.profile->addr.port, addr),
             a->config->detect_ms);
    if (strcmp(a->config->cluster, CONFIG_CLUSTER_UNNAMED) == 0 &&
        !address_is_loopback(self.profile->addr.ip))
        log_warn("the cluster has no name of its own: it would merge with any other that has none "
                 "and comes by one of its addresses; set cluster in muster.conf");
    host_publish(a->host, EVENT_MEMBER_JOIN, &self, NULL);
    host_dirty(a->host);
    notify_send("READY=1");
    event_base_dispatch(host_base(a->host));
    return a->exit_status;
}
