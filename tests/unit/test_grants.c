/* A voter of many leases: whom it lets have what is free, and what it keeps of each. */
#include "gossip/core.h"

#include "tests/unit/unit.h"

#include <string.h>

enum { LENGTH_US = 1000000, SHORT_US = LENGTH_US / 2 };

static struct grants grants;
static int64_t now_us;

static void setup(void)
{
    grants = (struct grants){.longest_ms = GRANTS_LENGTH_MS};
    now_us = 10 * LENGTH_US;
}

static void teardown(void)
{
    grants_free(&grants);
}

/* What the voter answers; kind 0: nothing. */
static struct lease_message hear(uint64_t name, enum lease_kind kind, uint64_t round,
                                 uint64_t owner, uint8_t priority)
{
    struct lease_message answer = {0};
    struct wire_lease heard = {name,
                               {.kind = kind,
                                .ballot = {round, 100 + owner},
                                .grant = {.owner = owner, .priority = priority, .epoch = round},
                                .time_us = LENGTH_US}};
    if (!grants_receive(&grants, now_us, &heard, &answer))
        answer.kind = 0;
    return answer;
}

static void release_to(uint64_t name, uint64_t round, uint64_t owner, uint64_t successor)
{
    struct lease_message none;
    struct wire_lease heard = {
        name, {.kind = LEASE_RELEASE, .ballot = {round, 100 + owner}, .successor = successor}};
    ck_assert(!grants_receive(&grants, now_us, &heard, &none));
}

static void grant(uint64_t name, uint64_t round, uint64_t owner, uint8_t priority)
{
    ck_assert_int_eq(hear(name, LEASE_PREPARE, round, owner, priority).kind, LEASE_PROMISE);
    ck_assert_int_eq(hear(name, LEASE_PROPOSE, round, owner, priority).kind, LEASE_ACCEPT);
}

START_TEST(each_name_is_a_lease_of_its_own)
{
    for (uint64_t name = 100; name > 0; name--)
        grant(name, 1, name % 7 + 1, 100);
    for (uint64_t name = 1; name <= 100; name++)
        ck_assert_uint_eq(hear(name, LEASE_QUERY, 0, 9, 0).grant.owner, name % 7 + 1);
    ck_assert_uint_eq(grants.count, 100);
    struct lease_message unknown = hear(101, LEASE_QUERY, 0, 9, 0); /* answered all the same */
    ck_assert_int_eq(unknown.kind, LEASE_REFUSE);
    ck_assert(unknown.round == 0 && unknown.grant.owner == 0);
    ck_assert_uint_eq(grants.count, 100);
}
END_TEST

START_TEST(it_is_silent_until_its_quarantine_is_over)
{
    grants.silent_until_us = now_us + 1;
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 1, 1, 100).kind, 0);
    now_us++;
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 1, 1, 100).kind, LEASE_PROMISE);
}
END_TEST

START_TEST(whose_disk_knows_of_nothing_is_silent_for_as_long_as_what_is_asked_for)
{
    grants.started_us = now_us;
    now_us += lease_quarantine_us(1000000) - 1;
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 1, 1, 100).kind, 0);
    now_us++;
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 1, 1, 100).kind, LEASE_PROMISE);
}
END_TEST

START_TEST(what_is_longer_than_the_disk_knows_is_not_granted_and_is_told_of)
{
    grants.longest_ms = 999;
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 1, 1, 100).kind, 0);
    ck_assert_int_eq(hear(1, LEASE_PROPOSE, 1, 1, 100).kind, 0);
    ck_assert_uint_eq(grants.wanted_ms, 1000);
    grants.longest_ms = 1000;
    grant(1, 1, 1, 100);
}
END_TEST

START_TEST(what_becomes_free_is_kept_for_the_best_that_wait_but_not_for_long)
{
    grant(1, 1, 1, 100);
    now_us += SHORT_US;
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 2, 2, 200).kind, LEASE_REFUSE);
    now_us += SHORT_US;
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 2, 3, 100).kind, LEASE_REFUSE);
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 2, 2, 200).kind, LEASE_PROMISE);
    now_us += SHORT_US;
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 3, 3, 100).kind, LEASE_PROMISE);
}
END_TEST

/* A holder (1) of priority 150, renewed halfway, and two that wait: 2 of 100 and 3 of 50. */
static void grant_with_two_waiting(void)
{
    grant(1, 1, 1, 150);
    now_us += SHORT_US;
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 2, 3, 50).kind, LEASE_REFUSE);
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 2, 2, 100).kind, LEASE_REFUSE);
    grant(1, 2, 1, 150);
    now_us += SHORT_US;
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 3, 3, 50).kind, LEASE_REFUSE);
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 3, 2, 100).kind, LEASE_REFUSE);
}

START_TEST(a_holder_that_renews_does_not_hide_those_that_wait)
{
    grant_with_two_waiting();
    now_us += SHORT_US;
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 4, 3, 50).kind, LEASE_REFUSE);
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 4, 2, 100).kind, LEASE_PROMISE);
}
END_TEST

START_TEST(the_best_keeps_its_place_while_it_asks_but_not_for_ever)
{
    grant_with_two_waiting();
    int64_t free_us = now_us + SHORT_US;
    for (now_us = free_us; now_us < free_us + SHORT_US; now_us += LENGTH_US / 10) {
        ck_assert_int_eq(hear(1, LEASE_PREPARE, 4, 2, 100).kind, LEASE_PROMISE);
        ck_assert_int_eq(hear(1, LEASE_PREPARE, 5, 3, 50).kind, LEASE_REFUSE);
    }
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 5, 3, 50).kind, LEASE_PROMISE);
}
END_TEST

