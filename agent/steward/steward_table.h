/* steward_table: the steward's addresses, as the configuration has them, which may change. */
#ifndef MUSTER_AGENT_STEWARD_TABLE_H
#define MUSTER_AGENT_STEWARD_TABLE_H

#include "agent/steward/steward_address.h"

/* All zero: none. */
struct steward_table {
    struct steward_address *addresses; /* they move when the table changes */
    size_t count;
};

/* A configuration that may come into force: its addresses (copied) are in the table beside those
 * that are. What is the same goes on as it is. False: out of memory; nothing has changed. */
bool steward_table_prepare(struct steward_table *t, const struct steward_vip *vips, size_t count);
/* What was prepared last is in force. What is not among it is dropped, and leaves the table once it
 * is gone. */
void steward_table_commit(struct steward_table *t);
/* What was prepared is forgotten: what was added for it is dropped likewise. */
void steward_table_rollback(struct steward_table *t);
void steward_table_free(struct steward_table *t);

/* Takes what came for a request: has the address do as it says, or tells the agent why it is
 * refused. */
void steward_table_apply(struct steward_table *t, struct steward_io *io, const void *bytes,
                         size_t count);
/* Goes on holding what an earlier steward gave; what is not in the table is dropped. False: out of
 * memory, or its time has passed. */
bool steward_table_adopt(struct steward_table *t, struct steward_io *io,
                         const struct handover_hold *h);
/* All that is held, for a later steward: at most STEWARD_VIPS_MAX. Returns how many. */
size_t steward_table_give(const struct steward_table *t, struct handover_hold *into);

/* Does all that is due. Returns when there will be something again. */
int64_t steward_table_settle(struct steward_table *t, struct steward_io *io);
/* Is none of them on this host? */
bool steward_table_is_free(const struct steward_table *t);

#endif
