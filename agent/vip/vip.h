/* vip: what becomes of one floating address on this host: pure, so that time and faults can be
 * played with. Something happens, and what is to be done comes out as orders.
 *
 *     out ---------> waiting ----------> starting --------> holding
 *      ^  eligible   |  ^    lease won      |   it is up     |
 *      |             |  |                   |                | move, drain, no more eligible
 *      +-------------+  +---- stopping <----+----------------+
 *                             until it is down; then the lease goes on to the successor
 *
 * A lease that is lost needs no stopping: the steward had its end from the start, and keeps it. */
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
    int64_t retry_us;    /* no candidate before that; 0: none is due */
    int64_t back_off_us; /* the last, since it was up; 0: none */
    int64_t until_us;    /* of the lease, while starting and holding */
    uint64_t epoch;
    char successor[GOSSIP_NAME_BYTES_MAX + 1]; /* stopping; "": the best that waits */
    bool foreign;                              /* a host outside the cluster claims it */
    bool here;                                 /* the last change published is of this host */
    char self[GOSSIP_NAME_BYTES_MAX + 1];
    char holder[GOSSIP_NAME_BYTES_MAX + 1]; /* as last published; "": nobody */
    uint64_t told_epoch;
};

enum vip_order {
    VIP_CLAIM = 1,     /* be a candidate for the lease */
    VIP_OBSERVE = 2,   /* be none, and only observe it */
    VIP_UP = 4,        /* steward: hold it until until_us */
    VIP_PROBE = 8,     /* ... but ask first if somebody has it */
    VIP_DOWN = 16,     /* steward: drop it */
    VIP_RELEASE = 32,  /* the lease, to the successor */
    VIP_ACQUIRED = 64, /* publish it */
    VIP_RELEASED = 128,
    VIP_CONFLICT = 256,
    VIP_YIELD =
        512, /* the lease, to no successor: who takes it next asks whether somebody has it */
    VIP_RENEW = 1024, /* with VIP_UP: it goes on, and must not begin anew */
};

/* Each takes the time and returns the orders, a bit each. What an order says besides stands in the
 * vip. */
unsigned vip_set_eligible(struct vip *v, int64_t now_us, bool eligible);
/* The lease has changed in some way. */
unsigned vip_lease(struct vip *v, int64_t now_us, const struct leases_state *lease);
/* Hands it to that member; "": to the best that waits. */
unsigned vip_move(struct vip *v, int64_t now_us, const char *successor);
/* What the steward reports. FOREIGN does not mean down: that report follows. */
enum vip_report_kind { VIP_IS_UP, VIP_IS_DOWN, VIP_IS_REFUSED, VIP_IS_FOREIGN };
unsigned vip_report(struct vip *v, int64_t now_us, enum vip_report_kind kind);
/* At any time, and often: begins anew what backed off. */
unsigned vip_tick(struct vip *v, int64_t now_us);

#endif
