/* quorum: the voters as the disk, the configuration and the core have them. What a voter promises
 * must be on disk first: the lists that it goes by, and how long a lease it may grant. */
#ifndef MUSTER_QUORUM_H
#define MUSTER_QUORUM_H

#include "agent/config/quorum_spec.h"
#include "agent/events/journal.h"

#include <stdbool.h>

struct host;
struct quorum;
struct store;
struct worker;

/* Gives the core what the disk and the configuration say. What the configuration says and cannot be
 * taken on is said in the log, and what was in force goes on. lease_ms: the longest that is
 * configured here. Blocks; for start-up. NULL with `error` filled (ERROR_BYTES). */
struct quorum *quorum_start(struct host *host, struct store *store, struct worker *worker,
                            const struct quorum_spec *spec, uint32_t lease_ms, char *error);
void quorum_free(struct quorum *q);

/* NULL: quorum_configure would take it on; else why not (borrowed until the next call). */
const char *quorum_check(struct quorum *q, const struct quorum_spec *spec);
/* Takes on another list, once the disk has it. NULL, or why not (borrowed until the next call);
 * what was in force goes on. */
const char *quorum_configure(struct quorum *q, const struct quorum_spec *spec);

/* Is there one? False as well where none is configured. */
bool quorum_is_there(const struct quorum *q);

#endif
