#include "tests/unit/cli_run.h"
#include "tests/unit/unit.h"

#include <unistd.h>

/* watch */

static void watch_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "watch", "{\"Type\"=>\"member-join,member-failed\", \"From\"=>6}");
    fake_agent_answer(f, "");
    fake_agent_put_record(f, 7, "member-join", "db1", "alive");
    fake_agent_put_header(f, f->stream_seq, "");
    fake_agent_put_map(f, 3);
    fake_agent_put_text_pair(f, "event", "gap");
    fake_agent_put_unsigned_pair(f, "seq", 12);
    fake_agent_put_unsigned_pair(f, "lost", 5);
    fake_agent_put_record(f, 13, "member-failed", "a\nb", "failed");
    fake_agent_put_partly_record(f, 14, "member-unreachable", "db1");
    fake_agent_flush(f);
}

START_TEST(watch_prints_a_line_a_change_and_ends_with_the_agent)
{
    const char *arguments = "--on member-join,member-failed --from 6";
    ck_assert_int_eq(cli_run_against(watch_script, watch_run, arguments, false), CLI_UNASKED);
    ck_assert_str_eq(said,
                     "7  2026-11-20T12:00:00.123Z  member-join         db1  10.0.0.1:7949  alive  "
                     "role=db\n"
                     "12  gap: 5 changes were lost; muster members shows how it is now\n"
                     "13  2026-11-20T12:00:00.123Z  member-failed       a\\nb  10.0.0.1:7949  "
                     "failed  role=db\n"
                     "14  2026-11-20T12:00:00.123Z  member-unreachable  db1  10.0.0.1:7949  alive  "
                     "role=db  partly unreachable\n");
    assert_complained("closed the connection");
}
END_TEST

START_TEST(watch_in_json_passes_the_lines_on)
{
    const char *arguments = "--on member-join,member-failed --from 6 -o json";
    ck_assert_int_eq(cli_run_against(watch_script, watch_run, arguments, false), CLI_UNASKED);
    ck_assert_str_eq(said, "{\"seq\":7}\n{\"seq\":12,\"event\":\"gap\",\"lost\":5}\n{\"seq\":13}\n"
                           "{\"seq\":14}\n");
}
END_TEST

static void watch_refused_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "watch", "{\"Type\"=>\"member-exploded\", \"From\"=>0}");
    fake_agent_answer(f, "Invalid event filter");
    fake_agent_expect_end(f);
}

START_TEST(watch_for_an_event_that_is_none_is_wrong_usage)
{
    const char *arguments = "--on member-exploded";
    ck_assert_int_eq(cli_run_against(watch_refused_script, watch_run, arguments, false), CLI_USAGE);
    assert_complained("\"member-exploded\": Invalid event filter");
}
END_TEST

static void watch_quiet_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "watch", "{\"Type\"=>\"*\", \"From\"=>0}");
    fake_agent_answer(f, "");
    fake_agent_expect_end(f);
}

START_TEST(watch_ends_quietly_when_its_reader_has_gone)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    close(fds[0]);
    fake_agent_start(&fake, watch_quiet_script);
    ck_assert_int_eq(cli_run_to(fds[1], watch_run, "", false), CLI_YES);
    fake_agent_stop(&fake);
    close(fds[1]);
    ck_assert_str_eq(complained, "");
}
END_TEST

/* wait */

#define WAIT_EVENTS                                                                                \
    "{\"Type\"=>\"member-join,member-leave,member-failed,member-update,member-reap,"               \
    "member-suspect,member-unreachable,member-reachable,vip-acquired,vip-released\", \"From\"=>0}"

static void put_pair(struct fake_agent *f, const char *db1, const char *db2)
{
    fake_agent_expect(f, "view", NULL);
    fake_agent_put_members(f, 2);
    fake_agent_put_member(f, "db1", db1);
    fake_agent_put_member(f, "db2", db2);
    fake_agent_flush(f);
}

static void begin_wait(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "watch", WAIT_EVENTS);
    fake_agent_answer(f, "");
    put_pair(f, "alive", "suspect");
}

