/* managed_vip: one floating address of this host between its lease and the steward: does what its
 * state machine (vip.h) decides, and passes the steward's reports to it. */
#ifndef MUSTER_MANAGED_VIP_H
#define MUSTER_MANAGED_VIP_H

#include "agent/config/vip_spec.h"
#include "agent/host.h"
#include "agent/rpc/schema.h"
#include "agent/steward/steward_failure.h"
#include "agent/steward/steward_protocol.h"
#include "agent/vip/vip.h"

#include <stdbool.h>
#include <stdint.h>

/* What all addresses of this host share. */
struct vips_shared {
    struct host *host;
    int fd;               /* to the steward; -1: there is none */
    int64_t reported_us;  /* the steward's last report; 0: none yet */
    int64_t requested_us; /* the first request since then; 0: none */
    uint32_t host_number;
};

#define MANAGED_VIP_TEXT_BYTES 256

struct managed_vip {
    struct vip vip;
    const struct vip_spec *spec;
    uint64_t key; /* of the address, in requests and reports */
    char lease[sizeof HOST_LEASES_OF_VIPS + GOSSIP_NAME_BYTES_MAX];
    unsigned actions;   /* not sent yet: the socket was full */
    unsigned flags;     /* STEWARD_PROBE, or 0, of the first request */
    bool requested;     /* a hold was sent since the lease was won */
    bool reply_pending; /* a hold or drop was sent, and no answer came yet */
    bool fits;
    bool removed;     /* from the configuration */
    bool preempts;    /* as last claimed */
    int64_t ready_us; /* a candidate since then, without a break; 0: it is none */
    char ineligible_because[MANAGED_VIP_TEXT_BYTES]; /* the steward's reason; "": none */
    char failure[STEWARD_FAILURE_BYTES];             /* the last one; "": it was up since */
    char why[MANAGED_VIP_TEXT_BYTES];                /* the last holder that is known has it */
    char last[GOSSIP_NAME_BYTES_MAX + 1];            /* that holder; "": none is known */
    uint64_t noted_epoch;                            /* of it */
    int64_t since_ms;                                /* UTC, as the event says; 0: not known */
};

/* An address as events and answers show it. */
void vips_describe(const struct vip_spec *spec, const struct vip *vip, struct vip_record *into);

/* False: the steward is gone, or has been silent for too long. */
bool managed_vip_has_steward(const struct vips_shared *s, const struct managed_vip *m);
/* Notes that the steward was asked now. */
void managed_vip_note_request(struct vips_shared *s);
/* Sends a request about this address. False: the socket is full, or the steward gone. */
bool managed_vip_request(struct vips_shared *s, const struct managed_vip *m,
                         enum steward_request_kind kind, unsigned flags);
/* True: it could preempt by now, and has not claimed so. */
bool managed_vip_may_preempt(const struct managed_vip *m);
/* Claims its lease, or only observes it. */
void managed_vip_claim(struct vips_shared *s, struct managed_vip *m, bool observes);
/* Notes why the next holder has it: before vip_lease. */
void managed_vip_note_lease(struct vips_shared *s, struct managed_vip *m,
                            const struct leases_state *lease);
/* Carries out actions of vip.h. */
void managed_vip_apply(struct vips_shared *s, struct managed_vip *m, unsigned actions);
/* True: the report is about an earlier epoch. */
bool managed_vip_is_late(const struct managed_vip *m, const struct steward_report *report);
/* Applies a report of the steward. Returns the actions that follow. */
unsigned managed_vip_report(struct vips_shared *s, struct managed_vip *m,
                            const struct steward_report *report);

#endif
