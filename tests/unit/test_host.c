/* The host between a core, transports, modules and subscribers that the test is: all that they were
 * called for is written down, one line each. */
#include "agent/host.h"

#include "tests/unit/fake_gossip.h"
#include "tests/unit/fake_log.h"
#include "tests/unit/unit.h"

#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { QUEUE_MAX = 8 };

/* The fake core: what it has to say, and when it wants to be called. */
static struct {
    struct gossip_packet packets[QUEUE_MAX];
    struct gossip_event events[QUEUE_MAX];
    struct leases_state leases[QUEUE_MAX];
    size_t packets_count, events_count, leases_count;
    int64_t deadline_us;
    unsigned ticks;
} core;

static struct gossip *const gossip = (struct gossip *)&core;
static struct host *h;
static struct gossip_member b;
static char history[4096];

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
    size_t used = strlen(history);
    va_list args;
    va_start(args, format);
    int len = vsnprintf(history + used, sizeof history - used, format, args);
    va_end(args);
    ck_assert(len >= 0 && (size_t)len < sizeof history - used);
}

static void expect(const char *expected)
{
    ck_assert_str_eq(history, expected);
    history[0] = '\0';
}

/* ---- the fake core ---- */

bool gossip_next_packet(struct gossip *g, struct gossip_packet *packet)
{
    (void)g;
    if (core.packets_count == 0)
        return false;
    *packet = core.packets[0];
    memmove(core.packets, core.packets + 1, --core.packets_count * sizeof *packet);
    return true;
}

bool gossip_next_event(struct gossip *g, struct gossip_event *event)
{
    (void)g;
    if (core.events_count == 0)
        return false;
    *event = core.events[0];
    memmove(core.events, core.events + 1, --core.events_count * sizeof *event);
    return true;
}

bool leases_next_change(struct gossip *g, int64_t now_us, struct leases_state *lease)
{
    (void)g, (void)now_us;
    if (core.leases_count == 0)
        return false;
    *lease = core.leases[0];
    memmove(core.leases, core.leases + 1, --core.leases_count * sizeof *lease);
    return true;
}

int64_t gossip_deadline(const struct gossip *g)
{
    (void)g;
    return core.deadline_us;
}

void gossip_tick(struct gossip *g, int64_t now_us)
{
    (void)g, (void)now_us;
    core.ticks++;
    core.deadline_us = INT64_MAX;
    note("tick\n");
}

static void add_packet(enum gossip_via via)
{
    core.packets[core.packets_count++] = (struct gossip_packet){.route.via = via};
}

static void add_event(enum gossip_event_kind kind)
{
    core.events[core.events_count++] = (struct gossip_event){.kind = kind, .member = b};
}

static void add_lease(const char *name)
{
    snprintf(core.leases[core.leases_count++].name, sizeof core.leases[0].name, "%s", name);
}

/* ---- modules ---- */

/* What a module is called in the history. */
static char n_vips[] = "vips", n_agent[] = "agent", n_quorum[] = "quorum", n_reload[] = "reload",
            n_tcp[] = "tcp", n_udp[] = "udp", n_dial[] = "dial", n_log[] = "log",
            n_locks[] = "locks", n_events[] = "events", n_scripts[] = "scripts",
            n_control[] = "control";

static void on_settle(void *arg)
{
    note("settle %s\n", (const char *)arg);
}

static void on_change(void *arg, const struct journal_entry *entry)
{
    if (entry)
        note("%s: %d %s\n", (const char *)arg, (int)entry->seq, event_kind_text(entry->kind));
    else
        note("%s: lost\n", (const char *)arg);
}

static void on_event(void *arg, const struct gossip_event *event)
{
    note("%s: event %d\n", (const char *)arg, (int)event->kind);
}

static void on_lease(void *arg, const struct leases_state *lease)
{
    note("%s: lease %s\n", (const char *)arg, lease->name);
}

static void send_packet(void *arg, const struct gossip_packet *packet)
{
    (void)packet;
    note("%s: send\n", (const char *)arg);
}

static void drain(void *arg)
{
    note("%s: drain\n", (const char *)arg);
}

static void flush(void *arg)
{
    note("%s: flush\n", (const char *)arg);
}

