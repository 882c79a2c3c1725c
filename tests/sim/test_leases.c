/* Leases in whole clusters: a member that claims one gets it, one at a time, and soon; and the
 * successor has it at once. */
#include "gossip/core.h"

#include "tests/sim/leases_lab.h"

START_TEST(one_gets_it_and_keeps_it)
{
    for_seeds(20)
    {
        lab_start_held(4, 4);
        lab_run_ms(60000);
        expect(lab.moves == 0);
        expect(lab.gap_us == 0);
    }
}
END_TEST

START_TEST(nobody_gets_it_before_the_voters_quarantine_is_over)
{
    for_seeds(10)
    {
        lab_start(3, 3);
        lab_claim(0, 100, false);
        lab_run_ms(GRANTS_LENGTH_MS - 1);
        expect(lab_holder() == NOBODY);
        lab_run_ms(200);
        expect(lab_holder() == 0);
    }
}
END_TEST

START_TEST(of_a_crashed_holder_it_passes_on_when_its_time_is_over)
{
    for_seeds(30)
    {
        struct net *net = lab_start_held(4, 4);
        int holder = lab_holder();
        net_crash(net, (uint32_t)holder);
        lab_note();
        lab_run_ms(1300);
        expect(lab_holder() != NOBODY && lab_holder() != holder);
        expect(lab.moves == 1);
    }
}
END_TEST

START_TEST(handed_over_it_is_had_in_a_few_round_trips)
{
    for_seeds(30)
    {
        lab_start_held(4, 4);
        int holder = lab_holder();
        lab_run_ms(1000);
        lab_forget();
        expect(lab_release((uint32_t)holder, NULL, false) == GOSSIP_OK);
        lab_run_ms(10);
        expect(lab_holder() != NOBODY && lab_holder() != holder);
        expect(lab.gap_us < 5000);
        lab_run_ms(5000);
        expect(lab.moves == 1);
    }
}
END_TEST

START_TEST(released_to_no_heir_it_is_not_inherited)
{
    for_seeds(30)
    {
        struct leases_state state;
        lab_start_held(4, 4);
        int holder = lab_holder();
        lab_run_ms(1000);
        expect(lab_release((uint32_t)holder, LEASES_NO_SUCCESSOR, false) == GOSSIP_OK);
        expect(lab_holder() == NOBODY);
        lab_run_ms(LENGTH_MS);
        expect(lab_holder() != NOBODY && lab_holder() != holder);
        expect(leases_get(lab_core((uint32_t)lab_holder()), net_now_us(scenario_net), lab_lease,
                          &state) == GOSSIP_OK);
        expect(!state.taken_over);
    }
}
END_TEST

START_TEST(it_goes_to_the_heir_that_was_named)
{
    for_seeds(30)
    {
        lab_start_held(5, 5);
        lab_run_ms(1000);
        int holder = lab_holder(), successor = (holder + 2) % 5;
        char name[16];
        snprintf(name, sizeof name, "n%d", successor);
        lab_forget();
        expect(lab_release((uint32_t)holder, name, true) == GOSSIP_OK);
        lab_run_ms(10);
        expect(lab_holder() == successor);
        lab_run_ms(10000);
        expect(lab_holder() == successor);
        expect(lab_release((uint32_t)successor, "nobody", true) == GOSSIP_ERROR_UNKNOWN);
        expect(lab_holder() == successor);
    }
}
END_TEST

START_TEST(the_highest_priority_gets_it_first)
{
    for_seeds(30)
    {
        lab_start(4, 3);
        for (uint32_t node = 0; node < 4; node++)
            lab_claim(node, node == 2 ? 200 : 100, false);
        lab_run_ms(3000);
        expect(lab_holder() == 2);
        /* And next in line is the next. */
        expect(lab_release(2, NULL, false) == GOSSIP_OK);
        lab_run_ms(1000);
        expect(lab_holder() != 2 && lab_holder() != NOBODY);
    }
}
END_TEST

START_TEST(one_that_preempts_is_told_of_and_another_is_not)
{
    for_seeds(20)
    {
        struct leases_state state;
        lab_start(4, 3);
        lab_claim(0, 100, false);
        lab_run_ms(3000);
        expect(lab_holder() == 0);
        lab_claim(1, 200, false);
        lab_run_ms(3000);
        expect(lab_state_of(0, &state) && state.held && state.move_to[0] == 0 &&
               state.waiting == 1);
        lab_claim(2, 150, true);
        lab_run_ms(3000);
        expect(lab_state_of(0, &state) && state.held && strcmp(state.move_to, "n2") == 0 &&
               state.waiting == 2);
    }
}
END_TEST

