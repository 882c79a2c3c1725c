/* leave: the way out, in good order. The floating addresses and their leases are handed over first
 * and at once; then the others are told; and the agent stays until the scripts of what happened on
 * the way have run, which no other host waits for. */
#ifndef MUSTER_LEAVE_H
#define MUSTER_LEAVE_H

#include "agent/host.h"

#include <stdbool.h>

/* A steward that does not let go of the addresses is not waited for longer than this. */
#define LEAVE_HAND_OVER_S 2
/* A leave takes no longer than this; scripts that still run then are ended. It covers the default
 * timeout of a script. musterd.8 and TimeoutStopSec of examples/muster.service go by it. */
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

/* Begins; nothing if it has begun already. */
void leave_begin(struct leave *l);
/* Ends the scripts that run, drops what waits for one, and goes on without them. */
void leave_hurry(struct leave *l);

#endif
