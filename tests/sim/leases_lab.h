/* leases_lab: one lease in a virtual cluster. After every step the members that hold it are
 * counted: never two. */
#ifndef MUSTER_LEASES_LAB_H
#define MUSTER_LEASES_LAB_H

#include "gossip/lease/leases.h"

#include "tests/sim/scenario.h"

enum { LENGTH_MS = 1000, NODES_MAX = 8, NOBODY = -1 };

static const char lab_lease[] = "vip/web";

static struct {
    uint32_t nodes;
    struct voters voters[NODES_MAX]; /* as each was told */
    int64_t gap_us;                  /* the longest that nobody held it */
    int64_t lost_us;                 /* since when nobody does; INT64_MAX: somebody does */
    int holder;
    unsigned moves;
    bool resumes; /* it is bound to its host, as an address is */
} lab;

static inline struct gossip *lab_core(uint32_t node)
{
    return net_core(scenario_net, node);
}

static inline bool lab_state_of(uint32_t node, struct leases_state *state)
{
    return lab_core(node) &&
           leases_get(lab_core(node), net_now_us(scenario_net), lab_lease, state) == GOSSIP_OK;
}

/* The member that holds it by its own account, stopped or not; NOBODY. */
static inline int lab_holder(void)
{
    struct leases_state state;
    int holder = NOBODY;
    for (uint32_t node = 0; node < lab.nodes; node++)
        if (lab_state_of(node, &state) && state.held) {
            expect(holder == NOBODY);
            holder = (int)node;
        }
    return holder;
}

static inline void lab_note(void)
{
    int64_t now_us = net_now_us(scenario_net);
    int holder = lab_holder();
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

static inline void lab_forget(void)
{
    lab.gap_us = lab.moves = 0;
    lab.lost_us = INT64_MAX;
    lab.holder = lab_holder();
}

static inline void lab_run_ms(uint32_t ms)
{
    int64_t end_us = net_now_us(scenario_net) + (int64_t)ms * 1000;
    while (net_step(scenario_net, end_us) != NET_NOBODY)
        lab_note();
    lab_note();
}

static inline void lab_configure(struct voters *voters, uint32_t version, const char *const *names,
                                 unsigned count)
{
    expect(voters_configure(voters, version, names, count) == VOTERS_OK);
}

static inline void lab_take_part(uint32_t node)
{
    leases_start(lab_core(node), net_now_us(scenario_net), &lab.voters[node], 0, 0);
    net_settle(scenario_net, node);
}

static inline void lab_claim(uint32_t node, uint8_t priority, bool preempts)
{
    struct leases_options options = {.name = lab_lease,
                                     .length_ms = LENGTH_MS,
                                     .priority = priority,
                                     .preempts = preempts,
                                     .host = lab.resumes ? node + 1 : 0};
    expect(leases_claim(lab_core(node), net_now_us(scenario_net), &options) == GOSSIP_OK);
    net_settle(scenario_net, node);
}

static inline enum gossip_error lab_release(uint32_t node, const char *successor, bool stays)
{
    enum gossip_error error =
        leases_release(lab_core(node), net_now_us(scenario_net), lab_lease, successor, stays);
    net_settle(scenario_net, node);
    lab_note();
    return error;
}

/* A cluster in which the first `voters` vote, all take part, and nobody claims it yet. */
static inline struct net *lab_start(uint32_t nodes, unsigned voters)
{
    static const char *const names[] = {"n0", "n1", "n2", "n3", "n4"};
    struct net *net = scenario_start(nodes, 0);
    memset(&lab, 0, sizeof lab);
    lab.nodes = nodes;
    for (uint32_t node = 0; node < nodes; node++) {
        lab_configure(&lab.voters[node], 1, names, voters);
        lab_take_part(node);
    }
    lab_forget();
    return net;
}

/* ... of which the first three vote, the first `candidates` claim it, and one holds it. */
static inline struct net *lab_start_held(uint32_t nodes, uint32_t candidates)
{
    struct net *net = lab_start(nodes, 3);
    for (uint32_t node = 0; node < candidates; node++)
        lab_claim(node, 100, false);
    lab_run_ms(4000);
    expect(lab_holder() != NOBODY);
    lab_forget();
    return net;
}

#endif
