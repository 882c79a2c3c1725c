/* What can be asked of addresses and locks. */
#include "agent/control/control.h"
#include "tests/unit/fake_core.h"
#include "tests/unit/fake_vips.h"
#include "tests/unit/peer.h"
#include "tests/unit/unit.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

static struct peer p;
static struct vip_address address = {
    .ip = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 100}, .prefix_bits = 32, .interface = "eth0"};
static struct vip_route route = {.via = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 254}, .table = 100};
static struct vip_spec spec = {.name = (char[]){"web"},
                               .routes = &route,
                               .routes_count = 1,
                               .track = {(char[]){"eth1"}},
                               .track_count = 1,
                               .addresses = &address,
                               .addresses_count = 1,
                               .priority = 90,
                               .lease_ms = 1000};
static struct vip vip;

static void setup(void)
{
    memset(&fake_vips, 0, sizeof fake_vips);
    vip = (struct vip){.state = VIP_WAITING, .epoch = 7, .holder = "b"};
    fake_vips.views[0] = (struct vips_view){.spec = &spec, .vip = &vip};
    fake_vips.count = 1;
    fake_vips.quorum = true;
    peer_server_start();
    peer_open_greeted(&p);
}

static void teardown(void)
{
    peer_close(&p);
    peer_server_stop();
}

#define SUMMARY                                                                                    \
    "\"name\"=>\"web\", \"address\"=>\"10.0.0.100/32\", \"interface\"=>\"eth0\", "                 \
    "\"holder\"=>\"b\", \"epoch\"=>7, \"state\"=>\"waiting\""

START_TEST(the_list_has_all_addresses_and_whether_they_can_be_held)
{
    fake_vips.drained = true;
    peer_ask(&p, 1, "vips");
    peer_expect_answer(&p, 1, "");
    peer_expect(&p, "{\"quorum\"=>true, \"drained\"=>true, \"vips\"=>[{" SUMMARY "}]}");
    fake_vips.count = 0;
    fake_vips.quorum = false;
    peer_ask(&p, 2, "vips");
    peer_expect_answer(&p, 2, "");
    peer_expect(&p, "{\"quorum\"=>false, \"drained\"=>true, \"vips\"=>[]}");
}
END_TEST

START_TEST(an_explanation_says_why_it_is_where_it_is)
{
    struct leases_state *lease = &fake_vips.views[0].lease;
    *lease = (struct leases_state){
        .held = true, .until_us = fake.now_us + 500000, .waiting = 1, .successors = {{"c", 80}}};
    fake_vips.views[0].ineligible_because = "this host is drained";
    fake_vips.views[0].why = "c failed";
    fake_vips.views[0].since_ms = INT64_C(1796126400000);
    peer_ask(&p, 1, "vip-explain");
    peer_say(&p, "m1 ss", "Name", "web");
    peer_expect_answer(&p, 1, "");
    peer_expect(&p, "{" SUMMARY ", \"obstacle\"=>\"this host is drained\", "
                    "\"since\"=>\"2026-12-01T12:00:00.000Z\", \"why\"=>\"c failed\", "
                    "\"failure\"=>\"\", \"addresses\"=>[\"10.0.0.100/32 dev eth0\"], "
                    "\"routes\"=>[\"default via 192.0.2.254 table 100\"], \"rules\"=>[], "
                    "\"track\"=>[\"eth1\"], \"quorum\"=>true, "
                    "\"gate\"=>false, \"version\"=>0, \"priority\"=>90, "
                    "\"lease_ms\"=>1000, \"left_ms\"=>500, "
                    "\"waiting\"=>[{\"name\"=>\"c\", \"priority\"=>80}], \"voters\"=>[]}");
    peer_ask(&p, 2, "vip-explain");
    peer_say(&p, "m1 ss", "Name", "other");
    peer_expect_answer(&p, 2, "no such vip");
    peer_expect(&p, "{}");
}
END_TEST

