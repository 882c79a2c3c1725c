/* muster lock against a fake agent, with real commands in a folder of their own. */
#include "tests/unit/cli_run.h"
#include "tests/unit/unit.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { DEADLINE_S = 30, POLL_MS = 10, PATH_BYTES = 128, LONG_MS = 600000 };

static char dir[32];
static char arguments[2 * PATH_BYTES];

static void setup(void)
{
    strcpy(dir, "/tmp/muster-lock.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
    char command[PATH_BYTES];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    ck_assert_int_eq(system(command), 0);
}

/* ---- the command ---- */

static const char *in_dir(const char *name)
{
    static char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static bool exists(const char *name)
{
    return access(in_dir(name), F_OK) == 0;
}

static void wait_for(const char *name)
{
    time_t end = time(NULL) + DEADLINE_S;
    while (!exists(name) && time(NULL) <= end)
        poll(NULL, 0, POLL_MS);
    assert(exists(name));
}

/* A shell script, which finds the folder in $D. Returns arguments that have it run. */
static const char *command(const char *body)
{
    FILE *f = fopen(in_dir("command"), "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "#!/bin/sh\nD='%s'\n%s\n", dir, body);
    fclose(f);
    ck_assert_int_eq(chmod(in_dir("command"), 0755), 0);
    snprintf(arguments, sizeof arguments, "job -- %s", in_dir("command"));
    return arguments;
}

/* The process whose number the command has left in that file is there. */
static bool runs(const char *name)
{
    char path[PATH_BYTES], state = 0;
    int pid = 0;
    FILE *f = fopen(in_dir(name), "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fscanf(f, "%d", &pid), 1);
    fclose(f);
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    f = fopen(path, "r");
    if (!f)
        return false;
    if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
        state = 0;
    fclose(f);
    return state != 0 && state != 'Z' && state != 'X';
}

static void expect_gone(const char *name)
{
    time_t end = time(NULL) + DEADLINE_S;
    while (runs(name) && time(NULL) <= end)
        poll(NULL, 0, POLL_MS);
    ck_assert(!runs(name));
}

/* ---- the agent ---- */

static int64_t in_ms(int64_t ms)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000 + ms * 1000;
}

static void begin(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "lock", "{\"Name\"=>\"job\"}");
    fake_agent_answer(f, "");
}

/* A record; left_ms 0: it is held by another. */
static void put(struct fake_agent *f, int64_t left_ms, uint64_t epoch)
{
    fake_agent_put_header(f, f->seq, "");
    fake_agent_put_map(f, 4);
    fake_agent_put_text(f, "held");
    (left_ms ? msgpack_pack_true : msgpack_pack_false)(&f->pack);
    fake_agent_put_text(f, "until_us");
    msgpack_pack_int64(&f->pack, left_ms ? in_ms(left_ms) : 0);
    fake_agent_put_unsigned_pair(f, "epoch", epoch);
    fake_agent_put_text_pair(f, "holder", left_ms ? "a" : "b");
}

static void say(struct fake_agent *f, int64_t left_ms, uint64_t epoch)
{
    put(f, left_ms, epoch);
    fake_agent_flush(f);
}

static void expect_given_back(struct fake_agent *f)
{
    fake_agent_expect(f, "unlock", "{\"Name\"=>\"job\"}");
    fake_agent_expect_end(f);
}

static void held_script(struct fake_agent *f)
{
    begin(f);
    say(f, LONG_MS, 41);
    expect_given_back(f);
}

static int run(const char *words)
{
    return cli_run_against(held_script, lock_run, words, false);
}

/* ---- what it runs ---- */

START_TEST(the_status_of_the_command_is_passed_on)
{
    ck_assert_int_eq(run(command("exit 0")), 0);
    ck_assert_int_eq(run(command("exit 7")), 7);
    ck_assert_int_eq(run(command("kill -KILL $$")), 128 + 9);
    ck_assert_str_eq(complained, "");
}
END_TEST

START_TEST(a_command_that_cannot_be_run_is_126_and_one_that_is_not_there_127)
{
    ck_assert_int_eq(run("job -- /nowhere/at/all"), 127);
    assert_complained("/nowhere/at/all: No such file or directory");
    ck_assert_int_eq(run("job -- /etc/passwd"), 126);
    assert_complained("/etc/passwd: Permission denied");
}
END_TEST

START_TEST(the_command_knows_its_lock_and_gets_its_own_arguments)
{
    command("echo \"$MUSTER_LOCK_NAME $MUSTER_LOCK_EPOCH $*\"");
    snprintf(arguments, sizeof arguments, "job -- %s --timeout -x -- y", in_dir("command"));
    ck_assert_int_eq(run(arguments), 0);
    ck_assert_str_eq(said, "job 41 --timeout -x -- y\n");
    snprintf(arguments, sizeof arguments, "--timeout 1m job %s -o", in_dir("command"));
    ck_assert_int_eq(run(arguments), 0);
    ck_assert_str_eq(said, "job 41 -o\n");
}
END_TEST

START_TEST(the_command_has_a_process_group_of_its_own)
{
    ck_assert_int_eq(run(command("read -r _ _ _ _ group _ </proc/$$/stat; [ $group = $$ ]")), 0);
}
END_TEST

static void waiting_script(struct fake_agent *f)
{
    begin(f);
    say(f, 0, 40);
    say(f, 0, 41);
    assert(!exists("ran"));
    say(f, LONG_MS, 42);
    expect_given_back(f);
}

START_TEST(it_runs_when_the_lock_is_held_here_and_not_before)
{
    const char *words = command("touch $D/ran; echo $MUSTER_LOCK_EPOCH");
    ck_assert_int_eq(cli_run_against(waiting_script, lock_run, words, false), 0);
    ck_assert_str_eq(said, "42\n");
}
END_TEST

START_TEST(signals_to_it_are_passed_on)
{
    const char *words = command("trap 'exit 9' TERM; kill -TERM $PPID\n"
                                "for i in $(seq 3000); do sleep 0.01; done");
    ck_assert_int_eq(run(words), 9);
}
END_TEST

/* The first process is the command's guard. */
static void wait_for_sent(void)
{
    static int forks;
    if (++forks == 2)
        wait_for("sent");
}

/* The command is far ahead of us. */
static int run_behind(struct cli *cli, int argc, char **argv)
{
    pthread_atfork(NULL, wait_for_sent, NULL);
    return lock_run(cli, argc, argv);
}

START_TEST(a_signal_that_comes_while_the_command_starts_is_passed_on_too)
{
    const char *words = command("trap 'exit 9' TERM; kill -TERM $PPID; touch $D/sent\n"
                                "for i in $(seq 3000); do sleep 0.01; done");
    ck_assert_int_eq(cli_run_against(held_script, run_behind, words, false), 9);
}
END_TEST

/* With room for the connection, and no more. */
static int run_short_of_descriptors(struct cli *cli, int argc, char **argv)
{
    int fd = dup(STDIN_FILENO);
    struct rlimit limit = {.rlim_cur = (rlim_t)fd + 1, .rlim_max = (rlim_t)fd + 1};
    close(fd);
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return CLI_YES;
    return lock_run(cli, argc, argv);
}

START_TEST(a_command_that_could_not_be_stopped_is_not_left_running)
{
    int pipes[2]; /* the command has the end for writing, too */
    ck_assert_int_eq(pipe(pipes), 0);
    const char *words = "job -- sleep 100";
    ck_assert_int_eq(cli_run_against(held_script, run_short_of_descriptors, words, false), 126);
    assert_complained("sleep: Too many open files");
    close(pipes[1]);
    struct pollfd polled = {.fd = pipes[0], .events = POLLIN};
    ck_assert_int_eq(poll(&polled, 1, DEADLINE_S * 1000), 1);
    close(pipes[0]);
}
END_TEST

/* ---- a lock that is lost ---- */

/* It goes on until it is stopped, with a child that does not care. */
#define FAMILY                                                                                     \
    "(trap '' TERM; exec sleep 100) & echo $! >$D/child\n"                                         \
    "echo $$ >$D/parent; touch $D/ready\n"                                                         \
    "wait; exit 0"

static void assert_stopped(void (*script)(struct fake_agent *f), const char *body)
{
    ck_assert_int_eq(cli_run_against(script, lock_run, command(body), false), CLI_NO);
    assert_complained("the lock was lost, and the command ended");
}

static void lost_script(struct fake_agent *f)
{
    begin(f);
    say(f, LONG_MS, 41);
    wait_for("ready");
    say(f, 0, 42);
    expect_given_back(f);
}

START_TEST(the_group_of_a_command_whose_lock_is_lost_ends)
{
    assert_stopped(lost_script, FAMILY);
    expect_gone("parent");
    expect_gone("child");
}
END_TEST

/* Both come at once: to a process that was stopped, say. */
static void lost_and_won_script(struct fake_agent *f)
{
    begin(f);
    say(f, LONG_MS, 41);
    wait_for("ready");
    put(f, 0, 42);
    put(f, LONG_MS, 43);
    fake_agent_flush(f);
    expect_given_back(f);
}

START_TEST(a_lock_that_is_won_again_is_another_one)
{
    assert_stopped(lost_and_won_script, FAMILY);
    expect_gone("parent");
    expect_gone("child");
}
END_TEST

static void other_epoch_script(struct fake_agent *f)
{
    begin(f);
    say(f, LONG_MS, 41);
    wait_for("ready");
    say(f, LONG_MS, 43);
    expect_given_back(f);
}

START_TEST(a_lock_of_another_epoch_is_another_one)
{
    assert_stopped(other_epoch_script, FAMILY);
    expect_gone("child");
}
END_TEST

static void lost_at_once_script(struct fake_agent *f)
{
    begin(f);
    put(f, LONG_MS, 41);
    put(f, 0, 42);
    put(f, LONG_MS, 43);
    fake_agent_flush(f);
    expect_given_back(f);
}

START_TEST(what_has_come_by_then_counts_before_the_command_starts)
{
    const char *words = command("echo $MUSTER_LOCK_EPOCH");
    ck_assert_int_eq(cli_run_against(lost_at_once_script, lock_run, words, false), 0);
    ck_assert_str_eq(said, "43\n");
}
END_TEST

/* Renewed by what comes along with it; without, it would be stopped at once. */
static void renewed_script(struct fake_agent *f)
{
    begin(f);
    put(f, 1100, 41);
    put(f, LONG_MS, 41);
    fake_agent_flush(f);
    expect_given_back(f);
}

START_TEST(a_renewal_is_taken_in)
{
    const char *words = command("sleep 1.5; exit 5");
    ck_assert_int_eq(cli_run_against(renewed_script, lock_run, words, false), 5);
}
END_TEST

/* The agent is gone: nothing is heard any more, and the lease ends. */
static void silent_script(struct fake_agent *f)
{
    begin(f);
    say(f, 4000, 41);
    wait_for("ready");
}

START_TEST(without_the_agent_the_command_goes_on_until_the_lease_ends_and_no_longer)
{
    assert_stopped(silent_script, FAMILY);
    expect_gone("parent");
    expect_gone("child");
}
END_TEST

START_TEST(a_command_that_does_not_care_is_killed)
{
    assert_stopped(silent_script, "trap '' TERM; echo $$ >$D/parent; touch $D/ready\n"
                                  "for i in $(seq 300); do sleep 0.1; done");
    expect_gone("parent");
}
END_TEST

/* ---- no lock ---- */

static void in_vain_script(struct fake_agent *f)
{
    f->may_leave = true;
    begin(f);
    say(f, 0, 41);
    fake_agent_expect_end(f);
}

START_TEST(a_lock_that_is_not_had_in_time_runs_nothing)
{
    command("touch $D/ran");
    snprintf(arguments, sizeof arguments, "--timeout 50ms job -- %s", in_dir("command"));
    ck_assert_int_eq(cli_run_against(in_vain_script, lock_run, arguments, false), CLI_TIMEOUT);
    ck_assert(!exists("ran"));
}
END_TEST

static void refused_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "lock", "{\"Name\"=>\"job\"}");
    fake_agent_answer(f, "too many locks");
    fake_agent_expect_end(f);
}

