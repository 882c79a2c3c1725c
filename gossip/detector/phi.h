/* phi: evidence that a member is gone, from the pings it has not answered on one edge.
 *
 * phi = sum over unanswered pings of -log10(p + (1 - p) * S(age)): p is the edge's measured loss, S
 * the chance that an answer takes longer than `age`. A phi of 3 means that a live member would
 * stay this silent once in a thousand times. The form is our own; the idea of accrual is
 * Hayashibara et al., "The phi accrual failure detector" (2004), whose normal fit over arrival
 * gaps knows no loss. */
#ifndef GOSSIP_PHI_H
#define GOSSIP_PHI_H

#include "gossip/detector/tuning.h"

#define PHI_PINGS_MAX 8  /* unanswered pings that are kept; older ones fold into `folded` */
#define PHI_MAX 100.0    /* of one ping */
#define PHI_LOSS_MAX 0.8 /* a link that loses more proves nothing, however long it is silent */

struct phi_ping {
    uint32_t seq;
    int64_t sent_us;
};

/* What is measured on an edge, and the pings out on it, oldest first. */
struct phi {
    const struct gossip_tuning *tuning; /* borrowed */
    double srtt_us, rttvar_us;          /* RFC 6298's smoothing; 0 while unmeasured */
    double loss;
    double folded; /* phi of the pings that no longer fit */
    unsigned count;
    unsigned unanswered; /* pings since the last answer, folded ones included */
    struct phi_ping pings[PHI_PINGS_MAX];
};

/* Starts with an estimate from the host's other edges: 0 for an rtt that is unknown. */
void phi_init(struct phi *phi, const struct gossip_tuning *tuning, double srtt_us, double loss);

void phi_sent(struct phi *phi, uint32_t seq, int64_t now_us);

/* True if seq is out: it and all sent before it are settled, the earlier ones counted as lost. */
bool phi_answered(struct phi *phi, uint32_t seq, int64_t now_us);

/* Drops what is out: another path has shown that the subject lives. */
void phi_clear(struct phi *phi);

/* The evidence at `now_us`; never negative, never NaN. */
double phi_at(const struct phi *phi, int64_t now_us);

/* How long to wait before an answer counts as late (S falls below about 0.08). */
int64_t phi_patience_us(const struct phi *phi);

/* A stall of this host is no silence of the subject: the pings out now count as sent that much
 * later. */
void phi_compensate(struct phi *phi, int64_t stall_us);

#endif
