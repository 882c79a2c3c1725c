/* tag_match: the tags that a member must have to be meant. */
#ifndef MUSTER_TAG_MATCH_H
#define MUSTER_TAG_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAG_MATCH_MAX 16

/* Everything owned. All zero: every member is meant. */
struct tag_match {
    struct {
        char *key, *value;
    } tags[TAG_MATCH_MAX];
    size_t count;
};

/* One more tag, copied; there must be room. False: out of memory, and nothing was added. */
bool tag_match_add(struct tag_match *m, const char *key, const char *value);
bool tag_match_has(const struct tag_match *m, const char *key);

/* True if all of them are among `tags`, encoded as in gossip_profile. */
bool tag_match_fits(const struct tag_match *m, const char *tags, uint16_t tags_bytes);

/* False: out of memory, and nothing to free. */
bool tag_match_copy(struct tag_match *into, const struct tag_match *from);
/* Frees what it holds, and leaves it empty. */
void tag_match_free(struct tag_match *m);

#endif
