/* Who stands in line for a lock on this host, and who of them is told what. */
#include "agent/vip/locks.h"

#include "tests/unit/fake_core.h"
#include "tests/unit/fake_leases.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

enum { TAKERS = 3 };

static struct locks *l;

static struct taker {
    struct lock *lock;
    unsigned times;
    struct lock_state state;
    char holder[GOSSIP_NAME_BYTES_MAX + 1];
} takers[TAKERS];

static void setup(void)
{
    fake_core_start();
    memset(&fake_leases, 0, sizeof fake_leases);
    memset(takers, 0, sizeof takers);
    fake_leases.voters.count = 1;
    l = locks_new(fake.host);
}

static void drop(int which)
{
    locks_drop(takers[which].lock);
    takers[which].lock = NULL;
}

static void teardown(void)
{
    for (int i = 0; i < TAKERS; i++)
        if (takers[i].lock)
            drop(i);
    locks_free(l);
    fake_core_stop();
}

static void on_changed(void *arg, const struct lock_state *state)
{
    struct taker *t = arg;
    t->times++;
    t->state = *state;
    snprintf(t->holder, sizeof t->holder, "%s", state->holder);
}

static void take(int which, const char *name)
{
    const char *error = NULL;
    takers[which].lock = locks_take(l, name, on_changed, &takers[which], &error);
    ck_assert_msg(takers[which].lock, "%s", error);
}

static void assert_refused(const char *name, const char *expected)
{
    const char *error = NULL;
    ck_assert_ptr_null(locks_take(l, name, on_changed, &takers[0], &error));
    ck_assert_str_eq(error, expected);
}

static bool hear(const char *lease, bool held, const char *holder)
{
    struct leases_state state = {.held = held, .until_us = 1234567, .epoch = 8};
    snprintf(state.name, sizeof state.name, "%s", lease);
    snprintf(state.holder, sizeof state.holder, "%s", holder);
    return fake_lease_change(&state);
}

START_TEST(the_first_in_line_is_a_candidate_and_the_others_are_not)
{
    take(0, "job");
    ck_assert_str_eq(fake_leases_asked(), "want lock/job 100\n");
    take(1, "job");
    ck_assert_str_eq(fake_leases_asked(), "");
    take(2, "other");
    ck_assert_str_eq(fake_leases_asked(), "want lock/other 100\n");
    ck_assert_uint_eq(takers[0].times + takers[1].times + takers[2].times, 0);
}
END_TEST

START_TEST(what_has_changed_is_told_to_the_first_of_that_name)
{
    take(0, "job");
    take(1, "job");
    take(2, "other");
    ck_assert(hear("lock/job", false, "b"));
    ck_assert_uint_eq(takers[0].times, 1);
    ck_assert(!takers[0].state.held);
    ck_assert_str_eq(takers[0].holder, "b");
    ck_assert(hear("lock/job", true, "a"));
    ck_assert_uint_eq(takers[0].times, 2);
    ck_assert(takers[0].state.held);
    ck_assert_int_eq(takers[0].state.until_us, 1234567);
    ck_assert_uint_eq(takers[0].state.epoch, 8);
    ck_assert_uint_eq(takers[1].times + takers[2].times, 0);
}
END_TEST

START_TEST(only_leases_of_locks_are_taken_in)
{
    take(0, "job");
    ck_assert(!hear("vip/job", true, "a"));
    ck_assert(!hear("job", true, "a"));
    ck_assert(hear("lock/gone", false, "")); /* of one that is wanted no more */
    ck_assert(hear("lock/jobs", true, "a"));
    ck_assert_uint_eq(takers[0].times, 0);
}
END_TEST

START_TEST(what_is_abandoned_is_not_renewed_and_the_next_waits_until_it_is_over)
{
    take(0, "job");
    take(1, "job");
    hear("lock/job", true, "a");
    fake_leases_asked();
    locks_abandon(takers[0].lock);
    takers[0].lock = NULL;
    ck_assert_str_eq(fake_leases_asked(), "");
    ck_assert_int_le(fake_leases.keep_us, fake.now_us);
    hear("lock/job", true, "a"); /* it is held still */
    ck_assert_str_eq(fake_leases_asked(), "");
    hear("lock/job", false, "");
    ck_assert_str_eq(fake_leases_asked(), "release lock/job\nwant lock/job 100\n");
    ck_assert_uint_eq(takers[0].times, 1);
    take(2, "other");
    fake_leases_asked();
    locks_abandon(takers[2].lock); /* it is not held */
    takers[2].lock = NULL;
    ck_assert_str_eq(fake_leases_asked(), "release lock/other\n");
}
END_TEST

