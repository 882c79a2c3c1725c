/* lease: at most one holds a thing at a time, by a majority of voters, without a disk.
 *
 * PaxosLease (Trencseni, Gazso, Reinhardt 2012), where it is safer than its paper:
 *
 *     candidate                          voters, a majority of which must answer
 *     --- PREPARE ballot --------------> open if nobody holds it, or this very claim does:
 *     <-- PROMISE ballot, last epoch --- promise then to take no lower ballot
 *     --- PROPOSE ballot, epoch, time -> hold it for the candidate for so long, by their own clock
 *     <-- ACCEPT ballot ---------------- now it is the candidate's
 *     --- RELEASE ballot, successor ---> hold it no more
 *     <-- REFUSE ballot, what is held -- in the place of PROMISE and ACCEPT
 *
 * A renewal is the same exchange with a higher ballot, while the lease is held. A candidate that
 * only waits learns from the REFUSE for how long, and does not disturb the holder: it is promised
 * nothing.
 *
 * Why no two hold it at one time. A claim is a random number that names one candidate in one life.
 * A holder stops at a time that it fixed before it sent the PREPARE. A voter that accepted later
 * holds on for longer, even if its clock is as fast and the holder's as slow as clocks may be.
 * Until then it accepts no other claim. Any two majorities have a voter in common. A voter that
 * starts anew has forgotten what it holds, and is silent until all that it may have held is over.
 * The promises, which make Paxos safe, only spare the voters useless proposals here.
 *
 * A lease of something that is bound to a host and ends by itself in time (an address) is open to a
 * later life of that host as well: what the former life held is on the same host. Voters keep the
 * former life's time beside the later one's, until a release says that both have ended.
 *
 * While the configuration of voters changes, a candidate needs a majority of each (voters.h).
 *
 * Every call takes one reading of the caller's clock, which counts while the host is suspended. */
#ifndef GOSSIP_LEASE_H
#define GOSSIP_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#define LEASE_VOTERS_MAX 31        /* a bit each */
#define LEASE_CONFIGURATIONS_MAX 3 /* of voters, in force at one time */
#define LEASE_HOST_MAX UINT32_MAX
#define LEASE_LENGTH_MS_MIN 200
#define LEASE_LENGTH_MS_MAX 60000
/* A clock may be wrong by one part in this many. Crystals are wrong by 100 ppm, virtual machines
 * for a while by more. */
#define LEASE_CLOCK_PARTS 200

/* Ordered by round, then by claim. No two claims have the same name, so no two ballots are equal
 * unless they are one. Round 0: none. */
struct lease_ballot {
    uint64_t round;
    uint64_t claim;
};

enum lease_kind {
    LEASE_PREPARE = 1,
    LEASE_PROMISE,
    LEASE_PROPOSE,
    LEASE_ACCEPT,
    LEASE_REFUSE,
    LEASE_RELEASE,  /* this ballot's, and those of its claim before it */
    LEASE_WAITING,  /* to the holder: I would take it, if asked within time_us (leases.h) */
    LEASE_HANDOVER, /* to the successor: this ballot is released, try for it */
    LEASE_MOVE,     /* to the holder: hand it to this member */
    LEASE_QUERY,    /* to a voter: answer by REFUSE with what is held */
    LEASE_KINDS
};

/* What a voter holds for a candidate. */
struct lease_grant {
    struct lease_ballot ballot;
    uint64_t owner; /* the holder's key */
    uint64_t epoch;
    uint8_t priority; /* of the holder */
    /* It is open to a later life of the same owner on the same host. host 0: to none. */
    uint64_t host; /* up to LEASE_HOST_MAX */
    uint64_t life;
};

struct lease_message {
    enum lease_kind kind;
    struct lease_ballot ballot; /* of the candidate; all answers repeat it */
    /* PROPOSE: what shall be held. REFUSE: what is, round 0: nothing. PROMISE: of it only the
     * epoch, the highest that ever was. */
    struct lease_grant grant;
    int64_t time_us;    /* PREPARE, PROPOSE: for how long. REFUSE: for how long it still is.
                         * WAITING: for how long the sender counts as waiting, 0: no longer. */
    uint64_t round;     /* REFUSE: that it was promised to */
    uint64_t successor; /* RELEASE, MOVE: the member that shall have it next, 0: any */
    bool preempts;      /* WAITING: takes it from a holder of lower priority */
    bool ended;         /* RELEASE: so has what earlier lives of its sender held */
};