START_TEST(who_only_watches_knows_the_holder_and_can_have_it_moved)
{
    for_seeds(20)
    {
        struct leases_state state;
        lab_start(5, 3);
        lab_claim(0, 100, false);
        lab_claim(1, 100, false);
        struct leases_options watch = {.name = lab_lease, .length_ms = LENGTH_MS, .observes = true};
        expect(leases_claim(lab_core(4), net_now_us(scenario_net), &watch) == GOSSIP_OK);
        net_settle(scenario_net, 4);
        lab_run_ms(4000);
        int holder = lab_holder();
        expect(holder == 0 || holder == 1);
        expect(lab_state_of(4, &state) && !state.held && state.holder[1] == '0' + holder);
        uint64_t epoch = state.epoch;
        const char *other = holder == 0 ? "n1" : "n0";
        expect(leases_move(lab_core(4), net_now_us(scenario_net), lab_lease, other) == GOSSIP_OK);
        net_settle(scenario_net, 4);
        lab_run_ms(10);
        expect(lab_state_of((uint32_t)holder, &state) && strcmp(state.move_to, other) == 0);
        expect(lab_release((uint32_t)holder, state.move_to, true) == GOSSIP_OK);
        lab_run_ms(1100);
        expect(lab_state_of(4, &state) && strcmp(state.holder, other) == 0 && state.epoch > epoch);
        net_crash(scenario_net, 0);
        net_crash(scenario_net, 1);
        lab_run_ms(1500);
        expect(lab_state_of(4, &state) && state.holder[0] == 0);
    }
}
END_TEST

/* True: every node but `but` knows that holder, by its name and epoch. */
static bool all_know_the_holder(int but, int holder)
{
    struct leases_state held, state;
    expect(lab_state_of((uint32_t)holder, &held) && held.held);
    for (uint32_t node = 0; node < lab.nodes; node++)
        if ((int)node != but && (!lab_state_of(node, &state) || state.epoch != held.epoch ||
                                 state.holder[1] != '0' + holder))
            return false;
    return true;
}

START_TEST(after_a_handover_all_know_the_holder_in_a_few_round_trips)
{
    for_seeds(30)
    {
        /* The first three vote; the former holder may be one of the others. */
        lab_start_held(5, 5);
        lab_run_ms(1000);
        int holder = lab_holder(), successor = (holder + 2) % 5;
        char name[16];
        snprintf(name, sizeof name, "n%d", successor);
        expect(lab_release((uint32_t)holder, name, true) == GOSSIP_OK);
        lab_run_ms(10);
        expect(lab_holder() == successor);
        lab_run_ms(LENGTH_MS / 20);
        expect(all_know_the_holder(NOBODY, successor));
    }
}
END_TEST

START_TEST(after_a_crash_voters_know_the_next_holder_in_a_few_round_trips)
{
    for_seeds(30)
    {
        struct leases_options observes = {
            .name = lab_lease, .length_ms = LENGTH_MS, .observes = true};
        struct net *net = lab_start_held(4, 3);
        int holder = lab_holder();
        lab.nodes = 3;
        expect(leases_claim(lab_core((uint32_t)(holder + 1) % 3), net_now_us(net), &observes) ==
               GOSSIP_OK);
        net_settle(net, (uint32_t)(holder + 1) % 3);
        net_crash(net, (uint32_t)holder);
        lab_note();
        for (int ms = 0; lab_holder() == NOBODY; ms++) {
            expect(ms < 2 * LENGTH_MS);
            lab_run_ms(1);
        }
        lab_run_ms(10);
        expect(all_know_the_holder(holder, lab_holder()));
    }
}
END_TEST

