/* reload: takes on a changed configuration while running: what can change does, what cannot is
 * named. */
#ifndef MUSTER_RELOAD_H
#define MUSTER_RELOAD_H

#include "agent/config/config.h"
#include "agent/host.h"

struct attempts;
struct handlers;
struct quorum;
struct reloads;
struct runner_link;
struct vips;
struct worker;

/* Whom a new configuration concerns; all borrowed. */
struct reload_parts {
    struct host *host;
    const struct config_options *options; /* where the configuration is read from, and what
                                           * overrides it */
    struct config **config;               /* in force; replaced, and the old one freed */
    struct worker *worker;                /* reads the file off the loop */
    struct runner_link *runner;           /* the steward reads it too */
    struct handlers *handlers;
    struct attempts *attempts;
    struct vips *vips;
    struct quorum *quorum;
};

/* parts: copied. NULL: out of memory. */
struct reloads *reload_new(const struct reload_parts *parts);
/* After the worker: reloads that are under way end without an answer. NULL: nothing. */
void reload_free(struct reloads *rs);

/* As SIGHUP: reads the configuration off the loop and takes it on. Not ok: the old one stays. */
void reload_begin(struct reloads *rs, host_done_fn *done, void *arg);
/* Those that wait with this arg are not told. */
void reload_forget(struct reloads *rs, const void *arg);

#endif
