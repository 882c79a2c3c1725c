/* member: the member table, and the one rule that decides which of two facts about a member wins.
 */
#ifndef GOSSIP_MEMBER_H
#define GOSSIP_MEMBER_H

#include "gossip/gossip.h"

#define MEMBER_NONE UINT32_MAX     /* no slot */
#define MEMBER_NO_UPDATE UINT8_MAX /* an update_priority: none is to be sent */

/* What is claimed about a member, without its profile. */
struct fact {
    uint64_t generation;
    uint32_t incarnation;
    enum gossip_status status;
    bool unreachable; /* of ALIVE and SUSPECT only */
    bool parity;      /* flips whenever it takes `unreachable` back (reach.h) */
};

/* The precedence rule: true if `received` replaces `held`. Higher generation first (a new start),
 * then higher incarnation (only the member itself raises it), then the status (SWIM 4.2).
 * `unreachable` beats `suspect`: it implies that the member lives after all. */
bool member_fact_beats(const struct fact *received, const struct fact *held);

/* A slot of the table, addressed by its index, which stays the same while the member is known. */
struct member {
    const struct gossip_profile *profile; /* held; NULL: the slot is free */
    struct gossip_addr source;            /* where it has answered from, if elsewhere (proof.h) */
    uint64_t key;
    int64_t since_us;    /* when its status began */
    int64_t started_us;  /* its start, by the age that it publishes; holds while it lives */
    int64_t believed_us; /* until then its last refutation weighs more than silence (probe.c) */
    uint32_t incarnation;
    uint32_t name_hash;
    uint32_t returned_s;               /* its last return, on our clock */
    uint32_t suspicion;                /* its place in suspicions, MEMBER_NONE if there is none */
    uint32_t update_next, update_prev; /* spread's list; slots */
    uint16_t sign_reported; /* the last gossip period, by its low bits, in which its observers were
                             * sent a sign of life though it does not answer */
    uint8_t update_sends;
    uint8_t update_priority; /* enum spread_priority, or MEMBER_NO_UPDATE */
    uint8_t status;          /* enum gossip_status */
    uint8_t refutations;     /* of suspicions, with no direct answer in between */
    uint8_t away;            /* times detect, the longest that it was gone before it returned */
    unsigned returns : 2;    /* from failed, in one life, soon one after another: one, or more */
    bool by_stream : 1;   /* its last answer came by stream, after datagrams had gone unanswered */
    bool unreachable : 1; /* its observers cannot reach it, though it lives */
    bool parity : 1;      /* of its latest fact */
    bool undisseminated : 1; /* its fact is from our isolation, and not spread */
    bool pruned : 1;         /* kept only so that an old update cannot bring it back */
    bool force_left : 1;     /* left by an operator's force-leave and not by its own: it may live */
};

struct index {
    uint32_t *entries; /* slots, MEMBER_NONE: empty; a power of two of them */
    uint32_t mask;
};

struct member_table {
    struct member *slots;
    uint32_t capacity; /* a power of two */
    uint32_t used;     /* slots below this were used at some time */
    uint32_t count;
    uint32_t free_head; /* free slots chained by update_next */
    uint32_t by_status[GOSSIP_LEFT + 1];
    struct index keys, names;
};

/* False: out of memory. */
bool member_table_init(struct member_table *t);
void member_table_free(struct member_table *t);

/* Slots by key and by name; MEMBER_NONE if there is none. */
uint32_t member_by_key(const struct member_table *t, uint64_t key);
uint32_t member_by_name(const struct member_table *t, const char *name);

/* A new slot for a key that has none; the profile is held by it. MEMBER_NONE: out of memory or
 * GOSSIP_MEMBERS_MAX reached; nothing changed. Pointers to slots are void after this. */
uint32_t member_add(struct member_table *t, const struct gossip_profile *profile);
void member_remove(struct member_table *t, uint32_t slot);
/* Replaces the profile (taken: the caller's hold becomes the slot's); the id must be the same. */
void member_set_profile(struct member_table *t, uint32_t slot,
                        const struct gossip_profile *profile);
void member_set_status(struct member_table *t, uint32_t slot, enum gossip_status status,
                       int64_t now_us);

struct fact member_fact(const struct member *m);

/* One live member's share of the view's hash, which is the sum of them: order does not matter, and
 * a change is a subtraction and an addition. Suspicion is left out, being a matter of opinion; so
 * are the dead, which members forget at different times. */
uint64_t member_term(const struct member *m);

/* Part of the cluster: alive, suspect or leaving. */
bool member_is_live(const struct member *m);
uint32_t member_live_count(const struct member_table *t);
/* A random live slot other than `except`; MEMBER_NONE if there is none. */
struct rng;
uint32_t member_random_live(const struct member_table *t, struct rng *rng, uint32_t except);

/* Copied out, profile borrowed. */
struct gossip_member member_public(const struct member *m);

#endif
