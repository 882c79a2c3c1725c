/* Which addresses there are changes. */
#include "tests/unit/vips_fixture.h"

/* The same address on another interface, and another one. */
static struct vip_spec moved, more;

static void setup_more(void)
{
    static char name[] = "more";
    static struct vip_address elsewhere, another;
    setup();
    moved = spec;
    elsewhere = another = spec.addresses[0];
    memcpy(elsewhere.interface, "eth1", sizeof "eth1");
    moved.addresses = &elsewhere;
    more = spec;
    more.name = name;
    another.ip[15] = 7;
    more.addresses = &another;
}

START_TEST(what_is_taken_out_is_down_before_its_lease_goes)
{
    hold();
    vips_retain(v, NULL, 0);
    expect_asked(STEWARD_DROP, 7);
    assert_state(VIP_STOPPING);
    ck_assert(!vips_are_retained(v));
    ck_assert_str_eq(fake_leases_asked(), "");
    say((struct steward_report){.kind = STEWARD_DROPPED, .reason = DROP_ASKED, .epoch = 7});
    ck_assert_str_eq(fake_leases_asked(), "release vip/web\nwatch vip/web\n");
    ck_assert_str_eq(fake_leases_told(), "vip-released web - 7 here\n");
    ck_assert(vips_are_retained(v));
    ck_assert_str_eq(view().ineligible_because, "it is not configured any more");
    take_on(NULL, 0);
    ck_assert_str_eq(fake_leases_asked(), "release vip/web\n");
    ck_assert_str_eq(snapshot(), "");
    struct vips_view none;
    ck_assert(!vips_find(v, "web", &none));
}
END_TEST

START_TEST(what_is_taken_out_and_back_is_wanted_again)
{
    hold();
    vips_retain(v, NULL, 0);
    say((struct steward_report){.kind = STEWARD_DROPPED, .reason = DROP_ASKED, .epoch = 7});
    fake_leases_asked();
    vips_retain(v, &spec, 1);
    ck_assert_str_eq(fake_leases_asked(), "want vip/web 90\n");
    ck_assert_ptr_null(view().ineligible_because);
}
END_TEST

START_TEST(what_stays_is_not_disturbed)
{
    struct vip_spec both[] = {more, spec};
    hold();
    expect_not_asked();
    vips_retain(v, both, 2);
    ck_assert(vips_are_retained(v));
    take_on(both, 2);
    expect_not_asked();
    assert_state(VIP_HOLDING);
    ck_assert_str_eq(fake_leases_asked(), "watch vip/more\nwant vip/web 90\nwant vip/more 90\n");
    ck_assert_str_eq(fake_leases_told(), "");
    renew();
    expect_hold(STEWARD_RENEW);
    spec = both[1]; /* outlives it */
}
END_TEST

START_TEST(the_same_name_elsewhere_is_another_address)
{
    hold();
    vips_retain(v, &moved, 1);
    expect_asked(STEWARD_DROP, 7);
    say((struct steward_report){.kind = STEWARD_DROPPED, .reason = DROP_ASKED, .epoch = 7});
    fake_leases_asked();
    fake_leases_told();
    take_on(&moved, 1);
    ck_assert_str_eq(fake_leases_asked(), "release vip/web\nwatch vip/web\nwant vip/web 90\n");
    assert_state(VIP_WAITING);
    ck_assert_ptr_eq(view().spec, &moved);
    say_word(STEWARD_DROPPED); /* of the one before: it comes late */
    ck_assert_str_eq(snapshot(), "web - 0\n");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vips_reload");
    TCase *t = tcase_create("reload");
    tcase_add_checked_fixture(t, setup_more, teardown);
    tcase_add_test(t, what_is_taken_out_is_down_before_its_lease_goes);
    tcase_add_test(t, what_is_taken_out_and_back_is_wanted_again);
    tcase_add_test(t, what_stays_is_not_disturbed);
    tcase_add_test(t, the_same_name_elsewhere_is_another_address);
    suite_add_tcase(s, t);
    return unit_run(s);
}
