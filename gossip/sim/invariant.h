/* invariant: what holds of every core between any two steps, whatever it has received. */
#ifndef GOSSIP_SIM_INVARIANT_H
#define GOSSIP_SIM_INVARIANT_H

#include "gossip/gossip.h"

/* The packets and events that a core may hand out in one step: its edges send evidence to other
 * observers, and where many members fall silent at once each of them may be asked and reported. */
#define INVARIANT_PACKETS_MAX(members) (256 + 2 * (members))
#define INVARIANT_EVENTS_MAX(members) (64 + 2 * (members))

struct net_burst;

/* Are packets and queues within their limits, after a step in which the core had so much to say
 * (net.h)? Costs next to nothing. NULL: all is well; else what is not. Static storage, as with all
 * below. */
const char *invariant_limits(const struct gossip *core, const struct net_burst *burst);

/* Checks everything that one core holds: costs time in proportion to its table. */
const char *invariant_core(const struct gossip *core);

/* The fact that each core held of each member at its last check: incarnations never fall, and no
 * dead member lives without a higher one. */
struct invariant_past;

#define INVARIANT_SLICE 64
/* Slots remembered in all: of a cluster of 2048 nodes and more, only some nodes' are. */
#define INVARIANT_PAST_MAX (1 << 22)

struct invariant_past *invariant_past_new(uint32_t nodes);
void invariant_past_free(struct invariant_past *past);
/* A node has started anew: it may know nothing. */
void invariant_past_forget(struct invariant_past *past, uint32_t node);
/* Compares the core of a node with its past, and keeps what it holds now. Of large tables a part
 * each time, INVARIANT_SLICE slots; `at_once`: all of it. */
const char *invariant_past_check(struct invariant_past *past, uint32_t node,
                                 const struct gossip *core, bool at_once);

#endif
