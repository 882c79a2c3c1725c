#include "agent/scripts/handler_run.h"

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/scripts/handler_output.h"
#include "agent/scripts/runner_link.h"
#include "agent/steward/script_list.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STATUS_SIGNAL 128 /* + the signal's number, as shells say it */

struct handler_run {
    char *handler, *path; /* for the log */
    uint64_t seq;
    struct runner_link *runner;
    uint32_t id; /* of the runner's run */
    struct event *timeout, *grace;
    struct handler_output *output;
    struct handler_result result;
    int64_t started_us;
    handler_done_fn *done;
    void *arg;
};

static struct timeval run_timeval(uint32_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

static void run_free(struct handler_run *r)
{
    struct event *events[] = {r->timeout, r->grace};
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (events[i])
            event_free(events[i]);
    if (r->output)
        handler_output_end(r->output);
    free(r->handler);
    free(r->path);
    free(r);
}

static void run_log_result(const struct handler_run *r, const char *how, int number)
{
    bool success = r->result.status == 0 && !r->result.timed_out;
    log_write(success ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN,
              "handler \"%s\": %s for change %" PRIu64 ": %s %d after %" PRId64 " ms%s", r->handler,
              r->path, r->seq, how, number, r->result.duration_us / 1000,
              r->result.timed_out ? ", after its timeout" : "");
}

static void run_set_status(struct handler_run *r, int status)
{
    r->result.duration_us = clock_us(CLOCK_MONOTONIC) - r->started_us;
    if (WIFEXITED(status)) {
        r->result.status = WEXITSTATUS(status);
        run_log_result(r, "exit status", r->result.status);
    } else {
        r->result.status = STATUS_SIGNAL + WTERMSIG(status);
        run_log_result(r, "ended by signal", WTERMSIG(status));
    }
}

static void run_log_refusal(struct handler_run *r, int error)
{
    r->result.status = RUNNER_EXIT_NOT_RUN;
    log_error("handler \"%s\": %s was not run for change %" PRIu64 ": %s", r->handler, r->path,
              r->seq,
              error == ENOENT ? "the steward does not know it; was the configuration changed and "
                                "not reloaded?"
                              : strerror(error));
}

static void run_on_ended(void *arg, bool has_run, int value)
{
    struct handler_run *r = arg;
    handler_output_end(r->output);
    r->output = NULL;
    if (has_run)
        run_set_status(r, value);
    else
        run_log_refusal(r, value);
    struct handler_result result = r->result;
    handler_done_fn *done = r->done;
    void *done_arg = r->arg;
    run_free(r);
    done(done_arg, &result);
}

/* Gives the process group HANDLER_GRACE_MS between SIGTERM and SIGKILL. The runner does not reap
 * the leader before SIGKILL: the zombie keeps the process group id from being reused. */
void handler_run_stop(struct handler_run *r)
{
    const struct timeval grace = run_timeval(HANDLER_GRACE_MS);
    if (event_pending(r->grace, EV_TIMEOUT, NULL))
        return;
    event_del(r->timeout);
    event_add(r->grace, &grace);
    runner_link_stop(r->runner, r->id);
}

static void run_on_timeout(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct handler_run *r = arg;
    r->result.timed_out = true;
    handler_run_stop(r);
}

static void run_on_grace_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct handler_run *r = arg;
    runner_link_kill(r->runner, r->id);
}

/* Makes all that a run needs except its process. NULL: out of memory. */
static struct handler_run *run_new(struct event_base *base, const struct handler_request *request)
{
    struct handler_run *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    const struct timeval timeout = run_timeval(request->timeout_ms);
    r->handler = strdup(request->handler);
    r->path = strdup(request->path);
    r->seq = request->entry->seq;
    r->started_us = clock_us(CLOCK_MONOTONIC);
    r->timeout = evtimer_new(base, run_on_timeout, r);
    r->grace = evtimer_new(base, run_on_grace_over, r);
    if (r->handler && r->path && r->timeout && r->grace && event_add(r->timeout, &timeout) == 0)
        return r;
    run_free(r);
    return NULL;
}

/* Sends the request last, so that nothing can fail after it. False with errno. */
static bool run_request(struct event_base *base, const struct handler_request *request,
                        struct handler_run *r)
{
    int fds[RUNNER_FDS];
    if (!handler_env_files(request, &fds[0], &fds[1]))
        return false;
    r->output = handler_output_new(base, r->handler, &fds[2]);
    int error = errno;
    if (r->output) {
        /* So that the script may open /dev/stderr, which is the pipe. */
        (void)!fchmod(fds[2], 0622);
        r->id = runner_link_run(r->runner, script_key(request->path, request->account),
                                request->descriptors, request->timeout_ms, fds, run_on_ended, r);
        error = errno;
        close(fds[2]);
    }
    close(fds[0]);
    close(fds[1]);
    errno = error;
    return r->id != 0;
}

struct handler_run *handler_run_start(struct event_base *base, struct runner_link *runner,
                                      const struct handler_request *request, handler_done_fn *done,
                                      void *arg)
{
    struct handler_run *r = run_new(base, request);
    errno = ENOMEM;
    if (r) {
        r->runner = runner;
        r->done = done;
        r->arg = arg;
    }
    if (r && run_request(base, request, r))
        return r;
    log_error("handler \"%s\": cannot start %s for change %" PRIu64 ": %s", request->handler,
              request->path, request->entry->seq, strerror(errno));
    if (r)
        run_free(r);
    return NULL;
}

void handler_run_kill(struct handler_run *r)
{
    runner_link_kill(r->runner, r->id);
    runner_link_forget(r->runner, r->id);
    run_free(r);
}
