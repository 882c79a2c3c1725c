/* runner_link: the agent's end of the socket to the runner. */
#ifndef MUSTER_RUNNER_LINK_H
#define MUSTER_RUNNER_LINK_H

#include "agent/steward/steward_protocol.h"

struct event_base;
struct runner_link;

/* Called once, from the loop: the runner is gone. All that waited for it was told before. */
typedef void runner_lost_fn(void *arg);
/* fd: our end (taken), non-blocking; -1: there is no runner, and nothing runs. NULL: no memory. */
struct runner_link *runner_link_new(struct event_base *base, int fd, runner_lost_fn *lost,
                                    void *arg);
void runner_link_free(struct runner_link *l);

/* False: there is no runner (any more). */
bool runner_link_is_up(const struct runner_link *l);

/* From the loop, once: value is a status of waitpid if it has run, else an errno. A runner that is
 * gone is EPIPE. */
typedef void runner_ended_fn(void *arg, bool has_run, int value);

/* Has a script run with these descriptors (borrowed): standard input, environment, output. The
 * runner stops it a while after timeout_ms if nobody else has. Returns the run's id; 0 with errno:
 * it was not asked for. */
uint32_t runner_link_run(struct runner_link *l, uint64_t key, uint64_t descriptors,
                         uint32_t timeout_ms, const int fds[RUNNER_FDS], runner_ended_fn *ended,
                         void *arg);
/* As in runner.h. False: it could not be said. */
bool runner_link_stop(struct runner_link *l, uint32_t id);
bool runner_link_kill(struct runner_link *l, uint32_t id);
/* Nobody waits for its end any more. */
void runner_link_forget(struct runner_link *l, uint32_t id);

/* error: 0, or an errno; EINVAL with text (borrowed), or NULL: what is wrong with it. */
typedef void runner_reloaded_fn(void *arg, int error, const char *text);
/* Has the steward read the configuration, beside the one in force; one at a time. False: the
 * request could not be sent; errno. */
bool runner_link_reload(struct runner_link *l, runner_reloaded_fn *reloaded, void *arg);
/* What the last reload has read is in force there from now on; scripts of before can still be run.
 * False: the request could not be sent, and nothing has changed. */
bool runner_link_commit(struct runner_link *l);
/* What the last reload has read is forgotten there; reloaded is not called any more. */
void runner_link_rollback(struct runner_link *l);
/* Scripts of before the last commit are not run any more. False: the request could not be sent. */
bool runner_link_prune(struct runner_link *l);

#endif
