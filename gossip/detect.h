/* detect: the failure detector, composed of its parts (gossip/detector/). The parts return
 * findings; here a finding becomes a change of the view, and a change goes back to the parts. */
#ifndef GOSSIP_DETECT_H
#define GOSSIP_DETECT_H

#include "gossip/wire.h"

void detect_init(struct gossip *g);

/* Time has moved on: a stall of this host is taken out of every measurement. */
void detect_wake(struct gossip *g);

/* An ACK has come. */
void detect_ack(struct gossip *g, const struct wire_message *ack, const struct gossip_route *from);
/* An EVIDENCE has come. */
void detect_evidence(struct gossip *g, const struct wire_message *evidence,
                     const struct gossip_route *from);
/* Any packet has come from a slot's member, directly: a sign of life. */
void detect_packet(struct gossip *g, uint32_t slot);

/* Does what is due. */
void detect_tick(struct gossip *g);
int64_t detect_deadline(const struct gossip *g);

#endif
