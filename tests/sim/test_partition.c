/* Networks that fall apart and heal, wholly or in part. */
#include "tests/sim/scenario.h"

/* Cuts or mends whatever lies between nodes whose group differs. */
static void split_by(struct net *net, uint32_t nodes, const uint32_t *groups, bool cut)
{
    for (uint32_t a = 0; a < nodes; a++)
        for (uint32_t b = 0; b < nodes; b++)
            if (groups[a] != groups[b])
                net_cut(net, a, b, cut);
}

/* Everybody holds his own group for alive and no other. */
static void expect_apart(struct net *net, uint32_t nodes, const uint32_t *groups)
{
    for (uint32_t a = 0; a < nodes; a++)
        for (uint32_t b = 0; b < nodes; b++)
            expect((net_status(net, a, b) == GOSSIP_ALIVE) == (groups[a] == groups[b]));
}

/* Healed, all become one view within 5 s; from then on none is declared failed by anybody. */
static void expect_heals(struct net *net)
{
    net_clear_history(net);
    expect(net_run_until_agreed_ms(net, 5000) >= 0);
    net_run_ms(net, 15000);
    expect(net_run_until_agreed_ms(net, 0) == 0);
    expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
}

static void split_and_heal(uint32_t nodes, const uint32_t *groups, uint32_t seconds)
{
    for_seeds(5)
    {
        struct net *net = scenario_start(nodes, 0);
        split_by(net, nodes, groups, true);
        net_run_ms(net, seconds * 1000);
        expect_apart(net, nodes, groups);
        split_by(net, nodes, groups, false);
        expect_heals(net);
    }
}

static void isolate(struct net *net, uint32_t node, uint32_t nodes, bool cut)
{
    for (uint32_t other = 0; other < nodes; other++) {
        net_cut(net, node, other, cut);
        net_cut(net, other, node, cut);
    }
}

START_TEST(a_split_of_half_heals_to_one_view_within_5_s)
{
    static const uint32_t sizes[] = {2, 4, 6, 32, 64};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint32_t groups[64];
        for (uint32_t node = 0; node < sizes[i]; node++)
            groups[node] = node < sizes[i] / 2;
        split_and_heal(sizes[i], groups, 60);
    }
}
END_TEST

START_TEST(a_split_of_a_third_heals)
{
    uint32_t groups[30];
    for (uint32_t node = 0; node < 30; node++)
        groups[node] = node < 10;
    split_and_heal(30, groups, 60);
}
END_TEST

START_TEST(a_split_in_three_heals)
{
    uint32_t groups[30];
    for (uint32_t node = 0; node < 30; node++)
        groups[node] = node % 3;
    split_and_heal(30, groups, 60);
}
END_TEST

START_TEST(three_members_all_apart_find_together_again)
{
    static const uint32_t groups[] = {0, 1, 2};
    split_and_heal(3, groups, 60);
}
END_TEST

START_TEST(eight_members_all_apart_find_together_again)
{
    static const uint32_t groups[] = {0, 1, 2, 3, 4, 5, 6, 7};
    split_and_heal(8, groups, 60);
}
END_TEST

START_TEST(a_split_of_an_hour_heals_as_one_of_a_minute)
{
    uint32_t groups[12];
    for (uint32_t node = 0; node < 12; node++)
        groups[node] = node < 6;
    split_and_heal(12, groups, 3600);
}
END_TEST

START_TEST(one_that_returns_from_isolation_gets_none_declared_failed)
{
    static const double losses[] = {0, 0.05};
    for (size_t i = 0; i < 2; i++)
        for_seeds(10)
        {
            struct net *net = scenario_start(32, 0);
            uint32_t groups[32] = {[9] = 1};
            split_by(net, 32, groups, true);
            net_run_ms(net, 30000);
            expect_apart(net, 32, groups);
            net_set_loss(net, losses[i]);
            split_by(net, 32, groups, false);
            expect_heals(net);
        }
}
END_TEST

START_TEST(a_split_that_heals_through_loss)
{
    for_seeds(10)
    {
        struct net *net = scenario_start(24, 0);
        net_split(net, 12, true);
        net_run_ms(net, 20000);
        net_set_loss(net, 0.1);
        net_split(net, 12, false);
        net_run_ms(net, 5000);
        net_clear_history(net);
        expect(net_run_until_agreed_ms(net, 10000) >= 0);
        net_run_ms(net, 30000);
        expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
    }
}
END_TEST

