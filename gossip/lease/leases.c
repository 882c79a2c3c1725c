#include "gossip/lease/leases.h"

#include "agent/base/array.h"
#include "gossip/core.h"
#include "gossip/fnv.h"
#include "gossip/lease/lease_want.h"

#include <stdlib.h>
#include <string.h>

enum {
    ATTEMPT_PARTS = 2,   /* ... an attempt may take */
    RESEND_PARTS = 20,   /* ... until the question is repeated */
    TOGETHER_PARTS = 20, /* what is due so soon is done along with what is due now */
    AGAIN_PARTS = 12,    /* until the next attempt, after one that was refused for no holder */
    SPREAD_PARTS = 100,  /* over which those that wait spread their attempts */
    HANDOVERS = 4,       /* times that an heir is told, RESEND_PARTS apart */
};

void leases_free(struct leases *l)
{
    grants_free(&l->grants);
    lease_out_free(&l->out);
    free(l->wants);
}

uint64_t lease_want_hash(const char *name)
{
    return fnv(FNV_START, name, strlen(name));
}

struct lease_want *lease_want_find(const struct leases *l, uint64_t hash)
{
    for (uint32_t i = 0; i < l->count; i++)
        if (l->wants[i].hash == hash && !l->wants[i].over)
            return &l->wants[i];
    return NULL;
}

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

/* ---- asking ---- */

static int64_t part(const struct lease_want *w, int64_t parts)
{
    return w->c.length_us / parts;
}

static int64_t random_part(struct gossip *g, const struct lease_want *w, int64_t parts)
{
    return rng_below(&g->rng, (uint32_t)part(w, parts) + 1);
}

static void hear_answer(struct gossip *g, struct lease_want *w, const char *voter,
                        const struct lease_message *m);

/* If we are a voter. */
static bool ask_ourselves(struct gossip *g, uint64_t name, const struct lease_message *m,
                          struct lease_message *answer)
{
    struct leases *l = &g->leases;
    uint32_t seats[LEASE_LISTS_MAX];
    bool is_voter = voters_seats(&l->voters, core_member(g, g->self)->profile->name, seats) &&
                    voters_serve(&l->voters, voters_range(&l->voters));
    struct wire_lease asked = {name, *m};
    return is_voter && grants_hear(&l->grants, g->now_us, &asked, answer);
}

/* To each voter; if we are one we answer at once. */
static void ask_voters(struct gossip *g, struct lease_want *w, const struct lease_message *m)
{
    struct lease_message answer;
    lease_out_push(g, 0, w->hash, m);
    if (ask_ourselves(g, w->hash, m, &answer))
        hear_answer(g, w, core_member(g, g->self)->profile->name, &answer);
}

/* What is not answered. */
static void tell_voters(struct gossip *g, const struct lease_want *w, const struct lease_message *m)
{
    struct lease_message none;
    lease_out_push(g, 0, w->hash, m);
    ask_ourselves(g, w->hash, m, &none);
}

static void ask(struct gossip *g, struct lease_want *w, const struct lease_message *m)
{
    w->asked = *m;
    w->resend_us = g->now_us + part(w, RESEND_PARTS);
    ask_voters(g, w, m);
}

/* Who only wants to know who holds it. */
static void query(struct gossip *g, struct lease_want *w)
{
    struct lease_message m = {.kind = LEASE_QUERY, .ballot = {0, w->c.claim}};
    w->next_us = g->now_us + part(w, ATTEMPT_PARTS);
    memset(w->answered, 0, sizeof w->answered);
    ask_voters(g, w, &m);
}

static void try_now(struct gossip *g, struct lease_want *w)
{
    struct leases *l = &g->leases;
    struct lease_quorum quorum;
    struct lease_message m;
    bool held = lease_is_held(&w->c, g->now_us);
    w->next_us = g->now_us + part(w, ATTEMPT_PARTS);
    if (!voters_quorum(&l->voters, &quorum) || core_is_leaving(g) ||
        (!held && leases_are_disputed(g)))
        return;
    w->tried_us = g->now_us;
    w->inherits = false;
    memset(w->answered, 0, sizeof w->answered);
    lease_try(&w->c, g->now_us, &m);
    ask(g, w, &m);
}

