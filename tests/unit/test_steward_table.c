/* The steward's records, and which addresses it has. */
#include "tests/unit/steward_fixture.h"

#include <stddef.h>

/* ---- records ---- */

static int check(const struct steward_request *r, size_t count)
{
    struct steward_request copy;
    return steward_request_check(r, count, begun_us, &copy);
}

START_TEST(a_request_in_order_is_copied)
{
    struct steward_request r = request(STEWARD_HOLD, 1000), copy;
    r.flags = STEWARD_PROBE | STEWARD_RENEW;
    ck_assert_int_eq(steward_request_check(&r, sizeof r, begun_us, &copy), 0);
    ck_assert_mem_eq(&r, &copy, sizeof r);
}
END_TEST

START_TEST(a_request_of_another_size_is_refused)
{
    uint8_t bytes[2 * sizeof(struct steward_request)] = {0};
    struct steward_request r = request(STEWARD_HOLD, 1000);
    memcpy(bytes, &r, sizeof r);
    for (size_t count = 0; count <= sizeof bytes; count++)
        ck_assert_int_eq(steward_request_check(bytes, count, begun_us, &r),
                         count == sizeof r ? 0 : EMSGSIZE);
}
END_TEST

START_TEST(a_request_with_a_field_out_of_range_is_refused)
{
    struct steward_request r = request(STEWARD_HOLD, 61000);
    ck_assert_int_eq(check(&r, sizeof r), 0);
    r.until_us++;
    ck_assert_int_eq(check(&r, sizeof r), EINVAL);
    r.until_us = INT64_MAX;
    ck_assert_int_eq(check(&r, sizeof r), EINVAL);
    r.until_us = -1;
    ck_assert_int_eq(check(&r, sizeof r), EINVAL);
    r.until_us = 0;
    ck_assert_int_eq(check(&r, sizeof r), 0);
    r.version++;
    ck_assert_int_eq(check(&r, sizeof r), EPROTO);
    r.version--;
    r.flags = 8;
    ck_assert_int_eq(check(&r, sizeof r), EPROTO);
    r.flags = 0;
    for (size_t i = 0; i < sizeof r.zero; i++) {
        r.zero[i] = 1;
        ck_assert_int_eq(check(&r, sizeof r), EPROTO);
        r.zero[i] = 0;
    }
    for (unsigned kind = 0; kind < 256; kind++) {
        r.kind = (uint8_t)kind;
        ck_assert_int_eq(check(&r, sizeof r), kind >= 1 && kind <= 5 ? 0 : EPROTO);
    }
}
END_TEST

START_TEST(a_report_with_a_field_out_of_range_is_refused)
{
    struct steward_report r = {.version = STEWARD_VERSION, .kind = STEWARD_HELD, .vip = 1}, copy;
    ck_assert_int_eq(steward_report_check(&r, sizeof r, &copy), 0);
    ck_assert_int_eq(steward_report_check(&r, sizeof r - 1, &copy), EMSGSIZE);
    r.kind = STEWARD_ELIGIBILITY + 1;
    ck_assert_int_eq(steward_report_check(&r, sizeof r, &copy), EPROTO);
    r.kind = STEWARD_ELIGIBILITY;
    r.reason = STEWARD_INELIGIBLE_COUNT;
    ck_assert_int_eq(steward_report_check(&r, sizeof r, &copy), EPROTO);
    r.kind = STEWARD_READY;
    r.reason = DROP_REASONS_COUNT;
    ck_assert_int_eq(steward_report_check(&r, sizeof r, &copy), EPROTO);
    r.reason = 0;
    r.part = STEWARD_PARTS_COUNT;
    ck_assert_int_eq(steward_report_check(&r, sizeof r, &copy), EPROTO);
    r.part = STEWARD_PART_TRACK;
    ck_assert_int_eq(steward_report_check(&r, sizeof r, &copy), 0);
    memset(r.where, 'x', sizeof r.where);
    ck_assert_int_eq(steward_report_check(&r, sizeof r, &copy), EPROTO);
}
END_TEST

START_TEST(a_request_that_is_refused_changes_nothing)
{
    struct steward_request r = request(STEWARD_HOLD, 1000);
    r.flags = 64;
    take(&r);
    expect_failed(EPROTO);
    steward_table_apply(&table, &io, &r, 3);
    expect_failed(EMSGSIZE);
    r.flags = 0;
    r.vip++;
    take(&r);
    expect_failed(ENXIO);
    ck_assert_uint_eq(fake_kernel.sets, 0);
    ck_assert_int_eq(holds[0].hold.state, HOLD_FREE);
}
END_TEST

/* ---- the table ---- */

START_TEST(keys_tell_apart_what_is_not_the_same_address)
{
    static const size_t places[] = {offsetof(struct steward_vip, name),
                                    offsetof(struct steward_vip, addresses_count),
                                    offsetof(struct steward_vip, addresses[0].ip),
                                    offsetof(struct steward_vip, addresses[0].prefix),
                                    offsetof(struct steward_vip, addresses[0].interface)};
    struct steward_vip same = vips[0];
    ck_assert_uint_eq(steward_vip_key(&same), steward_vip_key(&vips[0]));
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct steward_vip other = vips[0];
        ((uint8_t *)&other)[places[i]]++;
        ck_assert_uint_ne(steward_vip_key(&other), steward_vip_key(&vips[0]));
    }
}
END_TEST

