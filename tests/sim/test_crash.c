/* Members that die without a word: all others call them failed, in time, and no other. */
#include "tests/sim/scenario.h"

enum { SEEDS_MAX = 2000 };

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Members below `dead` crash at once. Returns how long it took until all others called all of them
 * failed; they called no other anything. */
static int64_t crash_ms(struct net *net, uint32_t nodes, uint32_t dead, uint32_t within_ms)
{
    net_run_ms(net, (uint32_t)(scenario_seed * 37 % 700));
    int64_t begun_us = net_now_us(net);
    for (uint32_t node = 0; node < dead; node++)
        net_crash(net, node);
    expect(net_run_until_agreed_ms(net, within_ms) >= 0);
    int64_t took_us = scenario_last_us(net, GOSSIP_EVENT_FAILED) - begun_us;
    net_run_ms(net, 10000);
    for (uint32_t node = 0; node < nodes; node++) {
        expect(scenario_count_of(net, GOSSIP_EVENT_FAILED, node) ==
               (node < dead ? nodes - dead : 0));
        expect(node < dead || scenario_count_of(net, GOSSIP_EVENT_SUSPECT, node) == 0);
    }
    return took_us / 1000;
}

START_TEST(one_crash_is_failed_everywhere_within_detect_at_the_median)
{
    static const uint32_t sizes[] = {2, 3, 4, 5, 6, 12, 32, 128};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        static int64_t took_ms[SEEDS_MAX];
        size_t count = 0;
        for_seeds(15)
        {
            struct net *net = scenario_start(sizes[i], 0);
            int64_t ms = crash_ms(net, sizes[i], 1, 2 * SCENARIO_DETECT_MS);
            took_ms[count++ % SEEDS_MAX] = ms;
        }
        count = count < SEEDS_MAX ? count : SEEDS_MAX;
        qsort(took_ms, count, sizeof *took_ms, by_size);
        printf("# %u members: one crash failed everywhere after %lld ms, at most %lld\n", sizes[i],
               (long long)took_ms[count / 2], (long long)took_ms[count - 1]);
        ck_assert_int_le(took_ms[count / 2], SCENARIO_DETECT_MS);
    }
}
END_TEST

START_TEST(a_tenth_crashes_at_once)
{
    for_seeds(8)
    {
        struct net *net = scenario_start(64, 0);
        crash_ms(net, 64, 6, 3 * SCENARIO_DETECT_MS);
    }
}
END_TEST

START_TEST(half_crash_at_once)
{
    static const uint32_t sizes[] = {4, 6, 8, 32, 64};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for_seeds(8)
        {
            struct net *net = scenario_start(sizes[i], 0);
            crash_ms(net, sizes[i], sizes[i] / 2, 8 * SCENARIO_DETECT_MS);
        }
}
END_TEST

START_TEST(all_but_one_crash_at_once)
{
    for_seeds(8)
    {
        struct net *net = scenario_start(8, 0);
        crash_ms(net, 8, 7, 20 * SCENARIO_DETECT_MS);
    }
}
END_TEST

START_TEST(members_crash_one_by_one_down_to_two)
{
    for_seeds(5)
    {
        struct net *net = scenario_start(24, 0);
        for (uint32_t node = 0; node < 22; node++) {
            net_crash(net, node);
            net_run_ms(net, 500);
        }
        expect(net_run_until_agreed_ms(net, 3 * SCENARIO_DETECT_MS) >= 0);
        for (uint32_t node = 22; node < 24; node++)
            expect(scenario_count_of(net, GOSSIP_EVENT_FAILED, node) == 0);
    }
}
END_TEST

START_TEST(a_crash_is_noticed_through_loss)
{
    static const uint32_t sizes[] = {2, 3, 24};
    for (size_t i = 0; i < 3; i++)
        for_seeds(20)
        {
            struct net *net = scenario_start(sizes[i], 0);
            net_set_loss(net, 0.1);
            net_run_ms(net, 20000);
            net_clear_history(net);
            net_crash(net, 1);
            expect(net_run_until_agreed_ms(net, 4 * SCENARIO_DETECT_MS) >= 0);
            for (uint32_t node = 0; node < sizes[i]; node++)
                expect(node == 1 || scenario_count_of(net, GOSSIP_EVENT_FAILED, node) == 0);
        }
}
END_TEST

START_TEST(a_crash_right_after_the_start_is_noticed)
{
    for_seeds(20)
    {
        struct net *net = scenario_start(16, 1);
        net_start(net, 15, 0);
        net_run_ms(net, 20 + (uint32_t)scenario_seed * 10);
        net_crash(net, 15);
        expect(net_run_until_agreed_ms(net, 4 * SCENARIO_DETECT_MS) >= 0);
        net_run_ms(net, 5000);
        expect(net_run_until_agreed_ms(net, 0) == 0);
    }
}
END_TEST

START_TEST(a_longer_detect_is_kept_too)
{
    for_seeds(5)
    {
        struct net_config config = {.nodes = 16,
                                    .detect_ms = 10000,
                                    .seed = scenario_seed,
                                    .delay_us = 100,
                                    .jitter_us = 300};
        struct net *net = scenario_net = net_new(&config);
        for (uint32_t node = 0; node < 16; node++)
            net_start(net, node, 0);
        expect(net_run_until_agreed_ms(net, 20000) >= 0);
        net_run_ms(net, 20000);
        net_crash(net, 3);
        expect(net_run_until_agreed_ms(net, 20000) >= 0);
        for (uint32_t node = 0; node < 16; node++)
            expect(node == 3 || scenario_count_of(net, GOSSIP_EVENT_FAILED, node) == 0);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("crash");
    TCase *t = tcase_create("crash");
    tcase_set_timeout(t, SCENARIO_TIMEOUT_S);
    tcase_add_test(t, one_crash_is_failed_everywhere_within_detect_at_the_median);
    tcase_add_test(t, a_tenth_crashes_at_once);
    tcase_add_test(t, half_crash_at_once);
    tcase_add_test(t, all_but_one_crash_at_once);
    tcase_add_test(t, members_crash_one_by_one_down_to_two);
    tcase_add_test(t, a_crash_is_noticed_through_loss);
    tcase_add_test(t, a_crash_right_after_the_start_is_noticed);
    tcase_add_test(t, a_longer_detect_is_kept_too);
    suite_add_tcase(s, t);
    return unit_run(s);
}
