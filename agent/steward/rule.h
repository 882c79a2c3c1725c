/* rule: rules of policy routing that come and go with a vip, in the kernel. They bear our mark
 * (FRA_PROTOCOL), and only what bears it is removed. */
#ifndef MUSTER_AGENT_RULE_H
#define MUSTER_AGENT_RULE_H

#include "agent/steward/netlink.h"
#include "agent/steward/steward_protocol.h"

/* Adds those that are missing. 0, or an errno, and in *at which of them: EEXIST, there is such a
 * rule of another's. */
int rule_add_all(struct netlink *n, const struct steward_vip_rule *all, size_t count, size_t *at);
/* Removes those of ours. True: none of them is there. */
bool rule_remove_all(struct netlink *n, const struct steward_vip_rule *all, size_t count);
/* 0: all are there; ENOENT: one is not; others: the kernel does not say. */
int rule_verify(struct netlink *n, const struct steward_vip_rule *all, size_t count);

#endif
