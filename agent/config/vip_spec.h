/* vip_spec: what the configuration says of one floating address. */
#ifndef MUSTER_VIP_SPEC_H
#define MUSTER_VIP_SPEC_H

#include "agent/base/account.h"
#include "agent/config/tag_match.h"
#include "gossip/gossip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIP_REQUIRES_MAX 16
#define VIP_INTERFACE_BYTES_MAX 15 /* IFNAMSIZ without the NUL */

/* As muster.conf(5) has it; everything owned. The title comes first (config_table.h). */
struct vip_spec {
    char *name;
    struct gossip_addr address; /* port 0 */
    uint8_t prefix_bits;
    char *interface;
    struct tag_match match; /* tags of the members that are candidates */
    /* The tags of this host match, so it is a candidate. Otherwise the interface, the hook and the
     * user were not looked up on this host, and `account` is NULL. */
    bool fits;
    uint8_t priority;                 /* the highest wins */
    bool preempt;                     /* takes the address from a holder of lower priority */
    char *requires[VIP_REQUIRES_MAX]; /* names of checks */
    size_t requires_count;
    char *hook; /* NULL: none; else as a handler's `run` */
    uint32_t timeout_ms;
    char *user;              /* NULL: the user of the steward */
    struct account *account; /* of `user`; NULL without one */
    uint32_t lease_ms;
};

/* Whether this host may hold it: never while checks are required, as there are none yet. */
static inline bool vip_spec_may_hold(const struct vip_spec *s)
{
    return s->fits && s->requires_count == 0;
}

#endif