/* time_us: for how long; 0: no longer. */
static void tell_waiting(struct gossip *g, const struct lease_want *w, int64_t time_us)
{
    lease_out_push(g, w->told, w->hash,
                   &(struct lease_message){.kind = LEASE_WAITING,
                                           .ballot = {w->c.round, w->c.claim},
                                           .grant.priority = w->c.priority,
                                           .time_us = time_us,
                                           .preempts = w->preempts});
}

/* We wait no longer: the holder shall not choose us, nor voters keep it for us. */
static void withdraw(struct gossip *g, struct lease_want *w)
{
    if (w->told != 0)
        tell_waiting(g, w, 0);
    w->told = 0;
    query(g, w);
}

/* Several tried at one time, and each got some voters: all let go of these, and one will be first.
 */
static void let_go(struct gossip *g, struct lease_want *w)
{
    struct lease_message m;
    lease_release(&w->c, false, &m);
    tell_voters(g, w, &m);
    w->next_us = g->now_us + random_part(g, w, AGAIN_PARTS);
}

/* Refused. Who holds it is told that we wait, and it is asked for when it may be over. */
static void wait_for(struct gossip *g, struct lease_want *w)
{
    w->next_us = g->now_us + random_part(g, w, AGAIN_PARTS);
    if (w->c.other.ballot.round == 0) {
        if (w->c.resumes)
            w->next_us = g->now_us;
        return;
    }
    w->told = w->c.other.owner;
    tell_waiting(g, w, w->c.length_us);
    w->next_us = core_min(w->c.other_until_us, g->now_us + part(w, ATTEMPT_PARTS)) +
                 random_part(g, w, SPREAD_PARTS);
}

static void give_up(struct gossip *g, struct lease_want *w, bool proposed)
{
    w->c.phase = LEASE_IDLE;
    if (proposed && !lease_is_held(&w->c, g->now_us))
        let_go(g, w);
    else
        wait_for(g, w);
}

/* Takes in a voter's seats. True: it makes a majority of each list. */
static bool add_seats(const struct lease_want *w, uint32_t all[LEASE_LISTS_MAX],
                      const uint32_t seats[LEASE_LISTS_MAX])
{
    bool most = true;
    for (unsigned i = 0; i < w->c.quorum.lists; i++) {
        all[i] |= seats[i];
        most &= 2 * __builtin_popcount(all[i]) > w->c.quorum.voters[i];
    }
    return most;
}

/* What one voter holds may be of somebody who never got the others. */
static void note_holder(struct gossip *g, struct lease_want *w, const struct lease_message *m,
                        const uint32_t seats[LEASE_LISTS_MAX])
{
    const struct lease_grant *grant = &m->grant;
    bool older = w->holder.owner != 0 && grant->epoch < w->holder.epoch;
    if (grant->ballot.round == 0 || grant->ballot.claim == w->c.claim || older)
        return;
    if (grant->owner != w->reported.owner || grant->epoch != w->reported.epoch) {
        memset(w->reporters, 0, sizeof w->reporters);
        w->reported = *grant;
    }
    if (!add_seats(w, w->reporters, seats))
        return;
    w->changed |= grant->owner != w->holder.owner || grant->epoch != w->holder.epoch;
    w->holder = *grant;
    w->holder_until_us = g->now_us + m->time_us;
}

static void note_held(struct gossip *g, struct lease_want *w)
{
    w->next_us = w->tried_us + part(w, LEASES_RENEW_PARTS);
    w->resumed = w->held ? w->resumed : w->c.resumes;
    w->c.resumes = false;
    w->held = w->changed = true;
    w->holder = (struct lease_grant){
        .ballot = w->c.ballot, .owner = g->key, .epoch = w->c.epoch, .priority = w->c.priority};
    w->holder_until_us = w->c.until_us;
}

static void hear_answer(struct gossip *g, struct lease_want *w, const char *voter,
                        const struct lease_message *m)
{
    uint32_t seats[LEASE_LISTS_MAX];
    struct lease_message next;
    if (m->ballot.claim != w->c.claim || !voters_seats(&g->leases.voters, voter, seats))
        return;
    if (add_seats(w, w->answered, seats))
        w->reached_us = g->now_us;
    note_holder(g, w, m, seats);
    bool proposed = w->c.phase == LEASE_PROPOSING;
    switch (lease_hear(&w->c, g->now_us, seats, m, &next)) {
    case LEASE_WAIT:
        return;
    case LEASE_ASK:
        ask(g, w, &next);
        return;
    case LEASE_HELD:
        note_held(g, w);
        return;
    case LEASE_LOST:
        give_up(g, w, proposed);
        return;
    }
}

