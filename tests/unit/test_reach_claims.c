/* Members that live, and that those who watch them cannot reach: what is said of them, and how the
 * member itself admits it and takes it back. */
#include "tests/unit/reach_fixture.h"

/* Anything that is said of a member, in short. */
static void receive_fact(const struct member *about, enum gossip_status status, bool unreachable)
{
    struct wire_writer w = lone_begin(l, others[0], WIRE_UPDATES);
    struct member row = *about;
    row.status = (uint8_t)status;
    row.unreachable = unreachable;
    ck_assert(wire_put_short(&w, &row, others[0]->row.key));
    lone_receive(l, others[0], &w);
}

/* The subject says something of itself, in a new version; perhaps that it takes the mark back. */
static void receive_own_word(bool takes_back)
{
    subject->row.incarnation++;
    subject->row.parity ^= takes_back;
    lone_receive_record(l, subject, subject, GOSSIP_ALIVE, WIRE_UPDATES);
}

/* ---- what others say ---- */

START_TEST(a_mark_by_others_is_applied_shown_once_and_spread)
{
    for (int i = 0; i < 3; i++)
        receive_fact(&subject->row, GOSSIP_ALIVE, true);
    assert_held(GOSSIP_ALIVE, true);
    run_ms(1000);
    ck_assert_uint_eq(told(GOSSIP_EVENT_UNREACHABLE), 1);
    ck_assert_uint_eq(l->events_count, 1);
    struct wire_record r;
    const struct sent *updates = lone_last(l, WIRE_UPDATES, others[0]);
    ck_assert_ptr_nonnull(updates);
    ck_assert(sent_record(updates, subject->row.key, &r) && r.fact.unreachable);
}
END_TEST

START_TEST(the_member_itself_takes_it_back_and_an_old_update_does_not_bring_it_again)
{
    struct member old = subject->row;
    receive_fact(&old, GOSSIP_ALIVE, true);
    receive_own_word(true);
    ck_assert(!held(subject).unreachable);
    ck_assert_uint_eq(told(GOSSIP_EVENT_REACHABLE), 1);
    receive_fact(&old, GOSSIP_ALIVE, true);
    receive_fact(&old, GOSSIP_SUSPECT, true);
    assert_held(GOSSIP_ALIVE, false);
    ck_assert_uint_eq(l->events_count, 2);
}
END_TEST

START_TEST(one_that_missed_the_taking_back_finds_it_in_any_later_version)
{
    receive_fact(&subject->row, GOSSIP_ALIVE, true);
    subject->row.incarnation += 5;
    receive_own_word(true);
    assert_held(GOSSIP_ALIVE, false);
    /* ... and marks it anew. */
    receive_fact(&subject->row, GOSSIP_ALIVE, true);
    receive_own_word(false);
    assert_held(GOSSIP_ALIVE, true);
    receive_own_word(true);
    assert_held(GOSSIP_ALIVE, false);
}
END_TEST

START_TEST(no_other_member_takes_it_back)
{
    receive_fact(&subject->row, GOSSIP_ALIVE, true);
    receive_fact(&subject->row, GOSSIP_ALIVE, false);
    receive_fact(&subject->row, GOSSIP_SUSPECT, false);
    assert_held(GOSSIP_ALIVE, true);
    ck_assert_uint_eq(l->events_count, 1);
}
END_TEST

START_TEST(a_new_version_that_does_not_know_of_it_takes_nothing_back)
{
    receive_fact(&subject->row, GOSSIP_ALIVE, true);
    receive_own_word(false);
    assert_held(GOSSIP_ALIVE, true);
    ck_assert_uint_eq(held(subject).incarnation, subject->row.incarnation);
    ck_assert_uint_eq(l->events_count, 1);
}
END_TEST

START_TEST(that_it_lives_after_all_ends_a_suspicion)
{
    receive_fact(&subject->row, GOSSIP_SUSPECT, false);
    receive_fact(&subject->row, GOSSIP_ALIVE, true);
    ck_assert_int_eq(held(subject).status, GOSSIP_ALIVE);
    ck_assert_uint_eq(core_member(l->g, row_of(subject))->suspicion, MEMBER_NONE);
    ck_assert_uint_eq(told(GOSSIP_EVENT_SUSPECT), 1);
    ck_assert_uint_eq(told(GOSSIP_EVENT_UNREACHABLE), 1);
    receive_fact(&subject->row, GOSSIP_SUSPECT, true);
    assert_held(GOSSIP_SUSPECT, true);
    ck_assert_uint_eq(told(GOSSIP_EVENT_SUSPECT), 2);
    ck_assert_uint_eq(l->events_count, 3);
}
END_TEST

