#include "gossip/sim/meter.h"

#include "agent/base/array.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* noticed_us: no time. */
enum { NOT_YET = -1, NOT_ASKED = -2 };

/* A crash that goes on, and the time at which each node published it. */
struct watched_crash {
    struct report_crash crash;
    int64_t *noticed_us;
    bool leaving; /* when it crashed, so that LEFT is as true as FAILED */
    bool over;
};

struct meter {
    struct net *net;
    uint32_t nodes;
    int64_t begun_us;
    struct node_set troubled;
    int64_t *started_us; /* by node: when it last started anew; 0: it did not */
    uint32_t *crash_of;  /* by node: its crash that goes on, by index; NET_NOBODY: none */
    struct watched_crash *crashes;
    size_t crashes_count, crashes_capacity;
    uint8_t **shown; /* by troubled node: how often it was shown failed or unreachable to each */
    struct net_traffic *sent, *received; /* by node, at the beginning */
    struct report numbers;
};

static void *meter_zeroed(size_t count, size_t bytes)
{
    void *p = calloc(count ? count : 1, bytes);
    assert(p);
    return p;
}

struct meter *meter_new(struct net *net)
{
    struct meter *m = meter_zeroed(1, sizeof *m);
    m->net = net;
    m->nodes = net_nodes(net);
    m->troubled = node_set_new(m->nodes);
    m->started_us = meter_zeroed(m->nodes, sizeof *m->started_us);
    m->crash_of = meter_zeroed(m->nodes, sizeof *m->crash_of);
    m->shown = meter_zeroed(m->nodes, sizeof *m->shown);
    m->sent = meter_zeroed(m->nodes, sizeof *m->sent);
    m->received = meter_zeroed(m->nodes, sizeof *m->received);
    for (uint32_t i = 0; i < m->nodes; i++)
        m->crash_of[i] = NET_NOBODY;
    return m;
}

void meter_begin(struct meter *m)
{
    m->begun_us = net_now_us(m->net);
    for (uint32_t i = 0; i < m->nodes; i++) {
        m->sent[i] = net_sent(m->net, i);
        m->received[i] = net_received(m->net, i);
    }
}

void meter_free(struct meter *m)
{
    for (uint32_t i = 0; i < m->nodes; i++)
        free(m->shown[i]);
    for (size_t i = 0; i < m->crashes_count; i++)
        free(m->crashes[i].noticed_us);
    node_set_free(&m->troubled);
    free(m->started_us);
    free(m->crash_of);
    free(m->crashes);
    free(m->shown);
    free(m->sent);
    free(m->received);
    free(m);
}

void meter_trouble(struct meter *m, uint32_t node)
{
    node_set_add(&m->troubled, node);
    if (!m->shown[node])
        m->shown[node] = meter_zeroed(m->nodes, 1);
}

void meter_crashes(struct meter *m, uint32_t node)
{
    meter_trouble(m, node);
    ARRAY_MUST_RESERVE(m->crashes, m->crashes_capacity, m->crashes_count + 1);
    struct watched_crash *w = &m->crashes[m->crashes_count];
    m->crash_of[node] = (uint32_t)m->crashes_count++;
    *w = (struct watched_crash){.crash = {.node = node, .at_us = net_now_us(m->net)}};
    w->leaving = net_status(m->net, node, node) != GOSSIP_ALIVE;
    w->noticed_us = meter_zeroed(m->nodes, sizeof *w->noticed_us);
    for (uint32_t i = 0; i < m->nodes; i++)
        w->noticed_us[i] = i != node && net_core(m->net, i) && net_counts_on(m->net, i, node)
                               ? NOT_YET
                               : NOT_ASKED;
}

/* Of nodes that ran all the time, and had something to learn: the events that they published.
 */
static void meter_end_crash(struct meter *m, struct watched_crash *w)
{
    struct report_crash *c = &w->crash;
    if (w->over)
        return;
    w->over = true;
    for (uint32_t i = 0; i < m->nodes; i++) {
        if (!net_core(m->net, i) || w->noticed_us[i] == NOT_ASKED || m->started_us[i] > c->at_us)
            continue;
        c->survivors++;
        if (w->noticed_us[i] >= 0)
            w->noticed_us[c->noticed++] = w->noticed_us[i] - c->at_us;
    }
    qsort(w->noticed_us, c->noticed, sizeof *w->noticed_us, report_compare_us);
    const int64_t *t = w->noticed_us;
    uint32_t n = c->noticed;
    c->first_us = n ? t[0] : -1;
    c->median_us = n ? t[(n - 1) / 2] : -1;
    c->p99_us = n ? t[(99 * (n - 1) + 99) / 100] : -1;
    c->last_us = n ? t[n - 1] : -1;
    m->numbers.missed += c->survivors - c->noticed;
    m->numbers.last_ms = fmax(m->numbers.last_ms, (double)c->last_us / 1000);
}

void meter_started(struct meter *m, uint32_t node)
{
    m->started_us[node] = net_now_us(m->net);
    if (m->crash_of[node] == NET_NOBODY)
        return;
    meter_end_crash(m, &m->crashes[m->crash_of[node]]);
    m->crash_of[node] = NET_NOBODY;
}

void meter_agreed(struct meter *m, int64_t took_us)
{
    m->numbers.agreed_ms = fmax(m->numbers.agreed_ms, (double)took_us / 1000);
}

