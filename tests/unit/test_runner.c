/* The runner at the other end of its socket. */
#include "tests/unit/runner_fixture.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the place of libc's: so many of the next fail, as they do for a process of another user. */
static int failing_kills;

int kill(pid_t pid, int number)
{
    if (failing_kills > 0) {
        failing_kills -= failing_kills < INT_MAX;
        errno = EPERM;
        return -1;
    }
    return (int)syscall(SYS_kill, pid, number);
}

/* ---- records ---- */

static int check(const struct runner_request *r)
{
    struct runner_request copy;
    return runner_request_check(r, sizeof *r, &copy);
}

START_TEST(a_request_in_order_is_copied)
{
    struct runner_request r = request(RUNNER_RUN, UINT32_MAX), copy;
    r.key = UINT64_MAX;
    ck_assert_int_eq(runner_request_check(&r, sizeof r, &copy), 0);
    ck_assert_mem_eq(&r, &copy, sizeof r);
}
END_TEST

START_TEST(a_record_of_another_size_is_refused)
{
    uint8_t bytes[2 * sizeof(struct runner_request)] = {0};
    struct runner_request r = request(RUNNER_RUN, 1);
    struct runner_report report = {.version = RUNNER_VERSION, .kind = RUNNER_ENDED};
    memcpy(bytes, &r, sizeof r);
    for (size_t count = 0; count <= sizeof bytes; count++)
        ck_assert_int_eq(runner_request_check(bytes, count, &r), count == sizeof r ? 0 : EMSGSIZE);
    memcpy(bytes, &report, sizeof report);
    for (size_t count = 0; count <= sizeof bytes; count++)
        ck_assert_int_eq(runner_report_check(bytes, count, &report),
                         count == sizeof report ? 0 : EMSGSIZE);
}
END_TEST

START_TEST(a_request_with_a_field_out_of_range_is_refused)
{
    struct runner_request r = request(RUNNER_RUN, 1);
    for (unsigned version = 0; version < 256; version++) {
        r.version = (uint8_t)version;
        ck_assert_int_eq(check(&r), version == RUNNER_VERSION ? 0 : EPROTO);
    }
    r.version = RUNNER_VERSION;
    for (unsigned kind = 0; kind < 256; kind++) {
        r.kind = (uint8_t)kind;
        ck_assert_int_eq(check(&r), kind >= 1 && kind <= 7 ? 0 : EPROTO);
    }
    r.kind = RUNNER_KILL;
    for (size_t i = 0; i < sizeof r.zero; i++) {
        r.zero[i] = 1;
        ck_assert_int_eq(check(&r), EPROTO);
        r.zero[i] = 0;
    }
    ck_assert_int_eq(check(&r), 0);
}
END_TEST

START_TEST(a_report_with_a_field_out_of_range_is_refused)
{
    struct runner_report r = {.version = RUNNER_VERSION, .kind = RUNNER_ENDED}, copy;
    for (unsigned version = 0; version < 256; version++) {
        r.version = (uint8_t)version;
        ck_assert_int_eq(runner_report_check(&r, sizeof r, &copy),
                         version == RUNNER_VERSION ? 0 : EPROTO);
    }
    r.version = RUNNER_VERSION;
    for (unsigned kind = 0; kind < 256; kind++) {
        r.kind = (uint8_t)kind;
        ck_assert_int_eq(runner_report_check(&r, sizeof r, &copy),
                         kind >= 1 && kind <= 4 ? 0 : EPROTO);
    }
    r.kind = RUNNER_RELOADED;
    for (size_t i = 0; i < sizeof r.zero + sizeof r.spare; i++) {
        uint8_t *byte = i < sizeof r.zero ? &r.zero[i] : &r.spare[i - sizeof r.zero];
        *byte = 1;
        ck_assert_int_eq(runner_report_check(&r, sizeof r, &copy), EPROTO);
        *byte = 0;
    }
    ck_assert_int_eq(runner_report_check(&r, sizeof r, &copy), 0);
}
END_TEST

