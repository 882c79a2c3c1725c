#include "gossip/lease/strangers.h"

#include "agent/base/array.h"
#include "gossip/core.h"

#include <stdlib.h>
#include <string.h>

enum {
    LOOK_MS = 500,         /* until the lists of others are looked at again */
    ASKED_IN_VAIN = 4,     /* questions, until a list is reported without its names */
    ASK_DOUBLINGS_MAX = 7, /* of LOOK_MS between questions, where none is answered */
};

void strangers_free(struct strangers *s)
{
    free(s->lists);
}

static struct stranger_list *strangers_find(struct strangers *s, uint64_t hash)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (s->lists[i].hash == hash)
            return &s->lists[i];
    return NULL;
}

/* NULL: no room, or no memory. */
static struct stranger_list *strangers_find_or_add(struct strangers *s, uint64_t hash)
{
    struct stranger_list *list = strangers_find(s, hash);
    if (list)
        return list;
    if (s->count == STRANGERS_MAX || !ARRAY_RESERVE(s->lists, s->capacity, s->count + 1))
        return NULL;
    list = &s->lists[s->count++];
    *list = (struct stranger_list){.hash = hash, .overlaps = true};
    return list;
}

static bool stranger_overlaps(const struct gossip *g, const struct stranger_list *list)
{
    uint32_t bits[LEASE_CONFIGURATIONS_MAX];
    for (unsigned i = 0; i < list->voters.count; i++)
        if (voters_bits(&g->leases.voters, list->voters.names[i], bits))
            return true;
    return !list->known;
}

/* ---- asking ---- */

/* By stream if the names do not fit a datagram. */
static void strangers_send(struct gossip *g, uint32_t slot, bool asks)
{
    const struct voters *ours = &g->leases.voters;
    const struct voters_configuration *newest = &ours->configurations[ours->count - 1];
    struct gossip_voters range = voters_range(ours);
    struct gossip_route to = outbox_to(core_member(g, slot));
    struct wire_writer w = outbox_begin(g, WIRE_VOTERS, to.via);
    if (!wire_put_names(&w, &range, asks, newest->names, newest->count)) {
        to.via = GOSSIP_STREAM;
        w = outbox_begin(g, WIRE_VOTERS, to.via);
        wire_put_names(&w, &range, asks, newest->names, newest->count);
    }
    outbox_send(g, &to, &w);
}

/* The host is told of a list once: with its names, or when these were asked for in vain. */
static void stranger_report(struct gossip *g, struct stranger_list *list)
{
    if (list->reported || (!list->known && list->asked < ASKED_IN_VAIN))
        return;
    list->reported = true;
    outbox_event(g, GOSSIP_EVENT_OTHER_VOTERS, core_member(g, list->slot), NULL);
}

static void stranger_ask(struct gossip *g, struct stranger_list *list)
{
    stranger_report(g, list);
    if (list->known || g->now_us < list->ask_us)
        return;
    unsigned doublings = list->asked < ASKED_IN_VAIN ? 0 : list->asked - ASKED_IN_VAIN;
    doublings = doublings < ASK_DOUBLINGS_MAX ? doublings : ASK_DOUBLINGS_MAX;
    list->ask_us = g->now_us + (core_ms(LOOK_MS) << doublings);
    list->asked++;
    strangers_send(g, list->slot, true);
}

static bool strangers_read(const struct wire_message *m, struct voters_configuration *one)
{
    char names[LEASE_VOTERS_MAX][GOSSIP_NAME_BYTES_MAX + 1];
    const char *all[LEASE_VOTERS_MAX];
    struct wire_reader reader = m->names.list;
    unsigned count = 0;
    while (count < LEASE_VOTERS_MAX && wire_next_name(&reader, names[count])) {
        all[count] = names[count];
        count++;
    }
    return voters_fill(one, m->names.voters.newest, all, count) &&
           one->hash == m->names.voters.hash;
}

void strangers_receive(struct gossip *g, const struct wire_message *m,
                       const struct gossip_route *from)
{
    struct leases *l = &g->leases;
    struct gossip_voters ours = voters_range(&l->voters);
    uint32_t slot = proof_sender(g, m->sender, from);
    bool same_version = m->names.voters.newest == ours.newest;
    if (!l->started || ours.newest == 0 || !same_version || m->names.voters.hash == ours.hash)
        return;
    struct stranger_list *list = strangers_find_or_add(&l->strangers, m->names.voters.hash);
    struct voters_configuration one;
    if (list && !list->known && strangers_read(m, &one)) {
        list->voters = one;
        list->known = true;
        list->slot = slot;
        list->overlaps = stranger_overlaps(g, list);
        stranger_report(g, list);
        l->strangers.looked_us = INT64_MIN;
    }
    if (m->names.asks)
        strangers_send(g, slot, false);
}

/* ---- looking ---- */

/* Counts the members by their lists. Returns those that go by ours. */
static unsigned strangers_count(struct gossip *g)
{
    struct strangers *s = &g->leases.strangers;
    struct gossip_voters ours = voters_range(&g->leases.voters);
    unsigned same = 0;
    s->unlisted = 0;
    for (uint32_t i = 0; i < s->count; i++)
        s->lists[i].members = 0;
    for (uint32_t slot = 0; slot < g->members.used; slot++) {
        const struct member *m = core_member(g, slot);
        if (!m->profile || !member_is_live(m) || m->profile->voters.newest != ours.newest)
            continue;
        if (m->profile->voters.hash == ours.hash) {
            same++;
            continue;
        }
        struct stranger_list *list = strangers_find_or_add(s, m->profile->voters.hash);
        if (!list)
            s->unlisted++;
        else if (rng_below(&g->rng, ++list->members) == 0)
            list->slot = slot;
    }
    return same;
}

static void strangers_forget_gone(struct strangers *s)
{
    for (uint32_t i = s->count; i > 0; i--)
        if (s->lists[i - 1].members == 0)
            s->lists[i - 1] = s->lists[--s->count];
}

/* Of lists that overlap, two members or more go by others, and as many as go by ours: with bad luck
 * each side has a majority of its own. */
void strangers_tick(struct gossip *g)
{
    struct strangers *s = &g->leases.strangers;
    if (g->leases.voters.count == 0 ||
        (s->looked_us != INT64_MIN && g->now_us - s->looked_us < core_ms(LOOK_MS)))
        return;
    s->looked_us = g->now_us;
    unsigned same = strangers_count(g), others = s->unlisted;
    strangers_forget_gone(s);
    for (uint32_t i = 0; i < s->count; i++) {
        struct stranger_list *list = &s->lists[i];
        list->overlaps = stranger_overlaps(g, list);
        others += list->overlaps ? list->members : 0;
        stranger_ask(g, list);
    }
    s->disputed = others > 1 && others >= same;
}

bool strangers_dispute(const struct gossip *g)
{
    return g->leases.strangers.disputed;
}

bool leases_next_other_voters(const struct gossip *g, unsigned *cursor,
                              struct leases_other_voters *other)
{
    const struct strangers *s = &g->leases.strangers;
    if (*cursor >= s->count)
        return false;
    const struct stranger_list *list = &s->lists[(*cursor)++];
    const struct member *m = &g->members.slots[list->slot];
    *other = (struct leases_other_voters){.hash = list->hash,
                                          .members = list->members,
                                          .member = m->profile,
                                          .voters = list->known ? &list->voters : NULL,
                                          .overlaps = list->overlaps};
    return true;
}
