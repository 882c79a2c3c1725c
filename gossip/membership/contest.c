#include "gossip/membership/contest.h"

#include "gossip/core.h"
#include "gossip/membership/profile.h"
#include "gossip/membership/view.h"

#include <string.h>

enum {
    TRIES = 3, /* connections may get lost */
    RETRY_MS = 700,
    REST_MS = 1000,
};

bool contest_is_earlier(const struct gossip *g, const struct wire_record *record, uint64_t first)
{
    const struct member *self = &g->members.slots[g->self];
    if (profile_addr_equal(&record->profile.addr, &self->profile->addr))
        return false;
    int64_t later_us = view_began_us(g, record) - self->started_us;
    if (later_us > VIEW_SAME_TIME_US || later_us < -VIEW_SAME_TIME_US)
        return later_us < 0;
    if (first != g->first_generation)
        return first < g->first_generation;
    if (record->key != g->key)
        return record->key < g->key;
    /* Copies that started in the same millisecond. */
    int order =
        memcmp(record->profile.addr.ip, self->profile->addr.ip, sizeof self->profile->addr.ip);
    return order != 0 ? order < 0 : record->profile.addr.port < self->profile->addr.port;
}

void contest_begin(struct gossip *g, const struct wire_record *record)
{
    struct contest *c = &g->contest;
    const struct gossip_profile *self = core_member(g, g->self)->profile;
    if (c->token || g->now_us < c->rest_us)
        return;
    *c = (struct contest){
        .addr = record->profile.addr,
        .generation = record->key == g->key ? record->fact.generation : 0,
        .token = proof_nonce(g),
        .next_us = g->now_us,
    };
    if (profile_addr_equal(&c->addr, &self->addr))
        contest_end(g);
}

void contest_end(struct gossip *g)
{
    struct contest *c = &g->contest;
    c->token = 0;
    c->rest_us = g->now_us + core_ms(REST_MS);
    c->outdo = c->generation >= core_member(g, g->self)->profile->generation;
}

bool contest_is_token(const struct gossip *g, uint64_t token)
{
    return token != 0 && token == g->contest.token;
}

void contest_return(struct gossip *g, uint64_t cookie)
{
    join_send(g, &g->contest.addr, GOSSIP_STREAM, g->contest.token, cookie);
}

void contest_tick(struct gossip *g)
{
    struct contest *c = &g->contest;
    if (!c->token || g->now_us < c->next_us)
        return;
    if (c->tries++ == TRIES) {
        contest_end(g);
        return;
    }
    c->next_us = g->now_us + core_ms(RETRY_MS);
    contest_return(g, 0);
}

int64_t contest_deadline(const struct gossip *g)
{
    return g->contest.token ? g->contest.next_us : INT64_MAX;
}
