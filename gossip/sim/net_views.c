#include "gossip/sim/net_views.h"

#include "gossip/core.h"
#include "gossip/profile.h"

/* Does the core hold exactly the running nodes, `wanted` of them, as alive? */
static bool sees_all(const struct net *net, const struct gossip *g, uint32_t wanted)
{
    if (member_live_count(&g->members) != wanted)
        return false;
    for (uint32_t node = 0; node < net_nodes(net); node++) {
        const struct gossip *other = net_core(net, node);
        uint32_t row = other ? member_by_key(&g->members, other->key) : MEMBER_NONE;
        if (other && (row == MEMBER_NONE || g->members.rows[row].status != GOSSIP_ALIVE))
            return false;
    }
    return true;
}

bool net_agrees(const struct net *net)
{
    uint32_t running = 0;
    for (uint32_t node = 0; node < net_nodes(net); node++)
        running += net_core(net, node) != NULL;
    for (uint32_t node = 0; node < net_nodes(net); node++)
        if (net_core(net, node) && !sees_all(net, net_core(net, node), running))
            return false;
    return true;
}

/* The row of a subject, as it is now; NULL: the node does not know it. */
static const struct member *row_of(const struct net *net, uint32_t node, uint32_t subject)
{
    const struct member_table *t = &net_core(net, node)->members;
    uint32_t row = member_by_key(t, profile_key(net_host(net, subject)->id));
    return row == MEMBER_NONE ? NULL : &t->rows[row];
}

int net_status(const struct net *net, uint32_t node, uint32_t subject)
{
    const struct member *m = row_of(net, node, subject);
    return m && !m->hidden ? m->status : -1;
}

bool net_doubts(const struct net *net, uint32_t node, uint32_t subject)
{
    const struct member *m = row_of(net, node, subject);
    return m && (m->status != GOSSIP_ALIVE || m->partly);
}
