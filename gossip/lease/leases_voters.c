#include "gossip/core.h"
#include "gossip/lease/claim.h"
#include "gossip/membership/profile.h"
#include "gossip/membership/view.h"

#include <string.h>

enum {
    REACHED_LENGTHS = 2, /* lengths of a lease without an answer */
    SILENT_LENGTHS = 2,  /* ... of one voter */
};

static void voters_publish(struct gossip *g)
{
    struct gossip_voters range = voters_range(&g->leases.voters);
    struct gossip_profile changed = *core_member(g, g->self)->profile;
    if (memcmp(&changed.voters, &range, sizeof range) == 0)
        return;
    changed.voters = range;
    const struct gossip_profile *profile = profile_new(&changed);
    if (!profile)
        return;
    view_reprofile_self(g, profile); /* of a member's own profile only others go by the change */
    spread_update(g, g->self, SPREAD_IMMEDIATE);
}

/* What this member goes by has changed: attempts begin anew. */
static void voters_take_effect(struct gossip *g)
{
    struct leases *l = &g->leases;
    l->began_us = l->asked_us = g->now_us;
    memset(l->heard_us, 0, sizeof l->heard_us);
    struct lease_quorum quorum;
    voters_publish(g);
    for (uint32_t i = 0; i < l->count; i++) {
        struct claim *c = &l->claims[i];
        c->candidate.phase = LEASE_IDLE;
        c->next_us = core_min(c->next_us, g->now_us);
        if (voters_quorum(&l->voters, &quorum))
            lease_set_quorum(&c->candidate, &quorum);
    }
}

void leases_start(struct gossip *g, int64_t now_us, const struct voters *voters,
                  uint32_t longest_ms, uint64_t epochs)
{
    struct leases *l = &g->leases;
    l->grants.longest_ms = longest_ms > GRANTS_LENGTH_MS ? longest_ms : GRANTS_LENGTH_MS;
    l->grants.started_us = now_us;
    l->grants.silent_until_us = now_us + lease_quarantine_us(core_ms(l->grants.longest_ms));
    l->grants.epochs = epochs;
    l->started = true;
    l->strangers.looked_us = INT64_MIN;
    leases_set_voters(g, now_us, voters);
}

void leases_set_voters(struct gossip *g, int64_t now_us, const struct voters *voters)
{
    core_begin(g, now_us);
    g->leases.voters = *voters;
    g->leases.strangers.looked_us = INT64_MIN;
    voters_take_effect(g);
    lease_outbox_flush(g);
}

const struct voters *leases_voters(const struct gossip *g)
{
    return &g->leases.voters;
}

static bool voter_is_alive(const struct gossip *g, const char *name)
{
    uint32_t slot = member_by_name(&g->members, name);
    return slot != MEMBER_NONE && member_is_live(&g->members.slots[slot]);
}

void leases_note_heard(struct gossip *g, const uint32_t bits[LEASE_CONFIGURATIONS_MAX])
{
    for (unsigned i = 0; i < LEASE_CONFIGURATIONS_MAX; i++)
        if (bits[i] != 0)
            g->leases.heard_us[i][__builtin_ctz(bits[i])] = g->now_us;
}

int64_t leases_voter_silent_us(const struct gossip *g, int64_t now_us, const char *voter)
{
    const struct leases *l = &g->leases;
    uint32_t bits[LEASE_CONFIGURATIONS_MAX];
    int64_t length_us = INT64_MAX, heard_us = l->began_us;
    for (uint32_t i = 0; i < l->count; i++)
        length_us = core_min(length_us, l->claims[i].candidate.length_us);
    if (l->count == 0 || !voters_bits(&l->voters, voter, bits))
        return 0;
    for (unsigned i = 0; i < LEASE_CONFIGURATIONS_MAX; i++)
        if (bits[i] != 0)
            heard_us = core_max(heard_us, l->heard_us[i][__builtin_ctz(bits[i])]);
    return l->asked_us - heard_us > SILENT_LENGTHS * length_us ? now_us - heard_us : 0;
}

static size_t voter_label_bytes(const char *name)
{
    return strcspn(name, ".");
}

bool leases_find_alike(const struct gossip *g, const char *voter, struct gossip_member *member)
{
    size_t bytes = voter_label_bytes(voter);
    if (member_by_name(&g->members, voter) != MEMBER_NONE)
        return false;
    for (uint32_t slot = 0; slot < g->members.used; slot++) {
        const struct member *m = &g->members.slots[slot];
        if (!m->profile || !member_is_live(m))
            continue;
        const char *name = m->profile->name;
        bool one_is_short = voter[bytes] == '\0' || name[voter_label_bytes(name)] == '\0';
        if (!one_is_short || voter_label_bytes(name) != bytes || strncmp(name, voter, bytes) != 0)
            continue;
        *member = member_public(m);
        return true;
    }
    return false;
}

/* True: a majority has answered recently, or nothing is asked. */
static bool voters_are_reached(const struct leases *l, int64_t now_us)
{
    bool asks = false;
    for (uint32_t i = 0; i < l->count; i++) {
        const struct claim *c = &l->claims[i];
        if (now_us - c->reached_us < REACHED_LENGTHS * c->candidate.length_us)
            return true;
        asks |= !c->withdrawn && now_us < c->renew_until_us;
    }
    return !asks;
}

bool leases_has_quorum(const struct gossip *g)
{
    const struct voters *v = &g->leases.voters;
    if (v->count == 0 || v->joining)
        return false;
    for (unsigned i = 0; i < v->count; i++) {
        unsigned alive = 0;
        for (unsigned j = 0; j < v->configurations[i].count; j++)
            alive += voter_is_alive(g, v->configurations[i].names[j]);
        if (2 * alive <= v->configurations[i].count)
            return false;
    }
    return voters_are_reached(&g->leases, g->now_us);
}

/* The voters include this member. */
void leases_note_voters(struct gossip *g)
{
    struct leases *l = &g->leases;
    bool changed = false;
    unsigned cursor = 0;
    for (const char *name; (name = voters_next(&l->voters, &cursor));) {
        uint32_t slot = member_by_name(&g->members, name);
        if (slot != MEMBER_NONE)
            changed |=
                voters_note(&l->voters, g->now_us, name, core_member(g, slot)->profile->voters);
    }
    if (voters_tick(&l->voters, g->now_us) || changed)
        voters_take_effect(g);
}
