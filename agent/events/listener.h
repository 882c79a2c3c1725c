/* listener: takes on the connections of a server's socket, some in each turn of the loop, and none
 * for a moment when no descriptor is free. */
#ifndef MUSTER_LISTENER_H
#define MUSTER_LISTENER_H

struct event_base;
struct listener;

/* fd: connected, non-blocking, close-on-exec; taken. */
typedef void listener_accept_fn(void *arg, int fd);

/* Listens on `fd` (listening, non-blocking; taken, also on failure). name (static): of the server,
 * for the log. NULL: out of memory. */
struct listener *listener_new(struct event_base *base, int fd, const char *name,
                              listener_accept_fn *accept, void *arg);
/* Closes it. NULL: nothing. */
void listener_free(struct listener *l);

#endif
