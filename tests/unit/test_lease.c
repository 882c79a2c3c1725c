/* One lease, message by message. */
#include "gossip/lease/lease.h"

#include "tests/unit/unit.h"

#include <string.h>

enum { VOTERS = 3, LENGTH_US = 1000000, OWNER = 7, OTHER = 8 };

static const struct lease_quorum quorum = {1, {VOTERS}};
static struct lease_voter voters[VOTERS + 1];
static struct lease_candidate ours, theirs;
static int64_t now_us;

static void setup(void)
{
    memset(voters, 0, sizeof voters);
    now_us = 5000000;
    lease_candidate_init(&ours, &quorum, OWNER, 111, LENGTH_US);
    lease_candidate_init(&theirs, &quorum, OTHER, 222, LENGTH_US);
}

/* Of voter v, borrowed until the next call. */
static const uint32_t *bits_of(unsigned v)
{
    static uint32_t bits[LEASE_CONFIGURATIONS_MAX];
    bits[0] = UINT32_C(1) << v;
    return bits;
}

/* Puts a message to the first so many voters; their answers to the candidate. The last step that
 * was more than waiting. */
static enum lease_step put(struct lease_candidate *c, const struct lease_message *m, unsigned count,
                           struct lease_message *next)
{
    enum lease_step last = LEASE_WAIT;
    for (unsigned v = 0; v < count; v++) {
        struct lease_message answer;
        if (!lease_voter_receive(&voters[v], now_us, m, &answer))
            continue;
        enum lease_step step = lease_receive(c, now_us, bits_of(v), &answer, next);
        last = step == LEASE_WAIT ? last : step;
    }
    return last;
}

/* A whole attempt, heard by so many voters. */
static enum lease_step try_for(struct lease_candidate *c, unsigned count)
{
    struct lease_message m, proposal, none;
    lease_try(c, now_us, &m);
    enum lease_step step = put(c, &m, count, &proposal);
    return step == LEASE_ASK ? put(c, &proposal, count, &none) : step;
}

/* ... and another, should the first one's ballot have been too low. */
static enum lease_step try_twice_for(struct lease_candidate *c, unsigned count)
{
    enum lease_step step = try_for(c, count);
    return step == LEASE_LOST && c->other.ballot.round == 0 ? try_for(c, count) : step;
}

static void release(struct lease_candidate *c)
{
    struct lease_message m, none;
    lease_release(c, true, &m);
    put(c, &m, VOTERS, &none);
}

START_TEST(a_majority_is_enough_and_less_is_not)
{
    ck_assert_int_eq(try_for(&ours, 1), LEASE_WAIT);
    ck_assert(!lease_is_held(&ours, now_us));
    ck_assert_int_eq(try_for(&ours, 2), LEASE_HELD);
    ck_assert(lease_is_held(&ours, now_us));
}
END_TEST

START_TEST(it_ends_by_itself_and_before_the_voters_let_go)
{
    try_for(&ours, VOTERS);
    now_us = ours.until_us - 1;
    ck_assert(lease_is_held(&ours, now_us));
    now_us++;
    ck_assert(!lease_is_held(&ours, now_us));
    ck_assert_ptr_nonnull(lease_voter_grant(&voters[0], now_us));
    ck_assert_int_eq(try_for(&theirs, VOTERS), LEASE_LOST);
}
END_TEST

START_TEST(its_time_counts_from_before_the_first_question)
{
    struct lease_message m, proposal, none;
    int64_t begun_us = now_us;
    lease_try(&ours, now_us, &m);
    now_us += 300000;
    ck_assert_int_eq(put(&ours, &m, VOTERS, &proposal), LEASE_ASK);
    now_us += 300000;
    ck_assert_int_eq(put(&ours, &proposal, VOTERS, &none), LEASE_HELD);
    ck_assert_int_le(ours.until_us, begun_us + LENGTH_US);
}
END_TEST