START_TEST(an_explanation_says_what_is_wrong_with_a_voter)
{
    static const char *const names[] = {"b", "c", "db1", "db2"};
    ck_assert(voters_configure(&fake_vips.voters, 1, names, 4) == VOTERS_OK);
    fake_member_add("b", GOSSIP_FAILED, "", 0);
    fake_member_add("c", GOSSIP_ALIVE, "", 0);
    fake_member_add("db1.example.org", GOSSIP_ALIVE, "", 0);
    strcpy(fake_vips.alike[0], "db1");
    strcpy(fake_vips.alike[1], "db1.example.org");
    peer_ask(&p, 1, "vip-explain");
    peer_say(&p, "m1 ss", "Name", "web");
    peer_expect_answer(&p, 1, "");
    const char *said = peer_next(&p), *voters = said ? strstr(said, "\"voters\"") : NULL;
    ck_assert_ptr_nonnull(voters);
    ck_assert_str_eq(voters, "\"voters\"=>["
                             "{\"name\"=>\"b\", \"note\"=>\"failed\"}, "
                             "{\"name\"=>\"c\", \"note\"=>\"no voter by its own configuration\"}, "
                             "{\"name\"=>\"db1\", \"note\"=>\"not seen; there is a member "
                             "\"db1.example.org\": name the voter so\"}, "
                             "{\"name\"=>\"db2\", \"note\"=>\"not seen\"}]}");
}
END_TEST

START_TEST(what_is_asked_for_is_done)
{
    peer_ask(&p, 1, "vip-move");
    peer_say(&p, "m2 ssss", "Name", "web", "Host", "c");
    peer_expect_answer(&p, 1, "");
    peer_ask(&p, 2, "vip-release");
    peer_say(&p, "m1 ss", "Name", "web");
    peer_expect_answer(&p, 2, "");
    peer_ask(&p, 3, "drain");
    peer_expect_answer(&p, 3, "");
    peer_ask(&p, 4, "undrain");
    peer_expect_answer(&p, 4, "");
    ck_assert_str_eq(fake_vips.asked, "move web c\nrelease web\ndrain\nundrain\n");
}
END_TEST

START_TEST(what_cannot_be_done_is_refused_with_its_reason)
{
    char long_name[GOSSIP_NAME_BYTES_MAX + 2];
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    fake_vips.error = "nobody holds it";
    peer_ask(&p, 1, "vip-move");
    peer_say(&p, "m2 ssss", "Name", "web", "Host", "c");
    peer_expect_answer(&p, 1, "nobody holds it");
    peer_ask(&p, 2, "vip-move");
    peer_say(&p, "m2 ssss", "Name", "web", "Host", long_name);
    peer_expect_answer(&p, 2, "no such member");
    peer_ask(&p, 3, "vip-release");
    peer_say(&p, "m1 si", "Name", 3);
    peer_expect_answer(&p, 3, "no such vip");
    ck_assert_str_eq(fake_vips.asked, "move web c\n");
}
END_TEST

static void take_lock(int seq)
{
    peer_ask(&p, seq, "lock");
    peer_say(&p, "m1 ss", "Name", "job");
}

START_TEST(a_lock_is_told_of_until_the_connection_ends)
{
    take_lock(1);
    peer_expect_answer(&p, 1, "");
    ck_assert_str_eq(fake_vips.lock_name, "job");
    struct lock_state state = {.held = false, .holder = "b"};
    fake_vips.changed(fake_vips.changed_arg, &state);
    peer_expect_answer(&p, 1, "");
    peer_expect(&p, "{\"held\"=>false, \"until_us\"=>0, \"epoch\"=>0, \"holder\"=>\"b\"}");
    state = (struct lock_state){.held = true, .until_us = 5, .epoch = 9, .holder = "a"};
    fake_vips.changed(fake_vips.changed_arg, &state);
    peer_expect_answer(&p, 1, "");
    peer_expect(&p, "{\"held\"=>true, \"until_us\"=>5, \"epoch\"=>9, \"holder\"=>\"a\"}");
    ck_assert_uint_eq(fake_vips.locks_abandoned, 0);
    peer_close(&p);
    peer_turn();
    ck_assert_uint_eq(fake_vips.locks_abandoned, 1);
    ck_assert_uint_eq(fake_vips.locks_dropped, 0);
    peer_open_greeted(&p);
}
END_TEST

