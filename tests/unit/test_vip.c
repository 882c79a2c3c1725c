/* One floating address on this host, step by step. */
#include "agent/vip/vip.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static struct vip v;
static int64_t now_us;
static uint64_t epoch;

static void setup(void)
{
    v = (struct vip){.self = "us"};
    now_us = 1000000;
    epoch = 7;
}

static unsigned lease(bool held, const char *holder, bool inherited, const char *move_to)
{
    struct leases_state state = {
        .held = held, .taken_over = inherited, .until_us = now_us + 990000, .epoch = epoch};
    snprintf(state.holder, sizeof state.holder, "%s", holder);
    snprintf(state.move_to, sizeof state.move_to, "%s", move_to);
    return vip_lease(&v, now_us, &state);
}

static void hold(void)
{
    ck_assert_uint_eq(vip_set_eligible(&v, now_us, true), VIP_CLAIM);
    ck_assert_uint_eq(lease(true, "us", false, ""), VIP_UP | VIP_PROBE);
    ck_assert_uint_eq(vip_report(&v, now_us, VIP_IS_UP), VIP_ACQUIRED);
    ck_assert_int_eq(v.state, VIP_HOLDING);
}

START_TEST(who_is_no_candidate_only_watches_and_tells_who_has_it)
{
    ck_assert_uint_eq(vip_set_eligible(&v, now_us, false), VIP_OBSERVE);
    ck_assert_uint_eq(lease(false, "a", false, ""), VIP_ACQUIRED);
    ck_assert_uint_eq(lease(false, "a", false, ""), 0);
    ck_assert_uint_eq(lease(false, "b", false, ""), VIP_ACQUIRED);
    epoch++;
    ck_assert_uint_eq(lease(false, "b", false, ""), VIP_ACQUIRED);
    ck_assert_uint_eq(lease(false, "", false, ""), VIP_RELEASED);
    ck_assert_uint_eq(v.epoch, epoch);
    epoch++;
    ck_assert_uint_eq(lease(false, "", false, ""), 0);
}
END_TEST

START_TEST(it_is_told_only_when_it_is_up)
{
    hold();
    ck_assert_str_eq(v.holder, "us");
    ck_assert_int_eq(v.until_us, now_us + 990000);
    now_us += 250000;
    ck_assert_uint_eq(lease(true, "us", false, ""), VIP_UP | VIP_RENEW);
    ck_assert_int_eq(v.until_us, now_us + 990000);
    ck_assert_uint_eq(vip_report(&v, now_us, VIP_IS_UP), 0);
}
END_TEST

START_TEST(an_heir_does_not_ask_who_has_it)
{
    vip_set_eligible(&v, now_us, true);
    ck_assert_uint_eq(lease(true, "us", true, ""), VIP_UP);
}
END_TEST

START_TEST(a_lost_lease_is_told_and_it_waits_again)
{
    hold();
    ck_assert_uint_eq(lease(false, "", false, ""), VIP_CLAIM | VIP_RELEASED);
    ck_assert_uint_eq(vip_report(&v, now_us, VIP_IS_DOWN), 0);
    ck_assert_uint_eq(lease(false, "a", false, ""), VIP_ACQUIRED);
    ck_assert_int_eq(v.state, VIP_WAITING);
}
END_TEST

START_TEST(it_is_down_before_the_lease_goes_on_to_the_heir)
{
    hold();
    ck_assert_uint_eq(vip_move(&v, now_us, "a"), VIP_DOWN);
    ck_assert_uint_eq(lease(true, "us", false, ""), 0); /* renewed meanwhile */
    ck_assert_uint_eq(vip_report(&v, now_us, VIP_IS_UP), 0);
    ck_assert_uint_eq(vip_report(&v, now_us, VIP_IS_DOWN), VIP_RELEASE | VIP_CLAIM | VIP_RELEASED);
    ck_assert_str_eq(v.successor, "a");
    ck_assert_uint_eq(vip_move(&v, now_us, "a"), 0);
}
END_TEST

START_TEST(who_would_have_it_gets_it)
{
    hold();
    ck_assert_uint_eq(lease(true, "us", false, "b"), VIP_DOWN);
    ck_assert_uint_eq(vip_report(&v, now_us, VIP_IS_DOWN), VIP_RELEASE | VIP_CLAIM | VIP_RELEASED);
    ck_assert_str_eq(v.successor, "b");
}
END_TEST

START_TEST(drained_it_stops_and_only_watches)
{
    hold();
    ck_assert_uint_eq(vip_set_eligible(&v, now_us, false), VIP_DOWN);
    ck_assert_uint_eq(vip_report(&v, now_us, VIP_IS_DOWN),
                      VIP_RELEASE | VIP_OBSERVE | VIP_RELEASED);
    ck_assert_int_eq(v.state, VIP_OUT);
    ck_assert_uint_eq(vip_set_eligible(&v, now_us, true), VIP_CLAIM);
}
END_TEST

