#include "agent/scripts/handlers.h"

#include "tests/unit/fake_gossip.h"
#include "tests/unit/fake_log.h"
#include "tests/unit/handler_fixture.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- queues ---- */

/* A script that waits for the file "go", then notes the change. */
static char *gated(void)
{
    return script("gated.sh", "n=0\n"
                              "while ! [ -e $D/go ] && [ $n -lt 3000 ]; do\n"
                              "  n=$((n + 1)); sleep 0.02\n"
                              "done\n"
                              "echo $MUSTER_SEQ $MUSTER_MEMBER_NAME >>$D/out");
}

static void open_gate(void)
{
    close(open(in_dir("go"), O_CREAT | O_CLOEXEC, 0644));
}

START_TEST(changes_run_in_order_one_at_a_time)
{
    configure(spec("order", script("order.sh", "mkdir $D/lock && echo $MUSTER_SEQ >>$D/out\n"
                                               "sleep 0.01; rmdir $D/lock")));
    for (int i = 0; i < 12; i++)
        publish("db1");
    RUN_UNTIL(stats(0).runs == 12);
    ck_assert_uint_eq(stats(0).failures, 0);
    ck_assert_str_eq(contents("out"), "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n");
}
END_TEST

START_TEST(a_calm_queue_keeps_every_change)
{
    configure(spec("gated", gated()));
    publish("first");
    RUN_UNTIL(stats(0).running);
    for (int i = 0; i < HANDLER_QUEUE_CALM; i++)
        publish("db1");
    ck_assert_uint_eq(stats(0).waiting, HANDLER_QUEUE_CALM);
    open_gate();
    RUN_UNTIL(stats(0).runs == 1 + HANDLER_QUEUE_CALM);
    ck_assert_uint_eq(stats(0).collapsed, 0);
}
END_TEST

START_TEST(in_a_long_queue_the_last_change_of_a_member_stands_for_all)
{
    configure(spec("gated", gated()));
    publish("first");
    RUN_UNTIL(stats(0).running);
    for (int i = 0; i < HANDLER_QUEUE_CALM; i++)
        publish("db1");
    publish("db2");
    ck_assert_uint_eq(stats(0).waiting, HANDLER_QUEUE_CALM + 1);
    for (int i = 0; i < 1000; i++)
        publish(i % 2 ? "db1" : "db2");
    ck_assert_uint_eq(stats(0).waiting, 16);
    ck_assert_uint_eq(stats(0).collapsed + stats(0).waiting, 1000 + HANDLER_QUEUE_CALM + 1);
    open_gate();
    RUN_UNTIL(stats(0).runs == 17);
    const char *out = contents("out");
    ck_assert_str_eq(out + strlen(out) - 18, "1017 db2\n1018 db1\n");
}
END_TEST

START_TEST(the_last_state_of_each_member_is_kept)
{
    configure(spec("gated", gated()));
    publish("first");
    RUN_UNTIL(stats(0).running);
    char name[16];
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 2000; i++) {
            snprintf(name, sizeof name, "%d", i);
            publish(name);
        }
    ck_assert_uint_ge(stats(0).waiting, 2000);
    ck_assert_uint_le(stats(0).waiting, 2000 + HANDLER_QUEUE_CALM);
    ck_assert_uint_eq(stats(0).dropped, 0);
}
END_TEST

START_TEST(more_members_than_there_can_be_push_out_the_oldest_and_the_log_says_so)
{
    configure(spec("gated", gated()));
    publish("first");
    RUN_UNTIL(stats(0).running);
    char name[16];
    for (int i = 0; i < HANDLER_QUEUE_MAX + 5; i++) {
        snprintf(name, sizeof name, "%d", i);
        publish(name);
    }
    ck_assert_uint_eq(stats(0).waiting, HANDLER_QUEUE_MAX);
    ck_assert_uint_eq(stats(0).dropped, 5);
    ck_assert_uint_eq(fake_log_count("a waiting change is dropped"), 1);
}
END_TEST

START_TEST(a_change_waits_while_no_process_can_be_made)
{
    struct rlimit before, files;
    int lowest = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    close(lowest);
    getrlimit(RLIMIT_NOFILE, &before);
    files = before;
    files.rlim_cur = (rlim_t)lowest;
    configure(spec("true", "/bin/true"));
    publish("db1");
    setrlimit(RLIMIT_NOFILE, &files);
    RUN_UNTIL(stats(0).failures == 1);
    setrlimit(RLIMIT_NOFILE, &before);
    ck_assert(
        fake_log_has("handler \"true\": cannot start /bin/true for change 1: Too many open files"));
    ck_assert_uint_eq(stats(0).waiting, 1);
    ck_assert_uint_eq(stats(0).runs, 0);
    RUN_UNTIL(stats(0).runs == 1);
    ck_assert_int_eq(stats(0).last_status, 0);
    ck_assert_uint_eq(stats(0).waiting, 0);
}
END_TEST

