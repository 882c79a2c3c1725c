/* reader: a place in the journal. It gives the changes from there in order, and a gap where changes
 * are no longer kept. events.sock, `stream` and `watch` all read by it. */
#ifndef MUSTER_READER_H
#define MUSTER_READER_H

#include "agent/events/journal.h"

#include <stdbool.h>
#include <stdint.h>

struct reader {
    uint64_t next;    /* the first change not looked at */
    unsigned kinds;   /* of changes that are wanted: bit (1 << enum event_kind) */
    bool earlier_run; /* it asked for a number that was not given yet in this run */
};

#define READER_ALL_KINDS ((1u << EVENT_KINDS_COUNT) - 1)

/* Before the next change. */
struct reader reader_at_end(const struct journal *j, unsigned kinds);
/* Before change `from`; 0: before the next one. A number beyond the next one is of an earlier run
 * of the agent, whose end the reader missed: it gets an empty gap, then all that is kept. */
struct reader reader_from(const struct journal *j, unsigned kinds, uint64_t from);

/* What comes next: a change, or a gap. */
struct reader_item {
    const struct journal_entry *entry; /* borrowed from the journal; NULL: a gap */
    uint64_t lost, last_lost;          /* of a gap: how many changes, and the number of the last */
};
/* Reads it, and goes past it. False: nothing, for now. */
bool reader_next(struct reader *r, const struct journal *j, struct reader_item *item);

/* Goes past everything up to `seq`. Returns how many changes that were. */
uint64_t reader_skip(struct reader *r, uint64_t seq);

#endif
