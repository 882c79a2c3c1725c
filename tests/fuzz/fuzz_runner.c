/* The runner against an agent that asks for anything, with any descriptors. An input is a row of
 * actions: a byte that says which, and what it needs. In the place of scripts there are processes
 * that end at once, or when they are killed.
 *
 * Whatever is asked: what is not in the list does not run; each run, and each reading of the
 * configuration, is told of once, and of an id only one goes on at a time; what is killed ends; and
 * no descriptor is left open. */
#include "agent/steward/runner.h"
#include "agent/steward/runner_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ACTION_BYTES = 4,   /* which, and three for it */
    RAW_BYTES_MAX = 39, /* more than a request */
    RAW_BYTES_MORE = 8,
    INPUT_BYTES_MIN = 1 + RAW_BYTES_MAX,
    SENT_FDS_MAX = 7,
    FORKS_MAX = 4, /* each takes its time */
    IDS = 4,       /* in requests that are made to be in order; others have any */
    SCRIPTS = 2,   /* the first ends at once */
    WAIT_MS = 10000,
    FD_NUMBERS = 64, /* that are looked at for some left open */
};

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "broken: %s (line %d)\n", #condition, __LINE__);                       \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static const char *const paths[SCRIPTS] = {"/ends", "/goes-on"};
static struct runner *runner;
static int agent_fd, null_fd;
static int leash[2]; /* what goes on ends when nobody has the other end any more */
static unsigned forks;

/* What there is, as far as we have been told; of scripts a bit each. */
static uint32_t running[FORKS_MAX];
static size_t running_count;
static unsigned listed, list_next;
static unsigned prepared, outgoing; /* read, and not in force; of before */
static bool has_prepared;
static uint32_t prepared_id, reading_id;
static bool is_reading, will_fail;

/* ---- in processes of their own ---- */

_Noreturn void runner_child(const struct script *script, uint64_t descriptors,
                            const int fds[RUNNER_FDS])
{
    char none;
    sigset_t term;
    (void)descriptors;
    signal(SIGTERM, SIG_DFL); /* the fuzzer has a handler */
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_UNBLOCK, &term, NULL);
    close(leash[1]);
    for (int i = 0; i < RUNNER_FDS; i++)
        if (fcntl(fds[i], F_GETFD) != FD_CLOEXEC)
            _exit(EXIT_FAILURE);
    if (strcmp(script->path, paths[0]) != 0)
        (void)!read(leash[0], &none, 1);
    _exit(EXIT_SUCCESS);
}

static void list(struct script_list *into, unsigned scripts)
{
    for (unsigned i = 0; i < SCRIPTS; i++)
        if (scripts & 1u << i)
            into->all[into->count++] =
                (struct script){.key = script_key(paths[i], NULL), .path = strdup(paths[i])};
}

static bool load(void *arg, struct script_list *into, char *error)
{
    (void)arg;
    error[0] = '\0';
    list(into, list_next);
    return !will_fail;
}

/* ---- from the outside ---- */

static size_t find(uint32_t id)
{
    size_t at = 0;
    while (at < running_count && running[at] != id)
        at++;
    return at;
}

static void end(uint32_t id)
{
    size_t at = find(id);
    REQUIRE(at < running_count);
    running[at] = running[--running_count];
}

static bool is_listed(uint64_t key)
{
    for (unsigned i = 0; i < SCRIPTS; i++)
        if (key == script_key(paths[i], NULL))
            return (listed | outgoing) & 1u << i;
    return false;
}

static void take_reloaded(const struct runner_request *r, int error)
{
    REQUIRE(is_reading);
    if (error == EBUSY) {
        REQUIRE(r->kind == RUNNER_RELOAD);
        return;
    }
    REQUIRE(error == (will_fail ? EINVAL : 0));
    is_reading = false;
    if (error == 0) {
        prepared = list_next;
        prepared_id = reading_id;
        has_prepared = true;
    }
}

/* What becomes of what was read. */
static void take_decision(const struct runner_request *r)
{
    bool is_of_prepared = has_prepared && r->id == prepared_id;
    if (r->kind == RUNNER_COMMIT && is_of_prepared) {
        outgoing |= listed;
        listed = prepared;
    }
    if ((r->kind == RUNNER_COMMIT || r->kind == RUNNER_ROLLBACK) && is_of_prepared)
        has_prepared = false;
    if (r->kind == RUNNER_PRUNE)
        outgoing = 0;
}

/* What follows that request (all zero: none), which came with so many descriptors. True: it was
 * refused. */
