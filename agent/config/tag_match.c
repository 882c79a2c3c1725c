#include "agent/config/tag_match.h"

#include <ctype.h>
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

static bool tag_is_same_variable(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        bool of_a = isalnum((unsigned char)*a), of_b = isalnum((unsigned char)*b);
        if (of_a != of_b || (of_a && toupper((unsigned char)*a) != toupper((unsigned char)*b)))
            return false;
    }
    return *a == *b;
}

const char *tag_match_same_variable(const char *tags, uint16_t tags_bytes, const char *key)
{
    const char *at = NULL, *other, *value;
    while (gossip_tag_next(tags, tags_bytes, &at, &other, &value))
        if (strcmp(other, key) != 0 && tag_is_same_variable(other, key))
            return other;
    return NULL;
}
