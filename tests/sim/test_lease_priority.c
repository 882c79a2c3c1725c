/* Priorities of candidates: whatever happens to the holder, the highest that lives gets the lease
 * next. MUSTER_COUNT=1 counts the failovers that went wrong in place of ending at the first. */
#include "tests/sim/leases_lab.h"

enum {
    SEEDS = 100,
    SETTLED_MS = 3500, /* after the fault: whoever holds it then has won */
    SOON_MS = 10,
    /* The lease, a sixth of it that voters keep what is free for a candidate that has just died as
     * well, and attempts that were lost. */
    GAP_MS = LENGTH_MS + LENGTH_MS / 6 + 150,
};

/* By node; the lowest priority is 0. */
static const uint8_t spreads[][5] = {
    {150, 100, 50, 25, 10}, {100, 101, 102, 103, 104}, {0, 255, 1, 254, 128},
    {100, 50, 50, 50, 50},  {50, 100, 100, 50, 1},
};

static struct {
    struct rng rng;
    const uint8_t *priorities;
    uint32_t voters;
    bool candidate[NODES_MAX];
    unsigned wrong;
} world;

static uint32_t chance(uint32_t limit)
{
    return rng_below(&world.rng, limit);
}

/* The candidate of the highest priority that lives, but for one; NOBODY. */
static int best_but(int except)
{
    int best = NOBODY;
    for (uint32_t node = 0; node < lab.nodes; node++)
        if (world.candidate[node] && (int)node != except && lab_core(node) &&
            (best == NOBODY || world.priorities[node] > world.priorities[best]))
            best = (int)node;
    return best;
}

static void claim(uint32_t node)
{
    lab_claim(node, world.priorities[node], false);
    world.candidate[node] = true;
}

static void observe(uint32_t node)
{
    struct leases_options options = {.name = lab_lease,
                                     .length_ms = LENGTH_MS,
                                     .priority = world.priorities[node],
                                     .observes = true};
    expect(leases_claim(lab_core(node), net_now_us(scenario_net), &options) == GOSSIP_OK);
    net_settle(scenario_net, node);
    world.candidate[node] = false;
}

static void crash(uint32_t node)
{
    net_crash(scenario_net, node);
    world.candidate[node] = false;
    lab_note();
}

/* Three to five candidates, of which any holds it, for any time longer than a lease. */
static int steady(void)
{
    rng_seed(&world.rng, scenario_seed);
    uint32_t nodes = 3 + chance(3), first = chance(nodes);
    memset(world.candidate, 0, sizeof world.candidate);
    world.priorities = spreads[chance(sizeof spreads / sizeof *spreads)];
    world.voters = chance(2) ? 3 : nodes;
    lab_start(nodes, world.voters);
    claim(first);
    lab_run_ms(1500);
    for (uint32_t node = 0; node < nodes; node++)
        if (node != first) {
            claim(node);
            lab_run_ms(chance(400));
        }
    lab_run_ms(1500 + chance(1000));
    expect(lab_holder() == (int)first);
    lab_forget();
    return (int)first;
}

/* ---- what happens to the holder ---- */

static void holder_crashes(int holder)
{
    crash((uint32_t)holder);
}

static void holder_is_cut_off(int holder)
{
    world.candidate[holder] = false;
    for (uint32_t other = 0; other < lab.nodes; other++) {
        net_cut(scenario_net, (uint32_t)holder, other, true);
        net_cut(scenario_net, other, (uint32_t)holder, true);
    }
}

static void holder_is_paused(int holder)
{
    world.candidate[holder] = false;
    net_pause(scenario_net, (uint32_t)holder);
}

static void holder_leaves(int holder)
{
    world.candidate[holder] = false;
    expect(lab_release((uint32_t)holder, NULL, false) == GOSSIP_OK);
    lab_run_ms(SOON_MS);
    crash((uint32_t)holder);
}

static void holder_observes(int holder)
{
    expect(lab_release((uint32_t)holder, NULL, true) == GOSSIP_OK);
    observe((uint32_t)holder);
}

/* ---- what happens besides ---- */

static void nothing_else(int holder)
{
    (void)holder;
}

static void best_crashes(int holder)
{
    crash((uint32_t)best_but(holder));
    lab_run_ms(chance(2 * LENGTH_MS));
}

