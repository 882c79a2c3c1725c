#include "agent/reload.h"

#include "agent/dial.h"
#include "agent/hooks.h"
#include "agent/quorum.h"
#include "agent/runner_link.h"
#include "agent/vips.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_BYTES = 256 };

/* One reading of the file. */
struct reload {
    LIST_ENTRY(reload) entry;
    struct agent *agent;
    agent_done_fn *done; /* NULL: nobody waits any more */
    void *arg;
    struct config *config; /* NULL: `error` says why */
    char error[CONFIG_ERROR_BYTES];
};

static const char *text_or_none(const char *text)
{
    return text ? text : "(none)";
}

/* The settings that a running agent keeps, as text. */
static void fixed_value(const struct config *c, size_t which, char *into)
{
    char addr[CONFIG_ADDR_TEXT_BYTES];
    const char *texts[] = {
        c->name,
        c->cluster,
        c->run_dir,
        c->state_dir,
        text_or_none(c->control_group),
        text_or_none(c->user),
    };
    if (which < sizeof texts / sizeof *texts) {
        snprintf(into, VALUE_BYTES, "%s", texts[which]);
        return;
    }
    const struct gossip_addr *addrs[] = {&c->bind, &c->advertise, &c->rpc};
    which -= sizeof texts / sizeof *texts;
    if (which < sizeof addrs / sizeof *addrs)
        snprintf(into, VALUE_BYTES, "%s",
                 addrs[which]->port ? config_addr_text(addrs[which], addr) : "(none)");
    else
        snprintf(into, VALUE_BYTES, "%" PRIu32 "ms", c->detect_ms);
}

static void name_what_cannot(const struct config *old, const struct config *new)
{
    static const char *const keys[] = {
        "name", "cluster", "run folder", "state folder", "control group",
        "user", "bind",    "advertise",  "control rpc",  "detect",
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char before[VALUE_BYTES], after[VALUE_BYTES];
        fixed_value(old, i, before);
        fixed_value(new, i, after);
        if (strcmp(before, after) != 0)
            log_warn("reload: %s cannot change while running: stays %s until the next start, then "
                     "%s",
                     keys[i], before, after);
    }
    if (strcmp(text_or_none(old->rpc_auth), text_or_none(new->rpc_auth)) != 0)
        log_warn("reload: control rpc_auth cannot change while running: what it is stays until the "
                 "next start");
}

static void swap_texts(char **a, char **b)
{
    char *kept = *a;
    *a = *b;
    *b = kept;
}

/* What the agent goes on by is what its configuration says, also to those who ask. */
static void keep_what_cannot(struct config *old, struct config *new)
{
    swap_texts(&old->name, &new->name);
    swap_texts(&old->cluster, &new->cluster);
    swap_texts(&old->run_dir, &new->run_dir);
    swap_texts(&old->state_dir, &new->state_dir);
    swap_texts(&old->control_group, &new->control_group);
    swap_texts(&old->user, &new->user);
    struct account *account = old->account;
    old->account = new->account;
    new->account = account;
    swap_texts(&old->rpc_auth, &new->rpc_auth);
    new->bind = old->bind;
    new->bind_ipv6 = old->bind_ipv6;
    new->advertise = old->advertise;
    new->rpc = old->rpc;
    new->detect_ms = old->detect_ms;
}

/* The steward knows the addresses that it was started with. What else is said of them can change.
 */
static void keep_vips(const struct vips *vips, struct config *old, struct config *new)
{
    if (vips_are_same(vips, new->vips, new->vips_count))
        return;
    log_warn("reload: which addresses there are cannot change while running: those of before stay "
             "until the next start, and all that is said of them");
    struct vip_spec *kept = old->vips;
    size_t kept_count = old->vips_count;
    old->vips = new->vips;
    old->vips_count = new->vips_count;
    new->vips = kept;
    new->vips_count = kept_count;
}

static void take_on(struct agent *a, struct config *new)
{
    struct config *old = a->config;
    name_what_cannot(old, new);
    keep_what_cannot(old, new);
    keep_vips(a->vips, old, new);
    log_set_level(new->log_level);
    if (!hooks_configure(a->handlers, new))
        log_error("reload: out of memory; the handlers stay as they were");
    dial_configure(a->dials, new->join, new->join_count);
    vips_configure(a->vips, new->vips, new->vips_count);
    const char *why = quorum_configure(a->quorum, &new->quorum);
    if (why)
        log_error("reload: %s", why);
    if (new->tags_bytes != old->tags_bytes || memcmp(new->tags, old->tags, old->tags_bytes) != 0)
        gossip_set_tags(a->gossip, agent_now_us(), new->tags, new->tags_bytes);
    agent_settle(a);
    a->config = new;
    config_free(old);
    log_info("reloaded %s", text_or_none(new->file));
}

/* On the worker's thread; it runs one job at a time, as config_load wants it. */
static void read_file(void *arg)
{
    struct reload *r = arg;
    r->config = config_load(&r->agent->options, r->error);
}

static void finish(struct reload *r)
{
    LIST_REMOVE(r, entry);
    if (r->config && r->agent->leaving) {
        config_free(r->config);
        r->config = NULL;
        snprintf(r->error, sizeof r->error, "the agent is leaving");
    }
    if (r->config)
        take_on(r->agent, r->config);
    if (r->done)
        r->done(r->arg, r->config != NULL, r->error);
    free(r);
}

/* The steward has read it, too, and may have seen what we cannot. Without a steward nothing is run
 * anyway. */
static void on_scripts(void *arg, int error, const char *text)
{
    struct reload *r = arg;
    if (error != 0 && error != ECANCELED && error != EPIPE) {
        snprintf(r->error, sizeof r->error, "%s%s",
                 text ? "" : "the steward cannot read it: ", text ? text : strerror(error));
        config_free(r->config);
        r->config = NULL;
    }
    finish(r);
}

/* The steward goes first: it is to know the scripts that we ask it for. */
static void on_read(void *arg)
{
    struct reload *r = arg;
    bool waits =
        r->config && !r->agent->leaving && runner_link_reload(r->agent->runner, on_scripts, r);
    if (!waits)
        finish(r);
}

void reload_begin(struct agent *a, agent_done_fn *done, void *arg)
{
    struct reload *r = calloc(1, sizeof *r);
    if (!r) {
        done(arg, false, "out of memory");
        return;
    }
    *r = (struct reload){.agent = a, .done = done, .arg = arg};
    LIST_INSERT_HEAD(&a->reloads, r, entry);
    if (worker_submit(a->worker, read_file, on_read, r))
        return;
    LIST_REMOVE(r, entry);
    free(r);
    done(arg, false, "too many reloads at one time");
}

void reload_forget(struct agent *a, const void *arg)
{
    struct reload *r;
    LIST_FOREACH(r, &a->reloads, entry)
    if (r->arg == arg)
        r->done = NULL;
}
