#include "gossip/core.h"
#include "gossip/lease/claim.h"

#include <string.h>

static void state_copy_name(const struct gossip *g, uint64_t key,
                            char into[GOSSIP_NAME_BYTES_MAX + 1])
{
    uint32_t slot = member_by_key(&g->members, key);
    const char *name = slot == MEMBER_NONE ? "" : g->members.slots[slot].profile->name;
    memcpy(into, name, strlen(name) + 1);
}

static void state_fill_successors(const struct gossip *g, int64_t now_us, const struct claim *c,
                                  struct leases_state *state)
{
    for (unsigned i = 0; i < c->waiting.count; i++) {
        const struct successor *s = &c->waiting.all[i];
        if (now_us >= s->until_us)
            continue;
        state_copy_name(g, s->key, state->successors[state->waiting].name);
        state->successors[state->waiting++].priority = s->priority;
    }
}

static void state_fill(const struct gossip *g, int64_t now_us, const struct claim *c,
                       struct leases_state *state)
{
    const struct lease_candidate *candidate = &c->candidate;
    *state = (struct leases_state){.held = lease_is_held(candidate, now_us),
                                   .until_us = candidate->until_us,
                                   .taken_over = c->takes_over,
                                   .resumed = c->resumed};
    memcpy(state->name, c->name, sizeof state->name);
    state->epoch = state->held ? candidate->epoch : c->holder.epoch;
    state_copy_name(g, c->holder.owner, state->holder);
    state_copy_name(g, c->move_to, state->move_to);
    state_fill_successors(g, now_us, c, state);
    for (unsigned i = 0; i < candidate->quorum.configurations; i++) {
        state->asked += candidate->quorum.voters[i];
        state->answered += (unsigned)__builtin_popcount(candidate->yes[i] | candidate->no[i]);
    }
}

enum gossip_error leases_get(const struct gossip *g, int64_t now_us, const char *name,
                             struct leases_state *state)
{
    const struct claim *c = claim_find(&g->leases, claim_hash(name));
    if (!c)
        return GOSSIP_ERROR_UNKNOWN;
    state_fill(g, now_us, c, state);
    return GOSSIP_OK;
}

bool leases_next_change(struct gossip *g, int64_t now_us, struct leases_state *state)
{
    for (uint32_t i = 0; i < g->leases.count; i++) {
        struct claim *c = &g->leases.claims[i];
        if (!c->changed || c->withdrawn)
            continue;
        c->changed = false;
        state_fill(g, now_us, c, state);
        return true;
    }
    return false;
}
