/* link: what the network between two nodes does to packets: delays, loses, doubles, reorders, cuts.
 */
#ifndef GOSSIP_SIM_LINK_H
#define GOSSIP_SIM_LINK_H

#include "gossip/rng.h"
#include "gossip/sim/node_set.h"

#include <stdbool.h>
#include <stdint.h>

/* A local network, the default. */
enum { LINK_DELAY_US_USUAL = 100, LINK_JITTER_US_USUAL = 300 };

/* What a link does to packets. Only what is set counts. */
enum link_property {
    LINK_DELAY = 1,
    LINK_JITTER = 2,
    LINK_LOSS = 4,
    LINK_BURST = 8,
    LINK_DUPLICATE = 16,
    LINK_REORDER = 32,
    LINK_CUT = 64,
};

struct link_conditions {
    unsigned set;                /* of enum link_property */
    int64_t delay_us, jitter_us; /* one way: delay + uniform 0..jitter */
    double loss;                 /* 0..1, as all shares */
    double burst_loss;           /* within a burst */
    int64_t burst_us, gap_us;    /* means of exponential lengths; both over 0 */
    double duplicate;
    double reorder;
    int64_t reorder_us;
    bool cut;
};

/* Conditions from some nodes to others. Where rules meet, the later counts, property by property.
 */
struct links;

struct links *links_new(uint32_t nodes);
void links_free(struct links *links);

/* Adds a rule; the sets are copied. Returns what links_remove takes. */
uint32_t links_add(struct links *links, const struct node_set *from, const struct node_set *to,
                   const struct link_conditions *conditions);
void links_remove(struct links *links, uint32_t rule);

/* Cuts or mends one direction between two nodes, whatever the rules are. */
void links_cut_pair(struct links *links, uint32_t from, uint32_t to, bool cut);

/* True if nothing passes. */
bool links_is_cut(const struct links *links, uint32_t from, uint32_t to);

/* One packet's fate at that time: is it lost, and if not, how long is it on its way? */
bool links_loses(struct links *links, struct rng *rng, uint32_t from, uint32_t to, int64_t now_us);
int64_t links_delay_us(const struct links *links, struct rng *rng, uint32_t from, uint32_t to);
bool links_doubles(const struct links *links, struct rng *rng, uint32_t from, uint32_t to);

#endif