static void best_observes(int holder)
{
    observe((uint32_t)best_but(holder));
    lab_run_ms(SOON_MS + chance(LENGTH_MS));
}

static void best_is_new(int holder)
{
    uint32_t best = (uint32_t)best_but(holder);
    observe(best);
    lab_run_ms(2 * LENGTH_MS);
    claim(best);
    lab_run_ms(SOON_MS);
}

static void another_restarts(int holder)
{
    uint32_t node = ((uint32_t)holder + 1 + chance(lab.nodes - 1)) % lab.nodes;
    crash(node);
    net_start(scenario_net, node, (uint32_t)holder);
    lab_take_part(node);
    lab_run_ms(chance(500));
    claim(node);
    lab_run_ms(chance(500));
}

static void packets_are_lost(int holder)
{
    (void)holder;
    net_set_loss(scenario_net, 0.05);
    lab_run_ms(LENGTH_MS);
}

static const struct {
    const char *name;
    void (*before)(int holder);
    void (*fault)(int holder);
} failovers[] = {
    {"crash", nothing_else, holder_crashes},
    {"cut", nothing_else, holder_is_cut_off},
    {"pause", nothing_else, holder_is_paused},
    {"leave", nothing_else, holder_leaves},
    {"drain", nothing_else, holder_observes},
    {"crash, best crashed", best_crashes, holder_crashes},
    {"leave, best crashed", best_crashes, holder_leaves},
    {"crash, best observes", best_observes, holder_crashes},
    {"leave, best observes", best_observes, holder_leaves},
    {"crash, best is new", best_is_new, holder_crashes},
    {"leave, best is new", best_is_new, holder_leaves},
    {"crash, another restarted", another_restarts, holder_crashes},
    {"leave, another restarted", another_restarts, holder_leaves},
    {"crash, loss", packets_are_lost, holder_crashes},
};

static bool has_majority(void)
{
    uint32_t alive = 0;
    for (uint32_t node = 0; node < world.voters; node++)
        alive += lab_core(node) != NULL;
    return 2 * alive > world.voters;
}

static void judge(int holder)
{
    int now = lab_holder(), best = best_but(holder);
    bool known = now >= 0 && best >= 0;
    bool right =
        has_majority() ? known && world.priorities[now] == world.priorities[best] : now == NOBODY;
    world.wrong += !right;
    if (getenv("MUSTER_COUNT"))
        return;
    expect(right);
    expect(lab.gap_us <= INT64_C(1000) * GAP_MS);
    expect(lab.moves == 1 || !has_majority());
}

START_TEST(the_highest_that_lives_gets_it)
{
    int64_t longest_us = 0, sum_us = 0;
    unsigned played = 0;
    world.wrong = 0;
    for_seeds(SEEDS)
    {
        int holder = steady();
        failovers[_i].before(holder);
        expect(lab_holder() == holder);
        lab_forget();
        failovers[_i].fault(holder);
        lab_run_ms(SETTLED_MS);
        judge(holder);
        longest_us = lab.gap_us > longest_us ? lab.gap_us : longest_us;
        sum_us += lab.gap_us;
        played++;
    }
    printf("# %s: %u of %u went to another; gap %lld ms on average, %lld at most\n",
           failovers[_i].name, world.wrong, played, (long long)(sum_us / 1000 / (played + !played)),
           (long long)(longest_us / 1000));
    fflush(stdout);
    ck_assert_uint_eq(world.wrong, 0);
}
END_TEST

START_TEST(of_equal_priorities_the_holder_keeps_it)
{
    static const uint8_t equal[5] = {100, 100, 100, 100, 100};
    for_seeds(20)
    {
        rng_seed(&world.rng, scenario_seed);
        world.priorities = equal;
        lab_start(5, 5);
        for (uint32_t node = 0; node < 5; node++)
            lab_claim(node, 100, chance(2));
        lab_run_ms(3000);
        lab_forget();
        lab_run_ms(30000);
        expect(lab.moves == 0 && lab.gap_us == 0);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lease_priority");
    TCase *t = tcase_create("priority");
    tcase_set_timeout(t, SCENARIO_TIMEOUT_S);
    tcase_add_loop_test(t, the_highest_that_lives_gets_it, 0, sizeof failovers / sizeof *failovers);
    tcase_add_test(t, of_equal_priorities_the_holder_keeps_it);
    suite_add_tcase(s, t);
    return unit_run(s);
}
