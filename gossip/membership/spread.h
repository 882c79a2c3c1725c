/* spread: the updates that ride on the next packet. Each member's slot carries at most one update,
 * its latest fact; immediate ones go before ordinary ones, and those sent less often before others.
 */
#ifndef GOSSIP_SPREAD_H
#define GOSSIP_SPREAD_H

#include "gossip/wire.h"

enum spread_priority {
    SPREAD_IMMEDIATE, /* suspicions, refutations, failures, leaves */
    SPREAD_ORDINARY,  /* joins, new tags */
    SPREAD_PRIORITIES,
};

#define SPREAD_FANOUT 3           /* members that each round goes to */
#define SPREAD_IMMEDIATE_FANOUT 4 /* and the first round of an immediate update */
#define SPREAD_LAMBDA 3           /* sends of an update: lambda * log2(members + 1), SWIM 4.1 */
#define SPREAD_SENDS_MAX (SPREAD_LAMBDA * 15)
#define SPREAD_IMMEDIATE_GAP_US 5000 /* between immediate rounds, so that updates share packets */

_Static_assert(GOSSIP_MEMBERS_MAX < (1 << 15), "log2(members + 1) is at most 15");

struct spread {
    uint32_t heads[SPREAD_PRIORITIES][SPREAD_SENDS_MAX]; /* slots, by times sent */
    uint32_t waiting;
    bool immediate;  /* an immediate update has not been sent at all */
    int64_t next_us; /* the next round, if any update waits */
    int64_t last_immediate_us;
};

void spread_init(struct spread *s);

/* The slot's fact becomes an update, sent from the start, whatever was sent of it before. */
void spread_update(struct gossip *g, uint32_t slot, enum spread_priority priority);
/* Drops the slot's update, if there is one. */
void spread_drop(struct gossip *g, uint32_t slot);

/* Appends as many updates as fit, and counts them as sent. */
void spread_fill(struct gossip *g, struct wire_writer *w);

/* Appends one slot's fact in the form that it needs: short for others' claims about a member, full
 * for the member's own, which may be of a version that the receiver does not hold. False: no room.
 */
bool spread_put(struct gossip *g, struct wire_writer *w, uint32_t slot);

/* Sends the facts of some slots to one place, now, as many as fit one packet; slots that have
 * become free are left out. */
void spread_send(struct gossip *g, const struct gossip_route *to, const uint32_t *slots,
                 unsigned count);

/* Sends a member the claim that it has failed, with a ping; only its refutation matters. */
void spread_challenge(struct gossip *g, uint32_t slot, enum gossip_via via);

/* Sends a round, if one is due. */
void spread_tick(struct gossip *g);
int64_t spread_deadline(const struct gossip *g);

#endif
