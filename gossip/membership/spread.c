#include "gossip/membership/spread.h"

#include "gossip/core.h"

enum {
    RECORDS_MAX = GOSSIP_PACKET_BYTES_MAX / WIRE_SHORT_BYTES, /* more never fit a packet */
    DRAWS_MAX = 16, /* for a member not yet told in a round: so often in vain means none is left */
};

_Static_assert(SPREAD_EAGER_FANOUT >= SPREAD_FANOUT, "send_round remembers the larger");

void spread_init(struct spread *s)
{
    *s = (struct spread){0};
    for (int lane = 0; lane < SPREAD_LANES; lane++)
        for (int sends = 0; sends < SPREAD_SENDS_MAX; sends++)
            s->heads[lane][sends] = MEMBER_NONE;
}

static void list_push(struct gossip *g, uint32_t row)
{
    struct member *m = core_member(g, row);
    uint32_t *head = &g->spread.heads[m->news_lane][m->news_sends];
    m->news_prev = MEMBER_NONE;
    m->news_next = *head;
    if (*head != MEMBER_NONE)
        core_member(g, *head)->news_prev = row;
    *head = row;
}

static void list_drop(struct gossip *g, uint32_t row)
{
    struct member *m = core_member(g, row);
    if (m->news_prev != MEMBER_NONE)
        core_member(g, m->news_prev)->news_next = m->news_next;
    else
        g->spread.heads[m->news_lane][m->news_sends] = m->news_next;
    if (m->news_next != MEMBER_NONE)
        core_member(g, m->news_next)->news_prev = m->news_prev;
}

void spread_forget(struct gossip *g, uint32_t row)
{
    struct member *m = core_member(g, row);
    if (m->news_lane == SPREAD_IDLE)
        return;
    list_drop(g, row);
    m->news_lane = SPREAD_IDLE;
    g->spread.waiting--;
}

void spread_news(struct gossip *g, uint32_t row, enum spread_lane lane)
{
    struct spread *s = &g->spread;
    spread_forget(g, row);
    struct member *m = core_member(g, row);
    if (s->waiting == 0)
        s->next_us = g->now_us + core_ms(g->timing.gossip_period_ms);
    s->waiting++;
    s->eager |= lane == SPREAD_URGENT;
    m->news_lane = (uint8_t)lane;
    m->news_sends = 0;
    list_push(g, row);
}

static unsigned sends_wanted(const struct gossip *g)
{
    unsigned log2 = 1;
    while ((1u << log2) < member_live_count(&g->members) + 1)
        log2++;
    unsigned wanted = SPREAD_LAMBDA * log2;
    return wanted < SPREAD_SENDS_MAX ? wanted : SPREAD_SENDS_MAX;
}

static void count_sent(struct gossip *g, uint32_t row, unsigned wanted)
{
    struct member *m = core_member(g, row);
    if (m->news_sends + 1u >= wanted) {
        spread_forget(g, row);
        return;
    }
    list_drop(g, row);
    m->news_sends++;
    list_push(g, row);
}

bool spread_put(struct gossip *g, struct wire_writer *w, uint32_t row)
{
    const struct member *m = core_member(g, row);
    if (m->status == GOSSIP_SUSPECT || m->status == GOSSIP_FAILED)
        return wire_put_short(w, m, suspicion_accuser(g, row));
    return wire_put_full(w, m, g->now_us);
}

/* Writes one list's facts; the rows written are noted in `sent`. False: the packet is full. */
static bool fill_from(struct gossip *g, struct wire_writer *w, uint32_t head, uint32_t *sent,
                      size_t *count)
{
    for (uint32_t row = head; row != MEMBER_NONE; row = core_member(g, row)->news_next) {
        if (*count == RECORDS_MAX || !spread_put(g, w, row))
            return false;
        sent[(*count)++] = row;
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
    unsigned wanted = sends_wanted(g);
    bool room = true;
    for (int lane = 0; lane < SPREAD_LANES && room; lane++)
        for (unsigned sends = 0; sends < SPREAD_SENDS_MAX && room; sends++)
            room = fill_from(g, w, g->spread.heads[lane][sends], sent, &count);
    for (size_t i = 0; i < count; i++)
        count_sent(g, sent[i], wanted);
}

void spread_tell(struct gossip *g, const struct gossip_route *to, const uint32_t *rows,
                 unsigned count)
{
    struct wire_writer w = outbox_begin(g, WIRE_NEWS, to->via);
    for (unsigned i = 0; i < count; i++)
        if (core_member(g, rows[i])->profile && !spread_put(g, &w, rows[i]))
            break;
    outbox_send(g, to, &w);
}

/* Any other live member, but for those drawn already, if there are more. */
static uint32_t draw(struct gossip *g, const uint32_t *drawn, int count)
{
    uint32_t row = MEMBER_NONE;
    bool again = true;
    for (int tries = 0; again && tries < DRAWS_MAX; tries++) {
        row = member_random_live(&g->members, &g->rng, g->self);
        again = false;
        for (int i = 0; i < count; i++)
            again |= drawn[i] == row;
    }
    return again ? MEMBER_NONE : row;
}

/* The fanout's members are drawn anew each round. */
static void send_round(struct gossip *g, int fanout)
{
    uint32_t drawn[SPREAD_EAGER_FANOUT];
    for (int i = 0; i < fanout && g->spread.waiting; i++) {
        uint32_t row = drawn[i] = draw(g, drawn, i);
        if (row == MEMBER_NONE)
            return;
        struct wire_writer w = outbox_begin(g, WIRE_NEWS, GOSSIP_DATAGRAM);
        spread_fill(g, &w);
        struct gossip_route to = outbox_to(core_member(g, row));
        outbox_send(g, &to, &w);
    }
}

static int64_t eager_us(const struct spread *s)
{
    return s->last_eager_us + SPREAD_EAGER_GAP_US;
}

void spread_tick(struct gossip *g)
{
    struct spread *s = &g->spread;
    if (s->waiting && s->eager && g->now_us >= eager_us(s)) {
        s->eager = false;
        s->last_eager_us = g->now_us;
        s->next_us = g->now_us + core_ms(g->timing.gossip_period_ms);
        send_round(g, SPREAD_EAGER_FANOUT);
    } else if (s->waiting && g->now_us >= s->next_us) {
        s->next_us = g->now_us + core_ms(g->timing.gossip_period_ms);
        send_round(g, SPREAD_FANOUT);
    }
}

int64_t spread_deadline(const struct gossip *g)
{
    const struct spread *s = &g->spread;
    if (s->waiting == 0 || member_live_count(&g->members) < 2) /* nobody to tell it to */
        return INT64_MAX;
    return s->eager ? core_min(eager_us(s), s->next_us) : s->next_us;
}
