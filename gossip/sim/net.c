#include "gossip/sim/net.h"

#include "agent/base/array.h"
#include "gossip/sim/form.h"
#include "gossip/sim/queue.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BACKLOG_MAX = 256,        /* datagrams that wait for a paused node: about what a socket holds */
    STREAM_US_MAX = 10000000, /* then the host gives a stream up */
};

struct node {
    struct gossip *core; /* NULL: not running */
    struct net_host host;
    uint32_t detect_ms;
    int64_t ppm;      /* by how much its clock errs */
    uint64_t timer;   /* the one valid deadline in the queue, */
    int64_t timer_us; /* and when it comes; INT64_MAX: none is queued */
    bool paused;
    uint32_t backlog; /* datagrams that came while paused */
    struct net_traffic sent, received;
};

struct net {
    struct net_config config;
    struct rng rng;
    int64_t now_us;
    struct node *nodes;
    struct links *links;
    struct queue queue;
    struct happening *waiting; /* for paused nodes, in order */
    size_t waiting_count, waiting_capacity;
    struct history history;
    struct net_burst burst;
};

/* A node's clock begins with the net's, and drifts by its rate in millionths. */
static int64_t net_local_us(const struct net *net, uint32_t node)
{
    int64_t ppm = net->nodes[node].ppm;
    return ppm ? (int64_t)((double)net->now_us * (1 + (double)ppm / 1e6)) : net->now_us;
}

/* When that clock shows at least so much. */
static int64_t net_global_us(const struct net *net, uint32_t node, int64_t us)
{
    int64_t ppm = net->nodes[node].ppm;
    return ppm && us != INT64_MAX ? (int64_t)((double)us / (1 + (double)ppm / 1e6)) + 2 : us;
}

/* A random id, and 10.1.y.z, one address a node; those that move change its second byte. */
static struct net_host net_new_host(struct net *net, uint32_t node)
{
    uint8_t high = (uint8_t)(node >> 8), low = (uint8_t)node;
    struct net_host host = {
        .addr = {.ip = {[10] = 0xff, [11] = 0xff, 10, 1, high, low}, .port = 7949}, .named = node};
    for (int i = 0; i < GOSSIP_ID_BYTES; i++)
        host.id[i] = (uint8_t)rng_next(&net->rng);
    return host;
}

/* What every link does at first. */
static void net_add_links(struct net *net)
{
    struct node_set all = node_set_new(net->config.nodes);
    struct link_conditions everywhere = {
        .set = LINK_DELAY | LINK_JITTER | LINK_DUPLICATE,
        .delay_us = net->config.delay_us,
        .jitter_us = net->config.jitter_us,
        .duplicate = net->config.duplicates,
    };
    node_set_add_all(&all);
    links_add(net->links, &all, &all, &everywhere);
    node_set_free(&all);
}

struct net *net_new(const struct net_config *config)
{
    assert(config->nodes <= NET_NODES_MAX);
    struct net *net = calloc(1, sizeof *net);
    assert(net);
    net->config = *config;
    rng_seed(&net->rng, config->seed);
    net->nodes = calloc(config->nodes, sizeof *net->nodes);
    net->links = links_new(config->nodes);
    assert(net->nodes);
    net_add_links(net);
    for (uint32_t i = 0; i < config->nodes; i++)
        net->nodes[i] = (struct node){
            .host = net_new_host(net, i), .detect_ms = config->detect_ms, .timer_us = INT64_MAX};
    return net;
}

uint32_t net_nodes(const struct net *net)
{
    return net->config.nodes;
}

void net_free(struct net *net)
{
    for (uint32_t i = 0; i < net->config.nodes; i++)
        gossip_free(net->nodes[i].core);
    while (net->waiting_count)
        free(net->waiting[--net->waiting_count].bytes);
    queue_free(&net->queue);
    links_free(net->links);
    free(net->waiting);
    free(net->nodes);
    history_free(&net->history);
    free(net);
}

void net_set_detect(struct net *net, uint32_t node, int64_t detect_ms)
{
    net->nodes[node].detect_ms = (uint32_t)detect_ms;
}

