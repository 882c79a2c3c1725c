#include "agent/base/worker.h"

#include "agent/base/thread.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STACK_BYTES (256 * 1024) /* getaddrinfo runs here, with whatever NSS brings along */

struct job {
    worker_fn *run, *done;
    void *arg;
};

/* Jobs are numbered from 0; number n lies in jobs[n % WORKER_JOBS_MAX]. First they wait, then they
 * have run, then they are delivered: delivered <= ran <= submitted <= delivered + JOBS_MAX. */
struct worker {
    pthread_t thread;
    pthread_mutex_t lock; /* over what follows, but for jobs that are delivered */
    pthread_cond_t wake;
    size_t ran, submitted;
    bool running; /* the job after `ran` */
    bool stop;
    struct job jobs[WORKER_JOBS_MAX];

    size_t delivered; /* the owner's alone */
    int ran_fd;       /* an eventfd, readable once a job has run */
};

static void *worker_run(void *arg)
{
    struct worker *w = arg;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (w->ran == w->submitted && !w->stop)
            pthread_cond_wait(&w->wake, &w->lock);
        if (w->stop)
            break;
        struct job job = w->jobs[w->ran % WORKER_JOBS_MAX];
        w->running = true;
        pthread_mutex_unlock(&w->lock);
        job.run(job.arg);
        pthread_mutex_lock(&w->lock);
        w->running = false;
        w->ran++;
        eventfd_write(w->ran_fd, 1);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* Hands back the jobs before number `end`, oldest first. */
static void worker_deliver_until(struct worker *w, size_t end)
{
    while (w->delivered < end) {
        struct job job = w->jobs[w->delivered % WORKER_JOBS_MAX];
        w->delivered++; /* its place is free before `done` submits the next one */
        job.done(job.arg);
    }
}

static void worker_destroy(struct worker *w)
{
    if (w->ran_fd >= 0)
        close(w->ran_fd);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

struct worker *worker_new(void)
{
    struct worker *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    w->ran_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (w->ran_fd >= 0 && thread_start(&w->thread, STACK_BYTES, worker_run, w))
        return w;
    worker_destroy(w);
    return NULL;
}

int worker_fd(const struct worker *w)
{
    return w->ran_fd;
}

void worker_deliver(struct worker *w)
{
    eventfd_t count;
    eventfd_read(w->ran_fd, &count);
    pthread_mutex_lock(&w->lock);
    size_t ran = w->ran;
    pthread_mutex_unlock(&w->lock);
    worker_deliver_until(w, ran);
}

void worker_free(struct worker *w, int timeout_ms)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    bool ended = thread_join(w->thread, timeout_ms);

    pthread_mutex_lock(&w->lock);
    size_t ran = w->ran;
    bool hangs = w->running;
    pthread_mutex_unlock(&w->lock);
    worker_deliver_until(w, ran);
    if (hangs)
        w->delivered++; /* its arg is still in use, and so leaked */
    worker_deliver_until(w, w->submitted);
    if (ended)
        worker_destroy(w); /* else leaked too: the thread will look at it once more */
}

bool worker_submit(struct worker *w, worker_fn *run, worker_fn *done, void *arg)
{
    assert(run && done);
    if (w->stop || w->submitted - w->delivered == WORKER_JOBS_MAX)
        return false;
    pthread_mutex_lock(&w->lock);
    w->jobs[w->submitted % WORKER_JOBS_MAX] = (struct job){run, done, arg};
    w->submitted++;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    return true;
}
