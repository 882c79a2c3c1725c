#include "gossip/lease/leases.h"

#include "agent/base/array.h"
#include "gossip/core.h"
#include "gossip/fnv.h"
#include "gossip/lease/claim.h"

#include <stdlib.h>
#include <string.h>

void leases_free(struct leases *l)
{
    grants_free(&l->grants);
    lease_outbox_free(&l->out);
    strangers_free(&l->strangers);
    free(l->claims);
}

/* ---- the set ---- */

uint64_t claim_hash(const char *name)
{
    return fnv(FNV_START, name, strlen(name));
}

struct claim *claim_find(const struct leases *l, uint64_t hash)
{
    for (uint32_t i = 0; i < l->count; i++)
        if (l->claims[i].hash == hash && !l->claims[i].withdrawn)
            return &l->claims[i];
    return NULL;
}

/* Room for one more, not initialized. NULL: no memory. */
static struct claim *leases_add(struct leases *l)
{
    if (!ARRAY_RESERVE(l->claims, l->capacity, l->count + 1))
        return NULL;
    return &l->claims[l->count++];
}

/* One that is withdrawn goes once its successor was told often enough. */
static void leases_remove_withdrawn(struct leases *l, struct claim *c)
{
    if (c->withdrawn && c->handovers == 0)
        *c = l->claims[--l->count];
}

/* ---- what the disk should have ---- */

struct leases_needs leases_needs(const struct gossip *g)
{
    const struct grants *grants = &g->leases.grants;
    uint32_t ms = grants->wanted_ms > grants->longest_ms ? grants->wanted_ms : grants->longest_ms;
    return (struct leases_needs){ms, grants->epochs};
}

void leases_allow(struct gossip *g, int64_t now_us, uint32_t longest_ms)
{
    (void)now_us;
    if (longest_ms > g->leases.grants.longest_ms && longest_ms <= LEASE_LENGTH_MS_MAX)
        g->leases.grants.longest_ms = longest_ms;
}

/* ---- what others send ---- */

/* A candidate's message to this member as a voter. c: our own claim of the same; NULL: none. */
static void leases_receive_question(struct gossip *g, const struct wire_message *m,
                                    const struct gossip_route *from, const struct wire_lease *asked,
                                    struct claim *c)
{
    struct leases *l = &g->leases;
    uint32_t bits[LEASE_CONFIGURATIONS_MAX];
    struct lease_message answer;
    const char *self = core_member(g, g->self)->profile->name;
    if (!voters_bits(&l->voters, self, bits) || !voters_serve(&l->voters, m->voters)) {
        g->stats.leases_refused++;
        return;
    }
    if (!grants_receive(&l->grants, g->now_us, asked, &answer))
        return;
    lease_outbox_answer(g, m->sender, from, asked->name, &answer);
    if (c && answer.kind == LEASE_ACCEPT)
        claim_receive_granted(g, c, &asked->message.grant);
}

static void leases_receive_one(struct gossip *g, const struct wire_message *m,
                               const struct gossip_route *from, const struct member *sender,
                               const struct wire_lease *received)
{
    const struct lease_message *message = &received->message;
    struct claim *c = claim_find(&g->leases, received->name);
    switch (message->kind) {
    case LEASE_PREPARE:
    case LEASE_PROPOSE:
    case LEASE_QUERY:
        leases_receive_question(g, m, from, received, c);
        return;
    case LEASE_RELEASE:
        leases_receive_question(g, m, from, received, c);
        if (c)
            claim_receive_release(g, c, message->successor);
        return;
    case LEASE_WAITING:
        if (c)
            claim_receive_waiting(g, c, m->sender, message);
        return;
    case LEASE_HANDOVER:
        if (c)
            claim_receive_handover(g, c, &message->ballot);
        return;
    case LEASE_MOVE:
        if (c)
            claim_ask_to_move(g, c, message->successor);
        return;
    case LEASE_PROMISE:
    case LEASE_ACCEPT:
    case LEASE_REFUSE:
        if (c)
            claim_receive_answer(g, c, sender->profile->name, message, from->via);
        return;
    case LEASE_KINDS:
        return;
    }
}

