/* What a core makes of the facts that it hears. */
#include "gossip/membership/view.h"

#include "tests/unit/invariant.h"
#include "tests/unit/lone.h"

static struct lone *l;
static struct peer a, b, c, d;

/* Ourselves as a peer would hold us. */
enum { SELF = 200 };

static void setup(void)
{
    l = lone_new();
    lone_meet(l, &a, 1, true);
    lone_meet(l, &b, 2, true);
    lone_meet(l, &c, 3, true);
    lone_meet(l, &d, 4, true);
    lone_run_ms(l, 3000);
    lone_clear(l);
}

static void teardown(void)
{
    invariant_check(l->g);
    lone_free(l);
}

static void receive_of_self(struct peer *self, enum gossip_status status)
{
    struct wire_writer w = lone_begin(l, &a, WIRE_UPDATES);
    struct member row = self->row;
    row.profile = &self->profile;
    row.status = (uint8_t)status;
    ck_assert(wire_put_short(&w, &row, a.row.key));
    lone_receive(l, &a, &w);
}

START_TEST(a_suspicion_of_oneself_is_refuted_with_a_higher_incarnation)
{
    static const enum gossip_status claims[] = {GOSSIP_SUSPECT, GOSSIP_LEAVING, GOSSIP_FAILED,
                                                GOSSIP_LEFT};
    struct peer self;
    peer_init(&self, SELF);
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        self.row.incarnation = gossip_self(l->g).incarnation;
        receive_of_self(&self, claims[i]);
        ck_assert_uint_eq(gossip_self(l->g).incarnation, self.row.incarnation + 1);
        ck_assert_int_eq(gossip_self(l->g).status, GOSSIP_ALIVE);
    }
    struct gossip_stats stats;
    gossip_get_stats(l->g, &stats);
    ck_assert_uint_eq(stats.refutations, 4);
    ck_assert_uint_eq(l->events_count, 0);
}
END_TEST

START_TEST(a_refutation_is_sent_at_once_and_lies_above_the_claim)
{
    struct peer self;
    peer_init(&self, SELF);
    self.row.incarnation = 40;
    receive_of_self(&self, GOSSIP_SUSPECT);
    ck_assert_uint_eq(gossip_self(l->g).incarnation, 41);
    lone_run_ms(l, SPREAD_IMMEDIATE_GAP_US / 1000 + 1);
    size_t told = 0;
    struct wire_record r;
    for (size_t i = 0; i < l->sent_count; i++)
        told += sent_record(&l->sent[i], self.row.key, &r) && r.full && r.fact.incarnation == 41 &&
                r.fact.status == GOSSIP_ALIVE;
    ck_assert_uint_ge(told, SPREAD_IMMEDIATE_FANOUT);
}
END_TEST

START_TEST(an_outdated_claim_of_oneself_is_answered_but_raises_nothing)
{
    struct peer self;
    peer_init(&self, SELF);
    self.row.incarnation = 40;
    receive_of_self(&self, GOSSIP_SUSPECT);
    lone_run_ms(l, 5000);
    lone_clear(l);
    self.row.incarnation = 39;
    receive_of_self(&self, GOSSIP_FAILED);
    ck_assert_uint_eq(gossip_self(l->g).incarnation, 41);
    ck_assert_msg(lone_sent_status(l, &a, self.row.key, GOSSIP_ALIVE),
                  "whoever holds us for dead since long learns that we live");
}
END_TEST

START_TEST(the_highest_incarnation_is_refuted_with_a_new_generation)
{
    struct peer self;
    peer_init(&self, SELF);
    uint64_t before = gossip_self(l->g).profile->generation;
    self.row.incarnation = WIRE_INCARNATION_MAX;
    receive_of_self(&self, GOSSIP_FAILED);
    ck_assert_uint_eq(gossip_self(l->g).profile->generation, before + 1);
    ck_assert_uint_eq(gossip_self(l->g).incarnation, 1);
    ck_assert_int_eq(gossip_self(l->g).status, GOSSIP_ALIVE);
}
END_TEST

