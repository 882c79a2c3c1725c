#include "gossip/lease/lease.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

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

/* Is it open to this claim? */
static bool is_open(const struct lease_voter *v, int64_t now_us, const struct lease_message *m,
                    unsigned mistakes)
{
    const struct lease_grant *grant = lease_voter_grant(v, now_us);
    if (!grant)
        return true;
    if (mistakes & LEASE_MISTAKE_OVERWRITE && m->kind == LEASE_PROPOSE)
        return true;
    if (mistakes & LEASE_MISTAKE_OWN_REPORT)
        return grant->owner == m->grant.owner;
    return grant->ballot.claim == m->ballot.claim;
}

static void promise(struct lease_voter *v, struct lease_message *answer)
{
    v->promised = answer->ballot;
    answer->kind = LEASE_PROMISE;
    answer->grant.epoch = v->epoch;
}

/* What a holder renews for a shorter time it may still hold for the longer one, if it never hears
 * of this. */
static int64_t accepted_until_us(const struct lease_voter *v, int64_t now_us,
                                 const struct lease_message *m, unsigned mistakes)
{
    const struct lease_grant *grant = lease_voter_grant(v, now_us);
    int64_t until_us = now_us + m->time_us;
    bool renews = grant && grant->ballot.claim == m->ballot.claim;
    return renews && until_us < v->until_us && !(mistakes & LEASE_MISTAKE_SHORTEN) ? v->until_us
                                                                                   : until_us;
}

