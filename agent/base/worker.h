/* worker: one thread for what may block (name look-ups, the state directory), so that the event
 * loop never does. Jobs run one after the other, in order. */
#ifndef MUSTER_BASE_WORKER_H
#define MUSTER_BASE_WORKER_H

#include <stdbool.h>

#define WORKER_JOBS_MAX 256

struct worker;

/* A job is two functions and their argument: `run` on the worker's thread, then `done` on the
 * owner's thread, which frees arg. Neither touches what the other thread owns. */
typedef void worker_fn(void *arg);

/* Starts the thread. NULL: out of memory, descriptors or threads. */
struct worker *worker_new(void);

/* Readable (poll) when jobs have run that worker_deliver would hand back. The worker's: valid until
 * worker_free, so take it out of the event loop before that. */
int worker_fd(const struct worker *w);
/* Calls `done` for all jobs that have run. From the owner's thread; never blocks. */
void worker_deliver(struct worker *w);

/* Waits for the job that runs, timeout_ms at most; waiting jobs are not run any more. `done` is
 * called for all of them, and nothing can be submitted from there. A job that still runs is left
 * behind: its `done` is never called, its arg and the worker are leaked. NULL: nothing. */
void worker_free(struct worker *w, int timeout_ms);

/* Queues a job. False: the queue is full, or the worker is being freed; nothing was taken, arg is
 * still the caller's. */
bool worker_submit(struct worker *w, worker_fn *run, worker_fn *done, void *arg);

#endif
