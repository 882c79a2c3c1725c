/* handlers: run the operator's scripts on changes: per handler in order, one at a time, with a
 * bounded queue, a timeout on the whole process group, and its output in the log. */
#ifndef MUSTER_HANDLERS_H
#define MUSTER_HANDLERS_H

#include "agent/config/config.h"
#include "agent/events/journal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

/* Waiting changes per handler. While fewer than HANDLER_QUEUE_CALM wait, each will be run. From
 * there on a newer change of a member replaces its oldest waiting ones: the queue grows by members
 * and not by changes, and the last state of each is never lost. At most GOSSIP_MEMBERS_MAX members
 * are known at one time. If more came and went while a script hung, the oldest waiting change is
 * dropped and logged. */
#define HANDLER_QUEUE_CALM 16
#define HANDLER_QUEUE_MAX (GOSSIP_MEMBERS_MAX + HANDLER_QUEUE_CALM)
#define HANDLER_OUTPUT_LINES_MAX 100 /* of one run, to the log; the rest is read and counted */

struct event_base;
struct handlers;
struct handlers_plan;
struct runner_link;

/* runner: borrowed for as long as they live. self: our own name, for MUSTER_SELF; run_dir: where a
 * script's `muster` finds us, an absolute path for MUSTER_RUN_DIR (both copied); descriptors: how
 * many a script may have open. NULL: out of memory. */
struct handlers *handlers_new(struct event_base *base, struct runner_link *runner, const char *self,
                              const char *run_dir, rlim_t descriptors);
/* Asks running scripts to end, drops waiting changes, and starts no more scripts. */
void handlers_stop(struct handlers *h);
/* Kills scripts that still run (whole process groups). */
void handlers_free(struct handlers *h);

/* Prepares the handlers of a configuration (specs copied). NULL: out of memory, and nothing has
 * changed. */
struct handlers_plan *handlers_prepare(struct handlers *h, const struct handler_spec *specs,
                                       size_t count);
/* Puts the plan into force, and frees it. Handlers of unchanged name keep their queue and their
 * run. Removed handlers accept no further changes, and are freed once their queues have been
 * run. */
void handlers_commit(struct handlers_plan *plan);
/* Frees the plan; nothing has changed. */
void handlers_discard(struct handlers_plan *plan);
/* True: some removed handlers still have changes to run. */
bool handlers_have_removed(const struct handlers *h);

/* True: nothing runs, and nothing waits to be run. */
bool handlers_are_idle(const struct handlers *h);
/* Calls idle, from the loop, whenever the last run has ended and nothing waits. NULL: no more
 * calls. idle must not free the handlers. */
void handlers_on_idle(struct handlers *h, void (*idle)(void *arg), void *arg);

/* Offers a change to every handler whose `on` and `match` fit it. */
void handlers_publish(struct handlers *h, const struct journal_entry *entry);

struct handler_stats {
    const char *name; /* borrowed */
    uint64_t runs, failures, timeouts;
    uint64_t collapsed; /* waiting changes replaced by a newer one */
    uint64_t dropped;   /* waiting changes lost over HANDLER_QUEUE_MAX, or to lack of memory */
    size_t waiting;
    bool running;
    int last_status; /* exit status, 128 + signal, 126 or 127 if it could not be run; -1 before the
                      * first run */
    int64_t last_duration_us;
};
/* False: index is past the last handler. */
bool handlers_stats(const struct handlers *h, size_t index, struct handler_stats *stats);

#endif
