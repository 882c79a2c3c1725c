/* steward_guard: a small process that removes what its steward holds, should the steward not do so
 * in time.
 *
 * A lifetime in the kernel would do the same, and did, but an address whose lifetime is moved a few
 * times in a second is told, each time, to all on the host that listen for changes of addresses.
 * Where the fence (fence.h) ends the traffic at its time and the guard removes the address a second
 * later, the lifetime can be minutes, and is moved rarely: it is for the case that all three
 * processes are killed at once and none is started again.
 *
 * The steward keeps a table in shared memory: each address of ours, and until when it is held. The
 * guard sleeps until a second after the earliest of these times, and looks whether the steward has
 * moved it. If it has not, it is stopped, or dead: the address is removed. A steward that is dead
 * leaves its fence to the guard, too. A guard whose steward was followed by another (handover.h)
 * ends: what is held then is the other's. */
#ifndef MUSTER_AGENT_STEWARD_GUARD_H
#define MUSTER_AGENT_STEWARD_GUARD_H

#include "agent/steward/netlink.h"

#include <stdbool.h>
#include <stdint.h>

#define GUARD_LATE_US INT64_C(1000000) /* so long the steward may be late */

struct steward_guard_table;

struct steward_guard {
    struct steward_guard_table *table; /* NULL: there is no guard */
    int fd;                            /* wakes it up, and ends with the steward */
};

/* Starts the process. It keeps no descriptor but its own, and no capability but CAP_NET_ADMIN.
 * handover: the name by which a later steward is found. False with errno: there is no guard. */
bool steward_guard_start(struct steward_guard *g, const char *handover);
/* The address is ours, and held until then. False: there is no guard, or none any more. */
bool steward_guard_set(struct steward_guard *g, const uint8_t ip[NETLINK_IP_BYTES],
                       int64_t until_us);
/* The address is gone. */
void steward_guard_forget(struct steward_guard *g, const uint8_t ip[NETLINK_IP_BYTES]);
/* All were given to another steward, or are gone; the guard ends. */
void steward_guard_stop(struct steward_guard *g);

#endif
