/* The addresses of this host between their leases and the steward. */
#include "tests/unit/vips_fixture.h"

/* ---- holding ---- */

START_TEST(a_lease_that_is_won_has_the_steward_ask_who_has_it_and_hold_it)
{
    win();
    expect_hold(STEWARD_PROBE);
    assert_state(VIP_STARTING);
    ck_assert_int_eq(fake_leases.keep_us, fake.now_us + LEASE_MS * MS / 2);
    ck_assert_str_eq(fake_leases_told(), "");
    say_word(STEWARD_HELD);
    assert_state(VIP_HOLDING);
    ck_assert_str_eq(fake_leases_told(), "vip-acquired web a 7 here\n");
    ck_assert_int_eq(fake_leases.keep_us, INT64_MAX);
    ck_assert(!vips_are_down(v));
}
END_TEST

START_TEST(what_is_inherited_is_held_without_asking)
{
    lease.taken_over = lease.held = true;
    renew();
    expect_hold(0);
}
END_TEST

START_TEST(what_is_resumed_is_held_without_asking)
{
    lease.resumed = lease.held = true;
    renew();
    expect_hold(0);
}
END_TEST

START_TEST(an_address_is_bound_to_this_host)
{
    ck_assert_uint_eq(fake_leases.host, 0);
    vips_set_host_number(v, 77);
    take_on(&spec, 1);
    ck_assert_uint_eq(fake_leases.host, 77);
}
END_TEST

START_TEST(a_renewal_only_goes_on_and_is_answered_each_time)
{
    hold();
    for (int i = 0; i < 3; i++) {
        pass_ms(LEASE_MS / 4);
        renew();
        expect_hold(STEWARD_RENEW);
        ck_assert_int_eq(fake_leases.keep_us, fake.now_us + LEASE_MS * MS / 2);
        say_word(STEWARD_HELD);
        ck_assert_int_eq(fake_leases.keep_us, INT64_MAX);
    }
    expect_not_asked();
    ck_assert_str_eq(fake_leases_told(), "");
}
END_TEST

START_TEST(a_lease_that_could_not_be_said_begins_with_the_next_renewal)
{
    fill_socket();
    win();
    expect_not_asked();
    renew();
    expect_hold(STEWARD_PROBE);
    renew();
    expect_hold(STEWARD_RENEW);
}
END_TEST

START_TEST(a_report_of_an_earlier_epoch_means_nothing)
{
    hold();
    lose("");
    win();
    expect_hold(STEWARD_PROBE);
    fake_leases_asked();
    say((struct steward_report){.kind = STEWARD_DROPPED, .epoch = lease.epoch - 1});
    assert_state(VIP_STARTING);
    ck_assert_str_eq(fake_leases_asked(), "");
    say_word(STEWARD_DROPPED);
    assert_state(VIP_OUT);
}
END_TEST

START_TEST(who_else_has_it_is_told)
{
    lose("b");
    ck_assert_str_eq(fake_leases_told(), "vip-acquired web b 6\n");
    lose("");
    ck_assert_str_eq(fake_leases_told(), "vip-released web - 6\n");
    lease.name[0] = 'V'; /* of something else */
    lose("c");
    ck_assert_str_eq(fake_leases_told(), "");
    expect_not_asked();
}
END_TEST

START_TEST(who_comes_back_hears_where_it_is_but_not_too_often)
{
    struct gossip_member b = *fake_member_add("b", GOSSIP_ALIVE, "", 0);
    hold();
    fake_tell(HOST_VIPS, EVENT_MEMBER_REACHABLE, &b);
    tick();
    expect_asked(STEWARD_ANNOUNCE, 7);
    fake_tell(HOST_VIPS, EVENT_MEMBER_JOIN, &b);
    tick();
    expect_not_asked();
    pass_ms(900);
    say_word(STEWARD_HELD);
    pass_ms(100);
    tick();
    expect_asked(STEWARD_ANNOUNCE, 7);
    tick();
    expect_not_asked();
}
END_TEST

/* ---- what cannot be held ---- */

