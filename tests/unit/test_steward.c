/* The steward's addresses against a kernel that is none. */
#include "tests/unit/steward_fixture.h"

/* ---- holding ---- */

START_TEST(it_is_held_fenced_and_gone_at_its_time)
{
    fake_kernel.no_guard = true;
    ask(STEWARD_HOLD, 1500);
    expect(STEWARD_HELD);
    ck_assert(is_there());
    ck_assert_uint_eq(fake_kernel.valid_s, 2);
    ck_assert_int_eq(fake_kernel.fence_ms, 1500);
    ck_assert_uint_eq(fake_kernel.announcements, 1);
    pass_until(1499);
    ck_assert(is_there());
    pass_until(1500);
    expect_dropped(DROP_EXPIRED);
    ck_assert(!is_there());
    ck_assert_int_eq(fake_kernel.fence_ms, 0);
    ck_assert_uint_eq(fake_kernel.forgets, 1);
}
END_TEST

START_TEST(a_lifetime_is_never_shorter_than_the_time_it_is_held)
{
    fake_kernel.no_guard = true;
    for (int until_ms = 990; until_ms < 1010; until_ms++) {
        ask(STEWARD_HOLD, until_ms);
        ck_assert_int_ge(fake_kernel.valid_s * 1000, until_ms);
        ck_assert_int_le(fake_kernel.valid_s * 1000, until_ms + 1000);
        ask(STEWARD_DROP, 0);
    }
}
END_TEST

START_TEST(renewals_move_the_gate_each_time_and_the_lifetime_when_it_is_too_short)
{
    fake_kernel.no_guard = true;
    ask(STEWARD_HOLD, 1000);
    expect(STEWARD_HELD);
    for (int ms = 100; ms <= 3000; ms += 100) {
        pass_until(ms);
        ask(STEWARD_HOLD, ms + 1000);
        expect(STEWARD_HELD);
        ck_assert_int_eq(fake_kernel.fence_ms, 1000);
        ck_assert_int_ge(holds[0].addresses.kernel_until_us, holds[0].hold.until_us);
    }
    ck_assert_uint_eq(fake_kernel.passes, 31);
    ck_assert_uint_le(fake_kernel.sets, 5);
    ck_assert_int_eq(told().kind, 0);
}
END_TEST

/* Each move of the lifetime would be told to all who listen on the host. */
START_TEST(with_a_fence_and_a_guard_the_kernel_is_told_of_no_renewal)
{
    int ms = 0;
    ask(STEWARD_HOLD, 1000);
    for (ms = 100; ms <= 60000; ms += 100) {
        pass_until(ms);
        ask(STEWARD_HOLD, ms + 1000);
        ck_assert_int_eq(fake_kernel.guard_until_us, holds[0].hold.until_us);
        while (told().kind != 0)
            ;
    }
    ck_assert_uint_eq(fake_kernel.sets, 1);
    ck_assert_uint_eq(fake_kernel.valid_s, 600);
    for (; ms <= 620000; ms += 500) {
        pass_until(ms);
        ask(STEWARD_HOLD, ms + 1000);
        ck_assert_int_ge(holds[0].addresses.kernel_until_us, holds[0].hold.until_us);
    }
    ck_assert_uint_eq(fake_kernel.sets, 3);
}
END_TEST

START_TEST(when_the_fence_or_the_guard_is_lost_the_lifetime_is_short_at_the_next_renewal)
{
    for (int i = 0; i < 2; i++) {
        fake_kernel.fence_fails = fake_kernel.no_guard = false;
        ask(STEWARD_HOLD, 1000);
        ck_assert_uint_eq(fake_kernel.valid_s, 600);
        *(i == 0 ? &fake_kernel.fence_fails : &fake_kernel.no_guard) = true;
        ask(STEWARD_HOLD, 1500);
        ck_assert_uint_eq(fake_kernel.valid_s, 2);
        fake_kernel.fence_fails = fake_kernel.no_guard = false;
        ask(STEWARD_HOLD, 1600);
        ck_assert_uint_eq(fake_kernel.valid_s, 600);
        ask(STEWARD_DROP, 0);
        ck_assert_int_eq(fake_kernel.guard_until_us, 0);
    }
}
END_TEST

