#include "gossip/membership/move.h"

#include "gossip/core.h"
#include "gossip/membership/profile.h"

static struct move *move_find(struct moves *moves, uint64_t key)
{
    for (unsigned i = 0; i < MOVES_MAX; i++)
        if (moves->all[i].key == key)
            return &moves->all[i];
    return NULL;
}

bool move_is_claimed(const struct member *m, const struct wire_record *record)
{
    return record->key == m->key && record->fact.generation == m->profile->generation &&
           record->fact.incarnation > m->incarnation;
}

bool move_is_confirmed(struct gossip *g, uint32_t slot, const struct wire_record *record)
{
    const struct member *m = core_member(g, slot);
    const struct gossip_addr *addr = &record->profile.addr;
    struct move *move = move_find(&g->moves, m->key);
    if (!move)
        move = &g->moves.all[g->moves.next++ % MOVES_MAX];
    bool begins = move->key != m->key || !profile_addr_equal(&move->addr, addr) ||
                  g->now_us - move->claimed_us > core_ms(MOVE_FORGET_MS);
    if (begins)
        *move = (struct move){.key = m->key, .addr = *addr, .since_us = g->now_us};
    move->claimed_us = g->now_us;
    return g->now_us - move->since_us >= core_ms(MOVE_SILENCE_MS);
}

void move_refuted(struct gossip *g, uint64_t key)
{
    struct move *move = move_find(&g->moves, key);
    if (move)
        move->since_us = g->now_us;
}
