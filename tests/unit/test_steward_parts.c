/* A vip of several addresses, on interfaces that come and go. */
#include "tests/unit/steward_fixture.h"

#include <stdio.h>

enum { BOTH = 2, OTHER_IFINDEX = 8 };

static const struct steward_vip pair = {
    .name = "pair",
    .addresses_count = BOTH,
    .addresses = {{{[10] = 0xff, [11] = 0xff, 10, 0, 0, 100}, 32, "vip0"},
                  {{0xfd, [15] = 1}, 128, "vip1"}},
    .tracks_count = 1,
    .tracks = {"vip1"},
};

static void setup_pair(void)
{
    setup();
    fake_kernel.other_link = fake_kernel.link;
    fake_kernel.other_link.index = OTHER_IFINDEX;
    snprintf(fake_kernel.other_link.name, sizeof fake_kernel.other_link.name, "vip1");
    set_table(&pair, 1);
    steward_table_settle(&table, &io);
    steward_table_look_at_links(&table, &io);
    holds = table.holds;
}

static void ask_pair(enum steward_request_kind kind, int until_ms)
{
    struct steward_request r = request(kind, until_ms);
    r.vip = holds[0].key;
    take(&r);
}

static bool both_are_there(void)
{
    return fake_addr_find(pair.addresses[0].ip, true) && fake_addr_find(pair.addresses[1].ip, true);
}

static bool none_is_there(void)
{
    return !fake_addr_find(pair.addresses[0].ip, true) &&
           !fake_addr_find(pair.addresses[1].ip, true);
}

static void expect_failed_part(int error, unsigned index)
{
    struct steward_report r = told();
    ck_assert_int_eq(r.kind, STEWARD_FAILED);
    ck_assert_int_eq(r.error, error);
    ck_assert_int_eq(r.part, STEWARD_PART_ADDRESS);
    ck_assert_uint_eq(r.index, index);
}

/* ---- all or none ---- */

START_TEST(all_addresses_are_held_each_on_its_interface_and_go_together)
{
    ask_pair(STEWARD_HOLD, 1000);
    expect(STEWARD_HELD);
    ck_assert(both_are_there());
    ck_assert_int_eq(fake_addr_find(pair.addresses[0].ip, true)->ifindex, FAKE_IFINDEX);
    ck_assert_int_eq(fake_addr_find(pair.addresses[1].ip, true)->ifindex, OTHER_IFINDEX);
    ck_assert_uint_eq(fake_kernel.announcements, BOTH);
    ask_pair(STEWARD_DROP, 0);
    expect_dropped(DROP_ASKED);
    ck_assert(none_is_there());
    ck_assert_uint_eq(fake_kernel.forgets, BOTH);
}
END_TEST

START_TEST(one_that_cannot_be_added_takes_the_others_along_and_is_named)
{
    fake_kernel.set_error = ENOMEM;
    fake_kernel.sets_in_order = 1;
    ask_pair(STEWARD_HOLD, 1000);
    expect_failed_part(ENOMEM, 1);
    ck_assert(none_is_there());
    ck_assert_int_eq(holds[0].hold.state, HOLD_FREE);
}
END_TEST

START_TEST(one_that_an_operator_has_keeps_all_from_being_added)
{
    struct netlink_addr theirs = {.ifindex = OTHER_IFINDEX, .prefix = 128};
    memcpy(theirs.ip, pair.addresses[1].ip, sizeof theirs.ip);
    fake_addr_add(&theirs);
    ask_pair(STEWARD_HOLD, 1000);
    expect_failed_part(EEXIST, 1);
    ck_assert_uint_eq(fake_kernel.sets, 0);
}
END_TEST