START_TEST(who_holds_it_is_asked_no_more_once_it_is_known)
{
    for_seeds(10)
    {
        struct net *net = lab_start_held(3, 3);
        int holder = lab_holder();
        uint64_t bytes[2];
        for (int moved = 0; moved < 2; moved++) {
            struct net_traffic before = net_sent(net, 0);
            lab_run_ms(20000);
            bytes[moved] = net_sent(net, 0).bytes - before.bytes;
            expect(lab_release((uint32_t)holder, NULL, true) == GOSSIP_OK);
            lab_run_ms(2000);
            expect(lab_release((uint32_t)lab_holder(),
                               holder == 0   ? "n0"
                               : holder == 1 ? "n1"
                                             : "n2",
                               true) == GOSSIP_OK);
            lab_run_ms(2000);
            expect(lab_holder() == holder);
        }
        expect(bytes[1] < bytes[0] * 11 / 10);
    }
}
END_TEST

START_TEST(where_nobody_is_a_candidate_all_have_a_quorum)
{
    for_seeds(10)
    {
        struct net *net = lab_start(4, 3);
        struct leases_options observes = {
            .name = lab_lease, .length_ms = LENGTH_MS, .observes = true};
        for (uint32_t node = 0; node < 4; node++) {
            expect(leases_claim(lab_core(node), net_now_us(net), &observes) == GOSSIP_OK);
            net_settle(net, node);
        }
        for (int ms = 0; ms < 10000; ms += 100) {
            lab_run_ms(100);
            for (uint32_t node = 0; node < 4; node++)
                expect(leases_has_quorum(lab_core(node)));
        }
        net_crash(net, 0);
        net_crash(net, 1);
        lab_run_ms(5000);
        expect(!leases_has_quorum(lab_core(2)) && !leases_has_quorum(lab_core(3)));
    }
}
END_TEST

START_TEST(in_the_minority_it_ends_and_the_majority_takes_it)
{
    for_seeds(20)
    {
        struct net *net = lab_start_held(3, 3);
        int holder = lab_holder();
        for (int other = 0; other < 3; other++) {
            net_cut(net, (uint32_t)holder, (uint32_t)other, true);
            net_cut(net, (uint32_t)other, (uint32_t)holder, true);
        }
        lab_run_ms(1500);
        expect(lab_holder() != NOBODY && lab_holder() != holder);
        for (int other = 0; other < 3; other++) {
            net_cut(net, (uint32_t)holder, (uint32_t)other, false);
            net_cut(net, (uint32_t)other, (uint32_t)holder, false);
        }
        lab_run_ms(20000);
        expect(lab.moves == 1);
    }
}
END_TEST

START_TEST(a_third_of_all_packets_lost_moves_it_seldom)
{
    unsigned moves = 0;
    for_seeds(10)
    {
        struct net *net = lab_start_held(3, 3);
        net_set_loss(net, 0.3);
        lab_run_ms(120000);
        moves += lab.moves;
    }
    ck_assert_uint_le(moves, 10);
}
END_TEST

static void block_datagrams(struct net *net, bool block)
{
    for (uint32_t node = 0; node < lab.nodes; node++)
        net_block(net, node, GOSSIP_DATAGRAM, block);
}

START_TEST(without_datagrams_it_is_kept_and_handed_over_by_streams)
{
    for_seeds(20)
    {
        struct net *net = lab_start_held(5, 5);
        block_datagrams(net, true);
        lab_run_ms(60000);
        expect(lab.moves == 0 && lab.gap_us == 0);
        int holder = lab_holder(), successor = (holder + 2) % 5;
        char name[16];
        snprintf(name, sizeof name, "n%d", successor);
        expect(lab_release((uint32_t)holder, name, true) == GOSSIP_OK);
        lab_run_ms(60);
        expect(lab_holder() == successor);
        lab_run_ms(100);
        expect(all_know_the_holder(NOBODY, successor));
        block_datagrams(net, false);
        lab_run_ms(10000);
        expect(lab.moves == 1 && lab_holder() == successor);
        for (uint32_t node = 0; node < lab.nodes; node++)
            for (uint32_t slot = 0; slot < lab_core(node)->members.used; slot++)
                expect(!core_member(lab_core(node), slot)->by_stream);
    }
}
END_TEST

START_TEST(without_datagrams_from_the_start_one_gets_it)
{
    for_seeds(20)
    {
        struct net *net = lab_start(5, 3);
        block_datagrams(net, true);
        for (uint32_t node = 0; node < 4; node++)
            lab_claim(node, 100, false);
        lab_run_ms(3000);
        expect(lab_holder() != NOBODY);
        for (uint32_t voter = 0; voter < 3; voter++)
            expect(leases_has_quorum(lab_core(voter)));
    }
}
END_TEST

