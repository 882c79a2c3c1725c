#include "cli/member.h"

#include "cli/print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *member_read(const msgpack_object *map, msgpack_zone *zone, struct member_record *member)
{
    *member = (struct member_record){0};
    return fields_read(map, &member_fields, zone, member);
}

static int compare_names(const void *a, const void *b)
{
    const struct member_record *left = a, *right = b;
    return strcmp(left->name, right->name);
}

enum client_status member_list(struct client *c, const struct member_record **rows, size_t *count)
{
    if (client_ask(c, true, "view") != CLIENT_OK)
        return c->status;
    const msgpack_object *list = rpc_field(&c->body.data, "members");
    msgpack_object_array members;
    if (!list || !fields_array(list, &members))
        return client_malformed(c, "members");
    struct member_record *table = print_alloc(c->body.zone, members.size, sizeof *table);
    for (uint32_t i = 0; i < members.size; i++) {
        const char *wrong = member_read(&members.ptr[i], c->body.zone, &table[i]);
        if (wrong)
            return client_malformed(c, wrong);
    }
    qsort(table, members.size, sizeof *table, compare_names);
    *rows = table;
    *count = members.size;
    return CLIENT_OK;
}

const char *member_address(const struct member_record *member, msgpack_zone *zone)
{
    bool v6 = strchr(member->addr, ':');
    return print_text(zone, "%s%s%s:%" PRIu64, v6 ? "[" : "", member->addr, v6 ? "]" : "",
                      member->port);
}

const char *member_tags(const struct member_record *member, msgpack_zone *zone)
{
    const char *at = NULL, *key, *value, *text = "";
    while (fields_tag_next(&member->tags, &at, &key, &value))
        text = print_text(zone, "%s%s%s=%s", text, *text ? "," : "", key, value);
    return text;
}

const char *member_note(const struct member_record *member)
{
    return member->unreachable ? "partly unreachable" : "";
}
