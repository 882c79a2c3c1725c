/* lone: one core without a network. A test writes the packets that it hears, as peers who exist
 * only on paper would have sent them, and reads what it sends and tells. Time is virtual. */
#ifndef MUSTER_LONE_H
#define MUSTER_LONE_H

#include "gossip/core.h"
#include "gossip/membership/profile.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define LONE_CLUSTER "lone"
#define LONE_PEERS_MAX 64
#define LONE_SENT_MAX 512
#define LONE_EVENTS_MAX 256
#define LONE_GENERATION 1000 /* of the core and of every peer, at first */

/* A member on paper: what it would say of itself. */
struct peer {
    struct gossip_profile profile;
    struct member row; /* as others hold it; profile points to the one above */
    char name[16];
    bool answers; /* its pings are acknowledged, at once */
};

struct sent {
    struct gossip_route route;
    struct wire_message message;
    size_t len;
    uint8_t bytes[GOSSIP_FRAME_BYTES_MAX];
};

struct lone_event {
    enum gossip_event_kind kind;
    enum gossip_status status;
    char name[GOSSIP_NAME_BYTES_MAX + 1];
};

struct lone {
    struct gossip *g;
    int64_t now_us;
    struct peer *peers[LONE_PEERS_MAX];
    size_t peers_count;
    size_t sent_count, events_count; /* since lone_clear */
    struct sent sent[LONE_SENT_MAX];
    struct lone_event events[LONE_EVENTS_MAX];
    uint8_t packet[GOSSIP_FRAME_BYTES_MAX];
};

/* "p<number>" at 10.0.0.<number>:7949. */
static inline void peer_init(struct peer *p, unsigned number)
{
    *p = (struct peer){0};
    snprintf(p->name, sizeof p->name, "p%u", number);
    memset(p->profile.id, (int)number, sizeof p->profile.id);
    p->profile.addr = (struct gossip_addr){
        .ip = {[10] = 0xff, [11] = 0xff, 10, 0, (uint8_t)(number >> 8), (uint8_t)number},
        .port = 7949};
    p->profile.generation = LONE_GENERATION;
    p->profile.name = p->name;
    p->row = (struct member){
        .profile = &p->profile, .key = profile_key(p->profile.id), .incarnation = 1};
}

static inline struct gossip_route peer_route(const struct peer *p)
{
    return (struct gossip_route){.addr = p->profile.addr, .via = GOSSIP_DATAGRAM};
}

/* The core is "self", number 200, and has said nothing yet. */
static inline struct lone *lone_new(void)
{
    struct lone *l = calloc(1, sizeof *l);
    ck_assert_ptr_nonnull(l);
    struct peer self;
    peer_init(&self, 200);
    self.profile.name = "self";
    struct gossip_config config = {.cluster = LONE_CLUSTER,
                                   .self = self.profile,
                                   .detect_ms = GOSSIP_DETECT_MS_DEFAULT,
                                   .seed = 1};
    enum gossip_error error;
    l->now_us = 5000000;
    l->g = gossip_new(&config, l->now_us, &error);
    ck_assert_ptr_nonnull(l->g);
    return l;
}

static inline void lone_free(struct lone *l)
{
    gossip_free(l->g);
    free(l);
}

static inline void lone_clear(struct lone *l)
{
    l->sent_count = l->events_count = 0;
}

static inline void lone_note_event(struct lone *l, const struct gossip_event *event)
{
    ck_assert_uint_lt(l->events_count, LONE_EVENTS_MAX);
    struct lone_event *t = &l->events[l->events_count++];
    *t = (struct lone_event){.kind = event->kind, .status = event->member.status};
    if (event->member.profile)
        snprintf(t->name, sizeof t->name, "%s", event->member.profile->name);
}

