/* fake_kernel: addresses, a link, a fence and a clock, for a steward's addresses without a kernel.
 */
#ifndef MUSTER_FAKE_KERNEL_H
#define MUSTER_FAKE_KERNEL_H

#include "agent/steward/steward_hold.h"

#define FAKE_ADDRS_MAX 16
#define FAKE_IFINDEX 7

/* Reset by fake_kernel_start. */
struct fake_kernel {
    int64_t now_us;
    int64_t call_us; /* each call into the kernel takes so long */
    struct netlink_link link;
    bool no_link;
    struct netlink_link other_link;       /* index 0: there is none */
    uint8_t other_mac[NETLINK_MAC_BYTES]; /* of another link of this host; all 0: there is none */
    int mac_error;                        /* what a search for a MAC fails with; 0: it does not */
    unsigned mac_finds;
    struct netlink_addr addrs[FAKE_ADDRS_MAX];
    size_t addrs_count;
    uint32_t valid_s;            /* of the last address that was set */
    int set_error, delete_error; /* what the next calls fail with; 0: they do not */
    int addrs_error;
    unsigned sets_in_order; /* how many succeed before set_error counts */
    bool markless;          /* a kernel that keeps no marks */
    bool fence_fails, no_guard;
    int64_t guard_until_us; /* of the last guard_set; 0 after a guard_forget */
    int64_t fence_ms;       /* of the last fence_arm */
    unsigned networks;      /* routes to them */
    uint8_t network_prefix;
    size_t routes, rules;        /* of ours that are there */
    int route_error, rule_error; /* what adding one fails with; 0: it does not */
    unsigned sets, deletes, passes, forgets, probes, announcements;
};

extern struct fake_kernel fake_kernel;

void fake_kernel_start(void);
/* Puts an address there, or takes it away, as an operator does. */
void fake_addr_add(const struct netlink_addr *addr);
bool fake_addr_remove(const struct netlink_addr *addr);
/* An address with that mark, on whatever link. NULL: none. */
struct netlink_addr *fake_addr_find(const uint8_t *ip, bool ours);

#endif
