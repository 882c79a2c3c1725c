/* steward_failure: what people are told of a FAILED. */
#ifndef MUSTER_AGENT_STEWARD_FAILURE_H
#define MUSTER_AGENT_STEWARD_FAILURE_H

#include "agent/config/vip_spec.h"
#include "agent/steward/steward_protocol.h"

#define STEWARD_FAILURE_BYTES 192

/* Writes which part of the vip could not be held, and why, such as "10.0.0.100 is on lo of this
 * host already". into: STEWARD_FAILURE_BYTES. */
void steward_failure_describe(const struct steward_report *report, const struct vip_spec *spec,
                              char *into);

#endif
