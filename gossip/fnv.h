/* fnv: a hash (FNV-1a, 64 bits) that is the same everywhere for the same bytes. No secret. */
#ifndef GOSSIP_FNV_H
#define GOSSIP_FNV_H

#include <stddef.h>
#include <stdint.h>

#define FNV_START UINT64_C(0xcbf29ce484222325)

/* hash: FNV_START, or what came out before. */
static inline uint64_t fnv(uint64_t hash, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

#endif
