#include "gossip/lease/lease.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

/* The tests put mistakes back that are known to break leases, to see that they are found
 * (tests/sim/lease_mistakes.h). */
#ifndef MISTAKE
#define MISTAKE(name) false
#endif

static int ballot_compare(const struct lease_ballot *a, const struct lease_ballot *b)
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

/* True: m is of a later life of the very host that it is held for. */
static bool grant_is_resumed_by(const struct lease_grant *held, const struct lease_message *m)
{
    const struct lease_grant *asks = &m->grant;
    bool same_host = asks->host == held->host || MISTAKE(RESUME_CLONE);
    bool later = asks->life > held->life || (MISTAKE(RESUME_ORDER) && asks->life != held->life);
    return asks->host != 0 && same_host && asks->owner == held->owner && later;
}

static bool grant_is_open_to(const struct lease_grant *held, const struct lease_message *m)
{
    if (MISTAKE(OVERWRITE) && m->kind == LEASE_PROPOSE)
        return true;
    if (MISTAKE(OWN_REPORT) && held->owner == m->grant.owner)
        return true;
    return held->ballot.claim == m->ballot.claim || grant_is_resumed_by(held, m);
}

static void voter_promise(struct lease_voter *v, struct lease_message *answer)
{
    v->promised = answer->ballot;
    answer->kind = LEASE_PROMISE;
    answer->grant.epoch = v->epoch;
}

static void voter_accept(struct lease_voter *v, int64_t now_us, const struct lease_message *m,
                         struct lease_message *answer)
{
    const struct lease_grant *held = lease_voter_grant(v, now_us);
    int64_t until_us = now_us + m->time_us;
    if (held && held->ballot.claim != m->ballot.claim && !MISTAKE(RESUME_RELEASE))
        v->earlier_until_us = v->until_us;
    /* A holder that renews for a shorter time may still hold it for the longer one, if it never
     * hears of this; and so may an earlier life. */
    bool shortens = held && until_us < v->until_us && !MISTAKE(SHORTEN);
    v->until_us = shortens ? v->until_us : until_us;
    v->promised = m->ballot;
    v->grant = m->grant;
    v->grant.ballot = m->ballot;
    if (m->grant.epoch > v->epoch)
        v->epoch = m->grant.epoch;
    answer->kind = LEASE_ACCEPT;
}

/* A release that comes late must not end what its sender has won since, and a proposal that comes
 * after it must not bring back what it has ended. That of a lost attempt leaves an earlier life of
 * its sender the time that it holds the lease for. */
static void voter_release(struct lease_voter *v, const struct lease_message *m)
{
    const struct lease_ballot *held = &v->grant.ballot, over = {m->ballot.round + 1, 0};
    bool earlier = held->claim == m->ballot.claim && held->round <= m->ballot.round;
    if (earlier || (MISTAKE(RELEASE) && v->grant.owner == m->grant.owner))
        v->until_us = m->ended ? INT64_MIN : v->earlier_until_us;
    if (ballot_compare(&v->promised, &over) < 0)
        v->promised = over;
}