START_TEST(a_refused_lock_runs_nothing_and_says_why)
{
    const char *words = command("touch $D/ran");
    ck_assert_int_eq(cli_run_against(refused_script, lock_run, words, false), CLI_NO);
    assert_complained("\"job\": too many locks");
    ck_assert(!exists("ran"));
}
END_TEST

static void going_script(struct fake_agent *f)
{
    begin(f);
    say(f, 0, 41);
}

START_TEST(without_an_agent_nothing_is_run)
{
    const char *words = command("touch $D/ran");
    ck_assert_int_eq(cli_run_against(going_script, lock_run, words, false), CLI_UNASKED);
    assert_complained("closed the connection");
    snprintf(fake.address.sun_path, sizeof fake.address.sun_path, "%s/none", dir);
    ck_assert_int_eq(cli_run(lock_run, words, false), CLI_UNASKED);
    assert_complained("No such file or directory");
    ck_assert(!exists("ran"));
}
END_TEST

START_TEST(a_command_line_that_is_wrong_asks_nobody)
{
    static const char *const wrong[] = {"",
                                        "job",
                                        "job --",
                                        "--timeout 5s job",
                                        "--timeout x job -- true",
                                        "-- true",
                                        "--wait job -- true"};
    snprintf(fake.address.sun_path, sizeof fake.address.sun_path, "%s/none", dir);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_msg(cli_run(lock_run, wrong[i], false) == CLI_USAGE, "%s", wrong[i]);
        assert_complained("usage: muster test");
    }
}
END_TEST