START_TEST(after_a_best_that_died_the_next_best_comes_first)
{
    grant_with_two_waiting();
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 3, 4, 200).kind, LEASE_REFUSE);
    now_us += SHORT_US;
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 4, 2, 100).kind, LEASE_REFUSE);
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 4, 3, 50).kind, LEASE_REFUSE);
    now_us += LENGTH_US / 10;
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 4, 2, 100).kind, LEASE_REFUSE);
    now_us += LENGTH_US / 10;
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 4, 3, 50).kind, LEASE_REFUSE);
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 4, 2, 100).kind, LEASE_PROMISE);
}
END_TEST

START_TEST(a_candidate_that_only_observes_now_is_not_waited_for)
{
    grant_with_two_waiting();
    ck_assert_int_eq(hear(1, LEASE_QUERY, 0, 2, 0).kind, LEASE_REFUSE);
    now_us += SHORT_US;
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 4, 3, 50).kind, LEASE_PROMISE);
}
END_TEST

START_TEST(a_holder_that_let_it_run_out_is_not_favoured)
{
    grant_with_two_waiting();
    now_us += SHORT_US;
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 4, 1, 150).kind, LEASE_PROMISE);
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 5, 2, 100).kind, LEASE_PROMISE);
}
END_TEST

START_TEST(after_a_successor_that_died_the_best_that_waits_comes_first)
{
    grant_with_two_waiting();
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 3, 4, 200).kind, LEASE_REFUSE);
    release_to(1, 2, 1, 4);
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 4, 2, 100).kind, LEASE_REFUSE);
    now_us += LENGTH_US / 4;
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 4, 3, 50).kind, LEASE_REFUSE);
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 4, 2, 100).kind, LEASE_PROMISE);
}
END_TEST

START_TEST(what_is_handed_over_is_kept_for_the_heir_but_not_for_long)
{
    grant(1, 1, 1, 100);
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 2, 2, 200).kind, LEASE_REFUSE);
    release_to(1, 1, 1, 3);
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 3, 2, 200).kind, LEASE_REFUSE);
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 3, 3, 100).kind, LEASE_PROMISE);
    now_us += SHORT_US;
    ck_assert_int_eq(hear(1, LEASE_PREPARE, 4, 2, 200).kind, LEASE_PROMISE);
}
END_TEST

START_TEST(epochs_go_on_where_the_disk_says_and_over_all_names)
{
    grants.epochs = 1000;
    ck_assert_uint_eq(hear(1, LEASE_PREPARE, 1, 1, 100).grant.epoch, 1000);
    hear(1, LEASE_PROPOSE, 1001, 1, 100);
    ck_assert_uint_eq(grants.epochs, 1001);
    ck_assert_uint_eq(hear(2, LEASE_PREPARE, 1, 1, 100).grant.epoch, 1001);
}
END_TEST

START_TEST(of_too_many_names_the_one_used_longest_ago_makes_room_unless_it_is_held)
{
    grant(1, 1, 1, 100);
    for (uint64_t name = 2; name <= GRANTS_MAX; name++, now_us++)
        hear(name, LEASE_PREPARE, 1, 1, 100);
    ck_assert_int_eq(hear(GRANTS_MAX + 1, LEASE_PREPARE, 1, 1, 100).kind, LEASE_PROMISE);
    ck_assert_uint_eq(grants.count, GRANTS_MAX);
    ck_assert_uint_eq(hear(1, LEASE_QUERY, 0, 9, 0).grant.owner, 1);
    ck_assert_uint_eq(hear(2, LEASE_QUERY, 0, 9, 0).round, 0);
    ck_assert_uint_eq(hear(3, LEASE_QUERY, 0, 9, 0).round, 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("grants");
    TCase *t = tcase_create("grants");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, each_name_is_a_lease_of_its_own);
    tcase_add_test(t, it_is_silent_until_its_quarantine_is_over);
    tcase_add_test(t, whose_disk_knows_of_nothing_is_silent_for_as_long_as_what_is_asked_for);
    tcase_add_test(t, what_is_longer_than_the_disk_knows_is_not_granted_and_is_told_of);
    tcase_add_test(t, what_becomes_free_is_kept_for_the_best_that_wait_but_not_for_long);
    tcase_add_test(t, a_holder_that_renews_does_not_hide_those_that_wait);
    tcase_add_test(t, the_best_keeps_its_place_while_it_asks_but_not_for_ever);
    tcase_add_test(t, after_a_best_that_died_the_next_best_comes_first);
    tcase_add_test(t, a_candidate_that_only_observes_now_is_not_waited_for);
    tcase_add_test(t, a_holder_that_let_it_run_out_is_not_favoured);
    tcase_add_test(t, after_a_successor_that_died_the_best_that_waits_comes_first);
    tcase_add_test(t, what_is_handed_over_is_kept_for_the_heir_but_not_for_long);
    tcase_add_test(t, epochs_go_on_where_the_disk_says_and_over_all_names);
    tcase_add_test(t, of_too_many_names_the_one_used_longest_ago_makes_room_unless_it_is_held);
    suite_add_tcase(s, t);
    return unit_run(s);
}
