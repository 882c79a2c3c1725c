/* journal: every change that the agent publishes, numbered, as data and as its JSON line. The last
 * ones are kept for readers that come late or read slowly. */
#ifndef MUSTER_JOURNAL_H
#define MUSTER_JOURNAL_H

#include "agent/config/event_kind.h"
#include "agent/rpc/schema.h"
#include "gossip/gossip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_ENTRIES_MAX 4096    /* kept, at the most */
#define JOURNAL_BYTES_MAX (1 << 20) /* and their lines' bytes together */

/* One change. Shared by all that queue it: held and released, never changed. */
struct journal_entry {
    uint64_t seq;
    int64_t time_ms; /* wall clock, for people only */
    enum event_kind kind;
    struct gossip_member member; /* its profile is held by the entry; ours, where the change is of
                                  * no member */
    struct vip_record *vip;      /* NULL: of no address */
    const char *line;            /* the JSON object and its newline */
    size_t line_bytes;
    unsigned holds;
};

struct journal;

struct journal *journal_new(void);
void journal_free(struct journal *j);

/* Numbers and keeps a change, of a member or an address (NULL: of none; both copied); the entry is
 * borrowed from the journal (hold it to keep it). NULL: out of memory; the number is used up, so
 * that readers see a gap and not a silent hole. */
const struct journal_entry *journal_append(struct journal *j, int64_t time_ms, enum event_kind kind,
                                           const struct gossip_member *member,
                                           const struct vip_record *vip);

/* The last number given; 0 before the first change. */
uint64_t journal_newest(const struct journal *j);
/* The lowest number still kept; newest + 1 when nothing is. */
uint64_t journal_oldest(const struct journal *j);
/* The entry of that number, borrowed; NULL if it is not kept. */
const struct journal_entry *journal_at(const struct journal *j, uint64_t seq);

/* An entry lives until its last hold is released; the journal has one itself. */
const struct journal_entry *journal_hold(const struct journal_entry *entry);
void journal_release(const struct journal_entry *entry);

/* "2026-11-20T12:00:00.123Z" into JOURNAL_TIME_BYTES. */
#define JOURNAL_TIME_BYTES 25
void journal_time_text(int64_t time_ms, char *into);

#endif
