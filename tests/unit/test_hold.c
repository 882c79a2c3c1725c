/* One held address in virtual time. */
#include "agent/steward/hold.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

enum { LEASE_US = 1000000, MS = 1000 };

static struct hold tested;
static int64_t begun_us, now_us;
static bool add_works, removal_works;
static char said[1024]; /* the steps, each with its time in milliseconds */

static bool shows_looks; /* the questions while it is held, too */

static void setup(void)
{
    shows_looks = false;
    hold_init(&tested);
    begun_us = now_us = 7000000;
    add_works = removal_works = true;
    said[0] = '\0';
}

static void say(const char *what)
{
    size_t used = strlen(said);
    snprintf(said + used, sizeof said - used, "%s %d, ", what, (int)(now_us - begun_us) / MS);
}

static bool step(void)
{
    static const char *const names[] = {"", "probe", "add", "refresh", "announce", "remove"};
    enum hold_step next = hold_next(&tested, now_us);
    if (next == HOLD_WAIT)
        return false;
    bool looks = next == HOLD_PROBE && tested.state == HOLD_HELD;
    if (looks && shows_looks)
        say("look");
    if (!looks)
        say(next == HOLD_ADD && tested.restoring ? "restore" : names[next]);
    if (next == HOLD_ADD)
        hold_added(&tested, now_us, add_works);
    else if (next == HOLD_REMOVE)
        hold_removed(&tested, now_us, removal_works);
    return true;
}

/* All that is due until then. */
static void pass_until(int ms)
{
    int64_t end_us = begun_us + (int64_t)ms * MS;
    for (;;) {
        while (step())
            ;
        int64_t next_us = hold_deadline(&tested);
        ck_assert_int_gt(next_us, now_us);
        if (next_us > end_us)
            break;
        now_us = next_us;
    }
    now_us = end_us;
}

static void expect(const char *steps)
{
    ck_assert_str_eq(said, steps);
    said[0] = '\0';
}

static bool hold(int until_ms, bool probe)
{
    return hold_until(&tested, now_us, 1, begun_us + (int64_t)until_ms * MS, probe);
}

/* Held, and all announced. */
static void hold_for_long(void)
{
    ck_assert(hold(60000, false));
    pass_until(5000);
    ck_assert_int_eq(tested.state, HOLD_HELD);
    said[0] = '\0';
}

START_TEST(it_is_probed_added_announced_and_removed_at_its_time)
{
    ck_assert(hold(1000, true));
    pass_until(5000);
    expect("probe 0, probe 40, probe 80, add 120, announce 120, announce 220, announce 620, "
           "remove 1000, ");
    ck_assert_int_eq(tested.state, HOLD_FREE);
    ck_assert_int_eq(tested.reason, DROP_EXPIRED);
}
END_TEST

START_TEST(probing_takes_a_share_of_a_short_lease)
{
    ck_assert(hold(200, true));
    pass_until(90);
    expect("probe 0, probe 12, probe 25, add 37, announce 37, ");
}
END_TEST

START_TEST(without_a_probe_it_is_added_at_once)
{
    ck_assert(hold(1000, false));
    pass_until(0);
    expect("add 0, announce 0, ");
}
END_TEST

START_TEST(a_renewal_refreshes_and_adds_nothing)
{
    ck_assert(hold(1000, false));
    pass_until(400);
    said[0] = '\0';
    ck_assert(hold(1400, false));
    pass_until(1399);
    expect("refresh 400, announce 500, ");
    ck_assert_int_eq(tested.state, HOLD_HELD);
    pass_until(1400);
    expect("remove 1400, ");
}
END_TEST

START_TEST(a_renewal_while_it_is_probed_only_gives_it_more_time)
{
    ck_assert(hold(100, true));
    pass_until(10);
    ck_assert(hold(2000, true));
    pass_until(50);
    expect("probe 0, probe 10, probe 20, add 30, announce 30, ");
    ck_assert_int_eq(tested.until_us, begun_us + 2000 * MS);
}
END_TEST

