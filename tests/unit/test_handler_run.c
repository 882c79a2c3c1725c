#include "agent/scripts/handler_run.h"
#include "agent/steward/runner.h"

#include "tests/unit/fake_gossip.h"
#include "tests/unit/fake_log.h"
#include "tests/unit/handler_fixture.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- what a script is given ---- */

START_TEST(the_environment_is_a_path_and_the_change)
{
    struct handler_spec s = spec("env", "/usr/bin/env");
    setenv("SECRET", "of the agent", 1);
    configure(s);
    publish_member(EVENT_MEMBER_FAILED, FAKE_MEMBER("db1", GOSSIP_FAILED, "rack\0r7\0role\0db"));
    RUN_UNTIL(stats(0).runs == 1);
    static const char *const vars[] = {
        "PATH=/usr/bin:/bin",
        "MUSTER_EVENT=member-failed",
        "MUSTER_SEQ=1",
        "MUSTER_TIME=2026-11-20T12:00:00.123Z",
        "MUSTER_SELF=self1",
        "MUSTER_RUN_DIR=/run/muster1",
        "MUSTER_MEMBER_NAME=db1",
        "MUSTER_MEMBER_ID=64623100000000000000000000000000",
        "MUSTER_MEMBER_ADDR=10.0.0.11",
        "MUSTER_MEMBER_PORT=7949",
        "MUSTER_MEMBER_STATUS=failed",
        "MUSTER_MEMBER_UNREACHABLE=no",
        "MUSTER_MEMBER_INCARNATION=3",
        "MUSTER_MEMBER_GENERATION=1",
        "MUSTER_TAG_RACK=r7",
        "MUSTER_TAG_ROLE=db",
    };
    for (size_t i = 0; i < sizeof vars / sizeof vars[0]; i++) {
        char line[256];
        snprintf(line, sizeof line, "handler \"env\": %s", vars[i]);
        ck_assert_msg(fake_log_has(line), "%s is missing", vars[i]);
    }
    ck_assert_uint_eq(fake_log_count("="), sizeof vars / sizeof vars[0]);
    unsetenv("SECRET");
}
END_TEST

START_TEST(scripts_are_told_who_is_partly_unreachable)
{
    struct handler_spec s = spec("env", "/usr/bin/env");
    struct gossip_member m = FAKE_MEMBER_UNTAGGED("db1", GOSSIP_ALIVE);
    m.unreachable = true;
    s.kinds = 1u << EVENT_MEMBER_UNREACHABLE;
    configure(s);
    publish_member(EVENT_MEMBER_UPDATE, FAKE_MEMBER_UNTAGGED("db1", GOSSIP_ALIVE));
    publish_member(EVENT_MEMBER_UNREACHABLE, m);
    publish_member(EVENT_MEMBER_REACHABLE, FAKE_MEMBER_UNTAGGED("db1", GOSSIP_ALIVE));
    ck_assert_uint_eq(stats(0).waiting, 1);
    RUN_UNTIL(stats(0).runs == 1);
    ck_assert(fake_log_has("handler \"env\": MUSTER_EVENT=member-unreachable"));
    ck_assert(fake_log_has("handler \"env\": MUSTER_MEMBER_STATUS=alive"));
    ck_assert(fake_log_has("handler \"env\": MUSTER_MEMBER_UNREACHABLE=yes"));
}
END_TEST

START_TEST(without_a_path_of_ours_there_is_a_usual_one)
{
    end_handlers();
    unsetenv("PATH");
    begin_handlers();
    run_once(spec("env", "/usr/bin/env"));
    ck_assert_uint_eq(fake_log_count("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"), 1);
}
END_TEST