/* ---- configuration ---- */

START_TEST(only_changes_asked_for_run)
{
    struct handler_spec s = spec("some", script("some.sh", "echo $MUSTER_SEQ >>$D/out"));
    s.kinds = 1u << EVENT_MEMBER_FAILED | 1u << EVENT_MEMBER_JOIN;
    gossip_tags_set(s.match.tags, &s.match.bytes, "role", "db");
    gossip_tags_set(s.match.tags, &s.match.bytes, "rack", "r7");
    configure(s);
    s.match.bytes = 0; /* it was copied */
    publish_member(EVENT_MEMBER_JOIN, FAKE_MEMBER("a", GOSSIP_ALIVE, "rack\0r7\0role\0db"));
    publish_member(EVENT_MEMBER_LEAVE, FAKE_MEMBER("a", GOSSIP_LEFT, "rack\0r7\0role\0db"));
    publish_member(EVENT_MEMBER_JOIN, FAKE_MEMBER("b", GOSSIP_ALIVE, "rack\0r7\0role\0dbx"));
    publish_member(EVENT_MEMBER_JOIN, FAKE_MEMBER("b", GOSSIP_ALIVE, "role\0db"));
    publish_member(EVENT_MEMBER_JOIN, FAKE_MEMBER_UNTAGGED("b", GOSSIP_ALIVE));
    publish_member(EVENT_MEMBER_FAILED, FAKE_MEMBER("a", GOSSIP_FAILED, "rack\0r7\0role\0db"));
    RUN_UNTIL(stats(0).runs == 2);
    ck_assert_str_eq(contents("out"), "1\n6\n");
    ck_assert_uint_eq(stats(0).waiting, 0);
}
END_TEST

START_TEST(a_handler_of_the_same_name_keeps_its_queue_and_its_run)
{
    struct handler_spec two[] = {spec("other", "/bin/true"), spec("gated", gated())};
    configure(two[1]);
    publish("db1");
    RUN_UNTIL(stats(0).running);
    publish("db2");
    two[1].run = script("new.sh", "echo new $MUSTER_SEQ >>$D/out");
    know(two, 2);
    ck_assert_str_eq(stats(0).name, "other");
    ck_assert_str_eq(stats(1).name, "gated");
    ck_assert(stats(1).running);
    ck_assert_uint_eq(stats(1).waiting, 1);
    open_gate();
    RUN_UNTIL(stats(1).runs == 2);
    ck_assert_str_eq(contents("out"), "1 db1\nnew 2\n");
    ck_assert_uint_eq(stats(0).runs, 0);
}
END_TEST

START_TEST(a_handler_that_is_gone_runs_what_it_has_and_takes_nothing_more)
{
    struct handler_stats s;
    configure(spec("gated", gated()));
    publish("db1");
    RUN_UNTIL(stats(0).running);
    publish("db2");
    take_on(NULL, 0);
    ck_assert(!handlers_stats(handlers, 0, &s));
    publish("db3");
    open_gate();
    RUN_UNTIL(handlers_are_idle(handlers));
    ck_assert_uint_eq(fake_log_count("exit status 0"), 2);
    ck_assert_str_eq(contents("out"), "1 db1\n2 db2\n");
    ck_assert_uint_eq(fake_log_count("not run"), 0);
}
END_TEST

START_TEST(a_handler_that_comes_back_while_its_script_runs_waits_for_it)
{
    configure(spec("gated", gated()));
    publish("db1");
    RUN_UNTIL(stats(0).running);
    publish("db2");
    take_on(NULL, 0);
    configure(spec("gated", in_dir("gated.sh")));
    publish("db3");
    ck_assert(stats(0).running);
    ck_assert_uint_eq(stats(0).waiting, 2);
    open_gate();
    RUN_UNTIL(stats(0).runs == 3);
    ck_assert_str_eq(contents("out"), "1 db1\n2 db2\n3 db3\n");
}
END_TEST

