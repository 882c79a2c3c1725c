/* Each invariant has been seen to fail: a core is put out of order, and what is wrong is named. */
#include "gossip/core.h"
#include "gossip/sim/invariant.h"
#include "gossip/sim/net.h"

#include "tests/unit/unit.h"

#include <string.h>

enum { NODES = 8, OTHER = 1 }; /* a slot that is not our own */

static struct net *net;
static struct gossip *g; /* n0's */
static struct net_burst burst;

static void setup(void)
{
    net = net_new(&(struct net_config){
        .nodes = NODES, .detect_ms = GOSSIP_DETECT_MS_DEFAULT, .delay_us = 100, .jitter_us = 300});
    net_form(net);
    net_reseed(net, 1);
    net_run_ms(net, 1000);
    g = net_core(net, 0);
    burst = *net_burst(net);
    ck_assert_uint_ne(g->self, OTHER);
}

static void teardown(void)
{
    net_free(net);
}

static struct member *other(void)
{
    return &g->members.slots[OTHER];
}

static void set_status(enum gossip_status status)
{
    g->members.by_status[other()->status]--;
    g->members.by_status[status]++;
    other()->status = (uint8_t)status;
}

/* ---- of one core ---- */

static void break_view(void)
{
    g->view ^= 1;
}

static void break_status_counts(void)
{
    other()->status = GOSSIP_SUSPECT;
}

static void break_count(void)
{
    g->members.count++;
}

static void break_key_index(void)
{
    other()->key ^= 1;
}

static void break_name_index(void)
{
    other()->name_hash ^= 1;
}

static void break_hidden(void)
{
    other()->pruned = true;
}

static void break_self_status(void)
{
    g->members.slots[g->self].status = GOSSIP_SUSPECT;
}

static void break_suspect(void)
{
    set_status(GOSSIP_SUSPECT);
}

static void break_suspicions_count(void)
{
    g->suspicions.count++;
}

static void break_updates_waiting(void)
{
    g->spread.waiting++;
}

static void break_edge_to_self(void)
{
    g->edges.all[0].slot = g->self;
}

static void break_edge_twice(void)
{
    g->edges.all[1].slot = g->edges.all[0].slot;
}

static void break_rings(void)
{
    g->probe.rings_changed = false;
    g->probe.subjects[0] = g->self;
}

static void break_table_capacity(void)
{
    g->members.capacity *= 2;
}

static void break_suspicions_capacity(void)
{
    g->suspicions.capacity = 2 * g->members.capacity;
}

static void break_outbox(void)
{
    g->outbox.bytes_capacity = 1 << 20;
}

static void break_outbox_events(void)
{
    g->outbox.events_capacity = 1 << 10;
}

static const struct {
    void (*break_it)(void);
    const char *says;
} broken_cores[] = {
    {break_view, "view == g->view"},
    {break_status_counts, "by_status"},
    {break_count, "count == t->count"},
    {break_key_index, "member_by_key(t, m->key) == slot"},
    {break_name_index, "member_by_name(t, m->profile->name) == slot"},
    {break_hidden, "!m->pruned"},
    {break_self_status, "self->status == GOSSIP_ALIVE"},
    {break_suspect, "m->suspicion != MEMBER_NONE"},
    {break_suspicions_count, "with == g->suspicions.count"},
    {break_updates_waiting, "waiting == g->spread.waiting"},
    {break_edge_to_self, "slot != g->self"},
    {break_edge_twice, "g->edges.all[before].slot != slot"},
    {break_rings, "p->subjects"},
    {break_table_capacity, "t->keys.mask"},
    {break_suspicions_capacity, "g->suspicions.capacity <= t->capacity"},
    {break_outbox, "g->outbox.bytes_capacity <= OUTBOX_BYTES_KEPT"},
    {break_outbox_events, "g->outbox.events_capacity <= OUTBOX_EVENTS_KEPT"},
};

START_TEST(core_out_of_order_is_found)
{
    static struct gossip was;
    struct member slot = *other();
    struct member self = g->members.slots[g->self];
    memcpy(&was, g, sizeof was);
    ck_assert_ptr_null(invariant_core(g));
    broken_cores[_i].break_it();
    const char *broken = invariant_core(g);
    /* As it was, so that it can be freed. */
    memcpy(g, &was, sizeof was);
    *other() = slot;
    g->members.slots[g->self] = self;
    ck_assert_ptr_nonnull(broken);
    ck_assert_msg(strstr(broken, broken_cores[_i].says) != NULL, "%s, and not %s", broken,
                  broken_cores[_i].says);
}
END_TEST

/* ---- after each step ---- */

static void break_datagram(void)
{
    burst.datagram_bytes_most = GOSSIP_DATAGRAM_BYTES_MAX + 1;
}

static void break_frame(void)
{
    burst.frame_bytes_most = GOSSIP_FRAME_BYTES_MAX + 1;
}

static void break_packets(void)
{
    burst.packets = INVARIANT_PACKETS_MAX(NODES) + 1;
}

static void break_events(void)
{
    burst.events = INVARIANT_EVENTS_MAX(NODES) + 1;
}