START_TEST(tag_keys_become_names_of_variables)
{
    configure(spec("env", "/usr/bin/env"));
    publish_member(EVENT_MEMBER_JOIN,
                   FAKE_MEMBER("a", GOSSIP_ALIVE, "a-b\0001\0a.b\0002\0Weight9\0003"));
    RUN_UNTIL(stats(0).runs == 1);
    ck_assert(fake_log_has("handler \"env\": MUSTER_TAG_A_B=1")); /* the first of two such */
    ck_assert(fake_log_has("handler \"env\": MUSTER_TAG_WEIGHT9=3"));
    ck_assert_uint_eq(fake_log_count("MUSTER_TAG_"), 2);
}
END_TEST

START_TEST(the_most_and_the_longest_tags_fit)
{
    char many[GOSSIP_TAGS_BYTES_MAX], one[GOSSIP_TAGS_BYTES_MAX];
    for (size_t i = 0; i < sizeof many; i += 4)
        memcpy(many + i, (char[]){(char)('a' + i / 4 % 26), (char)('a' + i / 104), 0, 0}, 4);
    memset(one, 'x', sizeof one);
    one[1] = one[sizeof one - 1] = '\0';
    setenv("PATH", "/usr/bin:/bin", 1);
    configure(spec("count", script("count.sh", "env | grep -c MUSTER_TAG_ >>$D/out\n"
                                               "printf %s \"$MUSTER_TAG_X\" | wc -c >>$D/out")));
    publish_member(EVENT_MEMBER_JOIN, fake_member("a", GOSSIP_ALIVE, many, sizeof many));
    publish_member(EVENT_MEMBER_JOIN, fake_member("a", GOSSIP_ALIVE, one, sizeof one));
    RUN_UNTIL(stats(0).runs == 2);
    ck_assert_str_eq(contents("out"), "128\n0\n1\n509\n");
}
END_TEST

START_TEST(what_a_member_says_is_never_code)
{
    struct handler_spec s =
        spec("echo", script("echo.sh", "echo \"$MUSTER_TAG_X\"; cat >$D/stdin"));
    configure(s);
    const struct journal_entry *e = publish_member(
        EVENT_MEMBER_JOIN,
        FAKE_MEMBER("a", GOSSIP_ALIVE, "x\0() { :; }; `touch /tmp/x` $(reboot);'\""));
    RUN_UNTIL(stats(0).runs == 1);
    ck_assert(fake_log_has("handler \"echo\": () { :; }; `touch /tmp/x` $(reboot);'\""));
    ck_assert_str_eq(contents("stdin"), e->line);
}
END_TEST

START_TEST(the_line_is_on_stdin_and_need_not_be_read)
{
    struct handler_spec both[] = {spec("cat", "/bin/cat"), spec("true", "/bin/true")};
    know(both, 2);
    const struct journal_entry *e =
        publish_member(EVENT_MEMBER_JOIN, FAKE_MEMBER_UNTAGGED("db1", GOSSIP_ALIVE));
    RUN_UNTIL(stats(0).runs == 1 && stats(1).runs == 1);
    ck_assert_int_eq(stats(0).last_status, 0);
    ck_assert_int_eq(stats(1).last_status, 0);
    char line[1024];
    snprintf(line, sizeof line, "handler \"cat\": %.*s", (int)e->line_bytes - 1, e->line);
    ck_assert(fake_log_has(line));
}
END_TEST

START_TEST(a_script_starts_clean)
{
    sigset_t usr1, before;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    int leak = fcntl(STDIN_FILENO, F_DUPFD, 50); /* as a careless library would */
    ck_assert_int_ge(leak, 50);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &usr1, &before);
    run_once(spec("clean", script("clean.sh", "pwd\n"
                                              "grep -E '^Sig(Blk|Ign)' /proc/self/status\n"
                                              "ls /proc/self/fd | tr '\\n' ' '; echo\n"
                                              "read -r _ _ _ _ group session _ </proc/$$/stat\n"
                                              "[ $group = $$ ] && [ $session = $$ ] && echo own")));
    sigprocmask(SIG_SETMASK, &before, NULL);
    signal(SIGPIPE, SIG_DFL);
    close(leak);
    ck_assert(fake_log_has("handler \"clean\": /"));
    ck_assert(fake_log_has("handler \"clean\": SigBlk:\t0000000000000000"));
    /* Signals 32 and 33 are the C library's own: programs cannot set them, and make ignores them.
     */
    ck_assert(fake_log_has("handler \"clean\": SigIgn:\t0000000000000000") ||
              fake_log_has("handler \"clean\": SigIgn:\t0000000180000000"));
    ck_assert(fake_log_has("handler \"clean\": 0 1 2 3 ")); /* 3: the folder that ls reads */
    ck_assert(fake_log_has("handler \"clean\": own"));
}
END_TEST

