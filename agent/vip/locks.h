/* locks: leases around commands that run on this host (`muster lock`). Those that want the same one
 * here stand in line: the first is a candidate for it in the cluster. */
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
    const char *holder; /* who has it, where it is not held; "": nobody that we know of */
};

/* From the loop, whenever that has changed. Not called from locks_take and locks_drop. */
typedef void lock_changed_fn(void *arg, const struct lock_state *state);

/* NULL: out of memory. */
struct locks *locks_new(struct host *host);
void locks_free(struct locks *l);

/* Stands in line for it. NULL with *error (static): no name for a lock, no quorum is configured, or
 * too many. */
struct lock *locks_take(struct locks *l, const char *name, lock_changed_fn *changed, void *arg,
                        const char **error);
/* Gives it back, or up. What it was taken for has ended. */
void locks_drop(struct lock *lock);
/* Nobody cares for it any more, and what it was taken for may go on: it is not renewed, and others
 * can have it when it is over. changed is not called again. */
void locks_abandon(struct lock *lock);

#endif