START_TEST(only_what_is_missing_is_put_back)
{
    ask_pair(STEWARD_HOLD, 5000);
    expect(STEWARD_HELD);
    pass_until(100);
    unsigned sets = fake_kernel.sets;
    struct netlink_addr gone = *fake_addr_find(pair.addresses[1].ip, true);
    ck_assert(fake_addr_remove(&gone));
    steward_hold_apply_addr(&holds[0], &gone);
    steward_table_verify(&table, &io);
    steward_hold_settle(&io, &holds[0]);
    expect(STEWARD_RESTORED);
    ck_assert(both_are_there());
    ck_assert_uint_eq(fake_kernel.sets, sets + 1);
}
END_TEST

START_TEST(a_claim_of_any_of_them_is_a_conflict_of_the_vip)
{
    struct announce_claim claim = {.ifindex = OTHER_IFINDEX};
    memcpy(claim.ip, pair.addresses[1].ip, sizeof claim.ip);
    memcpy(claim.mac, other_mac, sizeof claim.mac);
    ask_pair(STEWARD_HOLD, 5000);
    expect(STEWARD_HELD);
    steward_hold_apply_claim(&io, &holds[0], &claim);
    struct steward_report r = told();
    ck_assert_int_eq(r.kind, STEWARD_CONFLICT);
    ck_assert_uint_eq(r.index, 1);
}
END_TEST

START_TEST(tracked_interfaces_change_in_place_and_addresses_do_not)
{
    struct steward_vip changed = pair;
    ask_pair(STEWARD_HOLD, 5000);
    expect(STEWARD_HELD);
    changed.tracks_count = 0;
    memset(changed.tracks, 0, sizeof changed.tracks);
    set_table(&changed, 1);
    steward_table_settle(&table, &io);
    ck_assert_uint_eq(table.count, 1);
    ck_assert_uint_eq(table.holds[0].vip.tracks_count, 0);
    ck_assert_int_eq(table.holds[0].hold.state, HOLD_HELD);
    snprintf(changed.addresses[1].interface, sizeof changed.addresses[1].interface, "vip2");
    set_table(&changed, 1);
    steward_table_settle(&table, &io);
    ck_assert(none_is_there());
}
END_TEST

/* ---- beside the host's own addresses ---- */

/* As the kernel reads them: in the order in which they were added. */
static void add_own(uint8_t last, uint8_t prefix)
{
    struct netlink_addr own = {.ifindex = FAKE_IFINDEX, .prefix = prefix, .is_global = true};
    memcpy(own.ip, vips[0].addresses[0].ip, sizeof own.ip);
    own.ip[15] = last;
    fake_addr_add(&own);
    steward_hold_apply_addr(&holds[0], &own);
    steward_table_verify(&table, &io);
}

static struct steward_vip in_a_network(void)
{
    struct steward_vip vip = vips[0];
    vip.addresses[0].prefix = 24;
    return vip;
}

static void set_one(const struct steward_vip *vip)
{
    set_table(vip, 1);
    steward_table_settle(&table, &io);
    holds = table.holds;
}

START_TEST(an_ipv4_address_is_a_single_one_in_the_kernel_whatever_its_network)
{
    struct steward_vip vip = in_a_network();
    set_one(&vip);
    ask_pair(STEWARD_HOLD, 5000);
    expect(STEWARD_HELD);
    ck_assert_uint_eq(fake_addr_find(vip.addresses[0].ip, true)->prefix, 32);
}
END_TEST

START_TEST(a_route_to_its_network_is_there_as_long_as_the_host_has_none)
{
    struct steward_vip vip = in_a_network();
    set_one(&vip);
    ask_pair(STEWARD_HOLD, 60000);
    expect(STEWARD_HELD);
    ck_assert_uint_eq(fake_kernel.networks, 1);
    ck_assert_uint_eq(fake_kernel.network_prefix, 24);
    add_own(1, 24);
    steward_hold_settle(&io, &holds[0]);
    pass_until(100);
    ck_assert_uint_eq(fake_kernel.networks, 0);
    struct netlink_addr own = fake_kernel.addrs[0];
    ck_assert(own.mark != NETLINK_MARK && fake_addr_remove(&own));
    steward_hold_apply_addr(&holds[0], &own);
    steward_table_verify(&table, &io);
    ck_assert_uint_eq(fake_kernel.networks, 0); /* it may be back in a moment */
    steward_table_check(&table, &io);
    ck_assert_uint_eq(fake_kernel.networks, 1);
}
END_TEST

