/* runner_link: the agent's end of the socket to the runner. */
#ifndef MUSTER_RUNNER_LINK_H
#define MUSTER_RUNNER_LINK_H

#include "agent/steward/steward_protocol.h"

struct event_base;
struct runner_link;

/* Called once, from the loop: the runner is gone. The callbacks of all requests came before. */
typedef void runner_lost_fn(void *arg);
/* fd: our end (taken), non-blocking; -1: there is no runner, and no script runs. NULL: no memory.
 */
struct runner_link *runner_link_new(struct event_base *base, int fd, runner_lost_fn *lost,
                                    void *arg);
void runner_link_free(struct runner_link *l);

/* False: there is no runner, or it is gone. */
bool runner_link_is_up(const struct runner_link *l);

/* Called once, from the loop. value: the status of waitpid if the script has run, else an errno;
 * EPIPE: the runner is gone. */
typedef void runner_ended_fn(void *arg, bool has_run, int value);

/* Requests a run of a script with these descriptors (borrowed): standard input, environment,
 * output. The runner stops the script a while after timeout_ms if the agent has not. Returns the
 * run's id; 0 with errno: the request could not be sent. */
uint32_t runner_link_run(struct runner_link *l, uint64_t key, uint64_t descriptors,
                         uint32_t timeout_ms, const int fds[RUNNER_FDS], runner_ended_fn *ended,
                         void *arg);
/* As in runner.h. False: the request could not be sent. */
bool runner_link_stop(struct runner_link *l, uint32_t id);
bool runner_link_kill(struct runner_link *l, uint32_t id);
/* Drops the run's callback. */
void runner_link_forget(struct runner_link *l, uint32_t id);

/* error: 0, or an errno. text (borrowed): what is wrong with the configuration (EINVAL), or NULL.
 */
typedef void runner_reloaded_fn(void *arg, int error, const char *text);
/* Requests that the steward read the configuration, beside the one in force; one at a time. False:
 * the request could not be sent; errno. */
bool runner_link_reload(struct runner_link *l, runner_reloaded_fn *reloaded, void *arg);
/* Puts the configuration of the last reload into force in the steward; scripts of the old one can
 * still be run. False: the request could not be sent, and nothing has changed. */
bool runner_link_commit(struct runner_link *l);
/* Drops the configuration of the last reload in the steward; reloaded is not called any more. */
void runner_link_rollback(struct runner_link *l);
/* Drops the scripts from before the last commit. False: the request could not be sent. */
bool runner_link_prune(struct runner_link *l);

#endif