START_TEST(what_is_no_request_is_passed_over_and_what_came_with_it_closed)
{
    struct runner_request r = request(RUNNER_RUN, 1);
    uint64_t key = script("old.sh", "exit 3");
    int fds[SENT_FDS_MAX] = {0};
    size_t before = open_fds();
    r.key = key;
    r.zero[1] = 1;
    send_with(&r, sizeof r, fds, RUNNER_FDS);
    r.zero[1] = 0;
    send_with(&r, sizeof r - 1, fds, RUNNER_FDS);
    send_with((char[sizeof r + 8]){0}, sizeof r + 8, fds, SENT_FDS_MAX);
    ck_assert_int_eq(told().kind, 0);
    ck_assert_uint_eq(open_fds(), before);
    ck_assert(!runner_is_over(tested));
    run(1, key);
    expect_exit(1, 3);
}
END_TEST

/* ---- what is not run ---- */

START_TEST(an_unknown_key_is_refused_and_runs_nothing)
{
    script("new.sh", "touch $D/ran");
    uint64_t key = script("old.sh", "touch $D/ran");
    size_t before = open_fds();
    run(1, script_key(in_dir("new.sh"), NULL));
    expect_refused(1, ENOENT);
    run(2, key + 1);
    expect_refused(2, ENOENT);
    run(3, 0);
    expect_refused(3, ENOENT);
    close_sent();
    ck_assert_uint_eq(open_fds(), before);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* nobody was started */
    ck_assert_int_eq(errno, ECHILD);
    ck_assert(!exists("ran"));
}
END_TEST

START_TEST(other_than_three_descriptors_are_refused_and_closed)
{
    struct runner_request r = request(RUNNER_RUN, 1);
    int fds[SENT_FDS_MAX];
    r.key = script("old.sh", "touch $D/ran");
    for (size_t i = 0; i < SENT_FDS_MAX; i++)
        fds[i] = agent_fd;
    size_t before = open_fds();
    for (size_t count = 0; count <= SENT_FDS_MAX; count++) {
        if (count == RUNNER_FDS)
            continue;
        r.id = (uint32_t)count;
        send_with(&r, sizeof r, fds, count);
        expect_refused(r.id, EBADF);
        ck_assert_uint_eq(open_fds(), before);
    }
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert(!exists("ran"));
}
END_TEST

START_TEST(descriptors_that_nobody_asked_for_are_closed)
{
    size_t before = open_fds();
    for (int kind = RUNNER_STOP; kind <= RUNNER_KILL; kind++) {
        struct runner_request r = request((enum runner_request_kind)kind, 7);
        send_with(&r, sizeof r, (int[]){0, 1, 2}, RUNNER_FDS);
    }
    ck_assert_int_eq(told().kind, 0);
    ck_assert_uint_eq(open_fds(), before);
}
END_TEST

START_TEST(an_id_is_for_one_run_until_that_has_ended)
{
    uint64_t key = script("old.sh", "echo >>$D/ran; while [ -e $D/waits ]; do sleep 0.01; done");
    touch("waits");
    run(1, key);
    TURN_UNTIL(told().kind != 0 || exists("ran"));
    run(1, key);
    expect_refused(1, EBUSY);
    unlink(in_dir("waits"));
    expect_exit(1, 0);
    run(1, key);
    expect_exit(1, 0);
    struct stat st;
    ck_assert_int_eq(stat(in_dir("ran"), &st), 0);
    ck_assert_int_eq(st.st_size, 2);
}
END_TEST

static void assert_environment_refused(const char *env, size_t bytes)
{
    char expected[2 * PATH_BYTES];
    snprintf(expected, sizeof expected, "cannot run %s: its environment is none\n",
             in_dir("old.sh"));
    run_in(1, script_key(in_dir("old.sh"), NULL), env, bytes);
    expect_exit(1, RUNNER_EXIT_NOT_RUN);
    ck_assert_str_eq(output(), expected);
}