START_TEST(what_stays_in_the_table_goes_on)
{
    ask(STEWARD_HOLD, 1500);
    expect(STEWARD_HELD);
    struct steward_vip others[] = {
        {.name = "new", .addresses_count = 1, .addresses = {{{[15] = 7}, 128, "vip0"}}}, vips[0]};
    set_table(others, 2);
    steward_table_settle(&table, &io);
    ck_assert_uint_eq(table.count, 2);
    ck_assert(is_there());
    ck_assert_uint_eq(fake_kernel.sets, 1);
    ask(STEWARD_HOLD, 2500);
    expect(STEWARD_HELD);
}
END_TEST

START_TEST(what_is_in_the_table_no_more_is_dropped_and_cannot_be_held)
{
    ask(STEWARD_HOLD, 1500);
    expect(STEWARD_HELD);
    fake_kernel.delete_error = EBUSY;
    set_table(&vips[1], 1);
    steward_table_settle(&table, &io);
    ck_assert_uint_eq(table.count, 2); /* it is still there */
    ask(STEWARD_HOLD, 2500);
    struct steward_report r = told();
    ck_assert_int_eq(r.error, ENXIO);
    fake_kernel.delete_error = 0;
    fake_kernel.now_us += 50 * MS;
    steward_table_settle(&table, &io);
    expect_dropped(DROP_ASKED);
    ck_assert(!is_there());
    ck_assert_uint_eq(table.count, 1);
    ask(STEWARD_HOLD, 2500);
    expect_failed(ENXIO);
}
END_TEST

START_TEST(what_returns_to_the_table_can_be_held_again)
{
    ask(STEWARD_HOLD, 1500);
    expect(STEWARD_HELD);
    set_table(NULL, 0);
    set_table(vips, VIPS);
    steward_table_settle(&table, &io);
    expect_dropped(DROP_ASKED);
    ask(STEWARD_HOLD, 2500);
    expect(STEWARD_HELD);
    ck_assert_uint_eq(table.count, VIPS);
}
END_TEST

START_TEST(while_a_configuration_is_prepared_both_can_be_held)
{
    struct steward_vip fresh = {
        .name = "new", .addresses_count = 1, .addresses = {{{[15] = 7}, 128, "vip0"}}};
    ask(STEWARD_HOLD, 1500);
    expect(STEWARD_HELD);
    ck_assert(steward_table_prepare(&table, &fresh, 1));
    steward_table_settle(&table, &io);
    ck_assert_uint_eq(table.count, VIPS + 1);
    ask(STEWARD_HOLD, 2500);
    expect(STEWARD_HELD);
    steward_table_commit(&table, &io);
    steward_table_settle(&table, &io);
    expect_dropped(DROP_ASKED);
    ck_assert_uint_eq(table.count, 1);
}
END_TEST

START_TEST(a_configuration_that_is_rolled_back_leaves_all_as_it_was)
{
    struct steward_vip fresh = {
        .name = "new", .addresses_count = 1, .addresses = {{{[15] = 7}, 128, "vip0"}}};
    ask(STEWARD_HOLD, 1500);
    expect(STEWARD_HELD);
    ck_assert(steward_table_prepare(&table, &fresh, 1));
    steward_table_rollback(&table);
    steward_table_settle(&table, &io);
    ck_assert_uint_eq(table.count, VIPS);
    ck_assert(is_there());
    ask(STEWARD_HOLD, 2500);
    expect(STEWARD_HELD);
    steward_table_rollback(&table); /* there is none */
    steward_table_settle(&table, &io);
    ck_assert_uint_eq(table.count, VIPS);
}
END_TEST

/* ---- from one steward to the next ---- */

/* Held by the one before, with a second and a half to go. */
static struct handover_hold given(const struct steward_vip *vip)
{
    struct netlink_addr addr = operators(FAKE_IFINDEX, 32);
    addr.mark = NETLINK_MARK;
    fake_addr_add(&addr);
    return (struct handover_hold){.vip = *vip,
                                  .epoch = 5,
                                  .until_us = begun_us + 1500 * MS,
                                  .kernel_until_us = begun_us + 2000 * MS};
}

START_TEST(what_is_handed_over_stays_and_goes_at_its_time)
{
    struct handover_hold h = given(&vips[0]);
    ck_assert(steward_table_adopt(&table, &io, &h));
    steward_table_settle(&table, &io);
    ck_assert(steward_hold_flush(&io, &holds[0]));
    expect(STEWARD_ADOPTED);
    ck_assert_int_eq(fake_kernel.fence_ms, 1500);
    ck_assert_uint_eq(fake_kernel.announcements, 1);
    pass_until(1499);
    ck_assert(is_there());
    ck_assert_uint_eq(fake_kernel.probes + fake_kernel.deletes, 0);
    pass_until(1500);
    expect_dropped(DROP_EXPIRED);
    ck_assert(!is_there());
}
END_TEST