START_TEST(one_that_leaves_or_starts_anew_is_unreachable_no_more)
{
    receive_fact(&subject->row, GOSSIP_ALIVE, true);
    subject->profile.generation++;
    receive_own_word(false);
    assert_held(GOSSIP_ALIVE, false);
    receive_fact(&subject->row, GOSSIP_ALIVE, true);
    subject->row.incarnation++;
    lone_receive_record(l, subject, subject, GOSSIP_LEAVING, WIRE_UPDATES);
    assert_held(GOSSIP_LEAVING, false);
    ck_assert_uint_eq(told(GOSSIP_EVENT_UNREACHABLE), 2);
    ck_assert_uint_eq(told(GOSSIP_EVENT_REACHABLE), 1);
}
END_TEST

START_TEST(new_tags_beside_it_are_an_update_too)
{
    receive_fact(&subject->row, GOSSIP_ALIVE, true);
    subject->profile.tags = "role\0db";
    subject->profile.tags_bytes = sizeof "role\0db";
    receive_own_word(true);
    ck_assert_uint_eq(told(GOSSIP_EVENT_REACHABLE), 1);
    ck_assert_uint_eq(told(GOSSIP_EVENT_UPDATE), 1);
}
END_TEST

/* The others find that it has failed. */
static void be_failed(void)
{
    subject->answers = false;
    receive_fact(&subject->row, GOSSIP_SUSPECT, subject->row.unreachable);
    run_ms(timing()->suspicion_min_ms);
    receive_fact(&subject->row, GOSSIP_FAILED, false);
    assert_held(GOSSIP_FAILED, false);
    run_ms(10000);
}

static void come_back(bool restarted)
{
    subject->answers = true;
    subject->profile.generation += restarted;
    receive_own_word(false);
    run_ms(2000);
}

/* How long it is held for alive after it has fallen silent. */
static uint32_t silence_ms(void)
{
    uint32_t ms = 0;
    subject->answers = false;
    for (; held(subject).status != GOSSIP_FAILED && ms < 60000; ms += 100)
        run_ms(100);
    return ms;
}

START_TEST(one_that_comes_and_goes_is_given_twice_as_long_as_it_was_away)
{
    for (int i = 0; i < 2; i++) {
        be_failed();
        come_back(false);
    }
    receive_evidence(others[0], WIRE_LOSSY);
    assert_held(GOSSIP_ALIVE, true);
    uint32_t away_ms = 10000 + timing()->suspicion_min_ms, silent_ms = silence_ms();
    ck_assert_uint_ge(silent_ms, 2 * away_ms);
    ck_assert_uint_le(silent_ms, 2 * away_ms + 5 * timing()->detect_ms);
}
END_TEST

START_TEST(one_that_fails_and_comes_back_twice_is_called_so)
{
    be_failed();
    come_back(false);
    receive_evidence(others[0], WIRE_LOSSY);
    assert_held(GOSSIP_ALIVE, false);
    be_failed();
    come_back(false);
    assert_held(GOSSIP_ALIVE, false); /* it may have been us who was cut off */
    receive_evidence(others[0], WIRE_LOSSY);
    assert_held(GOSSIP_ALIVE, true);
    ck_assert_uint_eq(told(GOSSIP_EVENT_UNREACHABLE), 1);
    ck_assert_uint_eq(told(GOSSIP_EVENT_JOIN), 2);
}
END_TEST

START_TEST(one_that_starts_anew_each_time_is_not)
{
    for (int i = 0; i < 3; i++) {
        be_failed();
        come_back(true);
        assert_held(GOSSIP_ALIVE, false);
    }
}
END_TEST

START_TEST(a_member_may_be_met_so)
{
    struct peer e;
    peer_init(&e, 5);
    e.row.unreachable = true;
    lone_receive_record(l, others[0], &e, GOSSIP_ALIVE, WIRE_DELTA);
    ck_assert(held(&e).unreachable);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_JOIN, "p5"), 1);
    ck_assert_uint_eq(l->events_count, 1);
}
END_TEST

START_TEST(views_that_differ_in_it_alone_have_other_hashes)
{
    uint64_t before = l->g->view;
    receive_fact(&subject->row, GOSSIP_ALIVE, true);
    ck_assert_uint_ne(l->g->view, before);
}
END_TEST

/* ---- the member itself ---- */

static struct member self_row(void)
{
    return *core_member(l->g, l->g->self);
}

