/* Members that stop and go on: their hosts are starved, swapped out, suspended. Whoever was never
 * stopped is never declared failed, by anybody. After Lifeguard's measurements (section V). */
#include "tests/sim/scenario.h"

struct grid {
    uint32_t nodes, paused;
    uint32_t stop_ms, go_ms;
};

/* The paused stop and go for two minutes, each in its own phase, or all together. */
static void stop_and_go(struct net *net, const struct grid *g, bool together)
{
    uint32_t cycle_ms = g->stop_ms + g->go_ms;
    uint32_t length_ms = cycle_ms * 2 > 120000 ? cycle_ms * 2 : 120000;
    bool stopped[64] = {false};
    for (uint32_t at_ms = 0; at_ms < length_ms; at_ms += 4) {
        for (uint32_t node = 0; node < g->paused; node++) {
            uint32_t phase = together ? 0 : cycle_ms / g->paused * node;
            bool stop = (at_ms + phase) % cycle_ms >= g->go_ms;
            if (stop && !stopped[node])
                net_pause(net, node);
            else if (!stop && stopped[node])
                net_resume(net, node);
            stopped[node] = stop;
        }
        net_run_ms(net, 4);
    }
    for (uint32_t node = 0; node < g->paused; node++)
        net_resume(net, node);
}

static void run(const struct grid *g, bool together)
{
    struct net *net = scenario_start(g->nodes, 0);
    stop_and_go(net, g, together);
    for (uint32_t node = g->paused; node < g->nodes; node++)
        if (scenario_count_of(net, GOSSIP_EVENT_FAILED, node)) {
            printf("# %u of %u, %u ms stopped, %u ms going, %s\n", g->paused, g->nodes, g->stop_ms,
                   g->go_ms, together ? "together" : "each in its phase");
            expect(scenario_count_of(net, GOSSIP_EVENT_FAILED, node) == 0);
        }
    scenario_settles(net, 10000);
}

START_TEST(one_that_never_stopped_is_never_declared_failed)
{
    static const uint32_t paused[] = {1, 4, 8};
    static const uint32_t stops_ms[] = {100, 500, 2000, 8000, 32000};
    static const uint32_t goes_ms[] = {4, 100, 1000, 16000};
    for (size_t p = 0; p < 3; p++)
        for (size_t s = 0; s < 5; s++)
            for (size_t i = 0; i < 4; i++)
                for_seeds(1)
                    run(&(struct grid){32, paused[p], stops_ms[s], goes_ms[i]}, (p + s + i) % 2);
}
END_TEST

START_TEST(nor_in_small_clusters)
{
    static const uint32_t sizes[] = {3, 4, 5, 8};
    static const uint32_t stops_ms[] = {100, 1000, 5000};
    for (size_t n = 0; n < 4; n++)
        for (size_t s = 0; s < 3; s++)
            for_seeds(3) run(&(struct grid){sizes[n], sizes[n] / 3, stops_ms[s], 700}, false);
}
END_TEST

START_TEST(short_stops_declare_none_failed_at_all)
{
    for_seeds(5)
    {
        const struct grid g = {24, 6, 200, 1500};
        struct net *net = scenario_start(g.nodes, 0);
        stop_and_go(net, &g, scenario_seed % 2);
        expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
        scenario_settles(net, 5000);
    }
}
END_TEST

START_TEST(one_long_stop_ends_as_it_should)
{
    for_seeds(10)
    {
        struct net *net = scenario_start(24, 0);
        net_pause(net, 3);
        net_run_ms(net, 10000);
        for (uint32_t node = 0; node < 24; node++)
            expect(node == 3 || net_status(net, node, 3) == GOSSIP_FAILED);
        net_resume(net, 3);
        scenario_settles(net, 3000);
        for (uint32_t node = 0; node < 24; node++)
            expect(node == 3 || scenario_count_of(net, GOSSIP_EVENT_FAILED, node) == 0);
    }
}
END_TEST

START_TEST(all_stop_at_once_and_none_is_declared_failed)
{
    /* A hypervisor that is suspended with all its guests. */
    for_seeds(10)
    {
        struct net *net = scenario_start(12, 0);
        for (uint32_t node = 0; node < 12; node++)
            net_pause(net, node);
        net_run_ms(net, 60000);
        for (uint32_t node = 0; node < 12; node++) {
            net_resume(net, node);
            net_run_ms(net, (uint32_t)scenario_seed % 4);
        }
        scenario_settles(net, 5000);
        expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pause");
    TCase *t = tcase_create("pause");
    tcase_set_timeout(t, SCENARIO_TIMEOUT_S);
    tcase_add_test(t, one_that_never_stopped_is_never_declared_failed);
    tcase_add_test(t, nor_in_small_clusters);
    tcase_add_test(t, short_stops_declare_none_failed_at_all);
    tcase_add_test(t, one_long_stop_ends_as_it_should);
    tcase_add_test(t, all_stop_at_once_and_none_is_declared_failed);
    suite_add_tcase(s, t);
    return unit_run(s);
}
