/* steward_eligibility: whether this host could hold a vip, by its interfaces as they were last
 * seen.
 */
#ifndef MUSTER_AGENT_STEWARD_ELIGIBILITY_H
#define MUSTER_AGENT_STEWARD_ELIGIBILITY_H

#include "agent/steward/steward_address.h"

/* An ELIGIBILITY of the vip with that key, with the first reason against it, if there is one;
 * tracks: of vip->tracks. */
struct steward_report steward_eligibility_find(uint64_t key,
                                               const struct steward_addresses *addresses,
                                               const struct steward_vip *vip,
                                               const struct netlink_link *tracks);

#endif
