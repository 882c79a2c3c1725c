/* fake_agent: a control socket whose other end follows a script, in a process of its own. */
#ifndef MUSTER_FAKE_AGENT_H
#define MUSTER_FAKE_AGENT_H

#include <msgpack.h>
#include <sys/types.h>
#include <sys/un.h>

#include <stdbool.h>
#include <stdint.h>

struct fake_agent {
    char dir[64];
    struct sockaddr_un address; /* .sun_path is where to ask */
    int listen_fd, fd;
    pid_t pid;
    void (*script)(struct fake_agent *f);
    bool may_leave;           /* set by a script: a client that leaves early is as good */
    uint64_t seq, stream_seq; /* of the last request, of the last "watch" */
    msgpack_unpacker in;
    msgpack_sbuffer out; /* filled by the put functions, until fake_agent_flush */
    msgpack_packer pack;
};

/* Listens; the process takes one client, runs the script and closes. NULL: only listens. */
void fake_agent_start(struct fake_agent *f, void (*script)(struct fake_agent *f));
/* Waits for the script's end, which must be a good one, and removes the socket. */
void fake_agent_stop(struct fake_agent *f);

/* For scripts; anything unexpected is an abort. body: how msgpack prints it, NULL for no body. */
void fake_agent_expect(struct fake_agent *f, const char *command, const char *body);
/* The client closes, having asked nothing more. */
void fake_agent_expect_end(struct fake_agent *f);
/* Takes a handshake. */
void fake_agent_greet(struct fake_agent *f);
/* Answers the last request without a body, or with an error. */
void fake_agent_answer(struct fake_agent *f, const char *error);

void fake_agent_put_header(struct fake_agent *f, uint64_t seq, const char *error);
void fake_agent_put_map(struct fake_agent *f, size_t count);
void fake_agent_put_text(struct fake_agent *f, const char *text);
void fake_agent_put_text_pair(struct fake_agent *f, const char *key, const char *value);
void fake_agent_put_unsigned_pair(struct fake_agent *f, const char *key, uint64_t value);
/* A member map: at 10.0.0.1:7949 with incarnation 3, generation 5 and the tag role=db. */
void fake_agent_put_member(struct fake_agent *f, const char *name, const char *status);
/* The same, partly unreachable. */
void fake_agent_put_partly(struct fake_agent *f, const char *name, const char *status);
/* The answer to `view` up to the members themselves. */
void fake_agent_put_members(struct fake_agent *f, size_t count);
/* A record of the watched stream, about a member; its line is {"seq":SEQ}. */
void fake_agent_put_record(struct fake_agent *f, uint64_t seq, const char *event, const char *name,
                           const char *status);
/* The same, about one that is alive and partly unreachable. */
void fake_agent_put_partly_record(struct fake_agent *f, uint64_t seq, const char *event,
                                  const char *name);
void fake_agent_flush(struct fake_agent *f);
/* The same, one byte at a time. */
void fake_agent_flush_slowly(struct fake_agent *f);
/* False: the client has gone. */
bool fake_agent_send(struct fake_agent *f, const void *bytes, size_t len);

#endif