START_TEST(a_generation_beyond_reach_changes_nothing)
{
    struct peer self, stranger;
    peer_init(&self, SELF);
    uint64_t before = gossip_self(l->g).profile->generation;
    self.profile.generation = GOSSIP_GENERATION_MAX;
    lone_receive_record(l, &a, &self, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert_uint_eq(gossip_self(l->g).profile->generation, before);
    a.profile.generation = GOSSIP_GENERATION_MAX;
    lone_receive_record(l, &b, &a, GOSSIP_FAILED, WIRE_DELTA);
    ck_assert_int_eq(lone_status(l, &a), GOSSIP_ALIVE);
    peer_init(&stranger, 9);
    stranger.profile.generation = WIRE_GENERATION_STEP_MAX + 1;
    lone_receive_record(l, &b, &stranger, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert_int_eq(lone_status(l, &stranger), -1);
    ck_assert_uint_eq(l->events_count, 0);
}
END_TEST

START_TEST(a_repeated_update_is_one_event)
{
    for (int i = 0; i < 5; i++) {
        lone_receive_claim(l, &a, &b, GOSSIP_SUSPECT);
        lone_receive_record(l, &a, &b, GOSSIP_SUSPECT, WIRE_DELTA);
    }
    ck_assert_uint_eq(l->events_count, 1);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_SUSPECT, "p2"), 1);
    b.row.incarnation = 2;
    for (int i = 0; i < 5; i++) {
        lone_receive_record(l, &a, &b, GOSSIP_ALIVE, WIRE_UPDATES);
        lone_receive_record(l, &a, &b, GOSSIP_ALIVE, WIRE_DELTA);
    }
    ck_assert_uint_eq(l->events_count, 2);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_UPDATE, "p2"), 1);
    for (int i = 0; i < 5; i++)
        lone_receive_record(l, &b, &b, GOSSIP_LEAVING, WIRE_UPDATES);
    for (int i = 0; i < 5; i++)
        lone_receive_claim(l, &b, &b, GOSSIP_LEFT);
    ck_assert_uint_eq(l->events_count, 4);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_UPDATE, "p2"), 2);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_LEAVE, "p2"), 1);
}
END_TEST

START_TEST(older_facts_change_nothing)
{
    b.row.incarnation = 5;
    lone_receive_record(l, &b, &b, GOSSIP_ALIVE, WIRE_UPDATES);
    lone_clear(l);
    b.row.incarnation = 4;
    for (int status = GOSSIP_ALIVE; status <= GOSSIP_LEFT; status++) {
        lone_receive_claim(l, &a, &b, (enum gossip_status)status);
        lone_receive_record(l, &a, &b, (enum gossip_status)status, WIRE_UPDATES);
        ck_assert_int_eq(lone_status(l, &b), GOSSIP_ALIVE);
    }
    b.row.incarnation = 9;
    b.profile.generation--;
    for (int status = GOSSIP_ALIVE; status <= GOSSIP_LEFT; status++)
        lone_receive_record(l, &a, &b, (enum gossip_status)status, WIRE_UPDATES);
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_ALIVE);
    ck_assert_uint_eq(l->events_count, 0);
}
END_TEST

START_TEST(the_sender_of_an_outdated_suspicion_gets_the_newer_fact)
{
    b.row.incarnation = 5;
    lone_receive_record(l, &b, &b, GOSSIP_ALIVE, WIRE_UPDATES);
    lone_clear(l);
    b.row.incarnation = 4;
    lone_receive_claim(l, &a, &b, GOSSIP_SUSPECT);
    ck_assert(lone_sent_status(l, &a, b.row.key, GOSSIP_ALIVE));
}
END_TEST

START_TEST(a_newer_version_is_not_taken_on_without_its_profile)
{
    b.row.incarnation = 7;
    lone_receive_claim(l, &a, &b, GOSSIP_SUSPECT);
    lone_receive_claim(l, &a, &b, GOSSIP_LEFT);
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_ALIVE);
    ck_assert_uint_eq(l->events_count, 0);
}
END_TEST

START_TEST(new_tags_and_addresses_are_update_events)
{
    b.row.incarnation = 2;
    b.profile.tags = "role\0db\0";
    b.profile.tags_bytes = 8;
    lone_receive_record(l, &a, &b, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_UPDATE, "p2"), 1);
    struct gossip_member m;
    ck_assert(gossip_find(l->g, "p2", &m));
    ck_assert_mem_eq(m.profile->tags, "role\0db\0", 8);
    b.row.incarnation = 3;
    b.profile.addr.port = 8000;
    lone_receive_record(l, &a, &b, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_UPDATE, "p2"), 2);
    ck_assert(gossip_find(l->g, "p2", &m));
    ck_assert_uint_eq(m.profile->addr.port, 8000);
}
END_TEST

START_TEST(a_restart_with_another_name_renames_the_member)
{
    b.profile.generation++;
    b.profile.name = "renamed";
    lone_receive_record(l, &b, &b, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_ALIVE);
    struct gossip_member m;
    ck_assert(!gossip_find(l->g, "p2", &m));
}
END_TEST