START_TEST(what_is_won_too_late_is_not_won)
{
    struct lease_message m, proposal, none;
    lease_try(&ours, now_us, &m);
    put(&ours, &m, VOTERS, &proposal);
    now_us += LENGTH_US;
    ck_assert_int_eq(put(&ours, &proposal, VOTERS, &none), LEASE_LOST);
    ck_assert(!lease_is_held(&ours, now_us));
}
END_TEST

START_TEST(others_hear_who_holds_it_and_for_how_long_at_most)
{
    try_for(&ours, VOTERS);
    now_us += 400000;
    ck_assert_int_eq(try_for(&theirs, VOTERS), LEASE_LOST);
    ck_assert_uint_eq(theirs.other.owner, OWNER);
    ck_assert_int_eq(theirs.other_until_us, now_us + LENGTH_US - 400000);
    now_us = theirs.other_until_us;
    ck_assert_int_eq(try_for(&theirs, VOTERS), LEASE_HELD);
}
END_TEST

START_TEST(each_new_holder_has_a_higher_epoch_and_renewing_keeps_it)
{
    try_for(&ours, VOTERS);
    uint64_t epoch = ours.epoch;
    for (int i = 0; i < 5; i++) {
        now_us += LENGTH_US / 3;
        ck_assert_int_eq(try_for(&ours, VOTERS), LEASE_HELD);
        ck_assert_uint_eq(ours.epoch, epoch);
    }
    now_us += LENGTH_US;
    try_twice_for(&theirs, 2);
    ck_assert_uint_gt(theirs.epoch, epoch);
    epoch = theirs.epoch;
    now_us += LENGTH_US;
    ck_assert_int_eq(try_twice_for(&ours, VOTERS), LEASE_HELD);
    ck_assert_uint_gt(ours.epoch, epoch);
}
END_TEST

START_TEST(a_renewal_that_reached_only_some_can_be_tried_again)
{
    try_for(&ours, VOTERS);
    now_us += 100000;
    ck_assert_int_eq(try_for(&ours, 1), LEASE_WAIT);
    ck_assert_int_eq(try_for(&ours, 2), LEASE_HELD);
}
END_TEST

START_TEST(what_is_released_is_open_at_once)
{
    try_for(&ours, VOTERS);
    release(&ours);
    ck_assert(!lease_is_held(&ours, now_us));
    ck_assert_int_eq(try_twice_for(&theirs, VOTERS), LEASE_HELD);
}
END_TEST

START_TEST(a_release_that_comes_late_ends_nothing)
{
    struct lease_message late, none;
    try_for(&ours, VOTERS);
    lease_release(&ours, true, &late);
    ck_assert_int_eq(try_for(&ours, VOTERS), LEASE_HELD);
    put(&ours, &late, VOTERS, &none);
    ck_assert_int_eq(try_for(&theirs, VOTERS), LEASE_LOST);
}
END_TEST

START_TEST(a_proposal_that_comes_after_its_release_is_refused)
{
    struct lease_message m, proposal, over, none;
    lease_try(&ours, now_us, &m);
    put(&ours, &m, VOTERS, &proposal);
    lease_release(&ours, true, &over);
    put(&ours, &over, VOTERS, &none);
    put(&ours, &proposal, VOTERS, &none);
    for (unsigned v = 0; v < VOTERS; v++)
        ck_assert_ptr_null(lease_voter_grant(&voters[v], now_us));
}
END_TEST

START_TEST(the_same_voter_twice_is_one_voter)
{
    struct lease_message m, answer, none;
    lease_try(&ours, now_us, &m);
    lease_voter_receive(&voters[0], now_us, &m, &answer);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(lease_receive(&ours, now_us, bits_of(0), &answer, &none), LEASE_WAIT);
}
END_TEST

