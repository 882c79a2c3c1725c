/* quorum: the voters as the disk, the configuration and the core have them. A voter's
 * promises must be on disk first: its voter lists, and the longest lease that it may grant. */
#ifndef MUSTER_QUORUM_H
#define MUSTER_QUORUM_H

#include "agent/config/quorum_spec.h"
#include "agent/events/journal.h"

#include <stdbool.h>

struct host;
struct quorum;
struct store;
struct worker;

/* Starts the core's leases with the voters of the disk and the configuration. A list that cannot
 * come into force is logged, and the one on disk stays. lease_ms: the longest lease configured
 * here. Blocks; for start-up. NULL with `error` filled (ERROR_BYTES). */
struct quorum *quorum_start(struct host *host, struct store *store, struct worker *worker,
                            const struct quorum_spec *spec, uint32_t lease_ms, char *error);
void quorum_free(struct quorum *q);

/* NULL: quorum_configure would accept it; else the reason (borrowed until the next call). */
const char *quorum_check(struct quorum *q, const struct quorum_spec *spec);
/* Puts another list into force, once the disk has it. NULL, or the reason why not (borrowed until
 * the next call); then the old list stays in force. */
const char *quorum_configure(struct quorum *q, const struct quorum_spec *spec);

/* True: this host has a quorum. False also where none is configured. */
bool quorum_is_there(const struct quorum *q);

#endif
