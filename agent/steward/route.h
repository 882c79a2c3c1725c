/* route: routes that come and go with a vip, in the kernel (rtm_protocol is our mark). */
#ifndef MUSTER_AGENT_ROUTE_H
#define MUSTER_AGENT_ROUTE_H

#include "agent/steward/routing.h"

/* Of struct steward_vip_route. */
extern const struct routing_kind route_kind;

#endif
