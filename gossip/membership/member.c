#include "gossip/membership/member.h"

#include "gossip/fnv.h"
#include "gossip/membership/profile.h"
#include "gossip/rng.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 16, RANDOM_DRAWS = 32 };

_Static_assert((GOSSIP_MEMBERS_MAX & (GOSSIP_MEMBERS_MAX - 1)) == 0, "capacity doubles up to it");

/* The order of facts at equal generation and incarnation. */
static int member_rank(const struct fact *fact)
{
    switch (fact->status) {
    case GOSSIP_ALIVE:
        return fact->unreachable ? 2 : 0;
    case GOSSIP_SUSPECT:
        return fact->unreachable ? 3 : 1;
    case GOSSIP_LEAVING:
        return 4;
    case GOSSIP_FAILED:
        return 5;
    case GOSSIP_LEFT:
        return 6;
    }
    return 0;
}

bool member_fact_beats(const struct fact *received, const struct fact *held)
{
    if (received->generation != held->generation)
        return received->generation > held->generation;
    if (received->incarnation != held->incarnation)
        return received->incarnation > held->incarnation;
    return member_rank(received) > member_rank(held);
}

const char *gossip_status_text(enum gossip_status status)
{
    static const char *const texts[] = {
        [GOSSIP_ALIVE] = "alive",   [GOSSIP_SUSPECT] = "suspect", [GOSSIP_LEAVING] = "leaving",
        [GOSSIP_FAILED] = "failed", [GOSSIP_LEFT] = "left",
    };
    return texts[status];
}

static uint32_t member_name_hash(const char *name)
{
    return (uint32_t)rng_mix(fnv(FNV_START, name, strlen(name)));
}

static uint32_t member_key_hash(uint64_t key)
{
    return (uint32_t)rng_mix(key);
}

static uint32_t member_index_hash(const struct member_table *t, const struct index *index,
                                  uint32_t slot)
{
    return index == &t->names ? t->slots[slot].name_hash : member_key_hash(t->slots[slot].key);
}

static void member_index_put(const struct member_table *t, struct index *index, uint32_t slot)
{
    uint32_t at = member_index_hash(t, index, slot) & index->mask;
    while (index->entries[at] != MEMBER_NONE)
        at = (at + 1) & index->mask;
    index->entries[at] = slot;
}

/* Linear probing's removal: what follows moves up, so that no search stops early. */
static void member_index_drop(const struct member_table *t, struct index *index, uint32_t slot)
{
    uint32_t hole = member_index_hash(t, index, slot) & index->mask;
    while (index->entries[hole] != slot)
        hole = (hole + 1) & index->mask;
    for (uint32_t at = (hole + 1) & index->mask; index->entries[at] != MEMBER_NONE;
         at = (at + 1) & index->mask) {
        uint32_t home = member_index_hash(t, index, index->entries[at]) & index->mask;
        if (((at - home) & index->mask) >= ((at - hole) & index->mask)) {
            index->entries[hole] = index->entries[at];
            hole = at;
        }
    }
    index->entries[hole] = MEMBER_NONE;
}

static uint32_t *member_entries_new(uint32_t count)
{
    uint32_t *entries = malloc(count * sizeof *entries);
    if (entries)
        memset(entries, 0xff, count * sizeof *entries);
    return entries;
}

_Static_assert(MEMBER_NONE == 0xffffffff, "entries_new fills with it bytewise");

/* Makes room for `capacity` slots, indexes kept at most half full. */
static bool member_table_resize(struct member_table *t, uint32_t capacity)
{
    uint32_t *keys = member_entries_new(2 * capacity), *names = member_entries_new(2 * capacity);
    struct member *slots = realloc(t->slots, capacity * sizeof *slots);
    if (slots)
        t->slots = slots;
    if (!keys || !names || !slots) {
        free(keys);
        free(names);
        return false;
    }
    free(t->keys.entries);
    free(t->names.entries);
    t->capacity = capacity;
    t->keys = (struct index){keys, 2 * capacity - 1};
    t->names = (struct index){names, 2 * capacity - 1};
    for (uint32_t slot = 0; slot < t->used; slot++) {
        if (!t->slots[slot].profile)
            continue;
        member_index_put(t, &t->keys, slot);
        member_index_put(t, &t->names, slot);
    }
    return true;
}

bool member_table_init(struct member_table *t)
{
    *t = (struct member_table){.free_head = MEMBER_NONE};
    return member_table_resize(t, CAPACITY_FIRST);
}

void member_table_free(struct member_table *t)
{
    for (uint32_t slot = 0; slot < t->used; slot++)
        gossip_profile_release(t->slots[slot].profile);
    free(t->slots);
    free(t->keys.entries);
    free(t->names.entries);
}

uint32_t member_by_key(const struct member_table *t, uint64_t key)
{
    for (uint32_t at = member_key_hash(key) & t->keys.mask; t->keys.entries[at] != MEMBER_NONE;
         at = (at + 1) & t->keys.mask)
        if (t->slots[t->keys.entries[at]].key == key)
            return t->keys.entries[at];
    return MEMBER_NONE;
}

