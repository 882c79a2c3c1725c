#include "gossip/lease/claim.h"

#include "gossip/core.h"

#include <string.h>

enum {
    ATTEMPT_PARTS = 2,   /* ... an attempt may take */
    RESEND_PARTS = 20,   /* ... until the question is repeated */
    TOGETHER_PARTS = 20, /* what is due so soon is done along with what is due now */
    AGAIN_PARTS = 12,    /* until the next attempt, after one that was refused for no holder */
    SPREAD_PARTS = 100,  /* over which those that wait spread their attempts */
    HANDOVERS = 4,       /* times that a successor is told, RESEND_PARTS apart */
    LEARNS = 4,          /* times that voters are asked for a new holder, RESEND_PARTS apart */
};

static int64_t claim_part(const struct claim *c, int64_t parts)
{
    return c->candidate.length_us / parts;
}

static int64_t claim_random_part(struct gossip *g, const struct claim *c, int64_t parts)
{
    return rng_below(&g->rng, (uint32_t)claim_part(c, parts) + 1);
}

/* ---- asking ---- */

/* This member as a voter, if it is one. True: *answer is its answer. */
static bool claim_ask_self(struct gossip *g, uint64_t name, const struct lease_message *m,
                           struct lease_message *answer)
{
    struct leases *l = &g->leases;
    uint32_t bits[LEASE_CONFIGURATIONS_MAX];
    bool is_voter = voters_bits(&l->voters, core_member(g, g->self)->profile->name, bits) &&
                    voters_serve(&l->voters, voters_range(&l->voters));
    struct wire_lease asked = {name, *m};
    return is_voter && grants_receive(&l->grants, g->now_us, &asked, answer);
}

/* No majority has answered for so long that datagrams may be lost: streams are tried beside them.
 */
static bool claim_is_unanswered(const struct gossip *g, const struct claim *c)
{
    return g->now_us - c->reached_us >= claim_part(c, ATTEMPT_PARTS);
}

/* Asks every voter; this member answers at once if it is one. */
static void claim_ask_voters(struct gossip *g, struct claim *c, const struct lease_message *m)
{
    struct lease_message answer;
    g->leases.asked_us = g->now_us;
    lease_outbox_push(g, 0, c->hash, m, claim_is_unanswered(g, c));
    if (claim_ask_self(g, c->hash, m, &answer))
        claim_receive_answer(g, c, core_member(g, g->self)->profile->name, &answer,
                             GOSSIP_DATAGRAM);
}

/* Sends what needs no answer to every voter. */
static void claim_tell_voters(struct gossip *g, const struct claim *c,
                              const struct lease_message *m)
{
    struct lease_message none;
    lease_outbox_push(g, 0, c->hash, m, claim_is_unanswered(g, c));
    claim_ask_self(g, c->hash, m, &none);
}

static void claim_ask(struct gossip *g, struct claim *c, const struct lease_message *m)
{
    c->asked = *m;
    c->resend_us = g->now_us + claim_part(c, RESEND_PARTS);
    claim_ask_voters(g, c, m);
}

static void claim_query(struct gossip *g, struct claim *c)
{
    struct lease_message m = {.kind = LEASE_QUERY, .ballot = {0, c->candidate.claim}};
    c->next_us = g->now_us + claim_part(c, ATTEMPT_PARTS);
    memset(c->answered, 0, sizeof c->answered);
    claim_ask_voters(g, c, &m);
}

/* Asks who holds it now, for no claim: that of a candidate goes on waiting at the voters. */
static void claim_learn(struct gossip *g, struct claim *c)
{
    struct lease_message m = {.kind = LEASE_QUERY};
    c->learns--;
    c->learn_us = g->now_us + claim_part(c, RESEND_PARTS);
    claim_ask_voters(g, c, &m);
}

/* There will be a holder of that epoch, or there is. */
static void claim_learn_from(struct claim *c, uint64_t epoch, int64_t from_us)
{
    if (epoch <= c->learn_epoch)
        return;
    c->learn_epoch = epoch;
    c->learns = LEARNS;
    c->learn_us = from_us;
}

