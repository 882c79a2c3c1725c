#include "gossip/detector/ring.h"

#include "gossip/membership/member.h"
#include "gossip/rng.h"

static uint64_t ring_position(uint64_t key, unsigned ring)
{
    return rng_mix(key ^ rng_mix(ring + 1));
}

enum direction { SUCCESSOR, PREDECESSOR };

/* Distance on the ring from one key to another, the way round that is asked for. */
static uint64_t ring_distance(uint64_t from, uint64_t to, unsigned ring, enum direction way)
{
    uint64_t forward = ring_position(to, ring) - ring_position(from, ring);
    return way == SUCCESSOR ? forward : 0 - forward;
}

static uint32_t ring_neighbour(const struct member_table *t, uint32_t slot, unsigned ring,
                               enum direction way, uint32_t except)
{
    uint32_t best = MEMBER_NONE;
    uint64_t best_distance = UINT64_MAX;
    for (uint32_t other = 0; other < t->used; other++) {
        const struct member *m = &t->slots[other];
        if (other == slot || other == except || !m->profile || !member_is_live(m))
            continue;
        uint64_t d = ring_distance(t->slots[slot].key, m->key, ring, way);
        if (d < best_distance) {
            best_distance = d;
            best = other;
        }
    }
    return best;
}

static bool ring_contains(const uint32_t *slots, size_t count, uint32_t slot)
{
    for (size_t i = 0; i < count; i++)
        if (slots[i] == slot)
            return true;
    return false;
}

/* All live slots but two; there are at most `edges` of them. */
static size_t ring_everybody(const struct member_table *t, unsigned edges, uint32_t slot,
                             uint32_t except, uint32_t slots[RING_EDGES_MAX])
{
    size_t count = 0;
    for (uint32_t other = 0; other < t->used && count < edges; other++)
        if (other != slot && other != except && t->slots[other].profile &&
            member_is_live(&t->slots[other]))
            slots[count++] = other;
    return count;
}

static bool ring_is_small(const struct member_table *t, unsigned edges)
{
    return member_live_count(t) <= edges + 1;
}

void ring_subjects(const struct member_table *t, unsigned edges, uint32_t slot,
                   uint32_t subjects[RING_EDGES_MAX])
{
    for (unsigned r = 0; r < RING_EDGES_MAX; r++)
        subjects[r] = MEMBER_NONE;
    if (ring_is_small(t, edges)) {
        ring_everybody(t, edges, slot, slot, subjects);
        return;
    }
    for (unsigned r = 0; r < edges; r++)
        subjects[r] = ring_neighbour(t, slot, r, SUCCESSOR, slot);
}

size_t ring_observers(const struct member_table *t, unsigned edges, uint32_t slot, uint32_t except,
                      uint32_t observers[RING_EDGES_MAX])
{
    if (ring_is_small(t, edges))
        return ring_everybody(t, edges, slot, except, observers);
    size_t count = 0;
    for (unsigned r = 0; r < edges; r++) {
        uint32_t before = ring_neighbour(t, slot, r, PREDECESSOR, slot);
        if (before != MEMBER_NONE && before != except && !ring_contains(observers, count, before))
            observers[count++] = before;
    }
    return count;
}

bool ring_touched(const struct member_table *t, unsigned edges, uint32_t slot,
                  const uint32_t subjects[RING_EDGES_MAX], uint32_t changed)
{
    if (member_live_count(t) <= edges + 2)
        return true;
    for (unsigned r = 0; r < edges; r++) {
        if (subjects[r] == MEMBER_NONE || subjects[r] == changed)
            return true;
        uint64_t key = t->slots[slot].key;
        if (ring_distance(key, t->slots[changed].key, r, SUCCESSOR) <
            ring_distance(key, t->slots[subjects[r]].key, r, SUCCESSOR))
            return true;
    }
    return false;
}
