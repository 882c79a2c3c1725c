#include "agent/base/thread.h"

#include <malloc.h>
#include <signal.h>
#include <time.h>

static bool thread_start_blocked(pthread_t *thread, const pthread_attr_t *attr,
                                 void *(*run)(void *), void *arg)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited by the new thread */
    bool started = pthread_create(thread, attr, run, arg) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

bool thread_start(pthread_t *thread, size_t stack_bytes, void *(*run)(void *), void *arg)
{
    pthread_attr_t attr;
    /* One heap for all: these threads hardly allocate, and an arena each would cost more memory
     * than they use. */
    mallopt(M_ARENA_MAX, 1);
    if (pthread_attr_init(&attr) != 0)
        return false;
    bool started = pthread_attr_setstacksize(&attr, stack_bytes) == 0 &&
                   thread_start_blocked(thread, &attr, run, arg);
    pthread_attr_destroy(&attr);
    return started;
}

bool thread_join(pthread_t thread, int timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    return pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until) == 0;
}
