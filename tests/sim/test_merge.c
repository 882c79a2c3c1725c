/* Two clusters of one name that meet: each keeps its quorum, and both say so. */
#include "tests/sim/leases_lab.h"

enum { A = 3, B = 4, ALL = A + B };

static const char *const names[] = {"n0", "n1", "n2", "n3", "n4", "n5", "n6"};

/* The nodes from `first` on are a cluster of their own. All take part in leases by that list; the
 * first of them holds one. */
static void start_cluster(struct net *net, uint32_t first, uint32_t nodes, uint32_t first_voter,
                          unsigned voters)
{
    for (uint32_t node = first; node < first + nodes; node++)
        net_start(net, node, first);
    net_run_ms(net, 2000);
    for (uint32_t node = first; node < first + nodes; node++) {
        lab_configure(&lab.voters[node], 1, names + first_voter, voters);
        lab_take_part(node);
    }
    for (uint32_t node = first; node < first + nodes; node++)
        lab_claim(node, node == first ? 200 : 100, false);
    net_run_ms(net, 3000);
}

static bool is_held(uint32_t node)
{
    struct leases_state state;
    return lab_state_of(node, &state) && state.held;
}

/* True: one of these nodes, which run, holds it. */
static bool is_held_by_one_of(uint32_t first, uint32_t nodes)
{
    for (uint32_t node = first; node < first + nodes; node++)
        if (is_held(node))
            return true;
    return false;
}

static struct net *start_two(void)
{
    struct net *net = scenario_lan(ALL);
    memset(&lab, 0, sizeof lab);
    lab.nodes = ALL;
    start_cluster(net, 0, A, 0, A);
    start_cluster(net, A, B, A, 3);
    net_run_ms(net, 10000);
    expect(is_held(0) && is_held(A));
    net_clear_history(net);
    return net;
}

START_TEST(strangers_that_merge_cost_no_quorum)
{
    for_seeds(20)
    {
        struct net *net = start_two();
        net_join(net, 1, A + 1);
        expect(net_run_until_agreed_ms(net, 5000) >= 0);
        net_run_ms(net, 1000);
        net_crash(net, 0);
        net_crash(net, A);
        net_run_ms(net, 1500);
        expect(is_held_by_one_of(1, A - 1));
        expect(is_held_by_one_of(A + 1, B - 1));
    }
}
END_TEST

START_TEST(a_merge_is_told_by_both_with_the_names_of_the_other_voters)
{
    for_seeds(10)
    {
        struct net *net = start_two();
        net_join(net, 1, A + 1);
        net_run_ms(net, 10000);
        expect(scenario_events(net, 1, GOSSIP_EVENT_MERGED, A + 1) == 1);
        expect(scenario_events(net, A + 1, GOSSIP_EVENT_MERGED, 1) == 1);
        expect(scenario_count(net, GOSSIP_EVENT_MERGED) == 2);
        for (uint32_t node = 0; node < ALL; node++) {
            struct leases_other_voters other;
            unsigned cursor = 0;
            uint32_t theirs = node < A ? A : 0;
            expect(scenario_events(net, node, GOSSIP_EVENT_OTHER_VOTERS, SCENARIO_ANY) == 1);
            expect(leases_next_other_voters(lab_core(node), &cursor, &other));
            expect(other.members == (node < A ? B : A) && !other.overlaps);
            expect(strcmp(other.voters->names[0], names[theirs]) == 0);
            expect(!leases_next_other_voters(lab_core(node), &cursor, &other));
        }
    }
}
END_TEST

START_TEST(halves_of_one_cluster_that_meet_again_are_no_merge)
{
    for_seeds(10)
    {
        struct net *net = scenario_start(6, 0);
        net_split(net, 3, true);
        net_run_ms(net, 60000);
        net_split(net, 3, false);
        expect(net_run_until_agreed_ms(net, 10000) >= 0);
        expect(scenario_count(net, GOSSIP_EVENT_MERGED) == 0);
    }
}
END_TEST

START_TEST(a_newcomer_and_many_that_start_at_once_are_no_merge)
{
    for_seeds(10)
    {
        struct net *net = scenario_lan(8);
        for (uint32_t node = 0; node < 7; node++) {
            net_start(net, node, 0);
            net_join(net, node, 1);
            net_join(net, node, 2);
        }
        expect(net_run_until_agreed_ms(net, 5000) >= 0);
        net_run_ms(net, 20000);
        net_start(net, 7, 3);
        expect(net_run_until_agreed_ms(net, 5000) >= 0);
        expect(scenario_count(net, GOSSIP_EVENT_MERGED) == 0);
    }
}
END_TEST

/* n2 is a voter of both lists: two majorities without it would be two holders. */
START_TEST(of_lists_that_overlap_the_smaller_side_takes_nothing)
{
    for_seeds(20)
    {
        struct net *net = scenario_start(5, 0);
        memset(&lab, 0, sizeof lab);
        lab.nodes = 5;
        for (uint32_t node = 0; node < 5; node++) {
            lab_configure(&lab.voters[node], 1, names + (node < 3 ? 0 : 2), 3);
            lab_take_part(node);
            lab_claim(node, 100, false);
        }
        lab_run_ms(10000);
        expect(lab_holder() != NOBODY && lab_holder() < 3);
        net_crash(net, (uint32_t)lab_holder());
        lab_run_ms(5000); /* and never do two hold it */
        expect(lab_holder() < 3);
    }
}
END_TEST

START_TEST(a_voter_that_is_written_by_its_short_name_is_found)
{
    for_seeds(1)
    {
        struct gossip_member m;
        struct net *net = scenario_start(3, 0);
        expect(leases_find_alike(net_core(net, 0), "n1.example.org", &m));
        expect(strcmp(m.profile->name, "n1") == 0);
        expect(leases_find_alike(net_core(net, 0), "n2.example.org", &m));
        expect(!leases_find_alike(net_core(net, 0), "n1", &m));
        expect(!leases_find_alike(net_core(net, 0), "n", &m));
        expect(!leases_find_alike(net_core(net, 0), "n4.example.org", &m));
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("merge");
    TCase *t = tcase_create("merge");
    tcase_set_timeout(t, SCENARIO_TIMEOUT_S);
    tcase_add_test(t, strangers_that_merge_cost_no_quorum);
    tcase_add_test(t, a_merge_is_told_by_both_with_the_names_of_the_other_voters);
    tcase_add_test(t, halves_of_one_cluster_that_meet_again_are_no_merge);
    tcase_add_test(t, a_newcomer_and_many_that_start_at_once_are_no_merge);
    tcase_add_test(t, of_lists_that_overlap_the_smaller_side_takes_nothing);
    tcase_add_test(t, a_voter_that_is_written_by_its_short_name_is_found);
    suite_add_tcase(s, t);
    return unit_run(s);
}
