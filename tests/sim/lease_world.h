/* lease_world: a few hosts that want one lease, on a network and with clocks as bad as they may be,
 * and worse: what is sent comes late by several lengths of the lease, twice, or not at all; hosts
 * stop, go on, crash, and start anew. Everything follows from the seed.
 *
 * Whoever has won the lease holds it, in the world, until the time that it was told, by its own
 * clock: crashed or not, for nobody is there then to take down what it has put up. */
#ifndef MUSTER_LEASE_WORLD_H
#define MUSTER_LEASE_WORLD_H

#include "gossip/lease.h"
#include "gossip/rng.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    WORLD_HOSTS_MAX = 5,
    WORLD_SESSIONS = 2, /* that want it, on each host */
    WORLD_QUEUE = 256,  /* packets and timers; what is over it is lost */
    WORLD_HOLDERS = 64, /* of the past, that are looked at */
    WORLD_LENGTH_US = 1000000,
};

struct world_host {
    double rate;       /* of its clock: seconds a second */
    int64_t offset_us; /* of its clock */
    bool runs;
    int64_t stopped_until_us; /* real time; what comes until then waits */
    int64_t silent_until_us;  /* as a voter, on its own clock */
    struct lease_voter voter;
    struct lease_candidate sessions[WORLD_SESSIONS];
};

enum world_kind { WORLD_TO_VOTER, WORLD_TO_SESSION, WORLD_SESSION_ACTS, WORLD_FATE };

struct world_event {
    int64_t at_us; /* real time */
    uint64_t order;
    enum world_kind kind;
    unsigned host, session; /* whom it happens to */
    unsigned from, reply;   /* a message: whose, and for a candidate of which session */
    struct lease_message message;
};

struct world_holder {
    uint64_t claim;
    unsigned host;
    int64_t from_us, until_us; /* real time */
};

struct world {
    struct rng rng;
    unsigned hosts, mistakes;
    int64_t now_us;
    uint64_t order;
    struct world_host all[WORLD_HOSTS_MAX];
    struct world_event queue[WORLD_QUEUE]; /* a heap */
    unsigned queued;
    struct world_holder holders[WORLD_HOLDERS]; /* the last that won, in a ring */
    unsigned holders_count;
    unsigned won, renewed;
    bool twice; /* two held it at one time */
};

static inline uint32_t world_below(struct world *w, uint32_t limit)
{
    return rng_below(&w->rng, limit);
}

static inline bool world_chance(struct world *w, unsigned percent)
{
    return world_below(w, 100) < percent;
}

static inline int64_t world_clock(const struct world *w, const struct world_host *h)
{
    return h->offset_us + (int64_t)((double)w->now_us * h->rate);
}

