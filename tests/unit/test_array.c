#include "agent/base/array.h"
#include "tests/unit/unit.h"

struct pair {
    uint64_t number;
    char text[3];
};

START_TEST(array_doubles_and_keeps_what_it_holds)
{
    struct pair *all = NULL;
    uint32_t count = 0, capacity = 0, moves = 0;

    while (count < 1000) {
        uint32_t before = capacity;
        ck_assert(ARRAY_RESERVE(all, capacity, count + 1));
        ck_assert_uint_gt(capacity, count);
        moves += capacity != before;
        all[count] = (struct pair){.number = count};
        count++;
    }
    for (uint32_t i = 0; i < count; i++)
        ck_assert_uint_eq(all[i].number, i);
    ck_assert_uint_eq(capacity, 1024);
    ck_assert_uint_eq(moves, 7);
    free(all);
}
END_TEST

START_TEST(room_for_many_is_made_at_once)
{
    char *all = NULL;
    size_t capacity = 0;

    ck_assert(ARRAY_RESERVE(all, capacity, 100));
    ck_assert_uint_eq(capacity, 128);
    char *before = all;
    ck_assert(ARRAY_RESERVE(all, capacity, 128));
    ck_assert_ptr_eq(all, before);
    free(all);
}
END_TEST

START_TEST(without_memory_nothing_changes)
{
    struct pair *all = NULL;
    size_t capacity = 0;

    ck_assert(ARRAY_RESERVE(all, capacity, 1));
    struct pair *before = all;
    ck_assert(!ARRAY_RESERVE(all, capacity, SIZE_MAX / 16)); /* more than there is to address */
    ck_assert_ptr_eq(all, before);
    ck_assert_uint_eq(capacity, ARRAY_CAPACITY_FIRST);
    free(all);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("array");
    TCase *t = tcase_create("array");

    tcase_add_test(t, array_doubles_and_keeps_what_it_holds);
    tcase_add_test(t, room_for_many_is_made_at_once);
    tcase_add_test(t, without_memory_nothing_changes);
    suite_add_tcase(s, t);
    return unit_run(s);
}
