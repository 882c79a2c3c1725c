/* Networks that lose, double and reorder what they carry. */
#include "tests/sim/scenario.h"

enum { TEN_MINUTES_MS = 600000 };

START_TEST(none_is_declared_failed_at_up_to_a_tenth_of_loss)
{
    static const double losses[] = {0.01, 0.03, 0.1};
    static const uint32_t sizes[] = {3, 6, 24};
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 3; k++)
            for_seeds(2)
            {
                struct net *net = scenario_start(sizes[k], 0);
                net_set_loss(net, losses[i]);
                net_run_ms(net, TEN_MINUTES_MS);
                expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
                net_set_loss(net, 0);
                expect(net_run_until_agreed_ms(net, 5000) >= 0);
            }
}
END_TEST

START_TEST(two_members_bear_a_tenth_of_loss)
{
    for_seeds(5)
    {
        struct net *net = scenario_start(2, 0);
        net_set_loss(net, 0.1);
        net_run_ms(net, TEN_MINUTES_MS);
        expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
        expect(net_run_until_agreed_ms(net, 5000) >= 0);
    }
}
END_TEST

START_TEST(nearly_none_is_declared_failed_at_a_fifth_and_more_and_all_agree_afterwards)
{
    static const double losses[] = {0.2, 0.3};
    for (size_t i = 0; i < 2; i++)
        for_seeds(2)
        {
            struct net *net = scenario_start(24, 0);
            net_set_loss(net, losses[i]);
            net_run_ms(net, TEN_MINUTES_MS);
            uint32_t failed = scenario_count(net, GOSSIP_EVENT_FAILED);
            if (failed)
                printf("# seed %llu: %u false failures told by 24 members in 10 min at %.0f %%\n",
                       (unsigned long long)scenario_seed, failed, 100 * losses[i]);
            expect(failed <= 24);
            net_set_loss(net, 0);
            scenario_settles(net, 10000);
        }
}
END_TEST

START_TEST(bursts_of_loss_declare_none_failed)
{
    for_seeds(3)
    {
        struct net *net = scenario_start(24, 0);
        for (int burst = 0; burst < 60; burst++) {
            net_set_loss(net, 0.8);
            net_run_ms(net, 200);
            net_set_loss(net, 0);
            net_run_ms(net, 1800);
        }
        expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
        scenario_settles(net, 5000);
    }
}
END_TEST

/* A network of that kind, everybody started. */
static struct net *start_on(struct net_config config)
{
    config.detect_ms = SCENARIO_DETECT_MS;
    config.seed = scenario_seed;
    struct net *net = scenario_net = net_new(&config);
    for (uint32_t node = 0; node < config.nodes; node++)
        net_start(net, node, 0);
    expect(net_run_until_agreed_ms(net, 10000) >= 0);
    return net;
}

START_TEST(doubled_and_reordered_packets_do_no_harm)
{
    for_seeds(3)
    {
        struct net *net = start_on((struct net_config){
            .nodes = 24, .delay_us = 100, .jitter_us = 40000, .duplicates = 0.5});
        net_run_ms(net, 120000);
        expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
        expect(scenario_count(net, GOSSIP_EVENT_SUSPECT) == 0);
        expect(scenario_count(net, GOSSIP_EVENT_JOIN) == 24 * 23);
        expect(net_run_until_agreed_ms(net, 0) == 0);
        net_crash(net, 3);
        expect(net_run_until_agreed_ms(net, 3 * SCENARIO_DETECT_MS) >= 0);
    }
}
END_TEST

START_TEST(a_wide_area_suspects_none_and_detects_a_crash)
{
    for_seeds(3)
    {
        struct net *net =
            start_on((struct net_config){.nodes = 24, .delay_us = 60000, .jitter_us = 20000});
        net_set_loss(net, 0.01);
        net_run_ms(net, 20000);
        net_clear_history(net);
        net_run_ms(net, 120000);
        expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
        expect(net_run_until_agreed_ms(net, 5000) >= 0);
        net_crash(net, 3);
        expect(net_run_until_agreed_ms(net, 5 * SCENARIO_DETECT_MS) >= 0);
    }
}
END_TEST

START_TEST(one_lossy_member_takes_no_other_with_it)
{
    /* Of every packet to and from it four of five are lost: cuts that come and go. */
    for_seeds(3)
    {
        struct net *net = scenario_start(16, 0);
        for (uint32_t step = 0; step < 12000; step++) {
            bool cut = (scenario_seed * 31 + step * step * 2654435761u) % 5 != 0;
            for (uint32_t node = 0; node < 16; node++) {
                net_cut(net, node, 4, cut);
                net_cut(net, 4, node, cut);
            }
            net_run_ms(net, 10);
        }
        for (uint32_t node = 0; node < 16; node++)
            expect(node == 4 || scenario_events(net, SCENARIO_ANY, GOSSIP_EVENT_FAILED, node) ==
                                    scenario_events(net, 4, GOSSIP_EVENT_FAILED, node));
        for (uint32_t node = 0; node < 16; node++) {
            net_cut(net, node, 4, false);
            net_cut(net, 4, node, false);
        }
        scenario_settles(net, 8000);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("loss");
    TCase *t = tcase_create("loss");
    tcase_set_timeout(t, SCENARIO_TIMEOUT_S);
    tcase_add_test(t, none_is_declared_failed_at_up_to_a_tenth_of_loss);
    tcase_add_test(t, two_members_bear_a_tenth_of_loss);
    tcase_add_test(t, nearly_none_is_declared_failed_at_a_fifth_and_more_and_all_agree_afterwards);
    tcase_add_test(t, bursts_of_loss_declare_none_failed);
    tcase_add_test(t, one_lossy_member_takes_no_other_with_it);
    suite_add_tcase(s, t);
    t = tcase_create("disorder");
    tcase_set_timeout(t, SCENARIO_TIMEOUT_S);
    tcase_add_test(t, doubled_and_reordered_packets_do_no_harm);
    tcase_add_test(t, a_wide_area_suspects_none_and_detects_a_crash);
    suite_add_tcase(s, t);
    return unit_run(s);
}
