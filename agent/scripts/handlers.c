#include "agent/scripts/handlers.h"

#include "agent/base/log.h"
#include "agent/scripts/handler_run.h"
#include "agent/scripts/runner_link.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define RETRY_MS 1000 /* after a script could not be started: descriptors, memory, processes */
#define BUCKETS 512   /* so that the changes of one member are found fast in a full queue */

struct waiting {
    TAILQ_ENTRY(waiting) link;
    TAILQ_ENTRY(waiting) bucket_link;
    const struct journal_entry *entry; /* held */
};

TAILQ_HEAD(queue, waiting);

struct handler {
    TAILQ_ENTRY(handler) link;
    struct handlers *owner;
    struct handler_spec spec;
    bool removed;                  /* from the configuration; freed once its queue has been run */
    struct queue queue;            /* oldest first */
    struct queue buckets[BUCKETS]; /* the same by member, each oldest first */
    struct event *start;           /* pending while changes wait and none runs */
    struct handler_run *run;
    struct handler_stats stats;
};

TAILQ_HEAD(handler_list, handler);

struct handlers {
    struct event_base *base;
    struct runner_link *runner;
    char *self, *run_dir;
    rlim_t descriptors;
    void (*idle)(void *arg); /* NULL: none */
    void *idle_arg;
    bool stopped;
    struct handler_list list; /* in the configuration's order, removed ones among them */
};

/* ---- the queue ---- */

static struct queue *handler_bucket(struct handler *h, const struct journal_entry *entry)
{
    const uint8_t *id = entry->member.profile->id; /* random, so any part of it will do */
    return &h->buckets[(id[0] | id[1] << 8) % BUCKETS];
}

/* True: both are about the same member, the same address, or the quorum. */
static bool handler_same_subject(const struct journal_entry *a, const struct journal_entry *b)
{
    bool of_quorum = a->kind >= EVENT_QUORUM_LOST;
    if (!a->vip != !b->vip || of_quorum != (b->kind >= EVENT_QUORUM_LOST))
        return false;
    if (a->vip)
        return strcmp(a->vip->name, b->vip->name) == 0;
    return memcmp(a->member.profile->id, b->member.profile->id, GOSSIP_ID_BYTES) == 0;
}

static void handler_queue_remove(struct handler *h, struct waiting *w)
{
    TAILQ_REMOVE(&h->queue, w, link);
    TAILQ_REMOVE(handler_bucket(h, w->entry), w, bucket_link);
    h->stats.waiting--;
    journal_release(w->entry);
    free(w);
}

static void handler_queue_clear(struct handler *h)
{
    for (struct waiting *w = TAILQ_FIRST(&h->queue), *next; w; w = next) {
        next = TAILQ_NEXT(w, link);
        handler_queue_remove(h, w);
    }
}

/* Removes waiting changes about the same subject as the newer `entry`, oldest first, until fewer
 * than HANDLER_QUEUE_CALM wait. */
static void handler_queue_collapse(struct handler *h, const struct journal_entry *entry)
{
    struct waiting *w = TAILQ_FIRST(handler_bucket(h, entry)), *next;
    for (; w && h->stats.waiting >= HANDLER_QUEUE_CALM; w = next) {
        next = TAILQ_NEXT(w, bucket_link);
        if (!handler_same_subject(w->entry, entry))
            continue;
        handler_queue_remove(h, w);
        h->stats.collapsed++;
    }
}

static void handler_count_dropped(struct handler *h, const char *why)
{
    if (h->stats.dropped++ == 0)
        log_error("handler \"%s\": a waiting change is dropped: %s; further ones are counted",
                  h->spec.name, why);
}

static void handler_queue_add(struct handler *h, const struct journal_entry *entry)
{
    handler_queue_collapse(h, entry);
    if (h->stats.waiting >= HANDLER_QUEUE_MAX) {
        handler_queue_remove(h, TAILQ_FIRST(&h->queue));
        handler_count_dropped(h, "more changes wait than there can be members");
    }
    struct waiting *w = malloc(sizeof *w);
    if (!w) {
        handler_count_dropped(h, "out of memory");
        return;
    }
    w->entry = journal_hold(entry);
    TAILQ_INSERT_TAIL(&h->queue, w, link);
    TAILQ_INSERT_TAIL(handler_bucket(h, entry), w, bucket_link);
    h->stats.waiting++;
}

/* ---- running ---- */

