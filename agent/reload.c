#include "agent/reload.h"

#include "agent/base/log.h"
#include "agent/base/worker.h"
#include "agent/net/dial.h"
#include "agent/scripts/hooks.h"
#include "agent/scripts/runner_link.h"
#include "agent/vip/quorum.h"
#include "agent/vip/vips.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum {
    RELOADS_MAX = 64,
    PATIENCE_S = 5, /* with the steward, and with addresses that are to go */
};

/* One reading of the file: it is read here, then by the steward; then what is to go has gone. */
struct reload {
    TAILQ_ENTRY(reload) entry;
    struct reloads *owner;
    host_done_fn *done; /* NULL: nobody waits any more */
    void *arg;
    struct config *config; /* NULL: `error` says why */
    bool lets_go;
    struct event *patience; /* with what it waits for */
    char error[ERROR_BYTES];
};

struct reloads {
    struct reload_parts parts;
    TAILQ_HEAD(reload_list, reload) all; /* the first is under way, others wait for it */
};

static void name_fixed(void *arg, const char *key, const char *before, const char *after)
{
    (void)arg;
    log_warn("reload: %s cannot change while running: stays %s until the next start, then %s", key,
             before, after);
}

static void take_on(const struct reload_parts *a, struct config *new)
{
    struct config *old = *a->config;
    config_compare_fixed(old, new, name_fixed, NULL);
    config_keep_fixed(old, new); /* also those who ask are told what the agent runs with */
    log_set_level(new->log_level);
    if (!hooks_configure(a->handlers, new))
        log_error("reload: out of memory; the handlers stay as they were");
    dial_configure(a->dials, new->join, new->join_count);
    vips_configure(a->vips, new->vips, new->vips_count);
    const char *why = quorum_configure(a->quorum, &new->quorum);
    if (why)
        log_error("reload: %s", why);
    if (new->tags_bytes != old->tags_bytes || memcmp(new->tags, old->tags, old->tags_bytes) != 0)
        gossip_set_tags(host_core(a->host), host_now_us(), new->tags, new->tags_bytes);
    host_set_config(a->host, new);
    *a->config = new;
    config_free(old);
    log_info("reloaded %s", new->file ? new->file : "(none)");
}

/* On the worker's thread; it runs one job at a time, as config_load wants it. */
static void read_file(void *arg)
{
    struct reload *r = arg;
    r->config = config_load(r->owner->parts.options, r->error);
}

static void start(struct reload *r);

static void finish(struct reload *r)
{
    struct reloads *rs = r->owner;
    TAILQ_REMOVE(&rs->all, r, entry);
    if (r->config && host_is_leaving(rs->parts.host)) {
        config_free(r->config);
        r->config = NULL;
        snprintf(r->error, sizeof r->error, "the agent is leaving");
    }
    if (r->config)
        take_on(&rs->parts, r->config);
    if (r->done)
        r->done(r->arg, r->config != NULL, r->error);
    if (r->patience)
        event_free(r->patience);
    free(r);
    if (!TAILQ_EMPTY(&rs->all))
        start(TAILQ_FIRST(&rs->all));
}

static void refuse(struct reload *r)
{
    config_free(r->config);
    r->config = NULL;
    finish(r);
}

static void on_impatient(int fd, short what, void *arg)
{
    struct reload *r = arg;
    (void)fd, (void)what;
    runner_link_forget_reload(r->owner->parts.runner);
    snprintf(r->error, sizeof r->error, "%s",
             r->lets_go ? "an address that is not configured any more cannot be removed; the log "
                          "says why"
                        : "the steward does not answer");
    refuse(r);
}

static void on_settle(void *arg)
{
    const struct reloads *rs = arg;
    struct reload *r = TAILQ_FIRST(&rs->all);
    if (!r || !r->lets_go ||
        !(host_is_leaving(rs->parts.host) || vips_are_retained(rs->parts.vips)))
        return;
    r->lets_go = false;
    finish(r);
}

static void let_go(struct reload *r)
{
    const struct reload_parts *parts = &r->owner->parts;
    r->lets_go = true;
    vips_retain(parts->vips, r->config->vips, r->config->vips_count);
    host_dirty(parts->host);
}

/* The steward has read it, too, and may have seen what we cannot. Without a steward nothing is run
 * or held anyway. */
static void on_steward(void *arg, int error, const char *text)
{
    struct reload *r = arg;
    if (host_is_leaving(r->owner->parts.host)) {
        finish(r);
        return;
    }
    if (error == 0 || error == EPIPE) {
        let_go(r);
        return;
    }
    snprintf(r->error, sizeof r->error, "%s%s",
             text ? "" : "the steward cannot read it: ", text ? text : strerror(error));
    refuse(r);
}

/* The steward goes first: it is to know the scripts and addresses that we ask it for. */
static void on_read(void *arg)
{
    struct reload *r = arg;
    const struct reload_parts *parts = &r->owner->parts;
    r->patience = event_new(host_base(parts->host), -1, EV_TIMEOUT, on_impatient, r);
    if (r->patience)
        event_add(r->patience, &(struct timeval){.tv_sec = PATIENCE_S});
    if (!r->config || host_is_leaving(parts->host))
        finish(r);
    else if (!runner_link_reload(parts->runner, on_steward, r))
        on_steward(r, errno, NULL);
}

static void start(struct reload *r)
{
    if (worker_submit(r->owner->parts.worker, read_file, on_read, r))
        return;
    snprintf(r->error, sizeof r->error, "too much is waiting to be read or written");
    finish(r);
}

/* One after the other, so that what was written last is what counts. */
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
    *r = (struct reload){.owner = rs, .done = done, .arg = arg};
    TAILQ_INSERT_TAIL(&rs->all, r, entry);
    if (waiting == 0)
        start(r);
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
    host_on_settle(parts->host, HOST_RELOAD, on_settle, rs);
    return rs;
}

void reload_free(struct reloads *rs)
{
    if (!rs)
        return;
    host_on_settle(rs->parts.host, HOST_RELOAD, NULL, NULL);
    free(rs);
}
