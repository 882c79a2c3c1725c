/* steward_link: the agent's end of the socket to the steward. */
#ifndef MUSTER_STEWARD_LINK_H
#define MUSTER_STEWARD_LINK_H

#include "agent/steward/steward_protocol.h"

#include <stdbool.h>

/* Fills in the version. False: the socket is full, or the steward gone. */
bool steward_link_send(int fd, const struct steward_request *request);

enum steward_link_got { STEWARD_LINK_NOTHING, STEWARD_LINK_REPORT, STEWARD_LINK_CLOSED };
/* Reads the next report. A malformed one is logged and skipped. */
enum steward_link_got steward_link_receive(int fd, struct steward_report *report);

/* Logs a report that operators should know of. spec: of the vip; NULL: READY is about none. */
struct vip_spec;
void steward_link_log(const struct steward_report *report, const struct vip_spec *spec);

#endif
