/* admission: newcomers, and what they are answered.
 *
 *     newcomer                    member
 *     JOIN(token, 0)         ->                     by stream the handshake is the proof,
 *                            <-   CHALLENGE(token, cookie)       and these two are left out
 *     JOIN(token, cookie)    ->
 *                            <-   DELTA(echo: token), the whole state
 *                            or   REFUSE(token), the record of the holder of its name or id
 *
 * A newcomer takes neither name nor id from a live member, whatever age it claims. The one that is
 * refused asks the holder itself (contest.h). A host that was started anew at another address is
 * let in once it has failed at the old one; one whose address has changed, once the old one is
 * silent (move.h). */
#ifndef GOSSIP_ADMISSION_H
#define GOSSIP_ADMISSION_H

#include "gossip/wire.h"

/* A JOIN has come. */
void admission_request(struct gossip *g, const struct wire_message *join,
                       const struct gossip_route *from);
/* A CHALLENGE has come. */
void admission_challenged(struct gossip *g, const struct wire_message *challenge,
                          const struct gossip_route *from);
/* A SEEN has come: the host learns from where others see it, if that is not what it publishes. */
void admission_seen(struct gossip *g, const struct wire_message *seen,
                    const struct gossip_route *from);
/* A REFUSE has come. */
void admission_refused(struct gossip *g, const struct wire_message *refuse,
                       const struct gossip_route *from);
/* A DIGEST has come: a sender that is not known here is asked to introduce itself. */
void admission_digest(struct gossip *g, const struct wire_message *digest,
                      const struct gossip_route *from);
/* A contest over our id has ended: we go above the other's generation. */
void admission_outdo(struct gossip *g);

#endif
