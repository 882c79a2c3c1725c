/* probe: pings. Every member pings the few that it observes (ring.h), one more in turn so that the
 * whole table is swept, and for a while those that it was asked to probe now. What is measured lies
 * in the edges (edge.h). */
#ifndef GOSSIP_PROBE_H
#define GOSSIP_PROBE_H

#include "gossip/detector/edge.h"
#include "gossip/wire.h"

struct probe {
    uint32_t seq;
    uint32_t subjects[RING_EDGES_MAX]; /* by the rings, when last computed */
    bool rings_changed;
    int64_t sweep_us;
    uint32_t sweep_at, sweep_left, sweep_step;        /* a walk over the table in scattered order */
    uint32_t calibration[GOSSIP_CALIBRATION_BUCKETS]; /* gossip_get_calibration */
};

void probe_init(struct gossip *g);

/* Changes of the view. */

/* A slot's member came to life, or ceased to be live. */
void probe_view_changed(struct gossip *g, uint32_t slot);
/* A suspect has refuted: it lives, whether it answers us or not. */
void probe_refuted(struct gossip *g, uint32_t slot);
/* A member has started anew: what its former self did not answer proves nothing of it. */
void probe_restarted(struct gossip *g, uint32_t slot);

/* Takes an answer. Returns its edge, settled; NULL: it matches no ping. */
struct edge *probe_answered(struct gossip *g, const struct wire_message *ack,
                            const struct gossip_route *from);

/* Pings a member now, and for a while, whether we observe it or not. */
void probe_now(struct gossip *g, uint32_t slot);
/* Pings a few random members now: where one has failed, others may have. */
void probe_random(struct gossip *g);

/* Computes the members that we observe, if the view changed. True: probe_follow_ring is due. */
bool probe_compute_rings(struct gossip *g);
/* Gives the ring's edge to its subject. True: that is another member than before. */
bool probe_follow_ring(struct gossip *g, size_t ring);

/* What a step came to. */
enum probe_outcome {
    PROBE_QUIET,       /* nothing is missing, or nothing is due */
    PROBE_MISSES,      /* an answer is missing, and the budget has no ping left */
    PROBE_PINGED_AGAIN /* an answer is missing, and the subject was pinged again */
};

/* Sends the edge's ping, if it is due. */
enum probe_outcome probe_step(struct gossip *g, struct edge *e);
/* Sends the sweep's ping, if it is due. */
void probe_sweep(struct gossip *g);
int64_t probe_deadline(const struct gossip *g);

#endif
