/* steward_table: the steward's vips, as the configuration has them, which may change. */
#ifndef MUSTER_AGENT_STEWARD_TABLE_H
#define MUSTER_AGENT_STEWARD_TABLE_H

#include "agent/steward/steward_hold.h"

/* All zero: none. */
struct steward_table {
    struct steward_hold *holds; /* they move when the table changes */
    size_t count;
    struct steward_vip *next; /* prepared, for commit; NULL: none are */
    size_t next_count;
};

/* A configuration that may come into force: its vips (copied) are in the table beside those that
 * are. What is the same goes on as it is. False: out of memory; nothing has changed. */
bool steward_table_prepare(struct steward_table *t, const struct steward_vip *vips, size_t count);
/* What was prepared last is in force, with its routes, rules and tracked interfaces. What is not
 * among it is dropped, and leaves the table once it is gone. steward_table_look_at_links is to
 * follow. */
void steward_table_commit(struct steward_table *t, struct steward_io *io);
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
                         const struct handover_hold *given);
/* All that is held, for a later steward: at most STEWARD_VIPS_MAX. Returns how many. */
size_t steward_table_give(const struct steward_table *t, struct handover_hold *into);

/* Looks at the interfaces of all that is in force, and tells the agent what stands in the way. */
void steward_table_look_at_links(struct steward_table *t, struct steward_io *io);

/* Reads the addresses of this host, if something happened to those of a vip that is held, and looks
 * whether its parts are there. */
void steward_table_verify(struct steward_table *t, struct steward_io *io);
/* Reads links and addresses of all, whatever was heard of them. */
void steward_table_check(struct steward_table *t, struct steward_io *io);

/* Does all that is due. Returns when there will be something again. */
int64_t steward_table_settle(struct steward_table *t, struct steward_io *io);
/* Is none of them on this host? */
bool steward_table_is_free(const struct steward_table *t);

#endif