START_TEST(a_split_of_two_days_heals_too)
{
    for_seeds(1)
    {
        struct net *net = scenario_start(4, 0);
        net_split(net, 2, true);
        net_run_ms(net, 2 * 24 * 3600 * 1000u);
        net_split(net, 2, false);
        scenario_settles(net, 10000);
    }
}
END_TEST

START_TEST(two_halves_that_were_made_to_forget_each_other_find_together)
{
    for_seeds(5)
    {
        struct net *net = scenario_start(4, 0);
        net_split(net, 2, true);
        net_run_ms(net, 10000);
        for (uint32_t node = 0; node < 2; node++) {
            expect(gossip_force_leave(net_core(net, 0), net_now_us(net), node ? "n2" : "n3",
                                      node) == GOSSIP_OK);
            expect(gossip_force_leave(net_core(net, 3), net_now_us(net), node ? "n0" : "n1",
                                      node) == GOSSIP_OK);
        }
        net_settle(net, 0);
        net_settle(net, 3);
        net_run_ms(net, 5000);
        net_split(net, 2, false);
        scenario_settles(net, 15000);
    }
}
END_TEST

START_TEST(a_force_leave_after_isolation_convinces_no_other)
{
    for_seeds(5)
    {
        struct net *net = scenario_start(16, 0);
        isolate(net, 3, 16, true);
        net_run_ms(net, 10000);
        net_clear_history(net);
        isolate(net, 3, 16, false);
        net_run_ms(net, 40);
        if (gossip_force_leave(net_core(net, 3), net_now_us(net), "n12", false) != GOSSIP_OK)
            continue; /* it was heard already */
        net_settle(net, 3);
        net_run_ms(net, 8000);
        expect(scenario_events(net, SCENARIO_ANY, GOSSIP_EVENT_LEAVE, 12) ==
               scenario_events(net, 3, GOSSIP_EVENT_LEAVE, 12));
        expect(net_run_until_agreed_ms(net, 0) == 0);
    }
}
END_TEST

START_TEST(a_link_that_comes_and_goes_ends_in_one_view)
{
    for_seeds(10)
    {
        struct net *net = scenario_start(16, 0);
        for (uint32_t i = 0; i < 30; i++) {
            net_split(net, 6, i % 2 == 0);
            net_run_ms(net, 200 + (uint32_t)(scenario_seed * 7919 + i * 104729) % 3000);
        }
        net_split(net, 6, false);
        scenario_settles(net, 6000);
    }
}
END_TEST

START_TEST(a_gap_of_a_fifth_of_detect_declares_none_failed)
{
    for_seeds(20)
    {
        struct net *net = scenario_start(24, 0);
        net_run_ms(net, (uint32_t)scenario_seed * 31 % 700);
        net_split(net, 12, true);
        net_run_ms(net, SCENARIO_DETECT_MS / 5);
        net_split(net, 12, false);
        net_run_ms(net, 10000);
        expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
        expect(net_run_until_agreed_ms(net, 0) == 0);
    }
}
END_TEST

START_TEST(changes_on_both_sides_of_a_split_are_known_to_all_afterwards)
{
    for_seeds(10)
    {
        struct net *net = scenario_start(20, 2);
        net_split(net, 10, true);
        net_run_ms(net, 5000);
        net_crash(net, 2);
        net_leave(net, 12);
        net_start(net, 18, 11);
        net_crash(net, 3);
        net_start(net, 3, 1);
        net_run_ms(net, 10000);
        net_split(net, 10, false);
        scenario_settles(net, 5000);
        for (uint32_t node = 0; node < 19; node++)
            if (net_core(net, node))
                expect(net_status(net, node, 2) == GOSSIP_FAILED &&
                       net_status(net, node, 12) == GOSSIP_LEFT);
    }
}
END_TEST

/* Events of that kind told by and of anybody but `node`. */
static uint32_t events_of_others(const struct net *net, enum gossip_event_kind kind, uint32_t nodes,
                                 uint32_t node)
{
    uint32_t count = 0;
    for (uint32_t other = 0; other < nodes; other++)
        if (other != node)
            count += scenario_events(net, SCENARIO_ANY, kind, other) -
                     scenario_events(net, node, kind, other);
    return count;
}

