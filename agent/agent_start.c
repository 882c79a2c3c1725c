#include "agent/agent.h"

#include "agent/base/address.h"
#include "agent/base/directory.h"
#include "agent/base/error.h"
#include "agent/base/worker.h"
#include "agent/change_log.h"
#include "agent/control/control.h"
#include "agent/leave.h"
#include "agent/net/attempts.h"
#include "agent/net/endpoint.h"
#include "agent/net/net.h"
#include "agent/net/resolver.h"
#include "agent/peers.h"
#include "agent/reload.h"
#include "agent/scripts/hooks.h"
#include "agent/scripts/runner_link.h"
#include "agent/state/host_number.h"
#include "agent/state/machine.h"
#include "agent/state/store.h"
#include "agent/steward/steward.h"
#include "agent/vip/locks.h"
#include "agent/vip/quorum.h"
#include "agent/vip/vips.h"

#include <errno.h>
#include <event2/event.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    SAVE_TIMEOUT_MS = 2000,   /* at the end, for saves under way */
    LOOK_UP_TIMEOUT_MS = 100, /* at the end: no module needs the results */
    DESCRIPTORS_MAX = 16384,
};

static bool next_published_vip(const void *arg, size_t *cursor, struct vip_record *into)
{
    return vips_next_published(arg, cursor, into);
}

static bool no_memory(char *error)
{
    return error_set(error, "out of memory");
}

static bool start_host(struct agent *a, char *error)
{
    a->host = host_new();
    if (!a->host)
        return error_set(error, "cannot make an event loop: %s", strerror(errno));
    host_set_config(a->host, a->config);
    change_log_start(a->host);
    return true;
}

static void stop_host(struct agent *a)
{
    host_free(a->host);
}

static bool start_store(struct agent *a, char *error)
{
    a->store = store_open(a->config->state_dir, error);
    return a->store;
}

static void stop_store(struct agent *a)
{
    store_free(a->store);
}

static void worker_on_ran(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    worker_deliver(arg);
}

static bool start_worker(const struct agent *a, struct worker **w, struct event **ran)
{
    *w = worker_new();
    if (*w)
        *ran =
            event_new(host_base(a->host), worker_fd(*w), EV_READ | EV_PERSIST, worker_on_ran, *w);
    return *ran && event_add(*ran, NULL) == 0;
}

static bool start_workers(struct agent *a, char *error)
{
    bool ok = start_worker(a, &a->files, &a->files_ran);
    if (ok)
        a->resolver = resolver_new(host_base(a->host));
    if (!a->resolver)
        error_set(error, "cannot start a thread: %s", strerror(errno));
    return a->resolver;
}

static void stop_worker(struct worker *w, struct event *ran, int timeout_ms)
{
    if (ran)
        event_free(ran);
    worker_free(w, timeout_ms);
}

static void stop_workers(struct agent *a)
{
    resolver_free(a->resolver, LOOK_UP_TIMEOUT_MS);
    stop_worker(a->files, a->files_ran, SAVE_TIMEOUT_MS);
}

static bool start_runner(struct agent *a, char *error)
{
    a->runner = runner_link_new(host_base(a->host), a->runner_fd, agent_lost_steward, a);
    a->runner_fd = -1;
    return a->runner || no_memory(error);
}

static void stop_runner(struct agent *a)
{
    runner_link_free(a->runner);
}

static bool start_core(struct agent *a, char *error)
{
    const struct config *c = a->config;
    struct store_identity identity;
    struct machine here = machine_read("");
    if (!store_tie(a->store, &here, error) || !store_identity(a->store, &identity, error))
        return false;
    struct gossip_config core = {
        .cluster = c->cluster,
        .self = {.generation = identity.generation,
                 .name = c->name,
                 .tags = c->tags,
                 .tags_bytes = c->tags_bytes},
        .detect_ms = c->detect_ms,
    };
    memcpy(core.self.id, identity.id, sizeof core.self.id);
    endpoint_first_addr(c, &core.self.addr);
    if (getrandom(&core.seed, sizeof core.seed, 0) != sizeof core.seed)
        core.seed = identity.generation;
    srandom((unsigned)core.seed);
    if (getrandom(core.secret, sizeof core.secret, 0) != sizeof core.secret)
        return error_set(error, "getrandom: %s", strerror(errno));
    enum gossip_error why;
    a->gossip = gossip_new(&core, host_now_us(), &why);
    if (!a->gossip) {
        char addr[ADDRESS_TEXT_BYTES];
        return error_set(error, "name \"%s\", address %s: %s", c->name,
                         address_text(core.self.addr.ip, core.self.addr.port, addr),
                         gossip_error_text(why));
    }
    host_set_core(a->host, a->gossip);
    return true;
}

