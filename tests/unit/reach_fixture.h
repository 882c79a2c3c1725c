/* reach_fixture: a lone core that watches a subject, and has others who may say something of it. */
#ifndef MUSTER_REACH_FIXTURE_H
#define MUSTER_REACH_FIXTURE_H

#include "gossip/detector/reach.h"

#include "tests/unit/invariant.h"
#include "tests/unit/lone.h"

enum { PEERS = 4 };

static struct lone *l;
static struct peer peers[PEERS];
static struct peer *subject;           /* the one of them that the core watches on a ring */
static struct peer *others[PEERS - 1]; /* the rest, who answer well */

static inline uint32_t row_of(const struct peer *p)
{
    return member_by_key(&l->g->members, p->row.key);
}

static inline void setup(void)
{
    l = lone_new();
    for (unsigned i = 0; i < PEERS; i++)
        lone_meet(l, &peers[i], 1 + i, true);
    lone_run_ms(l, 3000);
    lone_clear(l);
    size_t count = 0;
    for (size_t i = 0; i < PEERS; i++) {
        if (row_of(&peers[i]) == l->g->probe.subjects[0])
            subject = &peers[i];
        else
            others[count++] = &peers[i];
    }
    ck_assert_uint_eq(count, PEERS - 1);
}

static inline void teardown(void)
{
    invariant_check(l->g);
    lone_free(l);
}

static inline TCase *new_case(Suite *s, const char *name, void (*begin)(void))
{
    TCase *t = tcase_create(name);
    tcase_add_checked_fixture(t, begin, teardown);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return t;
}

static inline const struct gossip_timing *timing(void)
{
    return gossip_get_timing(l->g);
}

static inline struct gossip_member held(const struct peer *p)
{
    struct gossip_member m;
    ck_assert(gossip_find(l->g, p->profile.name, &m));
    return m;
}

static inline void assert_held(enum gossip_status status, bool unreachable)
{
    ck_assert_int_eq(held(subject).status, status);
    ck_assert_int_eq(held(subject).unreachable, unreachable);
}

/* How often it was told of the subject. */
static inline size_t told(enum gossip_event_kind kind)
{
    return lone_events(l, kind, subject->name);
}

/* In a long run more is sent than is kept. */
static inline void forget_some(void)
{
    if (l->sent_count > LONE_SENT_MAX / 2)
        l->sent_count = 0;
}

static inline void run_ms(uint32_t ms)
{
    for (; ms > 100; ms -= 100) {
        lone_run_ms(l, 100);
        forget_some();
    }
    lone_run_ms(l, ms);
}

/* An observer says of anybody, ourselves too, that it is unreachable. */
static inline void receive_unreachable(const struct peer *observer, const struct member *about)
{
    struct wire_writer w = lone_begin(l, observer, WIRE_UPDATES);
    struct member row = *about;
    row.status = GOSSIP_ALIVE;
    row.unreachable = true;
    ck_assert(wire_put_short(&w, &row, 0));
    lone_receive(l, observer, &w);
}

/* What an observer finds of the subject. It brings no evidence to suspect it. */
static inline void receive_evidence(const struct peer *observer, unsigned flags)
{
    struct wire_writer w = lone_begin(l, observer, WIRE_EVIDENCE);
    wire_put(&w, subject->row.key, 8);
    wire_put(&w, 0, 2);
    wire_put(&w, flags & (WIRE_SIGN | WIRE_REACHED) ? 0 : WIRE_AGE_NONE, 2);
    wire_put(&w, flags, 1);
    lone_receive(l, observer, &w);
}

#endif
