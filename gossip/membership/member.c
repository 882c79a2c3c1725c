#include "gossip/membership/member.h"

#include "gossip/fnv.h"
#include "gossip/membership/profile.h"
#include "gossip/membership/spread.h"
#include "gossip/rng.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 16, RANDOM_DRAWS = 32 };

_Static_assert((GOSSIP_MEMBERS_MAX & (GOSSIP_MEMBERS_MAX - 1)) == 0, "capacity doubles up to it");

/* The order of facts at equal generation and incarnation. */
static int rank(const struct fact *fact)
{
    switch (fact->status) {
    case GOSSIP_ALIVE:
        return fact->partly ? 2 : 0;
    case GOSSIP_SUSPECT:
        return fact->partly ? 3 : 1;
    case GOSSIP_LEAVING:
        return 4;
    case GOSSIP_FAILED:
        return 5;
    case GOSSIP_LEFT:
        return 6;
    }
    return 0;
}

bool member_fact_beats(const struct fact *heard, const struct fact *held)
{
    if (heard->generation != held->generation)
        return heard->generation > held->generation;
    if (heard->incarnation != held->incarnation)
        return heard->incarnation > held->incarnation;
    return rank(heard) > rank(held);
}

const char *gossip_status_text(enum gossip_status status)
{
    static const char *const texts[] = {
        [GOSSIP_ALIVE] = "alive",   [GOSSIP_SUSPECT] = "suspect", [GOSSIP_LEAVING] = "leaving",
        [GOSSIP_FAILED] = "failed", [GOSSIP_LEFT] = "left",
    };
    return texts[status];
}

static uint32_t name_hash(const char *name)
{
    return (uint32_t)rng_mix(fnv(FNV_START, name, strlen(name)));
}

static uint32_t key_hash(uint64_t key)
{
    return (uint32_t)rng_mix(key);
}

static uint32_t row_hash(const struct member_table *t, const struct index *index, uint32_t row)
{
    return index == &t->names ? t->rows[row].name_hash : key_hash(t->rows[row].key);
}

static void index_put(const struct member_table *t, struct index *index, uint32_t row)
{
    uint32_t at = row_hash(t, index, row) & index->mask;
    while (index->slots[at] != MEMBER_NONE)
        at = (at + 1) & index->mask;
    index->slots[at] = row;
}

/* Linear probing's removal: what follows moves up, so that no search stops early. */
static void index_drop(const struct member_table *t, struct index *index, uint32_t row)
{
    uint32_t hole = row_hash(t, index, row) & index->mask;
    while (index->slots[hole] != row)
        hole = (hole + 1) & index->mask;
    for (uint32_t at = (hole + 1) & index->mask; index->slots[at] != MEMBER_NONE;
         at = (at + 1) & index->mask) {
        uint32_t home = row_hash(t, index, index->slots[at]) & index->mask;
        if (((at - home) & index->mask) >= ((at - hole) & index->mask)) {
            index->slots[hole] = index->slots[at];
            hole = at;
        }
    }
    index->slots[hole] = MEMBER_NONE;
}

static uint32_t *slots_new(uint32_t count)
{
    uint32_t *slots = malloc(count * sizeof *slots);
    if (slots)
        memset(slots, 0xff, count * sizeof *slots);
    return slots;
}

_Static_assert(MEMBER_NONE == 0xffffffff, "slots_new fills with it bytewise");

/* Makes room for `capacity` rows, indexes kept at most half full. */
static bool table_resize(struct member_table *t, uint32_t capacity)
{
    uint32_t *keys = slots_new(2 * capacity), *names = slots_new(2 * capacity);
    struct member *rows = realloc(t->rows, capacity * sizeof *rows);
    if (rows)
        t->rows = rows;
    if (!keys || !names || !rows) {
        free(keys);
        free(names);
        return false;
    }
    free(t->keys.slots);
    free(t->names.slots);
    t->capacity = capacity;
    t->keys = (struct index){keys, 2 * capacity - 1};
    t->names = (struct index){names, 2 * capacity - 1};
    for (uint32_t row = 0; row < t->used; row++) {
        if (!t->rows[row].profile)
            continue;
        index_put(t, &t->keys, row);
        index_put(t, &t->names, row);
    }
    return true;
}

bool member_table_init(struct member_table *t)
{
    *t = (struct member_table){.free_head = MEMBER_NONE};
    return table_resize(t, CAPACITY_FIRST);
}

