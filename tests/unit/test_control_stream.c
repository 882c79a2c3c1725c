#include "agent/control/control.h"

#include "agent/base/log.h"
#include "tests/unit/fake_core.h"
#include "tests/unit/peer.h"
#include "tests/unit/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct peer p;
static const struct gossip_member *self, *db;

static void setup(void)
{
    for (int i = 0; i < LOG_HISTORY_LINES; i++)
        log_debug("before the test");
    peer_server_start();
    peer_open_greeted(&p);
    db = fake_member_add("db1", GOSSIP_ALIVE, "role\0db", sizeof "role\0db");
    self = db - 1;
}

static void teardown(void)
{
    peer_close(&p);
    peer_server_stop();
}

static void ask_stream(int seq, const char *type)
{
    peer_ask(&p, seq, "stream");
    peer_say(&p, "m1 ss", "Type", type);
}

static void ask_watch(int seq, const char *type, int from)
{
    peer_ask(&p, seq, "watch");
    peer_say(&p, "m2 ss si", "Type", type, "From", from);
}

static void expect_stream(int seq, const char *event, const char *name)
{
    char record[256];
    snprintf(record, sizeof record, "{\"Event\"=>\"%s\", \"Members\"=>[{\"Addr\"=>", event);
    peer_expect_answer(&p, seq, "");
    const char *next = peer_next(&p);
    ck_assert_msg(strncmp(next, record, strlen(record)) == 0, "%s, expected %s...", next, record);
    snprintf(record, sizeof record, "\"Name\"=>\"%s\"", name);
    ck_assert_ptr_nonnull(strstr(next, record));
}

static void expect_watch(int seq, const char *event, int number)
{
    char record[256];
    snprintf(record, sizeof record,
             "{\"event\"=>\"%s\", \"seq\"=>%d, \"time\"=>\"2026-11-20T12:00:00.123Z\", "
             "\"line\"=>\"{\"seq\":%d,",
             event, number, number);
    peer_expect_answer(&p, seq, "");
    peer_expect_start(&p, record);
}

static void expect_watch_gap(int seq, uint64_t lost, uint64_t last_lost)
{
    char record[256];
    snprintf(record, sizeof record,
             "{\"event\"=>\"gap\", \"lost\"=>%" PRIu64 ", \"seq\"=>%" PRIu64 "}", lost, last_lost);
    peer_expect_answer(&p, seq, "");
    peer_expect(&p, record);
}

/* ---- stream ---- */

START_TEST(a_stream_tells_what_comes_in_serfs_form)
{
    fake_change(db, EVENT_MEMBER_JOIN);
    ask_stream(1, "*");
    peer_expect_answer(&p, 1, "");
    peer_expect_silence(&p);
    fake_change(db, EVENT_MEMBER_UPDATE);
    fake_change(db, EVENT_MEMBER_SUSPECT);     /* which Serf has not; */
    fake_change(db, EVENT_MEMBER_UNREACHABLE); /* and neither these */
    fake_change(db, EVENT_MEMBER_REACHABLE);
    fake_change(db, EVENT_MEMBER_FAILED);
    expect_stream(1, "member-update", "db1");
    expect_stream(1, "member-failed", "db1");
    peer_expect_silence(&p);
}
END_TEST

START_TEST(a_stream_is_filtered_by_a_list_of_events)
{
    ask_stream(1, "user:deploy,member-failed,query,member-reap");
    peer_expect_answer(&p, 1, "");
    ask_stream(2, "");
    peer_expect_answer(&p, 2, "");
    fake_change(db, EVENT_MEMBER_JOIN);
    expect_stream(2, "member-join", "db1");
    fake_change(db, EVENT_MEMBER_FAILED);
    expect_stream(2, "member-failed", "db1");
    expect_stream(1, "member-failed", "db1");
    fake_change(self, EVENT_MEMBER_REAP);
    expect_stream(2, "member-reap", "a");
    expect_stream(1, "member-reap", "a");
    peer_expect_silence(&p);
}
END_TEST

START_TEST(filters_of_what_there_is_not_are_refused)
{
    static const char *const filters[] = {"member-suspect",
                                          "member-unreachable",
                                          "member-reachable",
                                          "member-exploded",
                                          "member-join, member-leave",
                                          "member-join,",
                                          ",",
                                          "users",
                                          "**"};
    char longest[600];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    memcpy(longest, "user:", 5);
    for (int i = 0; i < 9; i++) {
        ask_stream(i, filters[i]);
        peer_expect_answer(&p, i, "Invalid event filter");
    }
    ask_stream(9, longest);
    peer_expect_answer(&p, 9, "Invalid event filter");
    peer_ask(&p, 9, "stream");
    peer_say(&p, "m1 si", "Type", 7);
    peer_expect_answer(&p, 9, "Invalid event filter");
    ask_watch(10, "member-suspect", 0);
    peer_expect_answer(&p, 10, "");
    fake_change(db, EVENT_MEMBER_JOIN);
    peer_expect_silence(&p);
}
END_TEST

