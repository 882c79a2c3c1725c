#include "gossip/membership/view.h"

#include "gossip/core.h"
#include "gossip/membership/profile.h"

#include <string.h>

/* A leave of the member's own has an incarnation of its own. */
bool view_is_force_left(const struct member *held, const struct fact *received)
{
    return received->status == GOSSIP_LEFT && received->generation == held->profile->generation &&
           received->incarnation == held->incarnation && held->status != GOSSIP_LEAVING &&
           held->status != GOSSIP_LEFT;
}

int64_t view_began_us(const struct gossip *g, const struct wire_record *record)
{
    return g->now_us - (int64_t)record->age_s * 1000000;
}

static struct view_change view_begin(const struct gossip *g, uint32_t slot)
{
    const struct member *m = &g->members.slots[slot];
    return (struct view_change){
        .slot = slot, .before = member_fact(m), .before_since_us = m->since_us};
}

/* The slot's share of the hash is taken out before a change, and put in again after it. */
static void view_hash_out(struct gossip *g, uint32_t slot)
{
    const struct member *m = core_member(g, slot);
    if (member_is_live(m))
        g->view -= member_term(m);
}

static void view_hash_in(struct gossip *g, uint32_t slot)
{
    const struct member *m = core_member(g, slot);
    if (member_is_live(m))
        g->view += member_term(m);
}

static void view_write(struct gossip *g, uint32_t slot, const struct fact *fact)
{
    struct member *m = core_member(g, slot);
    view_hash_out(g, slot);
    m->incarnation = fact->incarnation;
    m->unreachable = fact->unreachable && fact->status <= GOSSIP_SUSPECT;
    m->parity = fact->parity;
    if (fact->status != (enum gossip_status)m->status)
        member_set_status(&g->members, slot, fact->status, g->now_us);
    if (fact->status <= GOSSIP_LEAVING)
        m->pruned = false;
    view_hash_in(g, slot);
}

static void view_write_profile(struct gossip *g, uint32_t slot,
                               const struct gossip_profile *profile)
{
    view_hash_out(g, slot);
    member_set_profile(&g->members, slot, profile);
    view_hash_in(g, slot);
}

struct view_change view_set(struct gossip *g, uint32_t slot, const struct fact *fact)
{
    struct member *m = core_member(g, slot);
    struct view_change change = view_begin(g, slot);
    m->force_left = view_is_force_left(m, fact);
    view_write(g, slot, fact);
    change.after = member_fact(m);
    return change;
}

struct view_change view_set_status(struct gossip *g, uint32_t slot, enum gossip_status status)
{
    struct fact fact = member_fact(core_member(g, slot));
    fact.status = status;
    return view_set(g, slot, &fact);
}

struct view_change view_mark_unreachable(struct gossip *g, uint32_t slot)
{
    struct fact fact = member_fact(core_member(g, slot));
    fact.status = GOSSIP_ALIVE;
    fact.unreachable = true;
    return view_set(g, slot, &fact);
}

/* True if the profile differs in more than its generation. */
static bool view_profile_differs(const struct gossip_profile *a, const struct gossip_profile *b)
{
    return strcmp(a->name, b->name) != 0 || !profile_addr_equal(&a->addr, &b->addr) ||
           a->tags_bytes != b->tags_bytes || memcmp(a->tags, b->tags, a->tags_bytes) != 0;
}

static void view_write_age(const struct gossip *g, struct member *m,
                           const struct wire_record *record)
{
    if (member_is_live(m))
        m->started_us = view_began_us(g, record);
    else
        m->since_us = view_began_us(g, record);
}

bool view_take(struct gossip *g, uint32_t slot, const struct wire_record *record,
               struct view_change *change)
{
    struct member *m = core_member(g, slot);
    const struct gossip_profile *profile = profile_new(&record->profile);
    if (!profile)
        return false;
    *change = view_begin(g, slot);
    const struct fact *was = &change->before;
    bool restarted = was->generation != profile->generation;
    change->by_record = true;
    change->differs = restarted || view_profile_differs(m->profile, profile);
    m->force_left = view_is_force_left(m, &record->fact);
    view_write_profile(g, slot, profile);
    struct fact fact = record->fact;
    /* A member that refutes may not know that it is unreachable: then the mark stays. */
    fact.unreachable |= was->unreachable && !restarted && fact.parity == was->parity;
    view_write(g, slot, &fact);
    view_write_age(g, m, record);
    change->after = member_fact(m);
    change->pruned = m->pruned = fact.status == GOSSIP_LEFT && record->pruned;
    return true;
}