START_TEST(answers_to_an_earlier_attempt_count_for_nothing)
{
    struct lease_message m, again, answers[VOTERS], none;
    lease_try(&ours, now_us, &m);
    for (unsigned v = 0; v < VOTERS; v++)
        lease_voter_receive(&voters[v], now_us, &m, &answers[v]);
    lease_try(&ours, now_us, &again);
    for (unsigned v = 0; v < VOTERS; v++)
        ck_assert_int_eq(lease_receive(&ours, now_us, bits_of(v), &answers[v], &none), LEASE_WAIT);
}
END_TEST

START_TEST(a_candidate_that_is_behind_learns_how_far)
{
    for (int i = 0; i < 9; i++)
        try_for(&theirs, VOTERS);
    release(&theirs);
    ck_assert_int_eq(try_for(&ours, VOTERS), LEASE_LOST);
    ck_assert_uint_eq(ours.other.ballot.round, 0);
    ck_assert_int_eq(try_for(&ours, VOTERS), LEASE_HELD);
}
END_TEST

START_TEST(of_two_sessions_of_one_host_one_holds_it)
{
    struct lease_candidate second;
    lease_candidate_init(&second, &quorum, OWNER, 333, LENGTH_US);
    try_for(&ours, VOTERS);
    ck_assert_int_eq(try_for(&second, VOTERS), LEASE_LOST);
}
END_TEST

START_TEST(one_voter_alone_decides_alone_and_of_four_it_takes_three)
{
    struct lease_candidate alone, four;
    lease_candidate_init(&alone, &(struct lease_quorum){1, {1}}, OWNER, 444, LENGTH_US);
    ck_assert_int_eq(try_for(&alone, 1), LEASE_HELD);
    setup();
    lease_candidate_init(&four, &(struct lease_quorum){1, {4}}, OWNER, 555, LENGTH_US);
    ck_assert_int_eq(try_for(&four, 2), LEASE_WAIT);
    ck_assert_int_eq(try_for(&four, 3), LEASE_HELD);
}
END_TEST

START_TEST(while_the_list_changes_each_list_must_have_its_majority)
{
    /* Voters 0 1 2 are the old list, 0 3 and one more that is down the new one. */
    const uint32_t bits[4][LEASE_CONFIGURATIONS_MAX] = {{1, 1}, {2, 0}, {4, 0}, {0, 2}};
    struct lease_candidate both;
    lease_candidate_init(&both, &(struct lease_quorum){2, {3, 3}}, OWNER, 666, LENGTH_US);
    struct lease_message m, answer, next;
    lease_try(&both, now_us, &m);
    for (unsigned v = 0; v < 3; v++) {
        lease_voter_receive(&voters[v], now_us, &m, &answer);
        ck_assert_int_eq(lease_receive(&both, now_us, bits[v], &answer, &next), LEASE_WAIT);
    }
    lease_voter_receive(&voters[3], now_us, &m, &answer);
    ck_assert_int_eq(lease_receive(&both, now_us, bits[3], &answer, &next), LEASE_ASK);
}
END_TEST

START_TEST(who_waits_does_not_disturb_the_holder)
{
    struct lease_message m, proposal, prepare, none;
    try_for(&ours, VOTERS);
    lease_try(&ours, now_us, &m);
    ck_assert_int_eq(put(&ours, &m, VOTERS, &proposal), LEASE_ASK);
    theirs.round = 100;
    lease_try(&theirs, now_us, &prepare);
    ck_assert_int_eq(put(&theirs, &prepare, VOTERS, &none), LEASE_LOST);
    ck_assert_int_eq(put(&ours, &proposal, VOTERS, &none), LEASE_HELD);
}
END_TEST

/* A candidate of that life of the host with the number `host`. */
static struct lease_candidate life_of(uint64_t host, uint64_t life)
{
    struct lease_candidate c;
    lease_candidate_init(&c, &quorum, OWNER, 1000 + life, LENGTH_US);
    c.host = host;
    c.life = life;
    return c;
}

