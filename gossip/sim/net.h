/* net: many cores on one virtual network with one virtual clock: for tests that need hours of a
 * cluster's life in a moment, the same every time for the same seed. */
#ifndef GOSSIP_SIM_NET_H
#define GOSSIP_SIM_NET_H

#include "gossip/gossip.h"

#define NET_NODES_MAX 1024

struct net_config {
    uint32_t nodes;
    uint32_t detect_ms;
    uint64_t seed;
    uint32_t delay_us, jitter_us; /* one way: delay + uniform 0..jitter */
    double loss, duplicates;      /* of datagrams, 0..1; streams are slower for loss */
};

struct net;

/* The nodes are named n0, n1, ... and are not running yet. */
struct net *net_new(const struct net_config *config);
void net_free(struct net *net);

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
void net_leave(struct net *net, uint32_t node);
/* A new id under the same name, as after an installation anew. */
void net_reinstall(struct net *net, uint32_t node);
/* Gives a node that is not running another's id and name: its state folder was copied. */
void net_clone(struct net *net, uint32_t node, uint32_t like);
/* Moves a node that is not running to a new address. */
void net_readdress(struct net *net, uint32_t node);
/* Gives a node that is not running another's name. */
void net_rename(struct net *net, uint32_t node, uint32_t like);

/* Cuts or mends one direction. */
void net_cut(struct net *net, uint32_t from, uint32_t to, bool cut);
/* Cuts or mends both directions between nodes below `border` and the others. */
void net_split(struct net *net, uint32_t border, bool cut);
/* Datagrams to and from a node are lost, streams pass; or the reverse. */
void net_block(struct net *net, uint32_t node, enum gossip_via via, bool block);
void net_set_loss(struct net *net, double loss);

/* Lets virtual time pass. */
void net_run_ms(struct net *net, uint32_t ms);
/* ... until every running node sees exactly the running nodes as alive, or `ms` have passed.
 * Returns the milliseconds it took; -1 if it did not come to that. */
int64_t net_run_until_agreed_ms(struct net *net, uint32_t ms);
int64_t net_now_us(const struct net *net);

/* The core, for whatever else a test wants; NULL while it is not running. After a call that may
 * have left it something to say or to do, net_settle. */
struct gossip *net_core(struct net *net, uint32_t node);
void net_settle(struct net *net, uint32_t node);

/* What `node` holds of `subject`; -1 if it does not know it. */
int net_status(struct net *net, uint32_t node, uint32_t subject);

/* How many events of that kind all nodes together have told since the start; and of one subject. */
uint32_t net_count(const struct net *net, enum gossip_event_kind kind);
uint32_t net_count_of(const struct net *net, enum gossip_event_kind kind, uint32_t subject);
/* When the last of these came, in microseconds; -1: never. */
int64_t net_last_us(const struct net *net, enum gossip_event_kind kind);
/* Counts, and the history, begin anew. */
void net_forget_counts(struct net *net);

/* The events told, a line each: "1234 n3 failed n1". */
const char *net_history(const struct net *net);

/* Datagrams and their bytes handed to the network, all nodes together. */
void net_traffic(const struct net *net, uint64_t *packets, uint64_t *bytes);

#endif
