#include "agent/scripts/runner_link.h"

#include "agent/base/log.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct run {
    uint32_t id; /* 0: a free slot */
    runner_ended_fn *ended;
    void *arg;
};

struct runner_link {
    int fd; /* -1: there is no runner */
    runner_lost_fn *lost;
    void *lost_arg;
    struct event *readable;
    uint32_t last_id;
    struct run runs[RUNNER_RUNS_MAX];
    runner_reloaded_fn *reloaded; /* NULL: no reload is under way */
    void *reloaded_arg;
    uint32_t reload_id; /* of the last request */
};

static struct run *runner_link_find(struct runner_link *l, uint32_t id)
{
    for (size_t i = 0; i < RUNNER_RUNS_MAX; i++)
        if (l->runs[i].id == id)
            return &l->runs[i];
    return NULL;
}

static void runner_link_end_run(struct runner_link *l, uint32_t id, bool has_run, int value)
{
    struct run *run = runner_link_find(l, id);
    if (id == 0 || !run)
        return;
    struct run ended = *run;
    *run = (struct run){0};
    ended.ended(ended.arg, has_run, value);
}

static void runner_link_end_reload(struct runner_link *l, int error, const char *text)
{
    runner_reloaded_fn *reloaded = l->reloaded;
    l->reloaded = NULL;
    if (reloaded)
        reloaded(l->reloaded_arg, error, text);
}