START_TEST(a_stop_before_the_kernel_is_told_is_undone_at_once)
{
    ask(STEWARD_HOLD, 1000);
    expect(STEWARD_HELD);
    pass_until(500);
    fake_kernel.call_us = 2000 * MS; /* each call ends long after the time */
    ask(STEWARD_HOLD, 1500);
    expect_dropped(DROP_EXPIRED);
    ck_assert(!is_there());
    ck_assert_uint_eq(fake_kernel.announcements, 3);
}
END_TEST

START_TEST(a_stop_while_it_is_added_leaves_nothing_and_says_nothing_on_the_link)
{
    fake_kernel.call_us = 300 * MS;
    ask(STEWARD_HOLD, 1000);
    expect_dropped(DROP_EXPIRED);
    ck_assert_int_eq(told().kind, 0);
    ck_assert(!is_there());
    ck_assert_uint_eq(fake_kernel.announcements, 0);
}
END_TEST

START_TEST(a_renewal_that_comes_too_late_goes_through_everything_again)
{
    ask(STEWARD_HOLD, 1000);
    expect(STEWARD_HELD);
    fake_kernel.now_us += 1000 * MS;
    struct steward_request r = request(STEWARD_HOLD, 3000);
    r.flags = STEWARD_PROBE;
    take(&r);
    expect_dropped(DROP_EXPIRED);
    ck_assert(!is_there());
    ck_assert_uint_eq(fake_kernel.probes, 1);
    pass_until(1500);
    expect(STEWARD_HELD);
    ck_assert_uint_eq(fake_kernel.probes, HOLD_PROBES);
}
END_TEST

START_TEST(what_may_only_go_on_does_not_begin_anew)
{
    struct steward_request r = request(STEWARD_HOLD, 3000);
    ask(STEWARD_HOLD, 1000);
    expect(STEWARD_HELD);
    r.flags = STEWARD_RENEW;
    take(&r);
    expect(STEWARD_HELD);
    fake_kernel.now_us += 3000 * MS;
    r.until_us += 1000 * MS;
    take(&r);
    expect_dropped(DROP_EXPIRED);
    expect_failed(ESTALE);
    ck_assert(!is_there());
    ck_assert_int_eq(holds[0].hold.state, HOLD_FREE);
}
END_TEST

START_TEST(a_drop_is_answered_when_it_is_gone_and_not_before)
{
    ask(STEWARD_HOLD, 1000);
    expect(STEWARD_HELD);
    fake_kernel.delete_error = EBUSY;
    ask(STEWARD_DROP, 0);
    ck_assert_int_eq(told().kind, 0);
    ask(STEWARD_HOLD, 1000);
    expect_failed(EBUSY);
    fake_kernel.delete_error = 0;
    pass_until(30);
    expect_dropped(DROP_ASKED);
    ck_assert(!is_there());
    ask(STEWARD_DROP, 0);
    expect_dropped(DROP_ASKED);
}
END_TEST

START_TEST(an_earlier_epoch_is_refused_and_a_later_one_is_told)
{
    struct steward_request r = request(STEWARD_HOLD, 1000);
    take(&r);
    expect(STEWARD_HELD);
    r.epoch--;
    r.until_us += 1000 * MS;
    take(&r);
    struct steward_report refused = told();
    ck_assert_int_eq(refused.error, ESTALE);
    ck_assert_uint_eq(refused.flag, 1);
    ck_assert_int_eq(holds[0].hold.until_us, begun_us + 1000 * MS);
    r.epoch += 2;
    take(&r);
    expect(STEWARD_HELD);
    ck_assert_int_eq(holds[0].hold.until_us, begun_us + 2000 * MS);
}
END_TEST

/* ---- what can go wrong ---- */

START_TEST(what_cannot_be_added_fails_and_leaves_nothing)
{
    static const int errors[] = {EPERM, ENODEV, EINVAL, ETIMEDOUT};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        fake_kernel.set_error = errors[i];
        ask(STEWARD_HOLD, 1000);
        expect_failed(errors[i]);
        ck_assert(!is_there());
    }
    fake_kernel.link.up = false;
    ask(STEWARD_HOLD, 1000);
    expect_failed(ENETDOWN);
    fake_kernel.no_link = true;
    ask(STEWARD_HOLD, 1000);
    expect_failed(ENODEV);
}
END_TEST

/* ---- routes and rules ---- */