/* Another member pings us now and then for so long, with these flags. */
static void run_pinged_ms(uint32_t ms, unsigned flags)
{
    for (; ms >= 500; ms -= 500) {
        struct wire_writer w = lone_begin(l, others[0], WIRE_PING);
        wire_put(&w, 1, 4);
        wire_put(&w, l->g->key, 8);
        wire_put(&w, flags, 1);
        lone_receive(l, others[0], &w);
        run_ms(500);
    }
    run_ms(ms);
}

/* An hour after its start: times that were never set are long past. */
static void setup_self(void)
{
    setup();
    for (int i = 0; i < 60; i++)
        run_pinged_ms(60000, 0);
    lone_clear(l);
}

static void admit(void)
{
    struct member self = self_row();
    receive_fact(&self, GOSSIP_ALIVE, true);
    ck_assert(gossip_self(l->g).unreachable);
}

START_TEST(a_claim_out_of_the_blue_is_admitted_without_a_new_incarnation)
{
    uint32_t before = gossip_self(l->g).incarnation;
    struct wire_record r;
    admit();
    ck_assert_uint_eq(gossip_self(l->g).incarnation, before);
    ck_assert_int_eq(gossip_self(l->g).status, GOSSIP_ALIVE);
    run_pinged_ms(2000, WIRE_COMPLAINT);
    ck_assert_uint_eq(gossip_self(l->g).incarnation, before);
    const struct sent *updates = lone_last(l, WIRE_UPDATES, others[0]);
    ck_assert_ptr_nonnull(updates);
    ck_assert(sent_record(updates, l->g->key, &r));
    ck_assert(r.fact.unreachable && r.fact.incarnation == before);
    struct gossip_stats stats;
    gossip_get_stats(l->g, &stats);
    ck_assert_uint_eq(stats.refutations, 0);
}
END_TEST

START_TEST(it_is_taken_back_after_long_without_a_complaint)
{
    uint32_t before = gossip_self(l->g).incarnation;
    admit();
    run_pinged_ms(REACH_CLEAR_DETECTS * timing()->detect_ms - 1000, 0);
    ck_assert(gossip_self(l->g).unreachable);
    run_pinged_ms(2000, 0);
    ck_assert(!gossip_self(l->g).unreachable);
    ck_assert_int_eq(gossip_self(l->g).status, GOSSIP_ALIVE);
    ck_assert_uint_eq(gossip_self(l->g).incarnation, before + 1);
    ck_assert(lone_sent_status(l, others[0], l->g->key, GOSSIP_ALIVE));
}
END_TEST

START_TEST(later_versions_say_too_that_it_was_taken_back)
{
    static const char tags[] = "role\0db";
    ck_assert(!self_row().parity);
    admit();
    ck_assert(!self_row().parity);
    run_pinged_ms(REACH_CLEAR_DETECTS * timing()->detect_ms + 1000, 0);
    ck_assert(self_row().parity);
    /* Somebody may have missed that version, and hear of the next one only. */
    ck_assert_int_eq(gossip_set_tags(l->g, l->now_us, tags, sizeof tags), GOSSIP_OK);
    ck_assert(self_row().parity);
    admit();
    ck_assert(self_row().parity);
    run_pinged_ms(3 * REACH_CLEAR_DETECTS * timing()->detect_ms, 0); /* a relapse takes longer */
    ck_assert(!self_row().unreachable && !self_row().parity);
}
END_TEST

START_TEST(a_complaint_begins_the_wait_anew)
{
    uint32_t before = gossip_self(l->g).incarnation;
    admit();
    run_pinged_ms(REACH_CLEAR_DETECTS * timing()->detect_ms - 1000, 0);
    run_pinged_ms(500, WIRE_COMPLAINT);
    run_pinged_ms(REACH_CLEAR_DETECTS * timing()->detect_ms - 1000, 0);
    ck_assert(gossip_self(l->g).unreachable);
    ck_assert_uint_eq(gossip_self(l->g).incarnation, before);
    run_pinged_ms(2000, 0);
    ck_assert(!gossip_self(l->g).unreachable);
}
END_TEST

START_TEST(it_is_not_taken_back_without_pings)
{
    admit();
    for (int i = 0; i < 5; i++)
        run_ms(REACH_CLEAR_DETECTS * timing()->detect_ms);
    ck_assert(gossip_self(l->g).unreachable);
    run_pinged_ms(2 * REACH_CLEAR_DETECTS * timing()->detect_ms, 0);
    ck_assert(!gossip_self(l->g).unreachable);
}
END_TEST