START_TEST(streams_have_each_a_seq_of_their_own)
{
    ask_stream(1, "*");
    peer_expect_answer(&p, 1, "");
    ask_stream(1, "member-join");
    peer_expect_answer(&p, 1, "Stream with given sequence exists");
    ask_watch(1, "*", 0);
    peer_expect_answer(&p, 1, "Stream with given sequence exists");
    fake_change(db, EVENT_MEMBER_JOIN);
    expect_stream(1, "member-join", "db1");
    peer_expect_silence(&p);
}
END_TEST

START_TEST(streams_of_a_client_are_limited)
{
    for (int i = 0; i < CONTROL_STREAMS_MAX; i++) {
        ask_stream(i, "*");
        peer_expect_answer(&p, i, "");
    }
    ask_stream(99, "*");
    peer_expect_answer(&p, 99, "too many streams");
    peer_ask(&p, 100, "stop");
    peer_say(&p, "m1 si", "Stop", 3);
    peer_expect_answer(&p, 100, "");
    ask_stream(99, "*");
    peer_expect_answer(&p, 99, "");
}
END_TEST

START_TEST(stop_ends_a_stream_and_only_that)
{
    ask_stream(1, "*");
    peer_expect_answer(&p, 1, "");
    ask_watch(2, "*", 0);
    peer_expect_answer(&p, 2, "");
    peer_ask(&p, 3, "stop");
    peer_say(&p, "m1 si", "Stop", 1);
    peer_expect_answer(&p, 3, "");
    peer_ask(&p, 4, "stop"); /* as in Serf, no error */
    peer_say(&p, "m1 si", "Stop", 77);
    peer_expect_answer(&p, 4, "");
    fake_change(db, EVENT_MEMBER_JOIN);
    expect_watch(2, "member-join", 1);
    peer_expect_silence(&p);
}
END_TEST

START_TEST(a_reader_too_slow_gets_a_gap_and_goes_on)
{
    enum { CHANGES = 3 * JOURNAL_ENTRIES_MAX };
    ask_stream(1, "*");
    peer_expect_answer(&p, 1, "");
    for (int i = 0; i < CHANGES; i++) {
        fake_change(db, EVENT_MEMBER_UPDATE);
        peer_turn();
    }
    uint64_t told = 0, lost = 0;
    while (told + lost < CHANGES) {
        peer_expect_answer(&p, 1, "");
        const char *record = peer_next(&p);
        ck_assert_ptr_nonnull(record);
        uint64_t gap = 0, last_lost = 0;
        if (sscanf(record, "{\"Event\"=>\"gap\", \"Lost\"=>%" SCNu64 ", \"Seq\"=>%" SCNu64, &gap,
                   &last_lost) == 2)
            ck_assert_uint_eq(last_lost, told + lost + gap);
        lost += gap;
        told += gap == 0;
    }
    ck_assert_uint_gt(lost, 0);
    ck_assert_uint_eq(told + lost, CHANGES);
    peer_expect_silence(&p);
    fake_change(db, EVENT_MEMBER_FAILED);
    expect_stream(1, "member-failed", "db1");
}
END_TEST

START_TEST(a_reader_too_slow_still_has_its_requests_answered)
{
    ask_stream(1, "*");
    peer_expect_answer(&p, 1, "");
    for (int i = 0; i < 2 * JOURNAL_ENTRIES_MAX; i++) {
        fake_change(db, EVENT_MEMBER_UPDATE);
        peer_turn();
    }
    peer_ask(&p, 2, "stop");
    peer_say(&p, "m1 si", "Stop", 1);
    int records = 0;
    for (;; records++) {
        const char *header = peer_next(&p);
        ck_assert_ptr_nonnull(header);
        if (strcmp(header, "{\"Error\"=>\"\", \"Seq\"=>2}") == 0)
            break;
        ck_assert_ptr_nonnull(peer_next(&p));
    }
    ck_assert_int_lt(records, 2 * JOURNAL_ENTRIES_MAX);
    peer_expect_silence(&p);
}
END_TEST

/* ---- watch ---- */

