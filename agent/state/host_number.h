/* host_number: a number for this host in this run of it, that is another after a restart of the
 * host, in another network namespace, and for a copied state directory. So voters tell a restarted
 * agent from a member of the same id elsewhere (gossip/lease/leases.h). */
#ifndef MUSTER_STATE_HOST_NUMBER_H
#define MUSTER_STATE_HOST_NUMBER_H

#include <stdint.h>

/* From 1 to UINT32_MAX; 0: it cannot be told. Reads /proc, and so blocks for a moment. */
uint32_t host_number(const char *state_dir);

#endif
