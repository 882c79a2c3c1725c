/* lease_world: a few hosts that want one lease, on a network and with clocks as bad as they may be,
 * and worse: what is sent comes late by several lengths of the lease, twice, or not at all; hosts
 * stop, go on, crash, and start anew. The operator changes the list of voters, and the lease's
 * length, and each host learns of it in its own time. Everything follows from the seed.
 *
 * Whoever has won the lease holds it, in the world, until the time that it was told, by its own
 * clock: crashed or not, for nobody is there then to take down what it has put up. */
#ifndef MUSTER_LEASE_WORLD_H
#define MUSTER_LEASE_WORLD_H

#include "gossip/lease/lease.h"
#include "gossip/lease/voters.h"
#include "gossip/rng.h"

#include "tests/sim/lease_mistakes.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    WORLD_HOSTS_MAX = 5,
    WORLD_SESSIONS = 2,       /* that want it, on each host */
    WORLD_QUEUE = 1024,       /* packets and timers; what is over it is lost */
    WORLD_HOLDERS = 64,       /* of the past, that are looked at */
    WORLD_CONFIGURATIONS = 4, /* of voters, one after the other */
    WORLD_LENGTH_US = 1000 * LEASE_LENGTH_MS_MAX,
    WORLD_RESUMES = 0, /* the session whose lease is bound to its host, as an address is */
};

struct world_host {
    double rate;       /* of its clock: seconds a second */
    int64_t offset_us; /* of its clock */
    bool runs;
    uint64_t owner, lives;
    int64_t stopped_until_us; /* real time; what comes until then waits */
    int64_t silent_until_us;  /* as a voter, on its own clock */
    struct voters voters;     /* on disk */
    struct lease_voter voter;
    struct lease_candidate sessions[WORLD_SESSIONS];
};

enum world_kind {
    WORLD_TO_VOTER,
    WORLD_TO_SESSION,
    WORLD_NOTE, /* what another goes by */
    WORLD_SESSION_ACTS,
    WORLD_FATE,
    WORLD_OPERATOR, /* edits the list */
};

struct world_event {
    int64_t at_us; /* real time */
    uint64_t order;
    enum world_kind kind;
    unsigned host, session;     /* whom it happens to */
    unsigned from, reply;       /* a message: whose, and for a candidate of which session */
    struct gossip_voters range; /* a question, a note: of the sender */
    struct lease_message message;
};

struct world_holder {
    uint64_t claim;
    unsigned host;
    bool resumes;              /* by later lives of the host */
    int64_t from_us, until_us; /* real time */
};

