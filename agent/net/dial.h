/* dial: hosts to join, by name: looked up off the loop, dialled by the core, until they answer. */
#ifndef MUSTER_DIAL_H
#define MUSTER_DIAL_H

#include "agent/host.h"

#define DIAL_MAX 128         /* at one time, configured ones and asked-for ones together */
#define DIAL_ADDRESSES_MAX 8 /* of one host */
#define DIAL_RETRY_S 5       /* a configured host is looked up again while it does not answer */
#define DIAL_ONCE_S 5        /* one that is asked for fails if nobody has answered by then */
#define DIAL_REST_S 60       /* and once it has answered, if then no member has its address */

struct dials;
struct worker;

/* resolver: a worker for name look-ups (borrowed). */
struct dials *dial_new(struct host *host, struct worker *resolver);
void dial_free(struct dials *d);

/* The configured hosts, for as long as it takes; those that were configured before and are not
 * listed are given up. Trouble is said once. */
void dial_configure(struct dials *d, char *const *hosts, size_t count);
/* Members known from before: dialled until the first of them, or any other host, answers; some may
 * be long gone. At most STORE_PEERS_MAX. */
void dial_peers(struct dials *d, const struct gossip_addr *peers, size_t count);
/* Looks HOST[:PORT] up off the loop and dials it: ok after an answer from there, at the latest
 * after DIAL_ONCE_S. */
void dial_once(struct dials *d, const char *host, host_done_fn *done, void *arg);
/* Gives up all that was asked for with this arg; done is not called for them. */
void dial_forget(struct dials *d, const void *arg);

/* The core has been answered from there; by ourselves, if the address is our own: lists of hosts
 * are often the same on all of them. */
void dial_answered(struct dials *d, const struct gossip_addr *addr, bool by_ourselves);

#endif
