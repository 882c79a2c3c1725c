/* From "it does not answer" to "it has failed", and what others say of it meanwhile. */
#include "gossip/detector/suspicion.h"

#include "tests/unit/invariant.h"
#include "tests/unit/lone.h"

static struct lone *l;
static struct peer a, b, c, d;

static void setup(void)
{
    l = lone_new();
    lone_meet(l, &a, 1, true);
    lone_meet(l, &b, 2, true);
    lone_meet(l, &c, 3, true);
    lone_meet(l, &d, 4, true);
    lone_run_ms(l, 3000);
    lone_clear(l);
}

static void teardown(void)
{
    invariant_check(l->g);
    lone_free(l);
}

static const struct gossip_timing *timing(void)
{
    return gossip_get_timing(l->g);
}

static struct gossip_explanation explain(const char *name)
{
    struct gossip_explanation x;
    ck_assert_int_eq(gossip_explain(l->g, l->now_us, name, &x), GOSSIP_OK);
    return x;
}

START_TEST(a_failure_out_of_the_blue_is_put_to_the_member_and_not_believed)
{
    lone_receive_claim(l, &a, &b, GOSSIP_FAILED);
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_ALIVE);
    lone_run_ms(l, 1);
    ck_assert(lone_sent_status(l, &b, b.row.key, GOSSIP_FAILED));
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_ALIVE);
    ck_assert_uint_eq(l->events_count, 0);
    b.row.incarnation++;
    lone_receive_record(l, &b, &b, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(!explain("p2").suspicion);
    lone_run_ms(l, 5000);
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_ALIVE);
    ck_assert_uint_eq(l->events_count, 0);
}
END_TEST

START_TEST(a_claimed_failure_that_is_never_refuted_is_applied)
{
    b.answers = false;
    lone_receive_claim(l, &a, &b, GOSSIP_FAILED);
    lone_run_ms(l, timing()->suspicion_max_ms - 1);
    ck_assert_int_ne(lone_status(l, &b), GOSSIP_FAILED);
    /* By then we may have begun to suspect it ourselves, which has a window of its own. */
    lone_run_ms(l, timing()->suspicion_max_ms);
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_FAILED);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_FAILED, "p2"), 1);
}
END_TEST

START_TEST(a_verification_asks_more_than_once)
{
    lone_receive_claim(l, &a, &b, GOSSIP_FAILED);
    lone_run_ms(l, timing()->suspicion_max_ms - 1);
    size_t asked = 0;
    struct wire_record r;
    for (size_t i = 0; i < l->sent_count; i++)
        asked += l->sent[i].message.kind == WIRE_PING && sent_record(&l->sent[i], b.row.key, &r) &&
                 r.fact.status == GOSSIP_FAILED;
    ck_assert_uint_ge(asked, 4);
    ck_assert_uint_le(asked, 8);
}
END_TEST

START_TEST(claims_repeated_do_not_hurry_a_verification)
{
    lone_receive_claim(l, &a, &b, GOSSIP_FAILED);
    uint32_t steps = timing()->suspicion_max_ms / 10 - 1;
    for (uint32_t i = 0; i < steps; i++) {
        lone_run_ms(l, 10);
        lone_receive_claim(l, &c, &b, GOSSIP_FAILED);
        lone_receive_record(l, &d, &b, GOSSIP_FAILED, WIRE_DELTA);
        ck_assert_int_eq(lone_status(l, &b), GOSSIP_ALIVE);
        l->sent_count = 0;
    }
}
END_TEST

/* Runs on, and sleeps through every other half of a ping period, until the time is over. */
static void run_starved_ms(uint32_t ms)
{
    uint32_t half = timing()->ping_period_ms / 2;
    for (uint32_t i = 0; i < ms / (2 * half); i++) {
        lone_run_ms(l, half);
        l->now_us += (int64_t)1000 * half;
        lone_run_ms(l, 0);
    }
}

START_TEST(one_that_is_starved_believes_several_and_not_one)
{
    b.answers = false;
    lone_receive_claim(l, &a, &b, GOSSIP_FAILED);
    run_starved_ms(8 * timing()->suspicion_max_ms);
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_ALIVE);
    lone_receive_claim(l, &c, &b, GOSSIP_FAILED);
    lone_receive_claim(l, &d, &b, GOSSIP_FAILED);
    run_starved_ms(4 * timing()->suspicion_max_ms);
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_FAILED);
}
END_TEST

START_TEST(a_failure_of_a_suspect_is_applied_once_it_had_time_to_refute)
{
    b.answers = false;
    lone_receive_claim(l, &a, &b, GOSSIP_SUSPECT);
    lone_run_ms(l, timing()->suspicion_min_ms / 2);
    lone_receive_claim(l, &c, &b, GOSSIP_FAILED);
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_FAILED);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_SUSPECT, "p2"), 1);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_FAILED, "p2"), 1);
}
END_TEST