START_TEST(where_the_host_has_an_address_of_its_network_no_route_is_made)
{
    struct steward_vip vip = in_a_network();
    set_one(&vip);
    steward_table_look_at_links(&table, &io);
    add_own(1, 24);
    ask_pair(STEWARD_HOLD, 60000);
    expect(STEWARD_HELD);
    steward_table_check(&table, &io);
    ck_assert_uint_eq(fake_kernel.networks, 0);
}
END_TEST

START_TEST(an_address_of_the_hosts_own_that_comes_later_gets_its_place_before_ours)
{
    set_one(&vips[0]);
    ask_pair(STEWARD_HOLD, 60000);
    expect(STEWARD_HELD);
    add_own(1, 24);
    pass_until(100);
    expect(STEWARD_RESTORED);
    ck_assert_uint_eq(fake_kernel.deletes, 1);
    ck_assert(is_there());
    ck_assert_int_eq(fake_kernel.addrs[fake_kernel.addrs_count - 1].mark, NETLINK_MARK);
    add_own(2, 24); /* another one comes after it, and need not be moved */
    pass_until(500);
    ck_assert_uint_eq(fake_kernel.deletes, 1);
    ck_assert_int_eq(told().kind, 0);
}
END_TEST

START_TEST(one_on_another_interface_or_of_the_link_alone_leaves_ours_where_it_is)
{
    struct netlink_addr own = {.ifindex = FAKE_IFINDEX, .prefix = 16, .is_global = false};
    set_one(&vips[0]);
    ask_pair(STEWARD_HOLD, 60000);
    expect(STEWARD_HELD);
    memcpy(own.ip, vips[0].addresses[0].ip, sizeof own.ip);
    own.ip[12] = 169;
    fake_addr_add(&own);
    own.ifindex = OTHER_IFINDEX;
    own.is_global = true;
    fake_addr_add(&own);
    steward_table_check(&table, &io);
    pass_until(100);
    ck_assert_uint_eq(fake_kernel.deletes, 0);
}
END_TEST

START_TEST(a_copy_in_its_network_that_somebody_adds_does_not_stay_beside_ours)
{
    struct steward_vip vip = in_a_network();
    set_one(&vip);
    add_own(1, 24);
    ask_pair(STEWARD_HOLD, 60000);
    expect(STEWARD_HELD);
    struct netlink_addr copy = operators(FAKE_IFINDEX, 24);
    copy.is_secondary = copy.is_global = true;
    fake_addr_add(&copy);
    steward_hold_apply_addr(&holds[0], &copy);
    steward_table_verify(&table, &io);
    pass_until(100);
    expect(STEWARD_RESTORED);
    ck_assert(is_there());
    ck_assert(!fake_addr_find(vip.addresses[0].ip, false));
}
END_TEST

START_TEST(where_it_is_found_on_this_host_is_said)
{
    struct netlink_addr theirs = operators(OTHER_IFINDEX, 24);
    fake_addr_add(&theirs);
    ask_pair(STEWARD_HOLD, 1000);
    struct steward_report r = told();
    ck_assert_int_eq(r.error, EEXIST);
    ck_assert_str_eq(r.where, "vip1");
}
END_TEST

START_TEST(a_single_address_on_lo_is_not_on_the_link)
{
    struct netlink_addr theirs = operators(NETLINK_LOOPBACK, 32);
    fake_addr_add(&theirs);
    ask_pair(STEWARD_HOLD, 1000);
    expect(STEWARD_HELD);
    ask_pair(STEWARD_DROP, 0);
    expect_dropped(DROP_ASKED);
    ck_assert(fake_addr_remove(&theirs));
    theirs.prefix = 8; /* of a network: everything in it is answered */
    fake_addr_add(&theirs);
    ask_pair(STEWARD_HOLD, 1000);
    struct steward_report r = told();
    ck_assert_int_eq(r.error, EEXIST);
    ck_assert_str_eq(r.where, "lo");
}
END_TEST