static void wait_script(struct fake_agent *f)
{
    begin_wait(f);
    fake_agent_put_record(f, 1, "member-failed", "db2", "failed");
    fake_agent_flush(f);
    put_pair(f, "alive", "failed");
    fake_agent_put_record(f, 2, "member-join", "db2", "alive");
    fake_agent_flush(f);
    put_pair(f, "alive", "alive");
    fake_agent_expect_end(f);
}

/* A suspect that is found to live: the change is told as that, and it counts. */
static void wait_partly_script(struct fake_agent *f)
{
    begin_wait(f);
    fake_agent_put_partly_record(f, 1, "member-unreachable", "db2");
    fake_agent_flush(f);
    fake_agent_expect(f, "view", NULL);
    fake_agent_put_members(f, 2);
    fake_agent_put_member(f, "db1", "alive");
    fake_agent_put_partly(f, "db2", "alive");
    fake_agent_flush(f);
    fake_agent_expect_end(f);
}

static void wait_failed_script(struct fake_agent *f)
{
    begin_wait(f);
    fake_agent_put_record(f, 1, "member-failed", "db2", "failed");
    fake_agent_flush(f);
    put_pair(f, "alive", "failed");
    fake_agent_expect_end(f);
}

static void wait_in_vain_script(struct fake_agent *f)
{
    f->may_leave = true; /* on a slow machine the time is over before much is asked */
    begin_wait(f);
    fake_agent_expect_end(f);
}

START_TEST(wait_asks_again_at_each_change_and_counts_no_suspects)
{
    ck_assert_int_eq(cli_run_against(wait_script, wait_run, "--alive 2", false), CLI_YES);
    ck_assert_str_eq(said, "");
}
END_TEST

START_TEST(wait_counts_the_partly_unreachable_as_alive)
{
    ck_assert_int_eq(cli_run_against(wait_partly_script, wait_run, "--alive 2", false), CLI_YES);
}
END_TEST

START_TEST(wait_ends_when_all_conditions_hold)
{
    const char *arguments = "--alive 1 --failed db2 --timeout 1m";
    ck_assert_int_eq(cli_run_against(wait_failed_script, wait_run, arguments, false), CLI_YES);
}
END_TEST

START_TEST(wait_times_out)
{
    const char *arguments = "--alive 2 --timeout 30ms";
    ck_assert_int_eq(cli_run_against(wait_in_vain_script, wait_run, arguments, false), CLI_TIMEOUT);
    arguments = "--alive 1 --failed db2 --failed db3 --timeout 30ms";
    ck_assert_int_eq(cli_run_against(wait_in_vain_script, wait_run, arguments, false), CLI_TIMEOUT);
}
END_TEST

/* An agent that restarts is waited for: here until the time is over. */
START_TEST(wait_goes_on_without_the_agent)
{
    ck_assert_int_eq(cli_run_against(begin_wait, wait_run, "--failed db2 --timeout 300ms", false),
                     CLI_TIMEOUT);
    assert_complained("waits for the agent");
    assert_complained("timed out");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("cli_follow");
    TCase *follow = tcase_create("follow");
    tcase_set_timeout(follow, 30);
    tcase_add_test(follow, watch_prints_a_line_a_change_and_ends_with_the_agent);
    tcase_add_test(follow, watch_in_json_passes_the_lines_on);
    tcase_add_test(follow, watch_for_an_event_that_is_none_is_wrong_usage);
    tcase_add_test(follow, watch_ends_quietly_when_its_reader_has_gone);
    tcase_add_test(follow, wait_asks_again_at_each_change_and_counts_no_suspects);
    tcase_add_test(follow, wait_counts_the_partly_unreachable_as_alive);
    tcase_add_test(follow, wait_ends_when_all_conditions_hold);
    tcase_add_test(follow, wait_times_out);
    tcase_add_test(follow, wait_goes_on_without_the_agent);
    suite_add_tcase(s, follow);
    return s;
}

int main(void)
{
    return unit_run(suite());
}
