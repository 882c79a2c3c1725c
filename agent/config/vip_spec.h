/* vip_spec: what the configuration says of one vip: addresses that belong together, and what comes
 * and goes with them. */
#ifndef MUSTER_VIP_SPEC_H
#define MUSTER_VIP_SPEC_H

#include "agent/base/account.h"
#include "agent/base/address.h"
#include "agent/config/tag_match.h"
#include "gossip/gossip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIP_REQUIRES_MAX 16
#define VIP_TRACK_MAX 16
#define VIP_ADDRESSES_MAX 64
#define VIP_ROUTES_MAX 64
#define VIP_RULES_MAX 64
#define VIP_PRIORITIES_MAX 256
#define VIP_INTERFACE_BYTES_MAX 15 /* IFNAMSIZ without the NUL */

typedef char vip_interface[VIP_INTERFACE_BYTES_MAX + 1];

struct vip_address {
    uint8_t ip[ADDRESS_IP_BYTES];
    uint8_t prefix_bits;
    vip_interface interface; /* its own `dev`, or that of the vip; never "" once it is checked */
};

/* As ip-route(8) has it. An address that is all zero is not given. */
struct vip_route {
    bool ipv6;
    uint8_t to[ADDRESS_IP_BYTES];
    uint8_t to_bits; /* of the family; 0: the default route */
    uint8_t via[ADDRESS_IP_BYTES], src[ADDRESS_IP_BYTES];
    vip_interface dev; /* "": the kernel finds it by `via` */
    uint32_t table;
    uint32_t metric; /* 0: the kernel's own */
    uint32_t mtu;    /* 0: the interface's */
    bool onlink;
};

/* As ip-rule(8) has it. */
struct vip_rule {
    bool ipv6;
    uint8_t from[ADDRESS_IP_BYTES], to[ADDRESS_IP_BYTES];
    uint8_t from_bits, to_bits; /* 0: any */
    vip_interface iif;          /* "": any */
    uint32_t fwmark, fwmask;    /* fwmask 0: any */
    uint32_t table;
    uint32_t priority; /* never 0 */
};

/* Of one host, or of all others. */
struct vip_priority {
    char host[GOSSIP_NAME_BYTES_MAX + 1]; /* "": of every host that is not named */
    uint8_t value;
};

/* As muster.conf(5) has it; everything owned. The title comes first (config_table.h). */
struct vip_spec {
    char *name;
    struct vip_address *addresses; /* at least one; the first one stands for the vip in events */
    size_t addresses_count;
    char *interface;        /* of addresses without one of their own; NULL: each has its own */
    struct tag_match match; /* tags of the members that are candidates */
    /* The tags of this host in the file match. Otherwise the interface and the hook were not looked
     * up on this host. Those that are set while the agent runs count then (agent/vip/vips.h). */
    bool fits;
    struct vip_priority *priorities;
    size_t priorities_count;
    uint8_t priority;                 /* of this host; the highest wins */
    bool preempt;                     /* takes the address from a holder of lower priority */
    uint32_t preempt_delay_ms;        /* ... once it has been able to for so long */
    uint32_t start_delay_ms;          /* no candidate before the host has been up for so long */
    uint32_t announce_every_ms;       /* 0: only when it was acquired, or when something changed */
    char *requires[VIP_REQUIRES_MAX]; /* names of checks */
    size_t requires_count;
    struct vip_route *routes;
    size_t routes_count;
    struct vip_rule *rules;
    size_t rules_count;
    char *track[VIP_TRACK_MAX]; /* interfaces that must have a carrier, besides its own */
    size_t track_count;
    char *hook; /* NULL: none; else as a handler's `run` */
    uint32_t timeout_ms;
    char *user;              /* NULL: the user of the steward */
    struct account *account; /* of `user`; NULL without one */
    uint32_t lease_ms;
};

/* Whether this host may hold it, by its file: never while checks are required, as there are none
 * yet. */
static inline bool vip_spec_may_hold(const struct vip_spec *s)
{
    return s->fits && s->requires_count == 0;
}

#endif
