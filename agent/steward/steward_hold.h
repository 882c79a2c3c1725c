/* steward_hold: one vip of the table: its hold, and what does as the hold says, to all its parts.
 */
#ifndef MUSTER_AGENT_STEWARD_HOLD_H
#define MUSTER_AGENT_STEWARD_HOLD_H

#include "agent/steward/handover.h"
#include "agent/steward/hold.h"
#include "agent/steward/steward_address.h"

/* A report that waits for the agent to read; a newer one takes its place. */
struct steward_due {
    struct steward_report report;
    bool is_due;
};

struct steward_hold {
    struct steward_vip vip;
    uint64_t key;  /* steward_vip_key */
    bool in_force; /* configured */
    bool prepared; /* configured by what may come into force */
    bool removed;  /* neither: it goes, and then its slot */
    struct hold hold;
    struct steward_addresses addresses;
    bool is_unread; /* something happened to its parts since they were read */
    bool is_read;   /* they are being read, or have been */
    struct netlink_link tracks[STEWARD_TRACKS_MAX]; /* as last seen; index 0: not there */
    int error;                                      /* why it could not be added */
    uint8_t error_part, error_index;                /* and which part of it */
    uint8_t restored_because;                       /* DROP_LINK, or DROP_ASKED: another program */
    struct steward_due due, eligibility;
};

void steward_hold_init(struct steward_hold *h, const struct steward_vip *vip);
/* Takes the routes, rules and tracked interfaces of `vip`, which has the same key. */
void steward_hold_change(struct steward_io *io, struct steward_hold *h,
                         const struct steward_vip *vip);
/* Removes what an earlier life has left and not handed over. */
void steward_hold_remove_leftovers(struct steward_io *io, struct steward_hold *h);
/* Goes on holding what an earlier steward gave; h->vip is the same. */
void steward_hold_adopt(struct steward_io *io, struct steward_hold *h,
                        const struct handover_hold *given);
/* False: it is not held. Else what a later steward needs to go on holding it. */
bool steward_hold_give(const struct steward_hold *h, struct handover_hold *into);
/* Does as a request says, or tells the agent why it is refused; error: why it is in any case. */
void steward_hold_apply(struct steward_io *io, struct steward_hold *h,
                        const struct steward_request *r, int error);
/* Does all that is due, by the clock as it is after each step. */
void steward_hold_settle(struct steward_io *io, struct steward_hold *h);
/* Sends what waits, as far as there is room. False: something still waits. */
bool steward_hold_flush(struct steward_io *io, struct steward_hold *h);

/* ---- what has been heard; to be settled after it ---- */

/* An interface of this host has changed, or is gone. */
void steward_hold_apply_link(struct steward_io *io, struct steward_hold *h,
                             const struct netlink_link *link, bool gone);
/* Looks at all interfaces of it, in place of changes that were lost. */
void steward_hold_look_at_links(struct steward_io *io, struct steward_hold *h);
/* Has the agent told whether this host could hold it, even where nothing has changed. */
void steward_hold_report_eligibility(struct steward_hold *h);
/* Another host claims an address. */
void steward_hold_apply_claim(struct steward_io *io, struct steward_hold *h,
                              const struct announce_claim *claim);
/* Something happened to an address of this host: the hold is unread, if that bears on it. */
void steward_hold_apply_addr(struct steward_hold *h, const struct netlink_addr *addr);

/* A route or a rule of ours was removed, perhaps by us. */
void steward_hold_apply_route(struct steward_hold *h);

/* To see whether all parts are still there, and still ours: begin, hand it every address of the
 * host, and judge. all: even if nothing happened. False: it is not held, or nothing happened. */
bool steward_hold_read_begin(struct steward_hold *h, bool all);
void steward_hold_read(struct steward_hold *h, const struct netlink_addr *addr);
void steward_hold_judge(struct steward_io *io, struct steward_hold *h);
/* Sets routes to networks, as was read. */
void steward_hold_route(struct steward_io *io, struct steward_hold *h);

#endif