START_TEST(a_failure_right_behind_its_suspicion_is_not_believed)
{
    lone_receive_claim(l, &a, &b, GOSSIP_SUSPECT);
    lone_run_ms(l, timing()->suspicion_min_ms / 2 - 2);
    lone_receive_claim(l, &a, &b, GOSSIP_FAILED);
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_SUSPECT);
    b.row.incarnation++;
    lone_receive_record(l, &b, &b, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_ALIVE);
}
END_TEST

START_TEST(a_failure_of_one_that_answers_us_is_not_believed)
{
    /* In so small a cluster everybody watches everybody, and b answers all along. */
    lone_receive_claim(l, &a, &b, GOSSIP_SUSPECT);
    lone_run_ms(l, timing()->suspicion_min_ms + timing()->ping_period_ms);
    lone_receive_claim(l, &a, &b, GOSSIP_FAILED);
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_SUSPECT);
}
END_TEST

START_TEST(others_suspicions_are_left_to_them)
{
    lone_receive_claim(l, &a, &b, GOSSIP_SUSPECT);
    lone_run_ms(l, 5 * timing()->suspicion_max_ms);
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_SUSPECT);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_FAILED, NULL), 0);
}
END_TEST

START_TEST(a_suspicion_that_is_never_decided_is_verified)
{
    lone_receive_claim(l, &a, &b, GOSSIP_SUSPECT);
    lone_run_ms(l, 6 * timing()->suspicion_max_ms + 10);
    ck_assert(lone_sent_status(l, &b, b.row.key, GOSSIP_FAILED));
    b.row.incarnation++;
    lone_receive_record(l, &b, &b, GOSSIP_ALIVE, WIRE_UPDATES);
    lone_run_ms(l, 2000);
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_ALIVE);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_UPDATE, "p2"), 1);
}
END_TEST

START_TEST(a_silent_member_is_suspected_and_then_failed_first_hand)
{
    b.answers = false;
    int64_t begun_us = l->now_us;
    while (lone_status(l, &b) == GOSSIP_ALIVE && l->now_us - begun_us < 10000000)
        lone_run_ms(l, 1);
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_SUSPECT);
    ck_assert(explain("p2").suspicion_ours);
    ck_assert_int_le(explain("p2").suspicion_left_us, core_ms(timing()->suspicion_max_ms));
    lone_run_ms(l, timing()->suspicion_max_ms + 1);
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_FAILED);
    ck_assert_int_lt(l->now_us - begun_us, 4 * core_ms(timing()->detect_ms));
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_SUSPECT, NULL), 1);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_FAILED, NULL), 1);
    struct gossip_stats stats;
    gossip_get_stats(l->g, &stats);
    ck_assert_uint_eq(stats.suspicions, 1);
    ck_assert_uint_eq(stats.declared_failed, 1);
}
END_TEST

/* Runs until we suspect b ourselves. */
static void suspect(void)
{
    b.answers = false;
    for (int i = 0; i < 5000 && lone_status(l, &b) == GOSSIP_ALIVE; i++)
        lone_run_ms(l, 1);
    ck_assert(explain("p2").suspicion_ours);
}

START_TEST(independent_observers_shorten_the_window_and_repeated_ones_do_not)
{
    suspect();
    int64_t alone_us = explain("p2").suspicion_left_us;
    ck_assert_int_gt(alone_us, core_ms(timing()->suspicion_max_ms - 2));
    lone_receive_claim(l, &a, &b, GOSSIP_SUSPECT);
    int64_t two_us = explain("p2").suspicion_left_us;
    for (int i = 0; i < 5; i++)
        lone_receive_claim(l, &a, &b, GOSSIP_SUSPECT);
    ck_assert_int_eq(explain("p2").suspicion_left_us, two_us);
    lone_receive_claim(l, &c, &b, GOSSIP_SUSPECT);
    int64_t three_us = explain("p2").suspicion_left_us;
    int64_t shortened_ms = timing()->suspicion_max_ms - timing()->suspicion_min_ms;
    lone_receive_claim(l, &d, &b, GOSSIP_SUSPECT);
    ck_assert_int_lt(two_us, alone_us);
    ck_assert_int_lt(three_us, two_us);
    ck_assert_int_eq(alone_us - three_us, 1000 * shortened_ms);
    ck_assert_int_eq(explain("p2").suspicion_left_us, three_us);
    ck_assert_uint_eq(explain("p2").confirmations, 4);
}
END_TEST

START_TEST(a_refutation_ends_the_suspicion)
{
    suspect();
    const struct sent *last = lone_last(l, WIRE_PING, &b);
    ck_assert_ptr_nonnull(last);
    struct wire_writer w = lone_begin(l, &b, WIRE_ACK);
    wire_put(&w, last->message.ping.seq, 4);
    b.row.incarnation++;
    ck_assert(wire_put_full(&w, &b.row, 0));
    b.answers = true;
    lone_receive(l, &b, &w);
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_ALIVE);
    ck_assert(!explain("p2").suspicion);
    lone_run_ms(l, 5000);
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_ALIVE);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_FAILED, NULL), 0);
}
END_TEST

START_TEST(every_ping_to_a_suspect_carries_the_claim)
{
    suspect();
    lone_clear(l);
    lone_run_ms(l, timing()->reping_ms * 2);
    ck_assert(lone_sent_status(l, &b, b.row.key, GOSSIP_SUSPECT));
}
END_TEST

