/* evidence: what the observers of a subject tell each other of its silence, and when that suffices
 * to accuse it (suspicion.h) or to call it partly unreachable (reach.h). */
#ifndef GOSSIP_EVIDENCE_H
#define GOSSIP_EVIDENCE_H

#include "gossip/wire.h"

#define EVIDENCE_VOTES_MAX 8

/* What another observer says of a subject. */
struct vote {
    uint64_t observer;
    double phi;
    int64_t heard_us;
    uint8_t flags; /* WIRE_REACHED, WIRE_ILL, WIRE_POOR */
};

struct votes {
    unsigned count;
    struct vote all[EVIDENCE_VOTES_MAX];
};

struct edge;

/* Tells the subject's other observers what we see; who hears it pings at once, by its own path. */
void evidence_share(struct gossip *g, const struct edge *e);
/* Whoever reported silence hears that we have been answered. */
void evidence_reached(struct gossip *g, struct edge *e);
/* EVIDENCE has come. */
void evidence_hear(struct gossip *g, const struct wire_message *evidence,
                   const struct gossip_route *from);
/* Anything has come from a member, directly. Of one that is suspected, or partly unreachable, it
 * shows that it runs, and its observers are told. */
void evidence_heard_from(struct gossip *g, uint32_t row);
/* Weighs what is known of a subject that does not answer. */
void evidence_judge(struct gossip *g, struct edge *e);

#endif
