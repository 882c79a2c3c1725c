/* view: changes of the member table, with the view's hash. A change is given out as data: the
 * caller hands it on to those that go by the view (gossip/changes.h). */
#ifndef GOSSIP_VIEW_H
#define GOSSIP_VIEW_H

#include "gossip/wire.h"

#define VIEW_SAME_TIME_US 10000000 /* of two starts: ages are whole seconds, and a little old */

/* One change of one slot. */
struct view_change {
    uint32_t slot;
    struct fact before, after;
    int64_t before_since_us; /* when the status before it began */
    bool added;              /* the member was not known before; `before` is void */
    bool removed;            /* the member is to be forgotten: the slot lives until member_remove */
    bool pruned;             /* the member is to be shown no more */
    bool by_record;          /* by the member's own record, with its profile */
    bool differs;            /* that has another generation, name, address or tags */
};

/* Replaces a slot's fact: by our own finding, or by a received one that won. */
struct view_change view_set(struct gossip *g, uint32_t slot, const struct fact *fact);
/* The same, of the incarnation that is held. */
struct view_change view_set_status(struct gossip *g, uint32_t slot, enum gossip_status status);
/* Marks a slot's member as alive and unreachable. */
struct view_change view_mark_unreachable(struct gossip *g, uint32_t slot);

/* Replaces a slot's fact and profile by a full record that won. False: out of memory, no change. */
bool view_take(struct gossip *g, uint32_t slot, const struct wire_record *record,
               struct view_change *change);
/* Gives a slot to a full record's member. False: no room, or no memory; no change. */
bool view_add(struct gossip *g, const struct wire_record *record, struct view_change *change);

/* Marks a left member as not to be shown. */
struct view_change view_prune(struct gossip *g, uint32_t slot);
/* Begins to forget a member; it counts as left from now on. */
struct view_change view_remove(struct gossip *g, uint32_t slot);
/* The member to forget next in a full table: of the dead, the one that left first, or else the one
 * that failed first. MEMBER_NONE: all are live. */
uint32_t view_oldest_dead(const struct gossip *g);
/* True if a member that is dead since then has been remembered for long enough. */
bool view_is_expired(const struct gossip *g, int64_t since_us);

/* Ourselves with a higher incarnation than `above`, and `status` (ALIVE, LEAVING). */
struct view_change view_restate_self(struct gossip *g, uint32_t above, enum gossip_status status,
                                     bool unreachable);
/* Replaces our own profile (taken) and restates us. */
struct view_change view_reprofile_self(struct gossip *g, const struct gossip_profile *profile);
/* Gives us a higher generation than that. False: out of memory, or there is none higher. */
bool view_take_generation_above(struct gossip *g, uint64_t generation);

/* True if a received LEFT is not the member's own word: it was force-left by an operator. */
bool view_is_force_left(const struct member *held, const struct fact *received);
/* The beginning of a record's status: the member's start if it lives, its death if not. */
int64_t view_began_us(const struct gossip *g, const struct wire_record *record);

#endif
