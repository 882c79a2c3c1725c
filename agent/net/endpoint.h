/* endpoint: where this agent listens, and the address that others know. It follows the host: an
 * address that is not there yet is waited for, and one that changes is published. */
#ifndef MUSTER_ENDPOINT_H
#define MUSTER_ENDPOINT_H

#include "agent/host.h"

struct attempts;
struct endpoint;

/* The address to begin with, for the core; a loopback one where the host has no other yet. */
void endpoint_first_addr(const struct config *c, struct gossip_addr *addr);

/* Listens, or waits until it can. NULL with `error` filled (ERROR_BYTES): what waiting does not
 * help, such as a port that is in use. */
struct endpoint *endpoint_new(struct host *host, char *error);
/* NULL: nothing. */
void endpoint_free(struct endpoint *e);

/* Members are joined anew by these once the address has changed (borrowed); NULL: not any more. */
void endpoint_set_attempts(struct endpoint *e, struct attempts *attempts);

/* What is waited for, for people (static until the next call); NULL: it listens. */
const char *endpoint_waits_for(const struct endpoint *e);

#endif
