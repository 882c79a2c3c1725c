#include "gossip/sim/form.h"

#include "gossip/core.h"
#include "gossip/membership/profile.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* `bytes` of a block of that capacity; what lies behind them is never touched, and costs nothing.
 */
static void *form_copy(const void *from, size_t bytes, size_t capacity)
{
    void *to = malloc(capacity);
    assert(to);
    return memcpy(to, from, bytes);
}

static void form_copy_index(struct index *index)
{
    size_t bytes = ((size_t)index->mask + 1) * sizeof *index->entries;
    index->entries = form_copy(index->entries, bytes, bytes);
}

/* The profiles are shared, and held already. */
static void form_copy_table(struct member_table *to, const struct member_table *from)
{
    member_table_free(to);
    *to = *from;
    to->slots = form_copy(from->slots, from->used * sizeof *from->slots,
                          from->capacity * sizeof *from->slots);
    form_copy_index(&to->keys);
    form_copy_index(&to->names);
}

void form(struct gossip **cores, uint32_t count)
{
    struct gossip *first = cores[0];
    for (uint32_t i = 1; i < count; i++) {
        const struct member *self = core_member(cores[i], cores[i]->self);
        uint32_t slot = member_add(&first->members, self->profile);
        assert(slot != MEMBER_NONE);
        struct member *m = core_member(first, slot);
        m->since_us = self->since_us;
        m->started_us = self->started_us;
        first->view += member_term(m);
    }
    for (uint32_t slot = 0; slot < first->members.used; slot++)
        profile_hold_often(first->members.slots[slot].profile, count - 1);
    for (uint32_t i = 1; i < count; i++) {
        form_copy_table(&cores[i]->members, &first->members);
        cores[i]->self = member_by_key(&cores[i]->members, cores[i]->key);
        cores[i]->view = first->view;
    }
}

uint64_t form_bytes(uint32_t count)
{
    uint64_t capacity = 16;
    while (capacity < count)
        capacity *= 2;
    uint64_t slots = 2 * 2 * capacity; /* two indexes, half full at the most */
    return count *
           (count * sizeof(struct member) + slots * sizeof(uint32_t) + sizeof(struct gossip));
}

void form_reseed(struct gossip *core, uint64_t seed)
{
    rng_seed(&core->rng, seed);
    probe_init(core);
}
