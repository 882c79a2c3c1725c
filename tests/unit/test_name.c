/* Two with one name, and two with one id: who stays, and who is told to stop. */
#include "tests/unit/invariant.h"
#include "tests/unit/lone.h"

static struct lone *l;
static struct peer a, b, c, d;

static void setup(void)
{
    l = lone_new();
    lone_meet(l, &a, 1, true);
    lone_meet(l, &b, 2, true);
    lone_run_ms(l, 3000);
    lone_clear(l);
    peer_init(&c, 3);
    peer_init(&d, 4);
}

static void teardown(void)
{
    invariant_check(l->g);
    lone_free(l);
}

static bool holder_is(const char *name, const struct peer *p)
{
    struct gossip_member m;
    return gossip_find(l->g, name, &m) && memcmp(m.profile->id, p->profile.id, 16) == 0;
}

START_TEST(a_later_start_under_a_taken_name_is_told_who_has_it)
{
    c.profile.name = "p1";
    c.profile.generation = a.profile.generation + 1;
    lone_receive_record(l, &c, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(holder_is("p1", &a));
    ck_assert_uint_eq(l->events_count, 0);
    ck_assert(lone_sent_status(l, &c, a.row.key, GOSSIP_ALIVE));
}
END_TEST

START_TEST(hearsay_of_a_later_start_changes_nothing)
{
    c.profile.name = "p1";
    c.profile.generation = a.profile.generation + 1;
    lone_receive_record(l, &b, &c, GOSSIP_ALIVE, WIRE_DELTA);
    ck_assert(holder_is("p1", &a));
    ck_assert_uint_eq(l->events_count, 0);
}
END_TEST

/* What others say of it may be of one that is long dead: the holder finds out. */
START_TEST(a_holder_is_told_of_an_earlier_start_and_keeps_its_name)
{
    c.profile.name = "p1";
    c.profile.generation = a.profile.generation - 1;
    lone_receive_record(l, &b, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    lone_receive_record(l, &b, &c, GOSSIP_SUSPECT, WIRE_DELTA);
    ck_assert(holder_is("p1", &a));
    ck_assert(lone_sent_status(l, &a, c.row.key, GOSSIP_ALIVE));
    ck_assert_uint_eq(l->events_count, 0);
}
END_TEST

START_TEST(a_newcomer_takes_no_name_whatever_age_it_claims)
{
    c.profile.name = "p1";
    c.profile.generation = 1;
    c.row.started_us = -INT64_C(4000000000) * 1000000;
    lone_receive_record(l, &c, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(holder_is("p1", &a));
    ck_assert_ptr_nonnull(lone_last(l, WIRE_REFUSE, &c));
    ck_assert(lone_sent_status(l, &c, a.row.key, GOSSIP_ALIVE));
    c.profile.name = "self";
    lone_receive_record(l, &c, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(lone_sent_status(l, &c, l->g->key, GOSSIP_ALIVE));
    lone_run_ms(l, 5000);
    ck_assert_uint_eq(l->events_count, 0);
}
END_TEST

/* Nor an id: it may have moved, but then it fails at its old address first. */
START_TEST(a_newcomer_takes_no_id_of_a_live_member_at_another_address)
{
    c = a;
    c.row.profile = &c.profile;
    c.profile.addr.port++;
    c.profile.generation++;
    lone_receive_record(l, &c, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    struct gossip_member m;
    ck_assert(gossip_find(l->g, "p1", &m));
    ck_assert(profile_addr_equal(&m.profile->addr, &a.profile.addr));
    ck_assert(lone_sent_status(l, &c, a.row.key, GOSSIP_ALIVE));
    a.answers = false;
    lone_run_ms(l, 5000);
    ck_assert_int_eq(lone_status(l, &a), GOSSIP_FAILED);
    lone_receive_record(l, &c, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(gossip_find(l->g, "p1", &m));
    ck_assert(profile_addr_equal(&m.profile->addr, &c.profile.addr));
}
END_TEST

START_TEST(the_name_of_a_failed_member_is_free)
{
    lone_receive_left(l, &b, &a);
    lone_clear(l);
    c.profile.name = "p1";
    c.profile.generation = a.profile.generation + 1;
    lone_receive_record(l, &c, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(holder_is("p1", &c));
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_REAP, "p1"), 1);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_JOIN, "p1"), 1);
}
END_TEST

START_TEST(a_host_installed_anew_replaces_its_old_self)
{
    c.profile.name = "p1";
    c.profile.addr = a.profile.addr;
    c.profile.generation = a.profile.generation + 1;
    lone_receive_record(l, &c, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(holder_is("p1", &c));
    /* Old updates of the old self does not bring it back. */
    lone_receive_record(l, &b, &a, GOSSIP_ALIVE, WIRE_DELTA);
    lone_receive_record(l, &b, &a, GOSSIP_FAILED, WIRE_DELTA);
    ck_assert(holder_is("p1", &c));
    ck_assert_int_eq(lone_status(l, &c), GOSSIP_ALIVE);
}
END_TEST

START_TEST(an_update_of_a_dead_namesake_disturbs_no_member)
{
    c.profile.name = "p1";
    c.profile.generation = a.profile.generation - 1;
    lone_receive_record(l, &b, &c, GOSSIP_FAILED, WIRE_DELTA);
    lone_receive_record(l, &b, &c, GOSSIP_LEFT, WIRE_DELTA);
    ck_assert(holder_is("p1", &a));
    ck_assert_int_eq(lone_status(l, &a), GOSSIP_ALIVE);
    c.profile.name = "self";
    lone_receive_record(l, &b, &c, GOSSIP_LEFT, WIRE_DELTA);
    ck_assert_uint_eq(l->events_count, 0);
}
END_TEST

/* The token of the JOIN that we have sent to a peer by stream. 0: none. */
static uint64_t contest_token(const struct peer *p)
{
    const struct sent *join = lone_last(l, WIRE_JOIN, p);
    return join && join->route.via == GOSSIP_STREAM ? join->message.join.token : 0;
}

static void receive_refusal(const struct peer *from, enum gossip_via via, uint64_t token,
                            uint64_t first, const struct peer *holder)
{
    struct gossip_route route = peer_route(from);
    struct wire_writer w = lone_begin(l, from, WIRE_REFUSE);
    wire_put(&w, token, 8);
    wire_put(&w, first, 8);
    ck_assert(wire_put_full(&w, &holder->row, 0));
    route.via = via;
    gossip_receive(l->g, l->now_us, &route, w.start, (size_t)(w.at - w.start));
    lone_drain(l);
}

static void claim_our_name(uint64_t generation)
{
    c.profile.name = "self";
    c.profile.generation = generation;
}

START_TEST(an_earlier_holder_of_our_name_is_asked_by_stream_and_makes_us_stop_once)
{
    claim_our_name(LONE_GENERATION - 1);
    lone_receive_record(l, &b, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert_uint_eq(l->events_count, 0);
    lone_run_ms(l, 1);
    uint64_t token = contest_token(&c);
    ck_assert_uint_ne(token, 0);
    for (int i = 0; i < 3; i++)
        receive_refusal(&c, GOSSIP_STREAM, token, LONE_GENERATION - 1, &c);
    ck_assert_uint_eq(l->events_count, 1);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_NAME_TAKEN, "self"), 1);
}
END_TEST

START_TEST(a_refusal_that_does_not_return_our_token_on_that_stream_does_not_count)
{
    claim_our_name(LONE_GENERATION - 1);
    receive_refusal(&c, GOSSIP_STREAM, 0, 1, &c);
    lone_receive_record(l, &b, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    lone_run_ms(l, 1);
    uint64_t token = contest_token(&c);
    struct peer elsewhere = c;
    elsewhere.profile.addr.port++;
    receive_refusal(&c, GOSSIP_STREAM, token + 1, 1, &c);
    receive_refusal(&c, GOSSIP_STREAM, 0, 1, &c);
    receive_refusal(&c, GOSSIP_DATAGRAM, token, 1, &c);
    receive_refusal(&elsewhere, GOSSIP_STREAM, token, 1, &c);
    receive_refusal(&b, GOSSIP_STREAM, token, 1, &c);
    ck_assert_uint_eq(l->events_count, 0);
    lone_run_ms(l, 10000);
    receive_refusal(&c, GOSSIP_STREAM, token, 1, &c); /* too late */
    ck_assert_uint_eq(l->events_count, 0);
}
END_TEST

START_TEST(a_later_holder_of_our_name_refuses_in_vain)
{
    claim_our_name(LONE_GENERATION - 1);
    lone_receive_record(l, &b, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    lone_run_ms(l, 1);
    c.profile.generation = LONE_GENERATION + 1;
    receive_refusal(&c, GOSSIP_STREAM, contest_token(&c), LONE_GENERATION + 1, &c);
    ck_assert_uint_eq(l->events_count, 0);
}
END_TEST

START_TEST(a_claimant_that_is_gone_is_asked_a_few_times_and_changes_nothing)
{
    claim_our_name(LONE_GENERATION - 1);
    lone_receive_record(l, &b, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    lone_run_ms(l, 10000);
    ck_assert_uint_eq(lone_sent(l, WIRE_JOIN), 3);
    ck_assert_uint_eq(l->events_count, 0);
    ck_assert_uint_eq(gossip_self(l->g).profile->generation, LONE_GENERATION);
}
END_TEST

/* The member that we join knows of the holder, and we ask that one. */
START_TEST(a_refused_join_is_a_hint_and_the_holder_decides)
{
    struct gossip_addr addr = d.profile.addr;
    claim_our_name(LONE_GENERATION - 1);
    ck_assert_int_eq(gossip_join(l->g, l->now_us, &addr), GOSSIP_OK);
    lone_run_ms(l, 1);
    const struct sent *join = lone_last(l, WIRE_JOIN, &d);
    ck_assert_ptr_nonnull(join);
    receive_refusal(&d, GOSSIP_DATAGRAM, join->message.join.token, 0, &c);
    ck_assert_uint_eq(l->events_count, 0);
    lone_run_ms(l, 1);
    receive_refusal(&c, GOSSIP_STREAM, contest_token(&c), LONE_GENERATION - 1, &c);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_NAME_TAKEN, "self"), 1);
}
END_TEST

START_TEST(a_later_holder_of_our_name_is_told_that_we_have_it)
{
    c.profile.name = "self";
    c.profile.generation = LONE_GENERATION + 1;
    lone_receive_record(l, &c, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(lone_sent_status(l, &c, l->g->key, GOSSIP_ALIVE));
    lone_receive_record(l, &b, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(lone_sent_status(l, &b, l->g->key, GOSSIP_ALIVE));
    ck_assert_uint_eq(l->events_count, 0);
    ck_assert_int_eq(gossip_self(l->g).status, GOSSIP_ALIVE);
}
END_TEST

/* Its clock is behind, so that its generation is low; but how long each has run says who was first.
 */
START_TEST(a_newcomer_whose_clock_is_behind_takes_no_name)
{
    lone_run_ms(l, 20000);
    lone_clear(l);
    c.profile.generation = 5;
    c.profile.name = "p1";
    lone_receive_record(l, &c, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(holder_is("p1", &a));
    ck_assert(lone_sent_status(l, &c, a.row.key, GOSSIP_ALIVE));
    c.profile.name = "self";
    lone_receive_record(l, &c, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(lone_sent_status(l, &c, l->g->key, GOSSIP_ALIVE));
    ck_assert_uint_eq(l->events_count, 0);
}
END_TEST

START_TEST(the_earlier_of_two_holders_is_the_one_that_has_run_for_longer_whatever_its_clock)
{
    claim_our_name(LONE_GENERATION + 1000000);
    c.row.started_us = -60000000; /* a minute before the time its records are written at */
    lone_receive_record(l, &b, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    lone_run_ms(l, 1);
    receive_refusal(&c, GOSSIP_STREAM, contest_token(&c), c.profile.generation, &c);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_NAME_TAKEN, "self"), 1);
}
END_TEST

/* What others tell us of an agent at our own address is of one that ran here before. */
START_TEST(our_host_installed_anew_with_a_clock_behind_goes_on)
{
    c.profile.name = "self";
    c.profile.addr = gossip_self(l->g).profile->addr;
    c.profile.generation = LONE_GENERATION + 1000;
    lone_receive_record(l, &b, &c, GOSSIP_ALIVE, WIRE_DELTA);
    ck_assert_uint_eq(l->events_count, 0);
    ck_assert_int_eq(gossip_self(l->g).status, GOSSIP_ALIVE);
}
END_TEST

START_TEST(a_rename_to_a_taken_name_is_not_taken_on)
{
    b.profile.name = "p1";
    b.profile.generation++;
    b.row.incarnation = 1;
    lone_receive_record(l, &b, &b, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(holder_is("p1", &a));
    ck_assert(holder_is("p2", &b));
    ck_assert(lone_sent_status(l, &b, a.row.key, GOSSIP_ALIVE));
}
END_TEST

/* Another agent with our id, at another address. */
static struct peer clone_of_us(uint64_t generation)
{
    struct peer clone;
    peer_init(&clone, 200);
    clone.profile.name = "self";
    clone.profile.addr.port = 8000;
    clone.profile.generation = generation;
    return clone;
}

/* It is told of by members as a later start of ours. Its raised generation is not the one that it
 * started with. */
START_TEST(an_earlier_agent_with_our_id_makes_us_stop)
{
    struct peer clone = clone_of_us(LONE_GENERATION + 5);
    clone.row.profile = &clone.profile;
    lone_receive_record(l, &b, &clone, GOSSIP_ALIVE, WIRE_UPDATES);
    lone_run_ms(l, 1);
    uint64_t token = contest_token(&clone);
    for (int i = 0; i < 2; i++)
        receive_refusal(&clone, GOSSIP_STREAM, token, LONE_GENERATION - 1, &clone);
    ck_assert_uint_eq(l->events_count, 1);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_ID_TAKEN, NULL), 1);
}
END_TEST

START_TEST(a_later_agent_with_our_id_is_refused_and_outdone)
{
    struct peer clone = clone_of_us(LONE_GENERATION + 7);
    clone.row.profile = &clone.profile;
    lone_receive_record(l, &b, &clone, GOSSIP_ALIVE, WIRE_UPDATES);
    lone_run_ms(l, 1);
    ck_assert_uint_eq(gossip_self(l->g).profile->generation, LONE_GENERATION);
    receive_refusal(&clone, GOSSIP_STREAM, contest_token(&clone), clone.profile.generation, &clone);
    ck_assert_uint_eq(gossip_self(l->g).profile->generation, LONE_GENERATION + 8);
    ck_assert_uint_eq(l->events_count, 0);
    /* It contests our id in its turn, and is told when we have started. */
    struct gossip_route route = peer_route(&clone);
    struct wire_writer w = lone_begin_join(l, &clone, 77, 0);
    ck_assert(wire_put_full(&w, &clone.row, 0));
    route.via = GOSSIP_STREAM;
    gossip_receive(l->g, l->now_us, &route, w.start, (size_t)(w.at - w.start));
    lone_drain(l);
    const struct sent *refusal = lone_last(l, WIRE_REFUSE, &clone);
    ck_assert_ptr_nonnull(refusal);
    ck_assert_uint_eq(refusal->message.refuse.token, 77);
    ck_assert_uint_eq(refusal->message.refuse.generation, LONE_GENERATION);
}
END_TEST

START_TEST(a_later_agent_with_our_id_that_is_gone_is_outdone)
{
    struct peer clone = clone_of_us(LONE_GENERATION + 7);
    clone.row.profile = &clone.profile;
    lone_receive_record(l, &b, &clone, GOSSIP_ALIVE, WIRE_UPDATES);
    lone_run_ms(l, 5000);
    ck_assert_uint_eq(gossip_self(l->g).profile->generation, LONE_GENERATION + 8);
    ck_assert_uint_eq(l->events_count, 0);
}
END_TEST

/* Our state was set back, and others know of a later start: no other agent is at our address. */
START_TEST(a_later_start_of_ours_at_our_own_address_is_outdone_once_a_second_at_the_most)
{
    struct peer before = clone_of_us(LONE_GENERATION);
    before.row.profile = &before.profile;
    before.profile.addr = gossip_self(l->g).profile->addr;
    uint64_t generation = LONE_GENERATION;
    for (int i = 0; i < 100; i++) {
        before.profile.generation = gossip_self(l->g).profile->generation + 100;
        lone_receive_record(l, &b, &before, GOSSIP_ALIVE, WIRE_UPDATES);
        if (gossip_self(l->g).profile->generation != generation)
            ck_assert_uint_eq(gossip_self(l->g).profile->generation, generation + 101);
        generation = gossip_self(l->g).profile->generation;
        lone_run_ms(l, 20);
    }
    ck_assert_uint_eq(generation, LONE_GENERATION + 2 * 101);
    ck_assert_uint_eq(l->events_count, 0);
}
END_TEST

START_TEST(one_that_leaves_outdoes_its_clone_and_still_leaves)
{
    struct peer clone;
    peer_init(&clone, 200);
    clone.profile.name = "self";
    gossip_leave(l->g, l->now_us);
    clone.row.profile = &clone.profile;
    for (uint64_t more = 1; more < 4; more++) {
        clone.profile.generation = LONE_GENERATION + 10 * more;
        lone_receive_record(l, &b, &clone, GOSSIP_ALIVE, WIRE_UPDATES);
        invariant_check(l->g);
        lone_run_ms(l, l->g->timing.leave_ms / 2);
    }
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_GONE, NULL), 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("name");
    TCase *t = tcase_create("names");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_later_start_under_a_taken_name_is_told_who_has_it);
    tcase_add_test(t, hearsay_of_a_later_start_changes_nothing);
    tcase_add_test(t, a_holder_is_told_of_an_earlier_start_and_keeps_its_name);
    tcase_add_test(t, a_newcomer_takes_no_name_whatever_age_it_claims);
    tcase_add_test(t, a_newcomer_takes_no_id_of_a_live_member_at_another_address);
    tcase_add_test(t, the_name_of_a_failed_member_is_free);
    tcase_add_test(t, a_host_installed_anew_replaces_its_old_self);
    tcase_add_test(t, an_update_of_a_dead_namesake_disturbs_no_member);
    tcase_add_test(t, an_earlier_holder_of_our_name_is_asked_by_stream_and_makes_us_stop_once);
    tcase_add_test(t, a_refusal_that_does_not_return_our_token_on_that_stream_does_not_count);
    tcase_add_test(t, a_later_holder_of_our_name_refuses_in_vain);
    tcase_add_test(t, a_claimant_that_is_gone_is_asked_a_few_times_and_changes_nothing);
    tcase_add_test(t, a_refused_join_is_a_hint_and_the_holder_decides);
    tcase_add_test(t, a_later_holder_of_our_name_is_told_that_we_have_it);
    tcase_add_test(t, a_newcomer_whose_clock_is_behind_takes_no_name);
    tcase_add_test(
        t, the_earlier_of_two_holders_is_the_one_that_has_run_for_longer_whatever_its_clock);
    tcase_add_test(t, our_host_installed_anew_with_a_clock_behind_goes_on);
    tcase_add_test(t, a_rename_to_a_taken_name_is_not_taken_on);
    suite_add_tcase(s, t);
    t = tcase_create("ids");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, an_earlier_agent_with_our_id_makes_us_stop);
    tcase_add_test(t, a_later_agent_with_our_id_is_refused_and_outdone);
    tcase_add_test(t, a_later_agent_with_our_id_that_is_gone_is_outdone);
    tcase_add_test(t,
                   a_later_start_of_ours_at_our_own_address_is_outdone_once_a_second_at_the_most);
    tcase_add_test(t, one_that_leaves_outdoes_its_clone_and_still_leaves);
    suite_add_tcase(s, t);
    return unit_run(s);
}
