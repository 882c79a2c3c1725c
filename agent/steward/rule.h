/* rule: rules of policy routing that come and go with a vip, in the kernel (FRA_PROTOCOL is our
 * mark). */
#ifndef MUSTER_AGENT_RULE_H
#define MUSTER_AGENT_RULE_H

#include "agent/steward/routing.h"

/* Of struct steward_vip_rule. */
extern const struct routing_kind rule_kind;

#endif