/* valgrind knows none, and without it no command can be run. */
static bool has_pidfd(void)
{
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static TCase *add_case(Suite *s, const char *name)
{
    TCase *t = tcase_create(name);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 3 * DEADLINE_S);
    suite_add_tcase(s, t);
    return t;
}

int main(void)
{
    Suite *s = suite_create("cli_lock");
    TCase *t = add_case(s, "no lock");
    tcase_add_test(t, a_lock_that_is_not_had_in_time_runs_nothing);
    tcase_add_test(t, a_refused_lock_runs_nothing_and_says_why);
    tcase_add_test(t, without_an_agent_nothing_is_run);
    tcase_add_test(t, a_command_line_that_is_wrong_asks_nobody);
    if (!has_pidfd())
        return unit_run(s);
    t = add_case(s, "lock");
    tcase_add_test(t, the_status_of_the_command_is_passed_on);
    tcase_add_test(t, a_command_that_cannot_be_run_is_126_and_one_that_is_not_there_127);
    tcase_add_test(t, the_command_knows_its_lock_and_gets_its_own_arguments);
    tcase_add_test(t, the_command_has_a_process_group_of_its_own);
    tcase_add_test(t, it_runs_when_the_lock_is_held_here_and_not_before);
    tcase_add_test(t, signals_to_it_are_passed_on);
    tcase_add_test(t, a_signal_that_comes_while_the_command_starts_is_passed_on_too);
    tcase_add_test(t, a_command_that_could_not_be_stopped_is_not_left_running);
    tcase_add_test(t, the_group_of_a_command_whose_lock_is_lost_ends);
    tcase_add_test(t, a_lock_that_is_won_again_is_another_one);
    tcase_add_test(t, a_lock_of_another_epoch_is_another_one);
    tcase_add_test(t, what_has_come_by_then_counts_before_the_command_starts);
    tcase_add_test(t, a_renewal_is_taken_in);
    tcase_add_test(t, without_the_agent_the_command_goes_on_until_the_lease_ends_and_no_longer);
    tcase_add_test(t, a_command_that_does_not_care_is_killed);
    return unit_run(s);
}
