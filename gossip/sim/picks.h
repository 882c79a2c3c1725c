/* picks: reads the NODES of a scenario's statements. */
#ifndef GOSSIP_SIM_PICKS_H
#define GOSSIP_SIM_PICKS_H

#include "gossip/sim/scenario.h"
#include "gossip/sim/words.h"

#include <stdbool.h>

/* Takes the next word or, with `any`, words. scenario: how many nodes there are, and the groups so
 * far. rest: may it stand here? Set to false once it does. False: the words' error says why. */
bool picks_read(struct words *w, const struct scenario *scenario, bool *rest,
                struct pick_list *picks);

/* The nodes that a list names, whatever is drawn for `any`. The caller's to free. */
struct node_set picks_named(const struct scenario *scenario, const struct pick_list *picks);

#endif
