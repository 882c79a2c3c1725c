/* Leases in whole clusters: who wants one gets it, one at a time, and soon; and whoever is to have
 * it next has it at once. After every step it is counted who holds it. */
#include "gossip/lease/leases.h"

#include "tests/sim/scenario.h"

enum { LENGTH_MS = 1000, NODES_MAX = 8, NOBODY = -1 };

static const char lease[] = "vip/web";

static struct {
    uint32_t nodes;
    struct voters voters[NODES_MAX]; /* as each was told */
    int64_t gap_us;                  /* the longest that nobody held it */
    int64_t lost_us;                 /* since when nobody does; INT64_MAX: somebody does */
    int holder;
    unsigned moves;
} lab;

static struct gossip *core(uint32_t node)
{
    return net_core(scenario_net, node);
}

static bool state_of(uint32_t node, struct leases_state *state)
{
    return core(node) &&
           leases_get(core(node), net_now_us(scenario_net), lease, state) == GOSSIP_OK;
}

/* Who holds it, by its own account; stopped or not. */
static int look(void)
{
    struct leases_state state;
    int holder = NOBODY;
    for (uint32_t node = 0; node < lab.nodes; node++)
        if (state_of(node, &state) && state.held) {
            expect(holder == NOBODY);
            holder = (int)node;
        }
    return holder;
}

static void note(void)
{
    int64_t now_us = net_now_us(scenario_net);
    int holder = look();
    if (holder == NOBODY) {
        lab.lost_us = now_us < lab.lost_us ? now_us : lab.lost_us;
        return;
    }
    if (now_us - lab.lost_us > lab.gap_us)
        lab.gap_us = now_us - lab.lost_us;
    lab.lost_us = INT64_MAX;
    lab.moves += holder != lab.holder;
    lab.holder = holder;
}

static void forget(void)
{
    lab.gap_us = lab.moves = 0;
    lab.lost_us = INT64_MAX;
    lab.holder = look();
}

static void run_ms(uint32_t ms)
{
    int64_t end_us = net_now_us(scenario_net) + (int64_t)ms * 1000;
    while (net_step(scenario_net, end_us) != NET_NOBODY)
        note();
    note();
}

static void configure(struct voters *voters, uint32_t version, const char *const *names,
                      unsigned count)
{
    expect(voters_configure(voters, version, names, count) == VOTERS_OK);
}

static void take_part(uint32_t node)
{
    leases_start(core(node), net_now_us(scenario_net), &lab.voters[node], 0, 0);
    net_settle(scenario_net, node);
}

static void want(uint32_t node, uint8_t priority, bool preempts)
{
    struct leases_options options = {lease, LENGTH_MS, priority, preempts, false};
    expect(leases_want(core(node), net_now_us(scenario_net), &options) == GOSSIP_OK);
    net_settle(scenario_net, node);
}

static enum gossip_error release(uint32_t node, const char *heir, bool stays)
{
    enum gossip_error error =
        leases_release(core(node), net_now_us(scenario_net), lease, heir, stays);
    net_settle(scenario_net, node);
    note();
    return error;
}

/* A cluster in which the first three are voters, all take part, and nobody wants it yet. */
static struct net *start(uint32_t nodes)
{
    static const char *const names[] = {"n0", "n1", "n2"};
    struct net *net = scenario_start(nodes, 0);
    memset(&lab, 0, sizeof lab);
    lab.nodes = nodes;
    for (uint32_t node = 0; node < nodes; node++) {
        configure(&lab.voters[node], 1, names, 3);
        take_part(node);
    }
    forget();
    return net;
}

/* ... and in which those up to `wanting` want it, and one has it. */
static struct net *start_held(uint32_t nodes, uint32_t wanting)
{
    struct net *net = start(nodes);
    for (uint32_t node = 0; node < wanting; node++)
        want(node, 100, false);
    run_ms(4000);
    expect(look() != NOBODY);
    forget();
    return net;
}

START_TEST(one_gets_it_and_keeps_it)
{
    for_seeds(20)
    {
        start_held(4, 4);
        run_ms(60000);
        expect(lab.moves == 0);
        expect(lab.gap_us == 0);
    }
}
END_TEST

