#include "agent/agent.h"

#include "agent/base/address.h"
#include "agent/base/directory.h"
#include "agent/base/error.h"
#include "agent/control/control.h"
#include "agent/net/dial.h"
#include "agent/net/net.h"
#include "agent/net/stream.h"
#include "agent/net/udp.h"
#include "agent/scripts/hooks.h"
#include "agent/scripts/runner_link.h"
#include "agent/steward/steward.h"
#include "agent/vip/locks.h"
#include "agent/vip/quorum.h"
#include "agent/vip/vips.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    SAVE_TIMEOUT_MS = 2000,   /* at the end */
    LOOK_UP_TIMEOUT_MS = 100, /* at the end, when nobody wants to know any more */
    DESCRIPTORS_MAX = 16384,
};

_Static_assert(AGENT_ERROR_BYTES >= CONFIG_ERROR_BYTES && AGENT_ERROR_BYTES >= STORE_ERROR_BYTES &&
                   AGENT_ERROR_BYTES >= NET_ERROR_BYTES && AGENT_ERROR_BYTES >= ERROR_BYTES,
               "one buffer serves all");

/* An address that moves, and is perhaps still here from an earlier life, is nobody's own. */
static struct gossip_addr own_addr(const struct config *c)
{
    struct gossip_addr addr = address_is_any(c->advertise.ip) ? c->bind : c->advertise;
    struct gossip_addr vips[CONFIG_VIPS_MAX];
    for (size_t i = 0; i < c->vips_count; i++)
        vips[i] = c->vips[i].address;
    if (address_is_any(addr.ip))
        net_own_addr(c->bind_ipv6, vips, c->vips_count, &addr);
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
        char addr[ADDRESS_TEXT_BYTES];
        snprintf(error, AGENT_ERROR_BYTES, "name \"%s\", address %s: %s", c->name,
                 address_text(core.self.addr.ip, core.self.addr.port, addr),
                 gossip_error_text(why));
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
    enum { SOCKET_MODE = 0660 };
    struct directory run;
    gid_t group;
    if (!find_group(a->config->control_group, &group, error) ||
        !directory_open(&run, a->config->run_dir, DIRECTORY_RUN_MODE, "-r", error))
        return false;
    int control_fd = directory_listen(&run, "control.sock", SOCKET_MODE, group, error);
    int events_fd =
        control_fd < 0 ? -1 : directory_listen(&run, "events.sock", SOCKET_MODE, group, error);
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

static void start_joins(struct agent *a)
{
    struct gossip_addr peers[STORE_PEERS_MAX];
    size_t count = store_peers(a->store, peers);
    a->dials = dial_new(a);
    dial_configure(a->dials, a->config->join, a->config->join_count);
    dial_peers(a->dials, peers, count);
}

static void on_ran(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    worker_deliver(arg);
}

static struct event *watch_worker(struct agent *a, struct worker *w)
{
    struct event *ran = event_new(a->base, worker_fd(w), EV_READ | EV_PERSIST, on_ran, w);
    assert(ran && event_add(ran, NULL) == 0);
    return ran;
}

bool agent_start(struct agent *a, struct config *config, const struct config_options *options,
                 const struct steward_ends *steward, char *error)
{
    *a = (struct agent){.config = config,
                        .options = *options,
                        .steward_fd = steward->vips,
                        .started_us = agent_now_us()};
    TAILQ_INIT(&a->reloads);
    signal(SIGPIPE, SIG_IGN);
    a->base = event_base_new();
    a->journal = journal_new();
    a->worker = worker_new();
    a->resolver = worker_new();
    a->runner = runner_link_new(a->base, steward->scripts);
    assert(a->base && a->journal && a->worker && a->resolver && a->runner);
    a->worker_ran = watch_worker(a, a->worker);
    a->resolver_ran = watch_worker(a, a->resolver);
    a->store = store_open(config->state_dir, error);
    if (!a->store || !start_core(a, error))
        return false;
    a->udp = udp_new(a, &config->bind, config->bind_ipv6, error);
    a->stream = a->udp ? stream_new(a, &config->bind, config->bind_ipv6, error) : NULL;
    if (!a->stream)
        return false;
    if (!start_local(a, error) || !start_handlers(a, error))
        return false;
    agent_watch(a);
    if (!start_vips(a, error))
        return false;
    start_joins(a);
    return true;
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
    agent_unwatch(a);
    event_free(a->resolver_ran);
    event_free(a->worker_ran);
    worker_free(a->resolver, LOOK_UP_TIMEOUT_MS);
    worker_free(a->worker, SAVE_TIMEOUT_MS);
    store_free(a->store);
    gossip_free(a->gossip);
    journal_free(a->journal);
    event_base_free(a->base);
    config_free(a->config);
}
