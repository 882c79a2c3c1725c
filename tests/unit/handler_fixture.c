#include "tests/unit/handler_fixture.h"

#include "agent/config/config.h"
#include "agent/scripts/runner_link.h"
#include "agent/steward/runner.h"
#include "tests/unit/fake_gossip.h"
#include "tests/unit/fake_log.h"

#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOON_MS 1795176000123 /* 2026-11-20T12:00:00.123Z */
#define ALL_KINDS ((1u << EVENT_KINDS_COUNT) - 1)
#define PATH_BYTES 128
#define SPECS_MAX 64

struct event_base *base;
static struct event *tick;
struct journal *journal;
struct handlers *handlers;
static char dir[PATH_BYTES];
static struct runner_link *runner;
static pid_t runner_pid;

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

/* ---- the runner, in a process of its own, as in the steward ---- */

/* What the tests have configured: a line each, "PATH USER", "-" for none. */
static bool load_scripts(void *arg, struct script_list *into, char *error)
{
    char path[2 * PATH_BYTES], user[64];
    const char *why;
    FILE *f = fopen(in_dir("scripts"), "r");
    struct config c = {.handlers_count = 0};
    struct handler_spec specs[SPECS_MAX] = {0};
    (void)arg, (void)error;
    c.handlers = specs;
    while (f && c.handlers_count < SPECS_MAX && fscanf(f, "%255s %63s", path, user) == 2) {
        struct handler_spec *s = &specs[c.handlers_count++];
        s->run = strdup(path);
        s->account = strcmp(user, "-") == 0 ? NULL : account_find(user, &why);
    }
    bool ok = f && script_list_fill(into, &c);
    for (size_t i = 0; i < c.handlers_count; i++) {
        free(specs[i].run);
        account_free(specs[i].account);
    }
    if (f)
        fclose(f);
    return ok;
}

runner_lost_fn *fixture_on_lost;

static void on_lost(void *arg)
{
    if (fixture_on_lost)
        fixture_on_lost(arg);
}

void kill_runner(void)
{
    kill(runner_pid, SIGKILL);
}

static void run_runner(int fd)
{
    struct script_list none = {.count = 0};
    struct runner *r = runner_new(fd, &none, load_scripts, NULL);
    while (r && !runner_is_over(r)) {
        struct pollfd polled = {.fd = runner_fd(r), .events = POLLIN};
        poll(&polled, 1, -1);
        runner_turn(r);
    }
    _exit(0);
}

void begin_handlers(void)
{
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
                     0);
    runner_pid = fork();
    if (runner_pid == 0) {
        close(pair[0]);
        run_runner(pair[1]);
    }
    close(pair[1]);
    runner = runner_link_new(base, pair[0], on_lost, NULL);
    handlers = handlers_new(base, runner, "self1", "/run/muster1", RLIM_INFINITY);
    ck_assert_ptr_nonnull(handlers);
}

void end_handlers(void)
{
    handlers_free(handlers);
    runner_link_free(runner);
    waitpid(runner_pid, NULL, 0);
}

static void on_known(void *arg, int error, const char *text)
{
    (void)text;
    ck_assert_int_eq(error, 0);
    *(bool *)arg = true;
}

void take_on(const struct handler_spec *specs, size_t count)
{
    struct handlers_plan *plan = handlers_prepare(handlers, specs, count);
    ck_assert_ptr_nonnull(plan);
    handlers_commit(plan);
}

void know(const struct handler_spec *specs, size_t count)
{
    FILE *f = fopen(in_dir("scripts"), "a");
    bool known = false;
    for (size_t i = 0; i < count; i++)
        fprintf(f, "%s %s\n", specs[i].run, specs[i].user ? specs[i].user : "-");
    fclose(f);
    ck_assert(runner_link_reload(runner, on_known, &known));
    RUN_UNTIL(known);
    ck_assert(runner_link_commit(runner));
    take_on(specs, count);
}

static void setup(void)
{
    strcpy(dir, "/tmp/muster-handler.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    /* For scripts that run as somebody else; sticky, or root would trust none of them. */
    ck_assert_int_eq(chmod(dir, 01777), 0);
    setenv("PATH", "/usr/bin:/bin", 1);
    fake_log_reset();
    base = event_base_new();
    tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
    event_add(tick, &(struct timeval){.tv_usec = 5000});
    journal = journal_new();
    begin_handlers();
}

static void teardown(void)
{
    char command[PATH_BYTES + 16];
    end_handlers();
    journal_free(journal);
    event_free(tick);
    event_base_free(base);
    fake_log_reset();
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    ck_assert_int_eq(system(command), 0);
}

/* ---- scripts, files, handlers ---- */

char *in_dir(const char *name)
{
    static char paths[8][2 * PATH_BYTES];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

char *script(const char *name, const char *body)
{
    char *path = in_dir(name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "#!/bin/sh\nD='%s'\n%s\n", dir, body);
    fclose(f);
    ck_assert_int_eq(chmod(path, 0755), 0);
    return path;
}

const char *contents(const char *name)
{
    static char text[65536];
    FILE *f = fopen(in_dir(name), "r");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    text[n] = '\0';
    if (f)
        fclose(f);
    return text;
}

char *lend(const char *text)
{
    return (char *)(uintptr_t)text;
}

struct handler_spec spec(const char *name, const char *run)
{
    return (struct handler_spec){
        .name = lend(name), .kinds = ALL_KINDS, .run = lend(run), .timeout_ms = DEADLINE_S * 1000};
}

void configure(struct handler_spec s)
{
    know(&s, 1);
}

const struct journal_entry *publish_member(enum event_kind kind, struct gossip_member m)
{
    const struct journal_entry *e = journal_append(journal, NOON_MS, kind, &m, NULL);
    ck_assert_ptr_nonnull(e);
    gossip_profile_release(m.profile);
    handlers_publish(handlers, e);
    return e;
}

void publish(const char *name)
{
    publish_member(EVENT_MEMBER_UPDATE, FAKE_MEMBER_UNTAGGED(name, GOSSIP_ALIVE));
}

struct handler_stats stats(size_t index)
{
    struct handler_stats s = {0};
    ck_assert(handlers_stats(handlers, index, &s));
    return s;
}

void run_once(struct handler_spec s)
{
    configure(s);
    publish("db1");
    RUN_UNTIL(stats(0).runs == 1);
}

bool is_gone(pid_t pid)
{
    char path[PATH_BYTES], state = 'X';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return true;
    ck_assert_int_eq(fscanf(f, "%*d (%*[^)]) %c", &state), 1);
    fclose(f);
    return state == 'Z' || state == 'X';
}

TCase *fixture_case(Suite *s, const char *name)
{
    TCase *t = tcase_create(name);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 2 * DEADLINE_S);
    suite_add_tcase(s, t);
    return t;
}