START_TEST(nobody_gets_it_before_the_voters_quarantine_is_over)
{
    for_seeds(10)
    {
        start(3);
        want(0, 100, false);
        run_ms(GRANTS_LENGTH_MS - 1);
        expect(look() == NOBODY);
        run_ms(200);
        expect(look() == 0);
    }
}
END_TEST

START_TEST(of_a_crashed_holder_it_passes_on_when_its_time_is_over)
{
    for_seeds(30)
    {
        struct net *net = start_held(4, 4);
        int holder = look();
        net_crash(net, (uint32_t)holder);
        note();
        run_ms(1300);
        expect(look() != NOBODY && look() != holder);
        expect(lab.moves == 1);
    }
}
END_TEST

START_TEST(handed_over_it_is_had_in_a_few_round_trips)
{
    for_seeds(30)
    {
        start_held(4, 4);
        int holder = look();
        run_ms(1000);
        forget();
        expect(release((uint32_t)holder, NULL, false) == GOSSIP_OK);
        run_ms(10);
        expect(look() != NOBODY && look() != holder);
        expect(lab.gap_us < 5000);
        run_ms(5000);
        expect(lab.moves == 1);
    }
}
END_TEST

START_TEST(released_to_no_heir_it_is_not_inherited)
{
    for_seeds(30)
    {
        struct leases_state state;
        start_held(4, 4);
        int holder = look();
        run_ms(1000);
        expect(release((uint32_t)holder, LEASES_NO_HEIR, false) == GOSSIP_OK);
        expect(look() == NOBODY);
        run_ms(LENGTH_MS);
        expect(look() != NOBODY && look() != holder);
        expect(leases_get(core((uint32_t)look()), net_now_us(scenario_net), lease, &state) ==
               GOSSIP_OK);
        expect(!state.inherited);
    }
}
END_TEST

START_TEST(it_goes_to_the_heir_that_was_named)
{
    for_seeds(30)
    {
        start_held(5, 5);
        run_ms(1000);
        int holder = look(), heir = (holder + 2) % 5;
        char name[16];
        snprintf(name, sizeof name, "n%d", heir);
        forget();
        expect(release((uint32_t)holder, name, true) == GOSSIP_OK);
        run_ms(10);
        expect(look() == heir);
        run_ms(10000);
        expect(look() == heir);
        expect(release((uint32_t)heir, "nobody", true) == GOSSIP_ERROR_UNKNOWN);
        expect(look() == heir);
    }
}
END_TEST

START_TEST(the_highest_priority_gets_it_first)
{
    for_seeds(30)
    {
        start(4);
        for (uint32_t node = 0; node < 4; node++)
            want(node, node == 2 ? 200 : 100, false);
        run_ms(3000);
        expect(look() == 2);
        /* And next in line is the next. */
        expect(release(2, NULL, false) == GOSSIP_OK);
        run_ms(1000);
        expect(look() != 2 && look() != NOBODY);
    }
}
END_TEST

START_TEST(one_that_preempts_is_told_of_and_another_is_not)
{
    for_seeds(20)
    {
        struct leases_state state;
        start(4);
        want(0, 100, false);
        run_ms(3000);
        expect(look() == 0);
        want(1, 200, false);
        run_ms(3000);
        expect(state_of(0, &state) && state.held && state.move_to[0] == 0 && state.waiting == 1);
        want(2, 150, true);
        run_ms(3000);
        expect(state_of(0, &state) && state.held && strcmp(state.move_to, "n2") == 0 &&
               state.waiting == 2);
    }
}
END_TEST