START_TEST(one_link_local_address_may_be_on_several_interfaces)
{
    struct steward_vip both = {
        .name = "router",
        .addresses_count = 2,
        .addresses = {{{0xfe, 0x80, [15] = 1}, 64, "vip0"}, {{0xfe, 0x80, [15] = 1}, 64, "vip1"}}};
    struct netlink_addr elsewhere = {.ifindex = OTHER_IFINDEX + 1, .prefix = 64};
    memcpy(elsewhere.ip, both.addresses[0].ip, sizeof elsewhere.ip);
    fake_addr_add(&elsewhere);
    set_one(&both);
    ask_pair(STEWARD_HOLD, 1000);
    expect(STEWARD_HELD);
    ck_assert_uint_eq(fake_kernel.addrs_count, 3);
    ask_pair(STEWARD_DROP, 0);
    expect_dropped(DROP_ASKED);
    ck_assert_uint_eq(fake_kernel.addrs_count, 1);
    elsewhere = fake_kernel.addrs[0];
    ck_assert(fake_addr_remove(&elsewhere));
    elsewhere.ifindex = OTHER_IFINDEX;
    fake_addr_add(&elsewhere);
    ask_pair(STEWARD_HOLD, 1000);
    expect_failed_part(EEXIST, 1);
}
END_TEST

START_TEST(what_was_not_heard_of_is_found_by_a_check)
{
    ask_pair(STEWARD_HOLD, 60000);
    expect(STEWARD_HELD);
    struct netlink_addr gone = *fake_addr_find(pair.addresses[1].ip, true);
    ck_assert(fake_addr_remove(&gone));
    pass_until(1000);
    ck_assert(!both_are_there());
    steward_table_check(&table, &io);
    pass_until(1100);
    ck_assert(both_are_there());
    expect(STEWARD_RESTORED);
    fake_kernel.other_link.up = false;
    steward_table_check(&table, &io);
    pass_until(2000);
    expect_dropped(DROP_LINK);
}
END_TEST

/* ---- what stands in the way ---- */

static void change_other_link(bool enabled, bool up, bool is_port)
{
    fake_kernel.other_link.enabled = enabled;
    fake_kernel.other_link.up = up;
    fake_kernel.other_link.is_port = is_port;
    steward_hold_apply_link(&io, &holds[0], &fake_kernel.other_link, false);
}

START_TEST(the_agent_is_told_what_stands_in_the_way_and_when_it_is_gone)
{
    expect_eligibility("");
    change_other_link(true, false, false);
    expect_eligibility("interface vip1 has no carrier");
    change_other_link(false, false, false);
    expect_eligibility("interface vip1 is not up");
    change_other_link(true, true, true);
    expect_eligibility("interface vip1 is a port of a bridge or bond, and takes no packets itself");
    change_other_link(true, true, false);
    expect_eligibility("");
    fake_kernel.no_link = true;
    steward_hold_apply_link(&io, &holds[0], &fake_kernel.link, true);
    expect_eligibility("interface vip0 is not there");
    fake_kernel.no_link = false;
    steward_hold_apply_link(&io, &holds[0], &fake_kernel.link, false);
    expect_eligibility("");
}
END_TEST

START_TEST(ipv6_that_is_switched_off_is_in_the_way_of_ipv6_alone)
{
    fake_kernel.link.no_ipv6 = true;
    steward_hold_apply_link(&io, &holds[0], &fake_kernel.link, false);
    expect_eligibility("");
    fake_kernel.other_link.no_ipv6 = true;
    change_other_link(true, true, false);
    expect_eligibility("interface vip1 has IPv6 switched off (sysctl disable_ipv6)");
    ask_pair(STEWARD_HOLD, 1000);
    expect_failed_part(EACCES, 1);
}
END_TEST

