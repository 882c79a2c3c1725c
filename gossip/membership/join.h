/* join: addresses dialled until somebody there answers, and members that failed, dialled again for
 * as long as they are remembered, so that a healed partition merges by itself. */
#ifndef GOSSIP_JOIN_H
#define GOSSIP_JOIN_H

#include "gossip/wire.h"

#define JOIN_RETRY_MS_MIN 250
#define JOIN_RETRY_MS_MAX 4000

struct join_target {
    struct gossip_addr addr;
    uint32_t token; /* echoed by the answer, which may come from another of the host's addresses */
    unsigned tries;
    int64_t next_us;
};

struct joins {
    struct join_target targets[GOSSIP_JOINS_MAX];
    uint32_t count;
    int64_t redial_us;
    unsigned redials;
};

/* Somebody wants in. */
void join_request(struct gossip *g, const struct wire_message *join,
                  const struct gossip_route *from);
/* The dial with that token has reached a member: `by` its key. */
void join_answered(struct gossip *g, uint32_t token, uint64_t by);

void join_tick(struct gossip *g);
int64_t join_deadline(const struct gossip *g);

#endif
