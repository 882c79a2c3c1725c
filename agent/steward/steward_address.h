/* steward_address: the addresses of one vip, in the kernel, in the fence and on their links. */
#ifndef MUSTER_AGENT_STEWARD_ADDRESS_H
#define MUSTER_AGENT_STEWARD_ADDRESS_H

#include "agent/steward/steward_io.h"

/* An IPv4 address is always /32 in the kernel, and has no part in which address of a network is the
 * primary: the kernel would delete all others of the network, the host's own among them, with a
 * primary that goes. A route of ours to the network stands in for the kernel's where the host has
 * no address of its own there. Where the host's own address came later, as after a renewal by DHCP,
 * which flushes the interface, ours is added anew: otherwise it would be the source of what the
 * host sends. */
struct steward_address {
    struct steward_vip_address spec;
    struct netlink_link link; /* its interface as last seen; index 0: it is not there */
    bool fenced;              /* the fence knows of it */
    bool routed;              /* a route of ours to its network is wanted */
    /* As last read: */
    bool is_there,
        has_other; /* one with our mark; one without, but for lo's (address_is_elsewhere) */
    struct netlink_addr ours, other;
    bool is_after_own;   /* an address of the host's own comes before it on the interface */
    bool is_before_own;  /* it comes before all of them: it is misplaced */
    bool has_own_nearby; /* there is one of its network */
};

struct steward_addresses {
    struct steward_address all[STEWARD_ADDRESSES_MAX];
    size_t count;
    int64_t kernel_until_us; /* their lifetime there; of the one that ends first */
};

void steward_addresses_init(struct steward_addresses *s, const struct steward_vip *vip);

/* Looks each interface up. 0, or an errno, and of which address in *at. EPERM: it is Ethernet, and
 * no frames can be sent. */
int steward_addresses_find_links(struct steward_io *io, struct steward_addresses *s, size_t *at);
/* Adds what is missing, with the fence before it, and reads all of it back. restoring: what another
 * program made of an address of ours is ours to take. 0, or an errno, and of which in *at; what
 * was added stays then. */
int steward_addresses_add(struct steward_io *io, struct steward_addresses *s, int64_t until_us,
                          bool restoring, size_t *at);
/* Lets the fence pass them until then, and the kernel keep them as long. What fails goes by itself,
 * and earlier than it might. */
void steward_addresses_refresh(struct steward_io *io, struct steward_addresses *s,
                               int64_t until_us);
/* Shuts the fence, and removes all that is ours. True: there is nothing of it. */
bool steward_addresses_remove(struct steward_io *io, struct steward_addresses *s);

/* To read what the kernel has: begin, every address of the host in its order, and then ask whether
 * all are there, ours, and as they should be. */
void steward_addresses_read_begin(struct steward_addresses *s);
void steward_addresses_read(struct steward_addresses *s, const struct netlink_addr *addr);
bool steward_addresses_are_in_order(const struct steward_addresses *s);
/* False with errno: the kernel does not say. */
bool steward_addresses_read_all(struct steward_io *io, struct steward_addresses *s);
/* Would a change of that address bear on any of them? */
bool steward_addresses_are_concerned(const struct steward_addresses *s,
                                     const struct netlink_addr *addr);
/* Adds or removes routes to networks, as was last read. anew: also where there was none. */
void steward_addresses_route(struct steward_io *io, struct steward_addresses *s, bool anew);

/* Asks on each link whether another host has the address; without Ethernet there is nobody to ask.
 * A frame that cannot be sent is one that was lost. */
void steward_addresses_probe(const struct steward_io *io, const struct steward_addresses *s);
/* Says on each link that the address is here. */
void steward_addresses_announce(const struct steward_io *io, const struct steward_addresses *s);

#endif