static const struct steward_vip router = {
    .name = "web",
    .addresses_count = 1,
    .addresses = {{{[10] = 0xff, [11] = 0xff, 10, 0, 0, 100}, 32, "vip0"}},
    .routes_count = 2,
    .rules_count = 1};

START_TEST(routes_and_rules_come_and_go_with_the_addresses)
{
    set_table(&router, 1);
    ask(STEWARD_HOLD, 1000);
    expect(STEWARD_HELD);
    ck_assert_uint_eq(fake_kernel.routes, 2);
    ck_assert_uint_eq(fake_kernel.rules, 1);
    ask(STEWARD_DROP, 0);
    expect_dropped(DROP_ASKED);
    ck_assert_uint_eq(fake_kernel.routes + fake_kernel.rules, 0);
}
END_TEST

START_TEST(a_route_or_rule_that_is_refused_takes_all_back_and_is_named)
{
    set_table(&router, 1);
    fake_kernel.route_error = ENETUNREACH;
    ask(STEWARD_HOLD, 1000);
    struct steward_report r = told();
    ck_assert_int_eq(r.kind, STEWARD_FAILED);
    ck_assert_int_eq(r.error, ENETUNREACH);
    ck_assert_int_eq(r.part, STEWARD_PART_ROUTE);
    ck_assert(!is_there());
    fake_kernel.route_error = 0;
    fake_kernel.rule_error = EEXIST;
    ask(STEWARD_HOLD, 1000);
    r = told();
    ck_assert_int_eq(r.error, EEXIST);
    ck_assert_int_eq(r.part, STEWARD_PART_RULE);
    ck_assert(!is_there());
    ck_assert_uint_eq(fake_kernel.routes, 0);
}
END_TEST

START_TEST(a_route_that_somebody_removes_is_restored)
{
    set_table(&router, 1);
    ask(STEWARD_HOLD, 1000);
    expect(STEWARD_HELD);
    fake_kernel.routes = 1;
    steward_hold_apply_route(&table.holds[0]);
    steward_table_verify(&table, &io);
    pass_until(100);
    expect(STEWARD_RESTORED);
    ck_assert_uint_eq(fake_kernel.routes, 2);
}
END_TEST

START_TEST(a_reload_changes_routes_in_place)
{
    struct steward_vip changed = router;
    set_table(&router, 1);
    ask(STEWARD_HOLD, 1000);
    expect(STEWARD_HELD);
    unsigned sets = fake_kernel.sets;
    changed.routes_count = 1;
    changed.routes[0].metric = 7;
    set_table(&changed, 1);
    ck_assert_uint_eq(fake_kernel.routes, 1);
    ck_assert_uint_eq(fake_kernel.sets, sets);
    ck_assert(is_there());
    ck_assert_int_eq(told().kind, 0);
}
END_TEST

START_TEST(a_kernel_that_keeps_no_marks_is_found_out)
{
    fake_kernel.markless = true;
    ask(STEWARD_HOLD, 1000);
    expect_failed(EOPNOTSUPP);
    ck_assert_uint_eq(fake_kernel.addrs_count, 0);
}
END_TEST

START_TEST(an_operators_address_is_neither_taken_nor_fenced_nor_deleted)
{
    static const int ifindexes[] = {FAKE_IFINDEX, FAKE_IFINDEX + 1};
    for (size_t i = 0; i < 2; i++) {
        struct netlink_addr addr = operators(ifindexes[i], i == 0 ? 32 : 24);
        fake_addr_add(&addr);
        ask(STEWARD_HOLD, 1000);
        expect_failed(EEXIST);
        ask(STEWARD_DROP, 0);
        expect_dropped(DROP_ASKED);
        ck_assert(fake_addr_remove(&addr));
    }
    ck_assert_uint_eq(fake_kernel.passes + fake_kernel.deletes, 0);
}
END_TEST

START_TEST(without_frames_nothing_is_held_on_ethernet)
{
    io.announce.arp_fd = -1;
    ask(STEWARD_HOLD, 1500);
    expect_failed(EPERM);
    ck_assert_uint_eq(fake_kernel.sets, 0);
    fake_kernel.link.ethernet = false;
    ask(STEWARD_HOLD, 1500);
    expect(STEWARD_HELD);
}
END_TEST