static void break_draining(void)
{
    g->outbox.bytes_used++;
}

static void break_events_draining(void)
{
    g->outbox.events_used++;
}

static void break_members(void)
{
    g->members.count = GOSSIP_MEMBERS_MAX + 1;
}

static void break_suspicions(void)
{
    g->suspicions.count = NODES + 1;
}

static void break_news(void)
{
    g->spread.waiting = NODES + 1;
}

static void break_joins(void)
{
    g->joins.count = GOSSIP_JOINS_MAX + 1;
}

static const struct {
    void (*break_it)(void);
    const char *says;
} broken_limits[] = {
    {break_datagram, "datagram_bytes_most"},
    {break_frame, "frame_bytes_most"},
    {break_packets, "b->packets"},
    {break_events, "b->events"},
    {break_draining, "o->bytes_read == o->bytes_used"},
    {break_events_draining, "o->events_read == o->events_used"},
    {break_members, "g->members.count"},
    {break_suspicions, "g->suspicions.count"},
    {break_news, "g->spread.waiting"},
    {break_joins, "g->joins.count"},
};

START_TEST(more_than_the_limits_is_found)
{
    static struct gossip was;
    memcpy(&was, g, sizeof was);
    ck_assert_ptr_null(invariant_limits(g, &burst));
    broken_limits[_i].break_it();
    const char *broken = invariant_limits(g, &burst);
    memcpy(g, &was, sizeof was);
    ck_assert_ptr_nonnull(broken);
    ck_assert_msg(strstr(broken, broken_limits[_i].says) != NULL, "%s, and not %s", broken,
                  broken_limits[_i].says);
}
END_TEST

START_TEST(limits_themselves_may_be_reached)
{
    burst = (struct net_burst){.packets = INVARIANT_PACKETS_MAX(NODES),
                               .events = INVARIANT_EVENTS_MAX(NODES),
                               .datagram_bytes_most = GOSSIP_DATAGRAM_BYTES_MAX,
                               .frame_bytes_most = GOSSIP_FRAME_BYTES_MAX};
    ck_assert_ptr_null(invariant_limits(g, &burst));
}
END_TEST

START_TEST(packets_and_events_of_a_step_are_counted)
{
    net_crash(net, 3);
    uint32_t packets = 0, events = 0;
    size_t bytes = 0;
    int64_t until_us = net_now_us(net) + 5000000;
    while (net_step(net, until_us) != NET_NOBODY) {
        packets += net_burst(net)->packets;
        events += net_burst(net)->events;
        bytes = net_burst(net)->datagram_bytes_most > bytes ? net_burst(net)->datagram_bytes_most
                                                            : bytes;
    }
    size_t all;
    net_history(net, &all);
    ck_assert_uint_gt(packets, 100);
    ck_assert_uint_eq(events, all);
    ck_assert_uint_gt(bytes, WIRE_HEADER_BYTES);
}
END_TEST

/* ---- of what a core has held before ---- */

static const char *after(enum gossip_status before, enum gossip_status status, int incarnation)
{
    struct invariant_past *past = invariant_past_new(NODES);
    other()->incarnation = 5;
    set_status(before);
    ck_assert_ptr_null(invariant_past_check(past, 0, g, true));
    set_status(status);
    other()->incarnation = (uint32_t)incarnation;
    const char *broken = invariant_past_check(past, 0, g, true);
    invariant_past_free(past);
    return broken;
}

START_TEST(incarnation_that_falls_is_found)
{
    ck_assert_str_eq(after(GOSSIP_ALIVE, GOSSIP_ALIVE, 4), "an incarnation never falls");
    ck_assert_ptr_null(after(GOSSIP_ALIVE, GOSSIP_ALIVE, 5));
    ck_assert_ptr_null(after(GOSSIP_ALIVE, GOSSIP_ALIVE, 6));
}
END_TEST

START_TEST(dead_that_live_again_are_found)
{
    ck_assert_str_eq(after(GOSSIP_FAILED, GOSSIP_ALIVE, 5),
                     "no dead member lives again without a higher incarnation");
    ck_assert_str_eq(after(GOSSIP_LEFT, GOSSIP_SUSPECT, 5),
                     "no dead member lives again without a higher incarnation");
    ck_assert_ptr_null(after(GOSSIP_FAILED, GOSSIP_ALIVE, 6));
    ck_assert_ptr_null(after(GOSSIP_FAILED, GOSSIP_LEFT, 5));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("invariant");
    TCase *t = tcase_create("broken");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, core_out_of_order_is_found, 0,
                        sizeof broken_cores / sizeof *broken_cores);
    tcase_add_loop_test(t, more_than_the_limits_is_found, 0,
                        sizeof broken_limits / sizeof *broken_limits);
    tcase_add_test(t, limits_themselves_may_be_reached);
    tcase_add_test(t, packets_and_events_of_a_step_are_counted);
    tcase_add_test(t, incarnation_that_falls_is_found);
    tcase_add_test(t, dead_that_live_again_are_found);
    suite_add_tcase(s, t);
    return unit_run(s);
}
