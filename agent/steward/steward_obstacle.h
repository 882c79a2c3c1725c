/* steward_obstacle: what stands in the way of a vip, by its interfaces as they were last seen. */
#ifndef MUSTER_AGENT_STEWARD_OBSTACLE_H
#define MUSTER_AGENT_STEWARD_OBSTACLE_H

#include "agent/steward/steward_address.h"

/* The first thing that does, as an OBSTACLE of the vip with that key; tracks: of vip->tracks. */
struct steward_report steward_obstacle_find(uint64_t key, const struct steward_addresses *addresses,
                                            const struct steward_vip *vip,
                                            const struct netlink_link *tracks);

#endif
