/* draw: which nodes a scenario means, drawn by the run's seed where it leaves that open. */
#ifndef GOSSIP_SIM_DRAW_H
#define GOSSIP_SIM_DRAW_H

#include "gossip/sim/node_set.h"
#include "gossip/sim/scenario.h"

/* The groups' nodes, as drawn. */
struct draw_groups {
    const struct scenario *scenario; /* borrowed */
    struct node_set sets[SCENARIO_GROUPS_MAX];
};

void draw_groups_init(struct draw_groups *groups, const struct scenario *scenario, struct rng *rng);
void draw_groups_free(struct draw_groups *groups);

/* The nodes of a list. eligible: the nodes that may be drawn for `any`, NULL: all. rest: the nodes
 * of `rest`, NULL: none. The caller's to free. */
struct node_set draw(const struct draw_groups *groups, const struct pick_list *list,
                     struct rng *rng, const struct node_set *eligible, const struct node_set *rest);

#endif
