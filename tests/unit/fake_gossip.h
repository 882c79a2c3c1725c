/* fake_gossip: members without a protocol, for what only reads them. Profiles are real ones. */
#ifndef MUSTER_FAKE_GOSSIP_H
#define MUSTER_FAKE_GOSSIP_H

#include "gossip/gossip.h"

/* A member at 10.0.0.11:7949 with incarnation 3; its id begins with its name. tags: as encoded,
 * but for the last NUL, which a string literal brings along. To be released with
 * gossip_profile_release(member.profile). */
#define FAKE_MEMBER(name, status, tags) fake_member(name, status, tags, sizeof tags)
#define FAKE_MEMBER_UNTAGGED(name, status) fake_member(name, status, "", 0)
struct gossip_member fake_member(const char *name, enum gossip_status status, const char *tags,
                                 size_t tags_bytes);

/* A view that tests fill: taken in order, the profiles with it. */
struct gossip *fake_gossip_new(void);
void fake_gossip_free(struct gossip *g);
void fake_gossip_add(struct gossip *g, struct gossip_member member);

#endif