static void stop_core(struct agent *a)
{
    if (a->host)
        host_set_core(a->host, NULL);
    gossip_free(a->gossip);
}

static bool start_sockets(struct agent *a, char *error)
{
    a->endpoint = endpoint_new(a->host, error);
    return a->endpoint;
}

static void stop_sockets(struct agent *a)
{
    endpoint_free(a->endpoint);
}

static bool find_group(const char *name, gid_t *group, char *error)
{
    *group = (gid_t)-1;
    const struct group *g = name ? getgrnam(name) : NULL;
    if (g)
        *group = g->gr_gid;
    else if (name)
        error_set(error, "control group \"%s\": there is no such group", name);
    return !name || g;
}

/* Opens the sockets for clients. The directory stays locked until the process ends. */
static bool start_listeners(struct agent *a, char *error)
{
    enum { SOCKET_MODE = 0660 };
    struct directory run;
    gid_t group;
    bool wants_rpc = a->config->rpc.port != 0;
    if (!find_group(a->config->control_group, &group, error) ||
        !directory_open(&run, a->config->run_dir, DIRECTORY_RUN_MODE, "-r", error))
        return false;
    a->control_fd = directory_listen(&run, "control.sock", SOCKET_MODE, group, error);
    if (a->control_fd >= 0)
        a->events_fd = directory_listen(&run, "events.sock", SOCKET_MODE, group, error);
    if (a->events_fd >= 0 && wants_rpc)
        a->rpc_fd = net_bind_ahead(&a->config->rpc, SOCK_STREAM, false, error);
    return a->events_fd >= 0 && (!wants_rpc || a->rpc_fd >= 0);
}

