#include "agent/control/control_client.h"
#include "tests/unit/fake_core.h"
#include "tests/unit/peer.h"
#include "tests/unit/unit.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdio.h>
#include <string.h>

static struct peer p;

static void setup(void)
{
    peer_server_start();
    peer_open_greeted(&p);
}

static void teardown(void)
{
    peer_close(&p);
    peer_server_stop();
}

static const char *tags_of_self(void)
{
    static char printed[GOSSIP_TAGS_BYTES_MAX + 1];
    const struct gossip_profile *self = gossip_self(host_view(fake.host)).profile;
    memcpy(printed, self->tags, self->tags_bytes);
    printed[self->tags_bytes] = '\0';
    for (int i = 0; i < self->tags_bytes; i++)
        if (!printed[i])
            printed[i] = '|';
    return printed;
}

/* ---- join ---- */

static void ask_join(int seq, const char *first, const char *second)
{
    peer_ask(&p, seq, "join");
    peer_say(&p, "m2 sa2ss sf", "Existing", first, second, "Replay");
}

START_TEST(a_join_is_answered_when_the_last_host_has_ended)
{
    ask_join(1, "b:1", "c");
    ck_assert_uint_eq(fake.joins_count, 2);
    ck_assert_str_eq(fake.joins[0].host, "b:1");
    ck_assert_str_eq(fake.joins[1].host, "c");
    fake_join_end(0, true, NULL);
    peer_expect_silence(&p);
    fake_join_end(1, false, "no answer");
    peer_expect_answer(&p, 1, "");
    peer_expect(&p, "{\"Num\"=>1}");
}
END_TEST

START_TEST(a_join_that_nobody_answers_gives_the_first_error)
{
    ask_join(1, "b", "c");
    fake_join_end(1, false, "no answer");
    fake_join_end(0, false, "unknown host");
    peer_expect_answer(&p, 1, "no answer");
    peer_expect(&p, "{\"Num\"=>0}");
}
END_TEST

START_TEST(joins_under_way_are_told_apart_by_their_seq)
{
    ask_join(1, "b", "c");
    ask_join(2, "d", "at once");
    fake_join_end(2, true, NULL);
    peer_expect_answer(&p, 2, "");
    peer_expect(&p, "{\"Num\"=>1}");
    fake_join_end(0, true, NULL);
    fake_join_end(1, true, NULL);
    peer_expect_answer(&p, 1, "");
    peer_expect(&p, "{\"Num\"=>2}");
}
END_TEST

START_TEST(a_join_that_fails_at_once_is_answered_at_once)
{
    ask_join(1, "at once", "at once");
    peer_expect_answer(&p, 1, "not a host");
    peer_expect(&p, "{\"Num\"=>0}");
    peer_ask(&p, 2, "join");
    peer_say(&p, "m1 sn", "Existing");
    peer_expect_answer(&p, 2, "");
    peer_expect(&p, "{\"Num\"=>0}");
}
END_TEST

START_TEST(joins_are_answered_though_nothing_more_is_taken)
{
    ask_join(1, "b", "c");
    peer_send(&p, "\xc1", 1);
    peer_expect_answer(&p, 0, "malformed request");
    peer_expect_silence(&p);
    fake_join_end(0, true, NULL);
    fake_join_end(1, true, NULL);
    peer_expect_answer(&p, 1, "");
    peer_expect(&p, "{\"Num\"=>2}");
    peer_expect_end(&p);
}
END_TEST

START_TEST(a_client_that_hung_up_goes_with_its_last_join)
{
    struct peer other;
    peer_open_greeted(&other);
    peer_ask(&other, 1, "join");
    peer_say(&other, "m1 sa1s", "Existing", "b");
    peer_close(&other);
    ck_assert_uint_eq(control_clients(fake.control), 2);
    fake_join_end(0, true, NULL);
    peer_turn();
    ck_assert_uint_eq(control_clients(fake.control), 1);
}
END_TEST

START_TEST(joins_are_limited)
{
    for (int i = 0; i < CONTROL_PENDING_MAX; i++)
        ask_join(i, "b", "c");
    ask_join(99, "b", "c");
    peer_expect_answer(&p, 99, "too many joins");
    peer_expect(&p, "{}");
    fake_join_end(0, true, NULL);
    fake_join_end(1, true, NULL);
    peer_expect_answer(&p, 0, "");
    peer_expect(&p, "{\"Num\"=>2}");
    ask_join(100, "b", "c");
    peer_expect_silence(&p);
}
END_TEST

