/* core: what one member is made of. Each part has its own file; g ties them together. */
#ifndef GOSSIP_CORE_H
#define GOSSIP_CORE_H

#include "gossip/detector/health.h"
#include "gossip/detector/probe.h"
#include "gossip/detector/reach.h"
#include "gossip/detector/suspicion.h"
#include "gossip/detector/tuning.h"
#include "gossip/gossip.h"
#include "gossip/lease/leases.h"
#include "gossip/membership/join.h"
#include "gossip/membership/member.h"
#include "gossip/membership/spread.h"
#include "gossip/membership/sync.h"
#include "gossip/outbox.h"
#include "gossip/rng.h"
#include "gossip/wire.h"

struct gossip {
    struct gossip_tuning tuning;
    struct gossip_timing timing;
    struct gossip_stats stats;
    struct rng rng;
    int64_t now_us;            /* of the call being served */
    int64_t deadline_us;       /* as the host was last told */
    uint32_t cluster;          /* hash of its name */
    uint32_t self;             /* our row */
    uint64_t key;              /* our own */
    uint64_t first_generation; /* the one we started with: who started later must yield */
    uint64_t view;             /* sum of sync_term over live rows */
    bool refused;              /* told once that we must stop */
    int64_t left_us;           /* leaving: when to be gone; INT64_MAX while staying */
    bool gone;
    int64_t reap_us; /* next look for members to forget */
    struct member_table members;
    struct outbox outbox;
    struct health health;
    struct probe probe;
    struct reach reach;
    struct suspicions suspicions;
    struct spread spread;
    struct sync sync;
    struct joins joins;
    struct leases leases;
    uint8_t scratch[GOSSIP_FRAME_BYTES_MAX];
};

/* Around each call that takes the time. */
void core_begin(struct gossip *g, int64_t now_us);
void core_end(struct gossip *g);

static inline struct member *core_member(struct gossip *g, uint32_t row)
{
    return &g->members.rows[row];
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
