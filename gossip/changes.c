#include "gossip/changes.h"

#include "gossip/core.h"

enum { REAP_INTERVAL_S = 60 };

static bool change_is_live(const struct fact *fact)
{
    return fact->status <= GOSSIP_LEAVING;
}

/* True if the member has started anew. */
static bool change_restarts(const struct view_change *c)
{
    return c->before.generation != c->after.generation;
}

static bool change_is_new_version(const struct view_change *c)
{
    return change_restarts(c) || c->before.incarnation != c->after.incarnation;
}

/* What counted against an earlier version does not count against this one. */
static void change_detector(struct gossip *g, const struct view_change *c)
{
    bool was_live = !c->added && change_is_live(&c->before);
    if (change_is_live(&c->after) != was_live)
        probe_view_changed(g, c->slot);
    if (c->removed || c->after.status != GOSSIP_SUSPECT || change_is_new_version(c))
        suspicion_end(g, c->slot);
    if (!c->by_record || c->added)
        return;
    if (c->before.status == GOSSIP_SUSPECT && c->after.status == GOSSIP_ALIVE)
        probe_refuted(g, c->slot);
    if (change_restarts(c))
        probe_restarted(g, c->slot);
    else if (c->before.status == GOSSIP_FAILED && c->after.status == GOSSIP_ALIVE)
        reach_returned(g, c->slot, c->before_since_us);
}

/* The event of a change of status; a member counts as live while suspect or leaving. */
static enum gossip_event_kind change_event(const struct view_change *c)
{
    const struct fact *before = &c->before, *after = &c->after;
    if (after->status == GOSSIP_LEFT)
        return GOSSIP_EVENT_LEAVE;
    if (after->status == GOSSIP_FAILED)
        return GOSSIP_EVENT_FAILED;
    if (c->added || !change_is_live(before))
        return GOSSIP_EVENT_JOIN;
    if (after->unreachable && !before->unreachable)
        return GOSSIP_EVENT_UNREACHABLE;
    if (after->status == GOSSIP_SUSPECT && before->status != GOSSIP_SUSPECT)
        return GOSSIP_EVENT_SUSPECT;
    if (before->unreachable && !after->unreachable && after->status == GOSSIP_ALIVE)
        return GOSSIP_EVENT_REACHABLE;
    return GOSSIP_EVENT_UPDATE;
}

static void change_events(struct gossip *g, const struct view_change *c)
{
    const struct member *m = core_member(g, c->slot);
    bool marked = c->before.unreachable != c->after.unreachable;
    bool same_status = c->before.status == c->after.status;
    if ((c->added || marked || !same_status || c->differs) && (c->slot != g->self || marked))
        outbox_event(g, change_event(c), m, NULL);
    if (c->differs && same_status && marked)
        outbox_event(g, GOSSIP_EVENT_UPDATE, m, NULL);
    if (c->pruned)
        outbox_event(g, GOSSIP_EVENT_REAP, m, NULL);
}

/* A restart is urgent to those that miss its former self's answers. */
static enum spread_priority change_priority(const struct gossip *g, const struct view_change *c)
{
    if (c->added || (c->pruned && !c->by_record))
        return SPREAD_ORDINARY;
    if (change_restarts(c) || (c->slot == g->self && change_is_new_version(c)))
        return SPREAD_IMMEDIATE;
    bool joins = c->after.status == GOSSIP_ALIVE && c->before.status != GOSSIP_SUSPECT;
    return joins ? SPREAD_ORDINARY : SPREAD_IMMEDIATE;
}

/* What we find while we are isolated stays here. */
static void change_spread(struct gossip *g, const struct view_change *c)
{
    struct member *m = core_member(g, c->slot);
    if (!c->by_record && !c->pruned) {
        m->undisseminated = health_is_isolated(g) && c->slot != g->self;
        if (m->undisseminated) {
            spread_drop(g, c->slot); /* an older update of the member would carry this one out */
            return;
        }
    }
    spread_update(g, c->slot, change_priority(g, c));
}

static void change_remove(struct gossip *g, uint32_t slot)
{
    spread_drop(g, slot);
    if (!core_member(g, slot)->pruned)
        outbox_event(g, GOSSIP_EVENT_REAP, core_member(g, slot), NULL);
    member_remove(&g->members, slot);
}

void changes_apply(struct gossip *g, struct view_change change)
{
    /* A member that was dead before it became known is history: remembered, not published. */
    if (change.added && !change_is_live(&change.after))
        return;
    change_detector(g, &change);
    if (change.removed) {
        change_remove(g, change.slot);
        return;
    }
    change_events(g, &change);
    change_spread(g, &change);
}

void changes_reap(struct gossip *g)
{
    if (g->now_us < g->reap_us)
        return;
    g->reap_us = g->now_us + core_ms(REAP_INTERVAL_S * 1000);
    for (uint32_t slot = 0; slot < g->members.used; slot++) {
        const struct member *m = core_member(g, slot);
        if (m->profile && !member_is_live(m) && slot != g->self && view_is_expired(g, m->since_us))
            changes_apply(g, view_remove(g, slot));
    }
}
