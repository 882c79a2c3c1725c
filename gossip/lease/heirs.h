/* heirs: who has told the holder of a lease that it waits for it. */
#ifndef GOSSIP_HEIRS_H
#define GOSSIP_HEIRS_H

#include <stdint.h>

#define HEIRS_MAX 16 /* of more, those of the highest priorities */

struct heir {
    uint64_t key; /* a member's */
    uint64_t claim;
    uint8_t priority;
    int64_t until_us; /* then it should have told again */
};

struct heirs {
    struct heir all[HEIRS_MAX];
    unsigned count;
};

void heirs_note(struct heirs *heirs, int64_t now_us, const struct heir *heir);
void heirs_remove(struct heirs *heirs, uint64_t claim);
/* The one of that key, or for 0 the best; NULL: none. */
const struct heir *heirs_choose(const struct heirs *heirs, int64_t now_us, uint64_t key);

#endif