struct world {
    struct rng rng;
    unsigned hosts;
    int64_t now_us;
    uint64_t order;
    struct world_host all[WORLD_HOSTS_MAX];
    struct {
        const char *names[WORLD_HOSTS_MAX];
        unsigned count;
    } configurations[WORLD_CONFIGURATIONS]; /* by version - 1 */
    uint32_t newest;                        /* version that the operator has written */
    unsigned changes;                       /* of ranges */
    struct world_event queue[WORLD_QUEUE];  /* a heap */
    unsigned queued;
    struct world_holder holders[WORLD_HOLDERS]; /* the last that won, in a ring */
    unsigned holders_count;
    unsigned won, renewed, resumed;
    bool resizes;  /* the lease's length changes */
    bool restless; /* the first host crashes and starts anew all the time */
    bool twice;    /* two held it at one time */
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

static inline const char *world_name(unsigned host)
{
    static const char *const names[WORLD_HOSTS_MAX] = {"a", "b", "c", "d", "e"};
    return names[host];
}

static inline void world_ask_all(struct world *w, unsigned host, unsigned session,
                                 const struct lease_message *message)
{
    for (unsigned to = 0; to < w->hosts; to++)
        world_send(w, &(struct world_event){.kind = WORLD_TO_VOTER,
                                            .host = to,
                                            .from = host,
                                            .reply = session,
                                            .range = voters_range(&w->all[host].voters),
                                            .message = *message});
}

static inline void world_note_all(struct world *w, unsigned host)
{
    for (unsigned to = 0; to < w->hosts; to++)
        world_send(w, &(struct world_event){.kind = WORLD_NOTE,
                                            .host = to,
                                            .from = host,
                                            .range = voters_range(&w->all[host].voters)});
}

/* What a host goes by has changed. */
static inline void world_requorum(struct world *w, unsigned host)
{
    struct world_host *h = &w->all[host];
    struct lease_quorum quorum;
    w->changes++;
    for (unsigned s = 0; s < WORLD_SESSIONS; s++)
        if (voters_quorum(&h->voters, &quorum))
            lease_set_quorum(&h->sessions[s], &quorum);
        else
            h->sessions[s].phase = LEASE_IDLE;
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
    bool resumes = c == &w->all[host].sessions[WORLD_RESUMES];
    struct world_holder *mine = NULL;
    for (unsigned i = 0; i < w->holders_count && i < WORLD_HOLDERS; i++) {
        struct world_holder *h = &w->holders[i];
        if (h->until_us <= w->now_us)
            continue;
        if (h->claim == c->claim)
            mine = h;
        else if (h->host == host && h->resumes && resumes)
            w->resumed++;
        else
            w->twice = true;
    }
    w->renewed += mine != NULL;
    w->won += mine == NULL;
    if (!mine) {
        mine = &w->holders[w->holders_count++ % WORLD_HOLDERS];
        *mine = (struct world_holder){
            .claim = c->claim, .host = host, .resumes = resumes, .from_us = w->now_us};
    }
    mine->until_us = until_us;
}

/* What a session holds, and what earlier lives of it do if that is bound to the host. */
static inline void world_end_holding(struct world *w, unsigned host, unsigned session)
{
    uint64_t claim = w->all[host].sessions[session].claim;
    for (unsigned i = 0; i < w->holders_count && i < WORLD_HOLDERS; i++) {
        struct world_holder *h = &w->holders[i];
        bool earlier = session == WORLD_RESUMES && h->host == host && h->resumes;
        if ((h->claim == claim || earlier) && h->until_us > w->now_us)
            h->until_us = w->now_us;
    }
}

/* As the file has it just then: the longest, or one that is a tenth of it or more. */
static inline int64_t world_length_us(struct world *w)
{
    return !w->resizes || world_chance(w, 70)
               ? WORLD_LENGTH_US
               : WORLD_LENGTH_US / 10 + world_below(w, WORLD_LENGTH_US / 10 * 9);
}

static inline void world_start_sessions(struct world *w, unsigned host)
{
    struct lease_quorum quorum = {1, {1}};
    struct world_host *h = &w->all[host];
    voters_quorum(&h->voters, &quorum);
    h->lives++;
    for (unsigned s = 0; s < WORLD_SESSIONS; s++) {
        struct lease_candidate *c = &h->sessions[s];
        lease_candidate_init(c, &quorum, h->owner, rng_next(&w->rng), world_length_us(w));
        if (s != WORLD_RESUMES && !(lease_mistakes & WORLD_MISTAKE_RESUME_LOCK))
            continue;
        c->host = 1 + host;
        c->life = h->lives;
    }
}

static inline void world_try(struct world *w, unsigned host, unsigned session)
{
    struct world_host *h = &w->all[host];
    struct lease_message message;
    lease_try(&h->sessions[session], world_clock(w, h), &message);
    world_ask_all(w, host, session, &message);
}

static inline void world_fate(struct world *w, unsigned host)
{
    struct world_host *h = &w->all[host];
    bool restless = w->restless && host == 0;
    if (!h->runs) {
        h->runs = true;
        h->voter = (struct lease_voter){0};
        h->silent_until_us = world_clock(w, h) + lease_quarantine_us(WORLD_LENGTH_US);
        if (lease_mistakes & LEASE_MISTAKE_QUARANTINE)
            h->silent_until_us = INT64_MIN;
        world_start_sessions(w, host);
        if (world_chance(w, 50) && voters_range(&h->voters).oldest != 0)
            world_try(w, host, WORLD_RESUMES);
    } else if (restless || world_chance(w, 50)) {
        h->runs = false;
    } else {
        h->stopped_until_us = w->now_us + world_below(w, 3 * WORLD_LENGTH_US);
    }
    int64_t up_us = (restless ? 1 : 10) * (int64_t)WORLD_LENGTH_US;
    int64_t down_us = restless || world_chance(w, 50) ? 10000 : WORLD_LENGTH_US;
    int64_t wait_us = world_below(w, (uint32_t)(h->runs ? up_us : down_us));
    world_push(
        w, (struct world_event){.at_us = w->now_us + wait_us, .kind = WORLD_FATE, .host = host});
}

static inline void world_session_acts(struct world *w, unsigned host, unsigned session)
{
    struct world_host *h = &w->all[host];
    struct lease_candidate *c = &h->sessions[session];
    struct lease_message message;
    int64_t clock_us = world_clock(w, h);
    if (w->resizes && world_chance(w, 30))
        c->length_us = world_length_us(w);
    if (h->runs && world_chance(w, 10)) {
        bool held = lease_is_held(c, clock_us);
        if (held)
            world_end_holding(w, host, session);
        lease_release(c, held, &message);
        world_ask_all(w, host, session, &message);
    } else if (h->runs && voters_range(&h->voters).oldest != 0 &&
               (lease_is_held(c, clock_us) || world_chance(w, 60))) {
        world_try(w, host, session);
    }
    bool restless = w->restless && host == 0;
    uint32_t most_us = restless ? WORLD_LENGTH_US / 10 : WORLD_LENGTH_US;
    world_push(w, (struct world_event){.at_us = w->now_us + 10000 + world_below(w, most_us),
                                       .kind = WORLD_SESSION_ACTS,
                                       .host = host,
                                       .session = session});
}

static inline void world_to_voter(struct world *w, const struct world_event *e)
{
    struct world_host *h = &w->all[e->host];
    int64_t clock_us = world_clock(w, h);
    struct lease_message answer;
    if (!h->runs || clock_us < h->silent_until_us || !voters_serve(&h->voters, e->range))
        return;
    if (lease_voter_receive(&h->voter, clock_us, &e->message, &answer))
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
    uint32_t bits[LEASE_CONFIGURATIONS_MAX];
    if (!h->runs || !voters_bits(&h->voters, world_name(e->from), bits))
        return;
    enum lease_step step = lease_receive(c, world_clock(w, h), bits, &e->message, &message);
    if (step == LEASE_LOST && c->resumes)
        world_try(w, e->host, e->session);
    if (step == LEASE_ASK)
        world_ask_all(w, e->host, e->session, &message);
    if (step == LEASE_HELD)
        world_note_holder(w, e->host, c);
}

static inline void world_note(struct world *w, const struct world_event *e)
{
    struct world_host *h = &w->all[e->host];
    int64_t clock_us = world_clock(w, h);
    if (!h->runs)
        return;
    bool let_in = voters_note(&h->voters, clock_us, world_name(e->from), e->range);
    if (voters_tick(&h->voters, clock_us) || let_in)
        world_requorum(w, e->host);
}

/* One that starts has read its file; so may one that runs. Now and then a version is missed. */
static inline void world_configure(struct world *w, unsigned host)
{
    struct world_host *h = &w->all[host];
    uint32_t before = voters_range(&h->voters).newest;
    uint32_t version = world_chance(w, 80) && before < w->newest ? before + 1 : w->newest;
    if (version == before)
        return;
    if (lease_mistakes & WORLD_MISTAKE_AT_ONCE) {
        h->voters.count = 0;
        voters_restore(&h->voters, version, false, w->configurations[version - 1].names,
                       w->configurations[version - 1].count);
    } else {
        voters_configure(&h->voters, version, w->configurations[version - 1].names,
                         w->configurations[version - 1].count);
    }
    world_requorum(w, host);
}

static inline void world_operator(struct world *w)
{
    if (w->newest < WORLD_CONFIGURATIONS && world_chance(w, 20))
        w->newest++;
    for (unsigned host = 0; host < w->hosts; host++) {
        if (world_chance(w, 20))
            world_configure(w, host);
        world_note_all(w, host);
    }
    world_push(w, (struct world_event){.at_us = w->now_us + world_below(w, WORLD_LENGTH_US),
                                       .kind = WORLD_OPERATOR});
}

static inline void world_step(struct world *w)
{
    struct world_event e = world_pop(w);
    struct world_host *h = &w->all[e.host];
    w->now_us = e.at_us;
    if (e.kind != WORLD_FATE && e.kind != WORLD_OPERATOR && h->stopped_until_us > w->now_us) {
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
    case WORLD_NOTE:
        world_note(w, &e);
        return;
    case WORLD_SESSION_ACTS:
        world_session_acts(w, e.host, e.session);
        return;
    case WORLD_FATE:
        world_fate(w, e.host);
        return;
    case WORLD_OPERATOR:
        world_operator(w);
        return;
    }
}

/* Lists of some of the hosts, at random: they may have nobody in common. */
static inline void world_draw_configurations(struct world *w)
{
    for (unsigned l = 0; l < WORLD_CONFIGURATIONS; l++)
        while (w->configurations[l].count == 0)
            for (unsigned host = 0; host < w->hosts; host++)
                if (world_chance(w, w->restless && host == 0 && w->hosts > 1 ? 20 : 60))
                    w->configurations[l].names[w->configurations[l].count++] = world_name(host);
    w->newest = 1;
}

/* One schedule, of so many lengths of the lease. True: two held it at one time. */
static inline bool world_play(struct world *w, uint64_t seed, unsigned mistakes, unsigned lengths)
{
    static const double rates[] = {1 - 1.0 / LEASE_CLOCK_PARTS, 1, 1 + 1.0 / LEASE_CLOCK_PARTS};
    *w = (struct world){0};
    lease_mistakes = mistakes;
    rng_seed(&w->rng, seed);
    w->hosts = 1 + world_below(w, WORLD_HOSTS_MAX);
    w->resizes = world_chance(w, 50);
    w->restless = world_chance(w, 30);
    bool clones = world_chance(w, 10); /* all have the state folder of one */
    world_draw_configurations(w);
    for (unsigned host = 0; host < w->hosts; host++) {
        struct world_host *h = &w->all[host];
        voters_configure(&h->voters, 1, w->configurations[0].names, w->configurations[0].count);
        h->runs = true;
        h->owner = 1 + (clones ? 0 : host);
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
    if (world_chance(w, 50))
        world_push(w, (struct world_event){.kind = WORLD_OPERATOR});
    while (!w->twice && w->queued > 0 && w->now_us < (int64_t)lengths * WORLD_LENGTH_US)
        world_step(w);
    return w->twice;
}

#endif
