/* Lists of voters, and how one follows another. */
#include "gossip/lease/voters.h"

#include "tests/unit/unit.h"

#include <string.h>

static const char *const abc[] = {"a", "b", "c"}, *const cba[] = {"c", "b", "a"},
                         *const abd[] = {"a", "b", "d"}, *const dup[] = {"a", "b", "a"},
                         *const bad[] = {"a", "no name"}, *const ade[] = {"a", "d", "e"};
static struct voters v;

static void setup(void)
{
    memset(&v, 0, sizeof v);
}

static struct gossip_voters range(uint32_t low, uint32_t high)
{
    struct voters other = {0};
    voters_configure(&other, high, high == 1 ? abc : abd, 3);
    return (struct gossip_voters){low, high, voters_range(&other).hash};
}

static void expect_range(uint32_t low, uint32_t high)
{
    ck_assert_uint_eq(voters_range(&v).oldest, low);
    ck_assert_uint_eq(voters_range(&v).newest, high);
}

START_TEST(the_first_version_is_in_force_at_once)
{
    struct lease_quorum quorum;
    ck_assert(!voters_quorum(&v, &quorum));
    expect_range(0, 0);
    ck_assert_int_eq(voters_configure(&v, 1, abc, 3), VOTERS_OK);
    expect_range(1, 1);
    ck_assert(voters_quorum(&v, &quorum));
    ck_assert_uint_eq(quorum.configurations, 1);
    ck_assert_uint_eq(quorum.voters[0], 3);
}
END_TEST

START_TEST(what_is_no_list_is_refused)
{
    ck_assert_int_eq(voters_configure(&v, 0, abc, 3), VOTERS_ERROR_EMPTY);
    ck_assert_int_eq(voters_configure(&v, 1, abc, 0), VOTERS_ERROR_EMPTY);
    ck_assert_int_eq(voters_configure(&v, 1, dup, 3), VOTERS_ERROR_EMPTY);
    ck_assert_int_eq(voters_configure(&v, 1, bad, 2), VOTERS_ERROR_EMPTY);
    expect_range(0, 0);
}
END_TEST

START_TEST(the_same_list_is_the_same_in_any_order_and_another_needs_a_higher_version)
{
    voters_configure(&v, 1, abc, 3);
    ck_assert_int_eq(voters_configure(&v, 1, cba, 3), VOTERS_OK);
    ck_assert_int_eq(voters_configure(&v, 1, abd, 3), VOTERS_ERROR_CHANGED);
    ck_assert_int_eq(voters_configure(&v, 2, abd, 3), VOTERS_OK);
    ck_assert_int_eq(voters_configure(&v, 1, abc, 3), VOTERS_ERROR_OLDER);
    expect_range(1, 2);
}
END_TEST

START_TEST(the_next_list_stands_beside_the_last_until_that_is_settled)
{
    struct lease_quorum quorum;
    voters_configure(&v, 1, abc, 3);
    voters_configure(&v, 2, abd, 3);
    ck_assert(voters_quorum(&v, &quorum));
    ck_assert_uint_eq(quorum.configurations, 2);
    ck_assert_int_eq(voters_deadline(&v), INT64_MAX);
    voters_note(&v, 1000, "a", range(1, 2));
    voters_note(&v, 1000, "a", range(1, 2)); /* the same once more is no other */
    voters_note(&v, 1000, "c", range(1, 1));
    voters_note(&v, 1000, "d", range(0, 2)); /* was no voter of the last */
    ck_assert_int_eq(voters_deadline(&v), INT64_MAX);
    voters_note(&v, 2000, "b", range(1, 2));
    int64_t settled_us = voters_deadline(&v);
    ck_assert_int_ge(settled_us, 2000 + 1000 * LEASE_LENGTH_MS_MAX);
    ck_assert(!voters_tick(&v, settled_us - 1));
    ck_assert(voters_tick(&v, settled_us));
    expect_range(2, 2);
    ck_assert_int_eq(voters_deadline(&v), INT64_MAX);
}
END_TEST

