/* suspicion: the time between "it does not answer" and "it has failed", in which a live member
 * contradicts (SWIM section 4.2), shortened by every independent accuser (Lifeguard section IV-B).
 *
 * Nobody is called failed on hearsay alone. A failure that comes out of the blue is checked first:
 * the member is told what is said of it, and has the whole window to contradict. */
#ifndef GOSSIP_SUSPICION_H
#define GOSSIP_SUSPICION_H

#include "gossip/membership/member.h"

#define SUSPICION_ACCUSERS_MAX 8

enum suspicion_mode {
    SUSPICION_HEARD,     /* others accuse: they decide; we look ourselves when they fall silent */
    SUSPICION_OURS,      /* we accuse, first-hand */
    SUSPICION_VERIFYING, /* said to be failed, or accused and never decided: asked directly */
};

struct suspicion {
    uint32_t row;
    enum suspicion_mode mode;
    bool heard; /* a sign of life came in an earlier look: it lives, or the packet was late */
    int64_t started_us, deadline_us;
    int64_t slept_us; /* meanwhile: no time in which it was heard out */
    int64_t ask_us;   /* verifying: next direct question */
    unsigned accusers_count;
    uint64_t accusers[SUSPICION_ACCUSERS_MAX];
};

struct suspicions {
    struct suspicion *all;
    uint32_t count, capacity;
};

void suspicion_free(struct suspicions *s);

/* We have first-hand evidence enough: the member becomes suspect, or we join those who accuse. */
void suspicion_accuse(struct gossip *g, uint32_t row);
/* Somebody accuses (0: it is not known who). The row is suspect already. */
void suspicion_hear(struct gossip *g, uint32_t row, uint64_t accuser);
/* May a heard FAILED be believed at once? Only of one that was suspected for a while already, and
 * has not answered us since. */
bool suspicion_allows_failed(const struct gossip *g, uint32_t row, const struct fact *heard);
/* Asks the member itself, while nothing changes yet. sender: who says that it has failed; 0:
 * nobody. */
void suspicion_verify(struct gossip *g, uint32_t row, uint64_t sender);
void suspicion_end(struct gossip *g, uint32_t row);

/* The suspicion of a row; NULL if there is none. */
const struct suspicion *suspicion_of(const struct gossip *g, uint32_t row);
/* Who last accused: goes with the news. 0: nobody known. */
uint64_t suspicion_accuser(const struct gossip *g, uint32_t row);

void suspicion_excuse(struct gossip *g, int64_t slept_us);
void suspicion_tick(struct gossip *g);
int64_t suspicion_deadline(const struct gossip *g);

#endif
