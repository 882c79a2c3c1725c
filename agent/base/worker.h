/* worker: one thread for what may block (name look-ups, the state folder), so that the loop never
 * does. Jobs run one after the other, in order. */
#ifndef MUSTER_WORKER_H
#define MUSTER_WORKER_H

#include <stdbool.h>

#define WORKER_JOBS_MAX 256

struct event_base;
struct worker;

/* A job is two functions and their argument: `run` on the worker's thread, then `done` on the
 * loop's thread, which frees arg. Neither touches what the other thread owns. */
typedef void worker_fn(void *arg);

/* NULL: no memory, descriptor or thread to be had. */
struct worker *worker_new(struct event_base *base);
/* Waits for the job that runs, for at most that long; jobs that wait are not run any more. `done`
 * is called for all of them, and nothing can be submitted from there. A job that still runs is
 * left behind: its `done` is never called, its arg and the worker are leaked. NULL: nothing. */
void worker_free(struct worker *w, int timeout_ms);
/* False: the queue is full, or the worker is being freed; nothing was taken, arg is still the
 * caller's. */
bool worker_submit(struct worker *w, worker_fn *run, worker_fn *done, void *arg);

#endif