/* The numbers of voters of the configurations in force. */
struct lease_quorum {
    unsigned configurations;
    uint8_t voters[LEASE_CONFIGURATIONS_MAX];
};

/* ---- the voter ---- */

struct lease_voter {
    struct lease_ballot promised;
    struct lease_grant grant;
    int64_t until_us;         /* held until then */
    int64_t earlier_until_us; /* ... at least, for an earlier life of its owner */
    uint64_t epoch;           /* the highest that was ever held */
};

/* Takes a candidate's message. True: *answer is to be sent back. */
bool lease_voter_receive(struct lease_voter *v, int64_t now_us, const struct lease_message *m,
                         struct lease_message *answer);
/* Fills a REFUSE: what the voter holds, whatever the question. */
void lease_voter_report(const struct lease_voter *v, int64_t now_us, const struct lease_message *m,
                        struct lease_message *answer);
/* What the voter holds now; NULL: nothing. */
const struct lease_grant *lease_voter_grant(const struct lease_voter *v, int64_t now_us);

/* The time that a voter that has just started must be silent for, where leases are no longer than
 * length_us. */
int64_t lease_quarantine_us(int64_t length_us);

/* ---- the candidate ---- */

/* The time that a candidate holds what voters grant it for length_us, from when it asked. On the
 * slowest clock it ends no later than length_us does on the fastest. */
int64_t lease_hold_us(int64_t length_us);

enum lease_phase { LEASE_IDLE, LEASE_PREPARING, LEASE_PROPOSING };

struct lease_candidate {
    struct lease_quorum quorum;
    uint64_t owner; /* our key */
    uint64_t claim;
    uint8_t priority;
    uint64_t host, life; /* as in struct lease_grant; set by the caller */
    int64_t length_us;   /* for which voters hold it; may change: counts from the next attempt on */
    enum lease_phase phase;
    struct lease_ballot ballot; /* of this attempt */
    int64_t asked_us;           /* the length of this attempt */
    int64_t ends_us;            /* when what this attempt may win ends */
    /* Bitmasks of the voters that have answered so in this phase, by configuration. */
    uint32_t yes[LEASE_CONFIGURATIONS_MAX], no[LEASE_CONFIGURATIONS_MAX];
    uint64_t round;   /* the highest known */
    uint64_t epochs;  /* the highest epoch known */
    uint64_t epoch;   /* ours, while we hold it */
    int64_t until_us; /* held until then; INT64_MIN: not */
    struct lease_grant
        other;              /* who holds it, as far as we heard in this attempt; round 0: nobody */
    int64_t other_until_us; /* and until when at the most */
    bool resumes; /* voters hold it for an earlier life of ours, as far as we heard last */
};

enum lease_step {
    LEASE_WAIT, /* nothing is to be done */
    LEASE_ASK,  /* send *message to all voters */
    LEASE_HELD, /* it is ours, until until_us: won, or renewed */
    LEASE_LOST  /* this attempt has failed */
};

/* claim: a random number, another for each candidate and each life. */
void lease_candidate_init(struct lease_candidate *c, const struct lease_quorum *quorum,
                          uint64_t owner, uint64_t claim, int64_t length_us);

/* Other configurations are in force: gives up an attempt that is under way. What is held is held.
 */
void lease_set_quorum(struct lease_candidate *c, const struct lease_quorum *quorum);

/* Starts an attempt: to win it, or to renew it if it is held. One that is under way is given up.
 * *message goes to all voters, ourselves too if we are one. */
void lease_try(struct lease_candidate *c, int64_t now_us, struct lease_message *message);

/* A voter has answered. bits: its bit in each configuration, 0 where it is in none. */
enum lease_step lease_receive(struct lease_candidate *c, int64_t now_us,
                              const uint32_t bits[LEASE_CONFIGURATIONS_MAX],
                              const struct lease_message *m, struct lease_message *message);

/* True: a voter has refused this attempt. */
bool lease_is_refused(const struct lease_candidate *c);

/* True: it is ours. What was begun while it was must have ended when it is not. */
bool lease_is_held(const struct lease_candidate *c, int64_t now_us);

/* Gives it up, whether it is held or only tried for. Whatever only the holder does must have ended
 * before. ended: what earlier lives of this host did as well; otherwise voters hold it for these
 * until their time is over. *message goes to all voters; lost, it only takes longer until others
 * can have it. */
void lease_release(struct lease_candidate *c, bool ended, struct lease_message *message);

#endif
