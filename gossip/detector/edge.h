/* edge: the members that this one pings, and what it measures of each. Data only: pings are sent by
 * probe.h, votes come by evidence.h, and the measurements are judged by reach.h and suspicion.h. */
#ifndef GOSSIP_EDGE_H
#define GOSSIP_EDGE_H

#include "gossip/detector/phi.h"
#include "gossip/detector/ring.h"
#include "gossip/membership/member.h"

#define EDGE_TRANSIENT_MAX 16 /* transient probe targets at one time */
#define EDGE_SWEEP RING_EDGES_MAX
#define EDGES_MAX (RING_EDGES_MAX + 1 + EDGE_TRANSIENT_MAX)
#define EDGE_VOTES_MAX 8

/* N answers by stream in succession, while datagrams are lost, and the subject is pinged by stream:
 * it lives, and only datagrams do not pass. A datagram beside each such ping shows when they do. */
#define EDGE_STREAM_ANSWERS 3

/* Times suspicion_max that a transient target stays without an answer; and that a member is
 * believed once it has refuted a suspicion. */
#define EDGE_TRANSIENT_WINDOWS 3

/* What another observer reports of a subject. */
struct vote {
    uint64_t observer;
    double phi;
    int64_t received_us;
    uint8_t flags; /* WIRE_REACHED, WIRE_DEGRADED, WIRE_LOSSY */
};

struct votes {
    unsigned count;
    struct vote all[EDGE_VOTES_MAX];
};

struct edge {
    uint32_t slot;           /* the subject's; MEMBER_NONE: this place is free */
    uint32_t repings;        /* since the first miss */
    unsigned stream_answers; /* in succession, with no datagram answered in between */
    uint32_t datagram_seq;   /* while pinged by stream: the datagram sent beside it */
    int64_t next_us;         /* the next ping; INT64_MAX: none unless an answer is missing */
    int64_t missing_us;      /* since when an answer is late; 0: none is */
    int64_t until_us;        /* end of a transient target */
    int64_t answered_us;     /* last direct answer; INT64_MIN: never */
    int64_t opened_us;       /* first ping */
    int64_t sign_us;         /* last sign of life, here or at others; INT64_MIN: never */
    struct phi phi;
    bool lossy; /* most pings are lost, or none was answered for a while (reach.h) */
    struct votes votes;
};

/* Places: one for each ring, one for the sweep, then the transient targets. */
struct edges {
    struct edge all[EDGES_MAX];
    double prior_srtt_us, prior_loss; /* over all edges: the start of a new one */
};

/* All places become free. loss: the prior until an edge has measured some. */
void edge_init(struct edges *edges, double loss);

/* The edge to a slot; NULL if it is not pinged. */
struct edge *edge_find(struct gossip *g, uint32_t slot);
const struct edge *edge_of(const struct gossip *g, uint32_t slot);
/* The edge to a slot; a new transient one if there was none; NULL: no room. */
struct edge *edge_find_or_open(struct gossip *g, uint32_t slot);

/* Begins to measure a slot in this place, from the priors. */
void edge_open(struct gossip *g, struct edge *e, uint32_t slot);
/* Limits the edge to EDGE_TRANSIENT_WINDOWS from now. */
void edge_make_transient(const struct gossip *g, struct edge *e);
void edge_close(struct edge *e);
/* Closes every edge to a slot that ceased to be live. */
void edge_close_all(struct gossip *g, uint32_t slot);

/* Place of the edge among all. */
size_t edge_place(const struct gossip *g, const struct edge *e);
/* True if the subject is observed on a ring. */
bool edge_is_ring(const struct gossip *g, const struct edge *e);
/* True if the subject's datagrams go unanswered, and its streams do not. */
bool edge_is_stream_only(const struct edge *e);

/* Records a sign of life of a member at that time, received here or reported by others. */
void edge_sign(struct gossip *g, uint32_t slot, int64_t at_us);
/* True if the slot gave any sign of life after `since_us`. */
bool edge_sign_since(const struct gossip *g, uint32_t slot, int64_t since_us);

/* Takes a datagram's answer times and losses into the priors. */
void edge_learn_prior(struct gossip *g, const struct edge *e);

/* Takes a stall of this host out of every edge's evidence. */
void edge_compensate(struct gossip *g, int64_t stall_us);

#endif