void member_table_free(struct member_table *t)
{
    for (uint32_t row = 0; row < t->used; row++)
        gossip_profile_release(t->rows[row].profile);
    free(t->rows);
    free(t->keys.slots);
    free(t->names.slots);
}

uint32_t member_by_key(const struct member_table *t, uint64_t key)
{
    for (uint32_t at = key_hash(key) & t->keys.mask; t->keys.slots[at] != MEMBER_NONE;
         at = (at + 1) & t->keys.mask)
        if (t->rows[t->keys.slots[at]].key == key)
            return t->keys.slots[at];
    return MEMBER_NONE;
}

uint32_t member_by_name(const struct member_table *t, const char *name)
{
    uint32_t hash = name_hash(name);
    for (uint32_t at = hash & t->names.mask; t->names.slots[at] != MEMBER_NONE;
         at = (at + 1) & t->names.mask) {
        const struct member *m = &t->rows[t->names.slots[at]];
        if (m->name_hash == hash && strcmp(m->profile->name, name) == 0)
            return t->names.slots[at];
    }
    return MEMBER_NONE;
}

static uint32_t row_take(struct member_table *t)
{
    if (t->free_head != MEMBER_NONE) {
        uint32_t row = t->free_head;
        t->free_head = t->rows[row].news_next;
        return row;
    }
    if (t->used == t->capacity &&
        (t->capacity == GOSSIP_MEMBERS_MAX || !table_resize(t, 2 * t->capacity)))
        return MEMBER_NONE;
    return t->used++;
}

uint32_t member_add(struct member_table *t, const struct gossip_profile *profile)
{
    uint64_t key = profile_key(profile->id);
    assert(member_by_key(t, key) == MEMBER_NONE);
    uint32_t row = row_take(t);
    if (row == MEMBER_NONE)
        return MEMBER_NONE;
    t->rows[row] = (struct member){
        .profile = gossip_profile_hold(profile),
        .key = key,
        .name_hash = name_hash(profile->name),
        .suspicion = MEMBER_NONE,
        .news_lane = SPREAD_IDLE,
        .status = GOSSIP_ALIVE,
    };
    t->count++;
    t->by_status[GOSSIP_ALIVE]++;
    index_put(t, &t->keys, row);
    index_put(t, &t->names, row);
    return row;
}

void member_remove(struct member_table *t, uint32_t row)
{
    struct member *m = &t->rows[row];
    assert(m->suspicion == MEMBER_NONE && m->news_lane == SPREAD_IDLE);
    index_drop(t, &t->keys, row);
    index_drop(t, &t->names, row);
    t->count--;
    t->by_status[m->status]--;
    gossip_profile_release(m->profile);
    m->profile = NULL;
    m->news_next = t->free_head;
    t->free_head = row;
}

void member_set_profile(struct member_table *t, uint32_t row, const struct gossip_profile *profile)
{
    struct member *m = &t->rows[row];
    assert(memcmp(m->profile->id, profile->id, sizeof profile->id) == 0);
    index_drop(t, &t->names, row);
    gossip_profile_release(m->profile);
    m->profile = profile;
    m->name_hash = name_hash(profile->name);
    index_put(t, &t->names, row);
}

void member_set_status(struct member_table *t, uint32_t row, enum gossip_status status,
                       int64_t now_us)
{
    struct member *m = &t->rows[row];
    t->by_status[m->status]--;
    t->by_status[status]++;
    m->status = (uint8_t)status;
    m->since_us = now_us;
}

struct fact member_fact(const struct member *m)
{
    return (struct fact){m->profile->generation, m->incarnation, (enum gossip_status)m->status,
                         m->partly, m->odd};
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
    /* Fair draws first; the scan, which favours a row behind a gap, only when nearly all are dead.
     */
    for (uint32_t i = 0; i < RANDOM_DRAWS + t->used; i++) {
        uint32_t row = i < RANDOM_DRAWS ? rng_below(rng, t->used) : i - RANDOM_DRAWS;
        if (row != except && t->rows[row].profile && member_is_live(&t->rows[row]))
            return row;
    }
    return MEMBER_NONE;
}

struct gossip_member member_public(const struct member *m)
{
    return (struct gossip_member){
        .profile = m->profile,
        .incarnation = m->incarnation,
        .status = (enum gossip_status)m->status,
        .partly = m->partly,
        .since_us = m->since_us,
    };
}
