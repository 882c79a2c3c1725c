/* form: a cluster that exists already. Letting ten thousand cores find each other takes a hundred
 * million records; here one table is made, and each core gets a copy that shares the profiles. */
#ifndef GOSSIP_SIM_FORM_H
#define GOSSIP_SIM_FORM_H

#include "gossip/gossip.h"

/* Makes each core know all others, as if nothing else had happened for long. cores: fresh, as
 * gossip_new left them, `count` of them. */
void form(struct gossip **cores, uint32_t count);

/* The memory that `count` cores take once they know each other: mostly their tables, which grow
 * with the square of their number. */
uint64_t form_bytes(uint32_t count);

/* From here on the core's random choices follow from `seed`. */
void form_reseed(struct gossip *core, uint64_t seed);

#endif