START_TEST(a_watch_tells_everything_with_its_line)
{
    ask_watch(1, "*", 0);
    peer_expect_answer(&p, 1, "");
    fake_change(db, EVENT_MEMBER_SUSPECT);
    peer_expect_answer(&p, 1, "");
    const char *record = peer_next(&p);
    static const char start[] =
        "{\"event\"=>\"member-suspect\", \"seq\"=>1, \"time\"=>\"2026-11-20T12:00:00.123Z\", "
        "\"line\"=>\"{\"seq\":1,\"time\":\"2026-11-20T12:00:00.123Z\",\"event\":\"member-suspect\","
        "\"member\":{\"name\":\"db1\",";
    ck_assert_ptr_nonnull(record);
    ck_assert_msg(strncmp(record, start, sizeof start - 1) == 0, "%s", record);
    ck_assert_ptr_nonnull(strstr(record, "}}\", \"member\"=>{\"name\"=>\"db1\", "));
}
END_TEST

START_TEST(a_watch_tells_who_becomes_reachable_and_who_does_not)
{
    const struct gossip_member *partly = fake_member_add_partly("web1");
    ask_watch(1, "member-reachable,member-unreachable", 0);
    peer_expect_answer(&p, 1, "");
    fake_change(db, EVENT_MEMBER_SUSPECT);
    fake_change(partly, EVENT_MEMBER_UNREACHABLE);
    fake_change(db, EVENT_MEMBER_REACHABLE);
    peer_expect_answer(&p, 1, "");
    const char *record = peer_next(&p);
    ck_assert_ptr_nonnull(strstr(record, "{\"event\"=>\"member-unreachable\", \"seq\"=>2, "));
    ck_assert_ptr_nonnull(strstr(record, "\"status\":\"alive\",\"unreachable\":true,"));
    ck_assert_ptr_nonnull(strstr(record, "\"unreachable\"=>true, "));
    expect_watch(1, "member-reachable", 3);
    peer_expect_silence(&p);
}
END_TEST

START_TEST(a_watch_begins_where_it_is_asked_to)
{
    for (int i = 0; i < 4; i++)
        fake_change(db, i == 2 ? EVENT_MEMBER_FAILED : EVENT_MEMBER_UPDATE);
    ask_watch(1, "*", 2);
    peer_expect_answer(&p, 1, "");
    expect_watch(1, "member-update", 2);
    expect_watch(1, "member-failed", 3);
    expect_watch(1, "member-update", 4);
    ask_watch(2, "member-failed", 1);
    peer_expect_answer(&p, 2, "");
    expect_watch(2, "member-failed", 3);
    ask_watch(3, "*", 5);
    peer_expect_answer(&p, 3, "");
    ask_watch(4, "*", 0);
    peer_expect_answer(&p, 4, "");
    peer_expect_silence(&p);
    fake_change(db, EVENT_MEMBER_JOIN);
    expect_watch(4, "member-join", 5);
    expect_watch(3, "member-join", 5);
    expect_watch(1, "member-join", 5);
    peer_expect_silence(&p);
}
END_TEST

START_TEST(a_watch_from_what_is_no_longer_kept_begins_with_a_gap)
{
    for (int i = 0; i < JOURNAL_ENTRIES_MAX + 100; i++)
        fake_change(db, EVENT_MEMBER_UPDATE);
    uint64_t oldest = journal_oldest(host_journal(fake.host));
    ck_assert_uint_gt(oldest, 2);
    ask_watch(1, "*", 2);
    peer_expect_answer(&p, 1, "");
    expect_watch_gap(1, oldest - 2, oldest - 1);
    expect_watch(1, "member-update", (int)oldest);
}
END_TEST

START_TEST(a_watch_from_an_earlier_run_begins_with_a_gap_and_all_of_this_one)
{
    fake_change(db, EVENT_MEMBER_JOIN);
    fake_change(db, EVENT_MEMBER_FAILED);
    ask_watch(1, "*", 500);
    peer_expect_answer(&p, 1, "");
    expect_watch_gap(1, 0, 0);
    expect_watch(1, "member-join", 1);
    expect_watch(1, "member-failed", 2);
    peer_expect_silence(&p);
}
END_TEST

/* ---- monitor ---- */

static void ask_monitor(int seq, const char *level)
{
    peer_ask(&p, seq, "monitor");
    peer_say(&p, "m1 ss", "LogLevel", level);
}

/* A record with a line that ends so. */
static void expect_line(int seq, const char *text)
{
    peer_expect_answer(&p, seq, "");
    const char *record = peer_next(&p);
    ck_assert_ptr_nonnull(record);
    ck_assert_ptr_eq(strstr(record, "{\"Log\"=>\""), record);
    ck_assert_msg(strstr(record, text), "%s, expected %s", record, text);
}