static void accept(struct lease_voter *v, int64_t now_us, const struct lease_message *m,
                   unsigned mistakes, struct lease_message *answer)
{
    v->until_us = accepted_until_us(v, now_us, m, mistakes);
    v->promised = m->ballot;
    v->grant = m->grant;
    v->grant.ballot = m->ballot;
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

void lease_voter_tell(const struct lease_voter *v, int64_t now_us, const struct lease_message *m,
                      struct lease_message *answer)
{
    const struct lease_grant *grant = lease_voter_grant(v, now_us);
    *answer = (struct lease_message){.kind = LEASE_REFUSE, .ballot = m->ballot};
    answer->round = v->promised.round;
    if (!grant)
        return;
    answer->grant = *grant;
    answer->time_us = v->until_us - now_us;
}

bool lease_voter_hear(struct lease_voter *v, int64_t now_us, const struct lease_message *m,
                      unsigned mistakes, struct lease_message *answer)
{
    if (m->kind == LEASE_RELEASE) {
        release(v, m, mistakes);
        return false;
    }
    lease_voter_tell(v, now_us, m, answer);
    if (compare(&m->ballot, &v->promised) < 0 || !is_open(v, now_us, m, mistakes))
        return true;
    *answer = (struct lease_message){.ballot = m->ballot};
    if (m->kind == LEASE_PREPARE)
        promise(v, answer);
    else
        accept(v, now_us, m, mistakes, answer);
    return true;
}

int64_t lease_hold_us(int64_t length_us)
{
    return length_us / (LEASE_CLOCK_PARTS + 1) * (LEASE_CLOCK_PARTS - 1);
}

int64_t lease_quarantine_us(int64_t length_us)
{
    return length_us;
}

/* ---- the candidate ---- */

static void check(const struct lease_quorum *quorum)
{
    assert(quorum->lists > 0 && quorum->lists <= LEASE_LISTS_MAX);
    for (unsigned i = 0; i < quorum->lists; i++)
        assert(quorum->voters[i] > 0 && quorum->voters[i] <= LEASE_VOTERS_MAX);
}

void lease_candidate_init(struct lease_candidate *c, const struct lease_quorum *quorum,
                          uint64_t owner, uint64_t claim, int64_t length_us)
{
    check(quorum);
    *c = (struct lease_candidate){
        .quorum = *quorum,
        .owner = owner,
        .claim = claim,
        .length_us = length_us,
        .until_us = INT64_MIN,
    };
}

void lease_set_quorum(struct lease_candidate *c, const struct lease_quorum *quorum)
{
    check(quorum);
    c->quorum = *quorum;
    c->phase = LEASE_IDLE;
}

bool lease_is_held(const struct lease_candidate *c, int64_t now_us)
{
    return now_us < c->until_us;
}

static void begin(struct lease_candidate *c, enum lease_phase phase)
{
    c->phase = phase;
    memset(c->yes, 0, sizeof c->yes);
    memset(c->no, 0, sizeof c->no);
    c->messages = 0;
}

void lease_try(struct lease_candidate *c, int64_t now_us, struct lease_message *message)
{
    begin(c, LEASE_PREPARING);
    c->ballot = (struct lease_ballot){++c->round, c->claim};
    c->asked_us = c->length_us;
    c->ends_us = now_us + lease_hold_us(c->asked_us);
    c->other = (struct lease_grant){0};
    *message = (struct lease_message){.kind = LEASE_PREPARE,
                                      .ballot = c->ballot,
                                      .grant = {.owner = c->owner, .priority = c->priority},
                                      .time_us = c->asked_us};
}

static void propose(struct lease_candidate *c, int64_t now_us, struct lease_message *message)
{
    begin(c, LEASE_PROPOSING);
    if (c->mistakes & LEASE_MISTAKE_LATE_DEADLINE)
        c->ends_us = now_us + lease_hold_us(c->asked_us);
    if (c->mistakes & LEASE_MISTAKE_SHORTEN)
        c->asked_us = c->length_us;
    if (!lease_is_held(c, now_us))
        c->epoch = ++c->epochs;
    *message = (struct lease_message){.kind = LEASE_PROPOSE,
                                      .ballot = c->ballot,
                                      .grant = {c->ballot, c->owner, c->epoch, c->priority},
                                      .time_us = c->asked_us};
}

static bool says_yes(struct lease_candidate *c, int64_t now_us, const struct lease_message *m)
{
    if (m->round > c->round)
        c->round = m->round;
    if (m->grant.epoch > c->epochs)
        c->epochs = m->grant.epoch;
    bool is_other = m->grant.ballot.round != 0 && m->grant.ballot.claim != c->claim;
    if (is_other && (c->other.ballot.round == 0 || now_us + m->time_us > c->other_until_us)) {
        c->other = m->grant;
        c->other_until_us = now_us + m->time_us;
    }
    return m->kind == (c->phase == LEASE_PREPARING ? LEASE_PROMISE : LEASE_ACCEPT);
}

static enum lease_step win(struct lease_candidate *c, int64_t now_us)
{
    c->phase = LEASE_IDLE;
    if (c->mistakes & LEASE_MISTAKE_LATEST)
        c->ends_us = now_us + lease_hold_us(c->asked_us);
    if (now_us >= c->ends_us)
        return LEASE_LOST;
    c->until_us = c->ends_us;
    return LEASE_HELD;
}

static unsigned bits(uint32_t set)
{
    return (unsigned)__builtin_popcount(set);
}

/* A majority of each list. */
static bool is_enough(const struct lease_candidate *c)
{
    if (c->mistakes & LEASE_MISTAKE_MESSAGES)
        return 2 * c->messages > c->quorum.voters[0];
    for (unsigned i = 0; i < c->quorum.lists; i++)
        if (2 * bits(c->yes[i]) <= c->quorum.voters[i])
            return false;
    return true;
}

bool lease_is_refused(const struct lease_candidate *c)
{
    uint32_t no = 0;
    for (unsigned i = 0; i < c->quorum.lists; i++)
        no |= c->no[i];
    return no != 0;
}

static bool is_hopeless(const struct lease_candidate *c)
{
    for (unsigned i = 0; i < c->quorum.lists; i++)
        if (2 * bits(c->no[i]) >= c->quorum.voters[i])
            return true;
    return false;
}

enum lease_step lease_hear(struct lease_candidate *c, int64_t now_us,
                           const uint32_t seats[LEASE_LISTS_MAX], const struct lease_message *m,
                           struct lease_message *message)
{
    bool late = m->kind == LEASE_PROMISE && c->phase != LEASE_PREPARING;
    if (c->phase == LEASE_IDLE || late || compare(&m->ballot, &c->ballot) != 0)
        return LEASE_WAIT;
    bool yes = says_yes(c, now_us, m);
    for (unsigned i = 0; i < c->quorum.lists; i++) {
        c->yes[i] |= yes ? seats[i] : 0;
        c->no[i] = (c->no[i] | seats[i]) & ~c->yes[i];
    }
    c->messages += yes;
    if (is_hopeless(c)) {
        c->phase = LEASE_IDLE;
        return LEASE_LOST;
    }
    if (!is_enough(c))
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