void net_set_clock(struct net *net, uint32_t node, int64_t ppm)
{
    assert(!net->nodes[node].core && ppm > -1000000);
    net->nodes[node].ppm = ppm;
}

static uint32_t net_node_at(const struct net *net, const struct gossip_addr *addr)
{
    uint32_t node = (uint32_t)addr->ip[14] << 8 | addr->ip[15];
    bool there =
        node < net->config.nodes && memcmp(net->nodes[node].host.addr.ip, addr->ip, 16) == 0;
    return there ? node : UINT32_MAX;
}

/* What is lost on a stream is sent again, as Linux's TCP does: what opens it after 1 s, what it
 * carries after 200 ms, each time after twice as long. */
static int64_t net_stream_delay_us(struct net *net, uint32_t from, uint32_t to, bool opened)
{
    struct links *l = net->links;
    struct rng *r = &net->rng;
    int64_t us = (opened ? 1 : 3) * links_delay_us(l, r, from, to);
    for (int64_t again_us = 1000000; !opened && us <= STREAM_US_MAX; again_us *= 2) {
        if (!links_loses(l, r, from, to, net->now_us + us) &&
            !links_loses(l, r, to, from, net->now_us + us))
            break;
        us += again_us;
    }
    int64_t again_us = 200000;
    for (; us <= STREAM_US_MAX && links_loses(l, r, from, to, net->now_us + us); again_us *= 2)
        us += again_us;
    return us;
}

static bool net_passes(const struct net *net, uint32_t from, uint32_t to, enum gossip_via via)
{
    return to != NET_NOBODY && !links_is_cut(net->links, from, to) &&
           !net->nodes[from].host.blocked[via] && !net->nodes[to].host.blocked[via];
}

static void net_deliver(struct net *net, uint32_t from, uint32_t to,
                        const struct gossip_packet *packet, int64_t after_us)
{
    uint8_t *bytes = malloc(packet->len);
    assert(bytes);
    memcpy(bytes, packet->bytes, packet->len);
    queue_push(&net->queue, (struct happening){
                                .at_us = net->now_us + after_us,
                                .node = to,
                                .from = {.addr = net->nodes[from].host.addr,
                                         .via = packet->route.via,
                                         .conn = packet->route.via == GOSSIP_STREAM ? from + 1 : 0},
                                .len = (uint32_t)packet->len,
                                .bytes = bytes,
                            });
}

static void net_transmit(struct net *net, uint32_t from, const struct gossip_packet *packet)
{
    const struct gossip_route *route = &packet->route;
    uint32_t to = route->conn ? route->conn - 1 : net_node_at(net, &route->addr);
    net->nodes[from].sent.packets++;
    net->nodes[from].sent.bytes += packet->len;
    if (!net_passes(net, from, to, route->via))
        return;
    if (route->via == GOSSIP_STREAM) {
        /* A handshake first, and back again: a stream needs both ways open. */
        int64_t us = net_stream_delay_us(net, from, to, route->conn != 0);
        if (us <= STREAM_US_MAX && net_passes(net, to, from, route->via))
            net_deliver(net, from, to, packet, us);
        return;
    }
    if (!links_loses(net->links, &net->rng, from, to, net->now_us))
        net_deliver(net, from, to, packet, links_delay_us(net->links, &net->rng, from, to));
    if (links_doubles(net->links, &net->rng, from, to))
        net_deliver(net, from, to, packet, links_delay_us(net->links, &net->rng, from, to));
}

/* The name identifies the node, unless names or ids were mixed up on purpose. */
static uint32_t net_node_of(const struct net *net, const struct gossip_profile *profile)
{
    if (!profile)
        return NET_NOBODY;
    unsigned long named = strtoul(profile->name + 1, NULL, 10);
    if (named < net->config.nodes &&
        memcmp(net->nodes[named].host.id, profile->id, sizeof profile->id) == 0)
        return (uint32_t)named;
    for (uint32_t i = 0; i < net->config.nodes; i++)
        if (memcmp(net->nodes[i].host.id, profile->id, sizeof profile->id) == 0)
            return i;
    return NET_NOBODY;
}