START_TEST(a_member_that_receives_nothing_takes_no_other_with_it)
{
    for_seeds(10)
    {
        struct net *net = scenario_start(24, 0);
        for (uint32_t node = 0; node < 24; node++)
            net_cut(net, node, 4, true);
        net_run_ms(net, 60000);
        for (uint32_t node = 0; node < 24; node++)
            expect(node == 4 || net_doubts(net, node, 4));
        expect(events_of_others(net, GOSSIP_EVENT_FAILED, 24, 4) == 0);
        for (uint32_t node = 0; node < 24; node++)
            net_cut(net, node, 4, false);
        expect_heals(net);
    }
}
END_TEST

START_TEST(a_member_that_none_receives_takes_no_other_with_it)
{
    for_seeds(10)
    {
        struct net *net = scenario_start(24, 0);
        for (uint32_t node = 0; node < 24; node++)
            net_cut(net, 4, node, true);
        net_run_ms(net, 60000);
        for (uint32_t node = 0; node < 24; node++)
            expect(node == 4 || net_doubts(net, node, 4));
        expect(events_of_others(net, GOSSIP_EVENT_FAILED, 24, 4) == 0);
        expect(events_of_others(net, GOSSIP_EVENT_SUSPECT, 24, 4) == 0);
        for (uint32_t node = 0; node < 24; node++)
            net_cut(net, 4, node, false);
        expect_heals(net);
    }
}
END_TEST

START_TEST(two_that_cannot_reach_each_other_are_not_failed)
{
    for_seeds(10)
    {
        struct net *net = scenario_start(12, 0);
        net_cut(net, 1, 2, true);
        if (scenario_seed % 2)
            net_cut(net, 2, 1, true);
        net_run_ms(net, 60000);
        expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
        expect(net_run_until_agreed_ms(net, 5000) >= 0);
    }
}
END_TEST

START_TEST(of_three_two_that_cannot_reach_each_other_are_not_failed)
{
    for_seeds(10)
    {
        struct net *net = scenario_start(3, 0);
        net_cut(net, 1, 2, true);
        if (scenario_seed % 2)
            net_cut(net, 2, 1, true);
        net_run_ms(net, 60000);
        expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
    }
}
END_TEST

/* Half of the others do not reach it, the other half do. It may suspect some whom it cannot reach,
 * but learns to believe them when they refute; and so do those who cannot reach it. */
START_TEST(a_half_connected_member_does_not_flap_and_takes_no_other_with_it)
{
    for_seeds(10)
    {
        struct net *net = scenario_start(24, 0);
        for (uint32_t node = 0; node < 24; node += 2) {
            net_cut(net, node, 5, true);
            net_cut(net, 5, node, true);
        }
        net_run_ms(net, 300000);
        expect(events_of_others(net, GOSSIP_EVENT_FAILED, 24, 5) == 0);
        expect(scenario_count_of(net, GOSSIP_EVENT_FAILED, 5) <= 23);
        expect(scenario_events(net, 5, GOSSIP_EVENT_SUSPECT, SCENARIO_ANY) <= 40);
        expect(scenario_count_of(net, GOSSIP_EVENT_SUSPECT, 5) <= 10 * 23);
        for (uint32_t node = 0; node < 24; node += 2) {
            net_cut(net, node, 5, false);
            net_cut(net, 5, node, false);
        }
        expect_heals(net);
    }
}
END_TEST

START_TEST(a_member_without_datagrams_is_not_failed)
{
    for_seeds(10)
    {
        struct net *net = scenario_start(16, 0);
        net_block(net, 5, GOSSIP_DATAGRAM, true);
        net_run_ms(net, 120000);
        expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
        net_block(net, 5, GOSSIP_DATAGRAM, false);
        scenario_settles(net, 5000);
    }
}
END_TEST

START_TEST(a_member_without_datagrams_comes_back_after_a_partition)
{
    for_seeds(5)
    {
        struct net *net = scenario_start(16, 0);
        net_block(net, 5, GOSSIP_DATAGRAM, true);
        net_run_ms(net, 20000);
        isolate(net, 5, 16, true);
        net_run_ms(net, 20000);
        expect(scenario_count_of(net, GOSSIP_EVENT_FAILED, 5) == 15);
        isolate(net, 5, 16, false);
        scenario_settles(net, 10000);
    }
}
END_TEST

