/* records: received facts about members, weighed by the precedence rule (member.h) and applied. */
#ifndef GOSSIP_RECORDS_H
#define GOSSIP_RECORDS_H

#include "gossip/wire.h"

#define RECORDS_ANSWERS_MAX 32

/* The packet that records came with. settled: they are part of a state exchange, old by now
 * perhaps, and not the latest updates. */
struct records_source {
    const struct gossip_route *route;
    uint64_t sender;
    bool settled;
    unsigned known;       /* records of members that were known here, without the sender and us */
    uint64_t fresh_terms; /* sum of member_term of live ones that were not */
    /* Slots of which the sender is to be sent our facts. One packet answers one packet: more would
     * make us a lever for a forged sender's address. */
    uint32_t answers[RECORDS_ANSWERS_MAX];
    unsigned answers_count;
};

/* Weighs a record by the precedence rule and acts on it. */
void records_apply(struct gossip *g, const struct wire_record *record,
                   struct records_source *source);
/* Sends the answers, once all records of the packet were applied. */
void records_answer(struct gossip *g, const struct records_source *source);

#endif