static void net_note_packet(struct net_burst *b, const struct gossip_packet *packet)
{
    bool stream = packet->route.via == GOSSIP_STREAM;
    size_t *most = stream ? &b->frame_bytes_most : &b->datagram_bytes_most;
    *most = packet->len > *most ? packet->len : *most;
    b->packets++;
}

static void net_note_event(struct net *net, uint32_t node, const struct gossip_event *event)
{
    const struct gossip_profile *profile = event->member.profile;
    const struct net_event published = {
        .at_us = net->now_us,
        .observer = node,
        .subject = net_node_of(net, profile),
        .named = profile ? (uint32_t)strtoul(profile->name + 1, NULL, 10) : NET_NOBODY,
        .kind = event->kind,
    };
    history_add(&net->history, &published);
}

/* The core is woken at that time, or at its next deadline if that is later. */
static void net_wake(struct net *net, uint32_t node, int64_t at_us)
{
    struct node *n = &net->nodes[node];
    int64_t deadline_us = net_global_us(net, node, gossip_deadline(n->core));
    if (deadline_us < at_us)
        deadline_us = at_us;
    if (deadline_us == n->timer_us)
        return;
    n->timer_us = deadline_us;
    n->timer = 0;
    if (deadline_us != INT64_MAX)
        n->timer = queue_push(&net->queue, (struct happening){.at_us = deadline_us, .node = node});
}

/* All packets and events of a core go out, and its next deadline is noted. */
void net_settle(struct net *net, uint32_t node)
{
    struct node *n = &net->nodes[node];
    struct gossip_packet packet;
    struct gossip_event event;
    bool stops = false;
    net->burst = (struct net_burst){0};
    while (gossip_next_packet(n->core, &packet)) {
        net_note_packet(&net->burst, &packet);
        net_transmit(net, node, &packet);
    }
    while (gossip_next_event(n->core, &event)) {
        net->burst.events++;
        net_note_event(net, node, &event);
        stops |= event.kind == GOSSIP_EVENT_GONE || event.kind == GOSSIP_EVENT_NAME_TAKEN ||
                 event.kind == GOSSIP_EVENT_ID_TAKEN;
    }
    if (stops) {
        net_crash(net, node);
        return;
    }
    net_wake(net, node, net->now_us);
}

static void net_make_core(struct net *net, uint32_t node)
{
    struct node *n = &net->nodes[node];
    assert(!n->core);
    char name[16];
    snprintf(name, sizeof name, "n%u", n->host.named);
    struct gossip_config config = {
        .cluster = "sim",
        /* Later starts have higher generations, on all hosts alike: they come from a wall clock. */
        .self = {.generation = (uint64_t)net->now_us / 1000 + 1 + node,
                 .addr = n->host.addr,
                 .name = name},
        .detect_ms = n->detect_ms,
        .seed = rng_next(&net->rng),
        .tuning = net->config.tuning,
    };
    memcpy(config.self.id, n->host.id, sizeof n->host.id);
    memcpy(config.secret, &node, sizeof node); /* of nodes with one id, too */
    enum gossip_error error;
    n->core = gossip_new(&config, net_local_us(net, node), &error);
    n->timer_us = INT64_MAX;
    assert(n->core);
}

void net_start(struct net *net, uint32_t node, uint32_t seed)
{
    net_make_core(net, node);
    net_join(net, node, seed);
}

void net_form(struct net *net)
{
    struct gossip **cores = calloc(net->config.nodes, sizeof *cores);
    assert(cores);
    for (uint32_t i = 0; i < net->config.nodes; i++) {
        net_make_core(net, i);
        cores[i] = net->nodes[i].core;
    }
    form(cores, net->config.nodes);
    free(cores);
}

void net_reseed(struct net *net, uint64_t seed)
{
    rng_seed(&net->rng, seed);
    for (uint32_t i = 0; i < net->config.nodes; i++)
        if (net->nodes[i].core) {
            form_reseed(net->nodes[i].core, rng_next(&net->rng));
            net_settle(net, i);
        }
}

void net_join(struct net *net, uint32_t node, uint32_t other)
{
    gossip_join(net->nodes[node].core, net_local_us(net, node), &net->nodes[other].host.addr);
    net_settle(net, node);
}

void net_crash(struct net *net, uint32_t node)
{
    gossip_free(net->nodes[node].core);
    net->nodes[node].core = NULL;
    net_resume(net, node);
}

