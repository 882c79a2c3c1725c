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
/* This host in this run of it, by a number (agent/state/host_number.h); 0, as at first: it has
 * none. With it a later life of this agent may take up what is held here. To be set before the
 * rest. */
void vips_set_host_number(struct vips *v, uint32_t number);
void vips_free(struct vips *v);

/* Makes room for so many, so that vips_configure cannot fail. False: out of memory. */
bool vips_reserve(struct vips *v, size_t count);
/* Takes on these, for which there is room, borrowed until others are. What has the same name,
 * address and interface goes on as it is; others must have been let go of before. The steward must
 * know them. */
void vips_configure(struct vips *v, const struct vip_spec *specs, size_t count);
/* Lets go of those that are not among these; the rest may be held (again). */
void vips_retain(struct vips *v, const struct vip_spec *specs, size_t count);
/* ... and has done so. */
bool vips_are_retained(const struct vips *v);

/* NULL: it is under way; else why not (static). */
const char *vips_move(struct vips *v, const char *name, const char *successor);
/* Lets the best that waits have it. */
const char *vips_release(struct vips *v, const char *name);
/* Gives all up, and takes none until it is undone. */
void vips_drain(struct vips *v, bool drain);
/* Does the kernel end what is held by itself, to the millisecond, should we all stop? */
bool vips_has_gate(const struct vips *v);
bool vips_is_drained(const struct vips *v);

/* Gives all up for good. */
void vips_stop(struct vips *v);
/* Is none held, or on the way up or down? */
bool vips_are_down(const struct vips *v);

/* What there is to see. Borrowed until the loop goes on. */
struct vips_view {
    const struct vip_spec *spec;
    const struct vip *vip;
    bool fits;                      /* our tags make us a candidate */
    const char *ineligible_because; /* why we are none (static); NULL: we are */
    struct leases_state lease;
};
/* *cursor starts 0. */
bool vips_next(const struct vips *v, size_t *cursor, struct vips_view *view);
bool vips_find(const struct vips *v, const char *name, struct vips_view *view);
/* What snapshots say of each address: as was last published. *cursor starts 0. */
bool vips_next_told(const struct vips *v, size_t *cursor, struct vip_record *into);

#endif
