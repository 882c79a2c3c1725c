/* steward_address: one address of the table: its hold, and what does as the hold says.
 */
#ifndef MUSTER_AGENT_STEWARD_ADDRESS_H
#define MUSTER_AGENT_STEWARD_ADDRESS_H

#include "agent/steward/announce.h"
#include "agent/steward/fence.h"
#include "agent/steward/handover.h"
#include "agent/steward/hold.h"
#include "agent/steward/netlink.h"
#include "agent/steward/steward_clock.h"
#include "agent/steward/steward_protocol.h"

#define STEWARD_OWN_MACS 16

/* What all addresses share. */
struct steward_io {
    int fd; /* to the agent; -1: the agent is gone */
    struct netlink netlink;
    struct announce announce;
    struct fence fence;
    /* Of other links of this host, as far as they were heard: with Linux's defaults each answers
     * for addresses of any (arp_ignore). */
    uint8_t own_macs[STEWARD_OWN_MACS][STEWARD_MAC_BYTES];
    size_t own_macs_count;
    bool fence_works; /* as far as the last attempt showed */
    bool ready_due;   /* READY waits for the agent to read */
    bool quit;        /* the agent ends in order */
};

struct steward_address {
    struct steward_vip vip;
    uint64_t key;  /* steward_vip_key */
    bool in_force; /* configured */
    bool prepared; /* configured by what may come into force */
    bool retired;  /* neither: it goes, and then its slot */
    struct hold hold;
    struct netlink_link link; /* as last seen */
    bool fenced;              /* the fence knows of it */
    int error;                /* why it could not be added */
    int64_t kernel_until_us;  /* its lifetime there */
    struct steward_report due;
    bool is_due; /* a report waits for the agent to read; a newer one takes its place */
};

void steward_address_init(struct steward_address *a, const struct steward_vip *vip);
/* Goes on holding what an earlier steward gave; a->vip is the address. */
void steward_address_adopt(struct steward_io *io, struct steward_address *a,
                           const struct handover_hold *h);
/* False: it is not held. Else what a later steward needs to go on holding it. */
bool steward_address_give(const struct steward_address *a, struct handover_hold *h);
/* Does as a request says, or tells the agent why it is refused; error: why it is in any case. */
void steward_address_apply(struct steward_io *io, struct steward_address *a,
                           const struct steward_request *r, int error);
/* Does all that is due, by the clock as it is after each step. */
void steward_address_settle(struct steward_io *io, struct steward_address *a);
/* Sends what waits, as far as there is room. False: something still waits. */
bool steward_address_flush(struct steward_io *io, struct steward_address *a);
bool steward_io_flush(struct steward_io *io);
/* A link has changed, and perhaps its MAC. */
void steward_io_link_changed(struct steward_io *io);

/* ---- what has been heard; to be settled after it ---- */

void steward_address_apply_link(struct steward_address *a, const struct netlink_link *link,
                                bool gone);
void steward_address_apply_claim(struct steward_io *io, struct steward_address *a,
                                 const struct announce_claim *claim);
/* Something happened to the address: looks whether it is still there, and still ours. */
void steward_address_verify(struct steward_io *io, struct steward_address *a);

#endif
