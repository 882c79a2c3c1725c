/* profile: a member's own data (id, name, address, tags), checked and shared by reference. */
#ifndef GOSSIP_PROFILE_H
#define GOSSIP_PROFILE_H

#include "gossip/gossip.h"

/* A copy of `from`, strings included, held once. NULL: out of memory. */
const struct gossip_profile *profile_new(const struct gossip_profile *from);

/* Holds a profile `times` times more. */
void profile_hold_often(const struct gossip_profile *profile, unsigned times);

/* GOSSIP_OK, NAME, TAGS or ADDRESS: may a member publish this of itself? */
enum gossip_error profile_check(const struct gossip_profile *profile);

/* True if the encoded tags are as gossip_tags_set would have made them. */
bool profile_tags_valid(const char *tags, size_t tags_bytes);

/* The short form of an id, which rows, rings and packets use: its first eight bytes. Ids are
 * random, so that two members share one with probability 2^-64 a pair; the second is refused. */
uint64_t profile_key(const uint8_t id[GOSSIP_ID_BYTES]);

bool profile_addr_equal(const struct gossip_addr *a, const struct gossip_addr *b);

#endif