static void claim_try(struct gossip *g, struct claim *c)
{
    struct leases *l = &g->leases;
    struct lease_quorum quorum;
    struct lease_message m;
    bool held = lease_is_held(&c->candidate, g->now_us);
    c->next_us = g->now_us + claim_part(c, ATTEMPT_PARTS);
    c->candidate.phase = LEASE_IDLE;
    if (!voters_quorum(&l->voters, &quorum) || core_is_leaving(g) ||
        (!held && strangers_dispute(g)))
        return;
    c->tried_us = g->now_us;
    c->takes_over = false;
    memset(c->answered, 0, sizeof c->answered);
    lease_try(&c->candidate, g->now_us, &m);
    claim_ask(g, c, &m);
}

/* ---- waiting ---- */

/* Tells the holder that we wait, for that long; 0: no longer. */
static void claim_tell_waiting(struct gossip *g, const struct claim *c, int64_t time_us)
{
    const struct lease_candidate *candidate = &c->candidate;
    lease_outbox_push(g, c->told, c->hash,
                      &(struct lease_message){.kind = LEASE_WAITING,
                                              .ballot = {candidate->round, candidate->claim},
                                              .grant.priority = candidate->priority,
                                              .time_us = time_us,
                                              .preempts = c->preempts},
                      claim_is_unanswered(g, c));
}

/* No candidate any more: the holder shall not choose us, nor voters keep it for us. */
static void claim_withdraw(struct gossip *g, struct claim *c)
{
    if (c->told != 0)
        claim_tell_waiting(g, c, 0);
    c->told = 0;
    claim_query(g, c);
}

/* Several tried at one time, and each got some voters: all release these, and one will be first. */
static void claim_back_off(struct gossip *g, struct claim *c)
{
    struct lease_message m;
    lease_release(&c->candidate, false, &m);
    claim_tell_voters(g, c, &m);
    c->next_us = g->now_us + claim_random_part(g, c, AGAIN_PARTS);
}

/* After a refusal: tells the holder that we wait, and asks again when it may be free. */
static void claim_wait(struct gossip *g, struct claim *c)
{
    const struct lease_candidate *candidate = &c->candidate;
    c->next_us = g->now_us + claim_random_part(g, c, AGAIN_PARTS);
    if (candidate->other.ballot.round == 0) {
        if (candidate->resumes)
            c->next_us = g->now_us;
        return;
    }
    c->told = candidate->other.owner;
    claim_tell_waiting(g, c, candidate->length_us);
    c->next_us = core_min(candidate->other_until_us, g->now_us + claim_part(c, ATTEMPT_PARTS)) +
                 claim_random_part(g, c, SPREAD_PARTS);
}

static void claim_lose(struct gossip *g, struct claim *c, bool proposed)
{
    c->candidate.phase = LEASE_IDLE;
    if (proposed && !lease_is_held(&c->candidate, g->now_us))
        claim_back_off(g, c);
    else
        claim_wait(g, c);
}

/* ---- answers ---- */

/* Adds a voter to a bitmask. True: it holds a majority of each configuration. */
static bool claim_add_voter(const struct claim *c, uint32_t all[LEASE_CONFIGURATIONS_MAX],
                            const uint32_t bits[LEASE_CONFIGURATIONS_MAX])
{
    const struct lease_quorum *quorum = &c->candidate.quorum;
    bool most = true;
    for (unsigned i = 0; i < quorum->configurations; i++) {
        all[i] |= bits[i];
        most &= 2 * __builtin_popcount(all[i]) > quorum->voters[i];
    }
    return most;
}

/* A holder counts once a majority reports it: what one voter holds may be of a candidate that never
 * got the others. */
