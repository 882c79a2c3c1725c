#include "gossip/membership/profile.h"

#include "agent/base/utf8.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct shared_profile {
    struct gossip_profile profile;
    unsigned holds;
    char strings[];
};

const struct gossip_profile *profile_new(const struct gossip_profile *from)
{
    size_t name_bytes = strlen(from->name) + 1;
    struct shared_profile *s = malloc(sizeof *s + name_bytes + from->tags_bytes);
    if (!s)
        return NULL;
    s->profile = *from;
    s->holds = 1;
    memcpy(s->strings, from->name, name_bytes);
    if (from->tags_bytes)
        memcpy(s->strings + name_bytes, from->tags, from->tags_bytes);
    s->profile.name = s->strings;
    s->profile.tags = s->strings + name_bytes;
    return &s->profile;
}

/* Every profile that leaves this library is the first field of a shared one. */
static struct shared_profile *profile_shared(const struct gossip_profile *profile)
{
    return (struct shared_profile *)(uintptr_t)profile;
}

const struct gossip_profile *gossip_profile_hold(const struct gossip_profile *profile)
{
    profile_shared(profile)->holds++;
    return profile;
}

void profile_hold_often(const struct gossip_profile *profile, unsigned times)
{
    profile_shared(profile)->holds += times;
}

void gossip_profile_release(const struct gossip_profile *profile)
{
    if (!profile)
        return;
    struct shared_profile *s = profile_shared(profile);
    assert(s->holds > 0);
    if (--s->holds == 0)
        free(s);
}

static bool profile_is_label_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

static bool profile_is_label(const char *text, size_t bytes, size_t bytes_max)
{
    if (bytes == 0 || bytes > bytes_max)
        return false;
    for (size_t i = 0; i < bytes; i++)
        if (!profile_is_label_char(text[i]))
            return false;
    return true;
}

bool gossip_name_valid(const char *name, size_t bytes)
{
    return profile_is_label(name, bytes, GOSSIP_NAME_BYTES_MAX);
}

/* Printable UTF-8: well-formed, and no control characters (C0, DEL, C1). */
static bool profile_is_printable_utf8(const char *text, size_t bytes)
{
    while (bytes > 0) {
        uint32_t point;
        size_t taken = utf8_decode(text, bytes, &point);
        if (taken == 0 || utf8_is_control(point))
            return false;
        text += taken;
        bytes -= taken;
    }
    return true;
}

bool gossip_tag_next(const char *tags, size_t tags_bytes, const char **at, const char **key,
                     const char **value)
{
    const char *next = *at ? *at : tags;
    if (tags_bytes == 0 || next >= tags + tags_bytes)
        return false;
    *key = next;
    *value = next + strlen(next) + 1;
    *at = *value + strlen(*value) + 1;
    return true;
}

bool profile_tags_valid(const char *tags, size_t tags_bytes)
{
    if (tags_bytes == 0)
        return true;
    if (tags_bytes > GOSSIP_TAGS_BYTES_MAX)
        return false;
    const char *last = NULL;
    for (const char *at = tags, *end = tags + tags_bytes; at < end;) {
        const char *key_end = memchr(at, 0, (size_t)(end - at));
        if (!key_end || !profile_is_label(at, (size_t)(key_end - at), GOSSIP_TAG_KEY_BYTES_MAX))
            return false;
        const char *value = key_end + 1;
        const char *value_end = value < end ? memchr(value, 0, (size_t)(end - value)) : NULL;
        if (!value_end || !profile_is_printable_utf8(value, (size_t)(value_end - value)))
            return false;
        if (last && strcmp(last, at) >= 0)
            return false;
        last = at;
        at = value_end + 1;
    }
    return true;
}

void gossip_tags_remove(char *into, uint16_t *bytes, const char *key)
{
    const char *at = NULL, *k, *v;
    while (gossip_tag_next(into, *bytes, &at, &k, &v)) {
        if (strcmp(k, key) != 0)
            continue;
        size_t offset = (size_t)(k - into), after = (size_t)(at - into);
        memmove(into + offset, into + after, *bytes - after);
        *bytes = (uint16_t)(*bytes - (after - offset));
        return;
    }
}

enum gossip_error gossip_tags_set(char *into, uint16_t *bytes, const char *key, const char *value)
{
    size_t key_bytes = strlen(key), value_bytes = strlen(value);
    if (!profile_is_label(key, key_bytes, GOSSIP_TAG_KEY_BYTES_MAX) ||
        value_bytes > GOSSIP_TAGS_BYTES_MAX || !profile_is_printable_utf8(value, value_bytes))
        return GOSSIP_ERROR_TAGS;
    char tags[GOSSIP_TAGS_BYTES_MAX];
    uint16_t used = *bytes;
    memcpy(tags, into, used);
    gossip_tags_remove(tags, &used, key);
    size_t added = key_bytes + value_bytes + 2;
    if (used + added > GOSSIP_TAGS_BYTES_MAX)
        return GOSSIP_ERROR_TAGS;
    const char *at = NULL, *k, *v;
    size_t offset = 0;
    while (gossip_tag_next(tags, used, &at, &k, &v) && strcmp(k, key) < 0)
        offset = (size_t)(at - tags);
    memcpy(into, tags, offset);
    memcpy(into + offset, key, key_bytes + 1);
    memcpy(into + offset + key_bytes + 1, value, value_bytes + 1);
    memcpy(into + offset + added, tags + offset, used - offset);
    *bytes = (uint16_t)(used + added);
    return GOSSIP_OK;
}

enum gossip_error profile_check(const struct gossip_profile *profile)
{
    static const uint8_t unspecified_v6[16];
    static const uint8_t unspecified_v4[16] = {[10] = 0xff, [11] = 0xff};
    if (!gossip_name_valid(profile->name, strlen(profile->name)))
        return GOSSIP_ERROR_NAME;
    if (profile->tags_bytes && !profile_tags_valid(profile->tags, profile->tags_bytes))
        return GOSSIP_ERROR_TAGS;
    if (profile->addr.port == 0 || memcmp(profile->addr.ip, unspecified_v6, 16) == 0 ||
        memcmp(profile->addr.ip, unspecified_v4, 16) == 0)
        return GOSSIP_ERROR_ADDRESS;
    return GOSSIP_OK;
}

uint64_t profile_key(const uint8_t id[GOSSIP_ID_BYTES])
{
    uint64_t key = 0;
    for (int i = 0; i < 8; i++)
        key = key << 8 | id[i];
    return key;
}

bool profile_addr_equal(const struct gossip_addr *a, const struct gossip_addr *b)
{
    return a->port == b->port && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}
