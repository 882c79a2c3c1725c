#include "agent/steward/runner.h"

#include "agent/base/clock.h"
#include "agent/steward/runner_child.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TURN_REQUESTS = 64 }; /* so that addresses are not kept waiting */

_Static_assert(RUNNER_RUNS_MAX == SCRIPT_LIST_MAX, "each script of the list can run");

/* RUN_STOPPING: the leader is not waited for, so that its group's number stays its own.
 * RUN_ENDED: the report waits for room. RUN_ABANDONED: it was reported, and has no id any more. */
enum run_state { RUN_RUNNING, RUN_STOPPING, RUN_KILLING, RUN_ENDED, RUN_ABANDONED };

/* A script that runs, or our reading of the configuration. */
struct run {
    uint32_t id;
    pid_t pid; /* and its process group; 0: this place is free */
    enum run_state state;
    int64_t next_us; /* when something is done about it; INT64_MAX: nothing */
    unsigned kills;  /* sent */
    int error;       /* of the last signal */
    int status;      /* ENDED */
    bool is_reload;
    bool is_dropped; /* a reading that nobody wants any more */
};

struct runner {
    int fd; /* to the agent; -1: the agent is gone */
    int children_fd, timer_fd, epoll_fd;
    struct script_list scripts;  /* in force */
    struct script_list prepared; /* read, and not yet in force */
    struct script_list outgoing; /* of before; what waits for them in the agent may still be run */
    bool has_prepared;
    uint32_t prepared_id; /* of the RELOAD that asked for it */
    runner_load_fn *load;
    runner_change_fn *change;
    void *arg;
    struct run runs[RUNNER_RUNS_MAX];
    size_t runs_count; /* places used at some time */
    int list_fd;       /* what a reading of the configuration wrote; -1: there is none */
};

/* ---- reports ---- */

