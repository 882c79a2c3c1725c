/* voters: the members whose majority decides on leases, and how these change.
 *
 * A configuration is the list that the operator wrote, the same on every host; each change of it
 * raises its version. An old and a new configuration may have majorities with no voter in common,
 * so that no host may simply go over to the new one while others still go by the old one. A host
 * goes by joint configurations (as in Raft's joint consensus): from the oldest that may still be in
 * use somewhere up to the newest that the host was given.
 *
 * - A candidate needs a majority of each configuration in its range.
 * - A voter serves candidates whose range covers its own, and no others. From when it has a newer
 *   configuration, it gives nothing to candidates that have not.
 * - When a majority of an old configuration has acknowledged a newer one, no candidate can win by
 *   the old one alone any more. When the longest lease is over after that, none is held by it. Then
 *   the range begins with the next configuration.
 * - A host that is given a configuration whose predecessor it never knew is joining: until a member
 *   reports that nothing older is in use. A joining host is no candidate, and as a voter serves
 * only candidates that know the predecessor, and so have a majority of that too. Only version 1 has
 * no predecessor.
 *
 * The range is kept on disk by the caller: a host that forgets it may have promised what it does
 * not know of any more. */
#ifndef GOSSIP_VOTERS_H
#define GOSSIP_VOTERS_H

#include "gossip/gossip.h"
#include "gossip/lease/lease.h"

struct voters_configuration {
    uint32_t version;
    uint64_t hash;
    unsigned count;
    char names[LEASE_VOTERS_MAX][GOSSIP_NAME_BYTES_MAX + 1];
    uint32_t newer;   /* bitmask of the voters that have acknowledged a newer one */
    int64_t newer_us; /* since when a majority has; INT64_MAX: it has not */
};

struct voters {
    unsigned count; /* of configurations, oldest first */
    bool joining;   /* there is one, and it is not in force here */
    struct voters_configuration configurations[LEASE_CONFIGURATIONS_MAX];
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

/* Makes a configuration of these names. False: not 1 to LEASE_VOTERS_MAX, or not each once. */
bool voters_fill(struct voters_configuration *one, uint32_t version, const char *const *names,
                 unsigned count);

/* Takes the operator's configuration. names: copied, borrowed during the call; version: from 1.
 * Anything but VOTERS_OK changes nothing. */
enum voters_error voters_configure(struct voters *v, uint32_t version, const char *const *names,
                                   unsigned count);

/* Takes one that was kept on disk, oldest first. False: it cannot follow the ones before. */
bool voters_restore(struct voters *v, uint32_t version, bool joining, const char *const *names,
                    unsigned count);

/* The versions of the oldest and the newest one, and the hash of that. */
struct gossip_voters voters_range(const struct voters *v);

/* Notes what a member goes by. True: our own range has changed. */
bool voters_note(struct voters *v, int64_t now_us, const char *name, struct gossip_voters theirs);
/* Drops configurations that are no longer in use. True: our own range has changed. */
bool voters_tick(struct voters *v, int64_t now_us);
/* When voters_tick has something to drop; INT64_MAX: not yet known. */
int64_t voters_deadline(const struct voters *v);

/* True: a voter that goes by these serves a candidate that goes by those. */
bool voters_serve(const struct voters *v, struct gossip_voters theirs);

/* The sizes of the configurations. False: there is none, or we are joining. */
bool voters_quorum(const struct voters *v, struct lease_quorum *quorum);
/* The bit of that voter in each configuration. False: it is in none. */
bool voters_bits(const struct voters *v, const char *name, uint32_t bits[LEASE_CONFIGURATIONS_MAX]);
/* Walks the names in all configurations, each once: *cursor starts 0. NULL: that was the last. */
const char *voters_next(const struct voters *v, unsigned *cursor);

#endif
