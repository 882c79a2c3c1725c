#include "agent/agent.h"

#include "agent/control.h"
#include "agent/dial.h"
#include "agent/folder.h"
#include "agent/hooks.h"
#include "agent/locks.h"
#include "agent/net.h"
#include "agent/notify.h"
#include "agent/quorum.h"
#include "agent/reload.h"
#include "agent/runner_link.h"
#include "agent/steward.h"
#include "agent/stream.h"
#include "agent/udp.h"
#include "agent/vips.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <grp.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
    SAVE_DELAY_US = 50000, /* a change of members seldom comes alone */
    SAVE_PERIOD_S = 5,
    SAVE_TIMEOUT_MS = 2000,   /* at the end */
    LOOK_UP_TIMEOUT_MS = 100, /* at the end, when nobody wants to know any more */
    FLUSH_MS = 100,           /* a last moment for answers on their way to clients */
    HAND_OVER_S = 2,          /* at the end, for the addresses to be given up */
    LOOK_PERIOD_S = 10,       /* whether detect can be kept; */
    ADVICE_PERIOD_S = 3600,   /* and so often at most it is said that it cannot */
    STATUS_TAKEN = 3,         /* the name, or the identity: starting again would not help */
    DESCRIPTORS_MAX = 16384,
};

_Static_assert(AGENT_ERROR_BYTES >= CONFIG_ERROR_BYTES && AGENT_ERROR_BYTES >= STORE_ERROR_BYTES &&
                   AGENT_ERROR_BYTES >= NET_ERROR_BYTES && AGENT_ERROR_BYTES >= FOLDER_ERROR_BYTES,
               "one buffer serves all");

