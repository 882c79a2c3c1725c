/* snapshot: the view at one moment, as a line of events.sock. Readers that ask at about the same
 * time share one. */
#ifndef MUSTER_SNAPSHOT_H
#define MUSTER_SNAPSHOT_H

#include "agent/events/events.h"
#include "agent/rpc/schema.h"

#include <stddef.h>
#include <stdint.h>

/* Snapshots being sent at one time. Each is the whole view (4 MB in the largest cluster), and a
 * reader that stalls halfway through one keeps it, so this is what bounds their memory. */
#define SNAPSHOTS_MAX 8

struct snapshot {
    uint64_t seq; /* of the last change in it */
    struct json json;
    size_t line_bytes;
    unsigned holds;
};

/* Start with what they are made from, and nothing else. */
struct snapshots {
    const struct journal *journal;
    const struct gossip *gossip;
    events_vip_fn *next_vip; /* NULL: there are no addresses */
    const void *vips;
    struct snapshot *sent[SNAPSHOTS_MAX]; /* being sent, oldest first */
    size_t count;
};

/* A snapshot from which the journal still goes on, held: that of this moment unless too many are
 * being sent. NULL: there is no room for the one that is needed (snapshots_are_full), or no memory.
 */
struct snapshot *snapshot_take(struct snapshots *all);
/* The last release frees it. */
void snapshot_release(struct snapshots *all, struct snapshot *s);
/* Too many are being sent, and the journal does not go on from any of them. */
bool snapshots_are_full(const struct snapshots *all);

#endif