START_TEST(a_voter_serves_who_covers_what_it_goes_by)
{
    voters_configure(&v, 1, abc, 3);
    ck_assert(voters_serve(&v, range(1, 1)));
    ck_assert(voters_serve(&v, range(1, 2)));
    ck_assert(!voters_serve(&v, range(2, 2)));
    ck_assert(!voters_serve(&v, range(0, 1)));
    ck_assert(!voters_serve(&v, (struct gossip_voters){1, 1, 7}));
    voters_configure(&v, 2, abd, 3);
    ck_assert(!voters_serve(&v, range(1, 1)));
    ck_assert(voters_serve(&v, range(1, 2)));
    ck_assert(!voters_serve(&v, range(2, 2)));
}
END_TEST

START_TEST(who_missed_a_version_waits_to_be_let_in)
{
    struct lease_quorum quorum;
    voters_configure(&v, 2, abd, 3);
    expect_range(0, 2);
    ck_assert(!voters_quorum(&v, &quorum));
    ck_assert(!voters_serve(&v, range(2, 2)));
    ck_assert(voters_serve(&v, range(1, 2))); /* has a majority of the last one too */
    ck_assert(!voters_note(&v, 0, "a", range(1, 2)));
    ck_assert(!voters_note(&v, 0, "d", range(0, 2)));
    ck_assert(!voters_note(&v, 0, "b", (struct gossip_voters){2, 2, 7}));
    ck_assert(voters_note(&v, 0, "b", range(2, 2)));
    expect_range(2, 2);
    ck_assert(voters_quorum(&v, &quorum));
}
END_TEST

START_TEST(only_so_many_changes_at_one_time)
{
    voters_configure(&v, 1, abc, 3);
    ck_assert_int_eq(voters_configure(&v, 2, abd, 3), VOTERS_OK);
    ck_assert_int_eq(voters_configure(&v, 3, ade, 3), VOTERS_OK);
    ck_assert_int_eq(voters_configure(&v, 4, abc, 3), VOTERS_ERROR_FULL);
    expect_range(1, 3);
}
END_TEST

START_TEST(what_was_kept_comes_back)
{
    ck_assert(voters_restore(&v, 4, false, abc, 3));
    ck_assert(!voters_restore(&v, 6, false, abd, 3));
    ck_assert(voters_restore(&v, 5, false, abd, 3));
    expect_range(4, 5);
    setup();
    ck_assert(voters_restore(&v, 4, true, abc, 3));
    ck_assert(!voters_restore(&v, 5, false, abd, 3));
    expect_range(0, 4);
}
END_TEST

START_TEST(each_name_is_walked_once_and_has_its_seat_in_each_list)
{
    char walked[16] = "";
    size_t len = 0;
    uint32_t bits[LEASE_CONFIGURATIONS_MAX];
    unsigned cursor = 0;
    voters_configure(&v, 1, abc, 3);
    voters_configure(&v, 2, ade, 3);
    for (const char *name; (name = voters_next(&v, &cursor));)
        walked[len++] = *name;
    ck_assert_str_eq(walked, "abcde");
    ck_assert(voters_bits(&v, "a", bits));
    ck_assert_uint_eq(bits[0], 1);
    ck_assert_uint_eq(bits[1], 1);
    ck_assert(voters_bits(&v, "e", bits));
    ck_assert_uint_eq(bits[0], 0);
    ck_assert_uint_eq(bits[1], 4);
    ck_assert(!voters_bits(&v, "f", bits));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("voters");
    TCase *t = tcase_create("voters");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, the_first_version_is_in_force_at_once);
    tcase_add_test(t, what_is_no_list_is_refused);
    tcase_add_test(t, the_same_list_is_the_same_in_any_order_and_another_needs_a_higher_version);
    tcase_add_test(t, the_next_list_stands_beside_the_last_until_that_is_settled);
    tcase_add_test(t, a_voter_serves_who_covers_what_it_goes_by);
    tcase_add_test(t, who_missed_a_version_waits_to_be_let_in);
    tcase_add_test(t, only_so_many_changes_at_one_time);
    tcase_add_test(t, what_was_kept_comes_back);
    tcase_add_test(t, each_name_is_walked_once_and_has_its_seat_in_each_list);
    suite_add_tcase(s, t);
    return unit_run(s);
}
