/* ring: who watches whom. Each of RING_EDGES rings orders the members by a hash of their keys; a
 * member watches its live successor on each, and is watched by its live predecessor on each: a
 * constant number of edges a member, spread like an expander over the cluster, and everybody can
 * compute everybody's observers from the view alone. */
#ifndef GOSSIP_RING_H
#define GOSSIP_RING_H

#include "gossip/gossip.h"

struct member_table;

#define RING_EDGES 3

/* Up to this many live members everybody watches everybody. */
#define RING_SMALL (RING_EDGES + 1)

/* The rows that `row` watches: position r is ring r's successor. MEMBER_NONE where there is none;
 * two rings may name the same. */
void ring_subjects(const struct member_table *t, uint32_t row, uint32_t subjects[RING_EDGES]);

/* The live rows that watch `row`, without repeats and without `except`; returns how many. */
size_t ring_observers(const struct member_table *t, uint32_t row, uint32_t except,
                      uint32_t observers[RING_EDGES]);

/* True if the coming or going of `changed` may have made `subjects`, computed before it, untrue. */
bool ring_touched(const struct member_table *t, uint32_t row, const uint32_t subjects[RING_EDGES],
                  uint32_t changed);

#endif
