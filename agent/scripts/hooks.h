/* hooks: the scripts of the configuration, of handlers and of addresses, as handlers. */
#ifndef MUSTER_HOOKS_H
#define MUSTER_HOOKS_H

#include "agent/config/config.h"
#include "agent/scripts/handler.h"

#include <stdbool.h>

/* The plan (handlers_prepare) of a configuration. NULL: out of memory. */
struct handlers_plan *hooks_prepare(struct handlers *handlers, const struct config *c);

#endif