START_TEST(a_monitor_tells_the_last_lines_and_then_follows)
{
    for (int i = 0; i < LOG_HISTORY_LINES + 50; i++)
        log_info("before %d", i);
    ask_monitor(1, "INFO");
    peer_expect_answer(&p, 1, "");
    for (int i = 50; i < LOG_HISTORY_LINES + 50; i++) {
        char text[64];
        snprintf(text, sizeof text, "[INFO] before %d\"}", i);
        expect_line(1, text);
    }
    peer_expect_silence(&p);
    log_warn("after");
    expect_line(1, "[WARN] after\"}");
    peer_expect_silence(&p);
}
END_TEST

START_TEST(a_monitor_tells_lines_of_its_level_and_above)
{
    log_debug("one");
    log_info("two");
    log_warn("three");
    ask_monitor(1, "warn");
    peer_expect_answer(&p, 1, "");
    expect_line(1, "three");
    log_info("four");
    log_warn("five");
    expect_line(1, "five");
    peer_expect_silence(&p);
}
END_TEST

START_TEST(a_client_has_one_monitor)
{
    ask_monitor(1, "err");
    peer_expect_answer(&p, 1, "");
    ask_monitor(2, "err");
    peer_expect_answer(&p, 2, "Monitor already exists");
    peer_ask(&p, 3, "stop");
    peer_say(&p, "m1 si", "Stop", 1);
    peer_expect_answer(&p, 3, "");
    ask_monitor(2, "err");
    peer_expect_answer(&p, 2, "");
}
END_TEST

START_TEST(an_unknown_level_is_named_as_serf_names_it)
{
    ask_monitor(1, "loud");
    peer_expect_answer(&p, 1, "Unknown log level: LOUD");
    ask_monitor(2, "");
    peer_expect_answer(&p, 2, "Unknown log level: ");
}
END_TEST

START_TEST(a_monitor_that_missed_lines_is_told)
{
    ask_monitor(1, "info");
    peer_expect_answer(&p, 1, "");
    for (int i = 0; i < LOG_HISTORY_LINES + 20; i++)
        log_info("line %d", i);
    peer_expect_answer(&p, 1, "");
    peer_expect(&p, "{\"Log\"=>\"[WARN] 20 lines lost: read too slowly\", \"Event\"=>\"gap\", "
                    "\"Lost\"=>20}");
    expect_line(1, "line 20\"}");
}
END_TEST

START_TEST(streams_and_a_monitor_go_on_side_by_side)
{
    log_info("first");
    ask_monitor(1, "info");
    ask_stream(2, "*");
    peer_expect_answer(&p, 1, "");
    expect_line(1, "first");
    peer_expect_answer(&p, 2, "");
    fake_change(db, EVENT_MEMBER_JOIN);
    log_info("second");
    fake_change(db, EVENT_MEMBER_FAILED);
    expect_stream(2, "member-join", "db1");
    expect_line(1, "second");
    expect_stream(2, "member-failed", "db1");
    peer_expect_silence(&p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("control streams");
    TCase *t = tcase_create("stream and watch");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_stream_tells_what_comes_in_serfs_form);
    tcase_add_test(t, a_stream_is_filtered_by_a_list_of_events);
    tcase_add_test(t, filters_of_what_there_is_not_are_refused);
    tcase_add_test(t, streams_have_each_a_seq_of_their_own);
    tcase_add_test(t, streams_of_a_client_are_limited);
    tcase_add_test(t, stop_ends_a_stream_and_only_that);
    tcase_add_test(t, a_reader_too_slow_gets_a_gap_and_goes_on);
    tcase_add_test(t, a_reader_too_slow_still_has_its_requests_answered);
    tcase_add_test(t, a_watch_tells_everything_with_its_line);
    tcase_add_test(t, a_watch_tells_who_becomes_reachable_and_who_does_not);
    tcase_add_test(t, a_watch_begins_where_it_is_asked_to);
    tcase_add_test(t, a_watch_from_what_is_no_longer_kept_begins_with_a_gap);
    tcase_add_test(t, a_watch_from_an_earlier_run_begins_with_a_gap_and_all_of_this_one);
    tcase_add_test(t, a_monitor_tells_the_last_lines_and_then_follows);
    tcase_add_test(t, a_monitor_tells_lines_of_its_level_and_above);
    tcase_add_test(t, a_client_has_one_monitor);
    tcase_add_test(t, an_unknown_level_is_named_as_serf_names_it);
    tcase_add_test(t, a_monitor_that_missed_lines_is_told);
    tcase_add_test(t, streams_and_a_monitor_go_on_side_by_side);
    suite_add_tcase(s, t);
    return unit_run(s);
}
