#include "agent/rpc/fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- tags ---- */

bool fields_tag_next(const struct fields_tags *tags, const char **at, const char **key,
                     const char **value)
{
    const char *next = *at ? *at : tags->bytes;
    if (!next || next >= tags->bytes + tags->len)
        return false;
    *key = next;
    *value = *key + strlen(*key) + 1;
    *at = *value + strlen(*value) + 1;
    return true;
}

const char *fields_tag(const struct fields_tags *tags, const char *key)
{
    const char *at = NULL, *name, *value;
    while (fields_tag_next(tags, &at, &name, &value))
        if (strcmp(name, key) == 0)
            return value;
    return NULL;
}

/* ---- writing ---- */

/* A field's place in a struct, as its kind has it. */
union field_place {
    const void *at;
    const char *const *text;
    const char *array;
    const uint64_t *u;
    const bool *boolean;
    const struct fields_tags *tags;
};

static union field_place field_place(const struct fields_entry *entry, const void *from)
{
    return (union field_place){.at = (const char *)from + entry->offset};
}

void fields_put_tags(struct rpc_out *out, const char *key, const struct fields_tags *tags)
{
    const char *at = NULL, *name, *value;
    rpc_map_begin(out, key);
    while (fields_tag_next(tags, &at, &name, &value))
        rpc_put_text(out, name, value);
    rpc_end(out);
}

void fields_put_pairs(struct rpc_out *out, const struct fields *fields, const void *from)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct fields_entry *entry = &fields->entries[i];
        union field_place value = field_place(entry, from);
        switch (entry->kind) {
        case FIELDS_UNSIGNED:
            rpc_put_unsigned(out, entry->name, *value.u);
            break;
        case FIELDS_BOOLEAN:
            rpc_put_boolean(out, entry->name, *value.boolean);
            break;
        case FIELDS_TAGS:
            fields_put_tags(out, entry->name, value.tags);
            break;
        default:
            rpc_put_text(out, entry->name, fields_value(entry, from, NULL));
        }
    }
}

void fields_put(struct rpc_out *out, const char *key, const struct fields *fields, const void *from)
{
    rpc_map_begin(out, key);
    fields_put_pairs(out, fields, from);
    rpc_end(out);
}

void fields_tags_json(struct json *j, const char *key, const struct fields_tags *tags)
{
    const char *at = NULL, *name, *value;
    json_object_begin(j, key);
    while (fields_tag_next(tags, &at, &name, &value))
        json_string(j, name, value);
    json_object_end(j);
}

void fields_json(struct json *j, const char *key, const struct fields *fields, const void *from)
{
    json_object_begin(j, key);
    for (size_t i = 0; i < fields->count; i++) {
        const struct fields_entry *entry = &fields->entries[i];
        union field_place value = field_place(entry, from);
        switch (entry->kind) {
        case FIELDS_UNSIGNED:
            json_unsigned(j, entry->name, *value.u);
            break;
        case FIELDS_BOOLEAN:
            json_boolean(j, entry->name, *value.boolean);
            break;
        case FIELDS_TAGS:
            fields_tags_json(j, entry->name, value.tags);
            break;
        default:
            json_string(j, entry->name, fields_value(entry, from, NULL));
        }
    }
    json_object_end(j);
}

const char *fields_value(const struct fields_entry *entry, const void *from, char *room)
{
    union field_place value = field_place(entry, from);
    switch (entry->kind) {
    case FIELDS_TEXT:
        return *value.text;
    case FIELDS_ARRAY:
        return value.array;
    case FIELDS_UNSIGNED:
        snprintf(room, FIELDS_VALUE_BYTES, "%" PRIu64, *value.u);
        return room;
    case FIELDS_BOOLEAN:
        return *value.boolean ? "yes" : "no";
    case FIELDS_TAGS:
        return NULL;
    default:
        abort(); /* kinds that are only read */
    }
}

/* ---- reading ---- */

const char *fields_text(const msgpack_object *object, msgpack_zone *zone)
{
    struct rpc_text text;
    if (object->type != MSGPACK_OBJECT_STR || !rpc_as_text(object, &text) ||
        memchr(text.bytes, '\0', text.len))
        return NULL;
    char *copy = msgpack_zone_malloc(zone, text.len + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text.bytes, text.len);
    copy[text.len] = '\0';
    return copy;
}

bool fields_array(const msgpack_object *object, msgpack_object_array *into)
{
    *into = (msgpack_object_array){0};
    if (!object || object->type == MSGPACK_OBJECT_NIL)
        return true;
    if (object->type != MSGPACK_OBJECT_ARRAY)
        return false;
    *into = object->via.array;
    return true;
}

