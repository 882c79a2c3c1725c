/* steward_address: the addresses of one vip, in the kernel, in the fence and on their links. */
#ifndef MUSTER_AGENT_STEWARD_ADDRESS_H
#define MUSTER_AGENT_STEWARD_ADDRESS_H

#include "agent/steward/steward_io.h"

struct steward_address {
    struct steward_vip_address spec;
    struct netlink_link link; /* its interface as last seen; index 0: it was never there */
    bool fenced;              /* the fence knows of it */
    bool missing;             /* not there as it should be, as far as was last looked */
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
/* 0: all are there, and ours; ENOENT: one is not; others: the kernel does not say. */
int steward_addresses_verify(struct steward_io *io, struct steward_addresses *s);

/* Asks on each link whether another host has the address; without Ethernet there is nobody to ask.
 * A frame that cannot be sent is one that was lost. */
void steward_addresses_probe(const struct steward_io *io, const struct steward_addresses *s);
/* Says on each link that the address is here. */
void steward_addresses_announce(const struct steward_io *io, const struct steward_addresses *s);

#endif
