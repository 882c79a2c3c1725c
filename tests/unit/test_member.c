#include "gossip/membership/member.h"

#include "gossip/membership/profile.h"
#include "gossip/rng.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* What can be said of one version of a member, the weaker first. */
static const struct {
    enum gossip_status status;
    bool unreachable;
} sayings[] = {
    {GOSSIP_ALIVE, false},   {GOSSIP_SUSPECT, false}, {GOSSIP_ALIVE, true}, {GOSSIP_SUSPECT, true},
    {GOSSIP_LEAVING, false}, {GOSSIP_FAILED, false},  {GOSSIP_LEFT, false},
};

/* Every fact over three generations, three incarnations and all that can be said of each. */
enum { FACTS = 3 * 3 * COUNT(sayings) };

static void all_facts(struct fact facts[FACTS])
{
    static const uint64_t generations[] = {0, 1, UINT64_MAX};
    static const uint32_t incarnations[] = {0, 1, UINT32_MAX};
    size_t n = 0;
    for (size_t g = 0; g < COUNT(generations); g++)
        for (size_t i = 0; i < COUNT(incarnations); i++)
            for (size_t s = 0; s < COUNT(sayings); s++)
                facts[n++] = (struct fact){.generation = generations[g],
                                           .incarnation = incarnations[i],
                                           .status = sayings[s].status,
                                           .unreachable = sayings[s].unreachable};
    ck_assert_uint_eq(n, FACTS);
}

START_TEST(a_later_generation_then_incarnation_then_what_is_said_wins)
{
    /* all_facts counts up in the very order of precedence: the later of two wins, by the rule. */
    struct fact facts[FACTS];
    all_facts(facts);
    for (size_t a = 0; a < FACTS; a++)
        for (size_t b = 0; b < FACTS; b++)
            ck_assert_msg(member_fact_beats(&facts[a], &facts[b]) == (a > b), "facts %zu, %zu", a,
                          b);
}
END_TEST

START_TEST(no_two_facts_beat_each_other)
{
    struct fact facts[FACTS];
    all_facts(facts);
    for (size_t a = 0; a < FACTS; a++)
        for (size_t b = 0; b < FACTS; b++)
            ck_assert_int_eq(member_fact_beats(&facts[a], &facts[b]) +
                                 member_fact_beats(&facts[b], &facts[a]),
                             a != b);
}
END_TEST

/* A change of b that must not matter to who wins. */
static void check_same(const struct fact *b, const struct fact *changed)
{
    struct fact facts[FACTS];
    all_facts(facts);
    for (size_t a = 0; a < FACTS; a++) {
        ck_assert_int_eq(member_fact_beats(changed, &facts[a]), member_fact_beats(b, &facts[a]));
        ck_assert_int_eq(member_fact_beats(&facts[a], changed), member_fact_beats(&facts[a], b));
    }
}

START_TEST(the_mark_is_of_no_account_to_one_that_leaves_or_is_gone)
{
    for (int status = GOSSIP_LEAVING; status <= GOSSIP_LEFT; status++) {
        struct fact b = {.generation = 1, .incarnation = 1, .status = (enum gossip_status)status};
        struct fact unreachable = b;
        unreachable.unreachable = true;
        check_same(&b, &unreachable);
    }
}
END_TEST

START_TEST(how_often_it_was_taken_back_is_no_reason_to_win)
{
    struct fact facts[FACTS];
    all_facts(facts);
    for (size_t i = 0; i < FACTS; i++) {
        struct fact odd = facts[i];
        odd.parity = true;
        check_same(&facts[i], &odd);
    }
}
END_TEST

START_TEST(what_beats_the_winner_beats_the_loser)
{
    struct fact f[FACTS];
    all_facts(f);
    for (size_t a = 0; a < FACTS; a++)
        for (size_t b = 0; b < FACTS; b++)
            for (size_t c = 0; c < FACTS; c++)
                if (member_fact_beats(&f[a], &f[b]) && member_fact_beats(&f[b], &f[c]))
                    ck_assert(member_fact_beats(&f[a], &f[c]));
}
END_TEST

START_TEST(a_slot_gives_its_fact_and_a_copy_of_all_that_is_public)
{
    struct gossip_profile profile = {.generation = 7, .name = "a"};
    struct member m = {.profile = &profile, .incarnation = 3, .since_us = 12};
    for (size_t s = 0; s < COUNT(sayings); s++) {
        m.status = (uint8_t)sayings[s].status;
        m.unreachable = sayings[s].unreachable;
        m.parity = !m.unreachable;
        struct fact fact = member_fact(&m);
        struct gossip_member public = member_public(&m);
        ck_assert_uint_eq(fact.generation, 7);
        ck_assert_uint_eq(fact.incarnation, 3);
        ck_assert_int_eq(fact.status, sayings[s].status);
        ck_assert_int_eq(fact.unreachable, sayings[s].unreachable);
        ck_assert_int_eq(fact.parity, !sayings[s].unreachable);
        ck_assert_ptr_eq(public.profile, &profile);
        ck_assert_uint_eq(public.incarnation, 3);
        ck_assert_int_eq(public.status, sayings[s].status);
        ck_assert_int_eq(public.unreachable, sayings[s].unreachable);
        ck_assert_int_eq(public.since_us, 12);
    }
}
END_TEST