START_TEST(what_has_not_changed_is_told_once)
{
    expect_eligibility("");
    told_eligibility = (struct steward_report){0};
    steward_hold_apply_link(&io, &holds[0], &fake_kernel.link, false);
    steward_hold_flush(&io, &holds[0]);
    ck_assert_int_eq(told().kind, 0);
    ck_assert_int_eq(told_eligibility.kind, 0);
}
END_TEST

START_TEST(a_tracked_interface_stands_in_the_way_but_may_be_a_port)
{
    struct steward_vip tracking = vips[0];
    tracking.tracks_count = 1;
    snprintf(tracking.tracks[0], sizeof tracking.tracks[0], "vip1");
    fake_kernel.other_link.is_port = true;
    set_table(&tracking, 1);
    steward_table_settle(&table, &io);
    steward_table_look_at_links(&table, &io);
    holds = table.holds;
    expect_eligibility("");
    ask(STEWARD_HOLD, 60000);
    expect(STEWARD_HELD);
    change_other_link(true, false, true);
    expect_eligibility("tracked interface vip1 has no carrier");
    pass_until(249);
    ck_assert(is_there());
    pass_until(250);
    expect_dropped(DROP_LINK);
    ck_assert(!is_there());
    ask(STEWARD_HOLD, 60000);
    struct steward_report r = told();
    ck_assert_int_eq(r.error, ENETDOWN);
    ck_assert_int_eq(r.part, STEWARD_PART_TRACK);
}
END_TEST

START_TEST(a_held_interface_that_is_renamed_or_gone_takes_the_vip_along)
{
    ask_pair(STEWARD_HOLD, 60000);
    expect(STEWARD_HELD);
    snprintf(fake_kernel.other_link.name, sizeof fake_kernel.other_link.name, "lan0");
    steward_hold_apply_link(&io, &holds[0], &fake_kernel.other_link, false);
    expect_eligibility("interface vip1 is not there");
    pass_until(250);
    expect_dropped(DROP_LINK);
    ck_assert(none_is_there());
}
END_TEST

START_TEST(a_renewal_while_one_link_is_gone_renews_the_others)
{
    fake_kernel.no_guard = true;
    ask_pair(STEWARD_HOLD, 1000);
    expect(STEWARD_HELD);
    unsigned sets = fake_kernel.sets;
    fake_kernel.no_link = true;
    steward_hold_apply_link(&io, &holds[0], &fake_kernel.link, true);
    ask_pair(STEWARD_HOLD, 3000);
    ck_assert_uint_eq(fake_kernel.sets, sets + 1);
    ck_assert_uint_eq(fake_kernel.valid_s, 4);
}
END_TEST

START_TEST(a_link_that_returns_is_told_though_the_addresses_stayed)
{
    ask_pair(STEWARD_HOLD, 60000);
    expect(STEWARD_HELD);
    change_other_link(false, false, false);
    pass_until(100);
    change_other_link(true, true, false);
    struct steward_report r = told();
    ck_assert_int_eq(r.kind, STEWARD_RESTORED);
    ck_assert_int_eq(r.reason, DROP_LINK);
    pass_until(1000);
    ck_assert(both_are_there());
    ck_assert_int_eq(told().kind, 0);
}
END_TEST

START_TEST(a_link_that_is_back_before_its_loss_is_heard_of_is_told_too)
{
    struct netlink_link was = fake_kernel.other_link;
    was.enabled = was.up = false;
    ask_pair(STEWARD_HOLD, 60000);
    expect(STEWARD_HELD);
    steward_hold_apply_link(&io, &holds[0], &was, false);
    steward_hold_apply_link(&io, &holds[0], &fake_kernel.other_link, false);
    pass_until(300);
    struct steward_report r = told();
    ck_assert_int_eq(r.kind, STEWARD_RESTORED);
    ck_assert_int_eq(r.reason, DROP_LINK);
    ck_assert_int_eq(told().kind, 0);
    ck_assert_int_eq(holds[0].hold.state, HOLD_HELD);
}
END_TEST

