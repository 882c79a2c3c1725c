#include "agent/net/resolver.h"

#include "agent/base/clock.h"

#include <event2/event.h>
#include <stdlib.h>

enum { IDLE_MS = 20 }; /* to end a thread that has nothing to do */

struct lane {
    struct worker *worker; /* NULL: not started */
    struct event *ran;
    unsigned waiting; /* jobs that were submitted and not delivered */
};

struct resolver {
    struct event_base *base;
    struct lane lanes[RESOLVER_THREADS_MAX];
};

struct resolver_job {
    struct lane *lane;
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

static void lane_on_ran(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    worker_deliver(arg);
}

static void lane_stop(struct lane *lane, int timeout_ms)
{
    if (lane->ran)
        event_free(lane->ran);
    worker_free(lane->worker, timeout_ms);
    *lane = (struct lane){0};
}

static bool lane_start(const struct resolver *r, struct lane *lane)
{
    lane->worker = worker_new();
    if (lane->worker)
        lane->ran = event_new(r->base, worker_fd(lane->worker), EV_READ | EV_PERSIST, lane_on_ran,
                              lane->worker);
    bool ok = lane->ran && event_add(lane->ran, NULL) == 0;
    if (!ok)
        lane_stop(lane, IDLE_MS);
    return ok;
}

void resolver_free(struct resolver *r, int timeout_ms)
{
    int64_t end_us = clock_us(CLOCK_MONOTONIC) + (int64_t)timeout_ms * 1000;
    if (!r)
        return;
    for (size_t i = 0; i < RESOLVER_THREADS_MAX; i++) {
        int64_t left_ms = (end_us - clock_us(CLOCK_MONOTONIC)) / 1000;
        lane_stop(&r->lanes[i], left_ms > IDLE_MS ? (int)left_ms : IDLE_MS);
    }
    free(r);
}

/* One that is free; else a new one; else the one with the fewest jobs. NULL: none can be started.
 */
static struct lane *resolver_lane(struct resolver *r)
{
    struct lane *least = NULL;
    for (size_t i = 0; i < RESOLVER_THREADS_MAX; i++) {
        struct lane *lane = &r->lanes[i];
        if (!lane->worker && !lane_start(r, lane))
            return least;
        if (lane->waiting == 0)
            return lane;
        if (!least || lane->waiting < least->waiting)
            least = lane;
    }
    return least;
}

/* On the lane's thread. */
static void resolver_run(void *arg)
{
    const struct resolver_job *job = arg;
    job->run(job->arg);
}

static void resolver_done(void *arg)
{
    struct resolver_job job = *(struct resolver_job *)arg;
    free(arg);
    job.lane->waiting--;
    job.done(job.arg);
}

bool resolver_submit(struct resolver *r, worker_fn *run, worker_fn *done, void *arg)
{
    struct lane *lane = resolver_lane(r);
    struct resolver_job *job = lane ? malloc(sizeof *job) : NULL;
    if (!job)
        return false;
    *job = (struct resolver_job){lane, run, done, arg};
    if (worker_submit(lane->worker, resolver_run, resolver_done, job)) {
        lane->waiting++;
        return true;
    }
    free(job);
    return false;
}