void leases_receive(struct gossip *g, const struct wire_message *m, const struct gossip_route *from)
{
    uint32_t slot = member_by_key(&g->members, m->sender);
    if (slot == MEMBER_NONE || slot == g->self || !g->leases.started)
        return;
    struct wire_reader leases = m->leases;
    struct wire_lease received;
    while (wire_next_lease(&leases, &received))
        leases_receive_one(g, m, from, core_member(g, slot), &received);
}

/* ---- time ---- */

static bool leases_is_any_due(const struct gossip *g)
{
    for (uint32_t i = 0; i < g->leases.count; i++)
        if (g->now_us >= claim_deadline(&g->leases.claims[i]))
            return true;
    return false;
}

void leases_tick(struct gossip *g)
{
    struct leases *l = &g->leases;
    if (!l->started)
        return;
    leases_note_voters(g);
    strangers_tick(g);
    if (!leases_is_any_due(g))
        return;
    for (uint32_t i = l->count; i > 0; i--) {
        struct claim *c = &l->claims[i - 1];
        claim_tick(g, c);
        leases_remove_withdrawn(l, c);
    }
}

int64_t leases_deadline(const struct gossip *g)
{
    const struct leases *l = &g->leases;
    int64_t at_us = voters_deadline(&l->voters);
    for (uint32_t i = 0; i < l->count; i++)
        at_us = core_min(at_us, claim_deadline(&l->claims[i]));
    return at_us;
}

/* ---- what the caller wants ---- */

enum gossip_error leases_claim(struct gossip *g, int64_t now_us,
                               const struct leases_options *options)
{
    struct leases *l = &g->leases;
    size_t bytes = strlen(options->name);
    bool fits =
        options->length_ms >= LEASE_LENGTH_MS_MIN && options->length_ms <= LEASE_LENGTH_MS_MAX;
    if (bytes == 0 || bytes > LEASES_NAME_BYTES_MAX || !fits)
        return GOSSIP_ERROR_NAME;
    struct claim *c = claim_find(l, claim_hash(options->name));
    if (!c && l->count == LEASES_MAX)
        return GOSSIP_ERROR_FULL;
    core_begin(g, now_us);
    if (!c) {
        c = leases_add(l);
        if (!c)
            return GOSSIP_ERROR_MEMORY;
        if (l->count == 1)
            l->began_us = now_us;
        claim_init(g, c, options->name, core_ms(options->length_ms));
    }
    claim_set(g, c, options);
    lease_outbox_flush(g);
    return GOSSIP_OK;
}

enum gossip_error leases_release(struct gossip *g, int64_t now_us, const char *name,
                                 const char *successor, bool stays)
{
    struct claim *c = claim_find(&g->leases, claim_hash(name));
    bool none = successor && *successor == '\0', named = successor && !none;
    uint32_t slot = named ? member_by_name(&g->members, successor) : MEMBER_NONE;
    if (!c || (named && slot == MEMBER_NONE))
        return GOSSIP_ERROR_UNKNOWN;
    core_begin(g, now_us);
    const struct successor *chosen =
        none ? NULL : claim_choose_successor(g, c, named ? core_member(g, slot)->key : 0);
    if (named && !chosen)
        return GOSSIP_ERROR_UNKNOWN;
    claim_release(g, c, chosen, stays);
    leases_remove_withdrawn(&g->leases, c);
    lease_outbox_flush(g);
    return GOSSIP_OK;
}

void leases_renew_until(struct gossip *g, int64_t now_us, const char *name, int64_t until_us)
{
    struct claim *c = claim_find(&g->leases, claim_hash(name));
    if (!c)
        return;
    core_begin(g, now_us);
    claim_renew_until(g, c, until_us);
    lease_outbox_flush(g);
}

enum gossip_error leases_move(struct gossip *g, int64_t now_us, const char *name, const char *to)
{
    struct claim *c = claim_find(&g->leases, claim_hash(name));
    uint32_t slot = member_by_name(&g->members, to);
    if (!c || slot == MEMBER_NONE || c->holder.owner == 0)
        return GOSSIP_ERROR_UNKNOWN;
    core_begin(g, now_us);
    uint64_t key = core_member(g, slot)->key;
    struct lease_message m = {.kind = LEASE_MOVE, .ballot = c->holder.ballot, .successor = key};
    if (c->held)
        claim_ask_to_move(g, c, key);
    else
        lease_outbox_push(g, c->holder.owner, c->hash, &m, true);
    lease_outbox_flush(g);
    return GOSSIP_OK;
}
