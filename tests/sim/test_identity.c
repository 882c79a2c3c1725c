/* Who is who: restarts, new addresses, installations anew, names and ids that two hosts share, and
 * members that are made to be forgotten. */
#include "tests/sim/scenario.h"

START_TEST(a_restart_unnoticed_is_an_update_and_no_failure)
{
    for_seeds(10)
    {
        struct net *net = scenario_start(24, 0);
        net_crash(net, 5);
        net_start(net, 5, 0);
        scenario_settles(net, 1000);
        expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
        expect(scenario_count_of(net, GOSSIP_EVENT_UPDATE, 5) >= 23);
    }
}
END_TEST

/* Unless the accusation and the updates of it cross. */
START_TEST(a_restart_that_is_just_being_missed_is_hardly_ever_suspected)
{
    for_seeds(5)
    {
        struct net *net = scenario_start(16, 0);
        uint32_t suspected = 0;
        for (uint32_t i = 0; i < 20; i++) {
            net_crash(net, 5);
            net_run_ms(net, 200 + 20 * i);
            bool noticed = scenario_count_of(net, GOSSIP_EVENT_SUSPECT, 5) > 0;
            net_start(net, 5, 0);
            net_run_ms(net, 5000);
            suspected += !noticed && scenario_count_of(net, GOSSIP_EVENT_SUSPECT, 5) > 0;
            net_clear_history(net);
        }
        expect(suspected <= 1);
    }
}
END_TEST

START_TEST(a_restart_after_the_failure_is_back_as_alive)
{
    static const uint32_t sizes[] = {2, 3, 24};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for_seeds(10)
        {
            struct net *net = scenario_start(sizes[i], 0);
            net_crash(net, 1);
            net_run_ms(net, 6000);
            expect(scenario_count_of(net, GOSSIP_EVENT_FAILED, 1) == sizes[i] - 1);
            net_start(net, 1, 0);
            scenario_settles(net, 1000);
            expect(scenario_events(net, SCENARIO_ANY, GOSSIP_EVENT_JOIN, 1) == sizes[i] - 1);
            expect(scenario_count_of(net, GOSSIP_EVENT_FAILED, 1) == sizes[i] - 1);
        }
}
END_TEST

/* In the worst moment: being suspected, or just declared failed by some. */
START_TEST(a_restart_at_any_moment_ends_as_alive)
{
    for_seeds(60)
    {
        struct net *net = scenario_start(16, 0);
        net_crash(net, 5);
        net_run_ms(net, 100 + (uint32_t)scenario_seed * 30 % 1800);
        net_start(net, 5, 0);
        scenario_settles(net, 3000);
    }
}
END_TEST

START_TEST(a_restart_of_all_leaves_no_stale_slots)
{
    for_seeds(10)
    {
        struct net *net = scenario_start(32, 0);
        for (uint32_t node = 0; node < 32; node++)
            net_crash(net, node);
        net_run_ms(net, 1);
        for (uint32_t node = 0; node < 32; node++)
            net_start(net, node, 0);
        scenario_settles(net, 2000);
        expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
        for (uint32_t node = 0; node < 32; node++) {
            struct gossip_stats stats;
            gossip_get_stats(net_core(net, node), &stats);
            expect(stats.members_alive == 32 && stats.members_failed + stats.members_left == 0);
        }
    }
}
END_TEST

START_TEST(a_rolling_restart_declares_none_failed)
{
    for_seeds(5)
    {
        struct net *net = scenario_start(20, 0);
        for (uint32_t node = 0; node < 20; node++) {
            net_leave(net, node);
            net_run_ms(net, 400);
            net_start(net, node, (node + 1) % 20);
            net_run_ms(net, 400);
        }
        scenario_settles(net, 2000);
        expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
        expect(scenario_count(net, GOSSIP_EVENT_SUSPECT) == 0);
    }
}
END_TEST

/* Everybody holds `node` at the address that it says is its own. */
static void expect_addressed(struct net *net, uint32_t nodes, uint32_t node)
{
    struct gossip_member self = gossip_self(net_core(net, node));
    for (uint32_t other = 0; other < nodes; other++) {
        struct gossip_member held;
        expect(gossip_find(net_core(net, other), self.profile->name, &held));
        expect(memcmp(&held.profile->addr, &self.profile->addr, sizeof self.profile->addr) == 0);
    }
}

START_TEST(a_member_returns_with_a_new_address)
{
    for_seeds(20)
    {
        struct net *net = scenario_start(16, 0);
        net_crash(net, 5);
        if (scenario_seed % 2)
            net_run_ms(net, 6000);
        net_readdress(net, 5);
        net_start(net, 5, 0);
        scenario_settles(net, 2000);
        expect_addressed(net, 16, 5);
    }
}
END_TEST