/* ---- heirs ---- */

/* It shall go to that heir, which waits for it: the caller is told, and releases it. */
static void ask_to_move(const struct gossip *g, struct lease_want *w, uint64_t heir)
{
    bool waits = heirs_choose(&w->heirs, g->now_us, heir);
    if (!w->held || !waits || w->move_to != 0)
        return;
    w->move_to = heir;
    w->changed = true;
}

static void hear_waiting(const struct gossip *g, struct lease_want *w, uint64_t key,
                         const struct lease_message *m)
{
    struct heir heir = {key, m->ballot.claim, m->grant.priority, g->now_us + m->time_us};
    if (m->time_us == 0) {
        heirs_remove(&w->heirs, m->ballot.claim);
        return;
    }
    heirs_note(&w->heirs, g->now_us, &heir);
    if (m->preempts && heir.priority > w->c.priority)
        ask_to_move(g, w, key);
}

/* A member that is known to have failed would get it for nothing. */
static void drop_failed(const struct gossip *g, struct heirs *heirs)
{
    for (unsigned i = heirs->count; i > 0; i--) {
        uint32_t row = member_by_key(&g->members, heirs->all[i - 1].key);
        if (row == MEMBER_NONE || !member_is_live(&g->members.slots[row]))
            heirs_remove(heirs, heirs->all[i - 1].claim);
    }
}

static void hand_over(struct gossip *g, struct lease_want *w)
{
    lease_out_push(g, w->heir, w->hash,
                   &(struct lease_message){.kind = LEASE_HANDOVER, .ballot = w->released});
    w->handovers--;
    w->handover_us = g->now_us + part(w, RESEND_PARTS);
}

/* The holder has stopped and released it: so say we, in its name, and try. */
static void inherit(struct gossip *g, struct lease_want *w, const struct lease_ballot *released)
{
    bool again = released->round == w->inherited.round && released->claim == w->inherited.claim;
    if (w->held || w->watches || again)
        return;
    w->inherited = *released;
    struct lease_message m = {
        .kind = LEASE_RELEASE, .ballot = *released, .heir = g->key, .ended = true};
    tell_voters(g, w, &m);
    if (w->c.round < released->round)
        w->c.round = released->round;
    w->c.phase = LEASE_IDLE;
    try_now(g, w);
    w->inherits = true;
}

/* ---- what comes in ---- */

/* It has been released: to a successor, which must be given its time, or to any candidate. */
static void hear_release(struct gossip *g, const struct wire_lease *heard)
{
    struct lease_want *w = lease_want_find(&g->leases, heard->name);
    if (!w || w->held || w->watches || heard->message.heir == g->key)
        return;
    int64_t free_us = g->now_us + (heard->message.heir != 0 ? part(w, GRANTS_HEIR_PARTS) : 0);
    w->next_us = core_min(w->next_us, free_us + random_part(g, w, SPREAD_PARTS));
}

/* What a voter is asked. */
static void hear_question(struct gossip *g, const struct wire_message *m,
                          const struct wire_lease *asked)
{
    struct leases *l = &g->leases;
    uint32_t seats[LEASE_LISTS_MAX];
    struct lease_message answer;
    const char *self = core_member(g, g->self)->profile->name;
    if (!voters_seats(&l->voters, self, seats) || !voters_serve(&l->voters, m->voters)) {
        g->stats.leases_refused++;
        return;
    }
    if (grants_hear(&l->grants, g->now_us, asked, &answer))
        lease_out_push(g, m->sender, asked->name, &answer);
}

static void hear_one(struct gossip *g, const struct wire_message *m, const struct member *sender,
                     const struct wire_lease *heard)
{
    const struct lease_message *message = &heard->message;
    if (message->kind == LEASE_PREPARE || message->kind == LEASE_PROPOSE ||
        message->kind == LEASE_RELEASE || message->kind == LEASE_QUERY) {
        hear_question(g, m, heard);
        if (message->kind == LEASE_RELEASE)
            hear_release(g, heard);
        return;
    }
    struct lease_want *w = lease_want_find(&g->leases, heard->name);
    if (!w)
        return;
    if (message->kind == LEASE_WAITING)
        hear_waiting(g, w, m->sender, message);
    else if (message->kind == LEASE_HANDOVER)
        inherit(g, w, &message->ballot);
    else if (message->kind == LEASE_MOVE)
        ask_to_move(g, w, message->heir);
    else
        hear_answer(g, w, sender->profile->name, message);
}