START_TEST(who_ends_gives_the_lease_back_before_the_next_here_tries_for_it)
{
    take(0, "job");
    take(1, "job");
    hear("lock/job", true, "a");
    fake_leases_asked();
    drop(0);
    ck_assert_str_eq(fake_leases_asked(), "release lock/job\nwant lock/job 100\n");
    ck_assert_uint_eq(takers[1].times, 0); /* it has still to win it */
    hear("lock/job", true, "a");
    ck_assert_uint_eq(takers[0].times, 1);
    ck_assert_uint_eq(takers[1].times, 1);
    drop(1);
    ck_assert_str_eq(fake_leases_asked(), "release lock/job\n");
}
END_TEST

START_TEST(who_leaves_the_line_changes_nothing_for_the_others)
{
    take(0, "job");
    take(1, "job");
    take(2, "job");
    fake_leases_asked();
    drop(1);
    ck_assert_str_eq(fake_leases_asked(), "");
    drop(0);
    ck_assert_str_eq(fake_leases_asked(), "release lock/job\nwant lock/job 100\n");
    hear("lock/job", true, "a");
    ck_assert_uint_eq(takers[2].times, 1);
}
END_TEST

START_TEST(a_lock_needs_a_name_and_a_quorum)
{
    static const char no_name[] = "a lock's name is 1 to 128 letters, digits, '.', '_' or '-'";
    char long_name[GOSSIP_NAME_BYTES_MAX + 2] = {0};
    memset(long_name, 'x', sizeof long_name - 1);
    assert_refused("", no_name);
    assert_refused("a/b", no_name);
    assert_refused(long_name, no_name);
    fake_leases.voters.count = 0;
    assert_refused("job", "there is no quorum in the configuration, which locks need");
    ck_assert_str_eq(fake_leases_asked(), "");
    fake_leases.voters.count = 1;
    long_name[GOSSIP_NAME_BYTES_MAX] = '\0';
    take(0, long_name);
}
END_TEST

START_TEST(a_lease_that_cannot_be_wanted_leaves_nobody_in_line)
{
    fake_leases.want_error = GOSSIP_ERROR_FULL;
    assert_refused("job", gossip_error_text(GOSSIP_ERROR_FULL));
    fake_leases.want_error = GOSSIP_OK;
    fake_leases_asked();
    take(0, "job");
    ck_assert_str_eq(fake_leases_asked(), "want lock/job 100\n");
}
END_TEST

START_TEST(so_many_stand_in_line_and_no_more)
{
    struct taker many = {.times = 0};
    struct lock *locks[LOCKS_MAX];
    const char *error;
    for (size_t i = 0; i < LOCKS_MAX; i++) {
        locks[i] = locks_take(l, "job", on_changed, &many, &error);
        ck_assert_ptr_nonnull(locks[i]);
    }
    assert_refused("job", "too many locks are claimed here");
    assert_refused("other", "too many locks are claimed here");
    locks_drop(locks[0]);
    take(0, "other");
    for (size_t i = 1; i < LOCKS_MAX; i++)
        locks_drop(locks[i]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("locks");
    TCase *t = tcase_create("locks");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_first_in_line_is_a_candidate_and_the_others_are_not);
    tcase_add_test(t, what_has_changed_is_told_to_the_first_of_that_name);
    tcase_add_test(t, only_leases_of_locks_are_taken_in);
    tcase_add_test(t, what_is_abandoned_is_not_renewed_and_the_next_waits_until_it_is_over);
    tcase_add_test(t, who_ends_gives_the_lease_back_before_the_next_here_tries_for_it);
    tcase_add_test(t, who_leaves_the_line_changes_nothing_for_the_others);
    tcase_add_test(t, a_lock_needs_a_name_and_a_quorum);
    tcase_add_test(t, a_lease_that_cannot_be_wanted_leaves_nobody_in_line);
    tcase_add_test(t, so_many_stand_in_line_and_no_more);
    suite_add_tcase(s, t);
    return unit_run(s);
}
