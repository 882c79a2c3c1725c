/* attempts: join attempts. A host to join is looked up off the loop, by name, and its addresses are
 * joined by the core until a member there answers. */
#ifndef MUSTER_ATTEMPTS_H
#define MUSTER_ATTEMPTS_H

#include "agent/host.h"

#define ATTEMPTS_MAX 128         /* at one time, configured hosts and asked-for ones together */
#define ATTEMPTS_ADDRESSES_MAX 8 /* of one host */
#define ATTEMPTS_ALONE_S_MIN 1   /* a configured host is looked up again so soon, at first, */
#define ATTEMPTS_ALONE_S_MAX 10  /* ... and then, until it answers, and while we are alone */
#define ATTEMPTS_RETRY_S 5       /* later it is joined for so long */
#define ATTEMPTS_ONCE_S 5        /* an asked-for host fails if nobody has answered by then */
#define ATTEMPTS_REST_S 60       /* after an answer: are members at all of its addresses? */

struct attempts;
struct resolver;

/* resolver: for name look-ups (borrowed). NULL: out of memory. */
struct attempts *attempts_new(struct host *host, struct resolver *resolver);
/* Look-ups under way go on, and their results are dropped. NULL: nothing. */
void attempts_free(struct attempts *all);

/* The configured hosts, each joined for as long as it takes; those that were configured before and
 * are not listed are given up. A trouble is logged once. */
void attempts_configure(struct attempts *all, char *const *hosts, size_t count);
/* Members known from before: joined until the first of them, or any other host, answers; some may
 * be long gone. At most STORE_PEERS_MAX. */
void attempts_peers(struct attempts *all, const struct gossip_addr *peers, size_t count);
/* Looks HOST[:PORT] up off the loop and joins it: ok after an answer from there, at the latest
 * after ATTEMPTS_ONCE_S. */
void attempts_once(struct attempts *all, const char *host, host_done_fn *done, void *arg);
/* Gives up all that was asked for with this arg; done is not called for them. */
void attempts_forget(struct attempts *all, const void *arg);
/* The addresses of the hosts to join, as far as they are looked up; at most max. Returns how many.
 */
size_t attempts_addresses(const struct attempts *all, struct gossip_addr *into, size_t max);

#endif
