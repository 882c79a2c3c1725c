/* Anything that can happen, at random, and then quiet: all agree again, and stay so. */
#include "gossip/rng.h"

#include "tests/sim/scenario.h"
#include "tests/unit/invariant.h"

enum { NODES = 16 };

static uint32_t running(struct net *net)
{
    uint32_t count = 0;
    for (uint32_t node = 0; node < NODES; node++)
        count += net_core(net, node) != NULL;
    return count;
}

/* As an agent does: it remembers whom it knew, and dials all of them. */
static void start(struct net *net, struct rng *rng, uint32_t node)
{
    switch (rng_below(rng, 6)) {
    case 0:
        net_readdress(net, node);
        break;
    case 1:
        net_reinstall(net, node);
        break;
    default:
        break;
    }
    net_start(net, node, node);
    for (uint32_t other = 0; other < NODES; other++)
        net_join(net, node, other);
}

static void change_tags(struct net *net, struct rng *rng, uint32_t node)
{
    char tags[GOSSIP_TAGS_BYTES_MAX], value[16];
    uint16_t bytes = 0;
    snprintf(value, sizeof value, "%u", rng_below(rng, 1000));
    gossip_tags_set(tags, &bytes, "v", value);
    gossip_set_tags(net_core(net, node), net_now_us(net), tags, bytes);
    net_settle(net, node);
}

static void forget(struct net *net, struct rng *rng, uint32_t node)
{
    char name[16];
    snprintf(name, sizeof name, "n%u", rng_below(rng, NODES));
    gossip_force_leave(net_core(net, node), net_now_us(net), name, rng_below(rng, 2));
    net_settle(net, node);
}

/* One thing happens to a node that runs. */
static void disturb(struct net *net, struct rng *rng, uint32_t node)
{
    switch (rng_below(rng, 10)) {
    case 0:
    case 1:
        if (running(net) > 2)
            net_crash(net, node);
        break;
    case 2:
        if (running(net) > 2)
            net_leave(net, node);
        break;
    case 3:
        net_pause(net, node);
        break;
    case 4:
        net_cut(net, node, rng_below(rng, NODES), rng_below(rng, 2));
        break;
    case 5:
        net_split(net, rng_below(rng, NODES), rng_below(rng, 2));
        break;
    case 6:
        net_block(net, node, rng_below(rng, 2) ? GOSSIP_STREAM : GOSSIP_DATAGRAM,
                  rng_below(rng, 2));
        break;
    case 7:
        change_tags(net, rng, node);
        break;
    case 8:
        forget(net, rng, node);
        break;
    default:
        net_set_loss(net, rng_below(rng, 4) * 0.1);
    }
}

static void check_cores(struct net *net)
{
    for (uint32_t node = 0; node < NODES; node++)
        if (net_core(net, node))
            invariant_check(net_core(net, node));
}

static void make_chaos(struct net *net, struct rng *rng, uint32_t steps)
{
    for (uint32_t step = 0; step < steps; step++) {
        uint32_t node = rng_below(rng, NODES);
        if (!net_core(net, node)) {
            start(net, rng, node);
        } else {
            net_resume(net, node);
            disturb(net, rng, node);
        }
        net_run_ms(net, rng_below(rng, 2) ? rng_below(rng, 100) : rng_below(rng, 4000));
        check_cores(net);
    }
}

/* Everything is mended, and whoever does not run is started or stays away. */
static void make_peace(struct net *net, struct rng *rng)
{
    net_set_loss(net, 0);
    for (uint32_t a = 0; a < NODES; a++) {
        net_resume(net, a);
        net_block(net, a, GOSSIP_DATAGRAM, false);
        net_block(net, a, GOSSIP_STREAM, false);
        for (uint32_t b = 0; b < NODES; b++)
            net_cut(net, a, b, false);
    }
    for (uint32_t node = 0; node < NODES; node++)
        if (!net_core(net, node) && rng_below(rng, 2))
            start(net, rng, node);
    net_run_ms(net, 1000); /* who is leaving is gone by then */
}

/* Of each member all hold the same tags. */
static void expect_same_tags(struct net *net)
{
    for (uint32_t subject = 0; subject < NODES; subject++) {
        if (!net_core(net, subject))
            continue;
        struct gossip_member self = gossip_self(net_core(net, subject));
        for (uint32_t node = 0; node < NODES; node++) {
            struct gossip_member held;
            if (!net_core(net, node))
                continue;
            expect(gossip_find(net_core(net, node), self.profile->name, &held));
            expect(held.profile->tags_bytes == self.profile->tags_bytes);
            expect(memcmp(held.profile->tags, self.profile->tags, self.profile->tags_bytes) == 0);
        }
    }
}

START_TEST(after_chaos_and_then_quiet_all_agree)
{
    for_seeds(60)
    {
        struct rng rng;
        rng_seed(&rng, scenario_seed);
        struct net *net = scenario_start(NODES, 4);
        make_chaos(net, &rng, 80);
        make_peace(net, &rng);

        /* One alone may hold somebody dead for alive, and only its sweep of the table finds out. */
        expect(net_run_until_agreed_ms(net, 20000) >= 0);
        net_run_ms(net, 12000); /* what still was on its way by stream has come */
        net_clear_history(net);
        net_run_ms(net, 20000);
        /* Somebody may take back just now that it is unreachable. */
        expect(net_run_until_agreed_ms(net, 1000) >= 0);
        expect(scenario_count(net, GOSSIP_EVENT_SUSPECT) +
                   scenario_count(net, GOSSIP_EVENT_FAILED) ==
               0);
        expect_same_tags(net);
        check_cores(net);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("chaos");
    TCase *t = tcase_create("chaos");
    tcase_set_timeout(t, SCENARIO_TIMEOUT_S);
    tcase_add_test(t, after_chaos_and_then_quiet_all_agree);
    suite_add_tcase(s, t);
    return unit_run(s);
}
