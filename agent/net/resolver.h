/* resolver: looks names up on a few threads, so that names that nobody answers for, which take 10 s
 * each, do not hold up the others. */
#ifndef MUSTER_RESOLVER_H
#define MUSTER_RESOLVER_H

#include "agent/base/worker.h"

#define RESOLVER_THREADS_MAX 16 /* started as they are needed; more look-ups wait */

struct event_base;
struct resolver;

/* NULL: out of memory. */
struct resolver *resolver_new(struct event_base *base);
/* As worker_free, with timeout_ms for all threads together. NULL: nothing. */
void resolver_free(struct resolver *r, int timeout_ms);

/* As worker_submit; jobs run side by side, in no order. False: there is no thread, or no memory. */
bool resolver_submit(struct resolver *r, worker_fn *run, worker_fn *done, void *arg);

#endif
