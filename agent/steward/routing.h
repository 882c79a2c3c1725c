/* routing: the routes, or the rules, that come and go with a vip: all of one kind together. They
 * bear our mark (NETLINK_MARK), and only what bears it is removed. */
#ifndef MUSTER_AGENT_ROUTING_H
#define MUSTER_AGENT_ROUTING_H

#include "agent/steward/netlink.h"

#define ROUTING_MAX 64 /* of one kind */

/* What can be asked of the kernel about one kind (route_kind, rule_kind). All return false with
 * errno. */
struct routing_kind {
    /* Sets bit i of *found for each all[i] that the kernel has with our mark. */
    bool (*find)(struct netlink *n, const void *all, size_t count, uint64_t *found);
    bool (*add)(struct netlink *n, const void *all, size_t i);
    bool (*remove)(struct netlink *n, const void *all, size_t i);
};

struct routing {
    const struct routing_kind *kind;
    const void *all; /* an array of what the kind takes */
    size_t count;    /* at most ROUTING_MAX */
};

/* Adds those that are missing. 0, or an errno, and in *at which of them: EEXIST, there is such a
 * one of another's; ENODEV, its interface is not there; ENETUNREACH, its gateway has no way. */
int routing_add(struct netlink *n, const struct routing *r, size_t *at);
/* Removes those of ours. True: none of them is there. */
bool routing_remove(struct netlink *n, const struct routing *r);
/* 0: all are there; ENOENT: one is not; others: the kernel does not say. */
int routing_verify(struct netlink *n, const struct routing *r);

#endif