START_TEST(a_renewal_after_its_time_adds_nothing_before_it_is_gone)
{
    ck_assert(hold(1000, false));
    pass_until(500);
    said[0] = '\0';
    now_us = begun_us + 1000 * MS; /* as if it had been stopped until then */
    ck_assert(!hold(2000, true));
    ck_assert_int_eq(tested.state, HOLD_DROPPING);
    pass_until(1000);
    expect("remove 1000, ");
    ck_assert(hold(2000, true));
    pass_until(1100);
    expect("probe 1000, probe 1040, probe 1080, ");
}
END_TEST

START_TEST(what_was_refreshed_too_late_is_removed_at_once)
{
    ck_assert(hold(1000, false));
    pass_until(900);
    ck_assert(hold(1200, false));
    said[0] = '\0';
    ck_assert_int_eq(hold_next(&tested, now_us), HOLD_REFRESH);
    now_us = begun_us + 1200 * MS; /* stopped before the kernel was told */
    ck_assert_int_eq(hold_next(&tested, now_us), HOLD_REMOVE);
}
END_TEST

START_TEST(what_was_added_too_late_is_removed_and_never_announced)
{
    ck_assert(hold(1000, false));
    ck_assert_int_eq(hold_next(&tested, now_us), HOLD_ADD);
    now_us = begun_us + 1000 * MS;
    hold_added(&tested, now_us, true);
    pass_until(1000);
    expect("remove 1000, ");
}
END_TEST

START_TEST(a_time_that_has_passed_already_holds_nothing)
{
    now_us += 50 * MS;
    hold(50, false);
    pass_until(60);
    expect("remove 50, ");
    ck_assert_int_eq(tested.state, HOLD_FREE);
}
END_TEST

START_TEST(removal_is_tried_until_it_is_gone)
{
    ck_assert(hold(1000, false));
    pass_until(50);
    said[0] = '\0';
    removal_works = false;
    hold_drop(&tested, now_us, DROP_ASKED);
    pass_until(85);
    expect("remove 50, remove 70, ");
    ck_assert(!hold(1000, false));
    removal_works = true;
    pass_until(2000);
    expect("remove 90, ");
    ck_assert_int_eq(tested.reason, DROP_ASKED);
    ck_assert_int_eq(tested.state, HOLD_FREE);
}
END_TEST

START_TEST(what_could_not_be_added_is_cleared_away)
{
    add_works = false;
    ck_assert(hold(1000, false));
    pass_until(2000);
    expect("add 0, remove 0, ");
    ck_assert_int_eq(tested.reason, DROP_FAILED);
}
END_TEST

START_TEST(a_conflict_while_probing_ends_it_before_it_is_added)
{
    ck_assert(hold(1000, true));
    pass_until(50);
    ck_assert(hold_conflict(&tested, now_us));
    pass_until(2000);
    expect("probe 0, probe 40, remove 50, ");
    ck_assert_int_eq(tested.reason, DROP_CONFLICT);
}
END_TEST

START_TEST(it_is_defended_once_in_ten_seconds_and_then_given_up)
{
    hold_for_long();
    ck_assert(!hold_conflict(&tested, now_us));
    pass_until(14999);
    expect("announce 5000, ");
    pass_until(15000);
    ck_assert(!hold_conflict(&tested, now_us));
    pass_until(24999);
    expect("announce 15000, ");
    ck_assert(hold_conflict(&tested, now_us));
    pass_until(25000);
    expect("remove 24999, ");
    ck_assert(!hold_conflict(&tested, now_us));
}
END_TEST

START_TEST(what_somebody_takes_off_is_put_back_and_announced)
{
    hold_for_long();
    hold_missing(&tested, now_us);
    pass_until(5000);
    expect("restore 5000, announce 5000, ");
    ck_assert_int_eq(tested.state, HOLD_HELD);
}
END_TEST

START_TEST(it_is_put_back_at_a_bounded_rate)
{
    hold_for_long();
    hold_missing(&tested, now_us);
    pass_until(5000);
    hold_missing(&tested, now_us);
    pass_until(5060);
    expect("restore 5000, announce 5000, restore 5050, announce 5050, ");
}
END_TEST