void leases_hear(struct gossip *g, const struct wire_message *m, const struct gossip_route *from)
{
    (void)from;
    uint32_t row = member_by_key(&g->members, m->sender);
    if (row == MEMBER_NONE || row == g->self || !g->leases.started)
        return;
    struct wire_reader leases = m->leases;
    struct wire_lease heard;
    while (wire_next_lease(&leases, &heard))
        hear_one(g, m, core_member(g, row), &heard);
}

/* ---- time ---- */

/* An attempt is under way. */
static void go_on(struct gossip *g, struct lease_want *w)
{
    bool resend = g->now_us >= w->resend_us;
    if (resend && !w->held && lease_is_refused(&w->c))
        give_up(g, w, w->c.phase == LEASE_PROPOSING);
    else if (g->now_us >= w->tried_us + part(w, ATTEMPT_PARTS))
        try_now(g, w);
    else if (resend)
        ask(g, w, &w->asked);
}

static void tick_one(struct gossip *g, struct lease_want *w)
{
    int64_t soon_us = g->now_us + part(w, TOGETHER_PARTS);
    if (w->held && !lease_is_held(&w->c, g->now_us)) {
        w->held = false;
        w->move_to = 0;
    }
    if (w->holder.owner != 0 && g->now_us >= w->holder_until_us) {
        w->holder.owner = 0;
        w->changed = true;
    }
    if (w->handovers > 0 && g->now_us >= w->handover_us)
        hand_over(g, w);
    if (w->over)
        return;
    if (g->now_us >= w->keep_us) {
        w->c.phase = LEASE_IDLE;
        w->next_us = w->held ? w->c.until_us : INT64_MAX;
        return;
    }
    if (w->c.phase != LEASE_IDLE)
        go_on(g, w);
    else if (soon_us >= w->next_us && w->watches)
        query(g, w);
    else if (soon_us >= w->next_us)
        try_now(g, w);
}

static int64_t deadline_of(const struct lease_want *w)
{
    int64_t at_us = w->handovers > 0 ? w->handover_us : INT64_MAX;
    if (w->holder.owner != 0)
        at_us = core_min(at_us, w->holder_until_us);
    if (w->over)
        return at_us;
    int64_t ask_us = core_min(w->resend_us, w->tried_us + part(w, ATTEMPT_PARTS));
    return core_min(at_us, w->c.phase != LEASE_IDLE ? ask_us : w->next_us);
}

static bool is_any_due(const struct gossip *g)
{
    for (uint32_t i = 0; i < g->leases.count; i++)
        if (g->now_us >= deadline_of(&g->leases.wants[i]))
            return true;
    return false;
}

void leases_tick(struct gossip *g)
{
    struct leases *l = &g->leases;
    if (!l->started)
        return;
    leases_note_voters(g);
    if (!is_any_due(g))
        return;
    for (uint32_t i = l->count; i > 0; i--) {
        struct lease_want *w = &l->wants[i - 1];
        tick_one(g, w);
        if (w->over && w->handovers == 0)
            *w = l->wants[--l->count];
    }
}

int64_t leases_deadline(const struct gossip *g)
{
    const struct leases *l = &g->leases;
    int64_t at_us = voters_deadline(&l->voters);
    for (uint32_t i = 0; i < l->count; i++)
        at_us = core_min(at_us, deadline_of(&l->wants[i]));
    return at_us;
}

/* ---- what the caller wants ---- */

static struct lease_want *add(struct gossip *g, const char *name)
{
    struct leases *l = &g->leases;
    if (!ARRAY_RESERVE(l->wants, l->capacity, l->count + 1))
        return NULL;
    struct lease_want *w = &l->wants[l->count++];
    *w = (struct lease_want){.hash = lease_want_hash(name),
                             .next_us = g->now_us,
                             .keep_us = INT64_MAX,
                             .reached_us = g->now_us};
    memcpy(w->name, name, strlen(name));
    return w;
}