static inline void lone_note_packet(struct lone *l, const struct gossip_packet *packet)
{
    ck_assert_uint_lt(l->sent_count, LONE_SENT_MAX);
    ck_assert_uint_le(packet->len, packet->route.via == GOSSIP_STREAM ? GOSSIP_FRAME_BYTES_MAX
                                                                      : GOSSIP_DATAGRAM_BYTES_MAX);
    struct sent *s = &l->sent[l->sent_count++];
    s->route = packet->route;
    s->len = packet->len;
    memcpy(s->bytes, packet->bytes, packet->len);
    ck_assert_int_eq(wire_decode(s->bytes, s->len, wire_cluster_hash(LONE_CLUSTER), &s->message),
                     GOSSIP_OK);
}

static inline void lone_drain(struct lone *l);

/* A packet from a peer; its view is said to be the core's own, so that no state is exchanged. */
static inline struct wire_writer lone_begin(struct lone *l, const struct peer *from,
                                            enum wire_kind kind)
{
    return wire_begin(l->packet, sizeof l->packet, kind, wire_cluster_hash(LONE_CLUSTER),
                      from->row.key, l->g->view);
}

static inline void lone_receive(struct lone *l, const struct peer *from,
                                const struct wire_writer *w)
{
    struct gossip_route route = peer_route(from);
    ck_assert_int_eq(gossip_receive(l->g, l->now_us, &route, w->start, (size_t)(w->at - w->start)),
                     GOSSIP_OK);
    lone_drain(l);
}

/* Answers the pings among the packets sent since `first`, for those peers who do. */
static inline void lone_answer(struct lone *l, size_t first)
{
    for (size_t i = first, end = l->sent_count; i < end; i++) {
        const struct wire_message *m = &l->sent[i].message;
        for (size_t p = 0; m->kind == WIRE_PING && p < l->peers_count; p++) {
            const struct peer *peer = l->peers[p];
            if (!peer->answers || peer->row.key != m->ping.target)
                continue;
            struct wire_writer w = lone_begin(l, peer, WIRE_ACK);
            wire_put(&w, m->ping.seq, 4);
            lone_receive(l, peer, &w);
        }
    }
}

static inline void lone_drain(struct lone *l)
{
    struct gossip_packet packet;
    struct gossip_event event;
    size_t first = l->sent_count;
    while (gossip_next_packet(l->g, &packet))
        lone_note_packet(l, &packet);
    while (gossip_next_event(l->g, &event))
        lone_note_event(l, &event);
    lone_answer(l, first);
}

/* Lets time pass, every deadline kept. */
static inline void lone_run_ms(struct lone *l, uint32_t ms)
{
    int64_t end_us = l->now_us + core_ms(ms);
    while (gossip_deadline(l->g) <= end_us) {
        if (gossip_deadline(l->g) > l->now_us)
            l->now_us = gossip_deadline(l->g);
        gossip_tick(l->g, l->now_us);
        lone_drain(l);
    }
    l->now_us = end_us;
}

/* News from one peer of another, short: what is said of it. */
static inline void lone_receive_claim(struct lone *l, const struct peer *from,
                                      const struct peer *about, enum gossip_status status)
{
    struct wire_writer w = lone_begin(l, from, WIRE_UPDATES);
    struct member row = about->row;
    row.status = (uint8_t)status;
    ck_assert(wire_put_short(&w, &row, from->row.key));
    lone_receive(l, from, &w);
}

/* The core's cookie for a peer, as if the peer had been challenged. */
static inline uint64_t lone_cookie(const struct lone *l, const struct peer *p)
{
    return proof_cookie(l->g, p->row.key, &p->profile.addr);
}

static inline struct wire_writer lone_begin_join(struct lone *l, const struct peer *from,
                                                 uint64_t token, uint64_t cookie)
{
    struct wire_writer w = lone_begin(l, from, WIRE_JOIN);
    wire_put(&w, token, 8);
    wire_put(&w, cookie, 8);
    return w;
}

