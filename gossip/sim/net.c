#include "gossip/sim/net.h"

#include "gossip/rng.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KINDS = GOSSIP_EVENT_GONE + 1,
    BACKLOG_MAX = 256,        /* datagrams that wait for a paused node: about what a socket holds */
    STREAM_US_MAX = 10000000, /* then the host gives a stream up */
};

struct node {
    struct gossip *core; /* NULL: not running */
    struct gossip_addr addr;
    uint8_t id[GOSSIP_ID_BYTES];
    uint64_t generation;
    uint32_t named; /* whose name it bears */
    uint64_t timer; /* the one valid timer in the heap */
    bool paused;
    uint32_t backlog; /* datagrams that came while paused */
    bool blocked[GOSSIP_STREAM + 1];
    uint32_t told[KINDS]; /* events of which this node is the subject */
};

/* What happens at a time: a packet arrives, or a node's deadline comes. */
struct happening {
    int64_t at_us;
    uint64_t order; /* of creation, so that the same run is the same run */
    uint32_t node;
    struct gossip_route from; /* packets */
    uint32_t len;
    uint8_t *bytes; /* owned; NULL: a deadline */
};

struct net {
    struct net_config config;
    struct rng rng;
    int64_t now_us;
    uint64_t order;
    struct node *nodes;
    bool *cuts; /* nodes * nodes: from, to */
    struct happening *heap;
    size_t heap_count, heap_capacity;
    struct happening *waiting; /* for paused nodes, in order */
    size_t waiting_count, waiting_capacity;
    uint64_t packets, bytes;
    uint32_t counts[KINDS];
    int64_t last_us[KINDS];
    char *history;
    size_t history_bytes, history_capacity;
};

