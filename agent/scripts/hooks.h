/* hooks: handlers for all scripts of the configuration: those of handlers and of addresses. */
#ifndef MUSTER_HOOKS_H
#define MUSTER_HOOKS_H

#include "agent/config/config.h"
#include "agent/scripts/handlers.h"

#include <stdbool.h>

/* The plan (handlers_prepare) of a configuration. NULL: out of memory. */
struct handlers_plan *hooks_prepare(struct handlers *handlers, const struct config *c);

#endif