static int64_t clock_us(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

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

static void say(enum journal_kind kind, const struct gossip_member *member,
                const struct journal_vip *vip)
{
    static const char remark[] = "; it lives, but not all who watch it can reach it: is a link cut "
                                 "one way, or losing packets?";
    bool is_trouble = kind == JOURNAL_UNREACHABLE; /* which no agent can do anything about */
    char addr[CONFIG_ADDR_TEXT_BYTES];
    if (journal_is_of_member(kind))
        log_write(is_trouble ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "%s: %s %s%s",
                  journal_kind_text(kind), member->profile->name,
                  config_addr_text(&member->profile->addr, addr), is_trouble ? remark : "");
    else if (vip)
        log_write(kind == JOURNAL_VIP_CONFLICT ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
                  "%s: %s, %s on %s: held by %s, epoch %" PRIu64, journal_kind_text(kind),
                  vip->name, vip->address, vip->interface, *vip->holder ? vip->holder : "nobody",
                  vip->epoch);
    else
        log_write(kind == JOURNAL_QUORUM_LOST ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "%s: %s",
                  journal_kind_text(kind),
                  kind == JOURNAL_QUORUM_LOST
                      ? "too few voters are alive for any address to be held"
                      : "enough voters are alive");
}

void agent_publish(struct agent *a, enum journal_kind kind, const struct gossip_member *member,
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
    char addr[CONFIG_ADDR_TEXT_BYTES];
    if (event->kind == GOSSIP_EVENT_NAME_TAKEN)
        log_error("the name \"%s\" is taken by a member at %s; give this one another name (-n, or "
                  "name in the configuration), or stop that one first",
                  event->member.profile->name,
                  config_addr_text(&event->member.profile->addr, addr));
    else
        log_error("an agent at %s runs with this one's identity; if %s was copied from another "
                  "host, empty it and start again",
                  config_addr_text(&event->addr, addr), a->config->state_dir);
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
    static const enum journal_kind kinds[] = {
        [GOSSIP_EVENT_JOIN] = JOURNAL_JOIN,
        [GOSSIP_EVENT_SUSPECT] = JOURNAL_SUSPECT,
        [GOSSIP_EVENT_FAILED] = JOURNAL_FAILED,
        [GOSSIP_EVENT_LEAVE] = JOURNAL_LEAVE,
        [GOSSIP_EVENT_UPDATE] = JOURNAL_UPDATE,
        [GOSSIP_EVENT_UNREACHABLE] = JOURNAL_UNREACHABLE,
        [GOSSIP_EVENT_REACHABLE] = JOURNAL_REACHABLE,
        [GOSSIP_EVENT_REAP] = JOURNAL_REAP,
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

static struct gossip_addr own_addr(const struct config *c)
{
    struct gossip_addr addr = net_is_any(&c->advertise) ? c->bind : c->advertise;
    if (net_is_any(&addr))
        net_own_addr(c->bind_ipv6, &addr);
    return addr;
}

static bool start_core(struct agent *a, char *error)
{
    const struct config *c = a->config;
    struct store_identity identity;
    if (!store_identity(a->store, &identity, error))
        return false;
    struct gossip_config core = {
        .cluster = c->cluster,
        .self = {.generation = identity.generation,
                 .addr = own_addr(c),
                 .name = c->name,
                 .tags = c->tags,
                 .tags_bytes = c->tags_bytes},
        .detect_ms = c->detect_ms,
    };
    memcpy(core.self.id, identity.id, sizeof core.self.id);
    if (getrandom(&core.seed, sizeof core.seed, 0) != sizeof core.seed)
        core.seed = identity.generation;
    srandom((unsigned)core.seed);
    enum gossip_error why;
    a->gossip = gossip_new(&core, agent_now_us(), &why);
    if (!a->gossip) {
        char addr[CONFIG_ADDR_TEXT_BYTES];
        snprintf(error, AGENT_ERROR_BYTES, "name \"%s\", address %s: %s", c->name,
                 config_addr_text(&core.self.addr, addr), gossip_error_text(why));
        return false;
    }
    return true;
}

static bool find_group(const char *name, gid_t *group, char *error)
{
    *group = (gid_t)-1;
    const struct group *g = name ? getgrnam(name) : NULL;
    if (g)
        *group = g->gr_gid;
    else if (name)
        snprintf(error, AGENT_ERROR_BYTES, "control group \"%s\": there is no such group", name);
    return !name || g;
}

/* The sockets for scripts and people. The folder stays locked until the process ends. */
static bool start_local(struct agent *a, char *error)
{
    enum { FOLDER_MODE = 0755, SOCKET_MODE = 0660 };
    struct folder run;
    gid_t group;
    if (!find_group(a->config->control_group, &group, error) ||
        !folder_open(&run, a->config->run_dir, FOLDER_MODE, "-r", error))
        return false;
    int control_fd = folder_listen(&run, "control.sock", SOCKET_MODE, group, error);
    int events_fd =
        control_fd < 0 ? -1 : folder_listen(&run, "events.sock", SOCKET_MODE, group, error);
    int rpc_fd = -1;
    bool wants_rpc = a->config->rpc.port != 0;
    if (events_fd >= 0 && wants_rpc)
        rpc_fd = net_bind(&a->config->rpc, SOCK_STREAM, false, error);
    if (events_fd < 0 || (wants_rpc && rpc_fd < 0))
        return false;
    a->events = events_new(a->base, events_fd, a->journal, a->gossip);
    a->control = control_new(a, control_fd, rpc_fd);
    assert(a->events && a->control);
    return true;
}

/* Every reader of events and client of the control socket has one, and the limits on those are
 * ours. libevent waits with epoll, to which a large number is nothing. Returns what was allowed
 * before, which is what scripts get. */
static rlim_t allow_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return RLIM_INFINITY;
    rlim_t before = limit.rlim_cur;
    if (before < DESCRIPTORS_MAX) {
        limit.rlim_cur = limit.rlim_max < DESCRIPTORS_MAX ? limit.rlim_max : DESCRIPTORS_MAX;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    return before;
}

/* Scripts run in "/", so that they are told of the run folder by its whole path. */
static bool start_handlers(struct agent *a, char *error)
{
    char *run_dir = realpath(a->config->run_dir, NULL);
    if (!run_dir) {
        snprintf(error, AGENT_ERROR_BYTES, "%s: %s", a->config->run_dir, strerror(errno));
        return false;
    }
    a->handlers = handlers_new(a->base, a->runner, a->config->name, run_dir, allow_descriptors());
    assert(a->handlers);
    free(run_dir);
    return hooks_configure(a->handlers, a->config);
}

static uint32_t longest_lease_ms(const struct config *c)
{
    uint32_t ms = 0;
    for (size_t i = 0; i < c->vips_count; i++)
        ms = c->vips[i].lease_ms > ms ? c->vips[i].lease_ms : ms;
    return ms;
}

static bool start_vips(struct agent *a, char *error)
{
    const struct config *c = a->config;
    a->locks = locks_new(a);
    a->vips = vips_new(a, a->steward_fd);
    a->steward_fd = -1;
    a->quorum = quorum_start(a, &c->quorum, longest_lease_ms(c), error);
    if (a->quorum)
        vips_configure(a->vips, c->vips, c->vips_count);
    return a->quorum;
}

static void add_event(struct agent *a, struct event **event, int fd, short what,
                      event_callback_fn callback)
{
    *event = event_new(a->base, fd, what, callback, a);
    assert(*event);
}

static void start_events(struct agent *a)
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

static void start_joins(struct agent *a)
{
    struct gossip_addr peers[STORE_PEERS_MAX];
    size_t count = store_peers(a->store, peers);
    a->dials = dial_new(a);
    dial_configure(a->dials, a->config->join, a->config->join_count);
    dial_peers(a->dials, peers, count);
}

bool agent_start(struct agent *a, struct config *config, const struct config_options *options,
                 const struct steward_ends *steward, char *error)
{
    *a = (struct agent){.config = config,
                        .options = *options,
                        .steward_fd = steward->vips,
                        .started_us = agent_now_us()};
    LIST_INIT(&a->reloads);
    signal(SIGPIPE, SIG_IGN);
    a->base = event_base_new();
    a->journal = journal_new();
    a->worker = worker_new(a->base);
    a->resolver = worker_new(a->base);
    a->runner = runner_link_new(a->base, steward->scripts);
    assert(a->base && a->journal && a->worker && a->resolver && a->runner);
    a->store = store_open(config->state_dir, error);
    if (!a->store || !start_core(a, error))
        return false;
    a->udp = udp_new(a, &config->bind, config->bind_ipv6, error);
    a->stream = a->udp ? stream_new(a, &config->bind, config->bind_ipv6, error) : NULL;
    if (!a->stream)
        return false;
    if (!start_local(a, error) || !start_handlers(a, error))
        return false;
    start_events(a);
    if (!start_vips(a, error))
        return false;
    start_joins(a);
    return true;
}

int agent_run(struct agent *a)
{
    char addr[CONFIG_ADDR_TEXT_BYTES];
    struct gossip_member self = gossip_self(a->gossip);
    log_info("%s of cluster \"%s\" at %s, notices a death in %u ms", self.profile->name,
             a->config->cluster, config_addr_text(&self.profile->addr, addr), a->config->detect_ms);
    agent_publish(a, JOURNAL_JOIN, &self, NULL);
    agent_settle(a);
    notify_send("READY=1");
    event_base_dispatch(a->base);
    return a->exit_status;
}

static void free_event(struct event *event)
{
    if (event)
        event_free(event);
}

void agent_stop(struct agent *a)
{
    a->leaving = true; /* also if it was not asked to: nothing is taken on any more */
    if (a->control)
        control_free(a->control);
    if (a->events)
        events_free(a->events);
    if (a->handlers)
        handlers_free(a->handlers);
    runner_link_free(a->runner);
    locks_free(a->locks);
    vips_free(a->vips);
    if (a->steward_fd >= 0)
        close(a->steward_fd);
    quorum_free(a->quorum);
    dial_free(a->dials);
    stream_free(a->stream);
    udp_free(a->udp);
    for (size_t i = 0; i < sizeof a->signals / sizeof *a->signals; i++)
        free_event(a->signals[i]);
    if (a->deadline)
        close(event_get_fd(a->deadline));
    free_event(a->deadline);
    free_event(a->save);
    free_event(a->hand_over);
    free_event(a->look);
    free_event(a->watchdog);
    worker_free(a->resolver, LOOK_UP_TIMEOUT_MS);
    worker_free(a->worker, SAVE_TIMEOUT_MS);
    store_free(a->store);
    gossip_free(a->gossip);
    journal_free(a->journal);
    event_base_free(a->base);
    config_free(a->config);
}