static bool sooner(const struct happening *a, const struct happening *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

/* Room for one more. */
static struct happening *grow(struct happening *all, size_t count, size_t *capacity)
{
    if (count < *capacity)
        return all;
    *capacity = *capacity ? 2 * *capacity : 1024;
    all = realloc(all, *capacity * sizeof *all);
    assert(all);
    return all;
}

static void heap_push(struct net *net, struct happening h)
{
    net->heap = grow(net->heap, net->heap_count, &net->heap_capacity);
    h.order = ++net->order;
    size_t at = net->heap_count++;
    for (; at > 0 && sooner(&h, &net->heap[(at - 1) / 2]); at = (at - 1) / 2)
        net->heap[at] = net->heap[(at - 1) / 2];
    net->heap[at] = h;
}

static struct happening heap_pop(struct net *net)
{
    struct happening top = net->heap[0], last = net->heap[--net->heap_count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < net->heap_count; at = child) {
        if (child + 1 < net->heap_count && sooner(&net->heap[child + 1], &net->heap[child]))
            child++;
        if (!sooner(&net->heap[child], &last))
            break;
        net->heap[at] = net->heap[child];
    }
    if (net->heap_count)
        net->heap[at] = last;
    return top;
}

/* 10.x.y.z, one address a node; `version` for those that move. */
static struct gossip_addr address(uint32_t node, uint32_t version)
{
    return (struct gossip_addr){.ip = {[10] = 0xff,
                                       [11] = 0xff,
                                       10,
                                       (uint8_t)(1 + version),
                                       (uint8_t)(node >> 8),
                                       (uint8_t)node},
                                .port = 7949};
}

static void new_id(struct net *net, struct node *n)
{
    for (int i = 0; i < GOSSIP_ID_BYTES; i++)
        n->id[i] = (uint8_t)rng_next(&net->rng);
}

struct net *net_new(const struct net_config *config)
{
    assert(config->nodes <= NET_NODES_MAX);
    struct net *net = calloc(1, sizeof *net);
    assert(net);
    net->config = *config;
    rng_seed(&net->rng, config->seed);
    net->nodes = calloc(config->nodes, sizeof *net->nodes);
    net->cuts = calloc((size_t)config->nodes * config->nodes, sizeof *net->cuts);
    net->history_capacity = 1;
    net->history = calloc(1, net->history_capacity);
    assert(net->nodes && net->cuts && net->history);
    for (uint32_t i = 0; i < config->nodes; i++) {
        new_id(net, &net->nodes[i]);
        net->nodes[i].addr = address(i, 0);
        net->nodes[i].named = i;
    }
    net_forget_counts(net);
    return net;
}

void net_free(struct net *net)
{
    for (uint32_t i = 0; i < net->config.nodes; i++)
        gossip_free(net->nodes[i].core);
    while (net->heap_count)
        free(heap_pop(net).bytes);
    while (net->waiting_count)
        free(net->waiting[--net->waiting_count].bytes);
    free(net->heap);
    free(net->waiting);
    free(net->nodes);
    free(net->cuts);
    free(net->history);
    free(net);
}

static uint32_t node_at(const struct net *net, const struct gossip_addr *addr)
{
    uint32_t node = (uint32_t)addr->ip[14] << 8 | addr->ip[15];
    bool there = node < net->config.nodes && memcmp(net->nodes[node].addr.ip, addr->ip, 16) == 0;
    return there ? node : UINT32_MAX;
}

static int64_t delay_us(struct net *net)
{
    return net->config.delay_us + rng_below(&net->rng, net->config.jitter_us + 1);
}

static bool is_lost(struct net *net)
{
    return rng_unit(&net->rng) < net->config.loss;
}

/* What is lost on a stream is sent again, as Linux's TCP does: what opens it after 1 s, what it
 * carries after 200 ms, each time after twice as long. */
static int64_t stream_delay_us(struct net *net, bool opened)
{
    int64_t us = (opened ? 1 : 3) * delay_us(net);
    for (int64_t again_us = 1000000; !opened && us <= STREAM_US_MAX; again_us *= 2) {
        if (!is_lost(net) && !is_lost(net))
            break;
        us += again_us;
    }
    for (int64_t again_us = 200000; us <= STREAM_US_MAX && is_lost(net); again_us *= 2)
        us += again_us;
    return us;
}

static bool passes(struct net *net, uint32_t from, uint32_t to, enum gossip_via via)
{
    return to != UINT32_MAX && !net->cuts[from * net->config.nodes + to] &&
           !net->nodes[from].blocked[via] && !net->nodes[to].blocked[via];
}

static void deliver(struct net *net, uint32_t from, uint32_t to, const struct gossip_packet *packet,
                    int64_t after_us)
{
    uint8_t *bytes = malloc(packet->len);
    assert(bytes);
    memcpy(bytes, packet->bytes, packet->len);
    heap_push(net, (struct happening){
                       .at_us = net->now_us + after_us,
                       .node = to,
                       .from = {net->nodes[from].addr, packet->route.via,
                                packet->route.via == GOSSIP_STREAM ? from + 1 : 0},
                       .len = (uint32_t)packet->len,
                       .bytes = bytes,
                   });
}

static void transmit(struct net *net, uint32_t from, const struct gossip_packet *packet)
{
    const struct gossip_route *route = &packet->route;
    uint32_t to = route->conn ? route->conn - 1 : node_at(net, &route->addr);
    net->packets++;
    net->bytes += packet->len;
    if (!passes(net, from, to, route->via))
        return;
    if (route->via == GOSSIP_STREAM) {
        /* A handshake first, and back again: a stream needs both ways open. */
        int64_t us = stream_delay_us(net, route->conn != 0);
        if (us <= STREAM_US_MAX && passes(net, to, from, route->via))
            deliver(net, from, to, packet, us);
        return;
    }
    if (!is_lost(net))
        deliver(net, from, to, packet, delay_us(net));
    if (rng_unit(&net->rng) < net->config.duplicates)
        deliver(net, from, to, packet, delay_us(net));
}

static uint32_t node_by_id(const struct net *net, const struct gossip_profile *profile)
{
    for (uint32_t i = 0; profile && i < net->config.nodes; i++)
        if (memcmp(net->nodes[i].id, profile->id, GOSSIP_ID_BYTES) == 0)
            return i;
    return UINT32_MAX;
}

static const char *const kind_texts[KINDS] = {
    [GOSSIP_EVENT_JOIN] = "join",
    [GOSSIP_EVENT_SUSPECT] = "suspect",
    [GOSSIP_EVENT_FAILED] = "failed",
    [GOSSIP_EVENT_LEAVE] = "leave",
    [GOSSIP_EVENT_UPDATE] = "update",
    [GOSSIP_EVENT_REAP] = "reap",
    [GOSSIP_EVENT_DATAGRAMS_LOST] = "datagrams-lost",
    [GOSSIP_EVENT_DATAGRAMS_PASS] = "datagrams-pass",
    [GOSSIP_EVENT_JOINED] = "joined",
    [GOSSIP_EVENT_NAME_TAKEN] = "name-taken",
    [GOSSIP_EVENT_ID_TAKEN] = "id-taken",
    [GOSSIP_EVENT_GONE] = "gone",
};

static void write_history(struct net *net, uint32_t node, const char *kind, const char *name)
{
    char line[64 + GOSSIP_NAME_BYTES_MAX];
    int len = snprintf(line, sizeof line, "%lld n%u %s %s\n", (long long)(net->now_us / 1000), node,
                       kind, name);
    if (net->history_bytes + (size_t)len >= net->history_capacity) {
        net->history_capacity = 2 * net->history_capacity + sizeof line;
        net->history = realloc(net->history, net->history_capacity);
        assert(net->history);
    }
    memcpy(net->history + net->history_bytes, line, (size_t)len + 1);
    net->history_bytes += (size_t)len;
}

static void note(struct net *net, uint32_t node, const struct gossip_event *event)
{
    const struct gossip_profile *profile = event->member.profile;
    uint32_t subject = node_by_id(net, profile);
    net->counts[event->kind]++;
    net->last_us[event->kind] = net->now_us;
    if (subject != UINT32_MAX)
        net->nodes[subject].told[event->kind]++;
    write_history(net, node, kind_texts[event->kind], profile ? profile->name : "-");
}

/* The core is woken at that time, or at its next deadline if that is later. */
static void wake(struct net *net, uint32_t node, int64_t at_us)
{
    int64_t deadline_us = gossip_deadline(net->nodes[node].core);
    heap_push(net,
              (struct happening){.at_us = deadline_us > at_us ? deadline_us : at_us, .node = node});
    net->nodes[node].timer = net->order;
}

/* Everything a core has to say goes out, and its next deadline is noted. */
void net_settle(struct net *net, uint32_t node)
{
    struct node *n = &net->nodes[node];
    struct gossip_packet packet;
    struct gossip_event event;
    bool stops = false;
    while (gossip_next_packet(n->core, &packet))
        transmit(net, node, &packet);
    while (gossip_next_event(n->core, &event)) {
        note(net, node, &event);
        stops |= event.kind == GOSSIP_EVENT_GONE || event.kind == GOSSIP_EVENT_NAME_TAKEN ||
                 event.kind == GOSSIP_EVENT_ID_TAKEN;
    }
    if (stops) {
        net_crash(net, node);
        return;
    }
    wake(net, node, net->now_us);
}

void net_start(struct net *net, uint32_t node, uint32_t seed)
{
    struct node *n = &net->nodes[node];
    assert(!n->core);
    char name[16];
    snprintf(name, sizeof name, "n%u", n->named);
    /* Later starts have higher generations, on all hosts alike: they come from the wall clock. */
    n->generation = (uint64_t)net->now_us / 1000 + 1 + node;
    struct gossip_config config = {
        .cluster = "sim",
        .self = {.generation = n->generation, .addr = n->addr, .name = name},
        .detect_ms = net->config.detect_ms,
        .seed = rng_next(&net->rng),
    };
    memcpy(config.self.id, n->id, sizeof n->id);
    enum gossip_error error;
    n->core = gossip_new(&config, net->now_us, &error);
    assert(n->core);
    net_join(net, node, seed);
}

void net_join(struct net *net, uint32_t node, uint32_t other)
{
    gossip_join(net->nodes[node].core, net->now_us, &net->nodes[other].addr);
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

/* What waited is served first, then the clock is looked at: as a host does that drains its sockets
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
        if (h.bytes)
            heap_push(net, h);
    }
    net->waiting_count = kept;
    if (net->nodes[node].core)
        wake(net, node, net->now_us);
}

void net_leave(struct net *net, uint32_t node)
{
    gossip_leave(net->nodes[node].core, net->now_us);
    net_settle(net, node);
}

void net_reinstall(struct net *net, uint32_t node)
{
    new_id(net, &net->nodes[node]);
}

void net_clone(struct net *net, uint32_t node, uint32_t like)
{
    memcpy(net->nodes[node].id, net->nodes[like].id, GOSSIP_ID_BYTES);
    net->nodes[node].named = net->nodes[like].named;
}

void net_readdress(struct net *net, uint32_t node)
{
    struct node *n = &net->nodes[node];
    n->addr = address(node, n->addr.ip[13]); /* the next version */
}

void net_rename(struct net *net, uint32_t node, uint32_t like)
{
    net->nodes[node].named = like;
}

void net_cut(struct net *net, uint32_t from, uint32_t to, bool cut)
{
    net->cuts[from * net->config.nodes + to] = cut;
}

void net_split(struct net *net, uint32_t border, bool cut)
{
    for (uint32_t a = 0; a < border; a++)
        for (uint32_t b = border; b < net->config.nodes; b++) {
            net_cut(net, a, b, cut);
            net_cut(net, b, a, cut);
        }
}

void net_block(struct net *net, uint32_t node, enum gossip_via via, bool block)
{
    net->nodes[node].blocked[via] = block;
}

void net_set_loss(struct net *net, double loss)
{
    net->config.loss = loss;
}

static void wait(struct net *net, const struct happening *h)
{
    struct node *n = &net->nodes[h->node];
    bool datagram = h->bytes && h->from.via == GOSSIP_DATAGRAM;
    if (datagram && ++n->backlog > BACKLOG_MAX) {
        free(h->bytes);
        return;
    }
    net->waiting = grow(net->waiting, net->waiting_count, &net->waiting_capacity);
    net->waiting[net->waiting_count++] = *h;
}

/* A stream dies with the one who sent on it; a deadline counts only as the latest of its node. */
static bool is_void(const struct net *net, const struct happening *h)
{
    if (!h->bytes)
        return h->order != net->nodes[h->node].timer;
    return h->from.via == GOSSIP_STREAM && !net->nodes[h->from.conn - 1].core;
}

static void happen(struct net *net, const struct happening *h)
{
    struct node *n = &net->nodes[h->node];
    bool is_current = !is_void(net, h);
    if (n->core && n->paused && is_current) {
        wait(net, h);
        return;
    }
    if (n->core && is_current && h->bytes)
        gossip_receive(n->core, net->now_us, &h->from, h->bytes, h->len);
    else if (n->core && is_current)
        gossip_tick(n->core, net->now_us);
    free(h->bytes);
    if (n->core && is_current)
        net_settle(net, h->node);
}

static void run_until_us(struct net *net, int64_t end_us)
{
    while (net->heap_count && net->heap[0].at_us <= end_us) {
        struct happening h = heap_pop(net);
        net->now_us = h.at_us > net->now_us ? h.at_us : net->now_us;
        happen(net, &h);
    }
    net->now_us = end_us;
}

void net_run_ms(struct net *net, uint32_t ms)
{
    run_until_us(net, net->now_us + (int64_t)ms * 1000);
}

static bool agrees(struct net *net, uint32_t node)
{
    for (uint32_t other = 0; other < net->config.nodes; other++) {
        int status = net_status(net, node, other);
        bool live = status >= 0 && status <= GOSSIP_LEAVING;
        if (net->nodes[other].core ? status != GOSSIP_ALIVE : live)
            return false;
    }
    return true;
}

static bool all_agree(struct net *net)
{
    for (uint32_t node = 0; node < net->config.nodes; node++)
        if (net->nodes[node].core && !agrees(net, node))
            return false;
    return true;
}

int64_t net_run_until_agreed_ms(struct net *net, uint32_t ms)
{
    enum { STEP_MS = 10 };
    for (uint32_t passed = 0; passed <= ms; passed += STEP_MS) {
        if (all_agree(net))
            return passed;
        net_run_ms(net, STEP_MS);
    }
    return -1;
}

int64_t net_now_us(const struct net *net)
{
    return net->now_us;
}

struct gossip *net_core(struct net *net, uint32_t node)
{
    return net->nodes[node].core;
}

int net_status(struct net *net, uint32_t node, uint32_t subject)
{
    struct gossip_member member;
    char name[16];
    snprintf(name, sizeof name, "n%u", net->nodes[subject].named);
    if (!gossip_find(net->nodes[node].core, name, &member) ||
        memcmp(member.profile->id, net->nodes[subject].id, GOSSIP_ID_BYTES) != 0)
        return -1;
    return (int)member.status;
}

uint32_t net_count(const struct net *net, enum gossip_event_kind kind)
{
    return net->counts[kind];
}

uint32_t net_count_of(const struct net *net, enum gossip_event_kind kind, uint32_t subject)
{
    return net->nodes[subject].told[kind];
}

int64_t net_last_us(const struct net *net, enum gossip_event_kind kind)
{
    return net->last_us[kind];
}

void net_forget_counts(struct net *net)
{
    for (int kind = 0; kind < KINDS; kind++) {
        net->counts[kind] = 0;
        net->last_us[kind] = -1;
        for (uint32_t i = 0; i < net->config.nodes; i++)
            net->nodes[i].told[kind] = 0;
    }
    net->history[0] = '\0';
    net->history_bytes = 0;
}

const char *net_history(const struct net *net)
{
    return net->history;
}

void net_traffic(const struct net *net, uint64_t *packets, uint64_t *bytes)
{
    *packets = net->packets;
    *bytes = net->bytes;
}