START_TEST(a_member_that_was_dead_before_is_remembered_without_an_event)
{
    struct peer e, f;
    peer_init(&e, 5);
    peer_init(&f, 6);
    lone_receive_record(l, &a, &e, GOSSIP_FAILED, WIRE_DELTA);
    lone_receive_record(l, &a, &f, GOSSIP_LEFT, WIRE_DELTA);
    ck_assert_int_eq(lone_status(l, &e), GOSSIP_FAILED);
    ck_assert_int_eq(lone_status(l, &f), GOSSIP_LEFT);
    ck_assert_uint_eq(l->events_count, 0);
    e.row.incarnation = 2;
    lone_receive_record(l, &e, &e, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_JOIN, "p5"), 1);
}
END_TEST

/* Else whoever forges our address could be flooded by us. */
START_TEST(a_packet_full_of_old_claims_is_answered_with_one)
{
    struct wire_writer w = lone_begin(l, &a, WIRE_UPDATES);
    struct peer *others[] = {&b, &c, &d};
    for (int times = 0; times < 10; times++)
        for (int i = 0; i < 3; i++) {
            struct member old = others[i]->row;
            old.incarnation--;
            old.status = GOSSIP_SUSPECT;
            ck_assert(wire_put_short(&w, &old, 0));
        }
    lone_receive(l, &a, &w);
    ck_assert_uint_eq(l->sent_count, 1);
    for (int i = 0; i < 3; i++)
        ck_assert(lone_sent_status(l, &a, others[i]->row.key, GOSSIP_ALIVE));
}
END_TEST

START_TEST(an_unknown_member_without_its_profile_is_ignored)
{
    struct peer e;
    peer_init(&e, 5);
    for (int status = GOSSIP_ALIVE; status <= GOSSIP_LEFT; status++)
        lone_receive_claim(l, &a, &e, (enum gossip_status)status);
    ck_assert_int_eq(lone_status(l, &e), -1);
    ck_assert_uint_eq(l->events_count, 0);
}
END_TEST

/* Ids are told apart by their first half; one that differs in the second is refused. */
START_TEST(an_id_that_only_begins_like_a_known_one_is_refused)
{
    struct peer forged = b;
    forged.profile.id[15] ^= 1;
    forged.profile.generation += 5;
    forged.row.profile = &forged.profile;
    forged.profile.name = "forged";
    lone_receive_record(l, &a, &forged, GOSSIP_ALIVE, WIRE_UPDATES);
    lone_receive_record(l, &a, &forged, GOSSIP_LEFT, WIRE_DELTA);
    ck_assert_int_eq(lone_status(l, &b), GOSSIP_ALIVE);
    ck_assert_int_eq(lone_status(l, &forged), -1);
    struct peer self;
    peer_init(&self, SELF);
    self.profile.id[15] ^= 1;
    self.profile.generation += 5;
    self.row.profile = &self.profile;
    lone_receive_record(l, &a, &self, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert_uint_eq(gossip_self(l->g).profile->generation, LONE_GENERATION);
    ck_assert_uint_eq(l->events_count, 0);
}
END_TEST

START_TEST(a_pruned_member_is_shown_no_longer_however_the_update_comes)
{
    lone_receive_left(l, &c, &a);
    a.row.pruned = b.row.pruned = true;
    lone_receive_claim(l, &c, &a, GOSSIP_LEFT);
    lone_receive_left(l, &c, &b);
    ck_assert_int_eq(lone_status(l, &a), -1);
    ck_assert_int_eq(lone_status(l, &b), -1);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_LEAVE, NULL), 2);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_REAP, "p1"), 1);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_REAP, "p2"), 1);
    size_t cursor = 0, shown = 0;
    for (struct gossip_member m; gossip_next_member(l->g, &cursor, &m); shown++)
        ck_assert_str_ne(m.profile->name, "p1");
    ck_assert_uint_eq(shown, 3);
    /* It may come back. */
    a.row.pruned = false;
    a.row.incarnation++;
    lone_receive_record(l, &a, &a, GOSSIP_ALIVE, WIRE_UPDATES);
    ck_assert_int_eq(lone_status(l, &a), GOSSIP_ALIVE);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_JOIN, "p1"), 1);
}
END_TEST

/* That much later: asleep for most of it, which is none's fault. */
static void run_s(uint32_t s)
{
    enum { AWAKE_S = 120 };
    l->now_us += (int64_t)(s - AWAKE_S) * 1000000;
    for (int i = 0; i < AWAKE_S / 10; i++) {
        lone_run_ms(l, 10000);
        l->sent_count = 0;
    }
}

