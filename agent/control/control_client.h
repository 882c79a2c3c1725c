/* control_client: one connection to the control server: takes its requests apart, sends answers and
 * records, and limits how much of either passes in one turn. */
#ifndef MUSTER_CONTROL_CLIENT_H
#define MUSTER_CONTROL_CLIENT_H

#include "agent/control/control.h"
#include "agent/rpc/rpc.h"

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bufferevent;
struct control_command;
struct control_pending;
struct control_lock;
struct control_stream;
struct event;
struct listener;

LIST_HEAD(control_clients, control_client);
LIST_HEAD(control_locks, control_lock);
LIST_HEAD(control_streams, control_stream);
LIST_HEAD(control_pendings, control_pending);

struct control_client {
    LIST_ENTRY(control_client) link;
    struct control *control;
    struct bufferevent *bev;
    bool tcp;
    int64_t taken_us; /* when it last took some of what was sent */

    bool handshaken, authenticated;
    struct rpc_scan scan;                  /* over the object that is being received */
    const struct control_command *command; /* the body of this one comes next; NULL: a request */
    uint64_t seq;                          /* of that command's request */
    bool refused;                          /* the last request was: its body may still come */

    struct control_streams streams;
    size_t streams_count;
    struct control_locks locks; /* held, or waited for */
    size_t locks_count;
    struct control_pendings pending; /* asked for, not answered */
    size_t pending_count;

    bool leave;    /* the agent leaves once the answer to `leave` has been sent */
    bool eof;      /* the client has ended its side */
    bool ending;   /* no more requests are taken: the connection closes after the last answer */
    bool shut;     /* the last answer has been sent, and our side has ended */
    bool unusable; /* memory ran out halfway through an answer */
};

struct control_listener {
    struct control *control;
    struct listener *listener;
    bool tcp;
};

struct control {
    struct control_parts parts;
    int64_t started_us;
    struct control_listener listeners[2]; /* Unix, TCP */
    struct control_clients clients;
    struct control_client *next_turn; /* after the one that has its turn */
    size_t clients_count, tcp_clients_count;
    size_t streams_count;     /* of all clients */
    struct event *wake;       /* gives every client a turn, in the loop's next round */
    struct rpc_out out;       /* the answer being written */
    msgpack_zone *zone;       /* the object being read */
    uint64_t clients_refused; /* since this was last said */
    int64_t refused_said_us;
};

/* Gives every client a turn soon. */
void control_wake(struct control *c);

/* Serves a connected, non-blocking socket (taken). False: out of memory, it is closed. */
bool control_client_new(struct control *control, int fd, bool tcp);
/* Closes it now: its streams end, its locks run out, what it waits for is forgotten. */
void control_client_free(struct control_client *c);
/* Ends the time limit for the handshake, and for `auth` where that is needed. */
void control_client_welcome(struct control_client *c);

/* Gives the client a turn: requests that have come, records, the end. May free the client. */
void control_client_work(struct control_client *c);

/* Begins an answer, or a stream's record, with its header. The body goes into the buffer returned;
 * control_client_send sends both. The next begin drops one that was not sent. */
struct rpc_out *control_client_begin(struct control_client *c, uint64_t seq, const char *error);
void control_client_send(struct control_client *c);

/* False: the client has CONTROL_PENDING_BYTES_MAX to read, and gets nothing more for now. */
bool control_client_has_room(const struct control_client *c);

#endif
