/* fake_leases: the leases, the journal and the events that addresses and locks ask, for a test on
 * fake_core; what was asked for and told is written down. */
#ifndef MUSTER_FAKE_LEASES_H
#define MUSTER_FAKE_LEASES_H

#include "gossip/lease/leases.h"

/* All zero at first: there is no voter. */
extern struct fake_leases {
    struct voters voters;
    struct leases_state state; /* of every lease, for leases_get */
    enum gossip_error want_error, release_error,
        move_error;    /* release: where a successor is named */
    char asked[32768]; /* "want NAME PRIORITY\n", "watch NAME\n", "release NAME [to HEIR|to nobody]
                        * [and stay]\n", "move NAME to HEIR\n" */
    char told[1024];   /* "EVENT NAME HOLDER EPOCH [here]\n" */
    uint64_t host;     /* of the lease that was wanted last */
    int64_t keep_us;   /* since the lease was wanted, the last that was said */
} fake_leases;

/* What has been asked for, or told, since the last call; valid until the next. */
const char *fake_leases_asked(void);
const char *fake_leases_told(void);

#endif
