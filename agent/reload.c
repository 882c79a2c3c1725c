#include "agent/reload.h"

#include "agent/base/error.h"
#include "agent/base/log.h"
#include "agent/base/worker.h"
#include "agent/net/attempts.h"
#include "agent/scripts/hooks.h"
#include "agent/scripts/runner_link.h"
#include "agent/vip/quorum.h"
#include "agent/vip/vips.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum {
    RELOADS_MAX = 64,
    TIMEOUT_S = 5, /* for the steward, and for addresses to be dropped */
};

/* What a reload waits for. A failure at any step undoes the steps before it. */
enum reload_step {
    RELOAD_WAITING,   /* for earlier reloads */
    RELOAD_READING,   /* the file, off the loop */
    RELOAD_STEWARD,   /* for the steward, which reads the file too, and keeps both configurations */
    RELOAD_RELEASING, /* for addresses removed from the configuration to be dropped */
};

struct reload {
    TAILQ_ENTRY(reload) entry;
    struct reloads *owner;
    const struct config_options *options; /* the owner's: the worker's job may outlive the owner */
    enum reload_step step;
    host_done_fn *done; /* NULL: forgotten */
    void *arg;
    struct config *config;          /* NULL: not read; `error` may say why */
    struct handlers_plan *handlers; /* NULL: not made */
    struct event *timeout;          /* with the steward and the addresses */
    char error[ERROR_BYTES];
};

struct reloads {
    struct reload_parts parts;
    TAILQ_HEAD(reload_list, reload) all; /* the first is under way, the others wait */
    bool prune_due; /* the steward keeps old scripts until removed handlers have run their queues */
};

static void reload_start(struct reload *r);

/* ---- the end ---- */

static void reload_free_one(struct reload *r)
{
    TAILQ_REMOVE(&r->owner->all, r, entry);
    if (r->timeout)
        event_free(r->timeout);
    if (r->handlers)
        handlers_discard(r->handlers);
    if (r->config)
        config_free(r->config);
    free(r);
}

/* error NULL: the configuration is in force. */
static void reload_finish(struct reload *r, const char *error)
{
    struct reloads *rs = r->owner;
    if (r->done)
        r->done(r->arg, !error, error);
    reload_free_one(r);
    if (!TAILQ_EMPTY(&rs->all))
        reload_start(TAILQ_FIRST(&rs->all));
}

/* Undoes all steps, here and in the steward. */
static void reload_roll_back(struct reload *r, const char *error)
{
    const struct reload_parts *p = &r->owner->parts;
    if (r->step >= RELOAD_STEWARD)
        runner_link_rollback(p->runner);
    if (r->step == RELOAD_RELEASING)
        vips_retain(p->vips, (*p->config)->vips, (*p->config)->vips_count);
    reload_finish(r, error);
}

/* ---- applying the configuration ---- */

static void reload_log_fixed(void *arg, const char *key, const char *before, const char *after)
{
    (void)arg;
    log_warn("reload: %s cannot change while running: stays %s until the next start, then %s", key,
             before, after);
}

/* Does all that can fail, before anything has changed. NULL, or the reason why it failed. */
static const char *reload_prepare(struct reload *r)
{
    const struct reload_parts *p = &r->owner->parts;
    const char *why = quorum_check(p->quorum, &r->config->quorum);
    if (why)
        return why;
    r->handlers = hooks_prepare(p->handlers, r->config);
    return r->handlers && vips_reserve(p->vips, r->config->vips_count) ? NULL : "out of memory";
}

static enum gossip_error reload_set_tags(const struct reload_parts *p, const struct config *c)
{
    return gossip_set_tags(host_core(p->host), host_now_us(), c->tags, c->tags_bytes);
}

/* Tags set by a command stay unless the tags of the file have changed. */
static bool reload_tags_differ(const struct config *a, const struct config *b)
{
    return a->tags_bytes != b->tags_bytes || memcmp(a->tags, b->tags, a->tags_bytes) != 0;
}

/* Nothing here can fail. */
static void reload_apply(struct reload *r)
{
    const struct reload_parts *p = &r->owner->parts;
    struct config *old = *p->config, *new = r->config;
    r->config = NULL;
    config_compare_fixed(old, new, reload_log_fixed, NULL);
    config_keep_fixed(old, new); /* so that answers show the values in force */
    log_set_level(new->log_level);
    handlers_commit(r->handlers);
    r->handlers = NULL;
    r->owner->prune_due = true;
    attempts_configure(p->attempts, new->join, new->join_count);
    vips_configure(p->vips, new->vips, new->vips_count);
    const char *why = quorum_configure(p->quorum, &new->quorum);
    assert(!why); /* it was checked */
    host_set_config(p->host, new);
    *p->config = new;
    config_free(old);
    log_info("reloaded %s", new->file ? new->file : "(none)");
}

/* The steward's commit is the last step that can fail. */
static void reload_commit(struct reload *r)
{
    const struct reload_parts *p = &r->owner->parts;
    bool retags = reload_tags_differ(*p->config, r->config);
    const char *why = quorum_check(p->quorum, &r->config->quorum); /* it may have changed since */
    if (why) {
        reload_roll_back(r, why);
        return;
    }
    enum gossip_error error = retags ? reload_set_tags(p, r->config) : GOSSIP_OK;
    if (error != GOSSIP_OK) {
        reload_roll_back(r, gossip_error_text(error));
        return;
    }
    if (!runner_link_commit(p->runner)) {
        if (retags)
            reload_set_tags(p, *p->config);
        reload_roll_back(r, "the steward does not answer");
        return;
    }
    reload_apply(r);
    reload_finish(r, NULL);
}

