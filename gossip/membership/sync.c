#include "gossip/membership/sync.h"

#include "gossip/core.h"

#include <string.h>

enum { BITS_BYTES_MAX = WIRE_BUCKETS_MAX / 8 };

/* Which members of which buckets to send, and how. */
struct delta {
    uint64_t echo, nonce;
    uint8_t flags;
    uint8_t log2;
    uint8_t bits[BITS_BYTES_MAX];
};

static unsigned sync_bucket(uint64_t key, unsigned log2)
{
    return log2 ? (unsigned)(key >> (64 - log2)) : 0;
}

static unsigned sync_log2(uint32_t members)
{
    unsigned log2 = 0;
    while (log2 < WIRE_BUCKETS_LOG2_MAX && (members >> (log2 + 1)) >= SYNC_BUCKET_MEMBERS)
        log2++;
    return log2;
}

static void sync_hash(const struct gossip *g, unsigned log2, uint64_t hashes[WIRE_BUCKETS_MAX])
{
    memset(hashes, 0, WIRE_BUCKETS_MAX * sizeof *hashes);
    for (uint32_t slot = 0; slot < g->members.used; slot++) {
        const struct member *m = &g->members.slots[slot];
        if (m->profile && member_is_live(m))
            hashes[sync_bucket(m->key, log2)] += member_term(m);
    }
}

/* The nonce for a member that is known. */
static uint64_t sync_nonce(const struct gossip *g, uint32_t slot)
{
    const struct member *m = &g->members.slots[slot];
    return proof_cookie(g, m->key, &m->profile->addr);
}

/* An answer goes where the member listens, or back on its stream. */
static struct gossip_route sync_route(struct gossip *g, uint32_t slot,
                                      const struct gossip_route *from)
{
    return from->via == GOSSIP_STREAM ? *from : outbox_to(core_member(g, slot));
}

static void sync_send_digest(struct gossip *g, uint32_t slot, const struct gossip_route *to,
                             uint64_t echo, unsigned log2)
{
    uint64_t hashes[WIRE_BUCKETS_MAX];
    sync_hash(g, log2, hashes);
    struct wire_writer w = outbox_begin(g, WIRE_DIGEST, to->via);
    wire_put(&w, sync_nonce(g, slot), 8);
    wire_put(&w, echo, 8);
    wire_put(&w, log2, 1);
    for (unsigned i = 0; i < 1u << log2; i++)
        wire_put(&w, hashes[i], 8);
    outbox_send(g, to, &w);
}

void sync_compare(struct gossip *g, uint32_t slot, uint64_t view, const struct gossip_route *from)
{
    struct sync *s = &g->sync;
    int64_t delay_us = core_ms(g->timing.sync_delay_ms);
    if (s->view != g->view) {
        s->view = g->view;
        s->changed_us = g->now_us;
    }
    if (view == g->view) {
        s->differs_since_us = 0;
        s->fruitless = 0;
        return;
    }
    if (s->differs_since_us == 0)
        s->differs_since_us = g->now_us;
    int64_t since_us = core_min(s->differs_since_us, s->changed_us);
    if (g->now_us - since_us < delay_us || g->now_us - s->exchanged_us < delay_us)
        return;
    s->exchanged_us = g->now_us;
    struct gossip_route to = sync_route(g, slot, from);
    sync_send_digest(g, slot, &to, 0, sync_log2(member_live_count(&g->members)));
    g->stats.syncs++;
    if (++s->fruitless == SYNC_FRUITLESS)
        outbox_event(g, GOSSIP_EVENT_VIEWS_DIFFER, core_member(g, slot), NULL);
}

void sync_succeeded(struct gossip *g)
{
    g->sync.fruitless = 0;
}

static bool delta_is_wanted(const struct delta *d, const struct member *m)
{
    unsigned bucket = sync_bucket(m->key, d->log2);
    return m->profile && (d->bits[bucket / 8] & (1 << bucket % 8));
}

static struct wire_writer delta_begin(struct gossip *g, const struct delta *d, enum gossip_via via)
{
    struct wire_writer w = outbox_begin(g, WIRE_DELTA, via);
    wire_put(&w, d->echo, 8);
    wire_put(&w, d->nonce, 8);
    wire_put(&w, d->flags, 1);
    wire_put(&w, d->log2, 1);
    for (size_t i = 0; i < ((1u << d->log2) + 7) / 8; i++)
        wire_put(&w, d->bits[i], 1);
    return w;
}

/* By datagrams as far as one burst may go, and the rest by stream. From anywhere in the table:
 * where streams do not pass, each exchange brings other members across. */
static void delta_send(struct gossip *g, struct delta d, const struct gossip_route *to)
{
    struct gossip_route route = *to;
    uint32_t start = rng_below(&g->rng, g->members.used), packets = 1;
    struct wire_writer w = delta_begin(g, &d, route.via);
    for (uint32_t i = 0; i < g->members.used; i++) {
        const struct member *m = core_member(g, (start + i) % g->members.used);
        if (!delta_is_wanted(&d, m) || wire_put_full(&w, m, g->now_us))
            continue;
        outbox_send(g, &route, &w);
        d.flags = 0; /* asked for once */
        if (++packets > SYNC_DATAGRAMS_MAX)
            route.via = GOSSIP_STREAM;
        w = delta_begin(g, &d, route.via);
        wire_put_full(&w, m, g->now_us);
    }
    outbox_send(g, &route, &w);
}

void sync_digest(struct gossip *g, const struct wire_message *m, const struct gossip_route *from)
{
    uint32_t slot = proof_sender(g, m->sender, from);
    struct delta d = {.echo = m->digest.nonce,
                      .nonce = sync_nonce(g, slot),
                      .flags = WIRE_WANT_BACK,
                      .log2 = m->digest.log2};
    uint64_t hashes[WIRE_BUCKETS_MAX];
    sync_hash(g, d.log2, hashes);
    bool differs = false;
    for (unsigned i = 0; i < 1u << d.log2; i++) {
        if (hashes[i] == m->digest.hashes[i])
            continue;
        d.bits[i / 8] |= (uint8_t)(1 << i % 8);
        differs = true;
    }
    if (!differs)
        return;
    struct gossip_route to = sync_route(g, slot, from);
    if (m->digest.echo == d.nonce)
        delta_send(g, d, &to);
    else
        sync_send_digest(g, slot, &to, m->digest.nonce, d.log2);
}

bool sync_is_asked_for(const struct gossip *g, const struct wire_message *m)
{
    uint32_t slot = member_by_key(&g->members, m->sender);
    return (slot != MEMBER_NONE && m->delta.echo == sync_nonce(g, slot)) ||
           join_is_token(g, m->delta.echo);
}

void sync_delta(struct gossip *g, const struct wire_message *m, const struct gossip_route *from)
{
    if (!(m->delta.flags & WIRE_WANT_BACK))
        return;
    struct delta d = {.echo = m->delta.nonce, .log2 = m->delta.log2};
    memcpy(d.bits, m->delta.bits, sizeof d.bits);
    uint32_t slot = member_by_key(&g->members, m->sender);
    struct gossip_route to = slot == MEMBER_NONE ? *from : sync_route(g, slot, from);
    delta_send(g, d, &to);
}

void sync_welcome(struct gossip *g, const struct gossip_route *to, const struct wire_message *join,
                  bool want_back)
{
    struct delta d = {.echo = join->join.token, .bits = {1}};
    if (want_back) {
        d.flags = WIRE_WANT_BACK;
        d.nonce = sync_nonce(g, member_by_key(&g->members, join->sender));
    }
    delta_send(g, d, to);
}