static void runner_link_report_reload(struct runner_link *l, int error, int text_fd)
{
    char text[RUNNER_ERROR_BYTES];
    ssize_t n = text_fd < 0 ? 0 : pread(text_fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    runner_link_end_reload(l, error, n > 0 ? text : NULL);
}

/* fd: the descriptor that came with the report, borrowed; -1: none. */
static void runner_link_apply(struct runner_link *l, const struct runner_report *report, int fd)
{
    switch ((enum runner_report_kind)report->kind) {
    case RUNNER_ENDED:
        runner_link_end_run(l, report->id, true, report->value);
        return;
    case RUNNER_ABANDONED: /* the handler goes on as if SIGKILL had worked */
        log_error("a script cannot be killed, and is left alone: %s",
                  report->value ? strerror(report->value) : "it does not end");
        runner_link_end_run(l, report->id, true, SIGKILL);
        return;
    case RUNNER_REFUSED:
        runner_link_end_run(l, report->id, false, report->value);
        return;
    case RUNNER_RELOADED:
        if (report->id == l->reload_id)
            runner_link_report_reload(l, report->value, fd);
        return;
    }
}

static void runner_link_lose(struct runner_link *l)
{
    event_free(l->readable);
    l->readable = NULL;
    close(l->fd);
    l->fd = -1;
    for (size_t i = 0; i < RUNNER_RUNS_MAX; i++)
        runner_link_end_run(l, l->runs[i].id, false, EPIPE);
    runner_link_end_reload(l, EPIPE, NULL);
    l->lost(l->lost_arg);
}

/* As recv; *fd is the descriptor that came along, to be closed, or -1. */
static ssize_t runner_link_receive(int from, void *bytes, size_t count, int *fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = {bytes, count};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t n = recvmsg(from, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    *fd = -1;
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
        memcpy(fd, CMSG_DATA(c), sizeof *fd);
    return n;
}

static void runner_link_on_readable(int fd, short what, void *arg)
{
    struct runner_link *l = arg;
    (void)what;
    while (l->fd >= 0) {
        uint8_t bytes[sizeof(struct runner_report) + 1];
        struct runner_report report;
        int along;
        ssize_t n = runner_link_receive(fd, bytes, sizeof bytes, &along);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0)
            runner_link_lose(l);
        else if (runner_report_check(bytes, (size_t)n, &report) == 0)
            runner_link_apply(l, &report, along);
        if (along >= 0)
            close(along);
    }
}

/* False with errno. */
static bool runner_link_send(const struct runner_link *l, const struct runner_request *request,
                             const int *fds)
{
    struct runner_request r = *request;
    union {
        char bytes[CMSG_SPACE(RUNNER_FDS * sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec part = {&r, sizeof r};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    r.version = RUNNER_VERSION;
    if (fds) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(RUNNER_FDS * sizeof(int));
        memcpy(CMSG_DATA(c), fds, RUNNER_FDS * sizeof(int));
    }
    if (l->fd < 0) {
        errno = EPIPE;
        return false;
    }
    return sendmsg(l->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof r;
}

uint32_t runner_link_run(struct runner_link *l, uint64_t key, uint64_t descriptors,
                         uint32_t timeout_ms, const int fds[RUNNER_FDS], runner_ended_fn *ended,
                         void *arg)
{
    struct run *run = runner_link_find(l, 0);
    if (!run) {
        errno = EAGAIN;
        return 0;
    }
    do {
        l->last_id++;
    } while (l->last_id == 0 || runner_link_find(l, l->last_id));
    struct runner_request request = {.kind = RUNNER_RUN,
                                     .id = l->last_id,
                                     .key = key,
                                     .descriptors = descriptors,
                                     .timeout_ms = timeout_ms};
    if (!runner_link_send(l, &request, fds))
        return 0;
    *run = (struct run){l->last_id, ended, arg};
    return run->id;
}

bool runner_link_stop(struct runner_link *l, uint32_t id)
{
    return runner_link_send(l, &(struct runner_request){.kind = RUNNER_STOP, .id = id}, NULL);
}

bool runner_link_kill(struct runner_link *l, uint32_t id)
{
    return runner_link_send(l, &(struct runner_request){.kind = RUNNER_KILL, .id = id}, NULL);
}

void runner_link_forget(struct runner_link *l, uint32_t id)
{
    struct run *run = runner_link_find(l, id);
    if (id != 0 && run)
        *run = (struct run){0};
}

bool runner_link_reload(struct runner_link *l, runner_reloaded_fn *reloaded, void *arg)
{
    if (l->reloaded) {
        errno = EBUSY;
        return false;
    }
    if (!runner_link_send(
            l, &(struct runner_request){.kind = RUNNER_RELOAD, .id = l->reload_id + 1}, NULL))
        return false;
    l->reload_id++;
    l->reloaded = reloaded;
    l->reloaded_arg = arg;
    return true;
}

static bool runner_link_send_for_reload(const struct runner_link *l, enum runner_request_kind kind)
{
    return runner_link_send(l, &(struct runner_request){.kind = (uint8_t)kind, .id = l->reload_id},
                            NULL);
}

bool runner_link_commit(struct runner_link *l)
{
    return runner_link_send_for_reload(l, RUNNER_COMMIT);
}

bool runner_link_prune(struct runner_link *l)
{
    return runner_link_send_for_reload(l, RUNNER_PRUNE);
}

/* If the socket is full, the next reload drops that configuration in the steward. */
void runner_link_rollback(struct runner_link *l)
{
    l->reloaded = NULL;
    runner_link_send_for_reload(l, RUNNER_ROLLBACK);
}

struct runner_link *runner_link_new(struct event_base *base, int fd, runner_lost_fn *lost,
                                    void *arg)
{
    struct runner_link *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    *l = (struct runner_link){.fd = fd, .lost = lost, .lost_arg = arg};
    if (fd < 0)
        return l;
    l->readable = event_new(base, fd, EV_READ | EV_PERSIST, runner_link_on_readable, l);
    if (l->readable && event_add(l->readable, NULL) == 0)
        return l;
    runner_link_free(l);
    return NULL;
}

void runner_link_free(struct runner_link *l)
{
    if (!l)
        return;
    runner_link_end_reload(l, ECANCELED, NULL);
    if (l->readable)
        event_free(l->readable);
    if (l->fd >= 0)
        close(l->fd);
    free(l);
}

bool runner_link_is_up(const struct runner_link *l)
{
    return l->fd >= 0;
}
