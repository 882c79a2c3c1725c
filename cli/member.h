/* member: the agent's view, row by row, as text shows it. */
#ifndef MUSTER_MEMBER_H
#define MUSTER_MEMBER_H

#include "agent/rpc/schema.h"
#include "cli/client.h"

#include <stddef.h>

/* Asks for all members: the client's status, and when that is CLIENT_OK, rows sorted by name,
 * borrowed until the client's next call. */
enum client_status member_list(struct client *c, const struct member_record **rows, size_t *count);

/* Reads a member map; its texts end with the zone. NULL: all well; else the field that is missing
 * or not of its kind. */
const char *member_read(const msgpack_object *map, msgpack_zone *zone,
                        struct member_record *member);

/* "10.0.0.1:7949" or "[2001:db8::1]:7949", in the zone. */
const char *member_address(const struct member_record *member, msgpack_zone *zone);
/* "rack=r7,role=db", in the zone. */
const char *member_tags(const struct member_record *member, msgpack_zone *zone);
/* What an operator should see beside its status; "" for nothing. */
const char *member_note(const struct member_record *member);

#endif
