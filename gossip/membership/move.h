/* move: live members that say that their address has changed, as by a DHCP renewal. Such a member
 * has the id, the start and the name of one that is alive at another address. So has one that
 * copied them; but then the old address answers. A move counts once nothing has come from the old
 * address for a while although it was probed. */
#ifndef GOSSIP_MOVE_H
#define GOSSIP_MOVE_H

#include "gossip/wire.h"

#define MOVES_MAX 16         /* at one time; of more, the last */
#define MOVE_SILENCE_MS 200  /* of the old address: below the second attempt (JOIN_RETRY_MS_MIN) */
#define MOVE_FORGET_MS 10000 /* a claim that was not repeated for so long begins anew */

struct moves {
    struct move {
        uint64_t key; /* of the member; 0: none */
        struct gossip_addr addr;
        int64_t since_us;   /* of the silence */
        int64_t claimed_us; /* last */
    } all[MOVES_MAX];
    unsigned next;
};

/* True: the record is the live member's own, newer, and of the same start. */
bool move_is_claimed(const struct member *m, const struct wire_record *record);
/* A record that claims a move has come from the address in it, and the old one was probed. True:
 * the old one has been silent for long enough. */
bool move_is_confirmed(struct gossip *g, uint32_t slot, const struct wire_record *record);
/* The member was heard at the address that is known of it. */
void move_refuted(struct gossip *g, uint64_t key);

#endif
