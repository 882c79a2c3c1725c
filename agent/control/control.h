/* control: answers requests on control.sock and, where configured, on TCP: Serf's RPC framing and
 * commands, and our own in the same framing (CONTROL.md). */
#ifndef MUSTER_CONTROL_H
#define MUSTER_CONTROL_H

#include "agent/events/events.h"
#include "agent/host.h"

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
               * are a gap */
#define CONTROL_UNREAD_BYTES_MAX                                                                   \
    (128 << 20) /* answers that all clients together have not read: 30 views of the largest        \
                 * cluster; over it the client is closed that has taken nothing for the longest */

struct control;
struct handlers;
struct locks;
struct quorum;
struct vips;

/* What control may ask of the agent. Each is called with control_parts.requests_arg. */
struct control_requests {
    /* Joins HOST[:PORT]; done is called once, with done_arg, also if it fails at once. */
    void (*join)(void *arg, const char *host, host_done_fn *done, void *done_arg);
    /* As SIGHUP: reads the configuration and takes it on. Not ok: the old one stays. */
    void (*reload)(void *arg, host_done_fn *done, void *done_arg);
    /* Begins the graceful leave. */
    void (*leave)(void *arg);
    /* What the agent waits for before it can be reached, for people; NULL: nothing. */
    const char *(*waits_for)(void *arg);
    /* The caller with done_arg waits no longer: done is not called. */
    void (*forget)(void *arg, const void *done_arg);
};

/* What control shows and changes; all borrowed. */
struct control_parts {
    struct host *host;
    struct vips *vips;
    struct locks *locks;
    const struct quorum *quorum;
    const struct events *events;
    const struct handlers *handlers;
    const struct control_requests *requests;
    void *requests_arg;
};

/* Serves listen_fd (Unix, listening, non-blocking; taken), and tcp_fd unless -1 (likewise), where
 * clients must send `auth` first if the configuration has rpc_auth. parts: copied. Subscribes to
 * the host's changes. NULL: out of memory, both are closed. */
struct control *control_new(const struct control_parts *parts, int listen_fd, int tcp_fd);
/* Closes every connection, unsubscribes, and frees. NULL: nothing. */
void control_free(struct control *c);

/* Records for streams have come: the streams go on in the loop's next round. */
void control_notify(struct control *c);

/* How many clients are connected. */
size_t control_clients(const struct control *c);

#endif
