/* net_views: what the nodes of a virtual network hold of each other. */
#ifndef GOSSIP_SIM_NET_VIEWS_H
#define GOSSIP_SIM_NET_VIEWS_H

#include "gossip/sim/net.h"

/* Does every running node see exactly the running nodes as alive, and do all hold the same of
 * each: its incarnation, and whether it is unreachable? */
bool net_agrees(const struct net *net);

/* What `node` holds of `subject`; -1 if it does not know it. */
int net_status(const struct net *net, uint32_t node, uint32_t subject);
/* Does it hold it for a member, alive, suspect or leaving? */
bool net_counts_on(const struct net *net, uint32_t node, uint32_t subject);
/* True if it holds it for anything but alive and well: suspect, unreachable, dead. */
bool net_doubts(const struct net *net, uint32_t node, uint32_t subject);
/* The number of members that the running node holds as unreachable, itself perhaps among them. */
uint32_t net_unreachable(const struct net *net, uint32_t node);

#endif
