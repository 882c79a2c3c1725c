/* changes: what follows from a change of the view. The one place where a change goes on to the
 * detector, to the updates that are spread and to the host's events. */
#ifndef GOSSIP_CHANGES_H
#define GOSSIP_CHANGES_H

#include "gossip/membership/view.h"

/* Hands a change to all that go by the view. A slot that is to be removed is free after that. */
void changes_apply(struct gossip *g, struct view_change change);

/* Forgets members that have been failed or left for long enough, now and then. */
void changes_reap(struct gossip *g);

#endif