START_TEST(a_suspicion_is_refuted_and_the_mark_admitted)
{
    struct member self = self_row();
    receive_fact(&self, GOSSIP_SUSPECT, true);
    ck_assert_int_eq(gossip_self(l->g).status, GOSSIP_ALIVE);
    ck_assert(gossip_self(l->g).unreachable);
    ck_assert_uint_eq(gossip_self(l->g).incarnation, self.incarnation + 1);
    run_pinged_ms(2 * timing()->detect_ms, 0);
    ck_assert_msg(gossip_self(l->g).unreachable, "taken back within %u ms",
                  2 * timing()->detect_ms);
    ck_assert_uint_eq(gossip_self(l->g).incarnation, self.incarnation + 1);
}
END_TEST

START_TEST(a_suspicion_of_one_that_has_admitted_it_changes_nothing_of_that)
{
    admit();
    struct member self = self_row();
    receive_fact(&self, GOSSIP_SUSPECT, true);
    ck_assert(gossip_self(l->g).unreachable);
    ck_assert_uint_eq(gossip_self(l->g).incarnation, self.incarnation + 1);
    receive_fact(&self, GOSSIP_FAILED, false);
    ck_assert(gossip_self(l->g).unreachable);
    ck_assert_int_eq(gossip_self(l->g).status, GOSSIP_ALIVE);
}
END_TEST

START_TEST(one_that_comes_and_goes_and_calls_us_failed_each_time_proves_nothing_against_us)
{
    for (int i = 0; i < 3; i++) {
        struct member self = self_row();
        receive_fact(&self, GOSSIP_FAILED, false);
        ck_assert_uint_eq(gossip_self(l->g).incarnation, self.incarnation + 1);
        run_pinged_ms(60000, 0);
    }
    ck_assert(!gossip_self(l->g).unreachable);
}
END_TEST

START_TEST(new_tags_do_not_make_us_reachable_and_leaving_does)
{
    static const char tags[] = "role\0db";
    admit();
    ck_assert_int_eq(gossip_set_tags(l->g, l->now_us, tags, sizeof tags), GOSSIP_OK);
    ck_assert(gossip_self(l->g).unreachable);
    gossip_leave(l->g, l->now_us);
    ck_assert(!gossip_self(l->g).unreachable);
}
END_TEST

START_TEST(our_own_changes_are_events_like_any_others)
{
    admit();
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_UNREACHABLE, "self"), 1);
    run_pinged_ms(REACH_CLEAR_DETECTS * timing()->detect_ms + 1000, 0);
    ck_assert(!gossip_self(l->g).unreachable);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_REACHABLE, "self"), 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("reach claims");
    TCase *t = new_case(s, "hearsay", setup);
    tcase_add_test(t, a_mark_by_others_is_applied_shown_once_and_spread);
    tcase_add_test(t, the_member_itself_takes_it_back_and_an_old_update_does_not_bring_it_again);
    tcase_add_test(t, one_that_missed_the_taking_back_finds_it_in_any_later_version);
    tcase_add_test(t, no_other_member_takes_it_back);
    tcase_add_test(t, a_new_version_that_does_not_know_of_it_takes_nothing_back);
    tcase_add_test(t, that_it_lives_after_all_ends_a_suspicion);
    tcase_add_test(t, one_that_leaves_or_starts_anew_is_unreachable_no_more);
    tcase_add_test(t, new_tags_beside_it_are_an_update_too);
    tcase_add_test(t, one_that_fails_and_comes_back_twice_is_called_so);
    tcase_add_test(t, one_that_comes_and_goes_is_given_twice_as_long_as_it_was_away);
    tcase_add_test(t, one_that_starts_anew_each_time_is_not);
    tcase_add_test(t, a_member_may_be_met_so);
    tcase_add_test(t, views_that_differ_in_it_alone_have_other_hashes);
    t = new_case(s, "self", setup_self);
    tcase_add_test(t, a_claim_out_of_the_blue_is_admitted_without_a_new_incarnation);
    tcase_add_test(t, it_is_taken_back_after_long_without_a_complaint);
    tcase_add_test(t, later_versions_say_too_that_it_was_taken_back);
    tcase_add_test(t, a_complaint_begins_the_wait_anew);
    tcase_add_test(t, it_is_not_taken_back_without_pings);
    tcase_add_test(t, a_suspicion_is_refuted_and_the_mark_admitted);
    tcase_add_test(t, a_suspicion_of_one_that_has_admitted_it_changes_nothing_of_that);
    tcase_add_test(t,
                   one_that_comes_and_goes_and_calls_us_failed_each_time_proves_nothing_against_us);
    tcase_add_test(t, new_tags_do_not_make_us_reachable_and_leaving_does);
    tcase_add_test(t, our_own_changes_are_events_like_any_others);
    return unit_run(s);
}
