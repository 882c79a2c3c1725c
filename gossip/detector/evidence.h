/* evidence: what the observers of a subject report to each other of its silence, and when that
 * suffices to suspect it (suspicion.h). */
#ifndef GOSSIP_EVIDENCE_H
#define GOSSIP_EVIDENCE_H

#include "gossip/detector/edge.h"
#include "gossip/wire.h"

/* Sends the subject's other observers our measurements; they ping it at once, by their own paths.
 */
void evidence_share(struct gossip *g, const struct edge *e);
/* Sends to each observer that reported silence that the subject has answered us. */
void evidence_reached(struct gossip *g, struct edge *e);
/* A packet came from the slot's member. If it is suspect or unreachable, its observers, and those
 * that suspect it, are sent that sign of life, at a limited rate. */
void evidence_report_sign(struct gossip *g, uint32_t slot);
/* Sends an observer that finds the edge's subject silent the last sign of life, if it came since
 * the suspicion began. */
void evidence_answer_sign(struct gossip *g, const struct edge *e, uint32_t observer);

/* Records a received EVIDENCE packet as its sender's vote. */
void evidence_note(struct gossip *g, struct edge *e, const struct wire_message *evidence);
/* The sign of life that an EVIDENCE packet reports; INT64_MIN: none. */
int64_t evidence_sign_us(const struct gossip *g, const struct wire_message *evidence);
/* True if our own evidence and that of the votes suffice to suspect the subject. */
bool evidence_suffices(const struct gossip *g, const struct edge *e);

#endif
