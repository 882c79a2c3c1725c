/* When this host is a candidate, when it preempts, and what is said of an address. */
#include "tests/unit/vips_fixture.h"

static struct steward_report eligibility(enum steward_ineligible reason)
{
    struct steward_report r = {.kind = STEWARD_ELIGIBILITY,
                               .reason = (uint8_t)reason,
                               .part = reason ? STEWARD_PART_ADDRESS : 0,
                               .where = "eth0"};
    if (!reason)
        memset(r.where, 0, sizeof r.where);
    return r;
}

/* The steward is well all the time. */
static void pass_and_tick(int ms)
{
    pass_ms(ms);
    say((struct steward_report){.kind = STEWARD_READY, .flag = 1});
    tick();
}

START_TEST(an_interface_that_is_not_there_makes_no_candidate_until_it_comes)
{
    say(eligibility(STEWARD_INELIGIBLE_NO_INTERFACE));
    ck_assert_str_eq(fake_leases_asked(), "watch vip/web\n");
    ck_assert_ptr_nonnull(strstr(view().ineligible_because, "eth0"));
    say(eligibility(STEWARD_INELIGIBLE_NONE));
    ck_assert_str_eq(fake_leases_asked(), "want vip/web 90\n");
    ck_assert_ptr_null(view().ineligible_because);
}
END_TEST

START_TEST(a_link_that_is_lost_while_it_is_held_is_the_stewards_to_judge)
{
    hold();
    say(eligibility(STEWARD_INELIGIBLE_NO_CARRIER));
    expect_not_asked();
    assert_state(VIP_HOLDING);
    ck_assert_str_eq(fake_leases_asked(), "");
    say((struct steward_report){.kind = STEWARD_DROPPED, .reason = DROP_LINK, .epoch = 7});
    tick();
    assert_state(VIP_OUT);
    ck_assert_ptr_nonnull(strstr(view().ineligible_because, "carrier"));
}
END_TEST

START_TEST(what_was_restored_is_published_while_it_is_held)
{
    say_word(STEWARD_RESTORED);
    ck_assert_str_eq(fake_leases_told(), "");
    hold();
    say_word(STEWARD_RESTORED);
    ck_assert_str_eq(fake_leases_told(), "vip-restored web a 7 here\n");
}
END_TEST

START_TEST(a_host_that_has_just_booted_is_no_candidate)
{
    struct vip_spec late = spec;
    late.start_delay_ms = (uint32_t)(fake.now_us / 1000 + 5000);
    take_on(&late, 1);
    tick();
    ck_assert_ptr_nonnull(strstr(view().ineligible_because, "start_delay"));
    pass_and_tick(5001);
    ck_assert_ptr_null(view().ineligible_because);
}
END_TEST

START_TEST(preemption_waits_for_its_delay)
{
    struct vip_spec eager = spec;
    eager.preempt = true;
    eager.preempt_delay_ms = 3000;
    take_on(&eager, 1);
    ck_assert_str_eq(fake_leases_asked(), "want vip/web 90\n");
    pass_and_tick(2900);
    ck_assert_str_eq(fake_leases_asked(), "");
    pass_and_tick(200);
    ck_assert_str_eq(fake_leases_asked(), "want vip/web 90 preempting\n");
    tick();
    ck_assert_str_eq(fake_leases_asked(), "");
}
END_TEST

START_TEST(the_delay_begins_anew_when_it_was_no_candidate)
{
    struct vip_spec eager = spec;
    eager.preempt = true;
    eager.preempt_delay_ms = 3000;
    take_on(&eager, 1);
    fake_leases_asked();
    pass_and_tick(2900);
    say(eligibility(STEWARD_INELIGIBLE_NO_CARRIER));
    say(eligibility(STEWARD_INELIGIBLE_NONE));
    ck_assert_str_eq(fake_leases_asked(), "watch vip/web\nwant vip/web 90\n");
    pass_and_tick(200);
    ck_assert_str_eq(fake_leases_asked(), "");
}
END_TEST

/* A holder that was cut off does not take the address back the moment the cut ends. */
START_TEST(the_delay_begins_anew_when_its_lease_was_lost)
{
    struct vip_spec eager = spec;
    eager.preempt = true;
    eager.preempt_delay_ms = 3000;
    take_on(&eager, 1);
    pass_and_tick(3100);
    fake_leases_asked();
    win();
    say_word(STEWARD_HELD);
    pass_and_tick(900);
    lose("b");
    ck_assert_ptr_null(strstr(fake_leases_asked(), "preempting"));
    pass_and_tick(2900);
    ck_assert_ptr_null(strstr(fake_leases_asked(), "preempting"));
    pass_and_tick(200);
    ck_assert_str_eq(fake_leases_asked(), "want vip/web 90 preempting\n");
}
END_TEST

START_TEST(a_steward_that_is_gone_has_no_fence)
{
    ck_assert(vips_has_fence(v));
    close(steward_fd);
    steward_fd = -1;
    tick();
    ck_assert(!vips_has_fence(v));
}
END_TEST

START_TEST(it_is_said_since_when_and_why_it_is_here)
{
    ck_assert_str_eq(view().why, "");
    hold();
    ck_assert_str_eq(view().why, "it was free");
    ck_assert_int_gt(view().since_ms, 0);
    lose("b");
    ck_assert_str_eq(view().vip->holder, "b");
    lease.epoch = 9;
    lease.taken_over = lease.held = true;
    renew();
    ck_assert(strcmp(view().why, "it was free") != 0);
}
END_TEST

START_TEST(a_failure_is_said_until_it_is_up_again)
{
    ck_assert_str_eq(view().failure, "");
    win();
    say((struct steward_report){.kind = STEWARD_FAILED,
                                .reason = DROP_FAILED,
                                .error = EPERM,
                                .epoch = lease.epoch,
                                .part = STEWARD_PART_ADDRESS});
    ck_assert_ptr_nonnull(strstr(view().failure, "ermi"));
    ck_assert_ptr_nonnull(strstr(view().ineligible_because, "tried again"));
    pass_and_tick(20000);
    win();
    say_word(STEWARD_HELD);
    ck_assert_str_eq(view().failure, "");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vips_candidate");
    TCase *t = tcase_create("candidate");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, an_interface_that_is_not_there_makes_no_candidate_until_it_comes);
    tcase_add_test(t, a_link_that_is_lost_while_it_is_held_is_the_stewards_to_judge);
    tcase_add_test(t, what_was_restored_is_published_while_it_is_held);
    tcase_add_test(t, a_host_that_has_just_booted_is_no_candidate);
    tcase_add_test(t, preemption_waits_for_its_delay);
    tcase_add_test(t, the_delay_begins_anew_when_it_was_no_candidate);
    tcase_add_test(t, the_delay_begins_anew_when_its_lease_was_lost);
    tcase_add_test(t, a_steward_that_is_gone_has_no_fence);
    tcase_add_test(t, it_is_said_since_when_and_why_it_is_here);
    tcase_add_test(t, a_failure_is_said_until_it_is_up_again);
    suite_add_tcase(s, t);
    return unit_run(s);
}
