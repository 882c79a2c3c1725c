/* sync: finds out that two views differ, and sends what is missing. Every packet carries a hash of
 * the sender's view; where two hashes stay different for longer than updates take, bucket hashes
 * are exchanged, and then only the members in buckets that differ. The whole state goes only to a
 * member that joins.
 *
 *     A                                      B
 *     DIGEST(nonce a)                   ->      no answer if its own is the same
 *                                       <-   DIGEST(nonce b, echo a)
 *     DELTA(echo b, nonce a, records)   ->      A asks for B's records of the same buckets
 *                                       <-   DELTA(echo a, records)
 *
 * Records travel only to a member that has returned a nonce sent to its address, and are applied
 * only from such a member (proof.h). */
#ifndef GOSSIP_SYNC_H
#define GOSSIP_SYNC_H

#include "gossip/wire.h"

/* More than this goes by stream: datagrams in a burst get lost, and one lost is one hole. */
#define SYNC_DATAGRAMS_MAX 4
/* Members a bucket, at the least: below, the hashes weigh more than what they save. */
#define SYNC_BUCKET_MEMBERS 8

/* Exchanges in succession that brought nothing, while views differed all the time: what they carry
 * is lost on the way. A loss of a third of all packets does that once in 250 times. */
#define SYNC_FRUITLESS 20

struct sync {
    int64_t differs_since_us; /* 0: the last view that we saw was ours */
    uint64_t view;            /* ours, as of the last comparison */
    int64_t changed_us;       /* when it came to be that */
    int64_t exchanged_us;     /* the last exchange begun */
    unsigned fruitless;       /* exchanges begun since the last DELTA, or since views were equal */
};

/* Compares the hash of a packet from a slot's member with ours. Starts an exchange when they differ
 * for longer than updates take: either all received hashes have been others for so long, or ours
 * has been the same for so long, so that no update is on its way to us. The first finds the one
 * that lags behind all others, the second two camps, where half of what a member receives is its
 * own view. */
void sync_compare(struct gossip *g, uint32_t slot, uint64_t view, const struct gossip_route *from);

/* A DIGEST of a member has come. */
void sync_digest(struct gossip *g, const struct wire_message *digest,
                 const struct gossip_route *from);
/* A DELTA that was asked for has come, and its records are applied: sends ours if they are wanted.
 */
void sync_delta(struct gossip *g, const struct wire_message *delta,
                const struct gossip_route *from);
/* A DELTA that was asked for has come: exchanges are not in vain. */
void sync_succeeded(struct gossip *g);
/* True if we have asked the sender of this DELTA for it: it returns our nonce, or the token of a
 * join of ours. */
bool sync_is_asked_for(const struct gossip *g, const struct wire_message *delta);
/* Sends all that we know, in answer to a JOIN; with want_back, asks for the same. */
void sync_welcome(struct gossip *g, const struct gossip_route *to, const struct wire_message *join,
                  bool want_back);

#endif