START_TEST(an_environment_with_another_variable_is_none)
{
    static const char *const others[] = {"LD_PRELOAD=/x", "PATH=/bin", "MUSTER_X",
                                         "XMUSTER_X=", "="};
    static char large[RUNNER_ENV_BYTES_MAX];
    script("old.sh", "touch $D/ran");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char env[64] = {0};
        size_t used = sizeof USUAL_ENV;
        memcpy(env, USUAL_ENV, used);
        memcpy(env + used, others[i], strlen(others[i]) + 1);
        assert_environment_refused(env, used + strlen(others[i]) + 1);
    }
    assert_environment_refused("", 0);
    assert_environment_refused("MUSTER_X=1", strlen("MUSTER_X=1")); /* without its end */
    memset(large, 'x', sizeof large - 1);
    large[snprintf(large, sizeof large, "MUSTER_X=")] = 'x';
    assert_environment_refused(large, sizeof large);
    ck_assert(!exists("ran"));
}
END_TEST

START_TEST(a_script_that_others_could_change_is_not_run_by_root)
{
    uint64_t key = script("old.sh", "touch $D/ran");
    if (geteuid() != 0)
        return;
    ck_assert_int_eq(chmod(in_dir("old.sh"), 0757), 0);
    run(1, key);
    expect_exit(1, RUNNER_EXIT_NOT_RUN);
    char expected[3 * PATH_BYTES];
    snprintf(expected, sizeof expected,
             "does not run %s: %s: can be written by others than its owner; chmod go-w it\n",
             in_dir("old.sh"), in_dir("old.sh"));
    ck_assert_str_eq(output(), expected);
    ck_assert(!exists("ran"));
}
END_TEST

START_TEST(a_script_that_is_gone_or_is_none_says_so)
{
    run(1, script_key(in_dir("gone.sh"), NULL));
    expect_exit(1, RUNNER_EXIT_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(output(), "gone.sh: No such file or directory\n"));
    uint64_t key = script("old.sh", "touch $D/ran");
    ck_assert_int_eq(chmod(in_dir("old.sh"), 0600), 0);
    run(2, key);
    expect_exit(2, RUNNER_EXIT_NOT_RUN);
    ck_assert_ptr_nonnull(strstr(output(), "old.sh: Permission denied\n"));
}
END_TEST

/* ---- what is run ---- */

START_TEST(a_script_has_just_what_came_along)
{
    static const char env[] = "MUSTER_X=a b";
    setenv("SECRET", "of the steward", 1);
    setenv("PATH", "/usr/bin:/bin", 1);
    uint64_t key = script("old.sh", "cat\n"
                                    "tr '\\0' '\\n' </proc/$$/environ\n"
                                    "pwd >&2\n"
                                    "exit 7");
    run_in(1, key, env, sizeof env);
    expect_exit(1, 7);
    ck_assert_str_eq(output(), "input\nPATH=/usr/bin:/bin\nMUSTER_X=a b\n/\n");
}
END_TEST

/* valgrind keeps that limit for itself. */
START_TEST(a_script_may_open_as_many_descriptors_as_was_said)
{
    const char *preload = getenv("LD_PRELOAD");
    if (preload && strstr(preload, "vgpreload"))
        return;
    run(1, script("old.sh", "ulimit -n"));
    expect_exit(1, 0);
    ck_assert_int_eq(atoi(output()), DESCRIPTORS);
}
END_TEST

START_TEST(a_status_is_as_waitpid_has_it)
{
    uint64_t key = script("old.sh", "kill -QUIT $$");
    run(1, key);
    int status = expect(RUNNER_ENDED, 1);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGQUIT);
}
END_TEST

