/* merge: notices that two clusters have become one, neither of which knew a member of the other:
 * not two halves of one cluster, and not a newcomer. Nothing is refused, for two groups of one
 * cluster may have started apart; the host is told, on both sides of the first contact. */
#ifndef GOSSIP_MERGE_H
#define GOSSIP_MERGE_H

#include <stdbool.h>
#include <stdint.h>

struct gossip;

struct merge {
    uint64_t newcomer;  /* the member that was let in last, and knew others */
    uint64_t view;      /* the hash of its view then */
    uint64_t own_terms; /* of what it has sent since: its own members' part of that hash */
    uint64_t told;      /* the member of the last event */
};

/* Notes that a newcomer was let in whose view had that hash. */
void merge_let_in(struct gossip *g, uint64_t newcomer, uint64_t view);
/* True: other members than that have been known here for a while. */
bool merge_is_settled(const struct gossip *g, uint64_t but);
/* The records of a state exchange with that member are applied, in a settled cluster. Others than
 * it and us: how many were known before, and the sum of member_term of the live ones that were not.
 */
void merge_note(struct gossip *g, uint64_t from, unsigned known, uint64_t fresh_terms);

#endif