START_TEST(what_the_link_took_along_is_put_back_when_it_returns_and_told_once)
{
    ask_pair(STEWARD_HOLD, 60000);
    expect(STEWARD_HELD);
    change_other_link(false, false, false);
    struct netlink_addr gone = *fake_addr_find(pair.addresses[1].ip, true);
    ck_assert(fake_addr_remove(&gone));
    pass_until(100);
    change_other_link(true, true, false);
    pass_until(200);
    struct steward_report r = told();
    ck_assert_int_eq(r.kind, STEWARD_RESTORED);
    ck_assert_int_eq(r.reason, DROP_LINK);
    ck_assert(both_are_there());
    ck_assert_int_eq(told().kind, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("steward_parts");
    TCase *t = tcase_create("all or none");
    tcase_add_checked_fixture(t, setup_pair, teardown);
    tcase_add_test(t, all_addresses_are_held_each_on_its_interface_and_go_together);
    tcase_add_test(t, one_that_cannot_be_added_takes_the_others_along_and_is_named);
    tcase_add_test(t, one_that_an_operator_has_keeps_all_from_being_added);
    tcase_add_test(t, only_what_is_missing_is_put_back);
    tcase_add_test(t, a_claim_of_any_of_them_is_a_conflict_of_the_vip);
    tcase_add_test(t, tracked_interfaces_change_in_place_and_addresses_do_not);
    suite_add_tcase(s, t);
    t = tcase_create("beside the host's own addresses");
    tcase_add_checked_fixture(t, setup_pair, teardown);
    tcase_add_test(t, an_ipv4_address_is_a_single_one_in_the_kernel_whatever_its_network);
    tcase_add_test(t, a_route_to_its_network_is_there_as_long_as_the_host_has_none);
    tcase_add_test(t, where_the_host_has_an_address_of_its_network_no_route_is_made);
    tcase_add_test(t, an_address_of_the_hosts_own_that_comes_later_gets_its_place_before_ours);
    tcase_add_test(t, one_on_another_interface_or_of_the_link_alone_leaves_ours_where_it_is);
    tcase_add_test(t, a_copy_in_its_network_that_somebody_adds_does_not_stay_beside_ours);
    tcase_add_test(t, where_it_is_found_on_this_host_is_said);
    tcase_add_test(t, a_single_address_on_lo_is_not_on_the_link);
    tcase_add_test(t, one_link_local_address_may_be_on_several_interfaces);
    tcase_add_test(t, what_was_not_heard_of_is_found_by_a_check);
    suite_add_tcase(s, t);
    t = tcase_create("what stands in the way");
    tcase_add_checked_fixture(t, setup_pair, teardown);
    tcase_add_test(t, the_agent_is_told_what_stands_in_the_way_and_when_it_is_gone);
    tcase_add_test(t, ipv6_that_is_switched_off_is_in_the_way_of_ipv6_alone);
    tcase_add_test(t, what_has_not_changed_is_told_once);
    tcase_add_test(t, a_tracked_interface_stands_in_the_way_but_may_be_a_port);
    tcase_add_test(t, a_held_interface_that_is_renamed_or_gone_takes_the_vip_along);
    tcase_add_test(t, a_renewal_while_one_link_is_gone_renews_the_others);
    tcase_add_test(t, a_link_that_returns_is_told_though_the_addresses_stayed);
    tcase_add_test(t, a_link_that_is_back_before_its_loss_is_heard_of_is_told_too);
    tcase_add_test(t, what_the_link_took_along_is_put_back_when_it_returns_and_told_once);
    suite_add_tcase(s, t);
    return unit_run(s);
}