START_TEST(one_that_answers_after_all_is_not_declared_failed_by_us)
{
    suspect();
    b.answers = true;
    lone_run_ms(l, 2 * timing()->suspicion_max_ms);
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_SUSPECT);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_FAILED, NULL), 0);
}
END_TEST

START_TEST(a_suspicion_of_a_later_version_gets_its_whole_window)
{
    suspect();
    lone_run_ms(l, timing()->suspicion_max_ms - 50);
    /* Meanwhile b has refuted, is suspect anew, and we hear only the second. */
    b.row.incarnation++;
    lone_receive_record(l, &a, &b, GOSSIP_SUSPECT, WIRE_DELTA);
    lone_run_ms(l, 100);
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_SUSPECT);
    lone_receive_claim(l, &a, &b, GOSSIP_FAILED);
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_SUSPECT);
}
END_TEST

START_TEST(one_that_said_that_it_leaves_and_is_gone_has_left)
{
    b.row.incarnation++;
    lone_receive_record(l, &b, &b, GOSSIP_LEAVING, WIRE_UPDATES);
    b.answers = false;
    lone_run_ms(l, 10000);
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_LEFT);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_LEAVE, "p2"), 1);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_FAILED, NULL), 0);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_SUSPECT, NULL), 0);
}
END_TEST

START_TEST(a_suspect_that_we_meet_as_such_is_watched_to_its_end)
{
    struct peer e;
    peer_init(&e, 5);
    lone_receive_record(l, &a, &e, GOSSIP_SUSPECT, WIRE_DELTA);
    ck_assert_int_eq(lone_status(l, &e), GOSSIP_SUSPECT);
    ck_assert(explain("p5").suspicion);
    for (int i = 0; i < 10; i++) {
        lone_run_ms(l, 1000);
        l->sent_count = 0;
    }
    ck_assert_int_eq(lone_status(l, &e), GOSSIP_FAILED);
}
END_TEST

START_TEST(many_suspicions_end_each_in_its_own_way)
{
    enum { MANY = 40 };
    static struct peer many[MANY];
    for (unsigned i = 0; i < MANY; i++)
        lone_meet(l, &many[i], 10 + i, true);
    for (unsigned i = 0; i < MANY; i++)
        lone_receive_claim(l, &a, &many[i], GOSSIP_SUSPECT);
    invariant_check(l->g);
    for (unsigned i = 0; i < MANY; i += 2) {
        many[i].row.incarnation++;
        lone_receive_record(l, &many[i], &many[i], GOSSIP_ALIVE, WIRE_UPDATES);
        invariant_check(l->g);
    }
    for (unsigned i = 1; i < MANY; i += 2) {
        many[i].answers = false;
        if (i % 4 == 1)
            lone_receive_left(l, &a, &many[i]);
        invariant_check(l->g);
    }
    for (int i = 0; i < 40; i++) {
        l->sent_count = 0;
        lone_run_ms(l, 250);
        invariant_check(l->g);
    }
    for (unsigned i = 0; i < MANY; i++)
        ck_assert_int_eq(lone_status(l, &many[i]), i % 2 == 0   ? GOSSIP_ALIVE
                                                   : i % 4 == 1 ? GOSSIP_LEFT
                                                                : GOSSIP_FAILED);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("suspicion");
    TCase *t = tcase_create("hearsay");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_failure_out_of_the_blue_is_put_to_the_member_and_not_believed);
    tcase_add_test(t, a_claimed_failure_that_is_never_refuted_is_applied);
    tcase_add_test(t, a_verification_asks_more_than_once);
    tcase_add_test(t, claims_repeated_do_not_hurry_a_verification);
    tcase_add_test(t, one_that_is_starved_believes_several_and_not_one);
    tcase_add_test(t, a_failure_of_a_suspect_is_applied_once_it_had_time_to_refute);
    tcase_add_test(t, a_failure_right_behind_its_suspicion_is_not_believed);
    tcase_add_test(t, a_failure_of_one_that_answers_us_is_not_believed);
    tcase_add_test(t, others_suspicions_are_left_to_them);
    tcase_add_test(t, a_suspicion_that_is_never_decided_is_verified);
    suite_add_tcase(s, t);
    t = tcase_create("first hand");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_silent_member_is_suspected_and_then_failed_first_hand);
    tcase_add_test(t, independent_observers_shorten_the_window_and_repeated_ones_do_not);
    tcase_add_test(t, a_refutation_ends_the_suspicion);
    tcase_add_test(t, every_ping_to_a_suspect_carries_the_claim);
    tcase_add_test(t, one_that_answers_after_all_is_not_declared_failed_by_us);
    tcase_add_test(t, a_suspicion_of_a_later_version_gets_its_whole_window);
    tcase_add_test(t, one_that_said_that_it_leaves_and_is_gone_has_left);
    tcase_add_test(t, a_suspect_that_we_meet_as_such_is_watched_to_its_end);
    tcase_add_test(t, many_suspicions_end_each_in_its_own_way);
    suite_add_tcase(s, t);
    return unit_run(s);
}