/* Starts scripts from the loop's own turn, so that no publisher waits for the steward. */
static void handler_schedule(struct handler *h, long delay_ms)
{
    const struct timeval delay = {.tv_sec = delay_ms / 1000, .tv_usec = delay_ms % 1000 * 1000};
    if (!h->run && !TAILQ_EMPTY(&h->queue) && !event_pending(h->start, EV_TIMEOUT, NULL))
        event_add(h->start, &delay);
}

static void handler_free(struct handler *h);

/* Called after a run, or after one could not be started. Frees a removed handler with nothing
 * left. */
static void handler_go_on(struct handler *h, long delay_ms)
{
    const struct handlers *hs = h->owner;
    handler_schedule(h, delay_ms);
    if (h->removed && !h->run && TAILQ_EMPTY(&h->queue))
        handler_free(h);
    if (hs->idle && handlers_are_idle(hs))
        hs->idle(hs->idle_arg);
}

static void handler_drop_queue(struct handler *h, const char *why)
{
    if (h->stats.waiting > 0)
        log_warn("handler \"%s\": %zu changes that waited are not run: %s", h->spec.name,
                 h->stats.waiting, why);
    handler_queue_clear(h);
    event_del(h->start);
}

static void handler_on_done(void *arg, const struct handler_result *result)
{
    struct handler *h = arg;
    h->run = NULL;
    h->stats.runs++;
    h->stats.failures += result->status != 0 || result->timed_out;
    h->stats.timeouts += result->timed_out;
    h->stats.last_status = result->status;
    h->stats.last_duration_us = result->duration_us;
    handler_go_on(h, 0);
}

static void handler_on_start(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct handler *h = arg;
    struct waiting *first = TAILQ_FIRST(&h->queue);
    assert(first && !h->run);
    if (h->spec.user && !h->spec.account) {
        handler_drop_queue(h, "its user is not on this host; muster reload, once it is there");
        handler_go_on(h, RETRY_MS);
        return;
    }
    const struct handler_request request = {
        .handler = h->spec.name,
        .path = h->spec.run,
        .timeout_ms = h->spec.timeout_ms,
        .account = h->spec.account,
        .self = h->owner->self,
        .run_dir = h->owner->run_dir,
        .descriptors = h->owner->descriptors,
        .entry = first->entry,
    };
    h->run = handler_run_start(h->owner->base, h->owner->runner, &request, handler_on_done, h);
    if (h->run) {
        handler_queue_remove(h, first);
        return;
    }
    h->stats.failures++;
    if (!runner_link_is_up(h->owner->runner))
        handler_drop_queue(h, "there is no steward");
    handler_go_on(h, RETRY_MS);
}

/* ---- specs ---- */

static bool handler_accepts(const struct handler_spec *s, const struct journal_entry *entry)
{
    const struct gossip_profile *p = entry->member.profile;
    const struct vip_record *vip = entry->vip;
    if (!(s->kinds & 1u << entry->kind))
        return false;
    if (s->vip)
        return vip && vip->here && strcmp(vip->name, s->vip) == 0;
    return tag_match_fits(&s->match, p->tags, p->tags_bytes);
}

/* ---- handlers ---- */

static struct handler *handler_new(struct handlers *owner)
{
    struct handler *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->owner = owner;
    h->stats.last_status = -1;
    h->start = evtimer_new(owner->base, handler_on_start, h);
    if (!h->start) {
        free(h);
        return NULL;
    }
    TAILQ_INIT(&h->queue);
    for (size_t i = 0; i < BUCKETS; i++)
        TAILQ_INIT(&h->buckets[i]);
    return h;
}

/* For a handler that is in no list. */
static void handler_destroy(struct handler *h)
{
    if (h->run)
        handler_run_kill(h->run);
    handler_queue_clear(h);
    event_free(h->start);
    handler_spec_free(&h->spec);
    free(h);
}

static void handler_free(struct handler *h)
{
    TAILQ_REMOVE(&h->owner->list, h, link);
    handler_destroy(h);
}

static struct handler *handler_find(struct handlers *hs, const char *name)
{
    for (struct handler *h = TAILQ_FIRST(&hs->list); h; h = TAILQ_NEXT(h, link))
        if (strcmp(h->spec.name, name) == 0)
            return h;
    return NULL;
}

struct handlers_plan {
    struct handlers *owner;
    size_t count;
    struct handler *all[]; /* in no list yet; NULL: not made */
};

