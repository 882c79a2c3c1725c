#include "gossip/membership/spread.h"

#include "gossip/core.h"

enum {
    RECORDS_MAX = GOSSIP_DATAGRAM_BYTES_MAX / WIRE_SHORT_BYTES, /* more never fit a packet */
    DRAWS_MAX = 16, /* for a member not yet drawn in a round: N in vain mean that none is left */
};

_Static_assert(SPREAD_IMMEDIATE_FANOUT >= SPREAD_FANOUT, "send_round remembers the larger");

void spread_init(struct spread *s)
{
    *s = (struct spread){0};
    for (int priority = 0; priority < SPREAD_PRIORITIES; priority++)
        for (int sends = 0; sends < SPREAD_SENDS_MAX; sends++)
            s->heads[priority][sends] = MEMBER_NONE;
}

static void spread_link(struct gossip *g, uint32_t slot)
{
    struct member *m = core_member(g, slot);
    uint32_t *head = &g->spread.heads[m->update_priority][m->update_sends];
    m->update_prev = MEMBER_NONE;
    m->update_next = *head;
    if (*head != MEMBER_NONE)
        core_member(g, *head)->update_prev = slot;
    *head = slot;
}

static void spread_unlink(struct gossip *g, uint32_t slot)
{
    struct member *m = core_member(g, slot);
    if (m->update_prev != MEMBER_NONE)
        core_member(g, m->update_prev)->update_next = m->update_next;
    else
        g->spread.heads[m->update_priority][m->update_sends] = m->update_next;
    if (m->update_next != MEMBER_NONE)
        core_member(g, m->update_next)->update_prev = m->update_prev;
}

void spread_drop(struct gossip *g, uint32_t slot)
{
    struct member *m = core_member(g, slot);
    if (m->update_priority == MEMBER_NO_UPDATE)
        return;
    spread_unlink(g, slot);
    m->update_priority = MEMBER_NO_UPDATE;
    g->spread.waiting--;
}

void spread_update(struct gossip *g, uint32_t slot, enum spread_priority priority)
{
    struct spread *s = &g->spread;
    spread_drop(g, slot);
    struct member *m = core_member(g, slot);
    if (s->waiting == 0)
        s->next_us = g->now_us + core_ms(g->timing.gossip_period_ms);
    s->waiting++;
    s->immediate |= priority == SPREAD_IMMEDIATE;
    m->update_priority = (uint8_t)priority;
    m->update_sends = 0;
    spread_link(g, slot);
}

static unsigned spread_sends_needed(const struct gossip *g)
{
    unsigned log2 = 1;
    while ((1u << log2) < member_live_count(&g->members) + 1)
        log2++;
    unsigned wanted = SPREAD_LAMBDA * log2;
    return wanted < SPREAD_SENDS_MAX ? wanted : SPREAD_SENDS_MAX;
}

static void spread_count_sent(struct gossip *g, uint32_t slot, unsigned wanted)
{
    struct member *m = core_member(g, slot);
    if (m->update_sends + 1u >= wanted) {
        spread_drop(g, slot);
        return;
    }
    spread_unlink(g, slot);
    m->update_sends++;
    spread_link(g, slot);
}

bool spread_put(struct gossip *g, struct wire_writer *w, uint32_t slot)
{
    const struct member *m = core_member(g, slot);
    if (m->status == GOSSIP_SUSPECT || m->status == GOSSIP_FAILED)
        return wire_put_short(w, m, core_suspecting_observer(g, slot));
    return wire_put_full(w, m, g->now_us);
}

/* Writes one list's facts; the slots written are noted in `sent`. False: the packet is full. */
static bool spread_fill_from(struct gossip *g, struct wire_writer *w, uint32_t head, uint32_t *sent,
                             size_t *count)
{
    for (uint32_t slot = head; slot != MEMBER_NONE; slot = core_member(g, slot)->update_next) {
        if (*count == RECORDS_MAX || !spread_put(g, w, slot))
            return false;
        sent[(*count)++] = slot;
    }
    return true;
}