START_TEST(a_plan_that_is_discarded_changes_nothing)
{
    struct handler_spec two[] = {spec("other", "/bin/true"), spec("gated", gated())};
    configure(two[1]);
    publish("db1");
    struct handlers_plan *plan = handlers_prepare(handlers, two, 1);
    ck_assert_ptr_nonnull(plan);
    handlers_discard(plan);
    publish("db2");
    open_gate();
    RUN_UNTIL(stats(0).runs == 2);
    ck_assert_str_eq(stats(0).name, "gated");
    ck_assert(!handlers_have_removed(handlers));
}
END_TEST

/* ---- the end ---- */

static unsigned idle_times;
static void on_idle(void *arg)
{
    (void)arg;
    ck_assert(handlers_are_idle(handlers));
    idle_times++;
}

START_TEST(the_end_of_the_last_run_is_told)
{
    struct handler_spec two[] = {spec("gated", gated()), spec("true", "/bin/true")};
    idle_times = 0;
    know(two, 2);
    handlers_on_idle(handlers, on_idle, NULL);
    ck_assert(handlers_are_idle(handlers));
    publish("db1");
    publish("db2");
    ck_assert(!handlers_are_idle(handlers));
    RUN_UNTIL(stats(1).runs == 2);
    ck_assert(!handlers_are_idle(handlers));
    ck_assert_uint_eq(idle_times, 0);
    open_gate();
    RUN_UNTIL(idle_times > 0);
    ck_assert_uint_eq(stats(0).runs, 2);
    ck_assert_uint_eq(idle_times, 1);
    handlers_on_idle(handlers, NULL, NULL);
}
END_TEST

START_TEST(a_stop_ends_what_runs_and_runs_nothing_more)
{
    configure(spec("sleep", script("sleep.sh", "echo $MUSTER_SEQ >>$D/out; exec sleep 1000")));
    publish("db1");
    RUN_UNTIL(*contents("out"));
    publish("db2");
    handlers_stop(handlers);
    publish("db3");
    RUN_UNTIL(handlers_are_idle(handlers));
    ck_assert_int_eq(stats(0).last_status, 128 + SIGTERM);
    ck_assert_str_eq(contents("out"), "1\n");
    ck_assert(
        fake_log_has("handler \"sleep\": 1 changes that waited are not run: the agent stops"));
}
END_TEST

static unsigned lost_times;
static void count_lost(void *arg)
{
    (void)arg;
    lost_times++;
}

START_TEST(without_a_steward_a_change_is_dropped_and_not_tried_for_ever)
{
    lost_times = 0;
    fixture_on_lost = count_lost;
    configure(spec("sleep", script("sleep.sh", "echo $MUSTER_SEQ >>$D/out; exec sleep 1000")));
    publish("db1");
    RUN_UNTIL(*contents("out"));
    publish("db2");
    kill_runner();
    RUN_UNTIL(lost_times > 0);
    RUN_UNTIL(handlers_are_idle(handlers));
    publish("db3");
    RUN_UNTIL(handlers_are_idle(handlers));
    ck_assert_uint_eq(lost_times, 1);
    ck_assert_uint_eq(fake_log_count("changes that waited are not run: there is no steward"), 2);
    ck_assert_str_eq(contents("out"), "1\n");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("handler");
    TCase *t = fixture_case(s, "queues");
    tcase_add_test(t, changes_run_in_order_one_at_a_time);
    tcase_add_test(t, a_calm_queue_keeps_every_change);
    tcase_add_test(t, in_a_long_queue_the_last_change_of_a_member_stands_for_all);
    tcase_add_test(t, the_last_state_of_each_member_is_kept);
    tcase_add_test(t, more_members_than_there_can_be_push_out_the_oldest_and_the_log_says_so);
    tcase_add_test(t, a_change_waits_while_no_process_can_be_made);
    t = fixture_case(s, "configuration");
    tcase_add_test(t, only_changes_asked_for_run);
    tcase_add_test(t, a_handler_of_the_same_name_keeps_its_queue_and_its_run);
    tcase_add_test(t, a_handler_that_is_gone_runs_what_it_has_and_takes_nothing_more);
    tcase_add_test(t, a_handler_that_comes_back_while_its_script_runs_waits_for_it);
    tcase_add_test(t, a_plan_that_is_discarded_changes_nothing);
    t = fixture_case(s, "end");
    tcase_add_test(t, the_end_of_the_last_run_is_told);
    tcase_add_test(t, a_stop_ends_what_runs_and_runs_nothing_more);
    tcase_add_test(t, without_a_steward_a_change_is_dropped_and_not_tried_for_ever);
    return unit_run(s);
}
