#include "tests/unit/handler_fixture.h"

#include "tests/unit/fake_gossip.h"
#include "tests/unit/fake_log.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOON_MS 1795176000123 /* 2026-11-20T12:00:00.123Z */
#define ALL_KINDS ((1u << JOURNAL_KINDS_COUNT) - 1)
#define PATH_BYTES 128

struct event_base *base;
static struct event *tick;
struct journal *journal;
struct handlers *handlers;
static char dir[PATH_BYTES];

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

static void setup(void)
{
    strcpy(dir, "/tmp/muster-handler.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chmod(dir, 0777), 0); /* for scripts that run as somebody else */
    setenv("PATH", "/usr/bin:/bin", 1);
    fake_log_reset();
    base = event_base_new();
    tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
    event_add(tick, &(struct timeval){.tv_usec = 5000});
    journal = journal_new();
    handlers = handlers_new(base, "self1", "/run/muster1", RLIM_INFINITY);
    ck_assert_ptr_nonnull(handlers);
}

static void teardown(void)
{
    char command[PATH_BYTES + 16];
    handlers_free(handlers);
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
    handlers_configure(handlers, &s, 1);
}

const struct journal_entry *publish_member(enum journal_kind kind, struct gossip_member m)
{
    const struct journal_entry *e = journal_append(journal, NOON_MS, kind, &m, NULL);
    ck_assert_ptr_nonnull(e);
    gossip_profile_release(m.profile);
    handlers_publish(handlers, e);
    return e;
}

void publish(const char *name)
{
    publish_member(JOURNAL_UPDATE, FAKE_MEMBER_UNTAGGED(name, GOSSIP_ALIVE));
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