static void give_back_lock(int seq, const char *name)
{
    peer_ask(&p, seq, "unlock");
    peer_say(&p, "m1 ss", "Name", name);
}

START_TEST(a_lock_is_given_back_when_that_is_said)
{
    take_lock(1);
    peer_expect_answer(&p, 1, "");
    give_back_lock(2, "jobs");
    peer_expect_answer(&p, 2, "no such lock");
    ck_assert_uint_eq(fake_vips.locks_dropped, 0);
    give_back_lock(3, "job");
    peer_expect_answer(&p, 3, "");
    ck_assert_uint_eq(fake_vips.locks_dropped, 1);
    give_back_lock(4, "job");
    peer_expect_answer(&p, 4, "no such lock");
    peer_close(&p);
    peer_turn();
    ck_assert_uint_eq(fake_vips.locks_dropped + fake_vips.locks_abandoned, 1);
    peer_open_greeted(&p);
}
END_TEST

START_TEST(a_lock_that_cannot_be_is_refused_and_too_many_are)
{
    fake_vips.error = "there is no quorum";
    take_lock(1);
    peer_expect_answer(&p, 1, "there is no quorum");
    fake_vips.error = NULL;
    for (int i = 0; i < CONTROL_STREAMS_MAX; i++) {
        take_lock(2 + i);
        peer_expect_answer(&p, 2 + i, "");
    }
    take_lock(100);
    peer_expect_answer(&p, 100, "too many locks");
    ck_assert_uint_eq(fake_vips.locks_taken, CONTROL_STREAMS_MAX);
}
END_TEST

/* What the process has taken of the heap. */
static size_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

START_TEST(a_lock_whose_client_never_reads_costs_its_newest_state)
{
    enum { RENEWALS = 100000, RECORDS_MAX = 20000 };
    char last[128];
    take_lock(1);
    peer_expect_answer(&p, 1, "");
    size_t before = heap_bytes();
    for (int i = 1; i <= RENEWALS; i++) {
        struct lock_state state = {.held = true, .until_us = i, .epoch = 9, .holder = "a"};
        fake_vips.changed(fake_vips.changed_arg, &state);
        peer_turn();
    }
    ck_assert_uint_lt(heap_bytes() - before, 4 * CONTROL_PENDING_BYTES_MAX);
    snprintf(last, sizeof last,
             "{\"held\"=>true, \"until_us\"=>%d, \"epoch\"=>9, \"holder\"=>\"a\"}", RENEWALS);
    int records = 0;
    do {
        peer_expect_answer(&p, 1, "");
        ck_assert_int_lt(++records, RECORDS_MAX);
    } while (strcmp(peer_next(&p), last) != 0);
    peer_expect_silence(&p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("control: vips");
    TCase *t = tcase_create("vips");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_list_has_all_addresses_and_whether_they_can_be_held);
    tcase_add_test(t, an_explanation_says_why_it_is_where_it_is);
    tcase_add_test(t, an_explanation_says_what_is_wrong_with_a_voter);
    tcase_add_test(t, what_is_asked_for_is_done);
    tcase_add_test(t, what_cannot_be_done_is_refused_with_its_reason);
    tcase_add_test(t, a_lock_is_told_of_until_the_connection_ends);
    tcase_add_test(t, a_lock_is_given_back_when_that_is_said);
    tcase_add_test(t, a_lock_that_cannot_be_is_refused_and_too_many_are);
    tcase_add_test(t, a_lock_whose_client_never_reads_costs_its_newest_state);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return unit_run(s);
}
