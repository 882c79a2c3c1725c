/* leave: the graceful leave. First the floating addresses and their leases go to successors; then
 * the leave is announced to the cluster; last the agent waits for the scripts of changes on the
 * way, for which no other host waits. */
#ifndef MUSTER_LEAVE_H
#define MUSTER_LEAVE_H

#include "agent/host.h"

#include <stdbool.h>

/* How long the leave waits for the steward to drop the addresses. */
#define LEAVE_HAND_OVER_S 2
/* The longest leave; scripts that still run then are ended. It covers the default timeout of a
 * script. musterd.8 and TimeoutStopSec of examples/muster.service depend on it. */
#define LEAVE_MAX_S 40

struct handlers;
struct leave;
struct vips;

/* Called once, from the loop: the agent may stop now. */
typedef void leave_done_fn(void *arg);
/* vips, handlers: borrowed. NULL: out of memory. */
struct leave *leave_new(struct host *host, struct vips *vips, struct handlers *handlers,
                        leave_done_fn *done, void *arg);
/* NULL: nothing. */
void leave_free(struct leave *l);

/* Begins the leave. No effect if a leave is under way. */
void leave_begin(struct leave *l);
/* Ends running scripts, drops waiting changes, and completes the leave without them. */
void leave_hurry(struct leave *l);

#endif
