#include "gossip/core.h"
#include "gossip/lease/lease_want.h"

#include <string.h>

static void copy_name(const struct gossip *g, uint64_t key, char into[GOSSIP_NAME_BYTES_MAX + 1])
{
    uint32_t row = member_by_key(&g->members, key);
    const char *name = row == MEMBER_NONE ? "" : g->members.slots[row].profile->name;
    memcpy(into, name, strlen(name) + 1);
}

static void fill_state(const struct gossip *g, int64_t now_us, const struct lease_want *w,
                       struct leases_state *state)
{
    const struct lease_candidate *c = &w->c;
    *state = (struct leases_state){
        .held = lease_is_held(c, now_us), .inherited = w->inherits, .resumed = w->resumed};
    memcpy(state->name, w->name, sizeof state->name);
    state->until_us = c->until_us;
    state->epoch = state->held ? c->epoch : w->holder.epoch;
    copy_name(g, w->holder.owner, state->holder);
    copy_name(g, w->move_to, state->move_to);
    for (unsigned i = 0; i < w->heirs.count; i++) {
        if (now_us >= w->heirs.all[i].until_us)
            continue;
        copy_name(g, w->heirs.all[i].key, state->heirs[state->waiting].name);
        state->heirs[state->waiting++].priority = w->heirs.all[i].priority;
    }
    for (unsigned i = 0; i < c->quorum.lists; i++) {
        state->asked += c->quorum.voters[i];
        state->answered += (unsigned)__builtin_popcount(c->yes[i] | c->no[i]);
    }
}

enum gossip_error leases_get(const struct gossip *g, int64_t now_us, const char *name,
                             struct leases_state *state)
{
    const struct lease_want *w = lease_want_find(&g->leases, lease_want_hash(name));
    if (!w)
        return GOSSIP_ERROR_UNKNOWN;
    fill_state(g, now_us, w, state);
    return GOSSIP_OK;
}

bool leases_next_change(struct gossip *g, int64_t now_us, struct leases_state *state)
{
    for (uint32_t i = 0; i < g->leases.count; i++) {
        struct lease_want *w = &g->leases.wants[i];
        if (!w->changed || w->over)
            continue;
        w->changed = false;
        fill_state(g, now_us, w, state);
        return true;
    }
    return false;
}
