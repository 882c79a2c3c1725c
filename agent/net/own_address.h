/* own_address: the addresses of this host, and which of them others should know. */
#ifndef MUSTER_OWN_ADDRESS_H
#define MUSTER_OWN_ADDRESS_H

#include "agent/config/config.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct own_address {
    uint8_t ip[ADDRESS_IP_BYTES];
    char interface[IF_NAMESIZE];
    bool running; /* the interface is up, with a carrier */
    bool loopback;
};

/* In the kernel's order: the first of an interface is its primary. */
struct own_addresses {
    struct own_address *all; /* owned */
    size_t count, capacity;
};

/* Reads them anew. False: it cannot be done, and there are none. */
bool own_addresses_read(struct own_addresses *o);
void own_addresses_free(struct own_addresses *o);
bool own_addresses_have(const struct own_addresses *o, const uint8_t ip[ADDRESS_IP_BYTES]);

/* What the choice depends on. All borrowed. */
struct own_choice {
    const struct config *config;
    const struct own_addresses *own;
    const struct gossip_addr *towards; /* members and hosts to join, the most important first */
    size_t towards_count;
    const struct gossip_addr *taken; /* those of other live members, with their ports */
    size_t taken_count;
    /* The source address that the kernel uses towards `to`, as far as it says without a packet;
     * `to` NULL: towards the default route. False: there is no way. */
    bool (*source)(const struct gossip_addr *to, bool ipv6, uint8_t ip[ADDRESS_IP_BYTES]);
};

/* Where to listen: the configuration's address, or the one in its network or on its interface.
 * False: this host does not have it, or not yet. */
bool own_address_bind(const struct own_choice *choice, struct gossip_addr *bind);

/* The address that others should know. It is given, or that of bind; otherwise the source address
 * towards the members and the hosts to join, then the one towards the default route, then any: but
 * none that is link-local, without a carrier, a vip, or another member's. *addr: in force, and kept
 * as long as it is one of those; all zero: none yet. False: there is none, and *addr stays. */
bool own_address_advertise(const struct own_choice *choice, struct gossip_addr *addr);

/* For struct own_choice: asks the kernel. */
bool own_address_source(const struct gossip_addr *to, bool ipv6, uint8_t ip[ADDRESS_IP_BYTES]);

#endif
