/* member: the member table, and the one rule that says which of two facts about a member wins. */
#ifndef GOSSIP_MEMBER_H
#define GOSSIP_MEMBER_H

#include "gossip/gossip.h"

#define MEMBER_NONE UINT32_MAX

/* What is claimed about a member, without its profile. */
struct fact {
    uint64_t generation;
    uint32_t incarnation;
    enum gossip_status status;
    bool partly; /* partly unreachable: of ALIVE and SUSPECT only */
    bool odd;    /* how often it took that back: an odd number of times (reach.h) */
};

/* The precedence rule: true if `heard` replaces `held`. Higher generation first (a new start),
 * then higher incarnation (only the member itself raises it), then the status (SWIM 4.2). That a
 * member is partly unreachable beats that it is suspect: it says that it lives after all. */
bool member_fact_beats(const struct fact *heard, const struct fact *held);

/* A row of the table, addressed by its index, which stays the same while the member is known. */
struct member {
    const struct gossip_profile *profile; /* held; NULL: the row is free */
    uint64_t key;
    int64_t since_us;    /* when its status began */
    int64_t started_us;  /* when it started, by what it says of its age; holds while it lives */
    int64_t believed_us; /* until then its last contradiction weighs more than silence (probe.c) */
    uint32_t incarnation;
    uint32_t name_hash;
    uint32_t returned_s;           /* when it last came back so, on our clock */
    uint32_t suspicion;            /* its place in suspicions, MEMBER_NONE if there is none */
    uint32_t news_next, news_prev; /* spread's list; rows */
    uint16_t heard_told; /* the last gossip period, by its low bits, in which its observers were
                          * told that it was heard though it does not answer */
    uint8_t news_sends;
    uint8_t news_lane;      /* SPREAD_IDLE: nothing to tell */
    uint8_t status;         /* enum gossip_status */
    uint8_t contradictions; /* of suspicions, with no direct answer in between */
    uint8_t away;           /* times detect, the longest that it was gone before it returned */
    unsigned returns : 2;   /* from failed, in one life, not long one after another: one, or more */
    bool partly : 1;        /* partly unreachable */
    bool odd : 1;           /* it took that back an odd number of times, when we last heard */
    bool unheard : 1;       /* its fact is from when we heard nobody, and we keep it to ourselves */
    bool hidden : 1;        /* pruned: kept only so that old news cannot bring it back */
    bool forgotten : 1;     /* left by decree and not by its own word: it may live */
};

struct index {
    uint32_t *slots; /* rows, MEMBER_NONE: empty; a power of two of them */
    uint32_t mask;
};

struct member_table {
    struct member *rows;
    uint32_t capacity; /* a power of two */
    uint32_t used;     /* rows below this were used at some time */
    uint32_t count;
    uint32_t free_head; /* free rows chained by news_next */
    uint32_t by_status[GOSSIP_LEFT + 1];
    struct index keys, names;
};

/* False: out of memory. */
bool member_table_init(struct member_table *t);
void member_table_free(struct member_table *t);

/* Rows by key and by name; MEMBER_NONE if there is none. */
uint32_t member_by_key(const struct member_table *t, uint64_t key);
uint32_t member_by_name(const struct member_table *t, const char *name);

/* A new row for a key that has none; the profile is held by it. MEMBER_NONE: out of memory or
 * GOSSIP_MEMBERS_MAX reached; nothing changed. Pointers to rows are void after this. */
uint32_t member_add(struct member_table *t, const struct gossip_profile *profile);
void member_remove(struct member_table *t, uint32_t row);
/* Replaces the profile (taken: the caller's hold becomes the row's); the id must be the same. */
void member_set_profile(struct member_table *t, uint32_t row, const struct gossip_profile *profile);
void member_set_status(struct member_table *t, uint32_t row, enum gossip_status status,
                       int64_t now_us);

struct fact member_fact(const struct member *m);

/* Part of the cluster: alive, suspect or leaving. */
bool member_is_live(const struct member *m);
uint32_t member_live_count(const struct member_table *t);
/* A random live row other than `except`; MEMBER_NONE if there is none. */
struct rng;
uint32_t member_random_live(const struct member_table *t, struct rng *rng, uint32_t except);

/* Copied out, profile borrowed. */
struct gossip_member member_public(const struct member *m);

#endif