START_TEST(it_is_not_put_back_after_its_time)
{
    ck_assert(hold(1000, false));
    pass_until(999);
    said[0] = '\0';
    now_us += 1 * MS;
    hold_missing(&tested, now_us);
    pass_until(3000);
    expect("remove 1000, ");
}
END_TEST

START_TEST(a_link_that_is_lost_takes_it_along)
{
    hold_for_long();
    hold_link(&tested, now_us, false);
    pass_until(5100);
    hold_link(&tested, now_us, false);
    pass_until(6000);
    expect("remove 5250, ");
    ck_assert_int_eq(tested.reason, DROP_LINK);
}
END_TEST

START_TEST(a_link_that_blinks_has_it_restored_and_announced_anew)
{
    hold_for_long();
    hold_link(&tested, now_us, false);
    hold_missing(&tested, now_us); /* as the kernel does with IPv6 */
    pass_until(5200);
    expect("");
    hold_link(&tested, now_us, true);
    pass_until(5400);
    expect("restore 5200, announce 5200, announce 5300, ");
    hold_link(&tested, now_us, true); /* nothing new */
    pass_until(5600);
    expect("");
}
END_TEST

START_TEST(nothing_is_said_on_a_link_that_is_lost)
{
    ck_assert(hold(60000, false));
    pass_until(50);
    hold_link(&tested, now_us, false);
    pass_until(200);
    expect("add 0, announce 0, ");
}
END_TEST

START_TEST(link_is_asked_now_and_then_while_it_is_held)
{
    shows_looks = true;
    hold_for_long();
    pass_until(10000);
    expect("look 6000, look 9000, ");
    hold_link(&tested, now_us, false);
    hold_link(&tested, now_us, true);
    now_us += INT64_C(20000000); /* stopped for so long: what was missed is not made up for */
    pass_until(32500);
    expect("look 30000, announce 30000, ");
    hold_conflict(&tested, now_us);
    pass_until(33500);
    expect("announce 32500, look 33000, ");
    ck_assert(hold_conflict(&tested, now_us));
    pass_until(40000);
    expect("remove 33500, ");
}
END_TEST

START_TEST(link_that_is_lost_is_not_asked)
{
    shows_looks = true;
    hold_for_long();
    pass_until(5900);
    hold_link(&tested, now_us, false);
    pass_until(6100);
    expect("");
    hold_link(&tested, now_us, true);
    pass_until(9050);
    expect("announce 6100, announce 6200, announce 6600, announce 7600, look 9000, ");
}
END_TEST

START_TEST(asked_again_it_announces_the_whole_row)
{
    hold_for_long();
    hold_announce(&tested, now_us);
    pass_until(20000);
    expect("announce 5000, announce 5100, announce 5500, announce 6500, announce 8000, ");
}
END_TEST

START_TEST(announcements_that_were_held_up_come_once)
{
    ck_assert(hold(60000, false));
    pass_until(0);
    said[0] = '\0';
    now_us += 2000 * MS;
    pass_until(10000);
    expect("announce 2000, announce 3000, ");
}
END_TEST

START_TEST(it_is_announced_now_and_then_while_it_is_held)
{
    tested.every_us = 10000 * MS;
    ck_assert(hold(60000, false));
    pass_until(3000);
    said[0] = '\0';
    pass_until(35000);
    expect("announce 13000, announce 23000, announce 33000, ");
    hold_announce(&tested, now_us);
    pass_until(38000);
    said[0] = '\0';
    pass_until(50000);
    expect("announce 48000, ");
}
END_TEST

START_TEST(those_of_several_are_not_all_at_one_time)
{
    tested.every_us = 10240 * MS;
    tested.spread = 255;
    ck_assert(hold(60000, false));
    pass_until(3000);
    said[0] = '\0';
    pass_until(20000);
    expect("announce 8140, announce 18380, ");
}
END_TEST

