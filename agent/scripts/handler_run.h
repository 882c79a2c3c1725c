/* handler_run: one run of a script, from its start to its exit or its timeout. */
#ifndef MUSTER_AGENT_HANDLER_RUN_H
#define MUSTER_AGENT_HANDLER_RUN_H

#include "agent/scripts/handler_env.h"

#include <stdbool.h>
#include <stdint.h>

#define HANDLER_GRACE_MS 500 /* from SIGTERM at the timeout to SIGKILL */

struct event_base;
struct handler_run;
struct runner_link;

struct handler_result {
    int status; /* the exit status, or 128 + the signal that ended it */
    bool timed_out;
    int64_t duration_us;
};

/* Called once, from the loop, when the script has ended; the run has been freed by then. */
typedef void handler_done_fn(void *arg, const struct handler_result *result);

/* Starts a run; copies what it needs of the request.
 * At the timeout the whole process group is ended. When the script ends by itself, processes that
 * it left behind keep running. NULL: the script could not be started, which is logged. */
struct handler_run *handler_run_start(struct event_base *base, struct runner_link *runner,
                                      const struct handler_request *request, handler_done_fn *done,
                                      void *arg);

/* Asks the whole process group to end, as at the timeout; `done` is called once it has. */
void handler_run_stop(struct handler_run *r);
/* Kills the whole process group and frees the run; `done` is not called. */
void handler_run_kill(struct handler_run *r);

#endif