START_TEST(what_is_gone_or_not_ours_any_more_is_restored)
{
    struct netlink_addr addr = operators(FAKE_IFINDEX, 32);
    ask(STEWARD_HOLD, 1000);
    expect(STEWARD_HELD);
    holds[0].is_unread = true;
    steward_table_verify(&table, &io);
    pass_until(60);
    ck_assert_int_eq(told().kind, 0);
    ck_assert(fake_addr_remove(&addr));
    holds[0].is_unread = true;
    steward_table_verify(&table, &io);
    pass_until(70);
    expect(STEWARD_RESTORED);
    ck_assert(fake_addr_remove(&addr));
    fake_addr_add(&addr);
    holds[0].is_unread = true;
    steward_table_verify(&table, &io);
    pass_until(200);
    expect(STEWARD_RESTORED);
    ck_assert(is_there());
}
END_TEST

START_TEST(only_another_hosts_claim_on_the_same_link_is_a_conflict)
{
    struct announce_claim claim = {.ifindex = FAKE_IFINDEX};
    memcpy(claim.ip, vips[0].addresses[0].ip, sizeof claim.ip);
    memcpy(claim.mac, fake_kernel.link.mac, sizeof claim.mac);
    ask(STEWARD_HOLD, 1000);
    expect(STEWARD_HELD);
    steward_hold_apply_claim(&io, &holds[0], &claim);
    memcpy(claim.mac, other_mac, sizeof claim.mac);
    claim.ifindex++;
    steward_hold_apply_claim(&io, &holds[0], &claim);
    claim.ifindex--;
    claim.ip[15]++;
    steward_hold_apply_claim(&io, &holds[0], &claim);
    ck_assert_int_eq(told().kind, 0);
    claim.ip[15]--;
    for (unsigned i = 0; i < 2; i++) {
        steward_hold_apply_claim(&io, &holds[0], &claim);
        struct steward_report r = told();
        ck_assert_int_eq(r.kind, STEWARD_CONFLICT);
        ck_assert_uint_eq(r.flag, i == 0);
        ck_assert_mem_eq(r.mac, other_mac, sizeof r.mac);
        steward_hold_apply_claim(&io, &holds[0], &claim); /* the reply of the same announcement */
        ck_assert_int_eq(told().kind, 0);
        fake_kernel.now_us += i == 0 ? HOLD_SAME_CLAIM_US : 0;
    }
    pass_until(300);
    expect_dropped(DROP_CONFLICT);
}
END_TEST

START_TEST(this_hosts_answer_through_another_link_is_no_conflict)
{
    struct announce_claim claim = {.ifindex = FAKE_IFINDEX};
    memcpy(claim.ip, vips[0].addresses[0].ip, sizeof claim.ip);
    memcpy(claim.mac, other_mac, sizeof claim.mac);
    memcpy(fake_kernel.other_mac, other_mac, sizeof fake_kernel.other_mac);
    ask(STEWARD_HOLD, 1500);
    expect(STEWARD_HELD);
    for (int i = 0; i < 3; i++)
        steward_hold_apply_claim(&io, &holds[0], &claim);
    ck_assert_int_eq(told().kind, 0);
    ck_assert_uint_eq(fake_kernel.mac_finds, 1); /* remembered */
    memset(fake_kernel.other_mac, 0, sizeof fake_kernel.other_mac);
    steward_io_link_changed(&io);
    steward_hold_apply_claim(&io, &holds[0], &claim);
    expect(STEWARD_CONFLICT);
}
END_TEST

START_TEST(a_claim_is_no_conflict_while_the_kernel_does_not_say_whose_it_is)
{
    struct announce_claim claim = {.ifindex = FAKE_IFINDEX};
    memcpy(claim.ip, vips[0].addresses[0].ip, sizeof claim.ip);
    memcpy(claim.mac, other_mac, sizeof claim.mac);
    ask(STEWARD_HOLD, 1500);
    expect(STEWARD_HELD);
    fake_kernel.mac_error = ETIMEDOUT;
    steward_hold_apply_claim(&io, &holds[0], &claim);
    ck_assert_int_eq(told().kind, 0);
    fake_kernel.mac_error = 0;
    steward_hold_apply_claim(&io, &holds[0], &claim);
    expect(STEWARD_CONFLICT);
}
END_TEST

