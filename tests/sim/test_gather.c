/* Members that find each other, leave, come back, and say something new of themselves. */
#include "tests/sim/scenario.h"

START_TEST(all_see_all_soon_after_the_last_start)
{
    static const uint32_t sizes[] = {2, 3, 4, 5, 6, 8, 13, 32, 64, 128};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for_seeds(3)
        {
            struct net *net = scenario_lan(sizes[i]);
            for (uint32_t node = 0; node < sizes[i]; node++) {
                net_start(net, node, node ? node - 1 : 0);
                net_run_ms(net, node % 4);
            }
            expect(net_run_until_agreed_ms(net, 2000) >= 0);
            net_run_ms(net, 5000);
            expect(net_run_until_agreed_ms(net, 0) == 0);
            expect(scenario_count(net, GOSSIP_EVENT_SUSPECT) == 0);
            expect(scenario_count(net, GOSSIP_EVENT_JOIN) == sizes[i] * (sizes[i] - 1));
        }
}
END_TEST

START_TEST(all_find_each_other_through_loss)
{
    for_seeds(5)
    {
        struct net *net = scenario_lan(24);
        net_set_loss(net, 0.3);
        for (uint32_t node = 0; node < 24; node++)
            net_start(net, node, 0);
        expect(net_run_until_agreed_ms(net, 10000) >= 0);
    }
}
END_TEST

START_TEST(a_seed_that_starts_last_is_found)
{
    for_seeds(5)
    {
        struct net *net = scenario_lan(6);
        for (uint32_t node = 1; node < 6; node++)
            net_start(net, node, 0);
        net_run_ms(net, 30000);
        expect(scenario_count(net, GOSSIP_EVENT_JOIN) == 0);
        net_start(net, 0, 0);
        scenario_settles(net, 6000);
    }
}
END_TEST

START_TEST(two_clusters_become_one_through_one_join)
{
    for_seeds(5)
    {
        struct net *net = scenario_lan(40);
        for (uint32_t node = 0; node < 40; node++)
            net_start(net, node, node < 20 ? 0 : 20);
        net_run_ms(net, 5000);
        expect(net_status(net, 0, 20) == -1);
        net_join(net, 3, 25);
        scenario_settles(net, 2000);
        expect(scenario_count(net, GOSSIP_EVENT_SUSPECT) == 0);
    }
}
END_TEST

static void expect_left(struct net *net, uint32_t nodes, uint32_t leaver)
{
    expect(net_core(net, leaver) == NULL);
    for (uint32_t node = 0; node < nodes; node++)
        if (net_core(net, node))
            expect(net_status(net, node, leaver) == GOSSIP_LEFT);
}

START_TEST(one_that_leaves_is_left_everywhere_and_never_failed)
{
    static const uint32_t sizes[] = {2, 3, 5, 24};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for_seeds(5)
        {
            struct net *net = scenario_start(sizes[i], 0);
            net_leave(net, 1);
            net_run_ms(net, gossip_get_timing(net_core(net, 0))->leave_ms + 1);
            expect(net_core(net, 1) == NULL);
            net_run_ms(net, 500);
            expect_left(net, sizes[i], 1);
            expect(scenario_count(net, GOSSIP_EVENT_LEAVE) == sizes[i] - 1);
            net_run_ms(net, 10000);
            expect_left(net, sizes[i], 1);
            expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
            expect(scenario_count(net, GOSSIP_EVENT_SUSPECT) == 0);
        }
}
END_TEST

START_TEST(one_that_leaves_through_loss_is_left_and_not_failed)
{
    for_seeds(20)
    {
        struct net *net = scenario_start(24, 0);
        net_set_loss(net, 0.1);
        net_run_ms(net, 2000);
        net_leave(net, 1);
        net_run_ms(net, 10000);
        expect_left(net, 24, 1);
        expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
    }
}
END_TEST

START_TEST(half_of_them_leave_at_once)
{
    for_seeds(5)
    {
        struct net *net = scenario_start(32, 0);
        for (uint32_t node = 0; node < 16; node++)
            net_leave(net, 2 * node);
        net_run_ms(net, 3000);
        for (uint32_t node = 0; node < 16; node++)
            expect_left(net, 32, 2 * node);
        expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
        expect(scenario_count(net, GOSSIP_EVENT_SUSPECT) == 0);
        expect(net_run_until_agreed_ms(net, 0) == 0);
    }
}
END_TEST