START_TEST(all_members_return_with_new_addresses)
{
    for_seeds(5)
    {
        struct net *net = scenario_start(16, 0);
        for (uint32_t node = 0; node < 16; node++) {
            net_crash(net, node);
            net_readdress(net, node);
            net_start(net, node, node ? 0 : 1);
            net_run_ms(net, 50);
        }
        scenario_settles(net, 5000);
        for (uint32_t node = 0; node < 16; node++)
            expect_addressed(net, 16, node);
    }
}
END_TEST

/* The address of a running node changes, as by DHCP: the core is told, and some members are asked.
 */
static void readdress_live(struct net *net, uint32_t node)
{
    net_readdress(net, node);
    struct gossip_addr addr = net_host(net, node)->addr;
    gossip_set_addr(net_core(net, node), net_now_us(net), &addr);
    for (uint32_t i = 1; i <= 3; i++)
        net_join(net, node, (node + i) % net_nodes(net));
    net_settle(net, node);
}

START_TEST(a_live_member_whose_address_changes_is_an_update_and_no_failure)
{
    static const uint32_t sizes[] = {4, 16};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for_seeds(20)
        {
            struct net *net = scenario_start(sizes[i], 0);
            readdress_live(net, 3);
            scenario_settles(net, 4000);
            expect_addressed(net, sizes[i], 3);
            expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
        }
}
END_TEST

START_TEST(a_host_installed_anew_takes_the_place_of_its_old_self)
{
    for_seeds(20)
    {
        struct net *net = scenario_start(16, 0);
        net_crash(net, 5);
        if (scenario_seed % 2)
            net_run_ms(net, 6000);
        net_reinstall(net, 5);
        net_start(net, 5, 0);
        scenario_settles(net, 3000);
        expect(scenario_count(net, GOSSIP_EVENT_NAME_TAKEN) == 0);
        for (uint32_t node = 0; node < 16; node++) {
            struct gossip_stats stats;
            gossip_get_stats(net_core(net, node), &stats);
            expect(stats.members_alive == 16 && stats.members_failed + stats.members_left == 0);
        }
    }
}
END_TEST

START_TEST(the_later_of_two_hosts_with_one_name_is_told_and_the_first_undisturbed)
{
    for_seeds(20)
    {
        struct net *net = scenario_start(16, 1);
        net_rename(net, 15, 3);
        net_start(net, 15, (uint32_t)scenario_seed % 15);
        net_run_ms(net, 3000);
        expect(net_core(net, 15) == NULL);
        expect(scenario_events(net, 15, GOSSIP_EVENT_NAME_TAKEN, 3) == 1);
        expect(scenario_count(net, GOSSIP_EVENT_NAME_TAKEN) == 1);
        net_run_ms(net, 5000);
        expect(net_run_until_agreed_ms(net, 0) == 0);
        expect(scenario_count_of(net, GOSSIP_EVENT_SUSPECT, 3) == 0);
        expect(scenario_count_of(net, GOSSIP_EVENT_REAP, 3) == 0);
        expect(scenario_count_of(net, GOSSIP_EVENT_UPDATE, 3) == 0);
        expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
    }
}
END_TEST

START_TEST(two_hosts_with_one_name_that_a_partition_hid_from_each_other)
{
    for_seeds(20)
    {
        struct net *net = scenario_start(16, 1);
        net_split(net, 8, true);
        net_run_ms(net, 8000);
        net_rename(net, 15, 3);
        net_start(net, 15, 8);
        net_run_ms(net, 8000);
        expect(net_core(net, 15) && net_status(net, 10, 15) == GOSSIP_ALIVE);
        net_split(net, 8, false);
        net_run_ms(net, 8000);
        expect(net_core(net, 3) && !net_core(net, 15));
        expect(scenario_count(net, GOSSIP_EVENT_NAME_TAKEN) == 1);
        expect(net_run_until_agreed_ms(net, 5000) >= 0);
    }
}
END_TEST

START_TEST(a_copied_host_is_told_that_its_id_is_taken)
{
    for_seeds(20)
    {
        struct net *net = scenario_start(16, 1);
        net_clone(net, 15, 3);
        net_start(net, 15, (uint32_t)scenario_seed % 15);
        net_run_ms(net, 3000);
        expect(net_core(net, 3) && !net_core(net, 15));
        expect(scenario_count(net, GOSSIP_EVENT_ID_TAKEN) == 1);
        for (uint32_t node = 0; node < 15; node++)
            expect(net_status(net, node, 3) == GOSSIP_ALIVE);
        expect_addressed(net, 15, 3);
        expect(scenario_count_of(net, GOSSIP_EVENT_FAILED, 3) == 0);
    }
}
END_TEST

