/* reload: puts a changed configuration into force while the agent runs. Keys that cannot change
 * are logged. */
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

/* The modules that a new configuration concerns; all borrowed. */
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
/* After the worker has ended. Reloads under way end without a callback. NULL: no effect. */
void reload_free(struct reloads *rs);

/* As SIGHUP: reads the configuration off the loop and puts it into force. Not ok: the old one
 * stays. */
void reload_begin(struct reloads *rs, host_done_fn *done, void *arg);
/* Drops the callbacks of all reloads with this arg. */
void reload_forget(struct reloads *rs, const void *arg);

#endif
