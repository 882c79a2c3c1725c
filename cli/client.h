/* client: one connection to an agent's control socket: requests, their answers, and the records of
 * one stream, in Serf's RPC framing (agent/control/CONTROL.md). */
#ifndef MUSTER_CLIENT_H
#define MUSTER_CLIENT_H

#include "agent/rpc/rpc.h"

#include <msgpack.h>
#include <sys/un.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_PATH_BYTES sizeof(((struct sockaddr_un *)NULL)->sun_path) /* with the NUL */
/* An agent that is merely busy answers within this, also a join that it gives 5 s. */
#define CLIENT_SILENCE_MS 15000
/* A view of GOSSIP_MEMBERS_MAX members with long tags takes less than a quarter of it. */
#define CLIENT_OBJECT_BYTES_MAX (64 << 20)
#define CLIENT_ERROR_BYTES 1024
#define CLIENT_NO_DEADLINE INT64_MAX

enum client_status {
    CLIENT_OK,
    CLIENT_REFUSED,   /* the agent answered with an error */
    CLIENT_LOST,      /* no agent, no answer, or none that can be understood */
    CLIENT_TIMED_OUT, /* the deadline passed */
    CLIENT_UNREAD,    /* the reader of our output has gone */
};

/* After anything but OK every call does nothing and returns the same again: callers may ask first
 * and look afterwards. */
struct client {
    enum client_status status;      /* of the last call */
    char error[CLIENT_ERROR_BYTES]; /* for people, unless status is CLIENT_OK; not made safe */
    msgpack_unpacked body;          /* of the last answer or record; ends with the next call */
    bool absent;                    /* CLIENT_LOST: the agent does not run (yet), or has ended */
    int silence_ms;                 /* how long an answer may take to come, or to go on coming */
    int output_fd;                  /* a stream ends when nobody reads this any more; -1: none */

    /* Its own business. */
    int fd;
    const char *path;
    int64_t deadline_ms;
    uint64_t seq, stream_seq;
    struct rpc_out request;
    msgpack_unpacker *unpacker;
    msgpack_unpacked header;
};

/* Milliseconds on CLOCK_MONOTONIC, which deadlines are given in. */
int64_t client_now_ms(void);

/* Connects and shakes hands. path is borrowed and shorter than CLIENT_PATH_BYTES; past deadline_ms
 * every call ends with CLIENT_TIMED_OUT. Close it whatever comes of it. */
enum client_status client_open(struct client *c, const char *path, int64_t deadline_ms);
void client_close(struct client *c);

/* Begins a request. Its body, if it has one, is written to what is returned. */
struct rpc_out *client_request(struct client *c, const char *command);
/* Sends the request and waits for its answer; has_body says that a body follows one without
 * error. Records that come before the answer are dropped: the answer is newer. */
enum client_status client_call(struct client *c, bool has_body);
/* Both, of a request whose body is a map of texts: keys and values; without any it has no body. */
#define client_ask(c, has_body, ...)                                                               \
    client_ask_texts(c, has_body, (const char *const[]){__VA_ARGS__, NULL})
/* texts: the command, then pairs of key and value, then NULL. */
enum client_status client_ask_texts(struct client *c, bool has_body, const char *const *texts);

/* Sends the request, and waits for nothing. */
void client_send(struct client *c);

/* Sends a request after whose answer records come: the connection's one stream. */
enum client_status client_stream(struct client *c);
/* Begins that stream with changes that fit `events` (comma-separated names, or "*"),
 * those since number `from` first, 0 for only what comes. */
enum client_status client_watch(struct client *c, const char *events, uint64_t from);
/* Waits for the stream's next record, in c->body. */
enum client_status client_record(struct client *c);

/* Has more of it come already? Then c->fd need not be readable. */
bool client_is_buffered(const struct client *c);

/* Waits until the agent closes the connection, as one that ends does: CLIENT_OK then. */
enum client_status client_await_end(struct client *c);

/* For callers that cannot make sense of c->body: LOST, and `wrong` goes into the message. */
enum client_status client_malformed(struct client *c, const char *wrong);

#endif