/* A DELTA of one bucket, returning the core's nonce for the peer. */
static inline struct wire_writer lone_begin_delta(struct lone *l, const struct peer *from,
                                                  uint8_t flags)
{
    struct wire_writer w = lone_begin(l, from, WIRE_DELTA);
    wire_put(&w, lone_cookie(l, from), 8);
    wire_put(&w, flags ? 1 : 0, 8);
    wire_put(&w, flags, 1);
    wire_put(&w, 0, 1);
    wire_put(&w, flags ? 1 : 0, 1);
    return w;
}

/* ... or full, profile included. Of a peer that is not known where it says that it listens, what
 * it says of itself is how it introduces itself. */
static inline void lone_receive_record(struct lone *l, const struct peer *from,
                                       const struct peer *about, enum gossip_status status,
                                       enum wire_kind kind)
{
    struct gossip_route route = peer_route(from);
    struct wire_writer w;
    if (kind == WIRE_DELTA)
        w = lone_begin_delta(l, from, 0);
    else if (from == about && proof_sender(l->g, from->row.key, &route) == MEMBER_NONE)
        w = lone_begin_join(l, from, 0, lone_cookie(l, from));
    else
        w = lone_begin(l, from, kind);
    struct member row = about->row;
    row.status = (uint8_t)status;
    ck_assert(wire_put_full(&w, &row, 0));
    lone_receive(l, from, &w);
}

/* ... that the peer has left, by its own word. */
static inline void lone_receive_left(struct lone *l, const struct peer *from, struct peer *about)
{
    about->row.incarnation++;
    lone_receive_record(l, from, about, GOSSIP_LEFT, WIRE_UPDATES);
}

/* A peer that the core knows to be alive. */
static inline void lone_meet(struct lone *l, struct peer *p, unsigned number, bool answers)
{
    ck_assert_uint_lt(l->peers_count, LONE_PEERS_MAX);
    peer_init(p, number);
    p->answers = answers;
    l->peers[l->peers_count++] = p;
    lone_receive_record(l, p, p, GOSSIP_ALIVE, WIRE_UPDATES);
}

/* What the core holds of a peer; -1: nothing. */
static inline int lone_status(const struct lone *l, const struct peer *p)
{
    struct gossip_member m;
    return gossip_find(l->g, p->profile.name, &m) ? (int)m.status : -1;
}

static inline size_t lone_events(const struct lone *l, enum gossip_event_kind kind,
                                 const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < l->events_count; i++)
        count += l->events[i].kind == kind && (!name || strcmp(l->events[i].name, name) == 0);
    return count;
}

static inline size_t lone_sent(const struct lone *l, enum wire_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < l->sent_count; i++)
        count += l->sent[i].message.kind == kind;
    return count;
}

/* The last packet of a kind sent to a peer; NULL: none. */
static inline const struct sent *lone_last(const struct lone *l, enum wire_kind kind,
                                           const struct peer *to)
{
    for (size_t i = l->sent_count; i > 0; i--)
        if (l->sent[i - 1].message.kind == kind &&
            profile_addr_equal(&l->sent[i - 1].route.addr, &to->profile.addr))
            return &l->sent[i - 1];
    return NULL;
}

/* The record about `key` in a packet. False: it holds none. */
static inline bool sent_record(const struct sent *s, uint64_t key, struct wire_record *record)
{
    struct wire_reader records = s->message.records;
    while (wire_next_record(&records, record))
        if (record->key == key)
            return true;
    return false;
}

/* True if any packet to `p` told it a record about `key` with that status. */
static inline bool lone_sent_status(const struct lone *l, const struct peer *p, uint64_t key,
                                    enum gossip_status status)
{
    struct wire_record record;
    for (size_t i = 0; i < l->sent_count; i++)
        if (profile_addr_equal(&l->sent[i].route.addr, &p->profile.addr) &&
            sent_record(&l->sent[i], key, &record) && record.fact.status == status)
            return true;
    return false;
}

#endif
