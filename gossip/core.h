/* core: the state of one member. Each part has its own file and its own struct; struct gossip holds
 * them all, and every function of the core takes it.
 *
 * This header includes the headers of all rooms, and the rooms' sources include it: the only circle
 * of includes in gossip/. It is one of types, not of calls: a room reads the others' state here
 * (the table, the timing, the random numbers), and calls only rooms below it. One struct, and not a
 * pointer from each part to the few others that it reads, keeps a member in one block of memory. */
#ifndef GOSSIP_CORE_H
#define GOSSIP_CORE_H

#include "gossip/detector/budget.h"
#include "gossip/detector/edge.h"
#include "gossip/detector/health.h"
#include "gossip/detector/probe.h"
#include "gossip/detector/reach.h"
#include "gossip/detector/suspicion.h"
#include "gossip/detector/tuning.h"
#include "gossip/gossip.h"
#include "gossip/lease/leases.h"
#include "gossip/membership/contest.h"
#include "gossip/membership/join.h"
#include "gossip/membership/member.h"
#include "gossip/membership/merge.h"
#include "gossip/membership/move.h"
#include "gossip/membership/proof.h"
#include "gossip/membership/spread.h"
#include "gossip/membership/sync.h"
#include "gossip/outbox.h"
#include "gossip/rng.h"
#include "gossip/wire.h"

#include <assert.h>

struct gossip {
    struct gossip_tuning tuning;
    struct gossip_timing timing;
    struct gossip_stats stats;
    struct rng rng;
    int64_t now_us;            /* of the call being served */
    int64_t deadline_us;       /* as last given to the host */
    uint32_t cluster;          /* hash of its name */
    uint32_t self;             /* our slot */
    uint64_t key;              /* our own, as in packets */
    uint64_t first_generation; /* at our start: a later start with our id must yield */
    uint64_t view;             /* sum of member_term over live slots */
    bool refused;              /* the host was told that we must stop */
    int64_t left_us;           /* leaving: when to be gone; INT64_MAX while staying */
    bool gone;
    int64_t reap_us; /* next search for members to forget */
    struct member_table members;
    struct outbox outbox;
    struct proof proof;
    struct health health;
    struct edges edges;
    struct budget budget;
    struct probe probe;
    struct reach reach;
    struct suspicions suspicions;
    struct spread spread;
    struct sync sync;
    struct joins joins;
    struct contest contest;
    struct merge merge;
    struct moves moves;
    struct leases leases;
    uint8_t scratch[GOSSIP_FRAME_BYTES_MAX];
};

/* Time moves on in a call that is no tick, and a tick is due at once. A deadline that has passed
 * stays: the tick measures by it how late this host is. */
static inline void core_begin(struct gossip *g, int64_t now_us)
{
    assert(now_us >= g->now_us);
    g->now_us = now_us;
    if (!g->gone && g->deadline_us > now_us)
        g->deadline_us = now_us;
}

static inline struct member *core_member(struct gossip *g, uint32_t slot)
{
    return &g->members.slots[slot];
}

/* The number of rings, and so the most members that each observes. */
static inline unsigned core_rings(const struct gossip *g)
{
    return (unsigned)g->tuning.ring_edges;
}

/* The last observer known to suspect the slot's member: goes with the update. 0: none known. */
static inline uint64_t core_suspecting_observer(const struct gossip *g, uint32_t slot)
{
    uint32_t at = g->members.slots[slot].suspicion;
    const struct suspicion *s = at == MEMBER_NONE ? NULL : &g->suspicions.all[at];
    return s && s->observers_count ? s->observers[s->observers_count - 1] : 0;
}

static inline bool core_is_leaving(const struct gossip *g)
{
    return g->left_us != INT64_MAX;
}

static inline int64_t core_ms(uint32_t ms)
{
    return (int64_t)ms * 1000;
}

static inline int64_t core_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t core_max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

#endif