/* Does everything that can fail. */
struct handlers_plan *handlers_prepare(struct handlers *hs, const struct handler_spec *specs,
                                       size_t count)
{
    struct handlers_plan *p = calloc(1, sizeof *p + count * sizeof *p->all);
    if (!p)
        return NULL;
    p->owner = hs;
    p->count = count;
    for (size_t i = 0; i < count; i++) {
        p->all[i] = handler_new(hs);
        if (!p->all[i] || !handler_spec_copy(&p->all[i]->spec, &specs[i])) {
            handlers_discard(p);
            return NULL;
        }
    }
    return p;
}

void handlers_discard(struct handlers_plan *p)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->all[i])
            handler_destroy(p->all[i]);
    free(p);
}

/* A handler of the same name gets the new spec; the planned one is freed with the old spec. */
static void handler_take_over(struct handlers *hs, struct handler *planned)
{
    struct handler *h = handler_find(hs, planned->spec.name);
    if (h) {
        struct handler_spec old = h->spec;
        h->spec = planned->spec;
        planned->spec = old;
        TAILQ_REMOVE(&hs->list, h, link);
        handler_destroy(planned);
    } else {
        h = planned;
    }
    h->removed = false;
    TAILQ_INSERT_TAIL(&hs->list, h, link);
}

void handlers_commit(struct handlers_plan *p)
{
    struct handlers *hs = p->owner;
    struct handler *h, *next;
    TAILQ_FOREACH (h, &hs->list, link)
        h->removed = true;
    for (size_t i = 0; i < p->count; i++)
        handler_take_over(hs, p->all[i]);
    free(p);
    for (h = TAILQ_FIRST(&hs->list); h; h = next) {
        next = TAILQ_NEXT(h, link);
        if (h->removed && !h->run && TAILQ_EMPTY(&h->queue))
            handler_free(h);
    }
}

bool handlers_have_removed(const struct handlers *hs)
{
    const struct handler *h;
    TAILQ_FOREACH (h, &hs->list, link)
        if (h->removed)
            return true;
    return false;
}

void handlers_stop(struct handlers *hs)
{
    hs->stopped = true;
    for (struct handler *h = TAILQ_FIRST(&hs->list); h; h = TAILQ_NEXT(h, link)) {
        handler_drop_queue(h, "the agent stops");
        if (h->run)
            handler_run_stop(h->run);
    }
}

bool handlers_are_idle(const struct handlers *hs)
{
    const struct handler *h;
    TAILQ_FOREACH (h, &hs->list, link)
        if (h->run || !TAILQ_EMPTY(&h->queue))
            return false;
    return true;
}

void handlers_on_idle(struct handlers *hs, void (*idle)(void *arg), void *arg)
{
    hs->idle = idle;
    hs->idle_arg = arg;
}

struct handlers *handlers_new(struct event_base *base, struct runner_link *runner, const char *self,
                              const char *run_dir, rlim_t descriptors)
{
    struct handlers *hs = calloc(1, sizeof *hs);
    if (!hs)
        return NULL;
    hs->base = base;
    hs->runner = runner;
    hs->descriptors = descriptors;
    TAILQ_INIT(&hs->list);
    hs->self = strdup(self);
    hs->run_dir = strdup(run_dir);
    if (!hs->self || !hs->run_dir) {
        handlers_free(hs);
        return NULL;
    }
    return hs;
}

void handlers_free(struct handlers *hs)
{
    if (!hs)
        return;
    for (struct handler *h = TAILQ_FIRST(&hs->list), *next; h; h = next) {
        next = TAILQ_NEXT(h, link);
        handler_free(h);
    }
    free(hs->self);
    free(hs->run_dir);
    free(hs);
}

void handlers_publish(struct handlers *hs, const struct journal_entry *entry)
{
    for (struct handler *h = TAILQ_FIRST(&hs->list); h; h = TAILQ_NEXT(h, link)) {
        if (hs->stopped || h->removed || !handler_accepts(&h->spec, entry))
            continue;
        handler_queue_add(h, entry);
        handler_schedule(h, 0);
    }
}

bool handlers_stats(const struct handlers *hs, size_t index, struct handler_stats *stats)
{
    for (const struct handler *h = TAILQ_FIRST(&hs->list); h; h = TAILQ_NEXT(h, link)) {
        if (h->removed || index-- > 0)
            continue;
        *stats = h->stats;
        stats->name = h->spec.name;
        stats->running = h->run != NULL;
        return true;
    }
    return false;
}