START_TEST(scripts_run_side_by_side_and_each_is_told_of_by_its_id)
{
    uint64_t key = script("old.sh", "read n <&0; mkdir $D/$MUSTER_N\n"
                                    "while [ -e $D/waits ]; do sleep 0.01; done\n"
                                    "exit $MUSTER_N");
    uint64_t told_of = 0;
    touch("waits");
    for (uint32_t id = 1; id <= 5; id++) {
        char env[64] = {0};
        int len = snprintf(env, sizeof env, "MUSTER_N=%u", id);
        run_in(id, key, env, (size_t)len + 1);
    }
    TURN_UNTIL(told().kind != 0 ||
               (exists("1") && exists("2") && exists("3") && exists("4") && exists("5")));
    unlink(in_dir("waits"));
    for (int i = 0; i < 5; i++) {
        struct runner_report r;
        TURN_UNTIL((r = told()).kind != 0);
        ck_assert_uint_eq(r.kind, RUNNER_ENDED);
        ck_assert_int_eq(WEXITSTATUS(r.value), (int)r.id);
        told_of |= UINT64_C(1) << r.id;
    }
    ck_assert_uint_eq(told_of, 0x3e);
}
END_TEST

/* ---- stopping ---- */

/* Z: it has ended, and nobody has waited for it. 0: there is no such process. */
static char state_of(pid_t pid)
{
    char path[PATH_BYTES], state = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
        state = 0;
    fclose(f);
    return state;
}

static bool runs(pid_t pid)
{
    char state = state_of(pid);
    return state != 0 && state != 'Z' && state != 'X';
}

/* A script with a child that does not care about SIGTERM; both as soon as they are that far. */
static void run_family(uint32_t id, int *parent, int *child)
{
    uint64_t key = script("old.sh", "(trap '' TERM; echo child >>$D/up; exec sleep 100) &\n"
                                    "echo $$ $!; while [ ! -e $D/up ]; do sleep 0.01; done\n"
                                    "touch $D/ready; exec sleep 100");
    run(id, key);
    TURN_UNTIL(told().kind != 0 || exists("ready"));
    ck_assert_int_eq(sscanf(output(), "%d %d", parent, child), 2);
}

START_TEST(what_is_stopped_and_killed_ends_with_all_its_children)
{
    int parent = 0, child = 0;
    run_family(5, &parent, &child);
    ask(RUNNER_STOP, 5);
    TURN_UNTIL(told().kind != 0 || state_of(parent) == 'Z');
    /* Not waited for, or its group's number might soon be another's. */
    ck_assert_int_eq(state_of(parent), 'Z');
    ck_assert_int_eq(told().kind, 0);
    ck_assert(runs(child));
    ask(RUNNER_KILL, 5);
    int status = expect(RUNNER_ENDED, 5);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGTERM);
    TURN_UNTIL(!runs(child));
    ck_assert(!runs(child));
    ck_assert_int_eq(state_of(parent), 0);
}
END_TEST

START_TEST(what_is_only_killed_ends_with_all_its_children)
{
    int parent = 0, child = 0;
    run_family(5, &parent, &child);
    ask(RUNNER_KILL, 5);
    int status = expect(RUNNER_ENDED, 5);
    ck_assert_int_eq(WTERMSIG(status), SIGKILL);
    TURN_UNTIL(!runs(child));
    ck_assert(!runs(child));
}
END_TEST

START_TEST(a_stop_of_what_does_not_run_does_nothing)
{
    int parent = 0, child = 0;
    run_family(5, &parent, &child);
    for (uint32_t id = 0; id < 8; id++) {
        if (id != 5) {
            ask(RUNNER_STOP, id);
            ask(RUNNER_KILL, id);
        }
    }
    ck_assert_int_eq(told().kind, 0);
    ck_assert(runs(parent) && runs(child));
    ask(RUNNER_KILL, 5);
    expect(RUNNER_ENDED, 5);
    ask(RUNNER_KILL, 5);
    ck_assert_int_eq(told().kind, 0);
}
END_TEST

/* ---- what cannot be killed ---- */