static void claim_note_holder(struct gossip *g, struct claim *c, const struct lease_message *m,
                              const uint32_t bits[LEASE_CONFIGURATIONS_MAX])
{
    const struct lease_grant *grant = &m->grant;
    bool older = c->holder.owner != 0 && grant->epoch < c->holder.epoch;
    if (grant->ballot.round == 0 || grant->ballot.claim == c->candidate.claim || older)
        return;
    if (grant->owner != c->reported.owner || grant->epoch != c->reported.epoch) {
        memset(c->reporters, 0, sizeof c->reporters);
        c->reported = *grant;
    }
    if (!claim_add_voter(c, c->reporters, bits))
        return;
    c->changed |= grant->owner != c->holder.owner || grant->epoch != c->holder.epoch;
    c->holder = *grant;
    c->holder_until_us = g->now_us + m->time_us;
    if (grant->epoch >= c->learn_epoch)
        c->learns = 0;
}

static void claim_note_held(struct gossip *g, struct claim *c)
{
    struct lease_candidate *candidate = &c->candidate;
    c->next_us = c->tried_us + claim_part(c, LEASES_RENEW_PARTS);
    c->resumed = c->held ? c->resumed : candidate->resumes;
    candidate->resumes = false;
    c->held = c->changed = true;
    c->learns = 0;
    c->holder = (struct lease_grant){.ballot = candidate->ballot,
                                     .owner = g->key,
                                     .epoch = candidate->epoch,
                                     .priority = candidate->priority};
    c->holder_until_us = candidate->until_us;
}

/* A voter's first answer to a question tells by which way it answers. */
static void claim_note_way(struct gossip *g, struct claim *c, const char *voter,
                           const uint32_t bits[LEASE_CONFIGURATIONS_MAX], enum gossip_via via)
{
    bool answered = false;
    for (unsigned i = 0; i < LEASE_CONFIGURATIONS_MAX; i++)
        answered |= (c->answered[i] & bits[i]) != 0;
    if (via == GOSSIP_DATAGRAM || !answered)
        core_member(g, member_by_name(&g->members, voter))->by_stream = via == GOSSIP_STREAM;
}

void claim_receive_answer(struct gossip *g, struct claim *c, const char *voter,
                          const struct lease_message *m, enum gossip_via via)
{
    struct lease_candidate *candidate = &c->candidate;
    uint32_t bits[LEASE_CONFIGURATIONS_MAX];
    struct lease_message next;
    bool ours = m->ballot.claim == candidate->claim, learnt = m->ballot.claim == 0;
    if ((!ours && !learnt) || !voters_bits(&g->leases.voters, voter, bits))
        return;
    leases_note_heard(g, bits);
    claim_note_way(g, c, voter, bits, via);
    if (learnt) {
        claim_note_holder(g, c, m, bits);
        return;
    }
    if (claim_add_voter(c, c->answered, bits))
        c->reached_us = g->now_us;
    claim_note_holder(g, c, m, bits);
    bool proposed = candidate->phase == LEASE_PROPOSING;
    switch (lease_receive(candidate, g->now_us, bits, m, &next)) {
    case LEASE_WAIT:
        return;
    case LEASE_ASK:
        claim_ask(g, c, &next);
        return;
    case LEASE_HELD:
        claim_note_held(g, c);
        return;
    case LEASE_LOST:
        claim_lose(g, c, proposed);
        return;
    }
}

void claim_receive_granted(const struct gossip *g, struct claim *c, const struct lease_grant *grant)
{
    bool known = grant->owner == c->holder.owner && grant->epoch == c->holder.epoch;
    if (!known)
        claim_learn_from(c, grant->epoch, g->now_us);
}

/* ---- successors ---- */

/* A member that has failed would keep others from it for a while, for nothing. */
static void claim_forget_failed(const struct gossip *g, struct claim *c)
{
    struct successors *waiting = &c->waiting;
    for (unsigned i = waiting->count; i > 0; i--) {
        const struct successor *s = &waiting->all[i - 1];
        uint32_t slot = member_by_key(&g->members, s->key);
        if (slot == MEMBER_NONE || !member_is_live(&g->members.slots[slot]))
            successors_remove(waiting, s->claim);
    }
}