static bool read_number(const msgpack_object *value, double *into)
{
    bool is_float = value->type == MSGPACK_OBJECT_FLOAT32 || value->type == MSGPACK_OBJECT_FLOAT64;
    if (is_float)
        *into = value->via.f64;
    else if (value->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
        *into = (double)value->via.u64;
    return is_float || value->type == MSGPACK_OBJECT_POSITIVE_INTEGER;
}

/* Keys in the order in which the map has them. */
static bool read_tags(const msgpack_object *map, msgpack_zone *zone, struct fields_tags *into)
{
    struct rpc_text key, value;
    *into = (struct fields_tags){.len = 0};
    if (map->type == MSGPACK_OBJECT_NIL)
        return true;
    if (map->type != MSGPACK_OBJECT_MAP)
        return false;
    size_t bytes = 0;
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_kv *pair = &map->via.map.ptr[i];
        if (!rpc_as_text(&pair->key, &key) || memchr(key.bytes, '\0', key.len) ||
            !rpc_as_text(&pair->val, &value) || memchr(value.bytes, '\0', value.len))
            return false;
        bytes += key.len + value.len + 2;
    }
    char *at = msgpack_zone_malloc(zone, bytes + 1);
    if (!at)
        return false;
    *into = (struct fields_tags){.bytes = at, .len = bytes};
    memset(at, 0, bytes);
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        rpc_as_text(&map->via.map.ptr[i].key, &key);
        rpc_as_text(&map->via.map.ptr[i].val, &value);
        memcpy(at, key.bytes, key.len);
        memcpy(at + key.len + 1, value.bytes, value.len);
        at += key.len + value.len + 2;
    }
    return true;
}

static bool read_value(const msgpack_object *map, const msgpack_object *value,
                       const struct fields_entry *entry, msgpack_zone *zone, void *at)
{
    const char *name = entry->name;
    switch (entry->kind) {
    case FIELDS_TEXT:
        *(const char **)at = fields_text(value, zone);
        return *(const char **)at;
    case FIELDS_ARRAY:
        return rpc_get_string(map, name, at, entry->bytes);
    case FIELDS_UNSIGNED:
        return rpc_get_unsigned(map, name, at);
    case FIELDS_SIGNED:
        return rpc_get_signed(map, name, at);
    case FIELDS_NUMBER:
        return read_number(value, at);
    case FIELDS_BOOLEAN:
        return rpc_get_boolean(map, name, at);
    case FIELDS_TAGS:
        return read_tags(value, zone, at);
    case FIELDS_OBJECT:
        *(const msgpack_object **)at = value->type == MSGPACK_OBJECT_NIL ? NULL : value;
        return true;
    }
    return false;
}

const char *fields_read(const msgpack_object *map, const struct fields *fields, msgpack_zone *zone,
                        void *into)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct fields_entry *entry = &fields->entries[i];
        const msgpack_object *value = rpc_field(map, entry->name);
        bool nil = value && value->type == MSGPACK_OBJECT_NIL;
        if (entry->optional && (!value || nil))
            continue;
        bool may_be_nil = entry->kind == FIELDS_OBJECT || entry->kind == FIELDS_TAGS;
        if (!value || (nil && !may_be_nil) ||
            !read_value(map, value, entry, zone, (char *)into + entry->offset))
            return entry->name;
    }
    return NULL;
}

/* ---- any object ---- */

static void text_json(struct json *j, const char *key, const msgpack_object *object)
{
    struct rpc_text text = {"", 0};
    rpc_as_text(object, &text);
    char *copy = strndup(text.bytes, text.len);
    j->failed |= !copy;
    json_string(j, key, copy ? copy : "");
    free(copy);
}

/* A key that is no text is left out, with its value. */
static void map_json(struct json *j, const char *key, const msgpack_object_map *map)
{
    char name[256];
    json_object_begin(j, key);
    for (uint32_t i = 0; i < map->size; i++)
        if (rpc_as_string(&map->ptr[i].key, name, sizeof name))
            fields_object_json(j, name, &map->ptr[i].val);
    json_object_end(j);
}

void fields_object_json(struct json *j, const char *key, const msgpack_object *object)
{
    switch (object->type) {
    case MSGPACK_OBJECT_BOOLEAN:
        json_boolean(j, key, object->via.boolean);
        break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        json_unsigned(j, key, object->via.u64);
        break;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        json_integer(j, key, object->via.i64);
        break;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        json_number(j, key, object->via.f64);
        break;
    case MSGPACK_OBJECT_STR:
    case MSGPACK_OBJECT_BIN:
        text_json(j, key, object);
        break;
    case MSGPACK_OBJECT_ARRAY:
        json_array_begin(j, key);
        for (uint32_t i = 0; i < object->via.array.size; i++)
            fields_object_json(j, NULL, &object->via.array.ptr[i]);
        json_array_end(j);
        break;
    case MSGPACK_OBJECT_MAP:
        map_json(j, key, &object->via.map);
        break;
    default: /* nil, and what JSON has not */
        json_raw(j, key, "null");
    }
}
