#include "gossip/detector/ring.h"

#include "gossip/membership/member.h"
#include "gossip/membership/profile.h"
#include "gossip/rng.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

enum { EDGES = 3, SIZE_MAX_TRIED = 48, ROWS_MAX = 200 };

static void add_random(struct member_table *t, struct rng *rng)
{
    char name[32];
    struct gossip_profile p = {.name = name};
    for (size_t i = 0; i < sizeof p.id; i++)
        p.id[i] = (uint8_t)rng_next(rng);
    snprintf(name, sizeof name, "n%llu", (unsigned long long)profile_key(p.id));
    const struct gossip_profile *shared = profile_new(&p);
    ck_assert_uint_ne(member_add(t, shared), MEMBER_NONE);
    gossip_profile_release(shared);
}

static void fill(struct member_table *t, struct rng *rng, uint32_t size)
{
    ck_assert(member_table_init(t));
    for (uint32_t i = 0; i < size; i++)
        add_random(t, rng);
}

static bool watches(const struct member_table *t, uint32_t observer, uint32_t subject)
{
    uint32_t subjects[RING_EDGES_MAX];
    ring_subjects(t, EDGES, observer, subjects);
    for (unsigned r = 0; r < EDGES; r++)
        if (subjects[r] == subject)
            return true;
    return false;
}

static bool watched_by(const struct member_table *t, uint32_t subject, uint32_t observer)
{
    uint32_t observers[RING_EDGES_MAX];
    size_t count = ring_observers(t, EDGES, subject, MEMBER_NONE, observers);
    for (size_t i = 0; i < count; i++)
        if (observers[i] == observer)
            return true;
    return false;
}

START_TEST(every_member_has_observers)
{
    struct rng rng;
    rng_seed(&rng, 1);
    for (uint32_t size = 2; size <= SIZE_MAX_TRIED; size++) {
        struct member_table t;
        fill(&t, &rng, size);
        for (uint32_t row = 0; row < size; row++) {
            uint32_t observers[RING_EDGES_MAX];
            size_t count = ring_observers(&t, EDGES, row, MEMBER_NONE, observers);
            ck_assert_uint_ge(count, 1);
            if (size <= (EDGES + 1))
                ck_assert_uint_eq(count, size - 1);
        }
        member_table_free(&t);
    }
}
END_TEST

START_TEST(subjects_and_observers_are_two_sides_of_one_edge)
{
    struct rng rng;
    rng_seed(&rng, 2);
    for (uint32_t size = 2; size <= SIZE_MAX_TRIED; size++) {
        struct member_table t;
        fill(&t, &rng, size);
        for (uint32_t a = 0; a < size; a++) {
            ck_assert(!watches(&t, a, a));
            for (uint32_t b = 0; b < size; b++)
                ck_assert_msg(watches(&t, a, b) == watched_by(&t, b, a), "size %u: %u, %u", size, a,
                              b);
        }
        member_table_free(&t);
    }
}
END_TEST

START_TEST(a_member_that_is_alone_observes_none)
{
    struct member_table t;
    struct rng rng;
    uint32_t rows[RING_EDGES_MAX];
    rng_seed(&rng, 3);
    fill(&t, &rng, 1);
    ring_subjects(&t, EDGES, 0, rows);
    for (unsigned r = 0; r < EDGES; r++)
        ck_assert_uint_eq(rows[r], MEMBER_NONE);
    ck_assert_uint_eq(ring_observers(&t, EDGES, 0, MEMBER_NONE, rows), 0);
    member_table_free(&t);
}
END_TEST

START_TEST(the_dead_neither_watch_nor_are_watched)
{
    struct member_table t;
    struct rng rng;
    rng_seed(&rng, 4);
    fill(&t, &rng, 40);
    for (uint32_t row = 0; row < 40; row += 2)
        member_set_status(&t, row, row % 4 ? GOSSIP_FAILED : GOSSIP_LEFT, 0);
    for (uint32_t a = 1; a < 40; a += 2)
        for (uint32_t b = 0; b < 40; b += 2) {
            ck_assert(!watches(&t, a, b));
            ck_assert(!watched_by(&t, a, b));
        }
    member_table_free(&t);
}
END_TEST

START_TEST(observers_leave_out_the_excepted_one_and_repeat_none)
{
    struct rng rng;
    rng_seed(&rng, 5);
    for (uint32_t size = 2; size <= SIZE_MAX_TRIED; size++) {
        struct member_table t;
        fill(&t, &rng, size);
        for (uint32_t row = 0; row < size; row++) {
            uint32_t all[RING_EDGES_MAX], others[RING_EDGES_MAX];
            size_t count = ring_observers(&t, EDGES, row, MEMBER_NONE, all);
            for (size_t i = 0; i < count; i++)
                for (size_t j = 0; j < i; j++)
                    ck_assert_uint_ne(all[i], all[j]);
            size_t fewer = ring_observers(&t, EDGES, row, all[0], others);
            ck_assert_uint_eq(fewer, count - 1);
            for (size_t i = 0; i < fewer; i++)
                ck_assert_uint_ne(others[i], all[0]);
        }
        member_table_free(&t);
    }
}
END_TEST

