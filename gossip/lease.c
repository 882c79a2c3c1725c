#include "gossip/lease.h"

#include <assert.h>
#include <stddef.h>

static int compare(const struct lease_ballot *a, const struct lease_ballot *b)
{
    if (a->round != b->round)
        return a->round < b->round ? -1 : 1;
    if (a->claim != b->claim)
        return a->claim < b->claim ? -1 : 1;
    return 0;
}

/* ---- the voter ---- */

const struct lease_grant *lease_voter_grant(const struct lease_voter *v, int64_t now_us)
{
    return v->grant.ballot.round != 0 && now_us < v->until_us ? &v->grant : NULL;
}

static void promise(struct lease_voter *v, int64_t now_us, struct lease_message *answer)
{
    const struct lease_grant *grant = lease_voter_grant(v, now_us);
    v->promised = answer->ballot;
    answer->kind = LEASE_PROMISE;
    if (grant) {
        answer->grant = *grant;
        answer->time_us = v->until_us - now_us;
    }
    answer->grant.epoch = v->epoch;
}

static bool may_accept(const struct lease_voter *v, int64_t now_us, const struct lease_message *m,
                       unsigned mistakes)
{
    const struct lease_grant *grant = lease_voter_grant(v, now_us);
    if (!grant || mistakes & LEASE_MISTAKE_OVERWRITE)
        return true;
    if (mistakes & LEASE_MISTAKE_OWN_REPORT)
        return grant->owner == m->grant.owner;
    return grant->ballot.claim == m->ballot.claim;
}

static void accept(struct lease_voter *v, int64_t now_us, const struct lease_message *m,
                   struct lease_message *answer)
{
    v->promised = m->ballot;
    v->grant = m->grant;
    v->grant.ballot = m->ballot;
    v->until_us = now_us + m->time_us;
    if (m->grant.epoch > v->epoch)
        v->epoch = m->grant.epoch;
    answer->kind = LEASE_ACCEPT;
}

/* A release that comes late must not end what its sender has won since; and a proposal that comes
 * after it must not bring back what it has ended. */
static void release(struct lease_voter *v, const struct lease_message *m, unsigned mistakes)
{
    const struct lease_ballot *held = &v->grant.ballot, over = {m->ballot.round + 1, 0};
    bool earlier = held->claim == m->ballot.claim && held->round <= m->ballot.round;
    if (earlier || (mistakes & LEASE_MISTAKE_RELEASE && v->grant.owner == m->grant.owner))
        v->until_us = INT64_MIN;
    if (compare(&v->promised, &over) < 0)
        v->promised = over;
}

bool lease_voter_hear(struct lease_voter *v, int64_t now_us, const struct lease_message *m,
                      unsigned mistakes, struct lease_message *answer)
{
    *answer = (struct lease_message){.kind = LEASE_REFUSE, .ballot = m->ballot};
    bool promised = compare(&m->ballot, &v->promised) >= 0;
    if (m->kind == LEASE_RELEASE) {
        release(v, m, mistakes);
        return false;
    }
    if (promised && m->kind == LEASE_PREPARE)
        promise(v, now_us, answer);
    else if (promised && may_accept(v, now_us, m, mistakes))
        accept(v, now_us, m, answer);
    else
        answer->round = v->promised.round;
    return true;
}

/* A holder's time on the slowest clock must not outlast a voter's on the fastest, by which ours in
 * turn is no shorter. */
static int64_t hold_us(int64_t length_us)
{
    return length_us / (LEASE_CLOCK_PARTS + 1) * (LEASE_CLOCK_PARTS - 1);
}

int64_t lease_quarantine_us(int64_t length_us)
{
    return length_us;
}

/* ---- the candidate ---- */

void lease_candidate_init(struct lease_candidate *c, unsigned voters, uint64_t owner,
                          uint64_t claim, int64_t length_us)
{
    assert(voters > 0 && voters <= LEASE_VOTERS_MAX);
    *c = (struct lease_candidate){
        .voters = voters,
        .owner = owner,
        .claim = claim,
        .length_us = length_us,
        .until_us = INT64_MIN,
    };
}

