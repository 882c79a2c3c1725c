#include "agent/config/tag_match.h"

#include <string.h>

const char *tag_match_find(const char *tags, uint16_t tags_bytes, const char *key)
{
    const char *at = NULL, *other, *value;
    while (gossip_tag_next(tags, tags_bytes, &at, &other, &value))
        if (strcmp(other, key) == 0)
            return value;
    return NULL;
}

bool tag_match_fits(const struct tag_match *m, const char *tags, uint16_t tags_bytes)
{
    const char *at = NULL, *key, *wanted;
    while (gossip_tag_next(m->tags, m->bytes, &at, &key, &wanted)) {
        const char *value = tag_match_find(tags, tags_bytes, key);
        if (!value || strcmp(value, wanted) != 0)
            return false;
    }
    return true;
}