void spread_fill(struct gossip *g, struct wire_writer *w)
{
    if (g->spread.waiting == 0)
        return;
    /* Counting moves a fact to the next list, so it waits until all are written. */
    uint32_t sent[RECORDS_MAX];
    size_t count = 0;
    unsigned wanted = spread_sends_needed(g);
    bool room = true;
    for (int priority = 0; priority < SPREAD_PRIORITIES && room; priority++)
        for (unsigned sends = 0; sends < SPREAD_SENDS_MAX && room; sends++)
            room = spread_fill_from(g, w, g->spread.heads[priority][sends], sent, &count);
    for (size_t i = 0; i < count; i++)
        spread_count_sent(g, sent[i], wanted);
}

void spread_send(struct gossip *g, const struct gossip_route *to, const uint32_t *slots,
                 unsigned count)
{
    struct wire_writer w = outbox_begin(g, WIRE_UPDATES, to->via);
    for (unsigned i = 0; i < count; i++)
        if (core_member(g, slots[i])->profile && !spread_put(g, &w, slots[i]))
            break;
    outbox_send(g, to, &w);
}

/* Any other live member, but for those drawn already, if there are more. */
static uint32_t spread_draw(struct gossip *g, const uint32_t *drawn, int count)
{
    uint32_t slot = MEMBER_NONE;
    bool again = true;
    for (int tries = 0; again && tries < DRAWS_MAX; tries++) {
        slot = member_random_live(&g->members, &g->rng, g->self);
        again = false;
        for (int i = 0; i < count; i++)
            again |= drawn[i] == slot;
    }
    return again ? MEMBER_NONE : slot;
}

/* The fanout's members are drawn anew each round. */
static void spread_send_round(struct gossip *g, int fanout)
{
    uint32_t drawn[SPREAD_IMMEDIATE_FANOUT];
    for (int i = 0; i < fanout && g->spread.waiting; i++) {
        uint32_t slot = drawn[i] = spread_draw(g, drawn, i);
        if (slot == MEMBER_NONE)
            return;
        struct wire_writer w = outbox_begin(g, WIRE_UPDATES, GOSSIP_DATAGRAM);
        spread_fill(g, &w);
        struct gossip_route to = outbox_to(core_member(g, slot));
        outbox_send(g, &to, &w);
    }
}

void spread_challenge(struct gossip *g, uint32_t slot, enum gossip_via via)
{
    /* A claim of failure, whatever we hold ourselves: weaker claims need no answer. */
    struct member claimed = *core_member(g, slot);
    claimed.status = GOSSIP_FAILED;
    claimed.unreachable = false;
    struct wire_writer w = outbox_begin(g, WIRE_PING, via);
    wire_put(&w, ++g->probe.seq, 4);
    wire_put(&w, claimed.key, 8);
    wire_put(&w, 0, 1);
    wire_put_short(&w, &claimed, 0);
    struct gossip_route to = outbox_to(&claimed);
    to.via = via;
    outbox_send(g, &to, &w);
    g->stats.pings_sent++;
}

static int64_t spread_immediate_us(const struct spread *s)
{
    return s->last_immediate_us + SPREAD_IMMEDIATE_GAP_US;
}

void spread_tick(struct gossip *g)
{
    struct spread *s = &g->spread;
    if (s->waiting && s->immediate && g->now_us >= spread_immediate_us(s)) {
        s->immediate = false;
        s->last_immediate_us = g->now_us;
        s->next_us = g->now_us + core_ms(g->timing.gossip_period_ms);
        spread_send_round(g, SPREAD_IMMEDIATE_FANOUT);
    } else if (s->waiting && g->now_us >= s->next_us) {
        s->next_us = g->now_us + core_ms(g->timing.gossip_period_ms);
        spread_send_round(g, SPREAD_FANOUT);
    }
}

int64_t spread_deadline(const struct gossip *g)
{
    const struct spread *s = &g->spread;
    if (s->waiting == 0 || member_live_count(&g->members) < 2) /* no member to send it to */
        return INT64_MAX;
    return s->immediate ? core_min(spread_immediate_us(s), s->next_us) : s->next_us;
}
