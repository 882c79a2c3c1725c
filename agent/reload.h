/* reload: takes on a changed configuration while running: what can change does, what cannot is
 * named. */
#ifndef MUSTER_RELOAD_H
#define MUSTER_RELOAD_H

#include "agent/agent.h"

/* As agent_reload. */
void reload_begin(struct agent *a, agent_done_fn *done, void *arg);
/* After each call of the core: an address that had to be let go of first may be gone. */
void reload_settle(struct agent *a);
void reload_forget(struct agent *a, const void *arg);

#endif
