/* ring: the observers of each member. Each of a few rings orders the members by a hash of their
 * keys; a member observes its live successor on each, and is observed by its live predecessor on
 * each: a constant number of edges a member, spread like an expander over the cluster, and
 * everybody can compute everybody's observers from the view alone. */
#ifndef GOSSIP_RING_H
#define GOSSIP_RING_H

#include "gossip/gossip.h"

struct member_table;

#define RING_EDGES_MAX 6

/* The slots that `slot` observes on `edges` rings (at most RING_EDGES_MAX): position r is
 * ring r's successor. MEMBER_NONE where there is none; two rings may name the same. Of up to edges
 * + 1 live members everybody watches everybody. */
void ring_subjects(const struct member_table *t, unsigned edges, uint32_t slot,
                   uint32_t subjects[RING_EDGES_MAX]);

/* The live slots that observe `slot`, without repeats and without `except`; returns how many. */
size_t ring_observers(const struct member_table *t, unsigned edges, uint32_t slot, uint32_t except,
                      uint32_t observers[RING_EDGES_MAX]);

/* True if the coming or going of `changed` may have made `subjects`, computed before it, untrue. */
bool ring_touched(const struct member_table *t, unsigned edges, uint32_t slot,
                  const uint32_t subjects[RING_EDGES_MAX], uint32_t changed);

#endif
