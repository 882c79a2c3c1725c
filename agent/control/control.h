/* control: answers requests on control.sock and, where configured, on TCP: Serf's RPC framing and
 * commands, and our own in the same framing (CONTROL.md). */
#ifndef MUSTER_CONTROL_H
#define MUSTER_CONTROL_H

#include "agent/agent.h"

#include <stddef.h>

#define CONTROL_CLIENTS_MAX 1024
#define CONTROL_TCP_CLIENTS_MAX 512    /* of these; others can always ask on the Unix socket */
#define CONTROL_OBJECT_BYTES_MAX 65536 /* one request header or body */
#define CONTROL_DEPTH_MAX 8            /* nesting in one object */
#define CONTROL_STREAMS_MAX 16         /* streams and monitors of one client */
#define CONTROL_PENDING_MAX 16         /* joins and reloads of one client under way */
#define CONTROL_PENDING_BYTES_MAX                                                                  \
    (1 << 14) /* answers a client has not read; over it nothing more is read from it, and its      \
               * streams' records wait in the journal; those that the journal then no longer keeps \
               * are told as a gap */

struct control;

/* Serves listen_fd (Unix, listening, non-blocking; taken), and tcp_fd unless -1 (likewise), where
 * clients must send `auth` first if the configuration has rpc_auth. NULL: out of memory, both are
 * closed. */
struct control *control_new(struct agent *a, int listen_fd, int tcp_fd);
void control_free(struct control *c);

/* Call after each journal_append: the streams go on, soon, from the loop. */
void control_notify(struct control *c);

size_t control_clients(const struct control *c);

#endif
