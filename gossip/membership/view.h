/* view: hears facts about members and changes their rows: the one place where a row changes, with
 * everything that follows from it (events, rings, the view's hash, news to pass on). */
#ifndef GOSSIP_VIEW_H
#define GOSSIP_VIEW_H

#include "gossip/wire.h"

#define VIEW_ANSWERS_MAX 32

/* Where a packet's records came from. settled: they are part of a state exchange, old by now
 * perhaps, and not the latest news. */
struct view_source {
    const struct gossip_route *route;
    uint64_t sender;
    bool settled;
    /* Rows of which the sender should hear what we hold. One packet answers one packet: more would
     * make us a lever for whoever forges the sender's address. */
    uint32_t answers[VIEW_ANSWERS_MAX];
    unsigned answers_count;
};

/* Weighs a record by the precedence rule and acts on it. */
void view_hear(struct gossip *g, const struct wire_record *record, struct view_source *source);
/* Sends the answers, once all records of the packet were heard. */
void view_answer(struct gossip *g, const struct view_source *source);

/* Changes a row's fact, as first-hand knowledge or after weighing, and passes it on as news. */
void view_set(struct gossip *g, uint32_t row, uint32_t incarnation, enum gossip_status status);

void view_set_fact(struct gossip *g, uint32_t row, const struct fact *fact);

/* Ourselves with a higher incarnation than `above`, and `status` (ALIVE, LEAVING). */
void view_restate_self(struct gossip *g, uint32_t above, enum gossip_status status, bool partly);

/* Replaces our own profile (taken) and restates us. */
void view_reprofile_self(struct gossip *g, const struct gossip_profile *profile);

/* Marks a left member as not to be shown, and passes it on. */
void view_hide(struct gossip *g, uint32_t row);

/* Forgets members that have been failed or left for long enough. */
void view_reap(struct gossip *g);

#endif