/* Closes the sockets that no server has taken. */
static void stop_listeners(struct agent *a)
{
    int *fds[] = {&a->control_fd, &a->events_fd, &a->rpc_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (*fds[i] >= 0)
            close(*fds[i]);
}

static bool start_events(struct agent *a, char *error)
{
    a->events = events_new(host_base(a->host), a->events_fd, host_journal(a->host), a->gossip);
    a->events_fd = -1;
    if (!a->events)
        return no_memory(error);
    events_list_vips(a->events, next_published_vip, a->vips);
    return true;
}

static void stop_events(struct agent *a)
{
    if (a->events)
        events_free(a->events);
}

static bool start_control(struct agent *a, char *error)
{
    struct control_parts parts = {
        .host = a->host,
        .vips = a->vips,
        .locks = a->locks,
        .quorum = a->quorum,
        .events = a->events,
        .handlers = a->handlers,
        .requests = &agent_requests,
        .requests_arg = a,
    };
    a->control = control_new(&parts, a->control_fd, a->rpc_fd);
    a->control_fd = a->rpc_fd = -1;
    return a->control || no_memory(error);
}

static void stop_control(struct agent *a)
{
    if (a->control)
        control_free(a->control);
}

/* Raises RLIMIT_NOFILE: each client of events.sock and control.sock needs a descriptor, and their
 * numbers have limits of their own. epoll has no limit like select's. Returns the limit from
 * before, which scripts get. */
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

/* Scripts run in "/", so that MUSTER_RUN_DIR must be absolute. */
static bool start_handlers(struct agent *a, char *error)
{
    char *run_dir = realpath(a->config->run_dir, NULL);
    if (!run_dir)
        return error_set(error, "%s: %s", a->config->run_dir, strerror(errno));
    a->handlers =
        handlers_new(host_base(a->host), a->runner, a->config->name, run_dir, allow_descriptors());
    free(run_dir);
    struct handlers_plan *plan = a->handlers ? hooks_prepare(a->handlers, a->config) : NULL;
    if (!plan)
        return no_memory(error);
    handlers_commit(plan);
    return true;
}

static void stop_handlers(struct agent *a)
{
    if (a->handlers)
        handlers_free(a->handlers);
}

static uint32_t longest_lease_ms(const struct config *c)
{
    uint32_t ms = 0;
    for (size_t i = 0; i < c->vips_count; i++)
        ms = c->vips[i].lease_ms > ms ? c->vips[i].lease_ms : ms;
    return ms;
}

static bool start_locks(struct agent *a, char *error)
{
    a->locks = locks_new(a->host);
    return a->locks || no_memory(error);
}

static void stop_locks(struct agent *a)
{
    locks_free(a->locks);
}

static bool start_vips(struct agent *a, char *error)
{
    a->vips = vips_new(a->host, a->steward_fd, agent_lost_steward, a);
    a->steward_fd = -1;
    if (a->vips)
        vips_set_host_number(a->vips, host_number(a->config->state_dir));
    return a->vips || no_memory(error);
}

static void stop_vips(struct agent *a)
{
    vips_free(a->vips);
}

/* Leases can be claimed once the voters are known. */
static bool start_quorum(struct agent *a, char *error)
{
    const struct config *c = a->config;
    a->quorum = quorum_start(a->host, a->store, a->files, &c->quorum, longest_lease_ms(c), error);
    if (!a->quorum)
        return false;
    if (!vips_reserve(a->vips, c->vips_count))
        return no_memory(error);
    vips_configure(a->vips, c->vips, c->vips_count);
    return true;
}

static void stop_quorum(struct agent *a)
{
    quorum_free(a->quorum);
}

static bool start_attempts(struct agent *a, char *error)
{
    struct gossip_addr peers[STORE_PEERS_MAX];
    size_t count = store_peers(a->store, peers);
    a->attempts = attempts_new(a->host, a->resolver);
    if (!a->attempts)
        return no_memory(error);
    attempts_configure(a->attempts, a->config->join, a->config->join_count);
    attempts_peers(a->attempts, peers, count);
    endpoint_set_attempts(a->endpoint, a->attempts);
    return true;
}

static void stop_attempts(struct agent *a)
{
    if (a->endpoint)
        endpoint_set_attempts(a->endpoint, NULL);
    attempts_free(a->attempts);
}

static bool start_reloads(struct agent *a, char *error)
{
    struct reload_parts parts = {
        .host = a->host,
        .options = a->options,
        .config = &a->config,
        .worker = a->files,
        .runner = a->runner,
        .handlers = a->handlers,
        .attempts = a->attempts,
        .vips = a->vips,
        .quorum = a->quorum,
    };
    a->reloads = reload_new(&parts);
    return a->reloads || no_memory(error);
}

static void stop_reloads(struct agent *a)
{
    reload_free(a->reloads);
}

static bool start_peers(struct agent *a, char *error)
{
    a->peers = peers_new(a->host, a->store, a->files);
    return a->peers || no_memory(error);
}

static void stop_peers(struct agent *a)
{
    peers_free(a->peers);
}

static void stop_leave(struct agent *a)
{
    leave_free(a->leave);
}

/* Each row may use those above it. The workers start before the modules that submit jobs, and must
 * end before those are freed: hence the row "jobs". Rows below it cancel their pending requests
 * when they stop. The handlers stop before the vips, which send the steward away: it must kill the
 * scripts first. */
const struct agent_row agent_rows[] = {
    {"host", start_host, stop_host},
    {"workers", start_workers, NULL},
    {"runner", start_runner, stop_runner},
    {"store", start_store, stop_store},
    {"core", start_core, stop_core},
    {"sockets", start_sockets, stop_sockets},
    {"listeners", start_listeners, stop_listeners},
    {"locks", start_locks, stop_locks},
    {"vips", start_vips, stop_vips},
    {"quorum", start_quorum, stop_quorum},
    {"handlers", start_handlers, stop_handlers},
    {"peers", start_peers, stop_peers},
    {"leave", agent_start_leave, stop_leave},
    {"join attempts", start_attempts, stop_attempts},
    {"reloads", start_reloads, stop_reloads},
    {"jobs", NULL, stop_workers},
    {"events", start_events, stop_events},
    {"control", start_control, stop_control},
    {"watch", agent_watch, agent_unwatch},
};
const size_t agent_rows_count = sizeof agent_rows / sizeof *agent_rows;

bool agent_start(struct agent *a, const struct agent_row *rows, size_t count, struct config *config,
                 const struct config_options *options, const struct steward_ends *steward,
                 char *error)
{
    *a = (struct agent){.config = config,
                        .options = options,
                        .steward_fd = steward->vips,
                        .runner_fd = steward->scripts,
                        .control_fd = -1,
                        .events_fd = -1,
                        .rpc_fd = -1};
    for (size_t i = 0; i < count; i++)
        if (rows[i].start && !rows[i].start(a, error))
            return false;
    return true;
}

void agent_stop(struct agent *a, const struct agent_row *rows, size_t count)
{
    if (a->host)
        host_set_leaving(a->host); /* also without a leave: no new jobs are accepted */
    for (size_t i = count; i-- > 0;)
        if (rows[i].stop)
            rows[i].stop(a);
    if (a->steward_fd >= 0)
        close(a->steward_fd);
    if (a->runner_fd >= 0)
        close(a->runner_fd);
    config_free(a->config);
}