START_TEST(a_kill_that_fails_is_tried_again)
{
    int parent = 0, child = 0;
    run_family(5, &parent, &child);
    failing_kills = 4; /* two attempts: at the group, and at its leader */
    ask(RUNNER_KILL, 5);
    ck_assert_int_eq(told().kind, 0);
    int status = expect(RUNNER_ENDED, 5);
    ck_assert_int_eq(WTERMSIG(status), SIGKILL);
    ck_assert_int_eq(failing_kills, 0);
}
END_TEST

START_TEST(a_script_that_cannot_be_killed_is_abandoned_and_its_id_is_free)
{
    int parent = 0, child = 0;
    run_family(5, &parent, &child);
    failing_kills = INT_MAX;
    ask(RUNNER_STOP, 5);
    ask(RUNNER_KILL, 5);
    ck_assert_int_eq(expect(RUNNER_ABANDONED, 5), EPERM);
    ck_assert(runs(parent));
    run(5, script("old.sh", "exit 3"));
    expect_exit(5, 3);
    failing_kills = 0;
    kill(-parent, SIGKILL);
    TURN_UNTIL(told().kind != 0 || state_of(parent) == 0);
    ck_assert_int_eq(state_of(parent), 0); /* waited for, and not told of again */
    ck_assert_int_eq(told().kind, 0);
}
END_TEST

START_TEST(what_is_stopped_and_not_killed_is_killed_all_the_same)
{
    int parent = 0, child = 0;
    run_family(5, &parent, &child);
    ask(RUNNER_STOP, 5);
    int status = expect(RUNNER_ENDED, 5);
    ck_assert_int_eq(WTERMSIG(status), SIGTERM);
    TURN_UNTIL(!runs(child));
    ck_assert(!runs(child));
}
END_TEST

START_TEST(what_nobody_stops_at_its_timeout_is_stopped_though_the_agent_is_gone)
{
    int parent = 0, child = 0;
    timeout_ms = 1;
    run_family(5, &parent, &child);
    shutdown(agent_fd, SHUT_RDWR);
    TURN_UNTIL((runner_turn(tested), runner_is_over(tested)));
    ck_assert(runner_is_over(tested));
    TURN_UNTIL(!runs(child));
    ck_assert(!runs(parent) && !runs(child));
}
END_TEST

START_TEST(a_child_with_a_session_of_its_own_does_not_keep_the_end_back)
{
    uint64_t key = script("old.sh", "setsid sleep 100 & echo $!; touch $D/ready; exec sleep 100");
    int child = 0;
    run(5, key);
    TURN_UNTIL(told().kind != 0 || exists("ready"));
    ck_assert_int_eq(sscanf(output(), "%d", &child), 1);
    ask(RUNNER_KILL, 5);
    ck_assert_int_eq(WTERMSIG(expect(RUNNER_ENDED, 5)), SIGKILL);
    kill(child, SIGKILL);
}
END_TEST

START_TEST(an_end_is_reported_once_the_agent_reads_again)
{
    enum { MORE_THAN_IT_TAKES = 2000 };
    struct runner_request none = request(RUNNER_RUN, 9);
    struct runner_report r;
    touch("waits");
    run(1, script("old.sh", "while [ -e $D/waits ]; do sleep 0.01; done; touch $D/ended"));
    for (int i = 0; i < MORE_THAN_IT_TAKES; i++) { /* refused without descriptors, and not read */
        send_with(&none, sizeof none, NULL, 0);
        runner_turn(tested);
    }
    unlink(in_dir("waits"));
    TURN_UNTIL((runner_turn(tested), exists("ended")));
    for (time_t end = time(NULL) + 1; time(NULL) <= end; poll(NULL, 0, TURN_MS))
        runner_turn(tested); /* its end is noticed, and finds no room */
    TURN_UNTIL((r = told()).kind == RUNNER_ENDED);
    ck_assert_uint_eq(r.kind, RUNNER_ENDED);
    ck_assert_uint_eq(r.id, 1);
}
END_TEST