/* False: there is no room. */
static bool runner_report(const struct runner *r, enum runner_report_kind kind, uint32_t id,
                          int value)
{
    struct runner_report out = {
        .version = RUNNER_VERSION, .kind = (uint8_t)kind, .id = id, .value = value};
    return send(r->fd, &out, sizeof out, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno != EAGAIN;
}

/* What is wrong with the configuration; of text_fd. */
static void report_error(const struct runner *r, uint32_t id, int text_fd)
{
    struct runner_report out = {
        .version = RUNNER_VERSION, .kind = RUNNER_RELOADED, .id = id, .value = EINVAL};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec part = {&out, sizeof out};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof text_fd);
    memcpy(CMSG_DATA(c), &text_fd, sizeof text_fd);
    (void)!sendmsg(r->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* ---- runs ---- */

/* A reading of the configuration has no id, and is not the agent's to stop. */
static struct run *runner_find(struct runner *r, uint32_t id)
{
    for (size_t i = 0; i < r->runs_count; i++)
        if (r->runs[i].pid != 0 && !r->runs[i].is_reload && r->runs[i].state != RUN_ABANDONED &&
            r->runs[i].id == id)
            return &r->runs[i];
    return NULL;
}

/* NULL: the limit of running scripts is reached. */
static struct run *place(struct runner *r)
{
    size_t at = 0;
    while (at < r->runs_count && r->runs[at].pid != 0)
        at++;
    if (at == RUNNER_RUNS_MAX)
        return NULL;
    r->runs_count += at == r->runs_count;
    return &r->runs[at];
}

static bool tell_change(const struct runner *r, enum runner_change change)
{
    return !r->change || r->change(r->arg, change);
}

static void drop_prepared(struct runner *r)
{
    if (!r->has_prepared)
        return;
    r->has_prepared = false;
    script_list_free(&r->prepared);
    tell_change(r, RUNNER_ROLLED_BACK);
}

/* One that is prepared already was given up without a word. */
static void runner_prepare(struct runner *r, uint32_t id, const struct script_list *fresh)
{
    drop_prepared(r);
    r->prepared = *fresh;
    r->prepared_id = id;
    r->has_prepared = true;
    bool ok = tell_change(r, RUNNER_PREPARED);
    if (!ok)
        drop_prepared(r);
    runner_report(r, RUNNER_RELOADED, id, ok ? 0 : ENOMEM);
}

static void take_list(struct runner *r, const struct run *reading, int status)
{
    struct script_list fresh;
    if (reading->is_dropped)
        ; /* nobody waits for it */
    else if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && script_list_read(&fresh, r->list_fd))
        runner_prepare(r, reading->id, &fresh);
    else
        report_error(r, reading->id, r->list_fd);
    close(r->list_fd);
    r->list_fd = -1;
}

static void runner_commit(struct runner *r, uint32_t id)
{
    if (!r->has_prepared || r->prepared_id != id)
        return;
    script_list_merge(&r->outgoing, &r->scripts);
    r->scripts = r->prepared;
    r->prepared.count = 0;
    r->has_prepared = false;
    tell_change(r, RUNNER_COMMITTED);
}

/* One that hangs (users that are looked up over the network) would refuse all later ones. */
static void runner_rollback(struct runner *r, uint32_t id)
{
    for (size_t i = 0; i < r->runs_count; i++) {
        struct run *run = &r->runs[i];
        if (run->pid == 0 || !run->is_reload || run->id != id)
            continue;
        run->is_dropped = true;
        kill(run->pid, SIGKILL);
    }
    if (r->has_prepared && r->prepared_id == id)
        drop_prepared(r);
}

/* Each end is reported, however long the agent does not read. */
static void runner_report_end(struct runner *r, struct run *run)
{
    if (runner_report(r, RUNNER_ENDED, run->id, run->status))
        *run = (struct run){0};
    else
        run->next_us = clock_us(CLOCK_BOOTTIME) + RUNNER_RETRY_US;
}

static void reap(struct runner *r, struct run *run)
{
    if (run->state == RUN_STOPPING || run->state == RUN_ENDED ||
        waitpid(run->pid, &run->status, WNOHANG) != run->pid)
        return;
    struct run ended = *run;
    bool is_reported = run->is_reload || run->state == RUN_ABANDONED;
    run->state = RUN_ENDED;
    if (!is_reported) {
        runner_report_end(r, run);
        return;
    }
    *run = (struct run){0};
    if (ended.is_reload)
        take_list(r, &ended, ended.status);
}

static void reap_all(struct runner *r)
{
    struct signalfd_siginfo info;
    while (read(r->children_fd, &info, sizeof info) == sizeof info)
        continue;
    for (size_t i = 0; i < r->runs_count; i++)
        if (r->runs[i].pid != 0)
            reap(r, &r->runs[i]);
}

/* A process that has not come as far as making its group is still alone. */
static void kill_group(struct run *run, int number)
{
    bool sent = kill(-run->pid, number) == 0 || kill(run->pid, number) == 0;
    run->error = sent ? 0 : errno;
}

static void stop_run(struct run *run)
{
    kill_group(run, SIGTERM);
    run->state = RUN_STOPPING;
    run->next_us = clock_us(CLOCK_BOOTTIME) + RUNNER_GRACE_US;
}

static void abandon_run(struct runner *r, struct run *run)
{
    run->next_us = clock_us(CLOCK_BOOTTIME) + RUNNER_RETRY_US;
    if (!runner_report(r, RUNNER_ABANDONED, run->id, run->error))
        return;
    run->state = RUN_ABANDONED;
    run->next_us = INT64_MAX;
}

/* A SIGKILL may fail (a script of another user, without CAP_KILL), and may not help (a process that
 * waits for a dead disk). */
static void kill_run(struct runner *r, struct run *run)
{
    kill_group(run, SIGKILL);
    run->state = RUN_KILLING;
    run->kills++;
    run->next_us = clock_us(CLOCK_BOOTTIME) + RUNNER_RETRY_US;
    reap(r, run);
}

static void advance_run(struct runner *r, struct run *run)
{
    switch (run->state) {
    case RUN_RUNNING:
        stop_run(run);
        return;
    case RUN_STOPPING:
        kill_run(r, run);
        return;
    case RUN_KILLING:
        if (run->kills < RUNNER_KILLS_MAX)
            kill_run(r, run);
        else
            abandon_run(r, run);
        return;
    case RUN_ENDED:
        runner_report_end(r, run);
        return;
    case RUN_ABANDONED:
        return;
    }
}

/* Does what is due, and sets the timer for what is next. */
static void advance_all(struct runner *r)
{
    int64_t next_us = INT64_MAX, now_us = clock_us(CLOCK_BOOTTIME);
    struct itimerspec at = {0};
    for (size_t i = 0; i < r->runs_count; i++) {
        struct run *run = &r->runs[i];
        if (run->pid != 0 && run->next_us <= now_us)
            advance_run(r, run);
        if (run->pid != 0 && run->next_us < next_us)
            next_us = run->next_us;
    }
    if (next_us != INT64_MAX)
        at.it_value =
            (struct timespec){.tv_sec = next_us / 1000000, .tv_nsec = next_us % 1000000 * 1000};
    timerfd_settime(r->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

/* ---- requests ---- */

/* A year is as good as none, and cannot overflow. */
static int64_t timeout_us(uint64_t timeout_ms)
{
    const uint64_t year_ms = UINT64_C(31536000000);
    return (int64_t)(timeout_ms < year_ms ? timeout_ms : year_ms) * 1000;
}

static int run_script(struct runner *r, const struct runner_request *request,
                      const int fds[RUNNER_FDS])
{
    const struct script *script = script_list_find(&r->scripts, request->key);
    if (!script)
        script = script_list_find(&r->outgoing, request->key);
    struct run *run = place(r);
    if (!script)
        return ENOENT;
    if (!run || runner_find(r, request->id))
        return EBUSY;
    pid_t pid = fork();
    if (pid < 0)
        return errno;
    if (pid == 0)
        runner_child(script, request->descriptors, fds);
    *run = (struct run){.id = request->id,
                        .pid = pid,
                        .next_us = clock_us(CLOCK_BOOTTIME) + timeout_us(request->timeout_ms) +
                                   RUNNER_LATE_US};
    return 0;
}

static _Noreturn void runner_read(const struct runner *r)
{
    struct script_list fresh = {.count = 0};
    char error[RUNNER_ERROR_BYTES] = "out of memory";
    bool ok = r->load(r->arg, &fresh, error) && script_list_write(&fresh, r->list_fd);
    script_list_free(&fresh);
    if (ok)
        _exit(EXIT_SUCCESS);
    (void)!ftruncate(r->list_fd, 0);
    (void)!pwrite(r->list_fd, error, strnlen(error, sizeof error), 0);
    _exit(EXIT_FAILURE);
}

static int reload(struct runner *r, uint32_t id)
{
    struct run *run = place(r);
    if (r->list_fd >= 0 || !run)
        return EBUSY;
    r->list_fd = memfd_create("muster-scripts", MFD_CLOEXEC);
    if (r->list_fd < 0)
        return errno;
    pid_t pid = fork();
    if (pid == 0)
        runner_read(r);
    if (pid > 0) {
        *run = (struct run){.id = id, .pid = pid, .next_us = INT64_MAX, .is_reload = true};
        return 0;
    }
    int error = errno;
    close(r->list_fd);
    r->list_fd = -1;
    return error;
}

static void runner_end(struct runner *r, uint32_t id, int number)
{
    struct run *run = runner_find(r, id);
    if (!run || run->state == RUN_ENDED)
        return;
    if (number == SIGTERM)
        stop_run(run);
    else
        kill_run(r, run);
}

static void runner_take(struct runner *r, const struct runner_request *request,
                        const int fds[RUNNER_FDS], bool has_fds)
{
    int error = 0;
    switch ((enum runner_request_kind)request->kind) {
    case RUNNER_RUN:
        error = has_fds ? run_script(r, request, fds) : EBADF;
        if (error != 0)
            runner_report(r, RUNNER_REFUSED, request->id, error);
        return;
    case RUNNER_STOP:
        runner_end(r, request->id, SIGTERM);
        return;
    case RUNNER_KILL:
        runner_end(r, request->id, SIGKILL);
        return;
    case RUNNER_RELOAD:
        error = reload(r, request->id);
        if (error != 0)
            runner_report(r, RUNNER_RELOADED, request->id, error);
        return;
    case RUNNER_COMMIT:
        runner_commit(r, request->id);
        return;
    case RUNNER_ROLLBACK:
        runner_rollback(r, request->id);
        return;
    case RUNNER_PRUNE:
        script_list_free(&r->outgoing);
        return;
    }
}

/* The descriptors that came along; others than the three that belong are closed. */
static bool take_fds(struct msghdr *message, int fds[RUNNER_FDS])
{
    bool complete = false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (i < RUNNER_FDS && !complete)
                fds[i] = fd;
            else
                close(fd);
        }
        complete |= count == RUNNER_FDS;
    }
    return complete && !(message->msg_flags & MSG_CTRUNC);
}

/* False: nothing waits, or there is nobody any more. */
static bool runner_receive(struct runner *r)
{
    uint8_t bytes[sizeof(struct runner_request) + 1];
    union {
        char bytes[CMSG_SPACE(RUNNER_FDS * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = {bytes, sizeof bytes};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    int fds[RUNNER_FDS] = {-1, -1, -1};
    struct runner_request request;
    ssize_t n = recvmsg(r->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    bool is_gone = n <= 0;
    bool has_fds = n >= 0 && take_fds(&message, fds);
    if (!is_gone && runner_request_check(bytes, (size_t)n, &request) == 0)
        runner_take(r, &request, fds, has_fds);
    for (int i = 0; i < RUNNER_FDS; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (is_gone) {
        close(r->fd); /* which epoll notices */
        r->fd = -1;
    }
    return !is_gone;
}

void runner_turn(struct runner *r)
{
    reap_all(r);
    for (int i = 0; i < TURN_REQUESTS && r->fd >= 0 && runner_receive(r); i++)
        continue;
    advance_all(r);
}

/* ---- its life ---- */

static bool watch(const struct runner *r, int fd)
{
    return fd >= 0 &&
           epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN}) == 0;
}

struct runner *runner_new(int fd, struct script_list *scripts, runner_load_fn *load_list, void *arg)
{
    struct runner *r = calloc(1, sizeof *r);
    sigset_t child;
    if (!r)
        return NULL;
    *r = (struct runner){.fd = fd, .load = load_list, .arg = arg, .list_fd = -1};
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    r->children_fd = signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC);
    r->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    r->scripts = *scripts;
    scripts->count = 0;
    if (watch(r, r->fd) && watch(r, r->children_fd) && watch(r, r->timer_fd))
        return r;
    int error = errno;
    runner_free(r);
    errno = error;
    return NULL;
}

void runner_free(struct runner *r)
{
    int fds[] = {r->fd, r->children_fd, r->timer_fd, r->epoll_fd, r->list_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    script_list_free(&r->scripts);
    if (r->has_prepared)
        script_list_free(&r->prepared);
    script_list_free(&r->outgoing);
    free(r);
}

int runner_fd(const struct runner *r)
{
    return r->epoll_fd;
}

void runner_on_change(struct runner *r, runner_change_fn *change)
{
    r->change = change;
}

bool runner_is_over(const struct runner *r)
{
    bool is_busy = false;
    for (size_t i = 0; i < r->runs_count; i++)
        is_busy |=
            r->runs[i].pid != 0 && r->runs[i].state != RUN_ABANDONED && !r->runs[i].is_reload;
    return r->fd < 0 && !is_busy;
}
