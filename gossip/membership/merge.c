#include "gossip/membership/merge.h"

#include "gossip/core.h"

enum { SETTLED_MS = 10000 }; /* a member is new here for so long */

void merge_let_in(struct gossip *g, uint64_t newcomer, uint64_t view)
{
    g->merge.newcomer = newcomer;
    g->merge.view = view;
    g->merge.own_terms = 0;
}

bool merge_is_settled(const struct gossip *g, uint64_t but)
{
    for (uint32_t slot = 0; slot < g->members.used; slot++) {
        const struct member *m = &g->members.slots[slot];
        if (m->profile && slot != g->self && m->key != but && member_is_live(m) &&
            g->now_us - m->since_us > core_ms(SETTLED_MS))
            return true;
    }
    return false;
}

/* The newcomer's answer has our own members too, which it knows by now. Those that are new here are
 * all that it knew before, if they and itself have the hash that its view had then. */
static bool merge_newcomer_knew_none(struct gossip *g, const struct member *sender,
                                     uint64_t fresh_terms)
{
    struct merge *merge = &g->merge;
    if (sender->key != merge->newcomer)
        return false;
    merge->own_terms += fresh_terms;
    return merge->own_terms + member_term(sender) == merge->view;
}

void merge_note(struct gossip *g, uint64_t from, unsigned known, uint64_t fresh_terms)
{
    uint32_t slot = member_by_key(&g->members, from);
    if (slot == MEMBER_NONE || fresh_terms == 0)
        return;
    const struct member *sender = core_member(g, slot);
    bool apart = known == 0 || merge_newcomer_knew_none(g, sender, fresh_terms);
    bool is_new = g->now_us - sender->since_us <= core_ms(SETTLED_MS);
    if (!apart || !is_new || g->merge.told == sender->key)
        return;
    g->merge.told = sender->key;
    outbox_event(g, GOSSIP_EVENT_MERGED, sender, NULL);
}
