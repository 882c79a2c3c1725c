#include "tests/unit/fake_gossip.h"

#include "gossip/membership/profile.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS_MAX 4096

struct gossip {
    struct gossip_member members[MEMBERS_MAX];
    size_t count;
};

struct gossip_member fake_member(const char *name, enum gossip_status status, const char *tags,
                                 size_t tags_bytes)
{
    struct gossip_profile p = {
        .generation = 1,
        .addr = {.ip = {[10] = 0xff, 0xff, 10, 0, 0, 11}, .port = 7949},
        .name = name,
        .tags = tags,
        .tags_bytes = (uint16_t)tags_bytes,
    };
    size_t bytes = strlen(name);
    memcpy(p.id, name, bytes < sizeof p.id ? bytes : sizeof p.id);
    struct gossip_member m = {.profile = profile_new(&p), .incarnation = 3, .status = status};
    assert(m.profile);
    return m;
}

struct gossip *fake_gossip_new(void)
{
    struct gossip *g = calloc(1, sizeof *g);
    assert(g);
    return g;
}

void fake_gossip_free(struct gossip *g)
{
    for (size_t i = 0; i < g->count; i++)
        gossip_profile_release(g->members[i].profile);
    free(g);
}

void fake_gossip_add(struct gossip *g, struct gossip_member member)
{
    assert(g->count < MEMBERS_MAX);
    g->members[g->count++] = member;
}

bool gossip_next_member(const struct gossip *g, size_t *cursor, struct gossip_member *member)
{
    if (*cursor >= g->count)
        return false;
    *member = g->members[(*cursor)++];
    return true;
}

const char *gossip_status_text(enum gossip_status status)
{
    static const char *const texts[] = {"alive", "suspect", "leaving", "failed", "left"};
    return texts[status];
}
