/* tag_match: the tags that a member must have to be meant. */
#ifndef MUSTER_TAG_MATCH_H
#define MUSTER_TAG_MATCH_H

#include "gossip/gossip.h"

#include <stdbool.h>
#include <stdint.h>

/* Encoded as in gossip_profile. All zero: every member is meant. */
struct tag_match {
    char tags[GOSSIP_TAGS_BYTES_MAX];
    uint16_t bytes;
};

/* The value of a tag among those of a member; NULL: it has no such tag. */
const char *tag_match_find(const char *tags, uint16_t tags_bytes, const char *key);
/* True if all of them are among `tags`. */
bool tag_match_fits(const struct tag_match *m, const char *tags, uint16_t tags_bytes);
/* Another tag that scripts see as the same variable as `key`: they see capitals, and '_' for all
 * but letters and digits (muster.conf(5)). NULL: there is none. */
const char *tag_match_same_variable(const char *tags, uint16_t tags_bytes, const char *key);

#endif