static void meter_troubled_event(struct meter *m, const struct net_event *t)
{
    /* One that is cut off itself may well see others come and go. */
    if (node_set_has(&m->troubled, t->observer))
        return;
    uint8_t *shown = &m->shown[t->subject][t->observer];
    if (*shown < UINT8_MAX)
        ++*shown;
    m->numbers.shown_most = fmax(m->numbers.shown_most, *shown);
    if (t->kind == GOSSIP_EVENT_FAILED)
        m->numbers.troubled_failures++;
    else
        m->numbers.troubled_unreachable++;
}

static void meter_faultless_event(struct meter *m, const struct net_event *t)
{
    if (t->kind == GOSSIP_EVENT_UNREACHABLE)
        m->numbers.false_unreachable++;
    else if (node_set_has(&m->troubled, t->observer))
        m->numbers.false_failures_by_troubled++;
    else
        m->numbers.false_failures++;
}

/* An event about a node that does not run. */
static void meter_dead_event(struct meter *m, const struct net_event *t)
{
    if (m->crash_of[t->subject] == NET_NOBODY)
        return;
    struct watched_crash *w = &m->crashes[m->crash_of[t->subject]];
    bool knows = t->kind == GOSSIP_EVENT_FAILED || (w->leaving && t->kind == GOSSIP_EVENT_LEAVE);
    if (knows && w->noticed_us[t->observer] == NOT_YET)
        w->noticed_us[t->observer] = t->at_us;
}

void meter_event(struct meter *m, const struct net_event *t)
{
    if (t->subject == NET_NOBODY)
        return;
    bool troubled = node_set_has(&m->troubled, t->subject);
    if (t->kind == GOSSIP_EVENT_SUSPECT && !troubled)
        m->numbers.false_suspicions++;
    if (!net_core(m->net, t->subject))
        meter_dead_event(m, t);
    else if (t->kind == GOSSIP_EVENT_FAILED || t->kind == GOSSIP_EVENT_UNREACHABLE)
        (troubled ? meter_troubled_event : meter_faultless_event)(m, t);
}

/* Is it held for failed or unreachable by anybody? */
static bool meter_is_noticed(const struct meter *m, uint32_t subject)
{
    for (uint32_t i = 0; i < m->nodes; i++)
        if (i != subject && net_core(m->net, i) && net_doubts(m->net, i, subject))
            return true;
    return false;
}

static double meter_per_s(uint64_t from, uint64_t to, double seconds)
{
    return (double)(to - from) / seconds;
}

static void meter_traffic(const struct meter *m, struct report *r)
{
    double seconds = (double)(net_now_us(m->net) - m->begun_us) / 1e6;
    uint32_t running = 0;
    for (uint32_t i = 0; i < m->nodes; i++) {
        struct net_traffic sent = net_sent(m->net, i), got = net_received(m->net, i);
        double packets = meter_per_s(m->sent[i].packets, sent.packets, seconds);
        double bytes = meter_per_s(m->sent[i].bytes, sent.bytes, seconds);
        double packets_got = meter_per_s(m->received[i].packets, got.packets, seconds);
        double bytes_got = meter_per_s(m->received[i].bytes, got.bytes, seconds);
        running += net_core(m->net, i) != NULL;
        r->packets_per_s += packets;
        r->bytes_per_s += bytes;
        r->packets_per_s_most = fmax(r->packets_per_s_most, fmax(packets, packets_got));
        r->sealed_bytes_per_s_most =
            fmax(r->sealed_bytes_per_s_most, fmax(bytes + REPORT_SEALING_BYTES * packets,
                                                  bytes_got + REPORT_SEALING_BYTES * packets_got));
    }
    r->packets_per_s /= running ? running : 1;
    r->bytes_per_s /= running ? running : 1;
    r->sealed_bytes_per_s = r->bytes_per_s + REPORT_SEALING_BYTES * r->packets_per_s;
}

static void meter_add_calibration(const struct meter *m, uint32_t node, struct report *r)
{
    uint32_t counts[GOSSIP_CALIBRATION_BUCKETS];
    if (!net_core(m->net, node))
        return;
    gossip_get_calibration(net_core(m->net, node), counts);
    for (size_t i = 0; i < GOSSIP_CALIBRATION_BUCKETS; i++)
        r->calibration[i] += counts[i];
}

void meter_report(struct meter *m, struct report *report)
{
    struct report *r = &m->numbers;
    for (size_t i = 0; i < m->crashes_count; i++)
        meter_end_crash(m, &m->crashes[i]);
    for (uint32_t i = 0; i < m->nodes; i++)
        r->troubled_unnoticed +=
            net_core(m->net, i) && node_set_has(&m->troubled, i) && !meter_is_noticed(m, i);
    meter_traffic(m, r);
    for (uint32_t i = 0; i < m->nodes; i++) {
        r->unreachable_at_end += net_core(m->net, i) ? net_unreachable(m->net, i) : 0;
        meter_add_calibration(m, i, r);
    }
    r->seed = report->seed;
    r->formed_us = report->formed_us;
    r->steps = report->steps;
    r->checks = report->checks;
    memcpy(r->broken, report->broken, sizeof r->broken);
    r->crashes_count = m->crashes_count;
    r->crashes = meter_zeroed(m->crashes_count, sizeof *r->crashes);
    for (size_t i = 0; i < m->crashes_count; i++)
        r->crashes[i] = m->crashes[i].crash;
    *report = *r;
}