START_TEST(hosts_that_are_no_texts_are_refused_before_any_is_joined)
{
    peer_ask(&p, 1, "join");
    peer_say(&p, "m1 sa2si", "Existing", "b", 7);
    peer_expect_answer(&p, 1, "malformed request");
    peer_expect(&p, "{}");
    ck_assert_uint_eq(fake.joins_count, 0);
}
END_TEST

/* ---- leave, force-leave ---- */

START_TEST(a_leave_is_answered_before_it_begins)
{
    peer_ask(&p, 1, "leave");
    peer_expect_answer(&p, 1, "");
    peer_turn();
    ck_assert_uint_eq(fake.leaves, 1);
}
END_TEST

static size_t unsent(void)
{
    const struct control_client *c = LIST_FIRST(&fake.control->clients);
    return evbuffer_get_length(bufferevent_get_output(c->bev));
}

START_TEST(a_leave_happens_though_its_answer_is_never_read)
{
    struct peer other;
    peer_open_greeted(&other);
    while (unsent() == 0)
        peer_ask(&other, 1, "members");
    peer_ask(&other, 2, "leave");
    ck_assert_uint_eq(fake.leaves, 0);
    peer_close(&other);
    ck_assert_uint_eq(fake.leaves, 1);
}
END_TEST

START_TEST(force_leave_makes_a_member_left_or_forgotten)
{
    peer_ask(&p, 1, "force-leave");
    peer_say(&p, "m1 ss", "Node", "b");
    peer_expect_answer(&p, 1, "");
    ck_assert_str_eq(fake.forgotten, "b");
    ck_assert_uint_eq(fake.settles, 1);
    peer_ask(&p, 2, "force-leave");
    peer_say(&p, "m2 sb st", "Node", "c", "Prune");
    peer_expect_answer(&p, 2, "");
    ck_assert_str_eq(fake.forgotten, "c prune");
}
END_TEST

