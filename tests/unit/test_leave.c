/* A leave between addresses, a core and scripts that the test is. */
#include "agent/leave.h"

#include "agent/scripts/handlers.h"
#include "agent/vip/vips.h"
#include "tests/unit/fake_log.h"
#include "tests/unit/unit.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

static struct {
    bool addresses_down, scripts_idle, gone_waits;
    unsigned stops, leaves, script_stops, ends;
    void (*idle)(void *arg);
    void *idle_arg;
} world;

static struct host *h;
static struct leave *l;

/* ---- the neighbours ---- */

void vips_stop(struct vips *v)
{
    (void)v;
    world.stops++;
}

bool vips_are_down(const struct vips *v)
{
    (void)v;
    return world.addresses_down;
}

void handlers_stop(struct handlers *hs)
{
    (void)hs;
    world.script_stops++;
}

bool handlers_are_idle(const struct handlers *hs)
{
    (void)hs;
    return world.scripts_idle;
}

void handlers_on_idle(struct handlers *hs, void (*idle)(void *arg), void *arg)
{
    (void)hs;
    world.idle = idle;
    world.idle_arg = arg;
}

void gossip_leave(struct gossip *g, int64_t now_us)
{
    (void)g, (void)now_us;
    world.leaves++;
}

bool gossip_next_event(struct gossip *g, struct gossip_event *event)
{
    (void)g;
    *event = (struct gossip_event){.kind = GOSSIP_EVENT_GONE};
    bool waits = world.gone_waits;
    world.gone_waits = false;
    return waits;
}

bool gossip_next_packet(struct gossip *g, struct gossip_packet *packet)
{
    (void)g, (void)packet;
    return false;
}

bool leases_next_change(struct gossip *g, int64_t now_us, struct leases_state *lease)
{
    (void)g, (void)now_us, (void)lease;
    return false;
}

int64_t gossip_deadline(const struct gossip *g)
{
    (void)g;
    return INT64_MAX;
}

void gossip_tick(struct gossip *g, int64_t now_us)
{
    (void)g, (void)now_us;
}

static void on_end(void *arg)
{
    (void)arg;
    world.ends++;
}

/* ---- the steps ---- */

static void settle(void)
{
    host_dirty(h);
    event_base_loop(host_base(h), EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void addresses_go_down(void)
{
    world.addresses_down = true;
    settle();
}

static void others_know(void)
{
    world.gone_waits = true;
    settle();
}

static void scripts_end(void)
{
    world.scripts_idle = true;
    world.idle(world.idle_arg);
    event_base_loop(host_base(h), EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void setup(void)
{
    memset(&world, 0, sizeof world);
    fake_log_reset();
    h = host_new();
    ck_assert_ptr_nonnull(h);
    host_set_core(h, (struct gossip *)&world);
    l = leave_new(h, NULL, NULL, on_end, NULL);
    ck_assert_ptr_nonnull(l);
}

static void teardown(void)
{
    leave_free(l);
    host_free(h);
    fake_log_reset();
}

START_TEST(nothing_ends_that_was_not_begun)
{
    world.scripts_idle = true;
    addresses_go_down();
    others_know();
    ck_assert_uint_eq(world.stops + world.leaves + world.ends, 0);
    ck_assert(!host_is_leaving(h));
}
END_TEST

START_TEST(the_others_are_told_once_the_addresses_are_down)
{
    leave_begin(l);
    ck_assert(host_is_leaving(h));
    ck_assert_uint_eq(world.stops, 1);
    settle();
    ck_assert_uint_eq(world.leaves, 0);
    addresses_go_down();
    ck_assert_uint_eq(world.leaves, 1);
    settle();
    ck_assert_uint_eq(world.leaves, 1);
    ck_assert_uint_eq(world.ends, 0);
}
END_TEST

START_TEST(it_ends_when_the_scripts_have_run_and_stops_none)
{
    leave_begin(l);
    addresses_go_down();
    others_know();
    settle();
    ck_assert_uint_eq(world.ends, 0);
    scripts_end();
    ck_assert_uint_eq(world.ends, 1);
    ck_assert_uint_eq(world.script_stops, 0);
    settle();
    ck_assert_uint_eq(world.ends, 1);
}
END_TEST

START_TEST(scripts_that_end_early_do_not_end_it_before_the_others_know)
{
    leave_begin(l);
    scripts_end();
    addresses_go_down();
    ck_assert_uint_eq(world.ends, 0);
    others_know();
    ck_assert_uint_eq(world.ends, 1);
}
END_TEST

START_TEST(a_second_beginning_changes_nothing)
{
    leave_begin(l);
    leave_begin(l);
    ck_assert_uint_eq(world.stops, 1);
}
END_TEST

START_TEST(one_that_hurries_ends_the_scripts_once_and_waits_for_their_end)
{
    leave_begin(l);
    addresses_go_down();
    others_know();
    leave_hurry(l);
    leave_hurry(l);
    settle();
    ck_assert_uint_eq(world.script_stops, 1);
    ck_assert_uint_eq(world.ends, 0);
    scripts_end();
    ck_assert_uint_eq(world.ends, 1);
}
END_TEST

START_TEST(one_that_is_hurried_beforehand_still_hands_over_and_tells)
{
    leave_hurry(l);
    leave_begin(l);
    scripts_end();
    addresses_go_down();
    ck_assert_uint_eq(world.leaves, 1);
    others_know();
    ck_assert_uint_eq(world.ends, 1);
}
END_TEST

/* The value behind a word of a file of the tree; -1: there is none. */
static int number_in(const char *path, const char *word)
{
    char name[1024], line[512];
    const char *srcdir = getenv("srcdir");
    snprintf(name, sizeof name, "%s/%s", srcdir ? srcdir : ".", path);
    FILE *f = fopen(name, "r");
    ck_assert_msg(f != NULL, "%s", name);
    int number = -1;
    while (number < 0 && fgets(line, sizeof line, f)) {
        const char *at = strstr(line, word);
        if (at)
            number = atoi(at + strlen(word));
    }
    fclose(f);
    return number;
}

START_TEST(systemd_and_the_manual_give_it_the_time_that_it_takes)
{
    ck_assert_int_gt(number_in("examples/muster.service", "TimeoutStopSec="), LEAVE_MAX_S);
    ck_assert_int_eq(number_in("agent/musterd.8", "A leave takes at most "), LEAVE_MAX_S);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("leave");
    TCase *t = tcase_create("steps");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, nothing_ends_that_was_not_begun);
    tcase_add_test(t, the_others_are_told_once_the_addresses_are_down);
    tcase_add_test(t, it_ends_when_the_scripts_have_run_and_stops_none);
    tcase_add_test(t, scripts_that_end_early_do_not_end_it_before_the_others_know);
    tcase_add_test(t, a_second_beginning_changes_nothing);
    tcase_add_test(t, one_that_hurries_ends_the_scripts_once_and_waits_for_their_end);
    tcase_add_test(t, one_that_is_hurried_beforehand_still_hands_over_and_tells);
    tcase_add_test(t, systemd_and_the_manual_give_it_the_time_that_it_takes);
    suite_add_tcase(s, t);
    return unit_run(s);
}