/* ---- output and exit ---- */

START_TEST(output_and_errors_go_to_the_log_line_by_line)
{
    run_once(spec("talk", script("talk.sh", "echo one; echo two >&2; echo; printf 'a\\0b\\n'\n"
                                            "printf half; sleep 0.1; printf ' and half'")));
    ck_assert(fake_log_has("handler \"talk\": one"));
    ck_assert(fake_log_has("handler \"talk\": two"));
    ck_assert(fake_log_has("handler \"talk\": "));
    ck_assert(fake_log_has("handler \"talk\": a?b"));
    ck_assert(fake_log_has("handler \"talk\": half and half"));
    ck_assert_uint_eq(fake_log_lines(), 6); /* and how it ended */
}
END_TEST

START_TEST(a_line_without_an_end_is_cut)
{
    run_once(
        spec("long", script("long.sh", "head -c 300000 /dev/zero | tr '\\0' x; echo; echo end")));
    ck_assert_uint_eq(fake_log_count("xxxx"), 1);
    ck_assert(fake_log_has("handler \"long\": end"));
}
END_TEST

START_TEST(only_so_many_lines_of_a_run_are_logged_and_the_rest_counted)
{
    run_once(spec("chatty", script("chatty.sh", "seq 1 20000")));
    ck_assert(fake_log_has("handler \"chatty\": 100"));
    ck_assert(!fake_log_has("handler \"chatty\": 101"));
    ck_assert(fake_log_has("handler \"chatty\": and 19900 more lines"));
    ck_assert_uint_eq(fake_log_lines(), HANDLER_OUTPUT_LINES_MAX + 2);
}
END_TEST

START_TEST(an_exit_status_is_kept_and_said)
{
    run_once(spec("bad", script("bad.sh", "exit 7")));
    ck_assert_int_eq(stats(0).last_status, 7);
    ck_assert_uint_eq(stats(0).failures, 1);
    ck_assert_uint_eq(fake_log_count("bad.sh for change 1: exit status 7 after "), 1);
    ck_assert_int_gt(stats(0).last_duration_us, 0);
}
END_TEST

START_TEST(a_signal_counts_as_128_and_its_number)
{
    run_once(spec("killed", script("killed.sh", "kill -USR1 $$")));
    ck_assert_int_eq(stats(0).last_status, 128 + SIGUSR1);
    ck_assert_uint_eq(stats(0).failures, 1);
    ck_assert_uint_eq(fake_log_count("ended by signal"), 1);
}
END_TEST

START_TEST(a_success_is_no_failure)
{
    configure(spec("good", "/bin/true"));
    ck_assert_int_eq(stats(0).last_status, -1);
    publish("db1");
    RUN_UNTIL(stats(0).runs == 1);
    ck_assert_int_eq(stats(0).last_status, 0);
    ck_assert_uint_eq(stats(0).failures, 0);
    ck_assert_uint_eq(stats(0).timeouts, 0);
}
END_TEST

START_TEST(a_missing_script_is_named)
{
    run_once(spec("missing", "/nonexistent/page.sh"));
    ck_assert_int_eq(stats(0).last_status, RUNNER_EXIT_NOT_FOUND);
    ck_assert(fake_log_has(
        "handler \"missing\": cannot run /nonexistent/page.sh: No such file or directory"));
    ck_assert_uint_eq(stats(0).failures, 1);
}
END_TEST