START_TEST(a_member_without_datagrams_is_not_failed_on_hearsay)
{
    for_seeds(5)
    {
        struct net *net = scenario_start(16, 0);
        net_block(net, 5, GOSSIP_DATAGRAM, true);
        net_run_ms(net, 20000);
        isolate(net, 7, 16, true);
        net_run_ms(net, 20000);
        net_clear_history(net);
        isolate(net, 7, 16, false);
        net_run_ms(net, 30000);
        expect(scenario_count_of(net, GOSSIP_EVENT_FAILED, 5) == 0);
        expect(net_run_until_agreed_ms(net, 0) == 0);
    }
}
END_TEST

START_TEST(a_member_without_streams_is_not_noticed)
{
    for_seeds(5)
    {
        struct net *net = scenario_start(16, 0);
        net_block(net, 5, GOSSIP_STREAM, true);
        net_run_ms(net, 120000);
        expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
        expect(scenario_count(net, GOSSIP_EVENT_SUSPECT) == 0);
        expect(net_run_until_agreed_ms(net, 0) == 0);
    }
}
END_TEST

START_TEST(a_newcomer_gets_in_by_streams_alone_or_by_datagrams_alone)
{
    for_seeds(10)
    {
        /* The larger takes more datagrams than are sent in one burst. */
        uint32_t nodes = scenario_seed % 5 ? 12 : 128, newcomer = nodes - 1;
        struct net *net = scenario_start(nodes, 1);
        net_block(net, newcomer, scenario_seed % 2 ? GOSSIP_DATAGRAM : GOSSIP_STREAM, true);
        net_start(net, newcomer, 0);
        expect(net_run_until_agreed_ms(net, 10000) >= 0);
        expect(scenario_count(net, GOSSIP_EVENT_FAILED) == 0);
    }
}
END_TEST

static TCase *add_case(Suite *s, const char *name)
{
    TCase *t = tcase_create(name);
    tcase_set_timeout(t, SCENARIO_TIMEOUT_S);
    suite_add_tcase(s, t);
    return t;
}

int main(void)
{
    Suite *s = suite_create("partition");
    TCase *t = add_case(s, "split");
    tcase_add_test(t, a_split_of_half_heals_to_one_view_within_5_s);
    tcase_add_test(t, a_split_of_a_third_heals);
    tcase_add_test(t, a_split_in_three_heals);
    tcase_add_test(t, three_members_all_apart_find_together_again);
    tcase_add_test(t, eight_members_all_apart_find_together_again);
    tcase_add_test(t, a_split_of_an_hour_heals_as_one_of_a_minute);
    tcase_add_test(t, one_that_returns_from_isolation_gets_none_declared_failed);
    tcase_add_test(t, a_split_that_heals_through_loss);
    tcase_add_test(t, a_split_of_two_days_heals_too);
    tcase_add_test(t, two_halves_that_were_made_to_forget_each_other_find_together);
    tcase_add_test(t, a_force_leave_after_isolation_convinces_no_other);
    tcase_add_test(t, a_link_that_comes_and_goes_ends_in_one_view);
    tcase_add_test(t, a_gap_of_a_fifth_of_detect_declares_none_failed);
    tcase_add_test(t, changes_on_both_sides_of_a_split_are_known_to_all_afterwards);
    t = add_case(s, "one way");
    tcase_add_test(t, a_member_that_receives_nothing_takes_no_other_with_it);
    tcase_add_test(t, a_member_that_none_receives_takes_no_other_with_it);
    tcase_add_test(t, two_that_cannot_reach_each_other_are_not_failed);
    tcase_add_test(t, of_three_two_that_cannot_reach_each_other_are_not_failed);
    tcase_add_test(t, a_half_connected_member_does_not_flap_and_takes_no_other_with_it);
    t = add_case(s, "blocked");
    tcase_add_test(t, a_member_without_datagrams_is_not_failed);
    tcase_add_test(t, a_member_without_datagrams_comes_back_after_a_partition);
    tcase_add_test(t, a_member_without_datagrams_is_not_failed_on_hearsay);
    tcase_add_test(t, a_member_without_streams_is_not_noticed);
    tcase_add_test(t, a_newcomer_gets_in_by_streams_alone_or_by_datagrams_alone);
    return unit_run(s);
}
