/* locks: leases around commands that run on this host (`muster lock`). Locks of one name
 * queue on this host: the first claims the lease in the cluster. */
#ifndef MUSTER_LOCKS_H
#define MUSTER_LOCKS_H

#include "gossip/lease/leases.h"

#include <stdbool.h>
#include <stdint.h>

struct host;
struct lock;
struct locks;

#define LOCKS_MAX 512 /* of all names together */
#define LOCKS_LENGTH_MS 3000

struct lock_state {
    bool held;
    int64_t until_us; /* CLOCK_BOOTTIME: held until then */
    uint64_t epoch;
    const char *holder; /* where not held: the member that holds it; "": unknown */
};

/* Called from the loop when the state has changed. Not called from locks_take and locks_drop. */
typedef void lock_changed_fn(void *arg, const struct lock_state *state);

/* NULL: out of memory. */
struct locks *locks_new(struct host *host);
void locks_free(struct locks *l);

/* Queues for a lock. NULL with *error (static): the name is invalid, no quorum is configured, or
 * there are too many locks. */
struct lock *locks_take(struct locks *l, const char *name, lock_changed_fn *changed, void *arg,
                        const char **error);
/* Releases the lock, or leaves the queue: the locked command has ended. */
void locks_drop(struct lock *lock);
/* The client is gone, and the locked command may still run: the lease is not renewed, so that
 * others get it when it has expired. changed is not called again. */
void locks_abandon(struct lock *lock);

#endif
