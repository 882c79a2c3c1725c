/* stage: what a scenario's actions do to the nodes and to the links between them. */
#ifndef GOSSIP_SIM_STAGE_H
#define GOSSIP_SIM_STAGE_H

#include "gossip/sim/draw.h"
#include "gossip/sim/invariant.h"
#include "gossip/sim/meter.h"

/* All borrowed but the cuts. */
struct stage {
    struct net *net;
    struct rng *rng;
    const struct draw_groups *groups;
    struct meter *meter;
    struct invariant_past *past;
    bool begun;     /* the cluster has formed, and actions come */
    uint32_t *cuts; /* rules that cut or split, until healed */
    size_t cuts_count, cuts_capacity;
};

/* What an action has done, so that it can be undone. */
struct stage_done {
    struct node_set nodes; /* that it has changed; no bits: of an action on links */
    uint32_t rules[SCENARIO_SIDES_MAX];
    unsigned rules_count;
};

void stage_free(struct stage *st);

/* The word for it, and for its undoing. Static storage. */
const char *stage_text(enum action_verb verb, bool undone);

/* AGREE does nothing here. The result's nodes are the caller's to free. */
struct stage_done stage_do(struct stage *st, const struct action *action);
/* Leaves in done->nodes the nodes that this has changed. */
void stage_undo(struct stage *st, const struct action *action, struct stage_done *done);

/* A link that is so from the beginning. */
void stage_link(struct stage *st, const struct link_statement *link);

#endif
