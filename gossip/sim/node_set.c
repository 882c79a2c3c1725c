#include "gossip/sim/node_set.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static size_t node_set_words(uint32_t nodes)
{
    return ((size_t)nodes + 63) / 64;
}

struct node_set node_set_new(uint32_t nodes)
{
    struct node_set set = {.nodes = nodes, .bits = calloc(node_set_words(nodes), sizeof *set.bits)};
    assert(set.bits);
    return set;
}

struct node_set node_set_copy(const struct node_set *set)
{
    struct node_set copy = node_set_new(set->nodes);
    memcpy(copy.bits, set->bits, node_set_words(set->nodes) * sizeof *set->bits);
    copy.count = set->count;
    return copy;
}

void node_set_free(struct node_set *set)
{
    free(set->bits);
    *set = (struct node_set){0};
}

bool node_set_has(const struct node_set *set, uint32_t node)
{
    return set->bits[node / 64] >> node % 64 & 1;
}

void node_set_add(struct node_set *set, uint32_t node)
{
    assert(node < set->nodes);
    set->count += !node_set_has(set, node);
    set->bits[node / 64] |= UINT64_C(1) << node % 64;
}

void node_set_add_all(struct node_set *set)
{
    for (uint32_t node = 0; node < set->nodes; node++)
        node_set_add(set, node);
}

static void node_set_recount(struct node_set *set)
{
    set->count = 0;
    for (size_t i = 0; i < node_set_words(set->nodes); i++)
        set->count += (uint32_t)__builtin_popcountll(set->bits[i]);
}

void node_set_add_set(struct node_set *set, const struct node_set *other)
{
    assert(set->nodes == other->nodes);
    for (size_t i = 0; i < node_set_words(set->nodes); i++)
        set->bits[i] |= other->bits[i];
    node_set_recount(set);
}

void node_set_remove_set(struct node_set *set, const struct node_set *other)
{
    assert(set->nodes == other->nodes);
    for (size_t i = 0; i < node_set_words(set->nodes); i++)
        set->bits[i] &= ~other->bits[i];
    node_set_recount(set);
}
