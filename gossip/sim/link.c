#include "gossip/sim/link.h"

#include "agent/base/array.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { BURSTS_FIRST = 1024 }; /* slots */

struct rule {
    uint32_t id;
    struct node_set from, to;
    struct link_conditions conditions;
};

/* Is a link within a burst? As of the last packet on it. */
struct burst {
    uint64_t pair; /* 0: the slot is empty */
    int64_t at_us;
    bool bad;
};

struct links {
    uint32_t nodes;
    struct rule *rules;
    size_t count, capacity;
    uint32_t last_id;
    bool *cut_pairs; /* nodes * nodes; NULL while no pair was cut */
    struct burst *bursts;
    size_t bursts_count, bursts_capacity; /* a power of two */
};

struct links *links_new(uint32_t nodes)
{
    struct links *l = calloc(1, sizeof *l);
    assert(l);
    l->nodes = nodes;
    return l;
}

static void link_free_rule(struct rule *r)
{
    node_set_free(&r->from);
    node_set_free(&r->to);
}

void links_free(struct links *l)
{
    for (size_t i = 0; i < l->count; i++)
        link_free_rule(&l->rules[i]);
    free(l->rules);
    free(l->cut_pairs);
    free(l->bursts);
    free(l);
}

uint32_t links_add(struct links *l, const struct node_set *from, const struct node_set *to,
                   const struct link_conditions *conditions)
{
    ARRAY_MUST_RESERVE(l->rules, l->capacity, l->count + 1);
    l->rules[l->count++] =
        (struct rule){++l->last_id, node_set_copy(from), node_set_copy(to), *conditions};
    return l->last_id;
}

void links_remove(struct links *l, uint32_t id)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++)
        if (l->rules[i].id == id)
            link_free_rule(&l->rules[i]);
        else
            l->rules[kept++] = l->rules[i];
    l->count = kept;
}

void links_cut_pair(struct links *l, uint32_t from, uint32_t to, bool cut)
{
    if (!l->cut_pairs && cut)
        l->cut_pairs = calloc((size_t)l->nodes * l->nodes, sizeof *l->cut_pairs);
    assert(l->cut_pairs || !cut);
    if (l->cut_pairs)
        l->cut_pairs[(size_t)from * l->nodes + to] = cut;
}

/* The latest rule between the two about the property; NULL: there is none. */
static const struct link_conditions *link_find(const struct links *l, uint32_t from, uint32_t to,
                                               enum link_property property)
{
    for (size_t i = l->count; i > 0; i--) {
        const struct rule *r = &l->rules[i - 1];
        if ((r->conditions.set & property) && node_set_has(&r->from, from) &&
            node_set_has(&r->to, to))
            return &r->conditions;
    }
    return NULL;
}

bool links_is_cut(const struct links *l, uint32_t from, uint32_t to)
{
    if (l->cut_pairs && l->cut_pairs[(size_t)from * l->nodes + to])
        return true;
    const struct link_conditions *c = link_find(l, from, to, LINK_CUT);
    return c && c->cut;
}

static struct burst *link_burst_slot(struct burst *bursts, size_t capacity, uint64_t pair)
{
    size_t at = rng_mix(pair) & (capacity - 1);
    while (bursts[at].pair && bursts[at].pair != pair)
        at = (at + 1) & (capacity - 1);
    return &bursts[at];
}

static void link_grow_bursts(struct links *l)
{
    size_t capacity = l->bursts_capacity ? 2 * l->bursts_capacity : BURSTS_FIRST;
    struct burst *bursts = calloc(capacity, sizeof *bursts);
    assert(bursts);
    for (size_t i = 0; i < l->bursts_capacity; i++)
        if (l->bursts[i].pair)
            *link_burst_slot(bursts, capacity, l->bursts[i].pair) = l->bursts[i];
    free(l->bursts);
    l->bursts = bursts;
    l->bursts_capacity = capacity;
}

/* Gilbert-Elliott in continuous time: a chain of two states whose lengths are exponential, looked
 * at only when a packet comes, and then exactly as likely as if it had been followed all along. */
static bool link_is_in_burst(struct links *l, struct rng *rng, uint32_t from, uint32_t to,
                             const struct link_conditions *c, int64_t now_us)
{
    if (2 * (l->bursts_count + 1) > l->bursts_capacity)
        link_grow_bursts(l);
    uint64_t pair = ((uint64_t)from << 32 | to) + 1;
    struct burst *b = link_burst_slot(l->bursts, l->bursts_capacity, pair);
    double enter = 1 / (double)c->gap_us, leave = 1 / (double)c->burst_us;
    double share = enter / (enter + leave), bad = share;
    if (b->pair)
        bad += ((b->bad ? 1 : 0) - share) * exp(-(enter + leave) * (double)(now_us - b->at_us));
    l->bursts_count += b->pair == 0;
    *b = (struct burst){pair, now_us, rng_unit(rng) < bad};
    return b->bad;
}

bool links_loses(struct links *l, struct rng *rng, uint32_t from, uint32_t to, int64_t now_us)
{
    const struct link_conditions *steady = link_find(l, from, to, LINK_LOSS);
    if (steady && rng_unit(rng) < steady->loss)
        return true;
    const struct link_conditions *bursts = link_find(l, from, to, LINK_BURST);
    return bursts && link_is_in_burst(l, rng, from, to, bursts, now_us) &&
           rng_unit(rng) < bursts->burst_loss;
}

int64_t links_delay_us(const struct links *l, struct rng *rng, uint32_t from, uint32_t to)
{
    const struct link_conditions *delay = link_find(l, from, to, LINK_DELAY);
    const struct link_conditions *jitter = link_find(l, from, to, LINK_JITTER);
    const struct link_conditions *reorder = link_find(l, from, to, LINK_REORDER);
    int64_t us = delay ? delay->delay_us : LINK_DELAY_US_USUAL;
    int64_t most_us = jitter ? jitter->jitter_us : LINK_JITTER_US_USUAL;
    us += (int64_t)(rng_unit(rng) * (double)(most_us + 1));
    if (reorder && rng_unit(rng) < reorder->reorder)
        us += reorder->reorder_us;
    return us;
}

bool links_doubles(const struct links *l, struct rng *rng, uint32_t from, uint32_t to)
{
    const struct link_conditions *c = link_find(l, from, to, LINK_DUPLICATE);
    return c && rng_unit(rng) < c->duplicate;
}
