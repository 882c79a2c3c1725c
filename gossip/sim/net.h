/* net: many cores on one virtual network with one virtual clock: hours of a cluster's life in a
 * moment, the same every time for the same seed. */
#ifndef GOSSIP_SIM_NET_H
#define GOSSIP_SIM_NET_H

#include "gossip/gossip.h"
#include "gossip/sim/history.h"
#include "gossip/sim/link.h"

#define NET_NODES_MAX 16000
#define NET_NOBODY UINT32_MAX

struct net_config {
    uint32_t nodes;
    uint32_t detect_ms;
    uint64_t seed;
    const struct gossip_tuning *tuning; /* borrowed while the net lives; NULL: the defaults */
    /* Of every link at first; links_add on net_links adds rules. */
    int64_t delay_us, jitter_us; /* one way: delay + uniform 0..jitter */
    double duplicates;           /* of datagrams, 0..1 */
};

struct net;

/* The nodes are named n0, n1, ... and are not running yet. */
struct net *net_new(const struct net_config *config);
void net_free(struct net *net);
uint32_t net_nodes(const struct net *net);

/* For one node only, from its next start on: its detect, and by how much its clock errs. */
void net_set_detect(struct net *net, uint32_t node, int64_t detect_ms);
void net_set_clock(struct net *net, uint32_t node, int64_t ppm);

/* Starts every node, as members of one cluster that know each other already; and lets another seed
 * decide what is random from here on. */
void net_form(struct net *net);
void net_reseed(struct net *net, uint64_t seed);

/* Starts a node: the first time, or again with the same id and a higher generation. It dials
 * `seed` (another node, or itself for none). */
void net_start(struct net *net, uint32_t node, uint32_t seed);
/* A running node dials another's present address, until it is answered there. */
void net_join(struct net *net, uint32_t node, uint32_t other);
/* Gone without a word. */
void net_crash(struct net *net, uint32_t node);
/* Stopped, its packets waiting as far as a socket holds them; then it goes on. */
void net_pause(struct net *net, uint32_t node);
void net_resume(struct net *net, uint32_t node);
bool net_is_paused(const struct net *net, uint32_t node);
void net_leave(struct net *net, uint32_t node);

/* The identity of a node for others; to be changed only while it does not run, but for what is
 * blocked. */
struct net_host {
    uint8_t id[GOSSIP_ID_BYTES];
    struct gossip_addr addr;
    uint32_t named;                  /* whose name it bears */
    bool blocked[GOSSIP_STREAM + 1]; /* by enum gossip_via: these do not pass, either way */
};
struct net_host *net_host(const struct net *net, uint32_t node); /* borrowed */

/* The rules by which packets travel. */
struct links *net_links(struct net *net);
/* Lets the next thing happen, if one does by `until_us`: a packet arrives or a node's deadline
 * comes, and the node has said what it has to say. Returns the node; NET_NOBODY: nothing happens
 * any more before `until_us`, and time has moved there. */
uint32_t net_step(struct net *net, int64_t until_us);
/* Lets virtual time pass. */
void net_run_ms(struct net *net, uint32_t ms);
int64_t net_now_us(const struct net *net);

/* The core, for whatever else is wanted of it; NULL while it is not running. After a call that may
 * have left it something to say or to do, net_settle. A core's time is its node's clock. */
struct gossip *net_core(const struct net *net, uint32_t node);
void net_settle(struct net *net, uint32_t node);

/* The output of a core when it was settled last. */
struct net_burst {
    uint32_t packets, events;
    size_t datagram_bytes_most, frame_bytes_most; /* of one */
};
const struct net_burst *net_burst(const struct net *net); /* borrowed until the next is settled */

/* The events of all cores since the last net_clear_history; borrowed until time passes.
 */
const struct net_event *net_history(const struct net *net, size_t *count);
void net_clear_history(struct net *net);

/* What a node has sent since its start and the net's. */
struct net_traffic {
    uint64_t packets, bytes; /* datagrams and frames handed to the network, payload */
};
struct net_traffic net_sent(const struct net *net, uint32_t node);
struct net_traffic net_received(const struct net *net, uint32_t node);

#endif