START_TEST(a_voter_that_answers_no_question_is_known_for_silent)
{
    for_seeds(10)
    {
        struct net *net = lab_start_held(4, 4);
        expect(leases_voter_silent_us(lab_core(3), net_now_us(net), "n2") == 0);
        net_pause(net, 2);
        lab_run_ms(5000);
        for (uint32_t node = 0; node < 4; node++) {
            if (node == 2)
                continue;
            int64_t now_us = net_now_us(net);
            expect(leases_voter_silent_us(lab_core(node), now_us, "n0") == 0);
            expect(leases_voter_silent_us(lab_core(node), now_us, "n1") == 0);
            int64_t silent_us = leases_voter_silent_us(lab_core(node), now_us, "n2");
            expect(silent_us >= 4000000 && silent_us <= 6000000);
        }
        net_resume(net, 2);
    }
}
END_TEST

START_TEST(all_restart_at_once_and_one_gets_it)
{
    for_seeds(20)
    {
        struct net *net = lab_start_held(3, 3);
        for (uint32_t node = 0; node < 3; node++)
            net_crash(net, node);
        for (uint32_t node = 0; node < 3; node++) {
            net_start(net, node, 0);
            lab_take_part(node);
            lab_claim(node, 100, false);
        }
        lab_run_ms(3000);
        expect(lab_holder() != NOBODY);
    }
}
END_TEST

START_TEST(a_holder_that_restarts_within_its_lease_goes_on_where_that_is_bound_to_it)
{
    for_seeds(40)
    {
        bool resumes = scenario_seed % 2;
        struct leases_state state;
        struct net *net = lab_start(4, 3);
        lab.resumes = resumes;
        for (uint32_t node = 0; node < 4; node++)
            lab_claim(node, 100, false);
        lab_run_ms(4000);
        uint32_t holder = (uint32_t)lab_holder();
        expect(lab_state_of(holder, &state));
        uint64_t epoch = state.epoch;
        lab_forget();
        net_crash(net, holder);
        lab_note();
        lab_run_ms(200);
        net_start(net, holder, holder == 0);
        lab_take_part(holder);
        lab_claim(holder, 100, false);
        lab_run_ms(350);
        expect((lab_holder() == (int)holder) == resumes);
        if (resumes)
            expect(lab_state_of(holder, &state) && state.resumed && state.epoch > epoch);
        lab_run_ms(5000);
        expect(lab.moves == !resumes || lab.moves == 0);
        expect(lab.gap_us < INT64_C(1200) * LENGTH_MS);
    }
}
END_TEST

START_TEST(a_holder_that_slept_too_long_has_it_no_more)
{
    for_seeds(20)
    {
        struct net *net = lab_start_held(3, 3);
        uint32_t holder = (uint32_t)lab_holder();
        net_pause(net, holder);
        lab_run_ms(3000);
        int next = lab_holder();
        expect(next != NOBODY && next != (int)holder);
        net_resume(net, holder);
        lab_run_ms(5000);
        expect(lab_holder() == next);
    }
}
END_TEST

START_TEST(what_is_not_kept_is_lost_and_what_is_kept_again_is_not)
{
    for_seeds(20)
    {
        struct net *net = lab_start_held(3, 3);
        uint32_t holder = (uint32_t)lab_holder();
        leases_renew_until(lab_core(holder), net_now_us(net), lab_lease, net_now_us(net) + 100000);
        lab_run_ms(600);
        leases_renew_until(lab_core(holder), net_now_us(net), lab_lease, net_now_us(net) + 100000);
        net_settle(net, holder);
        lab_run_ms(800);
        expect(lab_holder() == (int)holder);
        lab_run_ms(1200);
        expect(lab_holder() != (int)holder && lab_holder() != NOBODY);
        expect(lab.moves == 1);
    }
}
END_TEST

START_TEST(a_voter_that_dies_matters_to_nobody)
{
    for_seeds(20)
    {
        struct net *net = lab_start_held(3, 1);
        net_crash(net, 2);
        lab_run_ms(10000);
        expect(lab_holder() == 0);
        expect(lab.moves == 0);
        expect(leases_has_quorum(lab_core(0)));
        net_crash(net, 1);
        lab_run_ms(3000);
        expect(lab_holder() == NOBODY);
        expect(!leases_has_quorum(lab_core(0)));
    }
}
END_TEST

