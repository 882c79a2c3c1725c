/* quorum_spec: what the configuration says of those whose majority decides. */
#ifndef MUSTER_QUORUM_SPEC_H
#define MUSTER_QUORUM_SPEC_H

#include "gossip/lease/lease.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Everything owned. */
struct quorum_spec {
    char *voters[LEASE_VOTERS_MAX]; /* members' names, each once */
    size_t count;                   /* 0: there is no quorum, and nothing can be held */
    uint32_t version;               /* raised with each change of voters (gossip/lease/voters.h) */
    bool both_must_live;            /* the operator knows what two voters mean */
};

/* Whether `voter` has a vote. */
bool quorum_spec_has(const struct quorum_spec *s, const char *voter);

#endif
