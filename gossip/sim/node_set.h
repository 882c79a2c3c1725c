/* node_set: some of a virtual cluster's nodes. */
#ifndef GOSSIP_SIM_NODE_SET_H
#define GOSSIP_SIM_NODE_SET_H

#include <stdbool.h>
#include <stdint.h>

/* A bit for each node. */
struct node_set {
    uint32_t nodes; /* how many there are in all */
    uint32_t count; /* of these in the set */
    uint64_t *bits; /* owned */
};

/* Empty, for nodes 0..nodes-1. */
struct node_set node_set_new(uint32_t nodes);
struct node_set node_set_copy(const struct node_set *set);
void node_set_free(struct node_set *set);
void node_set_add(struct node_set *set, uint32_t node);
void node_set_add_all(struct node_set *set);
/* Those of another, which has as many in all, too; or no more. */
void node_set_add_set(struct node_set *set, const struct node_set *other);
void node_set_remove_set(struct node_set *set, const struct node_set *other);
bool node_set_has(const struct node_set *set, uint32_t node);

#endif
