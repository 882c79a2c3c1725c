/* grow: arrays that double as they fill. */
#ifndef GOSSIP_SIM_GROW_H
#define GOSSIP_SIM_GROW_H

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

/* Room for one more behind `count` elements of that many bytes; all: owned, in place of which the
 * result is. */
static inline void *grow(void *all, size_t count, size_t *capacity, size_t bytes)
{
    if (count < *capacity)
        return all;
    *capacity = *capacity ? 2 * *capacity : 16;
    all = realloc(all, *capacity * bytes);
    assert(all);
    return all;
}

#endif