START_TEST(who_only_watches_knows_the_holder_and_can_have_it_moved)
{
    for_seeds(20)
    {
        struct leases_state state;
        start(5);
        want(0, 100, false);
        want(1, 100, false);
        struct leases_options watch = {lease, LENGTH_MS, 0, false, true};
        expect(leases_want(core(4), net_now_us(scenario_net), &watch) == GOSSIP_OK);
        net_settle(scenario_net, 4);
        run_ms(4000);
        int holder = look();
        expect(holder == 0 || holder == 1);
        expect(state_of(4, &state) && !state.held && state.holder[1] == '0' + holder);
        uint64_t epoch = state.epoch;
        const char *other = holder == 0 ? "n1" : "n0";
        expect(leases_move(core(4), net_now_us(scenario_net), lease, other) == GOSSIP_OK);
        net_settle(scenario_net, 4);
        run_ms(10);
        expect(state_of((uint32_t)holder, &state) && strcmp(state.move_to, other) == 0);
        expect(release((uint32_t)holder, state.move_to, true) == GOSSIP_OK);
        run_ms(1100);
        expect(state_of(4, &state) && strcmp(state.holder, other) == 0 && state.epoch > epoch);
        net_crash(scenario_net, 0);
        net_crash(scenario_net, 1);
        run_ms(1500);
        expect(state_of(4, &state) && state.holder[0] == 0);
    }
}
END_TEST

START_TEST(in_the_minority_it_ends_and_the_majority_takes_it)
{
    for_seeds(20)
    {
        struct net *net = start_held(3, 3);
        int holder = look();
        for (int other = 0; other < 3; other++) {
            net_cut(net, (uint32_t)holder, (uint32_t)other, true);
            net_cut(net, (uint32_t)other, (uint32_t)holder, true);
        }
        run_ms(1500);
        expect(look() != NOBODY && look() != holder);
        for (int other = 0; other < 3; other++) {
            net_cut(net, (uint32_t)holder, (uint32_t)other, false);
            net_cut(net, (uint32_t)other, (uint32_t)holder, false);
        }
        run_ms(20000);
        expect(lab.moves == 1);
    }
}
END_TEST

START_TEST(a_third_of_all_packets_lost_moves_it_seldom)
{
    unsigned moves = 0;
    for_seeds(10)
    {
        struct net *net = start_held(3, 3);
        net_set_loss(net, 0.3);
        run_ms(120000);
        moves += lab.moves;
    }
    ck_assert_uint_le(moves, 10);
}
END_TEST

START_TEST(all_restart_at_once_and_one_gets_it)
{
    for_seeds(20)
    {
        struct net *net = start_held(3, 3);
        for (uint32_t node = 0; node < 3; node++)
            net_crash(net, node);
        for (uint32_t node = 0; node < 3; node++) {
            net_start(net, node, 0);
            take_part(node);
            want(node, 100, false);
        }
        run_ms(3000);
        expect(look() != NOBODY);
    }
}
END_TEST

START_TEST(a_holder_that_slept_too_long_has_it_no_more)
{
    for_seeds(20)
    {
        struct net *net = start_held(3, 3);
        uint32_t holder = (uint32_t)look();
        net_pause(net, holder);
        run_ms(3000);
        int next = look();
        expect(next != NOBODY && next != (int)holder);
        net_resume(net, holder);
        run_ms(5000);
        expect(look() == next);
    }
}
END_TEST

START_TEST(what_is_not_kept_is_lost_and_what_is_kept_again_is_not)
{
    for_seeds(20)
    {
        struct net *net = start_held(3, 3);
        uint32_t holder = (uint32_t)look();
        leases_keep(core(holder), net_now_us(net), lease, net_now_us(net) + 100000);
        run_ms(600);
        leases_keep(core(holder), net_now_us(net), lease, net_now_us(net) + 100000);
        net_settle(net, holder);
        run_ms(800);
        expect(look() == (int)holder);
        run_ms(1200);
        expect(look() != (int)holder && look() != NOBODY);
        expect(lab.moves == 1);
    }
}
END_TEST

START_TEST(a_voter_that_dies_matters_to_nobody)
{
    for_seeds(20)
    {
        struct net *net = start_held(3, 1);
        net_crash(net, 2);
        run_ms(10000);
        expect(look() == 0);
        expect(lab.moves == 0);
        expect(leases_has_quorum(core(0)));
        net_crash(net, 1);
        run_ms(3000);
        expect(look() == NOBODY);
        expect(!leases_has_quorum(core(0)));
    }
}
END_TEST

