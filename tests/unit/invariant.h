/* invariant: a test fails where a core is not in order. */
#ifndef MUSTER_INVARIANT_H
#define MUSTER_INVARIANT_H

#include "gossip/sim/invariant.h"

#include <check.h>

static inline void invariant_check(const struct gossip *g)
{
    const char *broken = invariant_core(g);
    ck_assert_msg(!broken, "%s", broken);
}

#endif
