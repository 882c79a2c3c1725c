/* strangers: lists of voters under our version that are not ours. Members go by one because of a
 * mistake in a file, or because two clusters have merged. Lists that have a voter in common could
 * both have a majority: then the smaller side takes nothing new. Lists without one concern each
 * other as little as two clusters do, and nobody's quorum.
 *
 * Members publish the hash of their list alone. So those that go by other lists are asked for the
 * names (WIRE_VOTERS); until one has answered, its list counts as one that overlaps ours. */
#ifndef GOSSIP_STRANGERS_H
#define GOSSIP_STRANGERS_H

#include "gossip/lease/voters.h"

#define STRANGERS_MAX 4 /* other lists at one time; of more, only the members are counted */

struct wire_message;
struct gossip_route;

struct stranger_list {
    uint64_t hash;
    uint32_t slot;    /* a member that goes by it */
    unsigned members; /* that do, now */
    unsigned asked;   /* times */
    int64_t ask_us;   /* next */
    bool known, overlaps, reported;
    struct voters_configuration voters; /* once known */
};

struct strangers {
    struct stranger_list *lists; /* allocated when there is one */
    uint32_t count, capacity;
    unsigned unlisted; /* members that go by yet other lists: these may overlap ours */
    bool disputed;
    int64_t looked_us; /* INT64_MIN: not yet */
};

void strangers_free(struct strangers *s);

/* Looks at the members, now and then: what lists they go by, and who is to be asked for one. */
void strangers_tick(struct gossip *g);
/* A member's list, or its question for ours. */
void strangers_receive(struct gossip *g, const struct wire_message *m,
                       const struct gossip_route *from);
/* True: a list that overlaps ours, or may, has as many members as ours: nothing new is taken. */
bool strangers_dispute(const struct gossip *g);

#endif
