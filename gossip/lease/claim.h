/* claim: this member's part in one lease: it is a candidate, holds it, or only observes who does.
 * Works on the network of the members; leases.h has the set of them, which alone calls this. */
#ifndef GOSSIP_CLAIM_H
#define GOSSIP_CLAIM_H

#include "gossip/lease/leases.h"

struct claim {
    char name[LEASES_NAME_BYTES_MAX + 1];
    uint64_t hash;
    struct lease_candidate candidate;
    struct lease_message asked; /* the last question of this attempt */
    int64_t tried_us, next_us, resend_us;
    int64_t renew_until_us;                      /* neither renewed nor tried for after that */
    uint32_t answered[LEASE_CONFIGURATIONS_MAX]; /* bitmask of voters: to the last question */
    int64_t reached_us;                          /* when a majority had answered a question */
    bool preempts, observes;
    bool changed;              /* since the caller asked last */
    bool held;                 /* as the caller was told last */
    bool takes_over;           /* this attempt follows a handover */
    bool resumed;              /* an earlier life of ours held it until we did */
    bool withdrawn;            /* released for good, while the successor is still being told */
    struct lease_grant holder; /* as far as we know; owner 0: nobody */
    int64_t holder_until_us;
    struct lease_grant reported;                  /* the last that voters have reported, */
    uint32_t reporters[LEASE_CONFIGURATIONS_MAX]; /* ... and these voters, a bitmask */
    unsigned learns;                          /* questions for a new holder, still to be asked */
    int64_t learn_us;                         /* ... the next of them */
    uint64_t learn_epoch;                     /* ... of which that holder is, or a later one */
    uint64_t told;                            /* the holder that knows that we wait; 0: none */
    struct successors waiting;                /* members that told us, the holder, so */
    uint64_t move_to;                         /* the member that should have it; 0: none */
    uint64_t successor;                       /* the member that it was handed over to */
    struct lease_ballot released, taken_over; /* by us; by another, for us */
    unsigned handovers;                       /* still to be sent */
    int64_t handover_us;
};

/* ---- what the caller wants ---- */

/* name: at most LEASES_NAME_BYTES_MAX bytes. length_us: of the first attempts. */
void claim_init(struct gossip *g, struct claim *c, const char *name, int64_t length_us);
/* Takes on options, other than those before or not. */
void claim_set(struct gossip *g, struct claim *c, const struct leases_options *options);
/* Gives it up. successor: the member that shall have it if it is held, one that waits; NULL: none.
 * stays: goes on as a candidate. */
void claim_release(struct gossip *g, struct claim *c, const struct successor *successor,
                   bool stays);
/* Sets the time after which it is neither renewed nor tried for. */
void claim_renew_until(const struct gossip *g, struct claim *c, int64_t until_us);
/* If it is held, and that member waits for it: the caller is told that it should move there. */
void claim_ask_to_move(const struct gossip *g, struct claim *c, uint64_t to);
/* The waiting member of that key, or for 0 the best; NULL: none. Forgets those that failed. */
const struct successor *claim_choose_successor(const struct gossip *g, struct claim *c,
                                               uint64_t key);

/* ---- what others send ---- */

/* A voter, which is a member, has answered. */
void claim_receive_answer(struct gossip *g, struct claim *c, const char *voter,
                          const struct lease_message *m, enum gossip_via via);
/* This member, as a voter, has granted it to another. */
void claim_receive_granted(const struct gossip *g, struct claim *c,
                           const struct lease_grant *grant);
/* A member waits for it, or does so no longer. */
void claim_receive_waiting(const struct gossip *g, struct claim *c, uint64_t key,
                           const struct lease_message *m);
/* The holder has stopped, released that ballot, and chosen us. */
void claim_receive_handover(struct gossip *g, struct claim *c, const struct lease_ballot *released);
/* Somebody has released it: to that member, 0: to none. */
void claim_receive_release(struct gossip *g, struct claim *c, uint64_t successor);

/* ---- time ---- */

void claim_tick(struct gossip *g, struct claim *c);
int64_t claim_deadline(const struct claim *c);

/* ---- of the set: leases.c and leases_voters.c ---- */

uint64_t claim_hash(const char *name);
/* NULL: there is none of that name. */
struct claim *claim_find(const struct leases *l, uint64_t hash);
/* These voters have answered a question just now. */
void leases_note_heard(struct gossip *g, const uint32_t bits[LEASE_CONFIGURATIONS_MAX]);
/* Takes in what the voters say of their configurations. */
void leases_note_voters(struct gossip *g);

#endif
