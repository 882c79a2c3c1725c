/* Which updates rides on the next packet, and how often. */
#include "gossip/membership/spread.h"

#include "tests/unit/invariant.h"
#include "tests/unit/lone.h"

enum { PEERS = 40 };

static struct lone *l;
static struct peer peers[PEERS];

/* The core knows of that many, and has told all that there was to tell. */
static void meet(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        lone_meet(l, &peers[i], 1 + i, true);
    for (int i = 0; i < 20; i++) {
        lone_run_ms(l, 1000);
        lone_clear(l);
    }
    ck_assert_uint_eq(l->g->spread.waiting, 0);
}

static void setup(void)
{
    l = lone_new();
}

static void teardown(void)
{
    invariant_check(l->g);
    lone_free(l);
}

/* Packets of that kind that carry a record about the peer. */
static size_t carrying(const struct peer *about, enum wire_kind kind)
{
    size_t count = 0;
    struct wire_record r;
    for (size_t i = 0; i < l->sent_count; i++)
        count += l->sent[i].message.kind == kind && sent_record(&l->sent[i], about->row.key, &r);
    return count;
}

START_TEST(an_immediate_update_goes_out_at_once_to_different_members)
{
    meet(12);
    lone_receive_left(l, &peers[0], &peers[1]);
    lone_run_ms(l, 0);
    ck_assert_uint_eq(carrying(&peers[1], WIRE_UPDATES), SPREAD_IMMEDIATE_FANOUT);
    for (size_t i = 0; i < l->sent_count; i++)
        for (size_t k = 0; k < i; k++)
            ck_assert(!profile_addr_equal(&l->sent[i].route.addr, &l->sent[k].route.addr));
}
END_TEST

START_TEST(an_ordinary_update_waits_for_its_turn)
{
    meet(12);
    peers[1].row.incarnation++;
    lone_receive_record(l, &peers[1], &peers[1], GOSSIP_ALIVE, WIRE_UPDATES);
    lone_run_ms(l, 1);
    ck_assert_uint_eq(carrying(&peers[1], WIRE_UPDATES), 0);
    lone_run_ms(l, gossip_get_timing(l->g)->gossip_period_ms);
    ck_assert_uint_ge(carrying(&peers[1], WIRE_UPDATES), SPREAD_FANOUT - 1);
}
END_TEST

START_TEST(successive_immediate_updates_share_packets)
{
    meet(20);
    for (unsigned i = 1; i < 10; i++) {
        lone_receive_left(l, &peers[0], &peers[i]);
        lone_run_ms(l, 0);
    }
    lone_run_ms(l, 2 * SPREAD_IMMEDIATE_GAP_US / 1000);
    ck_assert_uint_le(lone_sent(l, WIRE_UPDATES), 2 * SPREAD_IMMEDIATE_FANOUT);
    for (unsigned i = 1; i < 10; i++)
        ck_assert_uint_ge(carrying(&peers[i], WIRE_UPDATES), SPREAD_IMMEDIATE_FANOUT);
}
END_TEST

START_TEST(each_update_is_sent_lambda_log_n_times_and_then_no_more)
{
    meet(30);
    lone_receive_left(l, &peers[0], &peers[1]);
    lone_run_ms(l, 20000);
    size_t told = 0;
    for (int kind = WIRE_PING; kind < WIRE_KINDS; kind++)
        told += carrying(&peers[1], (enum wire_kind)kind);
    ck_assert_uint_eq(told, SPREAD_LAMBDA * 5); /* log2(30 + 1), rounded up */
    ck_assert_uint_eq(l->g->spread.waiting, 0);
}
END_TEST

