#include "gossip/sim/net_views.h"

#include "gossip/core.h"
#include "gossip/membership/profile.h"

static bool views_is_alive(const struct gossip *g, uint64_t key)
{
    uint32_t slot = member_by_key(&g->members, key);
    return slot != MEMBER_NONE && g->members.slots[slot].status == GOSSIP_ALIVE;
}

/* The hash of a view covers all of it but suspect and leaving members, and those are counted; so
 * that of all views one need be read. */
bool net_agrees(const struct net *net)
{
    const struct gossip *first = NULL;
    uint32_t running = 0;
    for (uint32_t node = 0; node < net_nodes(net); node++) {
        const struct gossip *g = net_core(net, node);
        if (!g)
            continue;
        first = first ? first : g;
        running++;
        if (g->view != first->view || !views_is_alive(first, g->key) ||
            g->members.by_status[GOSSIP_ALIVE] != member_live_count(&g->members))
            return false;
    }
    return !first || member_live_count(&first->members) == running;
}

/* The slot of a subject, as it is now; NULL: the node does not know it. */
static const struct member *views_find(const struct net *net, uint32_t node, uint32_t subject)
{
    const struct member_table *t = &net_core(net, node)->members;
    uint32_t slot = member_by_key(t, profile_key(net_host(net, subject)->id));
    return slot == MEMBER_NONE ? NULL : &t->slots[slot];
}

int net_status(const struct net *net, uint32_t node, uint32_t subject)
{
    const struct member *m = views_find(net, node, subject);
    return m && !m->pruned ? m->status : -1;
}

bool net_counts_on(const struct net *net, uint32_t node, uint32_t subject)
{
    const struct member *m = views_find(net, node, subject);
    return m && member_is_live(m);
}

bool net_doubts(const struct net *net, uint32_t node, uint32_t subject)
{
    const struct member *m = views_find(net, node, subject);
    return m && (m->status != GOSSIP_ALIVE || m->unreachable);
}

uint32_t net_unreachable(const struct net *net, uint32_t node)
{
    const struct member_table *t = &net_core(net, node)->members;
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < t->used; slot++)
        count +=
            t->slots[slot].profile && member_is_live(&t->slots[slot]) && t->slots[slot].unreachable;
    return count;
}