bool view_add(struct gossip *g, const struct wire_record *record, struct view_change *change)
{
    const struct gossip_profile *profile = profile_new(&record->profile);
    uint32_t slot = profile ? member_add(&g->members, profile) : MEMBER_NONE;
    gossip_profile_release(profile);
    if (slot == MEMBER_NONE)
        return false;
    struct member *m = core_member(g, slot);
    m->incarnation = record->fact.incarnation;
    m->unreachable = record->fact.unreachable;
    m->parity = record->fact.parity;
    m->pruned = record->pruned && record->fact.status == GOSSIP_LEFT;
    member_set_status(&g->members, slot, record->fact.status, g->now_us);
    view_write_age(g, m, record);
    view_hash_in(g, slot);
    *change = (struct view_change){
        .slot = slot, .after = member_fact(m), .added = true, .by_record = true};
    return true;
}

struct view_change view_prune(struct gossip *g, uint32_t slot)
{
    struct view_change change = view_begin(g, slot);
    change.after = change.before;
    change.pruned = true;
    core_member(g, slot)->pruned = true;
    return change;
}

struct view_change view_remove(struct gossip *g, uint32_t slot)
{
    struct view_change change = view_begin(g, slot);
    view_hash_out(g, slot);
    if (member_is_live(core_member(g, slot)))
        member_set_status(&g->members, slot, GOSSIP_LEFT, g->now_us);
    change.after = member_fact(core_member(g, slot));
    change.removed = true;
    return change;
}

uint32_t view_oldest_dead(const struct gossip *g)
{
    const struct member *oldest = NULL;
    for (uint32_t slot = 0; slot < g->members.used; slot++) {
        const struct member *m = &g->members.slots[slot];
        if (!m->profile || member_is_live(m) || slot == g->self)
            continue;
        if (!oldest || m->status > oldest->status ||
            (m->status == oldest->status && m->since_us < oldest->since_us))
            oldest = m;
    }
    return oldest ? (uint32_t)(oldest - g->members.slots) : MEMBER_NONE;
}

bool view_is_expired(const struct gossip *g, int64_t since_us)
{
    return g->now_us - since_us >= (int64_t)g->timing.reap_s * 1000000;
}

bool view_take_generation_above(struct gossip *g, uint64_t generation)
{
    struct gossip_profile again = *core_member(g, g->self)->profile;
    if (generation >= GOSSIP_GENERATION_MAX)
        return false;
    again.generation = generation + 1;
    const struct gossip_profile *profile = profile_new(&again);
    if (profile)
        view_write_profile(g, g->self, profile);
    return profile;
}

struct view_change view_restate_self(struct gossip *g, uint32_t above, enum gossip_status status,
                                     bool unreachable)
{
    struct member *self = core_member(g, g->self);
    struct view_change change = view_begin(g, g->self);
    uint32_t highest = above > self->incarnation ? above : self->incarnation;
    if (highest == WIRE_INCARNATION_MAX)
        highest = view_take_generation_above(g, change.before.generation) ? 0 : highest - 1;
    const struct fact fact = {
        .generation = self->profile->generation,
        .incarnation = highest + 1,
        .status = status,
        .unreachable = unreachable,
        .parity = self->parity ^ (self->unreachable && !unreachable),
    };
    view_write(g, g->self, &fact);
    change.after = member_fact(self);
    return change;
}

struct view_change view_reprofile_self(struct gossip *g, const struct gossip_profile *profile)
{
    view_write_profile(g, g->self, profile);
    const struct member *self = core_member(g, g->self);
    return view_restate_self(g, 0, (enum gossip_status)self->status, self->unreachable);
}