static void turn(void)
{
    event_base_loop(host_base(h), EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void settle(void)
{
    host_dirty(h);
    turn();
}

static void setup(void)
{
    memset(&core, 0, sizeof core);
    core.deadline_us = INT64_MAX;
    history[0] = '\0';
    fake_log_reset();
    b = FAKE_MEMBER_UNTAGGED("b", GOSSIP_ALIVE);
    h = host_new();
    ck_assert_ptr_nonnull(h);
    host_set_core(h, gossip);
}

static void teardown(void)
{
    host_free(h);
    gossip_profile_release(b.profile);
    fake_log_reset();
}

/* ---- settling ---- */

START_TEST(a_turn_is_settled_once_however_often_it_is_dirtied)
{
    host_on_settle(h, HOST_VIPS, on_settle, n_vips);
    for (int i = 0; i < 5; i++)
        host_dirty(h);
    ck_assert_ptr_eq(host_core(h), gossip);
    expect(""); /* not before the turn's end */
    turn();
    expect("settle vips\n");
    turn();
    expect("");
}
END_TEST

START_TEST(looking_at_the_core_settles_nothing)
{
    host_on_settle(h, HOST_VIPS, on_settle, n_vips);
    ck_assert_ptr_eq(host_view(h), gossip);
    turn();
    expect("");
}
END_TEST

static void dirty_twice(int fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    note("callback\n");
    host_dirty(h);
    host_core(h);
}

START_TEST(the_settle_comes_behind_all_that_the_turn_has_to_do)
{
    struct event *events[3];
    host_on_settle(h, HOST_VIPS, on_settle, n_vips);
    for (size_t i = 0; i < 3; i++) {
        events[i] = event_new(host_base(h), -1, 0, dirty_twice, NULL);
        event_active(events[i], EV_TIMEOUT, 1);
    }
    turn();
    expect("callback\ncallback\ncallback\nsettle vips\n");
    for (size_t i = 0; i < 3; i++)
        event_free(events[i]);
}
END_TEST

START_TEST(modules_settle_in_their_own_order)
{
    host_on_settle(h, HOST_LEAVE, on_settle, n_agent);
    host_on_settle(h, HOST_QUORUM, on_settle, n_quorum);
    host_on_settle(h, HOST_RELOAD, on_settle, n_reload);
    settle();
    expect("settle quorum\nsettle reload\nsettle agent\n");
    host_on_settle(h, HOST_RELOAD, NULL, NULL);
    settle();
    expect("settle quorum\nsettle agent\n");
}
END_TEST

static void dirty_once(void *arg)
{
    note("settle once\n");
    if (*(int *)arg > 0)
        host_core(h);
    --*(int *)arg;
}

START_TEST(what_is_dirtied_while_settling_is_settled_too)
{
    int times = 2;
    host_on_settle(h, HOST_VIPS, dirty_once, &times);
    settle();
    expect("settle once\nsettle once\nsettle once\n");
    turn();
    expect("");
}
END_TEST

static unsigned settles;
static void dirty_always(void *arg)
{
    (void)arg;
    settles++;
    host_dirty(h);
}

START_TEST(a_module_that_never_settles_does_not_stop_the_loop)
{
    settles = 0;
    host_on_settle(h, HOST_VIPS, dirty_always, NULL);
    settle(); /* returns */
    unsigned before = settles;
    ck_assert_uint_gt(before, 1);
    turn();
    ck_assert_uint_gt(settles, before); /* and goes on in the next one */
}
END_TEST

START_TEST(nothing_is_settled_without_a_core)
{
    host_on_settle(h, HOST_VIPS, on_settle, n_vips);
    host_set_core(h, NULL);
    settle();
    expect("");
}
END_TEST

/* ---- the core's ends ---- */

static void use_transports(void)
{
    host_set_transport(h, GOSSIP_STREAM,
                       &(struct host_transport){.send = send_packet, .arg = n_tcp});
    host_set_transport(h, GOSSIP_DATAGRAM,
                       &(struct host_transport){
                           .drain = drain, .send = send_packet, .flush = flush, .arg = n_udp});
}

START_TEST(packets_go_by_their_transport_and_leave_with_the_settle)
{
    use_transports();
    add_packet(GOSSIP_DATAGRAM);
    add_packet(GOSSIP_STREAM);
    add_packet(GOSSIP_DATAGRAM);
    settle();
    expect("udp: send\ntcp: send\nudp: send\nudp: flush\n");
    host_set_transport(h, GOSSIP_STREAM, NULL);
    add_packet(GOSSIP_STREAM); /* is lost, as on the way */
    settle();
    expect("udp: flush\n");
}
END_TEST

START_TEST(events_go_to_the_module_that_asked_for_their_kind)
{
    host_on_event(h, GOSSIP_EVENT_JOINED, on_event, n_dial);
    host_on_event(h, GOSSIP_EVENT_GONE, on_event, n_agent);
    add_event(GOSSIP_EVENT_GONE);
    add_event(GOSSIP_EVENT_DATAGRAMS_LOST); /* nobody's */
    add_event(GOSSIP_EVENT_JOINED);
    settle();
    char expected[64];
    snprintf(expected, sizeof expected, "agent: event %d\ndial: event %d\n", GOSSIP_EVENT_GONE,
             GOSSIP_EVENT_JOINED);
    expect(expected);
}
END_TEST

START_TEST(changes_of_members_are_published)
{
    host_subscribe(h, HOST_LOG, on_change, n_log);
    add_event(GOSSIP_EVENT_JOIN);
    add_event(GOSSIP_EVENT_UNREACHABLE);
    add_event(GOSSIP_EVENT_REAP);
    settle();
    expect("log: 1 member-join\nlog: 2 member-unreachable\nlog: 3 member-reap\n");
}
END_TEST

START_TEST(leases_go_to_the_module_of_their_prefix)
{
    host_on_lease(h, "vip/", on_lease, n_vips);
    host_on_lease(h, "lock/", on_lease, n_locks);
    add_lease("lock/a");
    add_lease("vip/b");
    add_lease("other/c");
    settle();
    expect("locks: lease lock/a\nvips: lease vip/b\n");
    host_on_lease(h, "lock/", NULL, NULL);
    add_lease("lock/a");
    settle();
    expect("");
}
END_TEST

static void answer_event(void *arg, const struct gossip_event *event)
{
    (void)arg, (void)event;
    host_core(h);
    add_packet(GOSSIP_DATAGRAM);
}

START_TEST(packets_of_what_an_event_led_to_go_out_before_modules_settle)
{
    use_transports();
    host_on_event(h, GOSSIP_EVENT_JOINED, answer_event, NULL);
    host_on_settle(h, HOST_LEAVE, on_settle, n_agent);
    add_event(GOSSIP_EVENT_JOINED);
    settle();
    expect("udp: flush\nudp: send\nudp: flush\nsettle agent\n");
}
END_TEST

/* ---- the deadline ---- */

/* The core wants to be called then, and is, once; a backstop of turns that no machine needs. */
static void expect_tick_at(int64_t deadline_us)
{
    unsigned before = core.ticks;
    core.deadline_us = deadline_us;
    host_dirty(h);
    for (int i = 0; i < 100000 && core.ticks == before; i++)
        event_base_loop(host_base(h), EVLOOP_ONCE);
    turn();
    ck_assert_uint_eq(core.ticks, before + 1);
}

START_TEST(the_core_is_called_at_its_deadline_with_its_sockets_drained)
{
    use_transports();
    expect_tick_at(host_now_us() + 1000);
    expect("udp: flush\nudp: drain\ntick\nudp: flush\n");
}
END_TEST

START_TEST(a_deadline_that_has_passed_is_not_missed)
{
    expect_tick_at(1);
    expect_tick_at(0); /* would disarm the timer */
    expect_tick_at(-5);
}
END_TEST

START_TEST(a_deadline_that_moves_is_armed_anew)
{
    core.deadline_us = host_now_us() + INT64_C(3600000000);
    settle();
    expect_tick_at(host_now_us() + 1000);
}
END_TEST

START_TEST(the_same_deadline_is_armed_again_after_it_was_met)
{
    expect_tick_at(7);
    expect_tick_at(7);
}
END_TEST

/* ---- publishing ---- */

START_TEST(subscribers_are_told_in_one_order_however_they_subscribed)
{
    static const enum host_module modules[] = {HOST_LEAVE,   HOST_SCRIPTS, HOST_VIPS, HOST_EVENTS,
                                               HOST_CONTROL, HOST_QUORUM,  HOST_LOG};
    static char *const names[] = {n_agent, n_scripts, n_vips, n_events, n_control, n_quorum, n_log};
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++)
        host_subscribe(h, modules[i], on_change, names[i]);
    host_publish(h, EVENT_MEMBER_JOIN, &b, NULL);
    expect("log: 1 member-join\nevents: 1 member-join\ncontrol: 1 member-join\n"
           "scripts: 1 member-join\nquorum: 1 member-join\nvips: 1 member-join\n"
           "agent: 1 member-join\n");
}
END_TEST

static void publish_again(void *arg, const struct journal_entry *entry)
{
    on_change(arg, entry);
    if (entry->seq == 1)
        host_publish(h, EVENT_QUORUM_LOST, &b, NULL);
    host_dirty(h);
}

START_TEST(what_a_subscriber_publishes_comes_behind_for_everyone)
{
    host_subscribe(h, HOST_EVENTS, publish_again, n_events);
    host_subscribe(h, HOST_SCRIPTS, on_change, n_scripts);
    host_publish(h, EVENT_MEMBER_JOIN, &b, NULL);
    expect("events: 1 member-join\nscripts: 1 member-join\n"
           "events: 2 quorum-lost\nscripts: 2 quorum-lost\n");
    ck_assert_uint_eq(journal_newest(host_journal(h)), 2);
}
END_TEST

START_TEST(a_subscriber_that_publishes_while_settling_settles_once_more)
{
    use_transports();
    host_subscribe(h, HOST_EVENTS, publish_again, n_events);
    host_on_settle(h, HOST_LEAVE, on_settle, n_agent);
    add_event(GOSSIP_EVENT_JOIN);
    settle();
    expect("udp: flush\nevents: 1 member-join\nevents: 2 quorum-lost\nudp: flush\n"
           "settle agent\n");
}
END_TEST

START_TEST(a_module_that_has_gone_is_told_nothing)
{
    host_subscribe(h, HOST_VIPS, on_change, n_vips);
    host_subscribe(h, HOST_VIPS, NULL, NULL);
    host_publish(h, EVENT_MEMBER_JOIN, &b, NULL);
    expect("");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("host");
    TCase *t = tcase_create("settling");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_turn_is_settled_once_however_often_it_is_dirtied);
    tcase_add_test(t, looking_at_the_core_settles_nothing);
    tcase_add_test(t, the_settle_comes_behind_all_that_the_turn_has_to_do);
    tcase_add_test(t, modules_settle_in_their_own_order);
    tcase_add_test(t, what_is_dirtied_while_settling_is_settled_too);
    tcase_add_test(t, a_module_that_never_settles_does_not_stop_the_loop);
    tcase_add_test(t, nothing_is_settled_without_a_core);
    suite_add_tcase(s, t);
    t = tcase_create("the core");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, packets_go_by_their_transport_and_leave_with_the_settle);
    tcase_add_test(t, events_go_to_the_module_that_asked_for_their_kind);
    tcase_add_test(t, changes_of_members_are_published);
    tcase_add_test(t, leases_go_to_the_module_of_their_prefix);
    tcase_add_test(t, packets_of_what_an_event_led_to_go_out_before_modules_settle);
    tcase_add_test(t, the_core_is_called_at_its_deadline_with_its_sockets_drained);
    tcase_add_test(t, a_deadline_that_has_passed_is_not_missed);
    tcase_add_test(t, a_deadline_that_moves_is_armed_anew);
    tcase_add_test(t, the_same_deadline_is_armed_again_after_it_was_met);
    suite_add_tcase(s, t);
    t = tcase_create("publishing");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, subscribers_are_told_in_one_order_however_they_subscribed);
    tcase_add_test(t, what_a_subscriber_publishes_comes_behind_for_everyone);
    tcase_add_test(t, a_subscriber_that_publishes_while_settling_settles_once_more);
    tcase_add_test(t, a_module_that_has_gone_is_told_nothing);
    suite_add_tcase(s, t);
    return unit_run(s);
}
