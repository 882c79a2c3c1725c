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
    struct tag_match match; /* who is a candidate */
    /* Our own tags fit, so that the address may come here. Otherwise nobody looked whether this
     * host has the interface, the hook and the user, and `account` is NULL. */
    bool fits;
    uint8_t priority;                 /* the highest wins */
    bool preempt;                     /* it takes the address from a holder of lower priority */
    char *requires[VIP_REQUIRES_MAX]; /* names of checks */
    size_t requires_count;
    char *hook; /* NULL: none; else as a handler's `run` */
    uint32_t timeout_ms;
    char *user;              /* NULL: ours */
    struct account *account; /* that user's; NULL as well then */
    uint32_t lease_ms;
};

/* May this host hold it? Not as long as it requires checks, as there are none yet. */
bool vip_spec_may_hold(const struct vip_spec *s);

#endif