bool lease_is_held(const struct lease_candidate *c, int64_t now_us)
{
    return now_us < c->until_us;
}

static void begin(struct lease_candidate *c, enum lease_phase phase)
{
    c->phase = phase;
    c->yes = c->no = 0;
    c->messages = 0;
}

void lease_try(struct lease_candidate *c, int64_t now_us, struct lease_message *message)
{
    begin(c, LEASE_PREPARING);
    c->ballot = (struct lease_ballot){++c->round, c->claim};
    c->ends_us = now_us + hold_us(c->length_us);
    c->other = 0;
    *message = (struct lease_message){.kind = LEASE_PREPARE, .ballot = c->ballot};
}

static void propose(struct lease_candidate *c, int64_t now_us, struct lease_message *message)
{
    begin(c, LEASE_PROPOSING);
    if (c->mistakes & LEASE_MISTAKE_LATE_DEADLINE)
        c->ends_us = now_us + hold_us(c->length_us);
    if (!lease_is_held(c, now_us))
        c->epoch++;
    *message = (struct lease_message){.kind = LEASE_PROPOSE,
                                      .ballot = c->ballot,
                                      .grant = {c->ballot, c->owner, c->epoch},
                                      .time_us = c->length_us};
}

/* Does nobody else hold it, by what a voter says? */
static bool is_open(const struct lease_candidate *c, const struct lease_grant *grant)
{
    if (c->mistakes & LEASE_MISTAKE_OWN_REPORT && grant->owner == c->owner)
        return true;
    return grant->ballot.round == 0 || grant->ballot.claim == c->claim;
}

static bool says_yes(struct lease_candidate *c, int64_t now_us, const struct lease_message *m)
{
    if (m->round > c->round)
        c->round = m->round;
    if (m->kind == LEASE_ACCEPT)
        return c->phase == LEASE_PROPOSING;
    if (m->kind != LEASE_PROMISE)
        return false;
    if (m->grant.epoch > c->epoch)
        c->epoch = m->grant.epoch;
    if (is_open(c, &m->grant))
        return true;
    c->other = m->grant.owner;
    c->other_until_us = now_us + m->time_us;
    return false;
}

static enum lease_step win(struct lease_candidate *c, int64_t now_us)
{
    c->phase = LEASE_IDLE;
    if (now_us >= c->ends_us)
        return LEASE_LOST;
    c->until_us = c->ends_us;
    return LEASE_HELD;
}

enum lease_step lease_hear(struct lease_candidate *c, int64_t now_us, unsigned voter,
                           const struct lease_message *m, struct lease_message *message)
{
    bool late = m->kind == LEASE_PROMISE && c->phase != LEASE_PREPARING;
    if (c->phase == LEASE_IDLE || late || compare(&m->ballot, &c->ballot) != 0)
        return LEASE_WAIT;
    if (says_yes(c, now_us, m)) {
        c->yes |= UINT32_C(1) << voter;
        c->messages++;
    } else {
        c->no |= UINT32_C(1) << voter;
    }
    unsigned yes = (unsigned)__builtin_popcount(c->yes), no = (unsigned)__builtin_popcount(c->no);
    if (c->mistakes & LEASE_MISTAKE_MESSAGES)
        yes = c->messages;
    if (2 * no >= c->voters) {
        c->phase = LEASE_IDLE;
        return LEASE_LOST;
    }
    if (2 * yes <= c->voters)
        return LEASE_WAIT;
    if (c->phase == LEASE_PROPOSING)
        return win(c, now_us);
    propose(c, now_us, message);
    return LEASE_ASK;
}

void lease_release(struct lease_candidate *c, struct lease_message *message)
{
    c->phase = LEASE_IDLE;
    c->until_us = INT64_MIN;
    *message = (struct lease_message){
        .kind = LEASE_RELEASE, .ballot = c->ballot, .grant = {.owner = c->owner}};
}