/* `ours` is the first life of host 5, and holds it. */
static void hold_bound_to_host(void)
{
    ours = life_of(5, 1);
    ck_assert_int_eq(try_for(&ours, VOTERS), LEASE_HELD);
    now_us += LENGTH_US / 10;
    ck_assert_int_eq(try_for(&ours, VOTERS), LEASE_HELD);
}

START_TEST(a_later_life_takes_up_what_is_bound_to_its_host_with_a_higher_epoch)
{
    hold_bound_to_host();
    struct lease_candidate later = life_of(5, 2);
    ck_assert_int_eq(try_for(&later, VOTERS), LEASE_LOST);
    ck_assert(later.resumes);
    ck_assert_uint_eq(later.other.ballot.round, 0);
    ck_assert_int_eq(try_for(&later, VOTERS), LEASE_HELD);
    ck_assert_uint_gt(later.epoch, ours.epoch);
    ck_assert_int_eq(try_twice_for(&theirs, VOTERS), LEASE_LOST);
}
END_TEST

START_TEST(no_other_host_no_earlier_life_and_no_lock_takes_it_up)
{
    hold_bound_to_host();
    struct lease_candidate clone = life_of(6, 2), earlier = life_of(5, 0), lock = life_of(0, 2);
    clone.round = earlier.round = lock.round = 100;
    ck_assert_int_eq(try_for(&clone, VOTERS), LEASE_LOST);
    ck_assert_int_eq(try_for(&earlier, VOTERS), LEASE_LOST);
    ck_assert_int_eq(try_for(&lock, VOTERS), LEASE_LOST);
    ck_assert_uint_eq(clone.other.owner, OWNER);
}
END_TEST

START_TEST(what_a_former_life_said_last_takes_nothing_from_a_later_one)
{
    struct lease_message m, proposal, over, none;
    hold_bound_to_host();
    lease_try(&ours, now_us, &m);
    ck_assert_int_eq(put(&ours, &m, VOTERS, &proposal), LEASE_ASK);
    lease_release(&ours, true, &over);
    struct lease_candidate later = life_of(5, 2);
    later.round = 100;
    ck_assert_int_eq(try_for(&later, VOTERS), LEASE_HELD);
    put(&ours, &proposal, VOTERS, &none);
    put(&ours, &over, VOTERS, &none);
    theirs.round = 200;
    ck_assert_int_eq(try_for(&theirs, VOTERS), LEASE_LOST);
    ck_assert_int_eq(try_for(&later, VOTERS), LEASE_HELD);
}
END_TEST

START_TEST(a_lost_attempt_of_a_later_life_leaves_an_earlier_one_its_time)
{
    struct lease_message m, proposal, answer, over, none;
    hold_bound_to_host();
    struct lease_candidate later = life_of(5, 2);
    later.round = 100;
    later.length_us = LENGTH_US / 10;
    lease_try(&later, now_us, &m);
    ck_assert_int_eq(put(&later, &m, VOTERS, &proposal), LEASE_ASK);
    for (unsigned v = 0; v < VOTERS; v++)
        lease_voter_receive(&voters[v], now_us, &proposal, &answer);
    lease_release(&later, false, &over);
    put(&later, &over, VOTERS, &none);
    now_us = ours.until_us - 1;
    theirs.round = 200;
    ck_assert_int_eq(try_for(&theirs, VOTERS), LEASE_LOST);
    now_us += LENGTH_US - lease_hold_us(LENGTH_US) + 1;
    ck_assert_int_eq(try_twice_for(&theirs, VOTERS), LEASE_HELD);
}
END_TEST

START_TEST(what_a_later_life_releases_is_open_at_once)
{
    hold_bound_to_host();
    struct lease_candidate later = life_of(5, 2);
    later.round = 100;
    ck_assert_int_eq(try_for(&later, VOTERS), LEASE_HELD);
    release(&later);
    theirs.round = 200;
    ck_assert_int_eq(try_for(&theirs, VOTERS), LEASE_HELD);
}
END_TEST