const struct successor *claim_choose_successor(const struct gossip *g, struct claim *c,
                                               uint64_t key)
{
    claim_forget_failed(g, c);
    return successors_choose(&c->waiting, g->now_us, key);
}

void claim_ask_to_move(const struct gossip *g, struct claim *c, uint64_t to)
{
    bool waits = successors_choose(&c->waiting, g->now_us, to);
    if (!c->held || !waits || c->move_to != 0)
        return;
    c->move_to = to;
    c->changed = true;
}

void claim_receive_waiting(const struct gossip *g, struct claim *c, uint64_t key,
                           const struct lease_message *m)
{
    if (m->time_us == 0) {
        successors_remove(&c->waiting, m->ballot.claim);
        return;
    }
    successors_note(&c->waiting, g->now_us,
                    &(struct successor){.key = key,
                                        .claim = m->ballot.claim,
                                        .priority = m->grant.priority,
                                        .until_us = g->now_us + m->time_us});
    if (m->preempts && m->grant.priority > c->candidate.priority)
        claim_ask_to_move(g, c, key);
}

static void claim_hand_over(struct gossip *g, struct claim *c)
{
    lease_outbox_push(g, c->successor, c->hash,
                      &(struct lease_message){.kind = LEASE_HANDOVER, .ballot = c->released},
                      c->handovers < HANDOVERS);
    c->handovers--;
    c->handover_us = g->now_us + claim_part(c, RESEND_PARTS);
}

/* The successor repeats the release in the holder's name, in one packet with its own attempt: so
 * voters that the holder's release has not reached do not refuse it. */
void claim_receive_handover(struct gossip *g, struct claim *c, const struct lease_ballot *released)
{
    struct lease_candidate *candidate = &c->candidate;
    bool again = released->round == c->taken_over.round && released->claim == c->taken_over.claim;
    if (c->held || c->observes || again)
        return;
    c->taken_over = *released;
    struct lease_message m = {
        .kind = LEASE_RELEASE, .ballot = *released, .successor = g->key, .ended = true};
    claim_tell_voters(g, c, &m);
    if (candidate->round < released->round)
        candidate->round = released->round;
    candidate->phase = LEASE_IDLE;
    claim_try(g, c);
    c->takes_over = true;
}

void claim_receive_release(struct gossip *g, struct claim *c, uint64_t successor)
{
    if (c->held || c->observes || successor == g->key)
        return;
    int64_t kept_us = successor != 0 ? claim_part(c, GRANTS_SUCCESSOR_PARTS) : 0;
    int64_t again_us = g->now_us + kept_us + claim_random_part(g, c, SPREAD_PARTS);
    c->next_us = core_min(c->next_us, again_us);
    if (successor != 0)
        claim_learn_from(c, c->holder.epoch + 1, g->now_us + claim_part(c, RESEND_PARTS));
}

/* ---- time ---- */

/* An attempt is under way. */
static void claim_go_on(struct gossip *g, struct claim *c)
{
    bool resend = g->now_us >= c->resend_us;
    if (resend && !c->held && lease_is_refused(&c->candidate))
        claim_lose(g, c, c->candidate.phase == LEASE_PROPOSING);
    else if (g->now_us >= c->tried_us + claim_part(c, ATTEMPT_PARTS))
        claim_try(g, c);
    else if (resend)
        claim_ask(g, c, &c->asked);
}

static void claim_note_ends(const struct gossip *g, struct claim *c)
{
    if (c->held && !lease_is_held(&c->candidate, g->now_us)) {
        c->held = false;
        c->move_to = 0;
    }
    if (c->holder.owner != 0 && g->now_us >= c->holder_until_us) {
        c->holder.owner = 0;
        c->changed = true;
    }
}

