/* The agent's table of modules: started one after the other, stopped in reverse, with whatever is
 * under way; the modules are the real ones. What is freed too early, or not at all, is for a build
 * with sanitizers, or for valgrind, to find. */
#include "agent/agent.h"

#include "agent/base/log.h"
#include "agent/base/worker.h"
#include "agent/net/attempts.h"
#include "agent/reload.h"
#include "agent/scripts/handlers.h"
#include "agent/state/store.h"
#include "agent/steward/steward.h"
#include "agent/vip/quorum.h"
#include "tests/unit/unit.h"

#include <event2/event.h>
#include <ftw.h>
#include <netdb.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROWS_MAX = 32 };

#define DIR_TEMPLATE "/tmp/muster-agent.XXXXXX"
static char dir[sizeof DIR_TEMPLATE];
static char file[64], run_dir[64], state_dir[64], bind_addr[32];
static struct config_options options;
static struct agent agent;
static struct agent_row rows[ROWS_MAX]; /* a copy of the table, for a test to change */
static int steward_fd, scripts_fd;      /* the other ends */

/* ---- jobs that take as long as the test wants ---- */

static bool slow;       /* from now on they wait */
static sem_t begun, go; /* one has begun; it may go on */

static void wait_if_slow(void)
{
    if (!slow)
        return;
    sem_post(&begun);
    sem_wait(&go);
}

/* In the place of libc's. */
int fsync(int fd)
{
    (void)fd;
    wait_if_slow();
    return 0;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    (void)node, (void)service, (void)result;
    if (!(hints->ai_flags & AI_NUMERICHOST))
        wait_if_slow();
    return EAI_NONAME;
}

/* ---- the fixture ---- */

