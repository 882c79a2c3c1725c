/* peer: a client of the control server, in the same thread: it turns the loop while it waits. */
#ifndef MUSTER_PEER_H
#define MUSTER_PEER_H

#include <msgpack.h>

#include <stdbool.h>
#include <stddef.h>

/* A control server on fake_core: on a Unix socket, and on TCP on loopback. */
void peer_server_start(void);
void peer_server_stop(void);

struct peer {
    int fd;
    msgpack_unpacker in;
};

void peer_open(struct peer *p);
void peer_open_tcp(struct peer *p);
/* The same, and shakes hands with Seq 0. */
void peer_open_greeted(struct peer *p);
void peer_close(struct peer *p);

/* Turns the loop until nothing is left to do at once. */
void peer_turn(void);

/* Sends bytes; how many were taken before neither side moved any more. */
size_t peer_send(struct peer *p, const void *bytes, size_t len);
/* Sends objects: mN a map of N pairs, aN an array of N, s a const char *, b one as bin, i an int,
 * t true, f false, n nil. */
void peer_say(struct peer *p, const char *objects, ...);
/* Sends a request header. */
void peer_ask(struct peer *p, int seq, const char *command);

/* Waits for the next object; as msgpack prints it, borrowed until the next call. NULL: the end. */
const char *peer_next(struct peer *p);
/* The next object is this one; fails the test if it is not, or none comes. */
void peer_expect(struct peer *p, const char *printed);
/* The next object begins so. */
void peer_expect_start(struct peer *p, const char *printed);
/* The next object is the header of an answer. */
void peer_expect_answer(struct peer *p, int seq, const char *error);
void peer_expect_silence(struct peer *p);
void peer_expect_end(struct peer *p);

#endif
