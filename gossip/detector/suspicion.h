/* suspicion: the time between "it does not answer" and "it has failed", in which a live member
 * refutes (SWIM section 4.2), shortened by every independent observer that suspects it (Lifeguard
 * section IV-B).
 *
 * No member is declared failed on hearsay alone. A failure that was not preceded by a suspicion is
 * verified first: the member is sent the claim, and has the whole window to refute it. */
#ifndef GOSSIP_SUSPICION_H
#define GOSSIP_SUSPICION_H

#include "gossip/membership/member.h"

#define SUSPICION_OBSERVERS_MAX 8

enum suspicion_mode {
    SUSPICION_OTHERS,    /* other observers suspect it and decide; we verify if they fall silent */
    SUSPICION_OURS,      /* we suspect it, first-hand */
    SUSPICION_VERIFYING, /* claimed to be failed, or suspected and never decided: asked directly */
};

struct suspicion {
    uint32_t slot;
    enum suspicion_mode mode;
    bool sign; /* a sign of life came in an earlier window: it lives, or the packet was late */
    int64_t started_us, deadline_us;
    int64_t stalled_us; /* meanwhile: no time in which a refutation could have come */
    int64_t ask_us;     /* verifying: next direct question */
    unsigned observers_count;
    uint64_t
        observers[SUSPICION_OBSERVERS_MAX]; /* that suspect it; verifying: that claim it failed */
};

struct suspicions {
    struct suspicion *all;
    uint32_t count, capacity;
};

void suspicion_free(struct suspicions *s);

/* We suspect the slot's member first-hand. publicly: it was suspect before this call. */
void suspicion_join(struct gossip *g, uint32_t slot, bool publicly);
/* Another observer suspects it (0: it is not known which). The slot is suspect already. */
void suspicion_confirm(struct gossip *g, uint32_t slot, uint64_t observer);
/* True if a received FAILED may be applied at once: only of a member that was suspected for a while
 * already, and has not answered us since. */
bool suspicion_allows_failed(const struct gossip *g, uint32_t slot, const struct fact *received);
/* Asks the member itself, while nothing changes yet. sender: claims that it has failed; 0: none. */
void suspicion_verify(struct gossip *g, uint32_t slot, uint64_t sender);
void suspicion_end(struct gossip *g, uint32_t slot);

/* The suspicion of a slot; NULL if there is none. */
const struct suspicion *suspicion_of(const struct gossip *g, uint32_t slot);
/* True if we suspect the slot's member first-hand. */
bool suspicion_is_ours(const struct gossip *g, uint32_t slot);

/* Takes a stall of this host out of every window. */
void suspicion_compensate(struct gossip *g, int64_t stall_us);

/* What is to be done about a suspicion at this time. */
enum suspicion_outcome {
    SUSPICION_WAITS,
    SUSPICION_ASKS,           /* claim to the member itself that it has failed */
    SUSPICION_PROBES,         /* it was not observed all the time: ping it now */
    SUSPICION_LIVES,          /* two signs of life and no refutation: it is unreachable */
    SUSPICION_FAILED,         /* the window ended: declare it failed, first-hand */
    SUSPICION_VERIFIED_FAILED /* it did not refute the claim: apply it */
};

/* Moves the suspicion at place `at` on to this time; the caller does what it returns. */
enum suspicion_outcome suspicion_step(struct gossip *g, uint32_t at);
int64_t suspicion_deadline(const struct gossip *g);

#endif