START_TEST(force_leave_gives_the_cores_errors)
{
    char longest[GOSSIP_NAME_BYTES_MAX + 2];
    fake.forget_error = GOSSIP_ERROR_ALIVE;
    peer_ask(&p, 1, "force-leave");
    peer_say(&p, "m1 ss", "Node", "b");
    peer_expect_answer(&p, 1, "the member is alive");
    memset(longest, 'b', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    peer_ask(&p, 2, "force-leave");
    peer_say(&p, "m1 ss", "Node", longest);
    peer_expect_answer(&p, 2, "no such member");
    ck_assert_str_eq(fake.forgotten, "b");
}
END_TEST

/* ---- tags, reload ---- */

START_TEST(tags_are_set_and_deleted_and_others_stay)
{
    peer_ask(&p, 1, "tags");
    peer_say(&p, "m2 sm2ssss sn", "Tags", "rack", "r7", "note", "x y", "DeleteTags");
    peer_expect_answer(&p, 1, "");
    ck_assert_str_eq(tags_of_self(), "note|x y|rack|r7|role|web|");
    peer_ask(&p, 2, "tags");
    peer_say(&p, "m2 sm1ss sa3sss", "Tags", "note", "z", "DeleteTags", "note", "role", "none");
    peer_expect_answer(&p, 2, "");
    ck_assert_str_eq(tags_of_self(), "note|z|rack|r7|");
    ck_assert_uint_eq(fake.settles, 2);
}
END_TEST

START_TEST(tags_that_are_refused_change_nothing)
{
    char longest[GOSSIP_TAGS_BYTES_MAX + 100];
    memset(longest, 'b', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const char *values[] = {"a\001b", "a\nb", longest, "\xff\xfe"};
    for (int i = 0; i < 4; i++) {
        peer_ask(&p, i, "tags");
        peer_say(&p, "m2 sm2ssss sa1s", "Tags", "ok", "1", "k", values[i], "DeleteTags", "role");
        peer_expect_start(&p, "{\"Error\"=>\"tag ");
    }
    peer_ask(&p, 5, "tags");
    peer_say(&p, "m1 sm1ss", "Tags", "bad key", "x");
    peer_expect_start(&p, "{\"Error\"=>\"tag ");
    peer_ask(&p, 6, "tags");
    peer_say(&p, "m1 sa1s", "Tags", "x");
    peer_expect_answer(&p, 6, "malformed request");
    fake.set_tags_error = GOSSIP_ERROR_LEAVING;
    peer_ask(&p, 7, "tags");
    peer_say(&p, "m1 sm1ss", "Tags", "k", "x");
    peer_expect_answer(&p, 7, "this member is leaving");
    ck_assert_str_eq(tags_of_self(), "role|web|");
}
END_TEST

START_TEST(reload_says_what_is_wrong)
{
    peer_ask(&p, 1, "reload");
    peer_expect_answer(&p, 1, "");
    fake.reload_error = "muster.conf:3: detect";
    peer_ask(&p, 2, "reload");
    peer_expect_answer(&p, 2, "muster.conf:3: detect");
}
END_TEST

/* ---- stats, info, explain ---- */

START_TEST(stats_have_the_sections_and_keys_that_serf_has)
{
    static char name[] = "page", run[] = "/bin/page";
    struct handler_spec handler = {.name = name, .run = run};
    fake.config.handlers = &handler;
    fake.config.handlers_count = 1;
    fake_member_add("db1", GOSSIP_ALIVE, "role\0db", sizeof "role\0db");
    fake_member_add("db2", GOSSIP_FAILED, "role\0db", sizeof "role\0db");
    fake_member_add("db3", GOSSIP_LEFT, "role\0db", sizeof "role\0db");
    peer_ask(&p, 1, "stats");
    peer_expect_answer(&p, 1, "");
    const char *stats = peer_next(&p);
    static const char *const parts[] = {
        "{\"agent\"=>{\"name\"=>\"a\"}, \"runtime\"=>{\"os\"=>\"linux\", \"arch\"=>\"",
        "\"cpu_count\"=>\"",
        "\"serf\"=>{\"members\"=>\"4\", \"failed\"=>\"1\", \"left\"=>\"1\"",
        "\"health_score\"=>\"0\"",
        "\"member_time\"=>\"0\"",
        "\"event_time\"=>\"0\"",
        "\"query_time\"=>\"0\"",
        "\"intent_queue\"=>\"4\"",
        "\"event_queue\"=>\"0\"",
        "\"query_queue\"=>\"0\"",
        "\"encrypted\"=>\"false\"}",
        "\"tags\"=>{\"role\"=>\"web\"}, \"event_handlers\"=>{\"page\"=>\"/bin/page\"}}",
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        ck_assert_msg(strstr(stats, parts[i]), "%s has no %s", stats, parts[i]);
}
END_TEST

START_TEST(info_has_its_sections)
{
    fake.now_us += INT64_C(1000000000);
    peer_ask(&p, 1, "info");
    peer_expect_answer(&p, 1, "");
    const char *info = peer_next(&p);
    static const char *const parts[] = {
        "{\"agent\"=>{\"name\"=>\"a\", \"version\"=>\"",
        "\"cluster\"=>\"test\", \"addr\"=>\"10.0.0.1:7949\", \"status\"=>\"alive\"",
        "\"uptime_s\"=>1000",
        "\"event_readers\"=>17, \"control_clients\"=>1}",
        "\"timing\"=>{\"detect_ms\"=>1500, \"detect_ms_min\"=>0, \"ping_period_ms\"=>",
        "\"reap_s\"=>259200}",
        "\"counters\"=>{\"packets_received\"=>0",
        "\"packets_sent\"=>12",
        "\"handlers\"=>{\"page\"=>{\"state\"=>\"idle\", \"last_status\"=>3, ",
        "\"last_duration_ms\"=>4, \"runs\"=>9, \"failures\"=>1, ",
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        ck_assert_msg(strstr(info, parts[i]), "%s has no %s", info, parts[i]);
}
END_TEST

START_TEST(info_says_what_is_waited_for)
{
    fake.waits_for = "bind: this host does not have the address 10.0.0.1";
    peer_ask(&p, 1, "info");
    peer_expect_answer(&p, 1, "");
    ck_assert_ptr_nonnull(strstr(peer_next(&p),
                                 "\"status\"=>\"alive\", \"waits_for\"=>\"bind: this "
                                 "host does not have the address 10.0.0.1\""));
    fake.waits_for = NULL;
}
END_TEST

START_TEST(info_tells_how_long_answers_take_and_what_detect_could_be)
{
    fake.rtt_us = 400000;
    peer_ask(&p, 1, "info");
    peer_expect_answer(&p, 1, "");
    const char *info = peer_next(&p);
    ck_assert_ptr_nonnull(strstr(info, "\"timing\"=>{\"detect_ms\"=>1500, \"detect_ms_min\"=>800, "
                                       "\"rtt_us\"=>400000, \"ping_period_ms\"=>"));
}
END_TEST

START_TEST(explain_tells_what_the_core_knows)
{
    const struct gossip_profile *b = fake_member_add("b", GOSSIP_SUSPECT, "", 0)->profile;
    fake.explanation = (struct gossip_explanation){
        .watched = true,
        .phi = 2.5,
        .loss = 0.25,
        .rtt_us = 310,
        .last_ack_age_us = -1,
        .pings_unanswered = 4,
        .suspicion = true,
        .confirmations = 2,
        .suspicion_left_us = 400000,
        .observers_count = 2,
        .observers = {b, gossip_self(host_view(fake.host)).profile},
    };
    peer_ask(&p, 1, "explain");
    peer_say(&p, "m1 ss", "Node", "b");
    peer_expect_answer(&p, 1, "");
    const char *explanation = peer_next(&p);
    ck_assert_ptr_eq(strstr(explanation, "{\"member\"=>{\"name\"=>\"b\""), explanation);
    ck_assert_ptr_nonnull(strstr(
        explanation, "\"watched\"=>true, \"phi\"=>2.500000, \"loss\"=>0.250000, \"rtt_us\"=>310, "
                     "\"last_ack_us\"=>nil, \"unanswered\"=>4, \"suspicion\"=>true, "
                     "\"suspicion_ours\"=>false, \"confirmations\"=>2, "
                     "\"suspicion_left_us\"=>400000, \"observers\"=>[\"b\", \"a\"]}"));
    fake.explanation.watched = fake.explanation.suspicion = false;
    peer_ask(&p, 2, "explain");
    peer_say(&p, "m1 ss", "Node", "b");
    peer_expect_answer(&p, 2, "");
    ck_assert_ptr_nonnull(strstr(peer_next(&p), "\"watched\"=>false, \"phi\"=>nil, \"loss\"=>nil, "
                                                "\"rtt_us\"=>nil, \"last_ack_us\"=>nil, "
                                                "\"unanswered\"=>nil, \"suspicion\"=>false, "
                                                "\"suspicion_ours\"=>false, "
                                                "\"confirmations\"=>nil, "
                                                "\"suspicion_left_us\"=>nil, "));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("control commands");
    TCase *t = tcase_create("control commands");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_join_is_answered_when_the_last_host_has_ended);
    tcase_add_test(t, a_join_that_nobody_answers_gives_the_first_error);
    tcase_add_test(t, joins_under_way_are_told_apart_by_their_seq);
    tcase_add_test(t, a_join_that_fails_at_once_is_answered_at_once);
    tcase_add_test(t, joins_are_answered_though_nothing_more_is_taken);
    tcase_add_test(t, a_client_that_hung_up_goes_with_its_last_join);
    tcase_add_test(t, joins_are_limited);
    tcase_add_test(t, hosts_that_are_no_texts_are_refused_before_any_is_joined);
    tcase_add_test(t, a_leave_is_answered_before_it_begins);
    tcase_add_test(t, a_leave_happens_though_its_answer_is_never_read);
    tcase_add_test(t, force_leave_makes_a_member_left_or_forgotten);
    tcase_add_test(t, force_leave_gives_the_cores_errors);
    tcase_add_test(t, tags_are_set_and_deleted_and_others_stay);
    tcase_add_test(t, tags_that_are_refused_change_nothing);
    tcase_add_test(t, reload_says_what_is_wrong);
    tcase_add_test(t, stats_have_the_sections_and_keys_that_serf_has);
    tcase_add_test(t, info_has_its_sections);
    tcase_add_test(t, info_says_what_is_waited_for);
    tcase_add_test(t, info_tells_how_long_answers_take_and_what_detect_could_be);
    tcase_add_test(t, explain_tells_what_the_core_knows);
    suite_add_tcase(s, t);
    return unit_run(s);
}