/* On each ring only the predecessor of the one that goes looks elsewhere. */
START_TEST(one_member_that_leaves_moves_one_edge_on_each_ring)
{
    struct rng rng;
    rng_seed(&rng, 6);
    for (uint32_t size = (EDGES + 1) + 2; size <= SIZE_MAX_TRIED; size++) {
        struct member_table t;
        uint32_t before[SIZE_MAX_TRIED][RING_EDGES_MAX], after[RING_EDGES_MAX];
        unsigned moved = 0;
        fill(&t, &rng, size);
        for (uint32_t row = 0; row < size; row++)
            ring_subjects(&t, EDGES, row, before[row]);
        uint32_t gone = rng_below(&rng, size);
        member_set_status(&t, gone, GOSSIP_FAILED, 0);
        for (uint32_t row = 0; row < size; row++) {
            ring_subjects(&t, EDGES, row, after);
            for (unsigned r = 0; r < EDGES; r++)
                moved += row != gone && after[r] != before[row][r];
        }
        ck_assert_uint_eq(moved, EDGES);
        member_table_free(&t);
    }
}
END_TEST

/* Subjects of all rows before and after one change; the change may go unnoticed by none whom it
 * touches. Returns how many it was said to touch. */
static unsigned check_touched(struct member_table *t, uint32_t changed, enum gossip_status status)
{
    static uint32_t before[ROWS_MAX][RING_EDGES_MAX];
    unsigned touched = 0;
    for (uint32_t row = 0; row < t->used; row++)
        ring_subjects(t, EDGES, row, before[row]);
    member_set_status(t, changed, status, 0);
    for (uint32_t row = 0; row < t->used; row++) {
        uint32_t after[RING_EDGES_MAX];
        if (!member_is_live(&t->slots[row]) || row == changed)
            continue;
        ring_subjects(t, EDGES, row, after);
        bool said = ring_touched(t, EDGES, row, before[row], changed);
        touched += said;
        ck_assert(said || memcmp(before[row], after, sizeof after) == 0);
    }
    return touched;
}

START_TEST(no_change_of_the_rings_goes_unnoticed)
{
    struct rng rng;
    rng_seed(&rng, 7);
    for (uint32_t size = 2; size <= SIZE_MAX_TRIED; size++) {
        struct member_table t;
        fill(&t, &rng, size);
        for (int step = 0; step < 200; step++) {
            uint32_t row = rng_below(&rng, size);
            bool dies = member_is_live(&t.slots[row]);
            check_touched(&t, row, dies ? GOSSIP_FAILED : GOSSIP_ALIVE);
        }
        member_table_free(&t);
    }
}
END_TEST

START_TEST(few_are_touched_by_one_change_of_many)
{
    struct member_table t;
    struct rng rng;
    unsigned touched = 0;
    rng_seed(&rng, 8);
    fill(&t, &rng, ROWS_MAX);
    for (uint32_t row = 0; row < 50; row++)
        touched += check_touched(&t, row, GOSSIP_FAILED);
    ck_assert_uint_le(touched, 50 * EDGES);
    ck_assert_uint_ge(touched, 50);
    member_table_free(&t);
}
END_TEST

/* An expander: what is watched by a set of members reaches everybody in a few steps. */
START_TEST(the_edges_join_everybody_to_everybody_in_a_few_steps)
{
    struct member_table t;
    struct rng rng;
    bool reached[ROWS_MAX] = {true};
    rng_seed(&rng, 9);
    fill(&t, &rng, ROWS_MAX);
    for (int step = 0; step < 8; step++) {
        bool now[ROWS_MAX];
        memcpy(now, reached, sizeof now);
        for (uint32_t row = 0; row < ROWS_MAX; row++) {
            uint32_t subjects[RING_EDGES_MAX];
            ring_subjects(&t, EDGES, row, subjects);
            for (unsigned r = 0; now[row] && r < EDGES; r++)
                reached[subjects[r]] = true;
        }
    }
    for (uint32_t row = 0; row < ROWS_MAX; row++)
        ck_assert(reached[row]);
    member_table_free(&t);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ring");
    TCase *c = tcase_create("edges");
    tcase_add_test(c, every_member_has_observers);
    tcase_add_test(c, subjects_and_observers_are_two_sides_of_one_edge);
    tcase_add_test(c, a_member_that_is_alone_observes_none);
    tcase_add_test(c, the_dead_neither_watch_nor_are_watched);
    tcase_add_test(c, observers_leave_out_the_excepted_one_and_repeat_none);
    tcase_add_test(c, the_edges_join_everybody_to_everybody_in_a_few_steps);
    suite_add_tcase(s, c);
    c = tcase_create("change");
    tcase_add_test(c, one_member_that_leaves_moves_one_edge_on_each_ring);
    tcase_add_test(c, no_change_of_the_rings_goes_unnoticed);
    tcase_add_test(c, few_are_touched_by_one_change_of_many);
    suite_add_tcase(s, c);
    return unit_run(s);
}