START_TEST(without_a_gate_everything_works_and_the_agent_is_told)
{
    fake_kernel.fence_fails = true;
    ask(STEWARD_HOLD, 1000);
    expect(STEWARD_HELD);
    ck_assert(io.ready_due && !io.fence_works);
    ck_assert(steward_io_flush(&io));
    struct steward_report r = told();
    ck_assert_int_eq(r.kind, STEWARD_READY);
    ck_assert_uint_eq(r.flag, 0);
    pass_until(1000);
    expect_dropped(DROP_EXPIRED);
}
END_TEST

START_TEST(a_link_whose_return_was_not_told_is_looked_at_before_it_is_given_up)
{
    struct netlink_link down = fake_kernel.link;
    down.up = false;
    ask(STEWARD_HOLD, 5000);
    expect(STEWARD_HELD);
    fake_kernel.link.up = false;
    steward_hold_apply_link(&io, &holds[0], &down, false);
    fake_kernel.link.up = true;
    pass_until(1000);
    expect(STEWARD_RESTORED);
    ck_assert_int_eq(holds[0].hold.state, HOLD_HELD);
    fake_kernel.link.up = false;
    steward_hold_apply_link(&io, &holds[0], &down, false);
    pass_until(2000);
    expect_dropped(DROP_LINK);
}
END_TEST

START_TEST(an_agent_that_does_not_read_is_told_the_last_word_later)
{
    ask(STEWARD_HOLD, 60000);
    for (int i = 0; steward_hold_flush(&io, &holds[0]) && i < 100000; i++) {
        struct steward_request r = request(STEWARD_HOLD, 0);
        r.version = 0;
        take(&r);
    }
    ck_assert(holds[0].due.is_due);
    ask(STEWARD_DROP, 0);
    ck_assert(!steward_hold_flush(&io, &holds[0]));
    while (told().kind != 0)
        ;
    ck_assert(steward_hold_flush(&io, &holds[0]));
    expect_dropped(DROP_ASKED);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("steward");
    TCase *t = tcase_create("holding");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, it_is_held_fenced_and_gone_at_its_time);
    tcase_add_test(t, a_lifetime_is_never_shorter_than_the_time_it_is_held);
    tcase_add_test(t, renewals_move_the_gate_each_time_and_the_lifetime_when_it_is_too_short);
    tcase_add_test(t, with_a_fence_and_a_guard_the_kernel_is_told_of_no_renewal);
    tcase_add_test(t,
                   when_the_fence_or_the_guard_is_lost_the_lifetime_is_short_at_the_next_renewal);
    tcase_add_test(t, a_stop_before_the_kernel_is_told_is_undone_at_once);
    tcase_add_test(t, a_stop_while_it_is_added_leaves_nothing_and_says_nothing_on_the_link);
    tcase_add_test(t, a_renewal_that_comes_too_late_goes_through_everything_again);
    tcase_add_test(t, what_may_only_go_on_does_not_begin_anew);
    tcase_add_test(t, a_drop_is_answered_when_it_is_gone_and_not_before);
    tcase_add_test(t, an_earlier_epoch_is_refused_and_a_later_one_is_told);
    suite_add_tcase(s, t);
    t = tcase_create("trouble");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_cannot_be_added_fails_and_leaves_nothing);
    tcase_add_test(t, routes_and_rules_come_and_go_with_the_addresses);
    tcase_add_test(t, a_route_or_rule_that_is_refused_takes_all_back_and_is_named);
    tcase_add_test(t, a_route_that_somebody_removes_is_restored);
    tcase_add_test(t, a_reload_changes_routes_in_place);
    tcase_add_test(t, a_kernel_that_keeps_no_marks_is_found_out);
    tcase_add_test(t, an_operators_address_is_neither_taken_nor_fenced_nor_deleted);
    tcase_add_test(t, without_frames_nothing_is_held_on_ethernet);
    tcase_add_test(t, what_is_gone_or_not_ours_any_more_is_restored);
    tcase_add_test(t, only_another_hosts_claim_on_the_same_link_is_a_conflict);
    tcase_add_test(t, this_hosts_answer_through_another_link_is_no_conflict);
    tcase_add_test(t, a_claim_is_no_conflict_while_the_kernel_does_not_say_whose_it_is);
    tcase_add_test(t, without_a_gate_everything_works_and_the_agent_is_told);
    tcase_add_test(t, a_link_whose_return_was_not_told_is_looked_at_before_it_is_given_up);
    tcase_add_test(t, an_agent_that_does_not_read_is_told_the_last_word_later);
    suite_add_tcase(s, t);
    return unit_run(s);
}
