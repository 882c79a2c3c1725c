/* grants: what this member, as a voter, holds for others, by the leases' names; and what it keeps a
 * free lease for: the successor that the last holder named, then the candidates of the highest
 * priority. Such favours pass quickly and safety does not rest on them: the best may just have
 * died, or hear nothing. */
#ifndef GOSSIP_GRANTS_H
#define GOSSIP_GRANTS_H

#include "gossip/lease/successors.h"
#include "gossip/wire.h"

#define GRANTS_MAX 4096 /* names; with more, the one that was used longest ago makes room */
/* Leases that are longer must be known to the disk first, for the time after a new start. */
#define GRANTS_LENGTH_MS 1000
#define GRANTS_SUCCESSOR_PARTS 4 /* of its length, that a free lease is kept for the successor */

struct grant_slot {
    uint64_t name;
    struct lease_voter voter;
    int64_t used_us, free_us;  /* since when it is free, once it is */
    int64_t length_us;         /* as its candidates last said */
    uint64_t successor;        /* named by the last holder; 0: none */
    struct successors waiting; /* candidates that asked recently and do not hold it, by claim */
};

struct grants {
    struct grant_slot *slots; /* by name */
    uint32_t count, capacity;
    int64_t started_us, silent_until_us;
    uint32_t longest_ms; /* that are granted */
    uint32_t wanted_ms;  /* that were asked for */
    uint64_t epochs;     /* no lease has a lower one */
};

void grants_free(struct grants *grants);

/* Takes a candidate's message. True: *answer is to be sent back. */
bool grants_receive(struct grants *grants, int64_t now_us, const struct wire_lease *received,
                    struct lease_message *answer);

#endif