void net_pause(struct net *net, uint32_t node)
{
    net->nodes[node].paused = true;
}

bool net_is_paused(const struct net *net, uint32_t node)
{
    return net->nodes[node].paused;
}

/* What waited is served first, then the clock is read: as a host does that drains its sockets
 * before it ticks. */
void net_resume(struct net *net, uint32_t node)
{
    size_t kept = 0;
    net->nodes[node].paused = false;
    net->nodes[node].backlog = 0;
    for (size_t i = 0; i < net->waiting_count; i++) {
        struct happening h = net->waiting[i];
        if (h.node != node) {
            net->waiting[kept++] = h;
            continue;
        }
        h.at_us = net->now_us;
        queue_push(&net->queue, h);
    }
    net->waiting_count = kept;
    if (net->nodes[node].core)
        net_wake(net, node, net->now_us);
}

void net_leave(struct net *net, uint32_t node)
{
    gossip_leave(net->nodes[node].core, net_local_us(net, node));
    net_settle(net, node);
}

struct net_host *net_host(const struct net *net, uint32_t node)
{
    return &net->nodes[node].host;
}

struct links *net_links(struct net *net)
{
    return net->links;
}

static void net_hold_packet(struct net *net, const struct happening *h)
{
    struct node *n = &net->nodes[h->node];
    bool datagram = h->from.via == GOSSIP_DATAGRAM;
    if (!h->bytes) {
        n->timer_us = INT64_MAX; /* computed anew when it goes on */
        return;
    }
    if (datagram && ++n->backlog > BACKLOG_MAX) {
        free(h->bytes);
        return;
    }
    ARRAY_MUST_RESERVE(net->waiting, net->waiting_capacity, net->waiting_count + 1);
    net->waiting[net->waiting_count++] = *h;
}

/* A stream dies with its sender; a deadline counts only as the latest of its node. */
static bool net_is_void(const struct net *net, const struct happening *h)
{
    const struct node *n = &net->nodes[h->node];
    if (!n->core)
        return true;
    if (!h->bytes)
        return h->order != n->timer;
    return h->from.via == GOSSIP_STREAM && !net->nodes[h->from.conn - 1].core;
}

static void net_serve(struct net *net, const struct happening *h)
{
    struct node *n = &net->nodes[h->node];
    if (h->bytes) {
        n->received.packets++;
        n->received.bytes += h->len;
        gossip_receive(n->core, net_local_us(net, h->node), &h->from, h->bytes, h->len);
        free(h->bytes);
    } else {
        n->timer_us = INT64_MAX;
        gossip_tick(n->core, net_local_us(net, h->node));
    }
    net_settle(net, h->node);
}

uint32_t net_step(struct net *net, int64_t until_us)
{
    while (queue_next_us(&net->queue) <= until_us) {
        struct happening h = queue_pop(&net->queue);
        net->now_us = h.at_us > net->now_us ? h.at_us : net->now_us;
        if (net_is_void(net, &h)) {
            free(h.bytes);
        } else if (net->nodes[h.node].paused) {
            net_hold_packet(net, &h);
        } else {
            net_serve(net, &h);
            return h.node;
        }
    }
    net->now_us = until_us;
    return NET_NOBODY;
}

void net_run_ms(struct net *net, uint32_t ms)
{
    int64_t until_us = net->now_us + (int64_t)ms * 1000;
    while (net_step(net, until_us) != NET_NOBODY)
        ;
}

int64_t net_now_us(const struct net *net)
{
    return net->now_us;
}

struct gossip *net_core(const struct net *net, uint32_t node)
{
    return net->nodes[node].core;
}

const struct net_burst *net_burst(const struct net *net)
{
    return &net->burst;
}

const struct net_event *net_history(const struct net *net, size_t *count)
{
    *count = net->history.count;
    return net->history.all;
}

void net_clear_history(struct net *net)
{
    net->history.count = 0;
}

struct net_traffic net_sent(const struct net *net, uint32_t node)
{
    return net->nodes[node].sent;
}

struct net_traffic net_received(const struct net *net, uint32_t node)
{
    return net->nodes[node].received;
}