void lease_voter_report(const struct lease_voter *v, int64_t now_us, const struct lease_message *m,
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

bool lease_voter_receive(struct lease_voter *v, int64_t now_us, const struct lease_message *m,
                         struct lease_message *answer)
{
    if (m->kind == LEASE_RELEASE) {
        voter_release(v, m);
        return false;
    }
    lease_voter_report(v, now_us, m, answer);
    const struct lease_grant *held = lease_voter_grant(v, now_us);
    if (ballot_compare(&m->ballot, &v->promised) < 0 || (held && !grant_is_open_to(held, m)))
        return true;
    *answer = (struct lease_message){.ballot = m->ballot};
    if (m->kind == LEASE_PREPARE)
        voter_promise(v, answer);
    else
        voter_accept(v, now_us, m, answer);
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

static void quorum_check(const struct lease_quorum *quorum)
{
    assert(quorum->configurations > 0 && quorum->configurations <= LEASE_CONFIGURATIONS_MAX);
    for (unsigned i = 0; i < quorum->configurations; i++)
        assert(quorum->voters[i] > 0 && quorum->voters[i] <= LEASE_VOTERS_MAX);
}

void lease_candidate_init(struct lease_candidate *c, const struct lease_quorum *quorum,
                          uint64_t owner, uint64_t claim, int64_t length_us)
{
    quorum_check(quorum);
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
    quorum_check(quorum);
    c->quorum = *quorum;
    c->phase = LEASE_IDLE;
}

bool lease_is_held(const struct lease_candidate *c, int64_t now_us)
{
    return now_us < c->until_us;
}

static void candidate_begin(struct lease_candidate *c, enum lease_phase phase)
{
    c->phase = phase;
    memset(c->yes, 0, sizeof c->yes);
    memset(c->no, 0, sizeof c->no);
}

void lease_try(struct lease_candidate *c, int64_t now_us, struct lease_message *message)
{
    candidate_begin(c, LEASE_PREPARING);
    c->ballot = (struct lease_ballot){++c->round, c->claim};
    c->asked_us = c->length_us;
    c->ends_us = now_us + lease_hold_us(c->asked_us);
    c->other = (struct lease_grant){0};
    *message = (struct lease_message){
        .kind = LEASE_PREPARE,
        .ballot = c->ballot,
        .grant = {.owner = c->owner, .priority = c->priority, .host = c->host, .life = c->life},
        .time_us = c->asked_us};
}

static void candidate_propose(struct lease_candidate *c, int64_t now_us,
                              struct lease_message *message)
{
    candidate_begin(c, LEASE_PROPOSING);
    if (MISTAKE(LATE_DEADLINE))
        c->ends_us = now_us + lease_hold_us(c->asked_us);
    if (MISTAKE(SHORTEN))
        c->asked_us = c->length_us;
    if (!lease_is_held(c, now_us))
        c->epoch = ++c->epochs;
    *message = (struct lease_message){.kind = LEASE_PROPOSE,
                                      .ballot = c->ballot,
                                      .grant = {.ballot = c->ballot,
                                                .owner = c->owner,
                                                .epoch = c->epoch,
                                                .priority = c->priority,
                                                .host = c->host,
                                                .life = c->life},
                                      .time_us = c->asked_us};
}

/* A voter that holds it for an earlier life of ours has refused for the round alone. */
static bool candidate_is_earlier_life(const struct lease_candidate *c,
                                      const struct lease_message *m)
{
    return c->host != 0 && m->grant.owner == c->owner && m->round > c->ballot.round;
}

static bool candidate_note_answer(struct lease_candidate *c, int64_t now_us,
                                  const struct lease_message *m)
{
    if (m->round > c->round)
        c->round = m->round;
    if (m->grant.epoch > c->epochs)
        c->epochs = m->grant.epoch;
    bool held = m->grant.ballot.round != 0 && m->grant.ballot.claim != c->claim;
    bool is_earlier = held && candidate_is_earlier_life(c, m);
    c->resumes = is_earlier || (c->resumes && !held);
    if (held && !is_earlier &&
        (c->other.ballot.round == 0 || now_us + m->time_us > c->other_until_us)) {
        c->other = m->grant;
        c->other_until_us = now_us + m->time_us;
    }
    return m->kind == (c->phase == LEASE_PREPARING ? LEASE_PROMISE : LEASE_ACCEPT);
}

static enum lease_step candidate_win(struct lease_candidate *c, int64_t now_us)
{
    c->phase = LEASE_IDLE;
    if (MISTAKE(LATEST))
        c->ends_us = now_us + lease_hold_us(c->asked_us);
    if (now_us >= c->ends_us)
        return LEASE_LOST;
    c->until_us = c->ends_us;
    return LEASE_HELD;
}

static unsigned count_bits(uint32_t set)
{
    return (unsigned)__builtin_popcount(set);
}

/* True: a majority of each configuration agrees. */
static bool candidate_has_majority(const struct lease_candidate *c)
{
    for (unsigned i = 0; i < c->quorum.configurations; i++)
        if (2 * count_bits(c->yes[i]) <= c->quorum.voters[i])
            return false;
    return true;
}

bool lease_is_refused(const struct lease_candidate *c)
{
    uint32_t no = 0;
    for (unsigned i = 0; i < c->quorum.configurations; i++)
        no |= c->no[i];
    return no != 0;
}

static bool candidate_is_hopeless(const struct lease_candidate *c)
{
    for (unsigned i = 0; i < c->quorum.configurations; i++)
        if (2 * count_bits(c->no[i]) >= c->quorum.voters[i])
            return true;
    return false;
}

enum lease_step lease_receive(struct lease_candidate *c, int64_t now_us,
                              const uint32_t bits[LEASE_CONFIGURATIONS_MAX],
                              const struct lease_message *m, struct lease_message *message)
{
    bool late = m->kind == LEASE_PROMISE && c->phase != LEASE_PREPARING;
    if (c->phase == LEASE_IDLE || late || ballot_compare(&m->ballot, &c->ballot) != 0)
        return LEASE_WAIT;
    bool yes = candidate_note_answer(c, now_us, m);
    for (unsigned i = 0; i < c->quorum.configurations; i++) {
        c->yes[i] |= yes ? bits[i] : 0;
        c->no[i] = (c->no[i] | bits[i]) & ~c->yes[i];
        if (MISTAKE(MESSAGES) && yes)
            c->yes[i] = c->yes[i] << 1 | 1;
    }
    if (candidate_is_hopeless(c)) {
        c->phase = LEASE_IDLE;
        return LEASE_LOST;
    }
    if (!candidate_has_majority(c))
        return LEASE_WAIT;
    if (c->phase == LEASE_PROPOSING)
        return candidate_win(c, now_us);
    candidate_propose(c, now_us, message);
    return LEASE_ASK;
}

void lease_release(struct lease_candidate *c, bool ended, struct lease_message *message)
{
    c->phase = LEASE_IDLE;
    c->until_us = INT64_MIN;
    *message = (struct lease_message){
        .kind = LEASE_RELEASE, .ballot = c->ballot, .grant.owner = c->owner, .ended = ended};
}