void claim_tick(struct gossip *g, struct claim *c)
{
    int64_t soon_us = g->now_us + claim_part(c, TOGETHER_PARTS);
    claim_note_ends(g, c);
    if (c->handovers > 0 && g->now_us >= c->handover_us)
        claim_hand_over(g, c);
    if (c->withdrawn)
        return;
    if (c->learns > 0 && g->now_us >= c->learn_us)
        claim_learn(g, c);
    if (g->now_us >= c->renew_until_us) {
        c->candidate.phase = LEASE_IDLE;
        c->next_us = c->held ? c->candidate.until_us : INT64_MAX;
        return;
    }
    if (c->candidate.phase != LEASE_IDLE)
        claim_go_on(g, c);
    else if (soon_us >= c->next_us && c->observes)
        claim_query(g, c);
    else if (soon_us >= c->next_us)
        claim_try(g, c);
}

int64_t claim_deadline(const struct claim *c)
{
    int64_t at_us = c->handovers > 0 ? c->handover_us : INT64_MAX;
    if (c->holder.owner != 0)
        at_us = core_min(at_us, c->holder_until_us);
    if (c->withdrawn)
        return at_us;
    if (c->learns > 0)
        at_us = core_min(at_us, c->learn_us);
    int64_t ask_us = core_min(c->resend_us, c->tried_us + claim_part(c, ATTEMPT_PARTS));
    return core_min(at_us, c->candidate.phase != LEASE_IDLE ? ask_us : c->next_us);
}

/* ---- what the caller wants ---- */

void claim_init(struct gossip *g, struct claim *c, const char *name, int64_t length_us)
{
    struct lease_quorum quorum = {1, {1}};
    *c = (struct claim){.hash = claim_hash(name),
                        .next_us = g->now_us,
                        .renew_until_us = INT64_MAX,
                        .reached_us = g->now_us};
    memcpy(c->name, name, strlen(name) + 1);
    voters_quorum(&g->leases.voters, &quorum);
    lease_candidate_init(&c->candidate, &quorum, g->key, rng_next(&g->rng), length_us);
}

void claim_set(struct gossip *g, struct claim *c, const struct leases_options *options)
{
    struct lease_candidate *candidate = &c->candidate;
    bool withdraws = options->observes && !c->observes;
    candidate->length_us = core_ms(options->length_ms);
    candidate->priority = options->priority;
    candidate->host = options->host;
    candidate->life = g->first_generation;
    c->preempts = options->preempts;
    c->observes = options->observes;
    if (withdraws) {
        candidate->phase = LEASE_IDLE;
        claim_withdraw(g, c);
    }
    if (!c->held)
        c->renew_until_us = INT64_MAX;
    c->next_us = core_min(c->next_us, g->now_us);
}

/* Members that wait learn of a release at once. */
static void claim_tell_successors(struct gossip *g, struct claim *c, const struct lease_message *m)
{
    for (unsigned i = 0; i < c->waiting.count; i++)
        lease_outbox_push(g, c->waiting.all[i].key, c->hash, m, false);
    c->waiting.count = 0;
}

void claim_release(struct gossip *g, struct claim *c, const struct successor *successor, bool stays)
{
    struct lease_message m;
    bool held = lease_is_held(&c->candidate, g->now_us);
    lease_release(&c->candidate, held, &m);
    if (!held && !stays)
        claim_withdraw(g, c);
    m.successor = held && successor ? successor->key : 0;
    claim_tell_voters(g, c, &m);
    c->held = c->changed = false;
    c->move_to = c->holder.owner = 0;
    c->withdrawn = !stays;
    c->next_us = g->now_us + claim_part(c, ATTEMPT_PARTS);
    if (m.successor != 0) {
        c->successor = m.successor;
        c->released = m.ballot;
        c->handovers = HANDOVERS;
        claim_hand_over(g, c);
        claim_learn_from(c, c->holder.epoch + 1, g->now_us + claim_part(c, RESEND_PARTS));
    }
    claim_tell_successors(g, c, &m);
}

void claim_renew_until(const struct gossip *g, struct claim *c, int64_t until_us)
{
    bool again = g->now_us >= c->renew_until_us;
    c->renew_until_us = until_us;
    c->next_us = again ? core_min(c->next_us, g->now_us) : c->next_us;
}