START_TEST(the_dead_are_remembered_for_a_while_from_their_death_on)
{
    struct peer failed, old;
    uint32_t half_s = l->g->timing.reap_s / 2;
    peer_init(&failed, 5);
    peer_init(&old, 6);
    old.row.since_us = -1000000 * (int64_t)half_s;
    lone_receive_record(l, &a, &failed, GOSSIP_FAILED, WIRE_DELTA);
    lone_receive_record(l, &a, &old, GOSSIP_LEFT, WIRE_DELTA);
    lone_receive_left(l, &d, &d);
    lone_clear(l);
    run_s(half_s + 120);
    ck_assert_int_eq(lone_status(l, &old), -1);
    ck_assert_int_eq(lone_status(l, &d), GOSSIP_LEFT);
    ck_assert_int_eq(lone_status(l, &failed), GOSSIP_FAILED);
    run_s(half_s);
    ck_assert_int_eq(lone_status(l, &d), -1);
    ck_assert_int_eq(lone_status(l, &failed), -1);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_REAP, NULL), 3);
    old.row.since_us = -2000000 * (int64_t)half_s;
    lone_receive_record(l, &a, &old, GOSSIP_LEFT, WIRE_DELTA);
    ck_assert_int_eq(lone_status(l, &old), -1);
}
END_TEST

/* Random facts of a few members with few names and few versions, so that everything collides. */
static void receive_anything(struct rng *rng)
{
    struct peer about, from;
    static char name[8];
    static const enum wire_kind kinds[] = {WIRE_UPDATES, WIRE_DELTA};
    peer_init(&about, rng_below(rng, 8) ? 1 + rng_below(rng, 12) : 200);
    peer_init(&from, 1 + rng_below(rng, 12));
    snprintf(name, sizeof name, "p%u", 1 + rng_below(rng, 12));
    if (rng_below(rng, 3) == 0)
        about.profile.name = name;
    about.profile.generation += rng_below(rng, 3);
    about.profile.addr.port = (uint16_t)(about.profile.addr.port + rng_below(rng, 2));
    about.row.incarnation = rng_below(rng, 4);
    about.row.pruned = rng_below(rng, 4) == 0;
    about.row.profile = &about.profile;
    if (rng_below(rng, 2))
        lone_receive_claim(l, &from, &about, (enum gossip_status)rng_below(rng, 5));
    else
        lone_receive_record(l, &from, &about, (enum gossip_status)rng_below(rng, 5),
                            kinds[rng_below(rng, 2)]);
}

START_TEST(any_received_packet_leaves_the_core_in_order)
{
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct rng rng;
        rng_seed(&rng, seed);
        struct lone *kept = l;
        l = lone_new();
        for (int step = 0; step < 400; step++) {
            receive_anything(&rng);
            invariant_check(l->g);
            if (rng_below(&rng, 4) == 0)
                lone_run_ms(l, rng_below(&rng, 400));
            invariant_check(l->g);
            lone_clear(l);
        }
        lone_free(l);
        l = kept;
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("view");
    TCase *t = tcase_create("of oneself");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_suspicion_of_oneself_is_refuted_with_a_higher_incarnation);
    tcase_add_test(t, a_refutation_is_sent_at_once_and_lies_above_the_claim);
    tcase_add_test(t, an_outdated_claim_of_oneself_is_answered_but_raises_nothing);
    tcase_add_test(t, the_highest_incarnation_is_refuted_with_a_new_generation);
    tcase_add_test(t, a_generation_beyond_reach_changes_nothing);
    suite_add_tcase(s, t);
    t = tcase_create("of others");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_repeated_update_is_one_event);
    tcase_add_test(t, older_facts_change_nothing);
    tcase_add_test(t, the_sender_of_an_outdated_suspicion_gets_the_newer_fact);
    tcase_add_test(t, a_newer_version_is_not_taken_on_without_its_profile);
    tcase_add_test(t, new_tags_and_addresses_are_update_events);
    tcase_add_test(t, a_restart_with_another_name_renames_the_member);
    tcase_add_test(t, a_member_that_was_dead_before_is_remembered_without_an_event);
    tcase_add_test(t, a_packet_full_of_old_claims_is_answered_with_one);
    tcase_add_test(t, an_unknown_member_without_its_profile_is_ignored);
    tcase_add_test(t, an_id_that_only_begins_like_a_known_one_is_refused);
    tcase_add_test(t, a_pruned_member_is_shown_no_longer_however_the_update_comes);
    tcase_add_test(t, the_dead_are_remembered_for_a_while_from_their_death_on);
    tcase_add_test(t, any_received_packet_leaves_the_core_in_order);
    suite_add_tcase(s, t);
    return unit_run(s);
}
