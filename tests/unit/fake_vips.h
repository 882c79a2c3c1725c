/* fake_vips: the addresses, the quorum and the locks that the control server asks, as a test sets
 * them; what was asked for is written down. */
#ifndef MUSTER_FAKE_VIPS_H
#define MUSTER_FAKE_VIPS_H

#include "agent/vip/locks.h"
#include "agent/vip/vips.h"
#include "gossip/lease/voters.h"

#define FAKE_VIPS_MAX 4

extern struct fake_vips {
    struct vips_view views[FAKE_VIPS_MAX];
    size_t count;
    bool quorum, drained, gate;
    const char *error; /* what is asked for is refused with that */
    char asked[512];   /* "move web b\n" and so on */
    struct voters voters;
    char alike[2][GOSSIP_NAME_BYTES_MAX + 1]; /* a voter, and the member that is meant */
    /* The lock that was taken last. */
    char lock_name[GOSSIP_NAME_BYTES_MAX + 1];
    lock_changed_fn *changed;
    void *changed_arg;
    unsigned locks_taken, locks_dropped, locks_abandoned;
} fake_vips;

#endif
