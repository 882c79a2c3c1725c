/* invariant: what holds of every core between any two steps, whatever it has heard. */
#ifndef GOSSIP_SIM_INVARIANT_H
#define GOSSIP_SIM_INVARIANT_H

#include "gossip/gossip.h"

/* Looks at everything that one core holds: costs time in proportion to its table. NULL: all is
 * well; else what is not. Static storage. */
const char *invariant_core(const struct gossip *core);

/* What each core held of each member when it was last looked at: incarnations never fall, and
 * nobody who was dead lives without a higher one. */
struct invariant_past;

struct invariant_past *invariant_past_new(uint32_t nodes);
void invariant_past_free(struct invariant_past *past);
/* A node has started anew: it may know nothing. */
void invariant_past_forget(struct invariant_past *past, uint32_t node);
/* Compares the core of a node with its past, and keeps what it holds now. Of large tables a part
 * each time; `at_once`: all of it. As invariant_core. */
const char *invariant_past_check(struct invariant_past *past, uint32_t node,
                                 const struct gossip *core, bool at_once);

#endif