START_TEST(who_wants_nothing_any_more_misses_no_voter)
{
    for_seeds(20)
    {
        bool has_heir = scenario_seed % 2;
        lab_start_held(3, has_heir ? 2 : 1);
        uint32_t holder = (uint32_t)lab_holder();
        expect(lab_release(holder, NULL, false) == GOSSIP_OK);
        lab_run_ms(10 * LENGTH_MS);
        expect(leases_has_quorum(lab_core(holder)));
        expect((lab_holder() != NOBODY) == has_heir);
    }
}
END_TEST

START_TEST(a_voter_is_replaced_and_the_holder_notices_nothing)
{
    static const char *const next[] = {"n0", "n1", "n3"};
    for_seeds(10)
    {
        struct net *net = lab_start_held(4, 2);
        net_crash(net, 2);
        for (uint32_t node = 0; node < 4; node++) {
            if (node == 2)
                continue;
            lab_configure(&lab.voters[node], 2, next, 3);
            leases_set_voters(lab_core(node), net_now_us(net), &lab.voters[node]);
            net_settle(net, node);
            lab_run_ms(700);
        }
        lab_run_ms(70000);
        expect(lab.moves == 0);
        for (uint32_t node = 0; node < 4; node++)
            expect(node == 2 || (leases_voters(lab_core(node))->count == 1 &&
                                 leases_voters(lab_core(node))->configurations[0].version == 2));
        net_crash(net, lab.holder == 0 ? 1 : 0);
        lab_run_ms(5000);
        expect(lab.moves == 0);
    }
}
END_TEST

START_TEST(many_leases_share_packets)
{
    for_seeds(3)
    {
        struct net *net = lab_start(3, 3);
        for (int i = 0; i < 200; i++) {
            char name[16];
            snprintf(name, sizeof name, "vip/%d", i);
            struct leases_options options = {.name = name, .length_ms = LENGTH_MS, .priority = 100};
            expect(leases_claim(lab_core(0), net_now_us(net), &options) == GOSSIP_OK);
        }
        net_settle(net, 0);
        lab_run_ms(5000);
        struct net_traffic before = net_sent(net, 0);
        lab_run_ms(10000);
        uint64_t packets = net_sent(net, 0).packets - before.packets;
        printf("# 200 leases: %llu packets a second from the holder, %llu bytes\n",
               (unsigned long long)packets / 10,
               (unsigned long long)(net_sent(net, 0).bytes - before.bytes) / 10);
        /* Measured: 214 a second, of 1,232 bytes at most. */
        ck_assert_uint_lt(packets, 10 * 227);
        for (int i = 0; i < 200; i++) {
            char name[16];
            struct leases_state state;
            snprintf(name, sizeof name, "vip/%d", i);
            expect(leases_get(lab_core(0), net_now_us(net), name, &state) == GOSSIP_OK &&
                   state.held);
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
    tcase_add_test(t, after_a_handover_all_know_the_holder_in_a_few_round_trips);
    tcase_add_test(t, after_a_crash_voters_know_the_next_holder_in_a_few_round_trips);
    tcase_add_test(t, who_holds_it_is_asked_no_more_once_it_is_known);
    tcase_add_test(t, where_nobody_is_a_candidate_all_have_a_quorum);
    tcase_add_test(t, in_the_minority_it_ends_and_the_majority_takes_it);
    tcase_add_test(t, a_third_of_all_packets_lost_moves_it_seldom);
    tcase_add_test(t, without_datagrams_it_is_kept_and_handed_over_by_streams);
    tcase_add_test(t, without_datagrams_from_the_start_one_gets_it);
    tcase_add_test(t, a_voter_that_answers_no_question_is_known_for_silent);
    tcase_add_test(t, all_restart_at_once_and_one_gets_it);
    tcase_add_test(t, a_holder_that_restarts_within_its_lease_goes_on_where_that_is_bound_to_it);
    tcase_add_test(t, a_holder_that_slept_too_long_has_it_no_more);
    tcase_add_test(t, what_is_not_kept_is_lost_and_what_is_kept_again_is_not);
    tcase_add_test(t, a_voter_that_dies_matters_to_nobody);
    tcase_add_test(t, who_wants_nothing_any_more_misses_no_voter);
    tcase_add_test(t, a_voter_is_replaced_and_the_holder_notices_nothing);
    tcase_add_test(t, many_leases_share_packets);
    suite_add_tcase(s, t);
    return unit_run(s);
}
