/* scenario: what the scenarios of virtual clusters share. MUSTER_SEEDS: how many seeds each is
 * run with, in place of its own number; MUSTER_FIRST_SEED: the first of them. */
#ifndef MUSTER_SCENARIO_H
#define MUSTER_SCENARIO_H

#include "tests/sim/net_lab.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define SCENARIO_TIMEOUT_S 1200 /* no judgement on speed: with sanitizers and many seeds */
#define SCENARIO_DETECT_MS GOSSIP_DETECT_MS_DEFAULT
#define SCENARIO_SHOWN 100

static struct net *scenario_net; /* of the seed that runs */
static uint64_t scenario_seed;

static inline uint64_t scenario_number(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static inline uint64_t scenario_first(void)
{
    return scenario_number("MUSTER_FIRST_SEED", 1);
}

static inline uint64_t scenario_last(uint64_t usual)
{
    return scenario_first() + scenario_number("MUSTER_SEEDS", usual) - 1;
}

/* for_seeds(20) { ... }: the body makes its net with scenario_start and leaves it to be freed. */
#define for_seeds(usual)                                                                           \
    for (scenario_seed = scenario_first(); scenario_seed <= scenario_last(usual);                  \
         scenario_seed++, net_free(scenario_net), scenario_net = NULL)

/* How often `observer` told that kind of event of a subject (by name), since the told was
 * forgotten; each may be SCENARIO_ANY. */
#define SCENARIO_ANY UINT32_MAX
static inline uint32_t scenario_events(const struct net *net, uint32_t observer,
                                       enum gossip_event_kind kind, uint32_t named)
{
    size_t all;
    const struct net_event *events = net_history(net, &all);
    uint32_t count = 0;
    for (size_t i = 0; i < all; i++)
        count += events[i].kind == kind &&
                 (observer == SCENARIO_ANY || events[i].observer == observer) &&
                 (named == SCENARIO_ANY || events[i].named == named);
    return count;
}

static inline uint32_t scenario_count(const struct net *net, enum gossip_event_kind kind)
{
    return scenario_events(net, SCENARIO_ANY, kind, SCENARIO_ANY);
}

/* Of one subject, whatever its name, by anybody. */
static inline uint32_t scenario_count_of(const struct net *net, enum gossip_event_kind kind,
                                         uint32_t subject)
{
    size_t all;
    const struct net_event *events = net_history(net, &all);
    uint32_t count = 0;
    for (size_t i = 0; i < all; i++)
        count += events[i].kind == kind && events[i].subject == subject;
    return count;
}

/* When the last of that kind came, in microseconds; -1: never. */
static inline int64_t scenario_last_us(const struct net *net, enum gossip_event_kind kind)
{
    size_t all;
    const struct net_event *events = net_history(net, &all);
    while (all > 0 && events[all - 1].kind != kind)
        all--;
    return all > 0 ? events[all - 1].at_us : -1;
}

/* The end of what was told, a line each: "1234 n3 failed n1". */
static inline void scenario_show(const struct net *net)
{
    size_t count;
    const struct net_event *events = net_history(net, &count);
    for (size_t i = count > SCENARIO_SHOWN ? count - SCENARIO_SHOWN : 0; i < count; i++)
        printf("%lld n%u %s n%d\n", (long long)(events[i].at_us / 1000), events[i].observer,
               history_kind_text(events[i].kind), (int)events[i].named);
}

/* Who holds whom for anything but what it is. */
static inline void scenario_show_views(const struct net *net)
{
    for (uint32_t a = 0; a < net_nodes(net); a++)
        for (uint32_t b = 0; net_core(net, a) && b < net_nodes(net); b++) {
            int status = net_status(net, a, b);
            if ((status == GOSSIP_ALIVE) != (net_core(net, b) != NULL))
                printf("n%u holds n%u for %s\n", a, b,
                       status < 0 ? "none" : gossip_status_text((enum gossip_status)status));
        }
}

static inline void scenario_fail(const char *what)
{
    scenario_show(scenario_net);
    scenario_show_views(scenario_net);
    fflush(stdout);
    ck_abort_msg("%s at %lld ms, seed %llu", what, (long long)(net_now_us(scenario_net) / 1000),
                 (unsigned long long)scenario_seed);
}

/* The failing seed stands in the last line of the test's output, the history's end before it. */
#define expect(condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            scenario_fail(#condition);                                                             \
    } while (0)

/* A network of a local kind, none running. */
static inline struct net *scenario_lan(uint32_t nodes)
{
    struct net_config config = {.nodes = nodes,
                                .detect_ms = SCENARIO_DETECT_MS,
                                .seed = scenario_seed,
                                .delay_us = 100,
                                .jitter_us = 300};
    scenario_net = net_new(&config);
    return scenario_net;
}

/* All but the last `spare` nodes run, and have found each other through node 0. */
static inline struct net *scenario_start(uint32_t nodes, uint32_t spare)
{
    struct net *net = scenario_lan(nodes);
    for (uint32_t node = 0; node < nodes - spare; node++)
        net_start(net, node, 0);
    expect(net_run_until_agreed_ms(net, 5000) >= 0);
    net_run_ms(net, 2000);
    expect(scenario_count(net, GOSSIP_EVENT_SUSPECT) == 0);
    net_clear_history(net);
    return net;
}

/* All who run see each other alive, within that time; and none thinks otherwise a while later. */
static inline void scenario_settles(struct net *net, uint32_t ms)
{
    expect(net_run_until_agreed_ms(net, ms) >= 0);
    net_run_ms(net, 3000);
    expect(net_run_until_agreed_ms(net, 0) == 0);
}

#endif
