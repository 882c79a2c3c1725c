/* net_lab: what tests do to a virtual network and no scenario does: pairs that are cut, hosts that
 * move, ids and names that are mixed up. */
#ifndef MUSTER_NET_LAB_H
#define MUSTER_NET_LAB_H

#include "gossip/sim/net.h"
#include "gossip/sim/net_views.h"

#include <stdlib.h>
#include <string.h>

/* Cuts or mends one direction. */
static inline void net_cut(struct net *net, uint32_t from, uint32_t to, bool cut)
{
    links_cut_pair(net_links(net), from, to, cut);
}

/* Cuts or mends both directions between nodes below `border` and the others. */
static inline void net_split(struct net *net, uint32_t border, bool cut)
{
    for (uint32_t a = 0; a < border; a++)
        for (uint32_t b = border; b < net_nodes(net); b++) {
            net_cut(net, a, b, cut);
            net_cut(net, b, a, cut);
        }
}

/* Datagrams to and from a node are lost, streams pass; or the reverse. */
static inline void net_block(struct net *net, uint32_t node, enum gossip_via via, bool block)
{
    net_host(net, node)->blocked[via] = block;
}

/* Of every link, from now on. */
static inline void net_set_loss(struct net *net, double loss)
{
    struct link_conditions conditions = {.set = LINK_LOSS, .loss = loss};
    struct node_set all = node_set_new(net_nodes(net));
    node_set_add_all(&all);
    links_add(net_links(net), &all, &all, &conditions);
    node_set_free(&all);
}

/* Lets time pass until every running node sees exactly the running nodes as alive, or `ms` have
 * passed. Returns the milliseconds it took; -1 if it did not come to that. */
static inline int64_t net_run_until_agreed_ms(struct net *net, uint32_t ms)
{
    enum { STEP_MS = 10 };
    for (uint32_t passed = 0; passed <= ms; passed += STEP_MS) {
        if (net_agrees(net))
            return passed;
        net_run_ms(net, STEP_MS);
    }
    return -1;
}

/* Of a node that does not run. A new id under the same name, as after an installation anew. */
static inline void net_reinstall(struct net *net, uint32_t node)
{
    struct net_host *host = net_host(net, node);
    struct rng rng;
    uint64_t was;
    memcpy(&was, host->id, sizeof was);
    rng_seed(&rng, was);
    for (int i = 0; i < GOSSIP_ID_BYTES; i++)
        host->id[i] = (uint8_t)rng_next(&rng);
}

/* ... gets another's id and name: its state folder was copied. */
static inline void net_clone(struct net *net, uint32_t node, uint32_t like)
{
    memcpy(net_host(net, node)->id, net_host(net, like)->id, GOSSIP_ID_BYTES);
    net_host(net, node)->named = net_host(net, like)->named;
}

/* ... moves to a new address. */
static inline void net_readdress(struct net *net, uint32_t node)
{
    net_host(net, node)->addr.ip[13]++;
}

/* ... gets another's name. */
static inline void net_rename(struct net *net, uint32_t node, uint32_t like)
{
    net_host(net, node)->named = net_host(net, like)->named;
}

#endif
