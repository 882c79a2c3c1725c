/* successors: members that wait for a lease, by priority: those that a holder chooses its successor
 * from, and those that a voter keeps a free lease for. */
#ifndef GOSSIP_SUCCESSORS_H
#define GOSSIP_SUCCESSORS_H

#include <stdint.h>

#define SUCCESSORS_MAX 16 /* of more, those of the highest priorities */

struct successor {
    uint64_t key; /* of the member */
    uint64_t claim;
    uint8_t priority;
    int64_t until_us; /* counts as waiting until then */
};

struct successors {
    struct successor all[SUCCESSORS_MAX];
    unsigned count;
};

/* Adds or renews a member's entry. */
void successors_note(struct successors *s, int64_t now_us, const struct successor *successor);
/* That claim waits no longer; nothing happens if it did not. */
void successors_remove(struct successors *s, uint64_t claim);
/* The entry of that key, or for 0 the one of the highest priority; NULL: there is none. */
const struct successor *successors_choose(const struct successors *s, int64_t now_us, uint64_t key);

#endif
