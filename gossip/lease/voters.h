/* voters: whose majority decides on leases, and how that changes.
 *
 * The list is what the operator wrote, the same on every host; each change of it raises its
 * version. Two lists may have majorities that share nobody, so that no host may just go over to
 * the next one while others still go by the last. What a host goes by is therefore a range of
 * lists, the oldest that may still be in use somewhere up to the newest that it was given:
 *
 * - A candidate needs a majority of each list in its range.
 * - A voter serves whoever's range covers its own, and nobody else. So from when it has the next
 *   list, it gives nothing any more to those that have not.
 * - When a majority of an old list has a newer one, nobody can win by the old one alone any more;
 *   when, after that, the longest lease is over, nobody holds by it. Then the range begins with the
 *   next list.
 * - Who is given a list whose predecessor it never knew waits until somebody says that nothing
 *   older is in use. Until then it is no candidate, and as a voter serves only those who know the
 *   predecessor, and so have a majority of that too. Only version 1 has none.
 *
 * The range is kept on disk by the caller: a host that forgets it may have promised what it does
 * not know of any more. */
#ifndef GOSSIP_VOTERS_H
#define GOSSIP_VOTERS_H

#include "gossip/gossip.h"
#include "gossip/lease/lease.h"

struct voters_list {
    uint32_t version;
    uint64_t hash;
    unsigned count;
    char names[LEASE_VOTERS_MAX][GOSSIP_NAME_BYTES_MAX + 1];
    uint32_t beyond;   /* who is known to have a newer one, a bit each */
    int64_t beyond_us; /* since when a majority is; INT64_MAX: it is not */
};

struct voters {
    unsigned count; /* of lists, oldest first */
    bool waits;     /* there is one, and it is not in force here */
    struct voters_list lists[LEASE_LISTS_MAX];
};

#define VOTERS_ERRORS(X)                                                                           \
    X(VOTERS_OK, "ok")                                                                             \
    X(VOTERS_ERROR_EMPTY, "a quorum has 1 to 31 voters, each named once")                          \
    X(VOTERS_ERROR_CHANGED, "other voters than those of the same version before: raise `version`") \
    X(VOTERS_ERROR_OLDER, "a version older than the one in force here")                            \
    X(VOTERS_ERROR_FULL, "the last changes are not through yet: try again in a minute or two")

#define VOTERS_ERROR_ENUM(name, text) name,
enum voters_error { VOTERS_ERRORS(VOTERS_ERROR_ENUM) };
#undef VOTERS_ERROR_ENUM
const char *voters_error_text(enum voters_error error);

/* The operator's list. names: copied, borrowed during the call; version: from 1. Anything but
 * VOTERS_OK changes nothing. */
enum voters_error voters_configure(struct voters *v, uint32_t version, const char *const *names,
                                   unsigned count);

/* One that was kept on disk, oldest first. False: it cannot follow the ones before. */
bool voters_restore(struct voters *v, uint32_t version, bool waits, const char *const *names,
                    unsigned count);

struct gossip_voters voters_range(const struct voters *v);

/* A member goes by these. True: our own range has changed. */
bool voters_note(struct voters *v, int64_t now_us, const char *name, struct gossip_voters theirs);
/* Lets go of what is not in use any more. True: our own range has changed. */
bool voters_tick(struct voters *v, int64_t now_us);
int64_t voters_deadline(const struct voters *v);

/* Does a voter that goes by this serve who goes by that? */
bool voters_serve(const struct voters *v, struct gossip_voters theirs);

/* False: there is no list, or we are not let in yet. */
bool voters_quorum(const struct voters *v, struct lease_quorum *quorum);
/* The bit of that voter in each list. False: in none. */
bool voters_seats(const struct voters *v, const char *name, uint32_t seats[LEASE_LISTS_MAX]);
/* Walks the names in all lists, each once: *cursor starts 0. NULL: that was the last. */
const char *voters_next(const struct voters *v, unsigned *cursor);

#endif
