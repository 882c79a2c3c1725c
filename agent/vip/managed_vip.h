/* managed_vip: one floating address of this host between its lease and the steward: does what its
 * state machine (vip.h) orders, and tells that machine what the steward reports. */
#ifndef MUSTER_MANAGED_VIP_H
#define MUSTER_MANAGED_VIP_H

#include "agent/config/vip_spec.h"
#include "agent/host.h"
#include "agent/rpc/schema.h"
#include "agent/steward/steward_protocol.h"
#include "agent/vip/vip.h"

#include <stdbool.h>
#include <stdint.h>

/* What all addresses of this host share. */
struct vips_shared {
    struct host *host;
    int fd;           /* to the steward; -1: there is none */
    int64_t heard_us; /* the steward's last report; 0: none yet */
    int64_t asked_us; /* the first request since then; 0: none */
    uint32_t host_number;
};

struct managed_vip {
    struct vip vip;
    const struct vip_spec *spec;
    uint64_t key; /* by which the steward knows it */
    char lease[sizeof HOST_LEASES_OF_VIPS + GOSSIP_NAME_BYTES_MAX];
    unsigned orders;    /* that the steward had no room for */
    unsigned flags;     /* to begin with */
    bool requested;     /* the steward has been asked to, since the lease was won */
    bool reply_pending; /* the steward has been asked, and has not said that it is held */
    bool fits;
    bool removed; /* from the configuration */
};

/* An address as events and answers show it. */
void vips_describe(const struct vip_spec *spec, const struct vip *vip, struct vip_record *into);

/* False: the steward is gone, or has been silent for too long. */
bool managed_vip_has_steward(const struct vips_shared *s, const struct managed_vip *m);
/* Notes that the steward was asked now. */
void managed_vip_note_asked(struct vips_shared *s);
/* Sends a request about this address. False: the steward has no room for it, or is gone. */
bool managed_vip_ask(struct vips_shared *s, const struct managed_vip *m,
                     enum steward_request_kind order, unsigned flags);
/* Claims its lease, or only observes it. */
void managed_vip_claim(struct vips_shared *s, const struct managed_vip *m, bool observes);
/* Carries orders of vip.h out. */
void managed_vip_apply(struct vips_shared *s, struct managed_vip *m, unsigned orders);
/* True: the report is of what was held before. */
bool managed_vip_is_late(const struct managed_vip *m, const struct steward_report *report);
/* Takes a report of the steward. Returns the orders that follow. */
unsigned managed_vip_report(struct vips_shared *s, struct managed_vip *m,
                            const struct steward_report *report);

#endif
