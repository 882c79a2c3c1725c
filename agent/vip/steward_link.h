/* steward_link: the agent's end of the socket to the steward. */
#ifndef MUSTER_STEWARD_LINK_H
#define MUSTER_STEWARD_LINK_H

#include "agent/steward/steward_protocol.h"

#include <stdbool.h>

/* Fills in the version. False: there is no room, or nobody there. */
bool steward_link_send(int fd, const struct steward_request *request);

enum steward_link_got { STEWARD_LINK_NOTHING, STEWARD_LINK_REPORT, STEWARD_LINK_CLOSED };
/* The next report, where so many vips are known; one that cannot be is passed over. */
enum steward_link_got steward_link_receive(int fd, struct steward_report *report);

/* Says what an operator should know of it in the log. name: of the vip. */
void steward_link_log(const struct steward_report *report, const char *name);

#endif
