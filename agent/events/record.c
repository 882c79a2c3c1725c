#include "agent/events/record.h"

#include <stdio.h>

_Static_assert(SCHEMA_NAME_BYTES > GOSSIP_NAME_BYTES_MAX, "a name fits");

char *record_id_text(const struct gossip_profile *profile, char *into)
{
    for (size_t i = 0; i < GOSSIP_ID_BYTES; i++)
        snprintf(into + 2 * i, 3, "%02x", profile->id[i]);
    return into;
}

const struct member_record *record_member(struct record_member *into,
                                          const struct gossip_member *member)
{
    const struct gossip_profile *p = member->profile;
    into->record = (struct member_record){
        .name = p->name,
        .id = record_id_text(p, into->id),
        .addr = address_ip_text(p->addr.ip, into->addr),
        .status = gossip_status_text(member->status),
        .port = p->addr.port,
        .incarnation = member->incarnation,
        .generation = p->generation,
        .unreachable = member->unreachable,
        .tags = {p->tags, p->tags_bytes},
    };
    return &into->record;
}

void record_member_json(struct json *j, const char *key, const struct gossip_member *member)
{
    struct record_member text;
    fields_json(j, key, &member_fields, record_member(&text, member));
}
