#include "cli/fields.h"

#include <stdint.h>
#include <string.h>

const char *fields_text(const msgpack_object *object, msgpack_zone *zone)
{
    if (object->type != MSGPACK_OBJECT_STR)
        return NULL;
    size_t len = object->via.str.size;
    if (len > 0 && memchr(object->via.str.ptr, '\0', len))
        return NULL;
    char *text = msgpack_zone_malloc(zone, len + 1);
    if (!text)
        return NULL;
    if (len > 0)
        memcpy(text, object->via.str.ptr, len);
    text[len] = '\0';
    return text;
}

static bool read_text(const msgpack_object *value, msgpack_zone *zone, void *at)
{
    const char *text = fields_text(value, zone);
    if (text)
        *(const char **)at = text;
    return text;
}

static bool read_unsigned(const msgpack_object *value, void *at)
{
    if (value->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return false;
    *(uint64_t *)at = value->via.u64;
    return true;
}

static bool read_signed(const msgpack_object *value, void *at)
{
    bool fits = value->type == MSGPACK_OBJECT_NEGATIVE_INTEGER ||
                (value->type == MSGPACK_OBJECT_POSITIVE_INTEGER && value->via.u64 <= INT64_MAX);
    if (fits)
        *(int64_t *)at = value->via.i64;
    return fits;
}

static bool read_number(const msgpack_object *value, void *at)
{
    if (value->type == MSGPACK_OBJECT_FLOAT32 || value->type == MSGPACK_OBJECT_FLOAT64) {
        *(double *)at = value->via.f64;
        return true;
    }
    int64_t integer;
    if (!read_signed(value, &integer))
        return false;
    *(double *)at = (double)integer;
    return true;
}

static bool read_boolean(const msgpack_object *value, void *at)
{
    if (value->type != MSGPACK_OBJECT_BOOLEAN)
        return false;
    *(bool *)at = value->via.boolean;
    return true;
}

static bool read_object(const msgpack_object *value, void *at)
{
    *(const msgpack_object **)at = value->type == MSGPACK_OBJECT_NIL ? NULL : value;
    return true;
}

static bool read_value(const msgpack_object *value, enum fields_kind kind, msgpack_zone *zone,
                       void *at)
{
    switch (kind) {
    case FIELDS_TEXT:
        return read_text(value, zone, at);
    case FIELDS_UNSIGNED:
        return read_unsigned(value, at);
    case FIELDS_SIGNED:
        return read_signed(value, at);
    case FIELDS_NUMBER:
        return read_number(value, at);
    case FIELDS_BOOLEAN:
        return read_boolean(value, at);
    case FIELDS_OBJECT:
        return read_object(value, at);
    }
    return false;
}

static const msgpack_object *find(const msgpack_object *map, const char *name)
{
    size_t len = strlen(name);
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_kv *pair = &map->via.map.ptr[i];
        if (pair->key.type == MSGPACK_OBJECT_STR && pair->key.via.str.size == len &&
            memcmp(pair->key.via.str.ptr, name, len) == 0)
            return &pair->val;
    }
    return NULL;
}

const char *fields_read(const msgpack_object *map, const struct fields_entry *entries, size_t count,
                        msgpack_zone *zone, void *into)
{
    for (size_t i = 0; i < count; i++) {
        const struct fields_entry *entry = &entries[i];
        const msgpack_object *value =
            map->type == MSGPACK_OBJECT_MAP ? find(map, entry->name) : NULL;
        if (!value && entry->optional)
            continue;
        if (!value || !read_value(value, entry->kind, zone, (char *)into + entry->offset))
            return entry->name;
    }
    return NULL;
}