static inline bool world_before(const struct world_event *a, const struct world_event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static inline void world_push(struct world *w, struct world_event event)
{
    if (w->queued == WORLD_QUEUE)
        return;
    event.order = w->order++;
    unsigned at = w->queued++;
    for (; at > 0 && world_before(&event, &w->queue[(at - 1) / 2]); at = (at - 1) / 2)
        w->queue[at] = w->queue[(at - 1) / 2];
    w->queue[at] = event;
}

static inline struct world_event world_pop(struct world *w)
{
    struct world_event first = w->queue[0], last = w->queue[--w->queued];
    unsigned at = 0;
    for (unsigned child; (child = 2 * at + 1) < w->queued; at = child) {
        if (child + 1 < w->queued && world_before(&w->queue[child + 1], &w->queue[child]))
            child++;
        if (!world_before(&w->queue[child], &last))
            break;
        w->queue[at] = w->queue[child];
    }
    w->queue[at] = last;
    return first;
}

/* Mostly quick; now and then later than anything that it was sent for. */
static inline int64_t world_delay_us(struct world *w)
{
    if (world_chance(w, 80))
        return 100 + world_below(w, 20000);
    return world_below(w, world_chance(w, 50) ? WORLD_LENGTH_US / 2 : 3 * WORLD_LENGTH_US);
}

static inline void world_send(struct world *w, const struct world_event *packet)
{
    struct world_event event = *packet;
    for (unsigned copies = world_chance(w, 10) ? 2 : 1; copies > 0; copies--) {
        if (world_chance(w, 10))
            continue;
        event.at_us = w->now_us + world_delay_us(w);
        world_push(w, event);
    }
}

static inline void world_ask_all(struct world *w, unsigned host, unsigned session,
                                 const struct lease_message *message)
{
    for (unsigned to = 0; to < w->hosts; to++)
        world_send(w, &(struct world_event){.kind = WORLD_TO_VOTER,
                                            .host = to,
                                            .from = host,
                                            .reply = session,
                                            .message = *message});
}

/* Real time at which a host's clock will show that. */
static inline int64_t world_real_us(const struct world_host *h, int64_t clock_us)
{
    return (int64_t)((double)(clock_us - h->offset_us) / h->rate);
}

static inline void world_note_holder(struct world *w, unsigned host,
                                     const struct lease_candidate *c)
{
    int64_t until_us = world_real_us(&w->all[host], c->until_us);
    struct world_holder *mine = NULL;
    for (unsigned i = 0; i < w->holders_count && i < WORLD_HOLDERS; i++) {
        struct world_holder *h = &w->holders[i];
        if (h->claim == c->claim && h->until_us > w->now_us)
            mine = h;
        else if (h->until_us > w->now_us)
            w->twice = true;
    }
    w->renewed += mine != NULL;
    w->won += mine == NULL;
    if (!mine) {
        mine = &w->holders[w->holders_count++ % WORLD_HOLDERS];
        *mine = (struct world_holder){.claim = c->claim, .host = host, .from_us = w->now_us};
    }
    mine->until_us = until_us;
}

static inline void world_end_holding(struct world *w, uint64_t claim)
{
    for (unsigned i = 0; i < w->holders_count && i < WORLD_HOLDERS; i++)
        if (w->holders[i].claim == claim && w->holders[i].until_us > w->now_us)
            w->holders[i].until_us = w->now_us;
}

static inline void world_start_sessions(struct world *w, unsigned host)
{
    for (unsigned s = 0; s < WORLD_SESSIONS; s++) {
        struct lease_candidate *c = &w->all[host].sessions[s];
        lease_candidate_init(c, w->hosts, 1 + host, rng_next(&w->rng), WORLD_LENGTH_US);
        c->mistakes = w->mistakes;
    }
}

static inline void world_fate(struct world *w, unsigned host)
{
    struct world_host *h = &w->all[host];
    if (!h->runs) {
        h->runs = true;
        h->voter = (struct lease_voter){0};
        h->silent_until_us = world_clock(w, h) + lease_quarantine_us(WORLD_LENGTH_US);
        if (w->mistakes & LEASE_MISTAKE_QUARANTINE)
            h->silent_until_us = INT64_MIN;
        world_start_sessions(w, host);
    } else if (world_chance(w, 50)) {
        h->runs = false;
    } else {
        h->stopped_until_us = w->now_us + world_below(w, 3 * WORLD_LENGTH_US);
    }
    int64_t wait_us = h->runs ? world_below(w, 10 * WORLD_LENGTH_US)
                              : world_below(w, world_chance(w, 50) ? 10000 : WORLD_LENGTH_US);
    world_push(
        w, (struct world_event){.at_us = w->now_us + wait_us, .kind = WORLD_FATE, .host = host});
}

static inline void world_session_acts(struct world *w, unsigned host, unsigned session)
{
    struct world_host *h = &w->all[host];
    struct lease_candidate *c = &h->sessions[session];
    struct lease_message message;
    int64_t clock_us = world_clock(w, h);
    if (h->runs && world_chance(w, 10)) {
        world_end_holding(w, c->claim);
        lease_release(c, &message);
        world_ask_all(w, host, session, &message);
    } else if (h->runs && (lease_is_held(c, clock_us) || world_chance(w, 60))) {
        lease_try(c, clock_us, &message);
        world_ask_all(w, host, session, &message);
    }
    world_push(w, (struct world_event){.at_us = w->now_us + 10000 + world_below(w, WORLD_LENGTH_US),
                                       .kind = WORLD_SESSION_ACTS,
                                       .host = host,
                                       .session = session});
}

static inline void world_to_voter(struct world *w, const struct world_event *e)
{
    struct world_host *h = &w->all[e->host];
    int64_t clock_us = world_clock(w, h);
    struct lease_message answer;
    if (!h->runs || clock_us < h->silent_until_us)
        return;
    if (lease_voter_hear(&h->voter, clock_us, &e->message, w->mistakes, &answer))
        world_send(w, &(struct world_event){.kind = WORLD_TO_SESSION,
                                            .host = e->from,
                                            .session = e->reply,
                                            .from = e->host,
                                            .message = answer});
}

static inline void world_to_session(struct world *w, const struct world_event *e)
{
    struct world_host *h = &w->all[e->host];
    struct lease_candidate *c = &h->sessions[e->session];
    struct lease_message message;
    if (!h->runs)
        return;
    enum lease_step step = lease_hear(c, world_clock(w, h), e->from, &e->message, &message);
    if (step == LEASE_ASK)
        world_ask_all(w, e->host, e->session, &message);
    if (step == LEASE_HELD)
        world_note_holder(w, e->host, c);
}

static inline void world_step(struct world *w)
{
    struct world_event e = world_pop(w);
    struct world_host *h = &w->all[e.host];
    w->now_us = e.at_us;
    if (e.kind != WORLD_FATE && h->stopped_until_us > w->now_us) {
        e.at_us = h->stopped_until_us;
        world_push(w, e);
        return;
    }
    switch (e.kind) {
    case WORLD_TO_VOTER:
        world_to_voter(w, &e);
        return;
    case WORLD_TO_SESSION:
        world_to_session(w, &e);
        return;
    case WORLD_SESSION_ACTS:
        world_session_acts(w, e.host, e.session);
        return;
    case WORLD_FATE:
        world_fate(w, e.host);
        return;
    }
}

/* One schedule, of so many lengths of the lease. True: two held it at one time. */
static inline bool world_play(struct world *w, uint64_t seed, unsigned mistakes, unsigned lengths)
{
    static const double rates[] = {1 - 1.0 / LEASE_CLOCK_PARTS, 1, 1 + 1.0 / LEASE_CLOCK_PARTS};
    *w = (struct world){.mistakes = mistakes};
    rng_seed(&w->rng, seed);
    w->hosts = world_chance(w, 70) ? 3 : 1 + world_below(w, WORLD_HOSTS_MAX);
    for (unsigned host = 0; host < w->hosts; host++) {
        struct world_host *h = &w->all[host];
        h->runs = true;
        h->rate = rates[world_below(w, 3)];
        h->offset_us = world_below(w, 1000000000);
        h->silent_until_us = INT64_MIN;
        world_start_sessions(w, host);
        for (unsigned s = 0; s < WORLD_SESSIONS; s++)
            world_push(w, (struct world_event){.at_us = world_below(w, WORLD_LENGTH_US),
                                               .kind = WORLD_SESSION_ACTS,
                                               .host = host,
                                               .session = s});
        world_push(w, (struct world_event){.at_us = world_below(w, 10 * WORLD_LENGTH_US),
                                           .kind = WORLD_FATE,
                                           .host = host});
    }
    while (!w->twice && w->queued > 0 && w->now_us < (int64_t)lengths * WORLD_LENGTH_US)
        world_step(w);
    return w->twice;
}

#endif