START_TEST(each_status_has_its_text)
{
    static const char *const texts[] = {"alive", "suspect", "leaving", "failed", "left"};
    for (int status = GOSSIP_ALIVE; status <= GOSSIP_LEFT; status++)
        ck_assert_str_eq(gossip_status_text((enum gossip_status)status), texts[status]);
}
END_TEST

/* A profile whose name and id follow from `number`; name and id may differ. */
static const struct gossip_profile *profile_of(uint32_t number, uint32_t named)
{
    char name[32];
    struct gossip_profile p = {.name = name, .generation = 1};
    snprintf(name, sizeof name, "host-%u", named);
    for (int i = 0; i < 4; i++)
        p.id[4 + i] = (uint8_t)(number >> (24 - 8 * i));
    p.id[0] = 1;
    const struct gossip_profile *made = profile_new(&p);
    ck_assert_ptr_nonnull(made);
    return made;
}

static uint64_t key_of(uint32_t number)
{
    return UINT64_C(1) << 56 | number;
}

static uint32_t add(struct member_table *t, uint32_t number)
{
    const struct gossip_profile *p = profile_of(number, number);
    uint32_t slot = member_add(t, p);
    gossip_profile_release(p);
    return slot;
}

static uint32_t find_name(const struct member_table *t, uint32_t named)
{
    char name[32];
    snprintf(name, sizeof name, "host-%u", named);
    return member_by_name(t, name);
}

START_TEST(slots_are_found_by_key_and_by_name)
{
    struct member_table t;
    ck_assert(member_table_init(&t));
    for (uint32_t i = 0; i < 3000; i++)
        ck_assert_uint_eq(add(&t, i), i);
    for (uint32_t i = 0; i < 3000; i++) {
        ck_assert_uint_eq(member_by_key(&t, key_of(i)), i);
        ck_assert_uint_eq(find_name(&t, i), i);
    }
    ck_assert_uint_eq(member_by_key(&t, key_of(3000)), MEMBER_NONE);
    ck_assert_uint_eq(find_name(&t, 3000), MEMBER_NONE);
    ck_assert_uint_eq(member_by_name(&t, ""), MEMBER_NONE);
    member_table_free(&t);
}
END_TEST

/* Against a plain list of which members there are. */
START_TEST(adding_and_removing_at_random_loses_no_member)
{
    enum { NUMBERS = 3000, STEPS = 60000 };
    static uint32_t slots[NUMBERS];
    struct member_table t;
    struct rng rng;
    uint32_t present = 0;
    rng_seed(&rng, 7);
    memset(slots, 0xff, sizeof slots);
    ck_assert(member_table_init(&t));
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t i = rng_below(&rng, NUMBERS);
        if (slots[i] == MEMBER_NONE) {
            slots[i] = add(&t, i);
            present++;
        } else {
            member_remove(&t, slots[i]);
            slots[i] = MEMBER_NONE;
            present--;
        }
        ck_assert_uint_eq(t.count, present);
        uint32_t look = rng_below(&rng, NUMBERS);
        ck_assert_uint_eq(member_by_key(&t, key_of(look)), slots[look]);
        ck_assert_uint_eq(find_name(&t, look), slots[look]);
    }
    for (uint32_t i = 0; i < NUMBERS; i++)
        ck_assert_uint_eq(member_by_key(&t, key_of(i)), slots[i]);
    member_table_free(&t);
}
END_TEST

START_TEST(freed_slots_are_used_again_before_new_ones)
{
    struct member_table t;
    ck_assert(member_table_init(&t));
    for (uint32_t i = 0; i < 1000; i++)
        add(&t, i);
    for (uint32_t i = 0; i < 1000; i += 3)
        member_remove(&t, i);
    for (uint32_t i = 0; i < 1000; i += 3)
        ck_assert_uint_lt(add(&t, 5000 + i), 1000);
    ck_assert_uint_eq(t.used, 1000);
    ck_assert_uint_eq(add(&t, 9999), 1000);
    member_table_free(&t);
}
END_TEST

START_TEST(a_full_table_refuses_and_keeps_what_it_has)
{
    struct member_table t;
    ck_assert(member_table_init(&t));
    for (uint32_t i = 0; i < GOSSIP_MEMBERS_MAX; i++)
        ck_assert_uint_eq(add(&t, i), i);
    ck_assert_uint_eq(add(&t, GOSSIP_MEMBERS_MAX), MEMBER_NONE);
    ck_assert_uint_eq(t.count, GOSSIP_MEMBERS_MAX);
    ck_assert_uint_eq(member_live_count(&t), GOSSIP_MEMBERS_MAX);
    ck_assert_uint_eq(find_name(&t, GOSSIP_MEMBERS_MAX), MEMBER_NONE);
    for (uint32_t i = 0; i < GOSSIP_MEMBERS_MAX; i++)
        ck_assert_uint_eq(find_name(&t, i), i);
    member_remove(&t, 77);
    ck_assert_uint_eq(add(&t, GOSSIP_MEMBERS_MAX), 77);
    member_table_free(&t);
}
END_TEST