START_TEST(what_is_handed_over_may_be_of_ipv6)
{
    struct handover_hold h = given(&vips[1]);
    struct netlink_addr addr = {.ifindex = FAKE_IFINDEX, .prefix = 128, .mark = NETLINK_MARK};
    memcpy(addr.ip, vips[1].addresses[0].ip, sizeof addr.ip);
    fake_addr_add(&addr);
    ck_assert(steward_table_adopt(&table, &io, &h));
    steward_table_settle(&table, &io);
    steward_table_check(&table, &io);
    ck_assert_int_eq(holds[1].hold.state, HOLD_HELD);
    ck_assert_uint_eq(fake_kernel.networks, 0);
}
END_TEST

START_TEST(what_is_handed_over_goes_on_by_a_hold)
{
    struct handover_hold h = given(&vips[0]);
    ck_assert(steward_table_adopt(&table, &io, &h));
    struct steward_request r = request(STEWARD_HOLD, 3000);
    r.flags = STEWARD_PROBE;
    r.epoch = 6;
    take(&r);
    expect(STEWARD_HELD);
    pass_until(2999);
    ck_assert(is_there());
    ck_assert_uint_eq(fake_kernel.deletes, 0);
    pass_until(3000);
    expect_dropped(DROP_EXPIRED);
}
END_TEST

START_TEST(what_is_handed_over_and_not_configured_any_more_is_removed)
{
    struct steward_vip other = vips[0];
    other.name[0] = 'x';
    struct handover_hold h = given(&other);
    ck_assert(steward_table_adopt(&table, &io, &h));
    ck_assert_uint_eq(table.count, VIPS + 1);
    steward_table_settle(&table, &io);
    ck_assert(!is_there());
    ck_assert_uint_eq(table.count, VIPS);
}
END_TEST

START_TEST(what_is_handed_over_too_late_is_not_taken)
{
    struct handover_hold h = given(&vips[0]);
    fake_kernel.now_us = h.until_us;
    ck_assert(!steward_table_adopt(&table, &io, &h));
    h.until_us += STEWARD_AHEAD_US_MAX + 1;
    ck_assert(!steward_table_adopt(&table, &io, &h));
    ck_assert_int_eq(holds[0].hold.state, HOLD_FREE);
}
END_TEST

START_TEST(only_what_is_held_is_given)
{
    fake_kernel.no_guard = true;
    struct handover_hold gave[VIPS];
    ck_assert_uint_eq(steward_table_give(&table, gave), 0);
    ask(STEWARD_HOLD, 1500);
    ck_assert_uint_eq(steward_table_give(&table, gave), 1);
    ck_assert_mem_eq(&gave[0].vip, &vips[0], sizeof vips[0]);
    ck_assert_uint_eq(gave[0].epoch, 5);
    ck_assert_int_eq(gave[0].until_us, begun_us + 1500 * MS);
    ck_assert_int_eq(gave[0].kernel_until_us, begun_us + 2000 * MS);
    ask(STEWARD_DROP, 0);
    ck_assert_uint_eq(steward_table_give(&table, gave), 0);
}
END_TEST

START_TEST(an_agent_that_ends_in_order_says_so)
{
    struct steward_request r = request(STEWARD_QUIT, 0);
    r.vip = 0;
    ck_assert(!io.quit);
    take(&r);
    ck_assert(io.quit);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("steward_table");
    TCase *t = tcase_create("records");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_request_in_order_is_copied);
    tcase_add_test(t, a_request_of_another_size_is_refused);
    tcase_add_test(t, a_request_with_a_field_out_of_range_is_refused);
    tcase_add_test(t, a_report_with_a_field_out_of_range_is_refused);
    tcase_add_test(t, a_request_that_is_refused_changes_nothing);
    suite_add_tcase(s, t);
    t = tcase_create("table");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, keys_tell_apart_what_is_not_the_same_address);
    tcase_add_test(t, what_stays_in_the_table_goes_on);
    tcase_add_test(t, what_is_in_the_table_no_more_is_dropped_and_cannot_be_held);
    tcase_add_test(t, what_returns_to_the_table_can_be_held_again);
    tcase_add_test(t, while_a_configuration_is_prepared_both_can_be_held);
    tcase_add_test(t, a_configuration_that_is_rolled_back_leaves_all_as_it_was);
    suite_add_tcase(s, t);
    t = tcase_create("from one steward to the next");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_is_handed_over_stays_and_goes_at_its_time);
    tcase_add_test(t, what_is_handed_over_may_be_of_ipv6);
    tcase_add_test(t, what_is_handed_over_goes_on_by_a_hold);
    tcase_add_test(t, what_is_handed_over_and_not_configured_any_more_is_removed);
    tcase_add_test(t, what_is_handed_over_too_late_is_not_taken);
    tcase_add_test(t, only_what_is_held_is_given);
    tcase_add_test(t, an_agent_that_ends_in_order_says_so);
    suite_add_tcase(s, t);
    return unit_run(s);
}