static void assert_left_to_others_for(int64_t back_off_us)
{
    assert_state(VIP_OUT);
    expect_not_asked();
    for (int64_t end_us = fake.now_us + back_off_us - 1; fake.now_us < end_us;) {
        fake.now_us = fake.now_us + 900 * MS < end_us ? fake.now_us + 900 * MS : end_us;
        say((struct steward_report){.kind = STEWARD_READY, .flag = 1});
        tick();
        ck_assert_str_eq(fake_leases_asked(), "");
    }
    fake.now_us++;
    tick();
    ck_assert_str_eq(fake_leases_asked(), "want vip/web 90\n");
    assert_state(VIP_WAITING);
}

START_TEST(what_could_not_be_held_is_given_back_and_left_to_others_for_a_while)
{
    win();
    say((struct steward_report){.kind = STEWARD_FAILED, .epoch = 7, .error = ENODEV});
    ck_assert_str_eq(fake_leases_asked(), "release vip/web\nwatch vip/web\n");
    ck_assert_str_eq(fake_leases_told(), "");
    ck_assert(vips_are_down(v));
    expect_hold(STEWARD_PROBE);
    assert_left_to_others_for(VIP_BACK_OFF_US_MIN);
}
END_TEST

static void rest(void)
{
    fake_leases_asked();
    pass_ms(VIP_BACK_OFF_US_MIN / MS);
    say((struct steward_report){.kind = STEWARD_READY, .flag = 1});
    tick();
}

START_TEST(who_could_not_hold_it_takes_it_from_nobody_until_it_was_up)
{
    spec.preempt = true;
    take_on(&spec, 1);
    ck_assert_str_eq(fake_leases_asked(), "want vip/web 90 preempting\n");
    win();
    say((struct steward_report){.kind = STEWARD_FAILED, .epoch = 7, .error = ENODEV});
    rest();
    ck_assert_str_eq(fake_leases_asked(), "want vip/web 90\n");
    win();
    say_word(STEWARD_HELD);
    lose("b");
    ck_assert_str_eq(fake_leases_asked(), "want vip/web 90 preempting\n");
}
END_TEST

START_TEST(an_operators_address_is_a_conflict_and_goes_to_no_heir)
{
    win();
    say((struct steward_report){.kind = STEWARD_FAILED, .epoch = 7, .error = EEXIST});
    ck_assert_str_eq(fake_leases_asked(), "release vip/web to nobody\nwatch vip/web\n");
    ck_assert_str_eq(fake_leases_told(), "vip-conflict web - 7 here\n");
    assert_state(VIP_OUT);
}
END_TEST

START_TEST(a_refused_request_that_changes_nothing_changes_nothing)
{
    hold();
    say((struct steward_report){.kind = STEWARD_FAILED, .epoch = 7, .error = ESTALE, .flag = 1});
    assert_state(VIP_HOLDING);
    ck_assert_str_eq(fake_leases_asked(), "");
    ck_assert_str_eq(fake_leases_told(), "");
}
END_TEST

START_TEST(what_another_host_has_is_given_back_to_no_heir_and_told_once)
{
    hold();
    say((struct steward_report){.kind = STEWARD_CONFLICT, .epoch = 7, .mac = {2}});
    ck_assert_str_eq(fake_leases_told(), "vip-conflict web a 7 here\n");
    ck_assert_str_eq(fake_leases_asked(), ""); /* it is not gone yet */
    say((struct steward_report){.kind = STEWARD_DROPPED, .reason = DROP_CONFLICT, .epoch = 7});
    ck_assert_str_eq(fake_leases_asked(), "release vip/web to nobody\nwatch vip/web\n");
    ck_assert_str_eq(fake_leases_told(), "vip-released web - 7 here\n");
    assert_left_to_others_for(VIP_RETRY_US);
    ck_assert_str_eq(fake_leases_told(), "");
}
END_TEST

START_TEST(a_conflict_that_is_defended_is_told_and_the_address_kept)
{
    hold();
    say((struct steward_report){.kind = STEWARD_CONFLICT, .epoch = 7, .mac = {2}, .flag = 1});
    ck_assert_str_eq(fake_leases_told(), "vip-conflict web a 7 here\n");
    ck_assert_str_eq(fake_leases_asked(), "");
    assert_state(VIP_HOLDING);
    vips_drain(v, true); /* there was no foreign host after all: its successor need not ask */
    say_word(STEWARD_DROPPED);
    ck_assert_str_eq(fake_leases_asked(), "release vip/web\nwatch vip/web\n");
}
END_TEST

