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
    lone_forget(l);
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
    lone_hear_full(l, &c, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(holder_is("p1", &a));
    ck_assert_uint_eq(l->told_count, 0);
    ck_assert(lone_told_peer(l, &c, a.row.key, GOSSIP_ALIVE));
}
END_TEST

START_TEST(hearsay_of_a_later_start_changes_nothing)
{
    c.profile.name = "p1";
    c.profile.generation = a.profile.generation + 1;
    lone_hear_full(l, &b, &c, GOSSIP_ALIVE, WIRE_DELTA);
    ck_assert(holder_is("p1", &a));
    ck_assert_uint_eq(l->told_count, 0);
}
END_TEST

/* What others say of it may be of one that is long dead. */
START_TEST(an_earlier_start_that_others_tell_of_is_asked_and_not_believed)
{
    c.profile.name = "p1";
    c.profile.generation = a.profile.generation - 1;
    lone_hear_full(l, &b, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    lone_hear_full(l, &b, &c, GOSSIP_SUSPECT, WIRE_DELTA);
    ck_assert(holder_is("p1", &a));
    ck_assert(lone_told_peer(l, &c, a.row.key, GOSSIP_ALIVE));
    c.profile.name = "self";
    lone_hear_full(l, &b, &c, GOSSIP_ALIVE, WIRE_DELTA);
    ck_assert(lone_told_peer(l, &c, l->g->key, GOSSIP_ALIVE));
    ck_assert_uint_eq(l->told_count, 0);
}
END_TEST

START_TEST(an_earlier_start_that_says_so_itself_takes_the_name_back)
{
    c.profile.name = "p1";
    c.profile.generation = a.profile.generation - 1;
    lone_hear_full(l, &c, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(holder_is("p1", &c));
    ck_assert_uint_eq(lone_told(l, GOSSIP_EVENT_REAP, "p1"), 1);
    ck_assert_uint_eq(lone_told(l, GOSSIP_EVENT_JOIN, "p1"), 1);
    /* ... and the other cannot take it again. */
    lone_hear_full(l, &a, &a, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(holder_is("p1", &c));
    ck_assert(lone_told_peer(l, &a, c.row.key, GOSSIP_ALIVE));
}
END_TEST

START_TEST(of_two_starts_at_one_time_all_choose_the_same)
{
    /* The lower id: whichever is heard first. */
    c.profile.name = d.profile.name = "one";
    lone_hear_full(l, &c, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    lone_hear_full(l, &d, &d, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(holder_is("one", &c));
    c.profile.name = d.profile.name = "two";
    c.profile.generation = d.profile.generation = 5000;
    lone_hear_full(l, &d, &d, GOSSIP_ALIVE, WIRE_UPDATES);
    lone_hear_full(l, &c, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(holder_is("two", &c));
}
END_TEST

START_TEST(the_name_of_a_failed_member_is_free)
{
    lone_hear_left(l, &b, &a);
    lone_forget(l);
    c.profile.name = "p1";
    c.profile.generation = a.profile.generation + 1;
    lone_hear_full(l, &c, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(holder_is("p1", &c));
    ck_assert_uint_eq(lone_told(l, GOSSIP_EVENT_REAP, "p1"), 1);
    ck_assert_uint_eq(lone_told(l, GOSSIP_EVENT_JOIN, "p1"), 1);
}
END_TEST

START_TEST(a_host_installed_anew_replaces_its_old_self)
{
    c.profile.name = "p1";
    c.profile.addr = a.profile.addr;
    c.profile.generation = a.profile.generation + 1;
    lone_hear_full(l, &c, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(holder_is("p1", &c));
    /* Old news of the old self does not bring it back. */
    lone_hear_full(l, &b, &a, GOSSIP_ALIVE, WIRE_DELTA);
    lone_hear_full(l, &b, &a, GOSSIP_FAILED, WIRE_DELTA);
    ck_assert(holder_is("p1", &c));
    ck_assert_int_eq(lone_status(l, &c), GOSSIP_ALIVE);
}
END_TEST

START_TEST(news_of_a_dead_namesake_disturbs_nobody)
{
    c.profile.name = "p1";
    c.profile.generation = a.profile.generation - 1;
    lone_hear_full(l, &b, &c, GOSSIP_FAILED, WIRE_DELTA);
    lone_hear_full(l, &b, &c, GOSSIP_LEFT, WIRE_DELTA);
    ck_assert(holder_is("p1", &a));
    ck_assert_int_eq(lone_status(l, &a), GOSSIP_ALIVE);
    c.profile.name = "self";
    lone_hear_full(l, &b, &c, GOSSIP_LEFT, WIRE_DELTA);
    ck_assert_uint_eq(l->told_count, 0);
}
END_TEST

START_TEST(an_earlier_holder_of_our_name_makes_us_stop_and_is_named_once)
{
    c.profile.name = "self";
    c.profile.generation = LONE_GENERATION - 1;
    for (int i = 0; i < 3; i++)
        lone_hear_full(l, &c, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert_uint_eq(l->told_count, 1);
    ck_assert_uint_eq(lone_told(l, GOSSIP_EVENT_NAME_TAKEN, "self"), 1);
}
END_TEST

START_TEST(a_later_holder_of_our_name_is_told_that_we_have_it)
{
    c.profile.name = "self";
    c.profile.generation = LONE_GENERATION + 1;
    lone_hear_full(l, &c, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(lone_told_peer(l, &c, l->g->key, GOSSIP_ALIVE));
    lone_hear_full(l, &b, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(lone_told_peer(l, &b, l->g->key, GOSSIP_ALIVE));
    ck_assert_uint_eq(l->told_count, 0);
    ck_assert_int_eq(gossip_self(l->g).status, GOSSIP_ALIVE);
}
END_TEST

/* Its clock is behind, so that its generation is low; but how long each has run says who was first.
 */
START_TEST(a_newcomer_whose_clock_is_behind_takes_no_name)
{
    lone_run_ms(l, 20000);
    lone_forget(l);
    c.profile.generation = 5;
    c.profile.name = "p1";
    lone_hear_full(l, &c, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(holder_is("p1", &a));
    ck_assert(lone_told_peer(l, &c, a.row.key, GOSSIP_ALIVE));
    c.profile.name = "self";
    lone_hear_full(l, &c, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(lone_told_peer(l, &c, l->g->key, GOSSIP_ALIVE));
    ck_assert_uint_eq(l->told_count, 0);
}
END_TEST

START_TEST(who_has_run_for_longer_takes_the_name_whatever_its_clock)
{
    c.profile.generation = a.profile.generation + 1000000;
    c.row.started_us = -60000000; /* a minute before the time its records are written at */
    c.profile.name = "p1";
    lone_hear_full(l, &c, &c, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(holder_is("p1", &c));
}
END_TEST

/* What others tell us of an agent at our own address is of one that ran here before. */
START_TEST(our_host_installed_anew_with_a_clock_behind_goes_on)
{
    c.profile.name = "self";
    c.profile.addr = gossip_self(l->g).profile->addr;
    c.profile.generation = LONE_GENERATION + 1000;
    lone_hear_full(l, &b, &c, GOSSIP_ALIVE, WIRE_DELTA);
    ck_assert_uint_eq(l->told_count, 0);
    ck_assert_int_eq(gossip_self(l->g).status, GOSSIP_ALIVE);
}
END_TEST

START_TEST(a_rename_to_a_taken_name_is_not_taken_on)
{
    b.profile.name = "p1";
    b.profile.generation++;
    b.row.incarnation = 1;
    lone_hear_full(l, &b, &b, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert(holder_is("p1", &a));
    ck_assert(holder_is("p2", &b));
    ck_assert(lone_told_peer(l, &b, a.row.key, GOSSIP_ALIVE));
}
END_TEST

static void hear_refusal(uint64_t sender, uint64_t generation)
{
    struct peer from = a;
    from.row.key = sender;
    struct wire_writer w = lone_begin(l, &from, WIRE_REFUSE);
    wire_put(&w, generation, 8);
    lone_hear(l, &from, &w);
}

START_TEST(an_earlier_agent_with_our_id_makes_us_stop)
{
    hear_refusal(l->g->key, LONE_GENERATION - 1);
    hear_refusal(l->g->key, LONE_GENERATION - 1);
    ck_assert_uint_eq(l->told_count, 1);
    ck_assert_uint_eq(lone_told(l, GOSSIP_EVENT_ID_TAKEN, NULL), 1);
}
END_TEST

START_TEST(refusals_by_later_agents_and_by_others_do_not_count)
{
    hear_refusal(l->g->key, LONE_GENERATION);
    hear_refusal(l->g->key, LONE_GENERATION + 1);
    hear_refusal(a.row.key, LONE_GENERATION - 1);
    ck_assert_uint_eq(l->told_count, 0);
}
END_TEST

START_TEST(a_later_agent_with_our_id_is_refused_and_outdone)
{
    struct peer clone;
    peer_init(&clone, 200);
    clone.profile.name = "self";
    clone.profile.addr.port = 8000;
    clone.profile.generation = LONE_GENERATION + 7;
    lone_hear_full(l, &b, &clone, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert_uint_eq(gossip_self(l->g).profile->generation, LONE_GENERATION + 8);
    const struct sent *refusal = lone_last(l, WIRE_REFUSE, &clone);
    ck_assert_ptr_nonnull(refusal);
    ck_assert_uint_eq(refusal->message.refuse.generation, LONE_GENERATION);
    ck_assert_uint_eq(l->told_count, 0);
    /* Raising its generation made it no later than it is. */
    hear_refusal(l->g->key, LONE_GENERATION + 3);
    ck_assert_uint_eq(l->told_count, 0);
}
END_TEST

START_TEST(who_leaves_outdoes_its_clone_and_still_leaves)
{
    struct peer clone;
    peer_init(&clone, 200);
    clone.profile.name = "self";
    gossip_leave(l->g, l->now_us);
    for (uint64_t more = 1; more < 4; more++) {
        clone.profile.generation = LONE_GENERATION + 10 * more;
        lone_hear_full(l, &b, &clone, GOSSIP_ALIVE, WIRE_UPDATES);
        invariant_check(l->g);
        lone_run_ms(l, l->g->timing.leave_ms / 2);
    }
    ck_assert_uint_eq(lone_told(l, GOSSIP_EVENT_GONE, NULL), 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("name");
    TCase *t = tcase_create("names");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_later_start_under_a_taken_name_is_told_who_has_it);
    tcase_add_test(t, hearsay_of_a_later_start_changes_nothing);
    tcase_add_test(t, an_earlier_start_that_others_tell_of_is_asked_and_not_believed);
    tcase_add_test(t, an_earlier_start_that_says_so_itself_takes_the_name_back);
    tcase_add_test(t, of_two_starts_at_one_time_all_choose_the_same);
    tcase_add_test(t, the_name_of_a_failed_member_is_free);
    tcase_add_test(t, a_host_installed_anew_replaces_its_old_self);
    tcase_add_test(t, news_of_a_dead_namesake_disturbs_nobody);
    tcase_add_test(t, an_earlier_holder_of_our_name_makes_us_stop_and_is_named_once);
    tcase_add_test(t, a_later_holder_of_our_name_is_told_that_we_have_it);
    tcase_add_test(t, a_newcomer_whose_clock_is_behind_takes_no_name);
    tcase_add_test(t, who_has_run_for_longer_takes_the_name_whatever_its_clock);
    tcase_add_test(t, our_host_installed_anew_with_a_clock_behind_goes_on);
    tcase_add_test(t, a_rename_to_a_taken_name_is_not_taken_on);
    suite_add_tcase(s, t);
    t = tcase_create("ids");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, an_earlier_agent_with_our_id_makes_us_stop);
    tcase_add_test(t, refusals_by_later_agents_and_by_others_do_not_count);
    tcase_add_test(t, a_later_agent_with_our_id_is_refused_and_outdone);
    tcase_add_test(t, who_leaves_outdoes_its_clone_and_still_leaves);
    suite_add_tcase(s, t);
    return unit_run(s);
}
