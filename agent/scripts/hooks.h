/* hooks: the scripts of the configuration, of handlers and of addresses, as handlers. */
#ifndef MUSTER_HOOKS_H
#define MUSTER_HOOKS_H

#include "agent/config/config.h"
#include "agent/scripts/handler.h"

#include <stdbool.h>

/* False: out of memory; the handlers that were there stay. */
bool hooks_configure(struct handlers *handlers, const struct config *c);

#endif