START_TEST(what_the_steward_has_dropped_by_itself_is_given_back)
{
    hold();
    say((struct steward_report){.kind = STEWARD_DROPPED, .reason = DROP_LINK, .epoch = 7});
    ck_assert_str_eq(fake_leases_asked(), "release vip/web\nwatch vip/web\n");
    ck_assert_str_eq(fake_leases_told(), "vip-released web - 7 here\n");
    assert_left_to_others_for(VIP_BACK_OFF_US_MIN);
}
END_TEST

/* ---- a steward that is not well ---- */

START_TEST(without_a_steward_nothing_is_renewed_or_wanted)
{
    hold();
    hang_up();
    turn();
    assert_state(VIP_STOPPING);
    ck_assert_int_le(fake_leases.keep_us, lease.until_us);
    ck_assert_str_eq(fake_leases_asked(), ""); /* it may still be there */
    tick();
    pass_ms(LEASE_MS);
    lose("");
    ck_assert_str_eq(fake_leases_asked(), "watch vip/web\n");
    ck_assert_str_eq(fake_leases_told(), "vip-released web - 7 here\n");
    ck_assert(vips_are_down(v));
    tick();
    ck_assert_str_eq(fake_leases_asked(), "");
    ck_assert_str_eq(view().ineligible_because, "the steward does not answer");
    ck_assert_uint_eq(stewards_lost, 1);
}
END_TEST

START_TEST(a_steward_that_was_never_there_holds_nothing)
{
    vips_free(v);
    v = vips_new(fake.host, -1, on_steward_lost, NULL);
    take_on(&spec, 1);
    ck_assert_str_eq(fake_leases_asked(), "watch vip/web\n");
    tick();
    ck_assert_str_eq(fake_leases_asked(), "");
    ck_assert_str_eq(view().ineligible_because, "the steward does not answer");
}
END_TEST

START_TEST(a_silent_steward_loses_the_lease_and_gets_it_back_when_it_speaks)
{
    hold();
    pass_ms(LEASE_MS / 4);
    renew();
    expect_hold(STEWARD_RENEW);
    ck_assert_int_lt(fake_leases.keep_us, lease.until_us); /* not renewed to its end */
    pass_ms(LEASE_MS);
    tick();
    assert_state(VIP_STOPPING);
    expect_asked(STEWARD_DROP, 7);
    lose("");
    ck_assert_str_eq(fake_leases_asked(), "watch vip/web\n");
    ck_assert_str_eq(fake_leases_told(), "vip-released web - 7 here\n");
    tick();
    ck_assert_str_eq(fake_leases_asked(), "");
    say((struct steward_report){.kind = STEWARD_DROPPED, .reason = DROP_EXPIRED, .epoch = 7});
    tick();
    ck_assert_str_eq(fake_leases_asked(), "want vip/web 90\n");
    assert_state(VIP_WAITING);
}
END_TEST

START_TEST(a_steward_that_owes_nothing_may_be_silent_for_a_moment)
{
    hold();
    pass_ms(LEASE_MS - 1);
    tick();
    assert_state(VIP_HOLDING);
    ck_assert_int_eq(fake_leases.keep_us, INT64_MAX);
    expect_not_asked();
}
END_TEST

/* ---- giving up ---- */

START_TEST(a_drained_host_drops_first_and_gives_the_lease_back_when_it_is_gone)
{
    hold();
    vips_drain(v, true);
    expect_asked(STEWARD_DROP, 7);
    ck_assert_str_eq(fake_leases_asked(), "");
    ck_assert_str_eq(fake_leases_told(), "");
    ck_assert(!vips_are_down(v));
    renew(); /* under way: it does not come back by that */
    expect_not_asked();
    say_word(STEWARD_HELD);
    ck_assert_str_eq(fake_leases_asked(), "");
    say_word(STEWARD_DROPPED);
    ck_assert_str_eq(fake_leases_asked(), "release vip/web\nwatch vip/web\n");
    ck_assert_str_eq(fake_leases_told(), "vip-released web - 7 here\n");
    ck_assert(vips_are_down(v));
    ck_assert_str_eq(view().ineligible_because, "this host is drained");
    tick();
    ck_assert_str_eq(fake_leases_asked(), "");
    vips_drain(v, false);
    ck_assert_str_eq(fake_leases_asked(), "want vip/web 90\n");
}
END_TEST

