/* vip: the state machine of one floating address on this host. It is pure, so that tests can play
 * with time and faults: an event goes in, actions for the caller come out.
 *
 *     out ---------> waiting ----------> starting --------> holding
 *      ^  eligible   |  ^    lease won      |   it is up     |
 *      |             |  |                   |                | move, drain, no more eligible
 *      +-------------+  +---- stopping <----+----------------+
 *                             until it is down; then the successor gets the lease
 *
 * A lost lease needs no stopping: the steward knew its end from the start, and drops the address
 * then. */
#ifndef MUSTER_VIP_H
#define MUSTER_VIP_H

#include "gossip/lease/leases.h"

#include <stdbool.h>
#include <stdint.h>

/* How long an address is left to other hosts after a foreign host claimed it. */
#define VIP_RETRY_US 5000000
/* Back-off after an address could not be held here for another reason (a link, a lease that could
 * not be renewed): doubled each time, until the address was up. */
#define VIP_BACK_OFF_US_MIN 500000
#define VIP_BACK_OFF_US_MAX 8000000

enum vip_state { VIP_OUT, VIP_WAITING, VIP_STARTING, VIP_HOLDING, VIP_STOPPING };
const char *vip_state_text(enum vip_state state);

struct vip {
    enum vip_state state;
    bool eligible;
    int64_t retry_us;    /* end of the back-off; 0: not backing off */
    int64_t back_off_us; /* the last back-off since it was up; 0: none */
    int64_t until_us;    /* of the lease, while starting and holding */
    uint64_t epoch;
    char successor[GOSSIP_NAME_BYTES_MAX + 1]; /* stopping; "": the best that waits */
    bool foreign;                              /* a host outside the cluster claims it */
    bool here;                                 /* the last change published is of this host */
    char self[GOSSIP_NAME_BYTES_MAX + 1];
    char holder[GOSSIP_NAME_BYTES_MAX + 1]; /* as last published; "": nobody */
    uint64_t published_epoch;
};

enum vip_action {
    VIP_CLAIM = 1,     /* be a candidate for the lease */
    VIP_OBSERVE = 2,   /* be no candidate, and observe the lease */
    VIP_UP = 4,        /* steward: hold it until until_us */
    VIP_PROBE = 8,     /* with VIP_UP: probe for another holder first (RFC 5227) */
    VIP_DOWN = 16,     /* steward: drop it */
    VIP_RELEASE = 32,  /* the lease, to the successor */
    VIP_ACQUIRED = 64, /* publish it */
    VIP_RELEASED = 128,
    VIP_CONFLICT = 256,
    VIP_YIELD = 512, /* release the lease to no successor: its next holder probes first */
    VIP_RESTORED = 2048,
    VIP_RENEW = 1024, /* with VIP_UP: the address is held already; do not start it */
};

/* Each takes the time and returns the actions, a bit each. Their parameters are
 * fields of the vip. */
unsigned vip_set_eligible(struct vip *v, int64_t now_us, bool eligible);
/* The lease has changed in some way. */
unsigned vip_lease(struct vip *v, int64_t now_us, const struct leases_state *lease);
/* Hands it to that member; "": to the best that waits. */
unsigned vip_move(struct vip *v, int64_t now_us, const char *successor);
/* A report of the steward. VIP_IS_FOREIGN does not mean down: that report follows. */
enum vip_report_kind { VIP_IS_UP, VIP_IS_DOWN, VIP_IS_REFUSED, VIP_IS_FOREIGN, VIP_IS_RESTORED };
unsigned vip_report(struct vip *v, int64_t now_us, enum vip_report_kind kind);
/* Called periodically: ends a back-off that is over. */
unsigned vip_tick(struct vip *v, int64_t now_us);

#endif