START_TEST(who_wants_nothing_any_more_misses_no_voter)
{
    for_seeds(20)
    {
        bool has_heir = scenario_seed % 2;
        start_held(3, has_heir ? 2 : 1);
        uint32_t holder = (uint32_t)look();
        expect(release(holder, NULL, false) == GOSSIP_OK);
        run_ms(10 * LENGTH_MS);
        expect(leases_has_quorum(core(holder)));
        expect((look() != NOBODY) == has_heir);
    }
}
END_TEST

START_TEST(a_voter_is_replaced_and_the_holder_notices_nothing)
{
    static const char *const next[] = {"n0", "n1", "n3"};
    for_seeds(10)
    {
        struct net *net = start_held(4, 2);
        net_crash(net, 2);
        for (uint32_t node = 0; node < 4; node++) {
            if (node == 2)
                continue;
            configure(&lab.voters[node], 2, next, 3);
            leases_set_voters(core(node), net_now_us(net), &lab.voters[node]);
            net_settle(net, node);
            run_ms(700);
        }
        run_ms(70000);
        expect(lab.moves == 0);
        for (uint32_t node = 0; node < 4; node++)
            expect(node == 2 || (leases_voters(core(node))->count == 1 &&
                                 leases_voters(core(node))->lists[0].version == 2));
        net_crash(net, lab.holder == 0 ? 1 : 0);
        run_ms(5000);
        expect(lab.moves == 0);
    }
}
END_TEST

START_TEST(many_leases_share_packets)
{
    for_seeds(3)
    {
        struct net *net = start(3);
        for (int i = 0; i < 200; i++) {
            char name[16];
            snprintf(name, sizeof name, "vip/%d", i);
            struct leases_options options = {name, LENGTH_MS, 100, false, false};
            expect(leases_want(core(0), net_now_us(net), &options) == GOSSIP_OK);
        }
        net_settle(net, 0);
        run_ms(5000);
        struct net_traffic before = net_sent(net, 0);
        run_ms(10000);
        uint64_t packets = net_sent(net, 0).packets - before.packets;
        printf("# 200 leases: %llu packets a second from the holder, %llu bytes\n",
               (unsigned long long)packets / 10,
               (unsigned long long)(net_sent(net, 0).bytes - before.bytes) / 10);
        ck_assert_uint_lt(packets, 10 * 200);
        for (int i = 0; i < 200; i++) {
            char name[16];
            struct leases_state state;
            snprintf(name, sizeof name, "vip/%d", i);
            expect(leases_get(core(0), net_now_us(net), name, &state) == GOSSIP_OK && state.held);
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("leases");
    TCase *t = tcase_create("leases");
    tcase_set_timeout(t, SCENARIO_TIMEOUT_S);
    tcase_add_test(t, one_gets_it_and_keeps_it);
    tcase_add_test(t, nobody_gets_it_before_the_voters_quarantine_is_over);
    tcase_add_test(t, of_a_crashed_holder_it_passes_on_when_its_time_is_over);
    tcase_add_test(t, handed_over_it_is_had_in_a_few_round_trips);
    tcase_add_test(t, released_to_no_heir_it_is_not_inherited);
    tcase_add_test(t, it_goes_to_the_heir_that_was_named);
    tcase_add_test(t, the_highest_priority_gets_it_first);
    tcase_add_test(t, one_that_preempts_is_told_of_and_another_is_not);
    tcase_add_test(t, who_only_watches_knows_the_holder_and_can_have_it_moved);
    tcase_add_test(t, in_the_minority_it_ends_and_the_majority_takes_it);
    tcase_add_test(t, a_third_of_all_packets_lost_moves_it_seldom);
    tcase_add_test(t, all_restart_at_once_and_one_gets_it);
    tcase_add_test(t, a_holder_that_slept_too_long_has_it_no_more);
    tcase_add_test(t, what_is_not_kept_is_lost_and_what_is_kept_again_is_not);
    tcase_add_test(t, a_voter_that_dies_matters_to_nobody);
    tcase_add_test(t, who_wants_nothing_any_more_misses_no_voter);
    tcase_add_test(t, a_voter_is_replaced_and_the_holder_notices_nothing);
    tcase_add_test(t, many_leases_share_packets);
    suite_add_tcase(s, t);
    return unit_run(s);
}