START_TEST(a_script_that_may_not_be_executed_is_named)
{
    char *path = script("plain", "echo never");
    chmod(path, 0644);
    run_once(spec("plain", path));
    ck_assert_int_eq(stats(0).last_status, RUNNER_EXIT_NOT_RUN);
    ck_assert_uint_eq(fake_log_count("/plain: Permission denied"), 1);
}
END_TEST

START_TEST(what_a_script_leaves_behind_is_left_alone)
{
    run_once(spec("daemon", script("daemon.sh", "sleep 60 &\necho $! >$D/pid; echo started")));
    ck_assert_int_eq(stats(0).last_status, 0);
    ck_assert(fake_log_has("handler \"daemon\": started"));
    pid_t pid = atoi(contents("pid"));
    ck_assert_int_gt(pid, 0);
    ck_assert(!is_gone(pid));
    kill(pid, SIGKILL);
}
END_TEST

/* ---- timeouts ---- */

START_TEST(at_the_timeout_the_whole_group_is_gone)
{
    struct handler_spec s =
        spec("hung", script("hung.sh", "trap '' TERM\n"
                                       "sleep 60 & echo $! >$D/child\n"
                                       "echo $$ >$D/parent; while :; do sleep 60; done"));
    s.timeout_ms = 300;
    run_once(s);
    ck_assert_int_eq(stats(0).last_status, 128 + SIGKILL);
    ck_assert_uint_eq(stats(0).timeouts, 1);
    ck_assert_uint_eq(stats(0).failures, 1);
    ck_assert_uint_eq(fake_log_count("after its timeout"), 1);
    pid_t parent = atoi(contents("parent")), child = atoi(contents("child"));
    ck_assert_int_gt(parent, 0);
    ck_assert_int_gt(child, 0);
    RUN_UNTIL(is_gone(parent) && is_gone(child));
}
END_TEST

START_TEST(a_script_may_clean_up_at_the_timeout)
{
    struct handler_spec s =
        spec("polite", script("polite.sh", "trap 'echo cleaned; exit 0' TERM\nsleep 60 & wait"));
    s.timeout_ms = 300;
    run_once(s);
    ck_assert(fake_log_has("handler \"polite\": cleaned"));
    ck_assert_uint_eq(stats(0).timeouts, 1);
    ck_assert_uint_eq(stats(0).failures, 1);
}
END_TEST

START_TEST(a_flood_holds_up_nobody)
{
    struct handler_spec both[] = {spec("flood", script("flood.sh", "exec yes")),
                                  spec("quick", script("quick.sh", "echo $MUSTER_SEQ >>$D/quick"))};
    both[0].timeout_ms = 1500;
    know(both, 2);
    for (int i = 0; i < 10; i++)
        publish("db1");
    RUN_UNTIL(fake_log_count("handler \"flood\": y") == HANDLER_OUTPUT_LINES_MAX);
    RUN_UNTIL(stats(1).runs == 10);
    ck_assert(stats(0).running);
    RUN_UNTIL(stats(0).runs == 1);
    ck_assert_uint_eq(stats(0).timeouts, 1);
    ck_assert_uint_eq(fake_log_count("more lines"), 1);
    ck_assert_str_eq(contents("quick"), "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n");
}
END_TEST

START_TEST(freeing_the_handlers_ends_what_runs)
{
    configure(spec("hung", script("hung.sh", "sleep 60 & echo $! >$D/child; wait")));
    publish("db1");
    RUN_UNTIL(strchr(contents("child"), '\n'));
    pid_t child = atoi(contents("child"));
    ck_assert(!is_gone(child));
    handlers_free(handlers);
    handlers = NULL;
    RUN_UNTIL(is_gone(child));
}
END_TEST

/* ---- users ---- */

static void set_user(struct handler_spec *s, const char *user)
{
    const char *why;
    s->user = lend(user);
    s->account = account_find(user, &why);
    ck_assert_ptr_nonnull(s->account);
}

