#include "cli/member.h"

#include "cli/fields.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The map's fields, and those that need a second look. */
struct raw {
    struct member member;
    const msgpack_object *addr, *tags;
};

#define FIELD(name, kind, at)                                                                      \
    {                                                                                              \
        name, kind, offsetof(struct raw, at), false                                                \
    }
static const struct fields_entry fields[] = {
    FIELD("Name", FIELDS_TEXT, member.name),
    FIELD("ID", FIELDS_TEXT, member.id),
    FIELD("Status", FIELDS_TEXT, member.status),
    FIELD("Unreachable", FIELDS_BOOLEAN, member.unreachable),
    FIELD("Port", FIELDS_UNSIGNED, member.port),
    FIELD("Incarnation", FIELDS_UNSIGNED, member.incarnation),
    FIELD("Generation", FIELDS_UNSIGNED, member.generation),
    FIELD("Addr", FIELDS_OBJECT, addr),
    FIELD("Tags", FIELDS_OBJECT, tags),
};

static bool read_addr(const msgpack_object *addr, struct member *member)
{
    if (!addr || addr->type != MSGPACK_OBJECT_BIN || addr->via.bin.size != ADDRESS_IP_BYTES ||
        member->port > UINT16_MAX)
        return false;
    const uint8_t *ip = (const uint8_t *)addr->via.bin.ptr;
    address_ip_text(ip, member->addr);
    address_text(ip, (uint16_t)member->port, member->address);
    return true;
}

static int compare_tags(const void *a, const void *b)
{
    const struct member_tag *left = a, *right = b;
    return strcmp(left->key, right->key);
}

static const char *join_tags(const struct member *member, msgpack_zone *zone)
{
    size_t bytes = 1;
    for (size_t i = 0; i < member->tags_count; i++)
        bytes += strlen(member->tags[i].key) + strlen(member->tags[i].value) + 2;
    char *text = msgpack_zone_malloc(zone, bytes);
    if (!text)
        return NULL;
    char *at = text;
    *at = '\0';
    for (size_t i = 0; i < member->tags_count; i++)
        at += snprintf(at, bytes - (size_t)(at - text), "%s%s=%s", i > 0 ? "," : "",
                       member->tags[i].key, member->tags[i].value);
    return text;
}

bool member_read_tags(const msgpack_object *map, msgpack_zone *zone, struct member *member)
{
    if (map && map->type != MSGPACK_OBJECT_MAP)
        return false;
    size_t count = map ? map->via.map.size : 0;
    struct member_tag *tags = msgpack_zone_malloc(zone, (count + 1) * sizeof *tags);
    if (!tags)
        return false;
    for (size_t i = 0; i < count; i++) {
        tags[i].key = fields_text(&map->via.map.ptr[i].key, zone);
        tags[i].value = fields_text(&map->via.map.ptr[i].val, zone);
        if (!tags[i].key || !tags[i].value)
            return false;
    }
    qsort(tags, count, sizeof *tags, compare_tags);
    member->tags = tags;
    member->tags_count = count;
    member->tags_text = join_tags(member, zone);
    return member->tags_text;
}

const char *member_read(const msgpack_object *map, msgpack_zone *zone, struct member *member)
{
    struct raw raw = {0};
    const char *wrong = fields_read(map, fields, sizeof fields / sizeof fields[0], zone, &raw);
    if (wrong)
        return wrong;
    if (!read_addr(raw.addr, &raw.member))
        return "Addr";
    if (!member_read_tags(raw.tags, zone, &raw.member))
        return "Tags";
    *member = raw.member;
    return NULL;
}

static int compare_names(const void *a, const void *b)
{
    const struct member *left = a, *right = b;
    return strcmp(left->name, right->name);
}

enum client_status member_list(struct client *c, const struct member **rows, size_t *count)
{
    static const struct fields_entry members[] = {{"Members", FIELDS_OBJECT, 0, false}};
    client_request(c, "members");
    if (client_call(c, true) != CLIENT_OK)
        return c->status;

    const msgpack_object *list = NULL;
    const char *wrong = fields_read(&c->body.data, members, 1, c->body.zone, &list);
    if (wrong || !list || list->type != MSGPACK_OBJECT_ARRAY)
        return client_malformed(c, "Members");
    uint32_t size = list->via.array.size;
    struct member *table = msgpack_zone_malloc(c->body.zone, (size + 1) * sizeof *table);
    if (!table)
        return client_malformed(c, "more members than memory holds");
    for (uint32_t i = 0; i < size; i++) {
        wrong = member_read(&list->via.array.ptr[i], c->body.zone, &table[i]);
        if (wrong)
            return client_malformed(c, wrong);
    }
    qsort(table, size, sizeof *table, compare_names);
    *rows = table;
    *count = size;
    return CLIENT_OK;
}

const char *member_note(const struct member *member)
{
    return member->unreachable ? "partly unreachable" : "";
}

const char *member_tag_value(const struct member *member, const char *key)
{
    for (size_t i = 0; i < member->tags_count; i++)
        if (strcmp(member->tags[i].key, key) == 0)
            return member->tags[i].value;
    return NULL;
}

void member_tags_json(struct json *json, const struct member *member)
{
    json_object_begin(json, "tags");
    for (size_t i = 0; i < member->tags_count; i++)
        json_string(json, member->tags[i].key, member->tags[i].value);
    json_object_end(json);
}

void member_json(struct json *json, const char *key, const struct member *member)
{
    json_object_begin(json, key);
    json_string(json, "name", member->name);
    json_string(json, "id", member->id);
    json_string(json, "addr", member->addr);
    json_unsigned(json, "port", member->port);
    json_string(json, "status", member->status);
    json_boolean(json, "unreachable", member->unreachable);
    json_unsigned(json, "incarnation", member->incarnation);
    member_tags_json(json, member);
    json_object_end(json);
}