static bool hear(const struct runner_request *r, size_t fds_count)
{
    uint8_t bytes[64];
    struct runner_report report;
    bool is_refused = false;
    ssize_t n;
    while ((n = recv(agent_fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
        REQUIRE(runner_report_check(bytes, (size_t)n, &report) == 0);
        if (report.kind == RUNNER_ENDED) {
            REQUIRE(WIFSIGNALED(report.value) || WEXITSTATUS(report.value) == 0);
            end(report.id);
            continue;
        }
        is_refused |= report.kind == RUNNER_REFUSED || report.value == EBUSY;
        if (report.kind == RUNNER_RELOADED) {
            take_reloaded(r, report.value);
            continue;
        }
        REQUIRE(r->kind == RUNNER_RUN && r->id == report.id);
        if (fds_count != RUNNER_FDS)
            REQUIRE(report.value == EBADF);
        else if (!is_listed(r->key))
            REQUIRE(report.value == ENOENT);
        else
            REQUIRE(report.value == EBUSY && find(r->id) < running_count);
    }
    return is_refused;
}

/* A SIGTERM that comes before the new process has its own idea of it is kept. */
static void turn(void)
{
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    runner_turn(runner);
    sigprocmask(SIG_UNBLOCK, &term, NULL);
}

static void send_with(const void *bytes, size_t count, size_t fds_count)
{
    uint8_t copy[RAW_BYTES_MAX];
    union {
        char bytes[CMSG_SPACE(SENT_FDS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec part = {copy, count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    memcpy(copy, bytes, count);
    if (fds_count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(fds_count * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fds_count * sizeof(int));
        for (size_t i = 0; i < fds_count; i++)
            memcpy(CMSG_DATA(c) + i * sizeof(int), &null_fd, sizeof(int));
    }
    REQUIRE(sendmsg(agent_fd, &message, MSG_NOSIGNAL) == (ssize_t)count);
}

static void ask(const void *bytes, size_t count, size_t fds_count)
{
    struct runner_request r;
    bool is_one = runner_request_check(bytes, count, &r) == 0;
    if (!is_one)
        r = (struct runner_request){0};
    bool is_run = r.kind == RUNNER_RUN, may_fork = is_run || r.kind == RUNNER_RELOAD;
    if (may_fork && forks == FORKS_MAX)
        return;
    if (r.kind == RUNNER_ROLLBACK && is_reading)
        return; /* nobody would be told of the reading's end */
    send_with(bytes, count, fds_count);
    turn();
    bool is_refused = hear(&r, fds_count);
    forks += may_fork && !is_refused;
    if (is_run && !is_refused) {
        REQUIRE(fds_count == RUNNER_FDS && is_listed(r.key));
        REQUIRE(find(r.id) == running_count);
        running[running_count++] = r.id;
    }
    if (r.kind == RUNNER_RELOAD && !is_reading)
        reading_id = r.id;
    is_reading |= r.kind == RUNNER_RELOAD;
    take_decision(&r);
}

/* What was stopped is waited for only once it is killed. */
static void end_all(void)
{
    static const struct runner_request none;
    struct runner_request r = {.version = RUNNER_VERSION, .kind = RUNNER_KILL};
    for (size_t i = running_count; i > 0; i--) {
        r.id = running[i - 1];
        send_with(&r, sizeof r, 0);
    }
    for (turn(), hear(&none, 0); running_count > 0 || is_reading; turn(), hear(&none, 0)) {
        struct pollfd polled = {.fd = runner_fd(runner), .events = POLLIN};
        REQUIRE(poll(&polled, 1, WAIT_MS) != 0); /* the fuzzer's alarm may interrupt it */
    }
}

/* Seven of eight requests are made to be in order, so that what is behind the check is reached. */
static void act(uint8_t how, const uint8_t *data)
{
    struct runner_request r = {.version = RUNNER_VERSION, .timeout_ms = WAIT_MS};
    size_t fds_count = how & 0x80 ? how >> 4 & 7 : RUNNER_FDS;
    if ((how & 7) == 0) {
        if (how >> 3 == 0)
            end_all(); /* nobody is told of an end after an empty packet */
        ask(data, how >> 3 ? (how >> 3) + RAW_BYTES_MORE : 0, fds_count);
        return;
    }
    r.kind = (uint8_t)(RUNNER_RUN + (how >> 1 & 3));
    if (r.kind == RUNNER_RELOAD)
        r.kind = (uint8_t)(RUNNER_RELOAD + data[3] % 4);
    r.id = data[0] % IDS;
    r.key = data[1] & 0xf0 ? script_key(paths[data[1] % SCRIPTS], NULL) : data[1];
    if (r.kind == RUNNER_RELOAD && !is_reading) {
        list_next = data[2] % (1u << SCRIPTS);
        will_fail = data[2] & 0x80;
    }
    ask(&r, sizeof r, fds_count);
}

/* ---- one input ---- */

static void start(void)
{
    int pair[2];
    struct script_list scripts = {.count = 0};
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    REQUIRE(pipe(leash) == 0);
    null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    agent_fd = pair[0];
    listed = (1u << SCRIPTS) - 1;
    list(&scripts, listed);
    running_count = 0;
    forks = 0;
    is_reading = has_prepared = false;
    outgoing = 0;
    runner = runner_new(pair[1], &scripts, load, NULL);
    REQUIRE(runner && null_fd >= 0);
}

static void stop(void)
{
    close(leash[1]);
    close(leash[0]);
    runner_free(runner);
    close(agent_fd);
    close(null_fd);
}

static unsigned open_fds(void)
{
    unsigned count = 0;
    for (int fd = 0; fd < FD_NUMBERS; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* Before the fuzzer has threads, which would be told of children in the place of the runner. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    sigset_t child;
    (void)argc, (void)argv;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    return sigprocmask(SIG_BLOCK, &child, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned before = open_fds();
    start();
    while (size >= INPUT_BYTES_MIN && !runner_is_over(runner)) {
        act(data[0], data + 1);
        data += ACTION_BYTES;
        size -= ACTION_BYTES;
    }
    if (!runner_is_over(runner))
        end_all();
    stop();
    REQUIRE(open_fds() == before);
    return 0;
}