enum gossip_error leases_want(struct gossip *g, int64_t now_us,
                              const struct leases_options *options)
{
    size_t bytes = strlen(options->name);
    bool fits =
        options->length_ms >= LEASE_LENGTH_MS_MIN && options->length_ms <= LEASE_LENGTH_MS_MAX;
    if (bytes == 0 || bytes > LEASES_NAME_BYTES_MAX || !fits)
        return GOSSIP_ERROR_NAME;
    struct lease_want *w = lease_want_find(&g->leases, lease_want_hash(options->name));
    if (!w && g->leases.count == LEASES_MAX)
        return GOSSIP_ERROR_FULL;
    core_begin(g, now_us);
    if (!w) {
        struct lease_quorum quorum = {1, {1}};
        w = add(g, options->name);
        if (!w) {
            lease_out_flush(g);
            return GOSSIP_ERROR_MEMORY;
        }
        voters_quorum(&g->leases.voters, &quorum);
        lease_candidate_init(&w->c, &quorum, g->key, rng_next(&g->rng),
                             core_ms(options->length_ms));
    }
    w->c.length_us = core_ms(options->length_ms);
    w->c.priority = options->priority;
    w->c.host = options->host;
    w->c.life = g->first_generation;
    w->preempts = options->preempts;
    bool withdraws = options->watches && !w->watches;
    w->watches = options->watches;
    if (withdraws) {
        w->c.phase = LEASE_IDLE;
        withdraw(g, w);
    }
    if (!w->held)
        w->keep_us = INT64_MAX;
    w->next_us = core_min(w->next_us, now_us);
    lease_out_flush(g);
    return GOSSIP_OK;
}

enum gossip_error leases_release(struct gossip *g, int64_t now_us, const char *name,
                                 const char *heir, bool stays)
{
    struct lease_want *w = lease_want_find(&g->leases, lease_want_hash(name));
    bool none = heir && *heir == '\0', named = heir && !none;
    uint32_t row = named ? member_by_name(&g->members, heir) : MEMBER_NONE;
    if (!w || (named && row == MEMBER_NONE))
        return GOSSIP_ERROR_UNKNOWN;
    drop_failed(g, &w->heirs);
    const struct heir *chosen =
        none ? NULL : heirs_choose(&w->heirs, now_us, named ? core_member(g, row)->key : 0);
    if (named && !chosen)
        return GOSSIP_ERROR_UNKNOWN;
    core_begin(g, now_us);
    struct lease_message m;
    bool held = lease_is_held(&w->c, now_us);
    lease_release(&w->c, held, &m);
    if (!held && !stays)
        withdraw(g, w);
    m.heir = held && chosen ? chosen->key : 0;
    tell_voters(g, w, &m);
    w->held = w->changed = false;
    w->move_to = w->holder.owner = 0;
    w->over = !stays;
    w->next_us = now_us + w->c.length_us / ATTEMPT_PARTS;
    if (m.heir != 0) {
        w->heir = m.heir;
        w->released = m.ballot;
        w->handovers = HANDOVERS;
        hand_over(g, w);
    }
    for (unsigned i = 0; i < w->heirs.count; i++)
        lease_out_push(g, w->heirs.all[i].key, w->hash, &m);
    w->heirs.count = 0;
    if (w->over && w->handovers == 0)
        *w = g->leases.wants[--g->leases.count];
    lease_out_flush(g);
    return GOSSIP_OK;
}

void leases_keep(struct gossip *g, int64_t now_us, const char *name, int64_t until_us)
{
    struct lease_want *w = lease_want_find(&g->leases, lease_want_hash(name));
    if (!w)
        return;
    core_begin(g, now_us);
    bool again = g->now_us >= w->keep_us;
    w->keep_us = until_us;
    w->next_us = again ? core_min(w->next_us, now_us) : w->next_us;
    lease_out_flush(g);
}

enum gossip_error leases_move(struct gossip *g, int64_t now_us, const char *name, const char *heir)
{
    struct lease_want *w = lease_want_find(&g->leases, lease_want_hash(name));
    uint32_t row = member_by_name(&g->members, heir);
    if (!w || row == MEMBER_NONE || w->holder.owner == 0)
        return GOSSIP_ERROR_UNKNOWN;
    core_begin(g, now_us);
    uint64_t key = core_member(g, row)->key;
    struct lease_message m = {.kind = LEASE_MOVE, .ballot = w->holder.ballot, .heir = key};
    if (w->held)
        ask_to_move(g, w, key);
    else
        lease_out_push(g, w->holder.owner, w->hash, &m);
    lease_out_flush(g);
    return GOSSIP_OK;
}
