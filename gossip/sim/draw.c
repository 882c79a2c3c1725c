#include "gossip/sim/draw.h"

#include <math.h>

void draw_groups_init(struct draw_groups *groups, const struct scenario *scenario, struct rng *rng)
{
    groups->scenario = scenario;
    for (size_t i = 0; i < scenario->groups_count; i++)
        groups->sets[i] = draw(groups, &scenario->groups[i].nodes, rng, NULL, NULL);
}

void draw_groups_free(struct draw_groups *groups)
{
    for (size_t i = 0; i < groups->scenario->groups_count; i++)
        node_set_free(&groups->sets[i]);
}

/* As many as there are, if there are fewer. */
static void draw_add_any(struct node_set *set, uint32_t count, struct rng *rng,
                         const struct node_set *eligible)
{
    uint32_t left = 0;
    for (uint32_t node = 0; node < set->nodes; node++)
        left += !node_set_has(set, node) && (!eligible || node_set_has(eligible, node));
    /* Each that comes by is taken with the chance that makes all choices equally likely. */
    for (uint32_t node = 0; node < set->nodes && count > 0; node++) {
        if (node_set_has(set, node) || (eligible && !node_set_has(eligible, node)))
            continue;
        if (rng_below(rng, left--) >= count)
            continue;
        node_set_add(set, node);
        count--;
    }
}

static void draw_add_pick(struct node_set *set, const struct draw_groups *groups,
                          const struct pick *p, struct rng *rng, const struct node_set *eligible,
                          const struct node_set *rest)
{
    switch (p->kind) {
    case PICK_ALL:
        node_set_add_all(set);
        return;
    case PICK_RANGE:
        for (uint32_t node = p->first; node <= p->last; node++)
            node_set_add(set, node);
        return;
    case PICK_GROUP:
        node_set_add_set(set, &groups->sets[p->first]);
        return;
    case PICK_ANY:
        draw_add_any(set, p->first, rng, eligible);
        return;
    case PICK_ANY_SHARE:
        draw_add_any(set, (uint32_t)fmax(1, round(p->share * set->nodes)), rng, eligible);
        return;
    case PICK_REST:
        if (rest)
            node_set_add_set(set, rest);
        return;
    }
}

struct node_set draw(const struct draw_groups *groups, const struct pick_list *list,
                     struct rng *rng, const struct node_set *eligible, const struct node_set *rest)
{
    struct node_set set = node_set_new(groups->scenario->nodes);
    for (unsigned i = 0; i < list->count; i++)
        draw_add_pick(&set, groups, &list->picks[i], rng, eligible, rest);
    return set;
}