START_TEST(a_newer_update_of_a_member_replaces_the_older_and_is_sent_from_the_start)
{
    meet(30);
    lone_receive_claim(l, &peers[0], &peers[1], GOSSIP_SUSPECT);
    lone_run_ms(l, 150);
    lone_clear(l);
    peers[1].row.incarnation++;
    lone_receive_record(l, &peers[0], &peers[1], GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert_uint_eq(l->g->spread.waiting, 1);
    lone_run_ms(l, 20000);
    size_t told = 0;
    struct wire_record r;
    for (size_t i = 0; i < l->sent_count; i++)
        if (sent_record(&l->sent[i], peers[1].row.key, &r)) {
            ck_assert_uint_eq(r.fact.incarnation, 2);
            told++;
        }
    ck_assert_uint_eq(told, SPREAD_LAMBDA * 5);
}
END_TEST

START_TEST(updates_ride_on_pings_and_answers)
{
    meet(5);
    peers[1].row.incarnation++;
    lone_receive_record(l, &peers[1], &peers[1], GOSSIP_ALIVE, WIRE_UPDATES);
    struct wire_writer w = lone_begin(l, &peers[2], WIRE_PING);
    wire_put(&w, 77, 4);
    wire_put(&w, l->g->key, 8);
    wire_put(&w, 0, 1);
    lone_receive(l, &peers[2], &w);
    ck_assert_uint_eq(carrying(&peers[1], WIRE_ACK), 1);
    ck_assert_uint_eq(lone_last(l, WIRE_ACK, &peers[2])->message.ack.seq, 77);
}
END_TEST

START_TEST(failures_go_before_joins_when_there_is_no_room_for_all)
{
    static char tags[PEERS][GOSSIP_TAGS_BYTES_MAX];
    meet(12);
    /* More updates than any packet holds, and then a death. */
    for (unsigned i = 1; i < 8; i++) {
        memset(tags[i], 'v', sizeof tags[i]);
        memcpy(tags[i], "k", 2);
        tags[i][sizeof tags[i] - 1] = '\0';
        peers[i].profile.tags = tags[i];
        peers[i].profile.tags_bytes = sizeof tags[i];
        peers[i].row.incarnation++;
        lone_receive_record(l, &peers[i], &peers[i], GOSSIP_ALIVE, WIRE_UPDATES);
    }
    lone_receive_claim(l, &peers[0], &peers[9], GOSSIP_SUSPECT);
    lone_run_ms(l, 0);
    ck_assert_uint_eq(lone_sent(l, WIRE_UPDATES), SPREAD_IMMEDIATE_FANOUT);
    ck_assert_uint_eq(carrying(&peers[9], WIRE_UPDATES), SPREAD_IMMEDIATE_FANOUT);
    /* The rest is told in turn, all as often. */
    lone_run_ms(l, 10000);
    for (unsigned i = 1; i < 8; i++) {
        size_t told = 0;
        for (int kind = WIRE_PING; kind < WIRE_KINDS; kind++)
            told += carrying(&peers[i], (enum wire_kind)kind);
        ck_assert_uint_eq(told, SPREAD_LAMBDA * 4);
    }
}
END_TEST

START_TEST(updates_wait_while_there_is_no_other_member)
{
    static const char tags[] = "role\0db";
    ck_assert_int_eq(gossip_set_tags(l->g, l->now_us, tags, sizeof tags), GOSSIP_OK);
    lone_run_ms(l, 5000);
    ck_assert_uint_eq(l->sent_count, 0);
    ck_assert_uint_eq(l->g->spread.waiting, 1);
    lone_meet(l, &peers[0], 1, true);
    lone_run_ms(l, 500);
    struct peer self;
    peer_init(&self, 200);
    ck_assert(lone_sent_status(l, &peers[0], self.row.key, GOSSIP_ALIVE));
}
END_TEST

START_TEST(two_members_send_to_each_other_and_not_to_themselves)
{
    meet(1);
    static const char tags[] = "role\0db";
    gossip_set_tags(l->g, l->now_us, tags, sizeof tags);
    lone_run_ms(l, 0);
    ck_assert_uint_eq(lone_sent(l, WIRE_UPDATES), 1);
    lone_run_ms(l, 5000);
    for (size_t i = 0; i < l->sent_count; i++)
        ck_assert(profile_addr_equal(&l->sent[i].route.addr, &peers[0].profile.addr));
}
END_TEST

START_TEST(updates_of_the_dead_are_known_to_all_versions)
{
    /* Who leaves says so itself, with a new incarnation: its profile must go along. */
    meet(6);
    peers[1].row.incarnation++;
    lone_receive_record(l, &peers[1], &peers[1], GOSSIP_LEAVING, WIRE_UPDATES);
    lone_receive_left(l, &peers[1], &peers[1]);
    lone_clear(l);
    lone_run_ms(l, 10);
    struct wire_record r;
    ck_assert_uint_ge(l->sent_count, 1);
    for (size_t i = 0; i < l->sent_count; i++)
        if (sent_record(&l->sent[i], peers[1].row.key, &r))
            ck_assert(r.full && r.fact.status == GOSSIP_LEFT);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("spread");
    TCase *t = tcase_create("spread");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, an_immediate_update_goes_out_at_once_to_different_members);
    tcase_add_test(t, an_ordinary_update_waits_for_its_turn);
    tcase_add_test(t, successive_immediate_updates_share_packets);
    tcase_add_test(t, each_update_is_sent_lambda_log_n_times_and_then_no_more);
    tcase_add_test(t, a_newer_update_of_a_member_replaces_the_older_and_is_sent_from_the_start);
    tcase_add_test(t, updates_ride_on_pings_and_answers);
    tcase_add_test(t, failures_go_before_joins_when_there_is_no_room_for_all);
    tcase_add_test(t, updates_wait_while_there_is_no_other_member);
    tcase_add_test(t, two_members_send_to_each_other_and_not_to_themselves);
    tcase_add_test(t, updates_of_the_dead_are_known_to_all_versions);
    suite_add_tcase(s, t);
    return unit_run(s);
}