START_TEST(root_runs_a_script_as_its_user)
{
    struct handler_spec s =
        spec("who", script("who.sh", "id -un; id -u; id -G; echo said >/dev/stderr\n"
                                     "cat /dev/stdin >$D/out; setpriv --reuid 0 true; echo $?"));
    set_user(&s, "nobody");
    ck_assert_int_eq(setgroups(1, (gid_t[]){4242}), 0); /* which nobody is not in */
    run_once(s);
    account_free(s.account);
    ck_assert(fake_log_has("handler \"who\": nobody"));
    ck_assert_uint_eq(fake_log_count("handler \"who\": 65534"), 2);
    ck_assert_uint_eq(fake_log_count("4242"), 0);
    ck_assert(fake_log_has("handler \"who\": said"));
    ck_assert(!fake_log_has("handler \"who\": 0"));
    ck_assert_str_eq(contents("out"), journal_at(journal, 1)->line);
}
END_TEST

START_TEST(nobody_else_runs_a_script_as_another_user)
{
    static struct handlers *volatile parents; /* not lost to those who look for leaks */
    pid_t pid = fork();                       /* away from root, for good */
    if (pid == 0) {
        parents = handlers;
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(2);
        begin_handlers();
        struct handler_spec s = spec("page", "/bin/true");
        set_user(&s, "root");
        run_once(s);
        account_free(s.account);
        bool said = fake_log_has("handler \"page\": cannot become the user that is to run "
                                 "/bin/true: Operation not permitted");
        _exit(said && parents && stats(0).last_status == RUNNER_EXIT_NOT_RUN ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

START_TEST(our_own_user_needs_no_privilege)
{
    const struct passwd *own = getpwuid(geteuid());
    ck_assert_ptr_nonnull(own);
    struct handler_spec s = spec("own", "/bin/true");
    set_user(&s, own->pw_name);
    run_once(s);
    account_free(s.account);
    ck_assert_int_eq(stats(0).last_status, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("handler_run");
    TCase *t = fixture_case(s, "given");
    tcase_add_test(t, the_environment_is_a_path_and_the_change);
    tcase_add_test(t, scripts_are_told_who_is_partly_unreachable);
    tcase_add_test(t, without_a_path_of_ours_there_is_a_usual_one);
    tcase_add_test(t, tag_keys_become_names_of_variables);
    tcase_add_test(t, the_most_and_the_longest_tags_fit);
    tcase_add_test(t, what_a_member_says_is_never_code);
    tcase_add_test(t, the_line_is_on_stdin_and_need_not_be_read);
    tcase_add_test(t, a_script_starts_clean);
    t = fixture_case(s, "output and exit");
    tcase_add_test(t, output_and_errors_go_to_the_log_line_by_line);
    tcase_add_test(t, a_line_without_an_end_is_cut);
    tcase_add_test(t, only_so_many_lines_of_a_run_are_logged_and_the_rest_counted);
    tcase_add_test(t, an_exit_status_is_kept_and_said);
    tcase_add_test(t, a_signal_counts_as_128_and_its_number);
    tcase_add_test(t, a_success_is_no_failure);
    tcase_add_test(t, a_missing_script_is_named);
    tcase_add_test(t, a_script_that_may_not_be_executed_is_named);
    tcase_add_test(t, what_a_script_leaves_behind_is_left_alone);
    t = fixture_case(s, "timeouts");
    tcase_add_test(t, at_the_timeout_the_whole_group_is_gone);
    tcase_add_test(t, a_script_may_clean_up_at_the_timeout);
    tcase_add_test(t, a_flood_holds_up_nobody);
    tcase_add_test(t, freeing_the_handlers_ends_what_runs);
    t = fixture_case(s, "users");
    if (geteuid() == 0)
        tcase_add_test(t, root_runs_a_script_as_its_user);
    else
        puts("not root: not testing scripts that run as another user");
    tcase_add_test(t, nobody_else_runs_a_script_as_another_user);
    tcase_add_test(t, our_own_user_needs_no_privilege);
    return unit_run(s);
}
