/* runner: runs scripts for the agent, each as its configured user (steward_protocol.h: scripts).
 *
 * What may take its time is done in the script's own process, before it becomes the script: whether
 * others could change it (script_permission.h), and what its environment holds. A refusal of that
 * kind is written to the script's output, and the exit status is RUNNER_EXIT_NOT_RUN or
 * RUNNER_EXIT_NOT_FOUND. */
#ifndef MUSTER_RUNNER_H
#define MUSTER_RUNNER_H

#include "agent/steward/script_list.h"
#include "agent/steward/steward_protocol.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Reads the configuration anew, as the operator would have it: for a process made for that. False
 * with `error` filled (RUNNER_ERROR_BYTES): it cannot be taken. */
typedef bool runner_load_fn(void *arg, struct script_list *into, char *error);

/* The agent stops and kills scripts by itself: what follows is for one that is dead, or whose
 * request was lost. */
#define RUNNER_LATE_US INT64_C(2000000)  /* after the timeout: SIGTERM */
#define RUNNER_GRACE_US INT64_C(2000000) /* from SIGTERM to SIGKILL */
#define RUNNER_RETRY_US INT64_C(200000)  /* between two SIGKILLs, or attempts to report */
#define RUNNER_KILLS_MAX 15              /* a script that outlives them is abandoned */

struct runner;

/* fd: our end (taken), non-blocking. load is called in a process of its own. NULL with errno. */
struct runner *runner_new(int fd, struct script_list *scripts, runner_load_fn *load, void *arg);
void runner_free(struct runner *r);

/* To be waited for, until it is readable; then a turn. Readable too when a script's time is up. */
int runner_fd(const struct runner *r);
void runner_turn(struct runner *r);
/* What becomes of a configuration that was read, for those who have read more of it than scripts.
 */
enum runner_change {
    RUNNER_PREPARED, /* it was read; false: it cannot be taken (out of memory), and is refused */
    RUNNER_COMMITTED,
    RUNNER_ROLLED_BACK
};
typedef bool runner_change_fn(void *arg, enum runner_change change);
/* Has change called in a turn, with the argument of runner_load_fn. NULL, as at first: nothing. */
void runner_on_change(struct runner *r, runner_change_fn *change);
/* The agent is gone, and no script runs any more: each has ended, or was stopped at its timeout. */
bool runner_is_over(const struct runner *r);

#endif
