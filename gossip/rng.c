#include "gossip/rng.h"

#include <assert.h>

uint64_t rng_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

void rng_seed(struct rng *r, uint64_t seed)
{
    r->state = rng_mix(seed + UINT64_C(0x9e3779b97f4a7c15));
}

uint64_t rng_next(struct rng *r)
{
    r->state += UINT64_C(0x9e3779b97f4a7c15);
    return rng_mix(r->state);
}

uint32_t rng_below(struct rng *r, uint32_t below)
{
    assert(below > 0);
    return (uint32_t)(((rng_next(r) >> 32) * below) >> 32);
}

double rng_unit(struct rng *r)
{
    return (double)(rng_next(r) >> 11) * 0x1.0p-53;
}