/* ---- its end ---- */

START_TEST(it_is_over_when_the_agent_is_gone_and_what_ran_has_ended)
{
    uint64_t key = script("old.sh", "touch $D/ran\n"
                                    "while [ -e $D/waits ]; do sleep 0.01; done; touch $D/ended");
    touch("waits");
    run(1, key);
    TURN_UNTIL(told().kind != 0 || exists("ran"));
    ck_assert(!runner_is_over(tested));
    shutdown(agent_fd, SHUT_RDWR);
    runner_turn(tested);
    ck_assert(!runner_is_over(tested));
    unlink(in_dir("waits"));
    TURN_UNTIL((runner_turn(tested), runner_is_over(tested)));
    ck_assert(runner_is_over(tested));
    ck_assert(exists("ended"));
}
END_TEST

/* It cannot be told from an end. */
START_TEST(an_empty_packet_ends_it_too_and_what_came_with_it_is_closed)
{
    size_t before = open_fds();
    send_with("", 0, (int[]){0, 1, 2}, RUNNER_FDS);
    runner_turn(tested);
    ck_assert(runner_is_over(tested));
    ck_assert_uint_eq(open_fds(), before - 1); /* the agent's socket */
}
END_TEST

int main(void)
{
    Suite *s = suite_create("runner");
    TCase *t = fixture_case(s, "records");
    tcase_add_test(t, a_request_in_order_is_copied);
    tcase_add_test(t, a_record_of_another_size_is_refused);
    tcase_add_test(t, a_request_with_a_field_out_of_range_is_refused);
    tcase_add_test(t, a_report_with_a_field_out_of_range_is_refused);
    tcase_add_test(t, what_is_no_request_is_passed_over_and_what_came_with_it_closed);
    t = fixture_case(s, "refused");
    tcase_add_test(t, an_unknown_key_is_refused_and_runs_nothing);
    tcase_add_test(t, other_than_three_descriptors_are_refused_and_closed);
    tcase_add_test(t, descriptors_that_nobody_asked_for_are_closed);
    tcase_add_test(t, an_id_is_for_one_run_until_that_has_ended);
    tcase_add_test(t, an_environment_with_another_variable_is_none);
    tcase_add_test(t, a_script_that_others_could_change_is_not_run_by_root);
    tcase_add_test(t, a_script_that_is_gone_or_is_none_says_so);
    t = fixture_case(s, "run");
    tcase_add_test(t, a_script_has_just_what_came_along);
    tcase_add_test(t, a_script_may_open_as_many_descriptors_as_was_said);
    tcase_add_test(t, a_status_is_as_waitpid_has_it);
    tcase_add_test(t, scripts_run_side_by_side_and_each_is_told_of_by_its_id);
    tcase_add_test(t, what_is_stopped_and_killed_ends_with_all_its_children);
    tcase_add_test(t, what_is_only_killed_ends_with_all_its_children);
    tcase_add_test(t, a_stop_of_what_does_not_run_does_nothing);
    t = fixture_case(s, "what cannot be killed");
    tcase_add_test(t, a_kill_that_fails_is_tried_again);
    tcase_add_test(t, a_script_that_cannot_be_killed_is_abandoned_and_its_id_is_free);
    tcase_add_test(t, what_is_stopped_and_not_killed_is_killed_all_the_same);
    tcase_add_test(t, what_nobody_stops_at_its_timeout_is_stopped_though_the_agent_is_gone);
    tcase_add_test(t, a_child_with_a_session_of_its_own_does_not_keep_the_end_back);
    tcase_add_test(t, an_end_is_reported_once_the_agent_reads_again);
    t = fixture_case(s, "end");
    tcase_add_test(t, it_is_over_when_the_agent_is_gone_and_what_ran_has_ended);
    tcase_add_test(t, an_empty_packet_ends_it_too_and_what_came_with_it_is_closed);
    return unit_run(s);
}
