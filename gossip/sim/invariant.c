#include "gossip/sim/invariant.h"

#include "gossip/core.h"
#include "gossip/sim/net.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Evaluates to the text of what does not hold. */
#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return #condition;                                                                     \
    } while (0)

static const char *invariant_check_table(const struct gossip *g)
{
    const struct member_table *t = &g->members;
    uint32_t by_status[GOSSIP_LEFT + 1] = {0}, count = 0;
    uint64_t view = 0;
    for (uint32_t slot = 0; slot < t->used; slot++) {
        const struct member *m = &t->slots[slot];
        if (!m->profile)
            continue;
        count++;
        by_status[m->status]++;
        if (member_is_live(m))
            view += member_term(m);
        HOLDS(member_by_key(t, m->key) == slot);
        HOLDS(member_by_name(t, m->profile->name) == slot);
        HOLDS(!m->pruned || !member_is_live(m));
    }
    HOLDS(count == t->count && count <= GOSSIP_MEMBERS_MAX);
    HOLDS(memcmp(by_status, t->by_status, sizeof by_status) == 0);
    HOLDS(view == g->view);
    return NULL;
}

static const char *invariant_check_suspicions(const struct gossip *g)
{
    uint32_t with = 0;
    for (uint32_t slot = 0; slot < g->members.used; slot++) {
        const struct member *m = &g->members.slots[slot];
        if (!m->profile)
            continue;
        HOLDS(m->status != GOSSIP_SUSPECT || m->suspicion != MEMBER_NONE);
        if (m->suspicion == MEMBER_NONE)
            continue;
        with++;
        HOLDS(member_is_live(m) && slot != g->self);
        const struct suspicion *s = &g->suspicions.all[m->suspicion];
        HOLDS(s->slot == slot && s->deadline_us >= s->started_us);
    }
    HOLDS(with == g->suspicions.count);
    return NULL;
}

static const char *invariant_check_spread(const struct gossip *g)
{
    uint32_t waiting = 0;
    for (int priority = 0; priority < SPREAD_PRIORITIES; priority++)
        for (unsigned sends = 0; sends < SPREAD_SENDS_MAX; sends++) {
            uint32_t before = MEMBER_NONE;
            for (uint32_t slot = g->spread.heads[priority][sends]; slot != MEMBER_NONE;
                 slot = g->members.slots[slot].update_next) {
                const struct member *m = &g->members.slots[slot];
                HOLDS(m->profile && m->update_prev == before);
                HOLDS(m->update_priority == priority && m->update_sends == sends);
                waiting++;
                HOLDS(waiting <= g->members.count);
                before = slot;
            }
        }
    HOLDS(waiting == g->spread.waiting);
    return NULL;
}

static const char *invariant_check_edges(const struct gossip *g)
{
    const struct probe *p = &g->probe;
    for (size_t i = 0; i < EDGES_MAX; i++) {
        uint32_t slot = g->edges.all[i].slot;
        if (slot == MEMBER_NONE)
            continue;
        HOLDS(slot != g->self && g->members.slots[slot].profile);
        HOLDS(member_is_live(&g->members.slots[slot]));
        for (size_t before = 0; before < i; before++)
            HOLDS(g->edges.all[before].slot != slot);
    }
    uint32_t subjects[RING_EDGES_MAX];
    ring_subjects(&g->members, core_rings(g), g->self, subjects);
    HOLDS(p->rings_changed || memcmp(subjects, p->subjects, sizeof subjects) == 0);
    return NULL;
}

/* What a member costs beside its table, which doubles as it fills. */
static const char *invariant_check_memory(const struct gossip *g)
{
    const struct member_table *t = &g->members;
    HOLDS(t->used <= t->capacity && t->capacity <= GOSSIP_MEMBERS_MAX);
    HOLDS(t->keys.mask + 1 == 2 * t->capacity && t->names.mask + 1 == 2 * t->capacity);
    HOLDS(g->suspicions.capacity <= t->capacity);
    HOLDS(g->outbox.bytes_used > 0 || g->outbox.bytes_capacity <= OUTBOX_BYTES_KEPT);
    HOLDS(g->outbox.events_used > 0 || g->outbox.events_capacity <= OUTBOX_EVENTS_KEPT);
    return NULL;
}

