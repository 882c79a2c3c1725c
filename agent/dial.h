/* dial: hosts to join, by name: looked up off the loop, dialled by the core, until they answer. */
#ifndef MUSTER_DIAL_H
#define MUSTER_DIAL_H

#include "agent/agent.h"

#define DIAL_MAX 128         /* at one time, configured ones and asked-for ones together */
#define DIAL_ADDRESSES_MAX 8 /* of one host */
#define DIAL_RETRY_S 5       /* a configured host is looked up again while it does not answer */

struct dials;

struct dials *dial_new(struct agent *a);
void dial_free(struct dials *d);

/* A configured host: for as long as it takes. Trouble is said once. */
void dial_persist(struct dials *d, const char *host);
/* Members known from before: dialled until the first of them, or any other host, answers; some may
 * be long gone. At most STORE_PEERS_MAX. */
void dial_peers(struct dials *d, const struct gossip_addr *peers, size_t count);
/* As agent_join. */
void dial_once(struct dials *d, const char *host, agent_done_fn *done, void *arg);
void dial_forget(struct dials *d, const void *arg);

/* The core has been answered from there. */
void dial_answered(struct dials *d, const struct gossip_addr *addr);

#endif
