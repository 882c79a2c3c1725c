/* spread: which news rides on the next packet. Each member's row carries at most one piece of news,
 * its latest fact; lanes order urgent before ordinary, and less often sent before more. */
#ifndef GOSSIP_SPREAD_H
#define GOSSIP_SPREAD_H

#include "gossip/wire.h"

enum spread_lane {
    SPREAD_URGENT,   /* suspicions, refutations, failures, leaves */
    SPREAD_ORDINARY, /* joins and updates */
    SPREAD_LANES,
    SPREAD_IDLE = 0xff,
};

#define SPREAD_FANOUT 3       /* members that each round of news goes to */
#define SPREAD_EAGER_FANOUT 4 /* and the first round, at once */
#define SPREAD_LAMBDA 3       /* sends a fact: lambda * log2(members + 1), SWIM section 4.1 */
#define SPREAD_SENDS_MAX (SPREAD_LAMBDA * 15)
#define SPREAD_EAGER_GAP_US 5000 /* between eager rounds, so that facts share packets */

_Static_assert(GOSSIP_MEMBERS_MAX < (1 << 15), "log2(members + 1) is at most 15");

struct spread {
    uint32_t heads[SPREAD_LANES][SPREAD_SENDS_MAX]; /* rows, by times sent */
    uint32_t waiting;
    bool eager;      /* something urgent has not been sent at all */
    int64_t next_us; /* the next round, if anything waits */
    int64_t last_eager_us;
};

void spread_init(struct spread *s);

/* The row's fact is news: it is told from the start, whatever was told of it before. */
void spread_news(struct gossip *g, uint32_t row, enum spread_lane lane);
void spread_forget(struct gossip *g, uint32_t row);

/* Appends as many pieces of news as fit, and counts them as sent. */
void spread_fill(struct gossip *g, struct wire_writer *w);

/* Appends one row's fact in the form that it needs: short for what is only said of a member, full
 * for what it says of itself, and so may be of a version that the hearer does not hold. False: no
 * room. */
bool spread_put(struct gossip *g, struct wire_writer *w, uint32_t row);

/* Sends the facts of some rows to one place, now, as many as fit one packet; rows that have become
 * free are left out. */
void spread_tell(struct gossip *g, const struct gossip_route *to, const uint32_t *rows,
                 unsigned count);

void spread_tick(struct gossip *g);
int64_t spread_deadline(const struct gossip *g);

#endif