const char *invariant_limits(const struct gossip *g, const struct net_burst *b)
{
    const struct outbox *o = &g->outbox;
    uint32_t slots = g->members.used; /* of members that were forgotten in this step, too */
    HOLDS(b->datagram_bytes_most <= GOSSIP_DATAGRAM_BYTES_MAX);
    HOLDS(b->frame_bytes_most <= GOSSIP_FRAME_BYTES_MAX);
    HOLDS(b->packets <= INVARIANT_PACKETS_MAX(slots));
    HOLDS(b->events <= INVARIANT_EVENTS_MAX(slots));
    HOLDS(o->bytes_read == o->bytes_used && o->events_read == o->events_used);
    HOLDS(g->members.count <= GOSSIP_MEMBERS_MAX && g->members.count <= slots);
    HOLDS(g->suspicions.count <= g->members.count);
    HOLDS(g->spread.waiting <= g->members.count);
    HOLDS(g->joins.count <= GOSSIP_JOINS_MAX);
    return NULL;
}

const char *invariant_core(const struct gossip *g)
{
    static const char *(*const checks[])(const struct gossip *) = {
        invariant_check_table, invariant_check_suspicions, invariant_check_spread,
        invariant_check_edges, invariant_check_memory};
    const struct member *self = &g->members.slots[g->self];
    HOLDS(self->key == g->key && !self->pruned);
    HOLDS(self->status == GOSSIP_ALIVE || core_is_leaving(g));
    const char *broken = NULL;
    for (size_t i = 0; i < sizeof checks / sizeof *checks && !broken; i++)
        broken = checks[i](g);
    return broken;
}

struct past_slot {
    uint64_t key; /* 0: nothing is known */
    uint64_t generation;
    uint32_t incarnation;
    bool live;
};

struct past_node {
    struct past_slot *slots;
    uint32_t capacity, next;
};

struct invariant_past {
    uint32_t nodes, stride; /* every stride-th node is followed */
    struct past_node *all;
};

struct invariant_past *invariant_past_new(uint32_t nodes)
{
    struct invariant_past *past = calloc(1, sizeof *past);
    assert(past);
    past->nodes = nodes;
    past->stride = 1 + (uint32_t)((uint64_t)nodes * nodes / INVARIANT_PAST_MAX);
    past->all = calloc(nodes, sizeof *past->all);
    assert(past->all);
    return past;
}

void invariant_past_free(struct invariant_past *past)
{
    for (uint32_t i = 0; i < past->nodes; i++)
        free(past->all[i].slots);
    free(past->all);
    free(past);
}

void invariant_past_forget(struct invariant_past *past, uint32_t node)
{
    free(past->all[node].slots);
    past->all[node] = (struct past_node){0};
}

static const char *invariant_compare(struct past_slot *was, const struct member *m)
{
    struct past_slot is = {m->key, m->profile->generation, m->incarnation, member_is_live(m)};
    struct past_slot old = *was;
    *was = is;
    if (old.key != is.key)
        return NULL;
    bool newer_start = is.generation > old.generation;
    bool higher =
        newer_start || (is.generation == old.generation && is.incarnation > old.incarnation);
    if (!higher && (is.generation != old.generation || is.incarnation != old.incarnation))
        return "an incarnation never falls";
    if (is.live && !old.live && !higher)
        return "no dead member lives again without a higher incarnation";
    return NULL;
}

static void invariant_grow(struct past_node *n, uint32_t capacity)
{
    n->slots = realloc(n->slots, capacity * sizeof *n->slots);
    assert(n->slots);
    memset(n->slots + n->capacity, 0, (capacity - n->capacity) * sizeof *n->slots);
    n->capacity = capacity;
}

const char *invariant_past_check(struct invariant_past *past, uint32_t node, const struct gossip *g,
                                 bool at_once)
{
    struct past_node *n = &past->all[node];
    const struct member_table *t = &g->members;
    if (node % past->stride)
        return NULL;
    if (n->capacity < t->capacity)
        invariant_grow(n, t->capacity);
    assert(t->used > 0); /* itself, at the least */
    uint32_t count = at_once || t->used < INVARIANT_SLICE ? t->used : INVARIANT_SLICE;
    const char *broken = NULL;
    for (uint32_t i = 0; i < count && !broken; i++) {
        uint32_t slot = (n->next + i) % t->used;
        if (t->slots[slot].profile)
            broken = invariant_compare(&n->slots[slot], &t->slots[slot]);
        else
            n->slots[slot].key = 0;
    }
    n->next = (n->next + count) % t->used;
    return broken;
}