START_TEST(the_last_one_may_leave_too)
{
    for_seeds(1)
    {
        struct net *net = scenario_lan(1);
        net_start(net, 0, 0);
        net_leave(net, 0);
        net_run_ms(net, gossip_get_timing(net_core(net, 0))->leave_ms);
        expect(net_core(net, 0) == NULL);
    }
}
END_TEST

START_TEST(one_that_left_may_come_back)
{
    for_seeds(5)
    {
        struct net *net = scenario_start(12, 0);
        net_leave(net, 4);
        net_run_ms(net, 5000);
        net_clear_history(net);
        net_start(net, 4, 0);
        expect(net_run_until_agreed_ms(net, 1000) >= 0);
        expect(scenario_events(net, SCENARIO_ANY, GOSSIP_EVENT_JOIN, 4) == 11);
    }
}
END_TEST

/* Tags "v=<value>" at that node. */
static void set_tag(struct net *net, uint32_t node, int value)
{
    char tags[GOSSIP_TAGS_BYTES_MAX], text[16];
    uint16_t bytes = 0;
    snprintf(text, sizeof text, "%d", value);
    gossip_tags_set(tags, &bytes, "v", text);
    expect(gossip_set_tags(net_core(net, node), net_now_us(net), tags, bytes) == GOSSIP_OK);
    net_settle(net, node);
}

/* The number of nodes that see that tag. */
static uint32_t seeing(struct net *net, uint32_t nodes, const char *name, int value)
{
    uint32_t count = 0;
    char tags[16];
    int bytes = snprintf(tags, sizeof tags, "v%c%d", 0, value) + 1;
    for (uint32_t node = 0; node < nodes; node++) {
        struct gossip_member m;
        count += gossip_find(net_core(net, node), name, &m) && m.profile->tags_bytes == bytes &&
                 memcmp(m.profile->tags, tags, (size_t)bytes) == 0;
    }
    return count;
}

START_TEST(new_tags_are_seen_by_all_within_a_second)
{
    for_seeds(5)
    {
        struct net *net = scenario_start(64, 0);
        set_tag(net, 9, 1);
        net_run_ms(net, 1000);
        expect(seeing(net, 64, "n9", 1) == 64);
        expect(scenario_events(net, SCENARIO_ANY, GOSSIP_EVENT_UPDATE, 9) == 64);
    }
}
END_TEST

START_TEST(of_many_changes_all_see_the_last_even_through_loss)
{
    for_seeds(10)
    {
        struct net *net = scenario_start(32, 0);
        net_set_loss(net, 0.25);
        for (int value = 1; value <= 60; value++) {
            set_tag(net, (uint32_t)value % 3, value);
            net_run_ms(net, 20);
        }
        net_run_ms(net, 10000);
        expect(seeing(net, 32, "n1", 58) == 32);
        expect(seeing(net, 32, "n2", 59) == 32);
        expect(seeing(net, 32, "n0", 60) == 32);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gather");
    TCase *t = tcase_create("gather");
    tcase_set_timeout(t, SCENARIO_TIMEOUT_S);
    tcase_add_test(t, all_see_all_soon_after_the_last_start);
    tcase_add_test(t, all_find_each_other_through_loss);
    tcase_add_test(t, a_seed_that_starts_last_is_found);
    tcase_add_test(t, two_clusters_become_one_through_one_join);
    suite_add_tcase(s, t);
    t = tcase_create("leave");
    tcase_set_timeout(t, SCENARIO_TIMEOUT_S);
    tcase_add_test(t, one_that_leaves_is_left_everywhere_and_never_failed);
    tcase_add_test(t, one_that_leaves_through_loss_is_left_and_not_failed);
    tcase_add_test(t, half_of_them_leave_at_once);
    tcase_add_test(t, the_last_one_may_leave_too);
    tcase_add_test(t, one_that_left_may_come_back);
    suite_add_tcase(s, t);
    t = tcase_create("tags");
    tcase_set_timeout(t, SCENARIO_TIMEOUT_S);
    tcase_add_test(t, new_tags_are_seen_by_all_within_a_second);
    tcase_add_test(t, of_many_changes_all_see_the_last_even_through_loss);
    suite_add_tcase(s, t);
    return unit_run(s);
}