START_TEST(a_request_and_a_reply_of_one_announcement_are_one_conflict)
{
    hold_for_long();
    ck_assert(!hold_conflict(&tested, now_us));
    now_us += 100;
    ck_assert(!hold_conflict(&tested, now_us));
    pass_until(5100);
    expect("announce 5000, ");
    ck_assert_int_eq(tested.state, HOLD_HELD);
    pass_until(6000);
    ck_assert(hold_conflict(&tested, now_us));
}
END_TEST

START_TEST(what_is_free_has_nothing_to_do)
{
    hold_drop(&tested, now_us, DROP_ASKED);
    hold_missing(&tested, now_us);
    hold_announce(&tested, now_us);
    hold_link(&tested, now_us, false);
    ck_assert(!hold_conflict(&tested, now_us));
    ck_assert_int_eq(hold_deadline(&tested), INT64_MAX);
    ck_assert_int_eq(hold_next(&tested, now_us), HOLD_WAIT);
}
END_TEST

START_TEST(it_takes_on_another_epoch_and_a_new_life_starts_afresh)
{
    ck_assert(hold(1000, false));
    pass_until(10);
    ck_assert(!hold_conflict(&tested, now_us));
    ck_assert(hold_until(&tested, now_us, 5, begun_us + LEASE_US, false));
    ck_assert_uint_eq(tested.epoch, 5);
    hold_drop(&tested, now_us, DROP_ASKED);
    pass_until(20);
    ck_assert(hold(1000, false));
    pass_until(30);
    ck_assert_msg(!hold_conflict(&tested, now_us), "the conflict was of another life");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hold");
    TCase *t = tcase_create("hold");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, it_is_probed_added_announced_and_removed_at_its_time);
    tcase_add_test(t, probing_takes_a_share_of_a_short_lease);
    tcase_add_test(t, without_a_probe_it_is_added_at_once);
    tcase_add_test(t, a_renewal_refreshes_and_adds_nothing);
    tcase_add_test(t, a_renewal_while_it_is_probed_only_gives_it_more_time);
    tcase_add_test(t, a_renewal_after_its_time_adds_nothing_before_it_is_gone);
    tcase_add_test(t, what_was_refreshed_too_late_is_removed_at_once);
    tcase_add_test(t, what_was_added_too_late_is_removed_and_never_announced);
    tcase_add_test(t, a_time_that_has_passed_already_holds_nothing);
    tcase_add_test(t, removal_is_tried_until_it_is_gone);
    tcase_add_test(t, what_could_not_be_added_is_cleared_away);
    tcase_add_test(t, a_conflict_while_probing_ends_it_before_it_is_added);
    tcase_add_test(t, it_is_defended_once_in_ten_seconds_and_then_given_up);
    tcase_add_test(t, what_somebody_takes_off_is_put_back_and_announced);
    tcase_add_test(t, it_is_put_back_at_a_bounded_rate);
    tcase_add_test(t, it_is_not_put_back_after_its_time);
    tcase_add_test(t, a_link_that_is_lost_takes_it_along);
    tcase_add_test(t, a_link_that_blinks_has_it_restored_and_announced_anew);
    tcase_add_test(t, nothing_is_said_on_a_link_that_is_lost);
    tcase_add_test(t, link_is_asked_now_and_then_while_it_is_held);
    tcase_add_test(t, link_that_is_lost_is_not_asked);
    tcase_add_test(t, asked_again_it_announces_the_whole_row);
    tcase_add_test(t, announcements_that_were_held_up_come_once);
    tcase_add_test(t, it_is_announced_now_and_then_while_it_is_held);
    tcase_add_test(t, those_of_several_are_not_all_at_one_time);
    tcase_add_test(t, a_request_and_a_reply_of_one_announcement_are_one_conflict);
    tcase_add_test(t, what_is_free_has_nothing_to_do);
    tcase_add_test(t, it_takes_on_another_epoch_and_a_new_life_starts_afresh);
    suite_add_tcase(s, t);
    return unit_run(s);
}
