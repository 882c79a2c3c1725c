/* quorum_spec: the voters, as configured. */
#ifndef MUSTER_QUORUM_SPEC_H
#define MUSTER_QUORUM_SPEC_H

#include "gossip/lease/lease.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Everything owned. */
struct quorum_spec {
    char *voters[LEASE_VOTERS_MAX]; /* members' names, each once */
    size_t count;                   /* 0: no quorum, so no address can be held */
    uint32_t version;               /* raised with each change of voters (gossip/lease/voters.h) */
    bool both_must_live;            /* the operator accepts what two voters mean */
};

/* Whether `voter` has a vote. */
static inline bool quorum_spec_has(const struct quorum_spec *s, const char *voter)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->voters[i], voter) == 0)
            return true;
    return false;
}

#endif