uint32_t member_by_name(const struct member_table *t, const char *name)
{
    uint32_t hash = member_name_hash(name);
    for (uint32_t at = hash & t->names.mask; t->names.entries[at] != MEMBER_NONE;
         at = (at + 1) & t->names.mask) {
        const struct member *m = &t->slots[t->names.entries[at]];
        if (m->name_hash == hash && strcmp(m->profile->name, name) == 0)
            return t->names.entries[at];
    }
    return MEMBER_NONE;
}

static uint32_t member_take_slot(struct member_table *t)
{
    if (t->free_head != MEMBER_NONE) {
        uint32_t slot = t->free_head;
        t->free_head = t->slots[slot].update_next;
        return slot;
    }
    if (t->used == t->capacity &&
        (t->capacity == GOSSIP_MEMBERS_MAX || !member_table_resize(t, 2 * t->capacity)))
        return MEMBER_NONE;
    return t->used++;
}

uint32_t member_add(struct member_table *t, const struct gossip_profile *profile)
{
    uint64_t key = profile_key(profile->id);
    assert(member_by_key(t, key) == MEMBER_NONE);
    uint32_t slot = member_take_slot(t);
    if (slot == MEMBER_NONE)
        return MEMBER_NONE;
    t->slots[slot] = (struct member){
        .profile = gossip_profile_hold(profile),
        .key = key,
        .name_hash = member_name_hash(profile->name),
        .suspicion = MEMBER_NONE,
        .update_priority = MEMBER_NO_UPDATE,
        .status = GOSSIP_ALIVE,
    };
    t->count++;
    t->by_status[GOSSIP_ALIVE]++;
    member_index_put(t, &t->keys, slot);
    member_index_put(t, &t->names, slot);
    return slot;
}

void member_remove(struct member_table *t, uint32_t slot)
{
    struct member *m = &t->slots[slot];
    assert(m->suspicion == MEMBER_NONE && m->update_priority == MEMBER_NO_UPDATE);
    member_index_drop(t, &t->keys, slot);
    member_index_drop(t, &t->names, slot);
    t->count--;
    t->by_status[m->status]--;
    gossip_profile_release(m->profile);
    m->profile = NULL;
    m->update_next = t->free_head;
    t->free_head = slot;
}

void member_set_profile(struct member_table *t, uint32_t slot, const struct gossip_profile *profile)
{
    struct member *m = &t->slots[slot];
    assert(memcmp(m->profile->id, profile->id, sizeof profile->id) == 0);
    member_index_drop(t, &t->names, slot);
    gossip_profile_release(m->profile);
    m->profile = profile;
    m->name_hash = member_name_hash(profile->name);
    member_index_put(t, &t->names, slot);
}

void member_set_status(struct member_table *t, uint32_t slot, enum gossip_status status,
                       int64_t now_us)
{
    struct member *m = &t->slots[slot];
    t->by_status[m->status]--;
    t->by_status[status]++;
    m->status = (uint8_t)status;
    m->since_us = now_us;
}

struct fact member_fact(const struct member *m)
{
    return (struct fact){m->profile->generation, m->incarnation, (enum gossip_status)m->status,
                         m->unreachable, m->parity};
}

uint64_t member_term(const struct member *m)
{
    return rng_mix(m->key ^ rng_mix(m->profile->generation ^
                                    rng_mix(2 * (uint64_t)m->incarnation + m->unreachable)));
}

bool member_is_live(const struct member *m)
{
    return m->status <= GOSSIP_LEAVING;
}

_Static_assert(
    GOSSIP_ALIVE<GOSSIP_LEAVING && GOSSIP_SUSPECT<GOSSIP_LEAVING && GOSSIP_FAILED> GOSSIP_LEAVING &&
                 GOSSIP_LEFT>
        GOSSIP_LEAVING,
    "member_is_live compares");

uint32_t member_live_count(const struct member_table *t)
{
    return t->by_status[GOSSIP_ALIVE] + t->by_status[GOSSIP_SUSPECT] + t->by_status[GOSSIP_LEAVING];
}

uint32_t member_random_live(const struct member_table *t, struct rng *rng, uint32_t except)
{
    /* Fair draws first; the scan, which favours a slot behind a gap, only when nearly all are dead.
     */
    for (uint32_t i = 0; i < RANDOM_DRAWS + t->used; i++) {
        uint32_t slot = i < RANDOM_DRAWS ? rng_below(rng, t->used) : i - RANDOM_DRAWS;
        if (slot != except && t->slots[slot].profile && member_is_live(&t->slots[slot]))
            return slot;
    }
    return MEMBER_NONE;
}

struct gossip_member member_public(const struct member *m)
{
    return (struct gossip_member){
        .profile = m->profile,
        .incarnation = m->incarnation,
        .status = (enum gossip_status)m->status,
        .unreachable = m->unreachable,
        .since_us = m->since_us,
    };
}
