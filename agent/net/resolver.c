#include "agent/net/resolver.h"

#include "agent/base/clock.h"

#include <event2/event.h>
#include <stdlib.h>

enum { IDLE_MS = 20 }; /* to end a thread that has nothing to do */

struct resolver_thread {
    struct worker *worker; /* NULL: not started */
    struct event *ran;
    unsigned waiting; /* jobs that were submitted and not delivered */
};

struct resolver {
    struct event_base *base;
    struct resolver_thread threads[RESOLVER_THREADS_MAX];
};

struct resolver_job {
    struct resolver_thread *thread;
    worker_fn *run, *done;
    void *arg;
};

struct resolver *resolver_new(struct event_base *base)
{
    struct resolver *r = calloc(1, sizeof *r);
    if (r)
        r->base = base;
    return r;
}

static void thread_on_ran(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    worker_deliver(arg);
}

static void thread_stop(struct resolver_thread *thread, int timeout_ms)
{
    if (thread->ran)
        event_free(thread->ran);
    worker_free(thread->worker, timeout_ms);
    *thread = (struct resolver_thread){0};
}

static bool thread_start(const struct resolver *r, struct resolver_thread *thread)
{
    thread->worker = worker_new();
    if (thread->worker)
        thread->ran = event_new(r->base, worker_fd(thread->worker), EV_READ | EV_PERSIST,
                                thread_on_ran, thread->worker);
    bool ok = thread->ran && event_add(thread->ran, NULL) == 0;
    if (!ok)
        thread_stop(thread, IDLE_MS);
    return ok;
}

void resolver_free(struct resolver *r, int timeout_ms)
{
    int64_t end_us = clock_us(CLOCK_MONOTONIC) + (int64_t)timeout_ms * 1000;
    if (!r)
        return;
    for (size_t i = 0; i < RESOLVER_THREADS_MAX; i++) {
        int64_t left_ms = (end_us - clock_us(CLOCK_MONOTONIC)) / 1000;
        thread_stop(&r->threads[i], left_ms > IDLE_MS ? (int)left_ms : IDLE_MS);
    }
    free(r);
}

/* One that is free; else a new one; else the one with the fewest jobs. NULL: none can be started.
 */
static struct resolver_thread *resolver_pick(struct resolver *r)
{
    struct resolver_thread *least = NULL;
    for (size_t i = 0; i < RESOLVER_THREADS_MAX; i++) {
        struct resolver_thread *thread = &r->threads[i];
        if (!thread->worker && !thread_start(r, thread))
            return least;
        if (thread->waiting == 0)
            return thread;
        if (!least || thread->waiting < least->waiting)
            least = thread;
    }
    return least;
}

/* On a thread. */
static void resolver_run(void *arg)
{
    const struct resolver_job *job = arg;
    job->run(job->arg);
}

static void resolver_done(void *arg)
{
    struct resolver_job job = *(struct resolver_job *)arg;
    free(arg);
    job.thread->waiting--;
    job.done(job.arg);
}

bool resolver_submit(struct resolver *r, worker_fn *run, worker_fn *done, void *arg)
{
    struct resolver_thread *thread = resolver_pick(r);
    struct resolver_job *job = thread ? malloc(sizeof *job) : NULL;
    if (!job)
        return false;
    *job = (struct resolver_job){thread, run, done, arg};
    if (worker_submit(thread->worker, resolver_run, resolver_done, job)) {
        thread->waiting++;
        return true;
    }
    free(job);
    return false;
}