START_TEST(a_lease_lost_while_it_stops_is_not_released_again)
{
    hold();
    vip_set_eligible(&v, now_us, false);
    ck_assert_uint_eq(lease(false, "", false, ""), VIP_OBSERVE | VIP_RELEASED);
    ck_assert_uint_eq(vip_report(&v, now_us, VIP_IS_DOWN), 0);
}
END_TEST

START_TEST(what_cannot_be_put_up_is_left_to_others_for_a_while)
{
    static const enum vip_report_kind bad[] = {VIP_IS_REFUSED, VIP_IS_DOWN};
    for (size_t i = 0; i < 2; i++) {
        setup();
        vip_set_eligible(&v, now_us, true);
        lease(true, "us", false, "");
        ck_assert_uint_eq(vip_report(&v, now_us, bad[i]), VIP_RELEASE | VIP_OBSERVE);
        ck_assert_int_eq(v.retry_us, now_us + VIP_BACK_OFF_US_MIN);
        ck_assert_uint_eq(vip_tick(&v, now_us + VIP_BACK_OFF_US_MIN - 1), 0);
        ck_assert_uint_eq(vip_set_eligible(&v, now_us, true), VIP_OBSERVE);
        ck_assert_uint_eq(vip_tick(&v, now_us + VIP_BACK_OFF_US_MIN), VIP_CLAIM);
        ck_assert_int_eq(v.retry_us, 0);
    }
}
END_TEST

START_TEST(what_goes_wrong_again_rests_longer_until_it_was_up)
{
    static const int64_t rests_us[] = {500000, 1000000, 2000000, 4000000, 8000000, 8000000};
    vip_set_eligible(&v, now_us, true);
    for (size_t i = 0; i < sizeof rests_us / sizeof *rests_us; i++) {
        lease(true, "us", false, "");
        vip_report(&v, now_us, VIP_IS_REFUSED);
        ck_assert_int_eq(v.retry_us, now_us + rests_us[i]);
        now_us = v.retry_us;
        ck_assert_uint_eq(vip_tick(&v, now_us), VIP_CLAIM);
    }
    lease(true, "us", false, "");
    vip_report(&v, now_us, VIP_IS_UP);
    vip_report(&v, now_us, VIP_IS_DOWN);
    ck_assert_int_eq(v.retry_us, now_us + VIP_BACK_OFF_US_MIN);
}
END_TEST

START_TEST(a_foreign_host_that_has_it_is_told_of_and_the_lease_goes_to_no_heir_once_it_is_down)
{
    vip_set_eligible(&v, now_us, true);
    lease(true, "us", false, "");
    ck_assert_uint_eq(vip_report(&v, now_us, VIP_IS_FOREIGN), VIP_CONFLICT);
    ck_assert_uint_eq(vip_report(&v, now_us, VIP_IS_DOWN), VIP_YIELD | VIP_OBSERVE);
    ck_assert_int_eq(v.retry_us, now_us + VIP_RETRY_US);
    setup();
    hold();
    ck_assert_uint_eq(vip_report(&v, now_us, VIP_IS_FOREIGN), VIP_CONFLICT);
    ck_assert_uint_eq(vip_report(&v, now_us, VIP_IS_DOWN), VIP_YIELD | VIP_OBSERVE | VIP_RELEASED);
}
END_TEST

START_TEST(what_an_earlier_life_held_is_nobodys)
{
    vip_set_eligible(&v, now_us, true);
    ck_assert_uint_eq(lease(false, "us", false, ""), 0);
    ck_assert_str_eq(v.holder, "");
    ck_assert_uint_eq(lease(false, "a", false, ""), VIP_ACQUIRED);
    ck_assert_uint_eq(lease(false, "us", false, ""), VIP_RELEASED);
}
END_TEST

START_TEST(a_lease_won_too_late_is_given_back)
{
    vip_set_eligible(&v, now_us, false);
    ck_assert_uint_eq(lease(true, "us", false, ""), VIP_RELEASE | VIP_OBSERVE);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vip");
    TCase *t = tcase_create("vip");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, who_is_no_candidate_only_watches_and_tells_who_has_it);
    tcase_add_test(t, it_is_told_only_when_it_is_up);
    tcase_add_test(t, an_heir_does_not_ask_who_has_it);
    tcase_add_test(t, a_lost_lease_is_told_and_it_waits_again);
    tcase_add_test(t, it_is_down_before_the_lease_goes_on_to_the_heir);
    tcase_add_test(t, who_would_have_it_gets_it);
    tcase_add_test(t, drained_it_stops_and_only_watches);
    tcase_add_test(t, a_lease_lost_while_it_stops_is_not_released_again);
    tcase_add_test(t, what_cannot_be_put_up_is_left_to_others_for_a_while);
    tcase_add_test(t, what_goes_wrong_again_rests_longer_until_it_was_up);
    tcase_add_test(
        t, a_foreign_host_that_has_it_is_told_of_and_the_lease_goes_to_no_heir_once_it_is_down);
    tcase_add_test(t, what_an_earlier_life_held_is_nobodys);
    tcase_add_test(t, a_lease_won_too_late_is_given_back);
    suite_add_tcase(s, t);
    return unit_run(s);
}
