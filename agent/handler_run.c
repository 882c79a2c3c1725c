#include "agent/handler_run.h"

#include "agent/handler_output.h"
#include "agent/log.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STATUS_SIGNAL 128 /* + the signal's number, as shells say it */

struct handler_run {
    char *handler, *path; /* for the log */
    uint64_t seq;
    pid_t pid; /* also its process group; 0 while there is none */
    struct event *exited, *timeout, *grace;
    struct handler_output *output;
    struct handler_result result;
    int64_t started_us;
    handler_done_fn *done;
    void *arg;
};

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static struct timeval timeval_of(uint32_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

/* Only while the child is not waited for: until then its number, and so its group's, cannot become
 * another's. A child that has not come as far as making its group is still alone. */
static void kill_group(const struct handler_run *r, int number)
{
    assert(r->pid > 0);
    if (kill(-r->pid, number) != 0)
        kill(r->pid, number);
}

static void run_free(struct handler_run *r)
{
    struct event *events[] = {r->exited, r->timeout, r->grace};
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (events[i])
            event_free(events[i]);
    if (r->output)
        handler_output_end(r->output);
    free(r->handler);
    free(r->path);
    free(r);
}

static void log_result(const struct handler_run *r, const char *how, int number)
{
    bool success = r->result.status == 0 && !r->result.timed_out;
    log_write(success ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN,
              "handler \"%s\": %s for change %" PRIu64 ": %s %d after %" PRId64 " ms%s", r->handler,
              r->path, r->seq, how, number, r->result.duration_us / 1000,
              r->result.timed_out ? ", after its timeout" : "");
}

static void take_status(struct handler_run *r, int status)
{
    r->result.duration_us = now_us() - r->started_us;
    if (WIFEXITED(status)) {
        r->result.status = WEXITSTATUS(status);
        log_result(r, "exit status", r->result.status);
    } else {
        r->result.status = STATUS_SIGNAL + WTERMSIG(status);
        log_result(r, "ended by signal", WTERMSIG(status));
    }
}

/* Ends the run if the script has ended. */
static void reap(struct handler_run *r)
{
    int status;
    if (waitpid(r->pid, &status, WNOHANG) != r->pid)
        return;
    handler_output_end(r->output);
    r->output = NULL;
    take_status(r, status);
    struct handler_result result = r->result;
    handler_done_fn *done = r->done;
    void *done_arg = r->arg;
    run_free(r);
    done(done_arg, &result);
}

/* Some child has ended, perhaps ours. */
static void on_child(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    reap(arg);
}

/* The group has a moment to end by itself. The script may be the first of it to go: it is not
 * waited for until then, for it is what keeps the group's number ours. */
void handler_run_stop(struct handler_run *r)
{
    const struct timeval grace = timeval_of(HANDLER_GRACE_MS);
    if (event_pending(r->grace, EV_TIMEOUT, NULL))
        return;
    event_del(r->exited);
    event_del(r->timeout);
    event_add(r->grace, &grace);
    kill_group(r, SIGTERM);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct handler_run *r = arg;
    r->result.timed_out = true;
    handler_run_stop(r);
}

static void on_grace_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct handler_run *r = arg;
    event_add(r->exited, NULL);
    kill_group(r, SIGKILL);
    reap(r);
}

/* All that a run needs but its process. NULL: out of memory. */
static struct handler_run *run_new(struct event_base *base, const struct handler_order *order)
{
    struct handler_run *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    const struct timeval timeout = timeval_of(order->timeout_ms);
    r->handler = strdup(order->handler);
    r->path = strdup(order->path);
    r->seq = order->entry->seq;
    r->started_us = now_us();
    r->exited = evsignal_new(base, SIGCHLD, on_child, r);
    r->timeout = evtimer_new(base, on_timeout, r);
    r->grace = evtimer_new(base, on_grace_over, r);
    if (r->handler && r->path && r->exited && r->timeout && r->grace &&
        event_add(r->exited, NULL) == 0 && event_add(r->timeout, &timeout) == 0)
        return r;
    run_free(r);
    return NULL;
}

/* Makes the process, last of all, so that nothing can fail once there is one. False with errno. */
static bool spawn(struct event_base *base, const struct handler_order *order, struct handler_run *r)
{
    int write_end;
    r->output = handler_output_new(base, r->handler, &write_end);
    if (!r->output)
        return false;
    r->pid = handler_spawn(order, write_end);
    int error = errno;
    close(write_end);
    errno = error;
    return r->pid > 0;
}

struct handler_run *handler_run_start(struct event_base *base, const struct handler_order *order,
                                      handler_done_fn *done, void *arg)
{
    struct handler_run *r = run_new(base, order);
    errno = ENOMEM;
    if (r && spawn(base, order, r)) {
        r->done = done;
        r->arg = arg;
        return r;
    }
    log_error("handler \"%s\": cannot start %s for change %" PRIu64 ": %s", order->handler,
              order->path, order->entry->seq, strerror(errno));
    if (r)
        run_free(r);
    return NULL;
}

/* Nobody waits for the script's end any more. If that has not come yet, its entry in the process
 * table stays until we end, which is what comes next. */
void handler_run_kill(struct handler_run *r)
{
    kill_group(r, SIGKILL);
    waitpid(r->pid, NULL, WNOHANG);
    run_free(r);
}