START_TEST(a_copy_that_started_earlier_where_nobody_saw_it_yields_to_the_member)
{
    for_seeds(20)
    {
        struct net *net = scenario_lan(6);
        net_clone(net, 5, 3);
        net_start(net, 5, 5);
        net_run_ms(net, 20000);
        for (uint32_t node = 0; node < 5; node++)
            net_start(net, node, 0);
        net_run_ms(net, 5000);
        net_join(net, 5, (uint32_t)scenario_seed % 3);
        net_run_ms(net, 15000);
        expect(net_core(net, 3) && !net_core(net, 5));
        expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
        expect_addressed(net, 5, 3);
    }
}
END_TEST

START_TEST(of_copies_that_start_in_one_moment_one_stays)
{
    for_seeds(20)
    {
        struct net *net = scenario_start(9, 6);
        for (uint32_t node = 3; node < 9; node++)
            net_clone(net, node, 3);
        for (uint32_t node = 3; node < 9; node++)
            net_start(net, node, (uint32_t)(scenario_seed + node) % 3);
        net_run_ms(net, 20000);
        unsigned running = 0;
        for (uint32_t node = 3; node < 9; node++)
            running += net_core(net, node) != NULL;
        expect(running == 1);
    }
}
END_TEST

static enum gossip_error forget(struct net *net, uint32_t node, const char *name, bool prune)
{
    enum gossip_error error = gossip_force_leave(net_core(net, node), net_now_us(net), name, prune);
    net_settle(net, node);
    return error;
}

START_TEST(a_force_left_member_is_left_or_gone_everywhere)
{
    for_seeds(10)
    {
        struct net *net = scenario_start(16, 0);
        bool prune = scenario_seed % 2;
        expect(forget(net, 2, "n5", prune) == GOSSIP_ERROR_ALIVE);
        expect(forget(net, 2, "none", prune) == GOSSIP_ERROR_UNKNOWN);
        net_crash(net, 5);
        net_run_ms(net, 6000);
        expect(forget(net, 2, "n5", prune) == GOSSIP_OK);
        net_run_ms(net, 1500);
        for (uint32_t node = 0; node < 16; node++)
            expect(node == 5 || net_status(net, node, 5) == (prune ? -1 : GOSSIP_LEFT));
        expect(scenario_count_of(net, GOSSIP_EVENT_LEAVE, 5) == 15);
        expect(scenario_count_of(net, GOSSIP_EVENT_REAP, 5) == (prune ? 15 : 0));
        net_run_ms(net, 20000);
        expect(scenario_count_of(net, GOSSIP_EVENT_FAILED, 5) == 15);
        net_start(net, 5, 0);
        scenario_settles(net, 2000);
    }
}
END_TEST

START_TEST(a_member_force_left_while_it_was_only_cut_off_comes_back)
{
    for_seeds(10)
    {
        struct net *net = scenario_start(16, 0);
        net_split(net, 1, true);
        net_run_ms(net, 10000);
        expect(forget(net, 7, "n0", scenario_seed % 2) == GOSSIP_OK);
        net_run_ms(net, 5000);
        net_split(net, 1, false);
        scenario_settles(net, 5000);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("identity");
    TCase *t = tcase_create("restart");
    tcase_set_timeout(t, SCENARIO_TIMEOUT_S);
    tcase_add_test(t, a_restart_unnoticed_is_an_update_and_no_failure);
    tcase_add_test(t, a_restart_that_is_just_being_missed_is_hardly_ever_suspected);
    tcase_add_test(t, a_restart_after_the_failure_is_back_as_alive);
    tcase_add_test(t, a_restart_at_any_moment_ends_as_alive);
    tcase_add_test(t, a_restart_of_all_leaves_no_stale_slots);
    tcase_add_test(t, a_rolling_restart_declares_none_failed);
    tcase_add_test(t, a_member_returns_with_a_new_address);
    tcase_add_test(t, a_live_member_whose_address_changes_is_an_update_and_no_failure);
    tcase_add_test(t, all_members_return_with_new_addresses);
    tcase_add_test(t, a_host_installed_anew_takes_the_place_of_its_old_self);
    suite_add_tcase(s, t);
    t = tcase_create("names and ids");
    tcase_set_timeout(t, SCENARIO_TIMEOUT_S);
    tcase_add_test(t, the_later_of_two_hosts_with_one_name_is_told_and_the_first_undisturbed);
    tcase_add_test(t, two_hosts_with_one_name_that_a_partition_hid_from_each_other);
    tcase_add_test(t, a_copied_host_is_told_that_its_id_is_taken);
    suite_add_tcase(s, t);
    t = tcase_create("forget");
    tcase_set_timeout(t, SCENARIO_TIMEOUT_S);
    tcase_add_test(t, a_copy_that_started_earlier_where_nobody_saw_it_yields_to_the_member);
    tcase_add_test(t, of_copies_that_start_in_one_moment_one_stays);
    tcase_add_test(t, a_force_left_member_is_left_or_gone_everywhere);
    tcase_add_test(t, a_member_force_left_while_it_was_only_cut_off_comes_back);
    suite_add_tcase(s, t);
    return unit_run(s);
}
