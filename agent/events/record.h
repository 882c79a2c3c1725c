/* record: the core's members as the schema shows them to others. */
#ifndef MUSTER_RECORD_H
#define MUSTER_RECORD_H

#include "agent/base/address.h"
#include "agent/rpc/schema.h"
#include "gossip/gossip.h"

#define RECORD_ID_BYTES (2 * GOSSIP_ID_BYTES + 1)

/* A record, and the texts that it borrows beside the member's own. */
struct record_member {
    struct member_record record;
    char id[RECORD_ID_BYTES];
    char addr[ADDRESS_TEXT_BYTES];
};

/* Fills `into`; returns its record, which borrows from it and from the member's profile. */
const struct member_record *record_member(struct record_member *into,
                                          const struct gossip_member *member);
/* A member's id in hexadecimal digits, into RECORD_ID_BYTES; returns into. */
char *record_id_text(const struct gossip_profile *profile, char *into);
/* A member as a JSON object. */
void record_member_json(struct json *j, const char *key, const struct gossip_member *member);

#endif