static void write_config(const char *text)
{
    FILE *f = fopen(file, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

static void setup(void)
{
    snprintf(dir, sizeof dir, "%s", DIR_TEMPLATE);
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/conf", dir);
    snprintf(run_dir, sizeof run_dir, "%s/run", dir);
    snprintf(state_dir, sizeof state_dir, "%s/state", dir);
    /* An address of its own for each process that runs a test. */
    snprintf(bind_addr, sizeof bind_addr, "127.%d.%d.%d", 64 + (getpid() >> 16 & 63),
             getpid() >> 8 & 255, getpid() & 255);
    write_config("quorum { version = 1 voters = {\"a\", \"b\", \"c\"} }\n"
                 "handler \"h\" { on = {\"member-join\"} run = \"/bin/true\" }\n");
    options = (struct config_options){.file = file,
                                      .name = "a",
                                      .bind = bind_addr,
                                      .run_dir = run_dir,
                                      .state_dir = state_dir,
                                      .keep_user = true};
    slow = false;
    sem_init(&begun, 0, 0);
    sem_init(&go, 0, 0);
    ck_assert_uint_le(agent_rows_count, ROWS_MAX);
    memcpy(rows, agent_rows, agent_rows_count * sizeof *rows);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static void teardown(void)
{
    close(steward_fd);
    close(scripts_fd);
    nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    sem_destroy(&begun);
    sem_destroy(&go);
}

static bool start(char *error)
{
    int vips[2], scripts[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, vips),
                     0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, scripts),
                     0);
    steward_fd = vips[1];
    scripts_fd = scripts[1];
    struct config *config = config_load(&options, error);
    ck_assert_msg(config != NULL, "%s", error);
    return agent_start(&agent, rows, agent_rows_count, config, &options,
                       &(struct steward_ends){vips[0], scripts[0]}, error);
}

static void start_all(void)
{
    char error[ERROR_BYTES] = "";
    ck_assert_msg(start(error), "%s", error);
}

static void stop_all(void)
{
    agent_stop(&agent, rows, agent_rows_count);
}

static void turn(void)
{
    event_base_loop(host_base(agent.host), EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

/* ---- starting ---- */

static bool refuse_start(struct agent *a, char *error)
{
    (void)a;
    snprintf(error, ERROR_BYTES, "it fails");
    return false;
}

START_TEST(a_start_that_fails_at_any_row_stops_what_was_started)
{
    char error[ERROR_BYTES] = "";
    if (!rows[_i].start)
        return;
    rows[_i].start = refuse_start;
    ck_assert(!start(error));
    ck_assert_str_eq(error, "it fails");
    stop_all();
}
END_TEST

static bool (*real_start)(struct agent *a, char *error);
static bool start_and_fail(struct agent *a, char *error)
{
    return real_start(a, error) && refuse_start(a, error);
}

START_TEST(a_row_that_fails_after_it_has_begun_is_stopped_too)
{
    char error[ERROR_BYTES] = "";
    real_start = rows[_i].start;
    if (!real_start)
        return;
    rows[_i].start = start_and_fail;
    ck_assert(!start(error));
    ck_assert_str_eq(error, "it fails");
    stop_all();
}
END_TEST

START_TEST(what_was_started_is_stopped)
{
    start_all();
    turn();
    stop_all();
}
END_TEST

START_TEST(each_row_is_needed_by_the_start_or_the_stop)
{
    for (size_t i = 0; i < agent_rows_count; i++) {
        ck_assert(agent_rows[i].name && (agent_rows[i].start || agent_rows[i].stop));
        for (size_t j = 0; j < i; j++)
            ck_assert_str_ne(agent_rows[i].name, agent_rows[j].name);
    }
}
END_TEST

/* ---- stopping with jobs in flight ---- */

static size_t row_of(const char *name)
{
    for (size_t i = 0; i < agent_rows_count; i++)
        if (strcmp(rows[i].name, name) == 0)
            return i;
    ck_abort_msg("no row %s", name);
}

/* The job that is held up goes on only when the workers are told to end, behind all that is stopped
 * before them. */
static void (*stop_jobs)(struct agent *a);
static void let_go_and_stop(struct agent *a)
{
    slow = false;
    sem_post(&go);
    sem_post(&go);
    stop_jobs(a);
}

static void stop_with_jobs(void)
{
    size_t jobs = row_of("jobs");
    stop_jobs = rows[jobs].stop;
    rows[jobs].stop = let_go_and_stop;
    stop_all();
}

static void take_other_voters(void)
{
    struct quorum_spec spec = agent.config->quorum;
    spec.version = 2;
    ck_assert_ptr_null(quorum_configure(agent.quorum, &spec));
}

START_TEST(a_write_of_leases_that_is_under_way_is_waited_for)
{
    start_all();
    slow = true;
    take_other_voters();
    sem_wait(&begun);
    stop_with_jobs();
}
END_TEST

static unsigned answers;
static void on_done(void *arg, bool ok, const char *error)
{
    (void)arg, (void)error;
    ck_assert(!ok);
    answers++;
}

START_TEST(jobs_that_wait_end_with_their_modules)
{
    struct gossip_addr peer = {.port = 7};
    start_all();
    slow = true;
    answers = 0;
    take_other_voters();
    sem_wait(&begun);
    store_save_peers(agent.store, agent.files, &peer, 1);
    reload_begin(agent.reloads, on_done, NULL);
    reload_begin(agent.reloads, on_done, NULL);
    stop_with_jobs();
    ck_assert_uint_eq(answers, 2);
}
END_TEST

START_TEST(a_name_that_is_being_looked_up_is_given_up)
{
    start_all();
    slow = true;
    answers = 0;
    attempts_once(agent.attempts, "host.invalid", on_done, NULL);
    attempts_once(agent.attempts, "another.invalid", on_done, NULL);
    sem_wait(&begun);
    stop_with_jobs();
    for (uint64_t i = 1; i <= log_newest(); i++) {
        const char *line = log_line(i, &(enum log_level){0});
        ck_assert(line && !strstr(line, "still trying"));
    }
}
END_TEST

START_TEST(a_reload_that_waits_for_the_steward_is_given_up)
{
    uint8_t bytes[64];
    start_all();
    reload_begin(agent.reloads, on_done, NULL);
    while (recv(scripts_fd, bytes, sizeof bytes, MSG_DONTWAIT) <= 0)
        event_base_loop(host_base(agent.host), EVLOOP_ONCE);
    stop_all();
}
END_TEST

START_TEST(scripts_that_run_and_changes_that_wait_are_given_up)
{
    struct gossip_member self;
    uint8_t bytes[64];
    start_all();
    self = gossip_self(agent.gossip);
    host_publish(agent.host, EVENT_MEMBER_JOIN, &self, NULL);
    host_publish(agent.host, EVENT_MEMBER_JOIN, &self, NULL);
    while (recv(scripts_fd, bytes, sizeof bytes, MSG_DONTWAIT) <= 0)
        event_base_loop(host_base(agent.host), EVLOOP_ONCE);
    ck_assert(!handlers_are_idle(agent.handlers));
    stop_all();
}
END_TEST

/* What the steward has been sent on a socket: the kinds of the records, oldest first. */
static bool was_sent(int fd, uint8_t kind)
{
    uint8_t bytes[256];
    bool sent = false;
    while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        sent |= bytes[1] == kind;
    return sent;
}

static bool is_killed_first;
static void (*stop_vips)(struct agent *a);
static void look_and_stop(struct agent *a)
{
    is_killed_first = was_sent(scripts_fd, RUNNER_KILL);
    ck_assert(!was_sent(steward_fd, STEWARD_QUIT));
    stop_vips(a);
    ck_assert(was_sent(steward_fd, STEWARD_QUIT));
}

START_TEST(scripts_are_killed_before_the_steward_is_sent_away)
{
    struct gossip_member self;
    uint8_t bytes[256];
    start_all();
    self = gossip_self(agent.gossip);
    host_publish(agent.host, EVENT_MEMBER_JOIN, &self, NULL);
    while (recv(scripts_fd, bytes, sizeof bytes, MSG_DONTWAIT) <= 0)
        event_base_loop(host_base(agent.host), EVLOOP_ONCE);
    size_t vips = row_of("vips");
    stop_vips = rows[vips].stop;
    rows[vips].stop = look_and_stop;
    stop_all();
    ck_assert(is_killed_first);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("agent");
    TCase *t = tcase_create("starting");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, a_start_that_fails_at_any_row_stops_what_was_started, 0,
                        (int)agent_rows_count);
    tcase_add_loop_test(t, a_row_that_fails_after_it_has_begun_is_stopped_too, 0,
                        (int)agent_rows_count);
    tcase_add_test(t, what_was_started_is_stopped);
    tcase_add_test(t, each_row_is_needed_by_the_start_or_the_stop);
    suite_add_tcase(s, t);
    t = tcase_create("stopping");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_write_of_leases_that_is_under_way_is_waited_for);
    tcase_add_test(t, jobs_that_wait_end_with_their_modules);
    tcase_add_test(t, a_name_that_is_being_looked_up_is_given_up);
    tcase_add_test(t, a_reload_that_waits_for_the_steward_is_given_up);
    tcase_add_test(t, scripts_that_run_and_changes_that_wait_are_given_up);
    tcase_add_test(t, scripts_are_killed_before_the_steward_is_sent_away);
    suite_add_tcase(s, t);
    return unit_run(s);
}
