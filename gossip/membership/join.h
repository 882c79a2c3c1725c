/* join: addresses joined until a member there answers, and members that failed, asked again for as
 * long as they are remembered, so that a healed partition merges by itself. What those do that are
 * asked is in gossip/admission.h. */
#ifndef GOSSIP_JOIN_H
#define GOSSIP_JOIN_H

#include "gossip/wire.h"

#define JOIN_RETRY_MS_MIN 250
#define JOIN_RETRY_MS_MAX 4000
#define JOIN_RECENT_MAX 8 /* joins answered lately, whose answers are still arriving */

struct join_target {
    struct gossip_addr addr;
    uint64_t token; /* echoed by the answer, which may come from another of the host's addresses */
    unsigned tries;
    int64_t next_us;
};

struct joins {
    struct join_target targets[GOSSIP_JOINS_MAX];
    uint32_t count;
    struct {
        uint64_t token;
        int64_t until_us;
    } recent[JOIN_RECENT_MAX];
    unsigned recent_at;
    int64_t redial_us;
    unsigned redials;
};

/* The join with that token that waits for its answer. NULL: there is none. */
struct join_target *join_target_of(struct gossip *g, uint64_t token);
/* True if the token is of a join of ours that waits for its answer, or was answered lately. */
bool join_is_token(const struct gossip *g, uint64_t token);
/* The join with that token has reached a member: `by` its key. */
void join_answered(struct gossip *g, uint64_t token, uint64_t by);

/* Sends a JOIN with our own record. cookie: 0, or as the other has given it to us. */
void join_send(struct gossip *g, const struct gossip_addr *addr, enum gossip_via via,
               uint64_t token, uint64_t cookie);

void join_tick(struct gossip *g);
int64_t join_deadline(const struct gossip *g);

#endif
