#include "agent/config/tag_match.h"

#include "gossip/gossip.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool tag_match_add(struct tag_match *m, const char *key, const char *value)
{
    char *own_key = strdup(key), *own_value = strdup(value);

    assert(m->count < TAG_MATCH_MAX);
    if (own_key == NULL || own_value == NULL) {
        free(own_key);
        free(own_value);
        return false;
    }
    m->tags[m->count].key = own_key;
    m->tags[m->count].value = own_value;
    m->count++;
    return true;
}

bool tag_match_has(const struct tag_match *m, const char *key)
{
    for (size_t i = 0; i < m->count; i++) {
        if (strcmp(m->tags[i].key, key) == 0)
            return true;
    }
    return false;
}

/* The value of that key; NULL: there is none. */
static const char *value_of(const char *tags, uint16_t tags_bytes, const char *key)
{
    const char *at = NULL, *other, *value;

    while (gossip_tag_next(tags, tags_bytes, &at, &other, &value)) {
        if (strcmp(other, key) == 0)
            return value;
    }
    return NULL;
}

bool tag_match_fits(const struct tag_match *m, const char *tags, uint16_t tags_bytes)
{
    for (size_t i = 0; i < m->count; i++) {
        const char *value = value_of(tags, tags_bytes, m->tags[i].key);
        if (value == NULL || strcmp(value, m->tags[i].value) != 0)
            return false;
    }
    return true;
}

bool tag_match_copy(struct tag_match *into, const struct tag_match *from)
{
    *into = (struct tag_match){.count = 0};
    for (size_t i = 0; i < from->count; i++) {
        if (!tag_match_add(into, from->tags[i].key, from->tags[i].value)) {
            tag_match_free(into);
            return false;
        }
    }
    return true;
}

void tag_match_free(struct tag_match *m)
{
    for (size_t i = 0; i < m->count; i++) {
        free(m->tags[i].key);
        free(m->tags[i].value);
    }
    *m = (struct tag_match){.count = 0};
}
