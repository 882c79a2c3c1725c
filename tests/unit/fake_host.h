/* fake_host: the host of one transport or of the join attempts, with a real loop, and a core that
 * only writes down what it is handed. */
#ifndef MUSTER_FAKE_HOST_H
#define MUSTER_FAKE_HOST_H

#include "agent/host.h"

#define FAKE_HOST_RECEIVED_MAX 4096
#define FAKE_HOST_JOINS_MAX 512

struct fake_received {
    struct gossip_route from;
    size_t len;
    uint8_t first, last; /* of its bytes; 0 if there are none */
};

struct host {
    struct event_base *base;
    struct host_transport transports[GOSSIP_STREAM + 1];
    size_t received_count;
    struct fake_received received[FAKE_HOST_RECEIVED_MAX];
    size_t joins_count; /* addresses that the core was asked to join, and not to stop */
    struct gossip_addr joins[FAKE_HOST_JOINS_MAX];
    enum gossip_error join_error; /* what the core answers */
    host_event_fn *joined;
    void *joined_arg;
    struct gossip_member member;       /* of the view; its profile NULL: there is none */
    const struct gossip_profile *self; /* NULL: a profile that no member has */
};

struct host *fake_host_new(void);
void fake_host_free(struct host *h);

/* Runs the loop until the core was handed so many packets; false: not within 10 s. */
bool fake_host_receives(struct host *h, size_t count);
/* Runs whatever is ready now. */
void fake_host_turn(struct host *h);

/* Port 7949 at a loopback address of this process's own; host: 1 to 254. */
struct gossip_addr fake_addr(uint8_t host);
/* Every address, at a port that no socket of that type has now at any of them. */
struct gossip_addr fake_any(int type);
/* A socket there, non-blocking; one of a stream listens. */
int fake_socket(int type, uint8_t host);
/* A stream from there to the other; blocks until it is made. */
int fake_connect(uint8_t from, uint8_t to);
/* True if the core joins that address. */
bool fake_host_has_join(const struct host *h, const struct gossip_addr *addr);

#endif
