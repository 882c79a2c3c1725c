/* probe: pings. Every member pings the few that it watches (ring.h), one more in turn so that the
 * whole table is swept, and for a while whoever it is asked to look at; and weighs the silence of
 * each, its own and what the other observers report, until it accuses (suspicion.h). */
#ifndef GOSSIP_PROBE_H
#define GOSSIP_PROBE_H

#include "gossip/detector/evidence.h"
#include "gossip/detector/phi.h"
#include "gossip/detector/ring.h"
#include "gossip/wire.h"

#define PROBE_GUESTS 16 /* subjects that others asked us to look at, at one time */
#define PROBE_SWEEP RING_EDGES_MAX
#define PROBE_EDGES (RING_EDGES_MAX + 1 + PROBE_GUESTS)

/* So many answers by stream in a row, while datagrams are lost, and the subject is pinged by
 * stream: it lives, and only datagrams do not pass. A datagram beside each such ping sees when they
 * do. */
#define PROBE_STREAM_ANSWERS 3

struct edge {
    uint32_t row;            /* the subject; MEMBER_NONE: the place is free */
    uint32_t repings;        /* since the first miss */
    unsigned stream_answers; /* in a row, with no datagram answered in between */
    uint32_t datagram_seq;   /* while pinged by stream: the datagram sent beside it */
    int64_t next_us;         /* the next ping; INT64_MAX: none unless something is missing */
    int64_t missing_us;      /* since when an answer is late; 0: none is */
    int64_t until_us;        /* guests leave then */
    int64_t answered_us;     /* last direct answer; INT64_MIN: never */
    int64_t opened_us;       /* since when we ping it */
    int64_t heard_us;        /* last sign of life, here or at others; INT64_MIN: never */
    struct phi phi;
    bool poor; /* it answers seldom, or not at all for a while (reach.h) */
    struct votes votes;
};

struct probe {
    struct edge edges[PROBE_EDGES];
    uint32_t seq;
    uint32_t subjects[RING_EDGES_MAX]; /* as of the last look at the rings */
    bool rings_changed;
    int64_t sweep_us;
    uint32_t sweep_at, sweep_left, sweep_step; /* a walk over the table in scattered order */
    double prior_srtt_us, prior_loss;          /* over all edges: what a new one starts with */
    uint32_t silences[GOSSIP_SILENCES];        /* gossip_get_silences */
    double tokens; /* a bucket: a brown-out of the network is not made worse */
    int64_t tokens_us;
};

void probe_init(struct gossip *g);

/* On how many rings this member watches. */
unsigned probe_ring_edges(const struct gossip *g);

/* A row came to life, or ceased to be live. */
void probe_view_changed(struct gossip *g, uint32_t row);

void probe_answered(struct gossip *g, const struct wire_message *ack,
                    const struct gossip_route *from);
/* A sign of life of a member, here or at others, at that time. */
void probe_heard(struct gossip *g, uint32_t row, int64_t at_us);
/* Takes leave to send one more packet because answers are missing. */
bool probe_take_token(struct gossip *g);

/* Pings a member now, and for a while, whether we watch it or not. */
void probe_look(struct gossip *g, uint32_t row);

/* Pings a few members at random: where one has failed, others may have. */
void probe_look_around(struct gossip *g);

/* A suspect has contradicted: it lives, whether it answers us or not. */
void probe_contradicted(struct gossip *g, uint32_t row);

/* A member has started anew: what its former self did not answer says nothing of it. */
void probe_restarted(struct gossip *g, uint32_t row);

/* Asks a member that is said to be dead, telling it so; only its contradiction matters. */
void probe_ask(struct gossip *g, uint32_t row, enum gossip_via via);

/* True if datagrams to the subject go unanswered, and streams do not. */
bool probe_is_stream_only(const struct edge *e);
/* True if the row has given any sign of life after `since_us`. */
bool probe_heard_since(const struct gossip *g, uint32_t row, int64_t since_us);
/* True if we watch the subject on a ring. */
bool probe_is_ring_edge(const struct gossip *g, const struct edge *e);
/* The edge to a row, a guest's for a while if there was none; NULL: no room. */
struct edge *probe_edge_or_guest(struct gossip *g, uint32_t row);
/* The edge to a row; NULL if we do not ping it. */
const struct edge *probe_edge(const struct gossip *g, uint32_t row);

void probe_excuse(struct gossip *g, int64_t slept_us);
void probe_tick(struct gossip *g);
int64_t probe_deadline(const struct gossip *g);

#endif