START_TEST(a_drop_that_could_not_be_said_is_said_later)
{
    hold();
    fill_socket();
    vips_drain(v, true);
    renew(); /* was under way */
    expect_not_asked();
    ck_assert_int_eq(fake_leases.keep_us, fake.now_us + LEASE_MS * MS / 2);
    tick();
    expect_asked(STEWARD_DROP, 7);
    tick();
    expect_not_asked();
}
END_TEST

START_TEST(a_lease_won_while_it_was_given_up_is_given_back)
{
    vips_drain(v, true);
    ck_assert_str_eq(fake_leases_asked(), "watch vip/web\n");
    win();
    ck_assert_str_eq(fake_leases_asked(), "release vip/web\nwatch vip/web\n");
    expect_not_asked();
}
END_TEST

START_TEST(an_agent_that_stops_gives_all_up_for_good)
{
    hold();
    vips_stop(v);
    expect_asked(STEWARD_DROP, 7);
    say_word(STEWARD_DROPPED);
    ck_assert_str_eq(fake_leases_asked(), "release vip/web\nwatch vip/web\n");
    vips_drain(v, false);
    ck_assert_str_eq(fake_leases_asked(), "");
    ck_assert_str_eq(view().ineligible_because, "this agent is stopping");
}
END_TEST

START_TEST(a_host_whose_tags_do_not_match_any_more_gives_it_up)
{
    hold();
    gossip_tags_set(spec.match.tags, &spec.match.bytes, "role", "db");
    tick();
    expect_asked(STEWARD_DROP, 7);
    say_word(STEWARD_DROPPED);
    ck_assert_str_eq(fake_leases_asked(), "release vip/web\nwatch vip/web\n");
    gossip_set_tags(host_core(fake.host), fake.now_us, "role\0db", sizeof "role\0db");
    tick();
    ck_assert_str_eq(fake_leases_asked(), "want vip/web 90\n");
    spec.match.bytes = 0;
}
END_TEST

/* By its file this host is no candidate. */
START_TEST(a_host_is_a_candidate_by_tags_that_are_set_while_it_runs)
{
    gossip_tags_set(spec.match.tags, &spec.match.bytes, "role", "db");
    spec.fits = false;
    tick();
    ck_assert_str_eq(fake_leases_asked(), "watch vip/web\n");
    gossip_set_tags(host_core(fake.host), fake.now_us, "role\0db", sizeof "role\0db");
    tick();
    ck_assert_str_eq(fake_leases_asked(), "want vip/web 90\n");
    spec.match.bytes = 0;
    spec.fits = true;
}
END_TEST

/* ---- moving ---- */

START_TEST(it_moves_to_the_heir_once_it_is_gone_here)
{
    hold();
    strcpy(lease.move_to, "c");
    renew();
    expect_asked(STEWARD_DROP, 7);
    ck_assert_str_eq(fake_leases_asked(), "");
    say_word(STEWARD_DROPPED);
    ck_assert_str_eq(fake_leases_asked(), "release vip/web to c and stay\nwant vip/web 90\n");
    assert_state(VIP_WAITING);
}
END_TEST

START_TEST(an_heir_that_does_not_wait_any_more_leaves_it_to_the_best)
{
    hold();
    strcpy(lease.move_to, "c");
    renew();
    fake_leases.release_error = GOSSIP_ERROR_UNKNOWN;
    say_word(STEWARD_DROPPED);
    ck_assert_str_eq(fake_leases_asked(), "release vip/web to c and stay\n"
                                          "release vip/web and stay\nwant vip/web 90\n");
}
END_TEST

