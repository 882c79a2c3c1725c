/* route: routes that come and go with a vip, in the kernel. They bear our mark (rtm_protocol), and
 * only what bears it is removed. */
#ifndef MUSTER_AGENT_ROUTE_H
#define MUSTER_AGENT_ROUTE_H

#include "agent/steward/netlink.h"
#include "agent/steward/steward_protocol.h"

/* Adds those that are missing. 0, or an errno, and in *at which of them: EEXIST, there is such a
 * route of another's; ENODEV, its interface is not there; ENETUNREACH, its gateway has no way. */
int route_add_all(struct netlink *n, const struct steward_vip_route *all, size_t count, size_t *at);
/* Removes those of ours. True: none of them is there. */
bool route_remove_all(struct netlink *n, const struct steward_vip_route *all, size_t count);
/* 0: all are there; ENOENT: one is not; others: the kernel does not say. */
int route_verify(struct netlink *n, const struct steward_vip_route *all, size_t count);

#endif