START_TEST(a_new_profile_renames_the_slot)
{
    struct member_table t;
    ck_assert(member_table_init(&t));
    for (uint32_t i = 0; i < 100; i++)
        add(&t, i);
    for (uint32_t i = 0; i < 100; i++)
        member_set_profile(&t, i, profile_of(i, 1000 + i));
    for (uint32_t i = 0; i < 100; i++) {
        ck_assert_uint_eq(find_name(&t, i), MEMBER_NONE);
        ck_assert_uint_eq(find_name(&t, 1000 + i), i);
        ck_assert_uint_eq(member_by_key(&t, key_of(i)), i);
    }
    member_table_free(&t);
}
END_TEST

START_TEST(members_are_counted_by_status)
{
    struct member_table t;
    ck_assert(member_table_init(&t));
    for (uint32_t i = 0; i < 50; i++)
        add(&t, i);
    for (uint32_t i = 0; i < 50; i++)
        member_set_status(&t, i, (enum gossip_status)(i % 5), 12);
    for (int status = GOSSIP_ALIVE; status <= GOSSIP_LEFT; status++)
        ck_assert_uint_eq(t.by_status[status], 10);
    ck_assert_uint_eq(member_live_count(&t), 30);
    for (uint32_t i = 0; i < 50; i++)
        ck_assert_int_eq(member_is_live(&t.slots[i]), i % 5 <= 2);
    ck_assert_int_eq(t.slots[4].since_us, 12);
    member_remove(&t, 0);
    member_remove(&t, 4);
    ck_assert_uint_eq(t.by_status[GOSSIP_ALIVE], 9);
    ck_assert_uint_eq(t.by_status[GOSSIP_LEFT], 9);
    member_table_free(&t);
}
END_TEST

START_TEST(random_live_members_are_drawn_from_all_of_them_and_no_others)
{
    struct member_table t;
    struct rng rng;
    unsigned drawn[40] = {0};
    rng_seed(&rng, 3);
    ck_assert(member_table_init(&t));
    for (uint32_t i = 0; i < 40; i++) {
        add(&t, i);
        if (i % 4 == 0)
            member_set_status(&t, i, GOSSIP_FAILED, 0);
    }
    member_remove(&t, 5);
    for (int i = 0; i < 20000; i++)
        drawn[member_random_live(&t, &rng, 6)]++;
    for (uint32_t i = 0; i < 40; i++) {
        if (i % 4 == 0 || i == 5 || i == 6)
            ck_assert_uint_eq(drawn[i], 0);
        else
            ck_assert_uint_gt(drawn[i], 20000 / 28 / 2);
    }
    member_table_free(&t);
}
END_TEST

START_TEST(the_only_live_member_is_found_among_many_dead)
{
    struct member_table t;
    struct rng rng;
    rng_seed(&rng, 3);
    ck_assert(member_table_init(&t));
    for (uint32_t i = 0; i < 2000; i++) {
        add(&t, i);
        if (i != 1234)
            member_set_status(&t, i, GOSSIP_LEFT, 0);
    }
    ck_assert_uint_eq(member_random_live(&t, &rng, MEMBER_NONE), 1234);
    ck_assert_uint_eq(member_random_live(&t, &rng, 1234), MEMBER_NONE);
    member_table_free(&t);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("member");
    TCase *c = tcase_create("precedence");
    tcase_add_test(c, a_later_generation_then_incarnation_then_what_is_said_wins);
    tcase_add_test(c, no_two_facts_beat_each_other);
    tcase_add_test(c, the_mark_is_of_no_account_to_one_that_leaves_or_is_gone);
    tcase_add_test(c, how_often_it_was_taken_back_is_no_reason_to_win);
    tcase_add_test(c, what_beats_the_winner_beats_the_loser);
    tcase_add_test(c, a_slot_gives_its_fact_and_a_copy_of_all_that_is_public);
    tcase_add_test(c, each_status_has_its_text);
    suite_add_tcase(s, c);
    c = tcase_create("table");
    tcase_add_test(c, slots_are_found_by_key_and_by_name);
    tcase_add_test(c, adding_and_removing_at_random_loses_no_member);
    tcase_add_test(c, freed_slots_are_used_again_before_new_ones);
    tcase_add_test(c, a_full_table_refuses_and_keeps_what_it_has);
    tcase_add_test(c, a_new_profile_renames_the_slot);
    tcase_add_test(c, members_are_counted_by_status);
    tcase_add_test(c, random_live_members_are_drawn_from_all_of_them_and_no_others);
    tcase_add_test(c, the_only_live_member_is_found_among_many_dead);
    suite_add_tcase(s, c);
    return unit_run(s);
}