START_TEST(a_move_is_asked_of_the_holder_whoever_that_is)
{
    ck_assert_str_eq(vips_move(v, "db", "c"), "no such vip");
    lose("b");
    ck_assert_ptr_null(vips_move(v, "web", "b")); /* it is there */
    ck_assert_str_eq(fake_leases_asked(), "");
    ck_assert_ptr_null(vips_move(v, "web", "c"));
    ck_assert_str_eq(fake_leases_asked(), "move vip/web to c\n");
    fake_leases.move_error = GOSSIP_ERROR_UNKNOWN;
    ck_assert_str_eq(vips_move(v, "web", "x"), "no such member");
    lose("");
    ck_assert_str_eq(vips_move(v, "web", "c"), "nobody holds it");
}
END_TEST

START_TEST(it_is_released_only_where_it_is_held_and_another_waits)
{
    ck_assert_str_eq(vips_release(v, "db"), "no such vip");
    ck_assert_str_eq(vips_release(v, "web"), "this host does not hold it");
    hold();
    ck_assert_str_eq(vips_release(v, "web"), "no other host could take it");
    expect_not_asked();
    fake_leases.state.waiting = 1;
    ck_assert_ptr_null(vips_release(v, "web"));
    expect_asked(STEWARD_DROP, 7);
    say_word(STEWARD_DROPPED);
    ck_assert_str_eq(fake_leases_asked(), "release vip/web and stay\nwant vip/web 90\n");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vips");
    TCase *t = tcase_create("vips");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 3 * DEADLINE_S);
    tcase_add_test(t, a_lease_that_is_won_has_the_steward_ask_who_has_it_and_hold_it);
    tcase_add_test(t, who_comes_back_hears_where_it_is_but_not_too_often);
    tcase_add_test(t, what_is_inherited_is_held_without_asking);
    tcase_add_test(t, what_is_resumed_is_held_without_asking);
    tcase_add_test(t, an_address_is_bound_to_this_host);
    tcase_add_test(t, a_renewal_only_goes_on_and_is_answered_each_time);
    tcase_add_test(t, a_lease_that_could_not_be_said_begins_with_the_next_renewal);
    tcase_add_test(t, a_report_of_an_earlier_epoch_means_nothing);
    tcase_add_test(t, who_else_has_it_is_told);
    tcase_add_test(t, what_could_not_be_held_is_given_back_and_left_to_others_for_a_while);
    tcase_add_test(t, who_could_not_hold_it_takes_it_from_nobody_until_it_was_up);
    tcase_add_test(t, an_operators_address_is_a_conflict_and_goes_to_no_heir);
    tcase_add_test(t, a_refused_request_that_changes_nothing_changes_nothing);
    tcase_add_test(t, what_another_host_has_is_given_back_to_no_heir_and_told_once);
    tcase_add_test(t, a_conflict_that_is_defended_is_told_and_the_address_kept);
    tcase_add_test(t, what_the_steward_has_dropped_by_itself_is_given_back);
    tcase_add_test(t, without_a_steward_nothing_is_renewed_or_wanted);
    tcase_add_test(t, a_steward_that_was_never_there_holds_nothing);
    tcase_add_test(t, a_silent_steward_loses_the_lease_and_gets_it_back_when_it_speaks);
    tcase_add_test(t, a_steward_that_owes_nothing_may_be_silent_for_a_moment);
    tcase_add_test(t, a_drained_host_drops_first_and_gives_the_lease_back_when_it_is_gone);
    tcase_add_test(t, a_drop_that_could_not_be_said_is_said_later);
    tcase_add_test(t, a_lease_won_while_it_was_given_up_is_given_back);
    tcase_add_test(t, an_agent_that_stops_gives_all_up_for_good);
    tcase_add_test(t, a_host_whose_tags_do_not_match_any_more_gives_it_up);
    tcase_add_test(t, a_host_is_a_candidate_by_tags_that_are_set_while_it_runs);
    tcase_add_test(t, it_moves_to_the_heir_once_it_is_gone_here);
    tcase_add_test(t, an_heir_that_does_not_wait_any_more_leaves_it_to_the_best);
    tcase_add_test(t, a_move_is_asked_of_the_holder_whoever_that_is);
    tcase_add_test(t, it_is_released_only_where_it_is_held_and_another_waits);
    suite_add_tcase(s, t);
    return unit_run(s);
}
