/* member: one row of the view, as the agent tells it. */
#ifndef MUSTER_MEMBER_H
#define MUSTER_MEMBER_H

#include "agent/base/address.h"
#include "agent/base/json.h"
#include "cli/client.h"

#include <msgpack.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct member_tag {
    const char *key, *value;
};

/* Strings end with the zone that the member was read into. */
struct member {
    const char *name, *id, *status;
    bool unreachable; /* it lives, and not all who watch it can reach it */
    uint64_t port, incarnation, generation;
    char addr[ADDRESS_TEXT_BYTES];
    char address[ADDRESS_TEXT_BYTES]; /* with the port */
    const struct member_tag *tags;    /* sorted by key */
    size_t tags_count;
    const char *tags_text; /* "rack=r7,role=db" */
};

/* Reads a Member map. NULL: all well; else the field that is missing or not of its kind. */
const char *member_read(const msgpack_object *map, msgpack_zone *zone, struct member *member);

/* Reads a map of tags (NULL: none) into tags, tags_count and tags_text. False: it is no such map.
 */
bool member_read_tags(const msgpack_object *map, msgpack_zone *zone, struct member *member);

/* Asks for all members: the client's status, and when that is CLIENT_OK, rows sorted by name,
 * borrowed until the client's next call. */
enum client_status member_list(struct client *c, const struct member **rows, size_t *count);

/* What an operator should see beside its status; "" for nothing. */
const char *member_note(const struct member *member);

/* The value of a tag; NULL: it has no such tag. */
const char *member_tag_value(const struct member *member, const char *key);

/* The member object of the event lines. */
void member_json(struct json *json, const char *key, const struct member *member);
/* Its tags alone, under "tags". */
void member_tags_json(struct json *json, const struct member *member);

#endif