/* ---- its steps ---- */

/* Runs on the worker's thread, one job at a time: config_load is not reentrant. */
static void reload_read_file(void *arg)
{
    struct reload *r = arg;
    r->config = config_load(r->options, r->error);
}

static void reload_on_timeout(evutil_socket_t fd, short what, void *arg)
{
    struct reload *r = arg;
    (void)fd, (void)what;
    reload_roll_back(r, r->step == RELOAD_RELEASING
                            ? "an address that is not configured any more cannot be removed; the "
                              "log says why"
                            : "the steward does not answer");
}

static void reload_on_settle(void *arg)
{
    struct reloads *rs = arg;
    const struct reload_parts *p = &rs->parts;
    struct reload *r = TAILQ_FIRST(&rs->all);
    if (rs->prune_due && !handlers_have_removed(p->handlers))
        rs->prune_due = !runner_link_prune(p->runner);
    if (!r || r->step != RELOAD_RELEASING)
        return;
    if (host_is_leaving(p->host))
        reload_roll_back(r, "the agent is leaving");
    else if (vips_are_retained(p->vips))
        reload_commit(r);
}

/* The steward may have seen what we cannot. */
static void reload_on_steward(void *arg, int error, const char *text)
{
    struct reload *r = arg;
    const struct reload_parts *p = &r->owner->parts;
    const char *why = host_is_leaving(p->host) ? "the agent is leaving" : NULL;
    if (!why && error != 0) {
        snprintf(r->error, sizeof r->error, "%s%s",
                 text ? "" : "the steward cannot read it: ", text ? text : strerror(error));
        why = r->error;
    }
    if (!why)
        why = reload_prepare(r);
    if (why) {
        reload_roll_back(r, why);
        return;
    }
    r->step = RELOAD_RELEASING;
    vips_retain(p->vips, r->config->vips, r->config->vips_count);
    host_dirty(p->host);
}

/* The steward reads first: it must know the scripts and addresses of later requests. */
static void reload_on_read(void *arg)
{
    struct reload *r = arg;
    const struct reload_parts *p = &r->owner->parts;
    r->step = RELOAD_STEWARD;
    if (!r->config || host_is_leaving(p->host)) {
        reload_finish(r, r->config ? "the agent is leaving" : r->error);
        return;
    }
    r->timeout = evtimer_new(host_base(p->host), reload_on_timeout, r);
    if (!r->timeout || event_add(r->timeout, &(struct timeval){.tv_sec = TIMEOUT_S}) != 0)
        reload_finish(r, "out of memory");
    else if (!runner_link_reload(p->runner, reload_on_steward, r))
        reload_on_steward(r, errno, NULL);
}

static void reload_start(struct reload *r)
{
    r->step = RELOAD_READING;
    if (worker_submit(r->owner->parts.worker, reload_read_file, reload_on_read, r))
        return;
    r->step = RELOAD_WAITING;
    reload_finish(r, host_is_leaving(r->owner->parts.host)
                         ? "the agent is leaving"
                         : "too much is waiting to be read or written");
}

/* ---- the surface ---- */

/* Reloads run one after the other, so that the last version of the file counts. */
void reload_begin(struct reloads *rs, host_done_fn *done, void *arg)
{
    size_t waiting = 0;
    struct reload *r;
    TAILQ_FOREACH (r, &rs->all, entry)
        waiting++;
    r = waiting < RELOADS_MAX ? calloc(1, sizeof *r) : NULL;
    if (!r) {
        done(arg, false, waiting < RELOADS_MAX ? "out of memory" : "too many reloads at one time");
        return;
    }
    *r = (struct reload){.owner = rs, .options = rs->parts.options, .done = done, .arg = arg};
    TAILQ_INSERT_TAIL(&rs->all, r, entry);
    if (waiting == 0)
        reload_start(r);
}

void reload_forget(struct reloads *rs, const void *arg)
{
    struct reload *r;
    TAILQ_FOREACH (r, &rs->all, entry)
        if (r->arg == arg)
            r->done = NULL;
}

struct reloads *reload_new(const struct reload_parts *parts)
{
    struct reloads *rs = calloc(1, sizeof *rs);
    if (!rs)
        return NULL;
    rs->parts = *parts;
    TAILQ_INIT(&rs->all);
    host_on_settle(parts->host, HOST_RELOAD, reload_on_settle, rs);
    return rs;
}

/* A job that still runs owns its reload: both are left behind. */
void reload_free(struct reloads *rs)
{
    if (!rs)
        return;
    host_on_settle(rs->parts.host, HOST_RELOAD, NULL, NULL);
    runner_link_rollback(rs->parts.runner);
    for (struct reload *r = TAILQ_FIRST(&rs->all), *next; r; r = next) {
        next = TAILQ_NEXT(r, entry);
        if (r->step != RELOAD_READING)
            reload_free_one(r);
    }
    free(rs);
}
