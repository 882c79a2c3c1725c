/* vips: this host's part in the floating addresses: leases on one side, the steward on the other,
 * a vip (vip.h) for each between them. */
#ifndef MUSTER_VIPS_H
#define MUSTER_VIPS_H

#include "agent/config/vip_spec.h"
#include "agent/events/journal.h"
#include "agent/vip/vip.h"

#include <stdbool.h>
#include <stddef.h>

struct host;
struct vips;

/* Called once, from the loop: the steward is gone. */
typedef void vips_lost_fn(void *arg);
/* steward_fd: our end of the socket to it (taken); -1: there is none, and nothing is held here.
 * NULL: out of memory. */
struct vips *vips_new(struct host *host, int steward_fd, vips_lost_fn *lost, void *arg);
/* number: of this host until its next boot (agent/state/host_number.h); 0, the default: none. With
 * a number, a restarted agent can resume its leases. To be set before vips_configure. */
void vips_set_host_number(struct vips *v, uint32_t number);
void vips_free(struct vips *v);

/* Makes room for count addresses, so that vips_configure cannot fail. False: out of memory. */
bool vips_reserve(struct vips *v, size_t count);
/* Replaces the addresses; there must be room (vips_reserve). specs: borrowed until the next call.
 * An address of unchanged name, address and interface keeps its state; all others must be down
 * (vips_retain). The steward must have the new configuration. */
void vips_configure(struct vips *v, const struct vip_spec *specs, size_t count);
/* Gives up the addresses that are not among specs; the others are eligible (again). */
void vips_retain(struct vips *v, const struct vip_spec *specs, size_t count);
/* True: all that vips_retain gave up are down. */
bool vips_are_retained(const struct vips *v);

/* Moves an address to that member. NULL: under way; else the reason why not (static). */
const char *vips_move(struct vips *v, const char *name, const char *successor);
/* Moves an address to the best waiting candidate. NULL or the reason, as above. */
const char *vips_release(struct vips *v, const char *name);
/* true: gives up all addresses, and claims none until called with false. */
void vips_drain(struct vips *v, bool drain);
/* True: the kernel fences each address at the end of its lease, even if all our processes stop. */
bool vips_has_fence(const struct vips *v);
bool vips_is_drained(const struct vips *v);

/* Gives up all addresses for good. */
void vips_stop(struct vips *v);
/* True: no address is held, starting or stopping. */
bool vips_are_down(const struct vips *v);

/* One address for `vip list` and `vip explain`. Borrowed for this turn of the loop. */
struct vips_view {
    const struct vip_spec *spec;
    const struct vip *vip;
    bool fits;                      /* this host's tags match */
    const char *ineligible_because; /* NULL: this host is eligible */
    const char *failure;            /* the last one here, since it was up last; "": none */
    const char *why;                /* the holder has it; "": nobody has it */
    int64_t since_ms;               /* the holder has it, or nobody has: UTC; 0: not known */
    struct leases_state lease;
};
/* *cursor starts 0. */
bool vips_next(const struct vips *v, size_t *cursor, struct vips_view *view);
bool vips_find(const struct vips *v, const char *name, struct vips_view *view);
/* Each address as last published, for snapshots. *cursor starts 0. */
bool vips_next_published(const struct vips *v, size_t *cursor, struct vip_record *into);

#endif