START_TEST(another_length_counts_from_the_next_attempt_on)
{
    struct lease_message m, proposal, none;
    lease_try(&ours, now_us, &m);
    ours.length_us = LENGTH_US / 10;
    ck_assert_int_eq(put(&ours, &m, VOTERS, &proposal), LEASE_ASK);
    ck_assert_int_eq(proposal.time_us, LENGTH_US);
    ck_assert_int_eq(put(&ours, &proposal, VOTERS, &none), LEASE_HELD);
    ck_assert_int_eq(ours.until_us, now_us + lease_hold_us(LENGTH_US));
    ck_assert_int_eq(try_for(&ours, VOTERS), LEASE_HELD);
    ck_assert_int_eq(ours.until_us, now_us + lease_hold_us(LENGTH_US / 10));
}
END_TEST

START_TEST(a_shorter_renewal_whose_answers_are_lost_leaves_the_holder_its_time)
{
    struct lease_message m, proposal, answer;
    try_for(&ours, VOTERS);
    ours.length_us = LENGTH_US / 10;
    lease_try(&ours, now_us, &m);
    put(&ours, &m, VOTERS, &proposal);
    for (unsigned v = 0; v < VOTERS; v++)
        lease_voter_receive(&voters[v], now_us, &proposal, &answer);
    now_us = ours.until_us - 1;
    ck_assert(lease_is_held(&ours, now_us));
    ck_assert_int_eq(try_twice_for(&theirs, VOTERS), LEASE_LOST);
    now_us += LENGTH_US - lease_hold_us(LENGTH_US) + 1;
    ck_assert_int_eq(try_twice_for(&theirs, VOTERS), LEASE_HELD);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lease");
    TCase *t = tcase_create("lease");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, a_majority_is_enough_and_less_is_not);
    tcase_add_test(t, it_ends_by_itself_and_before_the_voters_let_go);
    tcase_add_test(t, its_time_counts_from_before_the_first_question);
    tcase_add_test(t, what_is_won_too_late_is_not_won);
    tcase_add_test(t, others_hear_who_holds_it_and_for_how_long_at_most);
    tcase_add_test(t, each_new_holder_has_a_higher_epoch_and_renewing_keeps_it);
    tcase_add_test(t, a_renewal_that_reached_only_some_can_be_tried_again);
    tcase_add_test(t, what_is_released_is_open_at_once);
    tcase_add_test(t, a_release_that_comes_late_ends_nothing);
    tcase_add_test(t, a_proposal_that_comes_after_its_release_is_refused);
    tcase_add_test(t, the_same_voter_twice_is_one_voter);
    tcase_add_test(t, answers_to_an_earlier_attempt_count_for_nothing);
    tcase_add_test(t, a_candidate_that_is_behind_learns_how_far);
    tcase_add_test(t, of_two_sessions_of_one_host_one_holds_it);
    tcase_add_test(t, one_voter_alone_decides_alone_and_of_four_it_takes_three);
    tcase_add_test(t, while_the_list_changes_each_list_must_have_its_majority);
    tcase_add_test(t, who_waits_does_not_disturb_the_holder);
    tcase_add_test(t, a_later_life_takes_up_what_is_bound_to_its_host_with_a_higher_epoch);
    tcase_add_test(t, no_other_host_no_earlier_life_and_no_lock_takes_it_up);
    tcase_add_test(t, what_a_former_life_said_last_takes_nothing_from_a_later_one);
    tcase_add_test(t, a_lost_attempt_of_a_later_life_leaves_an_earlier_one_its_time);
    tcase_add_test(t, what_a_later_life_releases_is_open_at_once);
    tcase_add_test(t, another_length_counts_from_the_next_attempt_on);
    tcase_add_test(t, a_shorter_renewal_whose_answers_are_lost_leaves_the_holder_its_time);
    suite_add_tcase(s, t);
    return unit_run(s);
}
