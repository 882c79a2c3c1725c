/* rng: the core's random choices, all of them following from one seed. */
#ifndef GOSSIP_RNG_H
#define GOSSIP_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state;
};

void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_next(struct rng *r);
/* Uniform in 0..below-1; below > 0. */
uint32_t rng_below(struct rng *r, uint32_t below);
/* Uniform in [0, 1). */
double rng_unit(struct rng *r);

/* A 64-bit finalizer (splitmix64's): every bit of x moves every bit of the result. */
uint64_t rng_mix(uint64_t x);

#endif
