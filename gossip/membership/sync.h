/* sync: finds out that two views differ, and sends what is missing. Every packet carries a hash of
 * the sender's view; where two hashes stay different for longer than news takes, bucket hashes are
 * exchanged, and then only the members in buckets that differ. The whole state goes only to a
 * member that joins. */
#ifndef GOSSIP_SYNC_H
#define GOSSIP_SYNC_H

#include "gossip/wire.h"

/* More than this goes by stream: datagrams in a burst get lost, and one lost is one hole. */
#define SYNC_DATAGRAMS_MAX 4
/* Members a bucket, at the least: below, the hashes weigh more than what they save. */
#define SYNC_BUCKET_MEMBERS 8

struct sync {
    int64_t differs_since_us; /* 0: the last view that we saw was ours */
    uint64_t view;            /* ours, as of the last comparison */
    int64_t changed_us;       /* when it came to be that */
    int64_t exchanged_us;     /* the last exchange begun */
};

/* Compares a packet's hash with ours; starts an exchange when they differ for longer than news
 * takes: either all hashes that came have been others for so long, or ours has been the same for so
 * long, so that no news is on its way to us. The first finds the one that lags behind all others,
 * the second two camps, where half of what anybody hears is its own view. */
void sync_compare(struct gossip *g, uint64_t view, const struct gossip_route *from);

void sync_digest(struct gossip *g, const struct wire_message *digest,
                 const struct gossip_route *from);
void sync_delta(struct gossip *g, const struct wire_message *delta,
                const struct gossip_route *from);
/* Sends all we know, in answer to a join; with want_back, asks for the same. */
void sync_welcome(struct gossip *g, const struct gossip_route *to, uint32_t token, bool want_back);

#endif
