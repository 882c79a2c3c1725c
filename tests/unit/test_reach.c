/* Members that live, and that those who watch them cannot reach: how an observer finds out. */
#include "tests/unit/reach_fixture.h"

enum {
    POOR_ONE_IN = 4,  /* pings are answered on a poor edge */
    LEARN_MS = 60000, /* in this time it is known for it */
};

static unsigned pings; /* to those who answer poorly, so far */

static void answer(const struct peer *p, uint32_t seq)
{
    struct wire_writer w = lone_begin(l, p, WIRE_ACK);
    wire_put(&w, seq, 4);
    lone_receive(l, p, &w);
}

/* Answers one in POOR_ONE_IN of a peer's pings that were sent since `first`. */
static void answer_some(const struct peer *p, size_t first)
{
    for (size_t end = l->sent_count; first < end; first++) {
        const struct wire_message *m = &l->sent[first].message;
        if (m->kind == WIRE_PING && m->ping.target == p->row.key && ++pings % POOR_ONE_IN == 0)
            answer(p, m->ping.seq);
    }
}

/* Lets time pass while the subject, or everybody, answers poorly. */
static void run_poor_ms(bool everybody, uint32_t ms)
{
    for (size_t i = 0; i < PEERS; i++)
        peers[i].answers = !everybody && &peers[i] != subject;
    for (; ms > 0; ms--) {
        size_t first = l->sent_count;
        lone_run_ms(l, 1);
        for (size_t i = 0; i < PEERS; i++)
            if (!peers[i].answers)
                answer_some(&peers[i], first);
        forget_some();
    }
}

static void make_poor(void)
{
    run_poor_ms(false, LEARN_MS);
    assert_held(GOSSIP_ALIVE, false);
}

static void make_partly(void)
{
    make_poor();
    receive_evidence(others[0], WIRE_LOSSY);
    ck_assert(held(subject).unreachable);
}

/* Runs until we suspect the subject ourselves. */
static void make_suspect(void)
{
    subject->answers = false;
    for (int i = 0; i < 5000 && held(subject).status == GOSSIP_ALIVE; i++)
        lone_run_ms(l, 1);
    ck_assert_int_eq(held(subject).status, GOSSIP_SUSPECT);
    ck_assert_uint_eq(told(GOSSIP_EVENT_SUSPECT), 1);
}

/* Do our pings say to the peer that it is reached poorly? */
static bool pings_complain(const struct peer *p)
{
    run_ms(2 * timing()->ping_period_ms);
    const struct sent *ping = lone_last(l, WIRE_PING, p);
    ck_assert_ptr_nonnull(ping);
    return ping->message.ping.flags & WIRE_COMPLAINT;
}

/* ---- an observer finds out ---- */

START_TEST(two_observers_with_lossy_edges_mark_it_unreachable_once)
{
    make_poor();
    ck_assert_uint_eq(l->events_count, 0);
    receive_evidence(others[0], WIRE_LOSSY);
    assert_held(GOSSIP_ALIVE, true);
    ck_assert_uint_eq(held(subject).incarnation, subject->row.incarnation);
    for (int i = 0; i < 20; i++) {
        run_poor_ms(false, 1000);
        receive_evidence(others[0], WIRE_LOSSY);
    }
    assert_held(GOSSIP_ALIVE, true);
    ck_assert_uint_eq(told(GOSSIP_EVENT_UNREACHABLE), 1);
    ck_assert_uint_eq(l->events_count, 1);
}
END_TEST

START_TEST(every_ping_to_an_unreachable_member_carries_the_mark)
{
    struct wire_record r;
    make_partly();
    l->sent_count = 0;
    ck_assert(pings_complain(subject));
    ck_assert(sent_record(lone_last(l, WIRE_PING, subject), subject->row.key, &r));
    ck_assert_int_eq(r.fact.status, GOSSIP_ALIVE);
    ck_assert(r.fact.unreachable);
    ck_assert(!pings_complain(others[0]));
}
END_TEST

START_TEST(a_lossy_edge_alone_is_no_proof)
{
    make_poor();
    ck_assert(pings_complain(subject));
    run_poor_ms(false, LEARN_MS);
    ck_assert(!held(subject).unreachable);
    ck_assert_uint_eq(l->events_count, 0);
}
END_TEST

START_TEST(anothers_lossy_edge_alone_is_no_proof)
{
    for (int i = 0; i < 10; i++) {
        receive_evidence(others[0], WIRE_LOSSY);
        run_ms(500);
    }
    ck_assert(!held(subject).unreachable);
    ck_assert_uint_eq(l->events_count, 0);
}
END_TEST

START_TEST(one_that_is_itself_unreachable_proves_nothing_of_others)
{
    make_poor();
    receive_unreachable(others[1], &others[0]->row);
    receive_evidence(others[0], WIRE_LOSSY);
    assert_held(GOSSIP_ALIVE, false);
    receive_evidence(others[1], WIRE_LOSSY);
    assert_held(GOSSIP_ALIVE, true);
}
END_TEST

START_TEST(a_core_that_is_unreachable_marks_no_other)
{
    make_poor();
    receive_unreachable(others[1], &l->g->members.slots[l->g->self]);
    receive_evidence(others[0], WIRE_LOSSY);
    receive_evidence(others[1], WIRE_LOSSY);
    assert_held(GOSSIP_ALIVE, false);
}
END_TEST

START_TEST(what_another_found_long_ago_is_no_proof)
{
    receive_evidence(others[0], WIRE_LOSSY);
    run_poor_ms(false, 2 * LEARN_MS);
    ck_assert(!held(subject).unreachable);
    ck_assert_uint_eq(l->events_count, 0);
}
END_TEST

START_TEST(where_every_edge_is_lossy_none_is_marked_unreachable)
{
    for (int i = 0; i < 60; i++) {
        run_poor_ms(true, 2000);
        receive_evidence(others[0], WIRE_LOSSY);
    }
    struct gossip_explanation x;
    ck_assert_int_eq(gossip_explain(l->g, l->now_us, subject->name, &x), GOSSIP_OK);
    ck_assert_double_gt(x.loss, 0.5);
    for (size_t i = 0; i < PEERS; i++)
        ck_assert(!held(&peers[i]).unreachable);
    ck_assert_uint_eq(lone_events(l, GOSSIP_EVENT_UNREACHABLE, NULL), 0);
}
END_TEST

START_TEST(the_only_observer_there_can_be_needs_no_other)
{
    for (size_t i = 0; i < PEERS - 1; i++)
        lone_receive_left(l, others[i], others[i]);
    lone_clear(l);
    run_poor_ms(false, LEARN_MS);
    assert_held(GOSSIP_ALIVE, true);
    ck_assert_uint_eq(told(GOSSIP_EVENT_UNREACHABLE), 1);
}
END_TEST

START_TEST(one_that_a_third_reaches_and_we_do_not_is_unreachable)
{
    subject->answers = false;
    for (int i = 0; i < 40; i++) {
        run_ms(100);
        receive_evidence(others[1], WIRE_REACHED);
        receive_evidence(others[0], WIRE_LOSSY);
    }
    assert_held(GOSSIP_ALIVE, true);
    ck_assert_uint_eq(l->events_count, 1);
}
END_TEST

START_TEST(an_edge_that_works_again_is_complained_of_no_more)
{
    make_poor();
    ck_assert(pings_complain(subject));
    subject->answers = true;
    run_ms(LEARN_MS);
    ck_assert(!pings_complain(subject));
    receive_evidence(others[0], WIRE_LOSSY);
    ck_assert(pings_complain(subject)); /* for the other one, whose pings may not arrive */
    ck_assert(!held(subject).unreachable);
}
END_TEST

START_TEST(a_complaint_of_another_is_passed_on_for_a_while_only)
{
    receive_evidence(others[0], WIRE_LOSSY);
    run_ms(20 * timing()->ping_period_ms);
    l->sent_count = 0;
    ck_assert(!pings_complain(subject));
    size_t evidence = lone_sent(l, WIRE_EVIDENCE);
    ck_assert_msg(evidence == 0, "%zu packets with evidence where all is well", evidence);
}
END_TEST

/* ---- suspects ---- */

/* Lets the time pass that a suspect has to refute, and to be heard twice. */
static void run_looks(void)
{
    lone_run_ms(l, timing()->suspicion_max_ms + timing()->suspicion_max_ms + 2);
}

START_TEST(a_suspect_with_signs_of_life_at_others_is_unreachable_and_not_failed)
{
    make_suspect();
    for (int i = 0; i < 10; i++) {
        lone_run_ms(l, timing()->suspicion_max_ms / 5);
        receive_evidence(others[0], WIRE_SIGN);
    }
    assert_held(GOSSIP_ALIVE, true);
    ck_assert_uint_eq(told(GOSSIP_EVENT_UNREACHABLE), 1);
    ck_assert_uint_eq(told(GOSSIP_EVENT_FAILED), 0);
}
END_TEST

START_TEST(a_suspect_that_sends_is_unreachable_and_not_failed)
{
    make_suspect();
    for (int i = 0; i < 10; i++) {
        lone_run_ms(l, timing()->suspicion_max_ms / 5);
        lone_receive_claim(l, subject, others[0], GOSSIP_ALIVE); /* anything at all */
    }
    assert_held(GOSSIP_ALIVE, true);
    ck_assert_uint_eq(told(GOSSIP_EVENT_UNREACHABLE), 1);
    ck_assert_uint_eq(told(GOSSIP_EVENT_FAILED), 0);
}
END_TEST

START_TEST(one_late_packet_of_the_dead_is_no_life)
{
    make_suspect();
    lone_run_ms(l, 1);
    lone_receive_claim(l, subject, others[0], GOSSIP_ALIVE);
    lone_run_ms(l, timing()->suspicion_max_ms);
    assert_held(GOSSIP_SUSPECT, false);
    run_looks();
    assert_held(GOSSIP_FAILED, false);
    ck_assert_uint_eq(told(GOSSIP_EVENT_UNREACHABLE), 0);
}
END_TEST

START_TEST(a_sign_of_life_is_as_old_as_it_is_said_to_be)
{
    make_suspect();
    lone_run_ms(l, 100);
    struct wire_writer w = lone_begin(l, others[0], WIRE_EVIDENCE);
    wire_put(&w, subject->row.key, 8);
    wire_put(&w, 0, 2);
    wire_put(&w, 200, 2);
    wire_put(&w, WIRE_SIGN, 1);
    lone_receive(l, others[0], &w);
    lone_run_ms(l, timing()->suspicion_max_ms);
    assert_held(GOSSIP_FAILED, false);
}
END_TEST

START_TEST(a_suspect_that_sends_is_reported_to_those_that_suspect_it)
{
    lone_receive_claim(l, others[0], subject, GOSSIP_SUSPECT);
    lone_clear(l);
    lone_receive_claim(l, subject, others[0], GOSSIP_ALIVE);
    const struct sent *evidence = lone_last(l, WIRE_EVIDENCE, others[0]);
    ck_assert_ptr_nonnull(evidence);
    ck_assert_uint_eq(evidence->message.evidence.subject, subject->row.key);
    ck_assert_uint_eq(evidence->message.evidence.flags, WIRE_SIGN);
}
END_TEST

START_TEST(a_dead_member_is_called_failed)
{
    make_suspect();
    run_looks();
    assert_held(GOSSIP_FAILED, false);
    ck_assert_uint_eq(told(GOSSIP_EVENT_FAILED), 1);
    ck_assert_uint_eq(told(GOSSIP_EVENT_UNREACHABLE), 0);
}
END_TEST

START_TEST(signs_of_life_from_before_the_suspicion_are_none)
{
    receive_evidence(others[0], WIRE_SIGN);
    make_suspect();
    run_looks();
    ck_assert_int_eq(held(subject).status, GOSSIP_FAILED);
}
END_TEST

START_TEST(one_that_was_unreachable_and_dies_is_declared_failed)
{
    make_partly();
    for (int i = 0; i < 60 && held(subject).status != GOSSIP_FAILED; i++)
        run_ms(1000);
    assert_held(GOSSIP_FAILED, false);
    ck_assert_uint_eq(told(GOSSIP_EVENT_FAILED), 1);
    ck_assert_uint_eq(told(GOSSIP_EVENT_UNREACHABLE), 1);
    ck_assert_uint_eq(told(GOSSIP_EVENT_REACHABLE), 0);
}
END_TEST

START_TEST(one_that_is_unreachable_and_gives_signs_of_life_is_left_alone)
{
    make_partly();
    for (int i = 0; i < 60; i++) {
        run_ms(1000);
        receive_evidence(others[0], WIRE_SIGN);
        receive_evidence(others[0], WIRE_LOSSY);
    }
    assert_held(GOSSIP_ALIVE, true);
    ck_assert_uint_eq(l->events_count, 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("reach");
    TCase *t = new_case(s, "observer", setup);
    tcase_add_test(t, two_observers_with_lossy_edges_mark_it_unreachable_once);
    tcase_add_test(t, every_ping_to_an_unreachable_member_carries_the_mark);
    tcase_add_test(t, a_lossy_edge_alone_is_no_proof);
    tcase_add_test(t, anothers_lossy_edge_alone_is_no_proof);
    tcase_add_test(t, one_that_is_itself_unreachable_proves_nothing_of_others);
    tcase_add_test(t, a_core_that_is_unreachable_marks_no_other);
    tcase_add_test(t, what_another_found_long_ago_is_no_proof);
    tcase_add_test(t, where_every_edge_is_lossy_none_is_marked_unreachable);
    tcase_add_test(t, the_only_observer_there_can_be_needs_no_other);
    tcase_add_test(t, one_that_a_third_reaches_and_we_do_not_is_unreachable);
    tcase_add_test(t, an_edge_that_works_again_is_complained_of_no_more);
    tcase_add_test(t, a_complaint_of_another_is_passed_on_for_a_while_only);
    t = new_case(s, "suspects", setup);
    tcase_add_test(t, a_suspect_with_signs_of_life_at_others_is_unreachable_and_not_failed);
    tcase_add_test(t, a_suspect_that_sends_is_unreachable_and_not_failed);
    tcase_add_test(t, one_late_packet_of_the_dead_is_no_life);
    tcase_add_test(t, a_sign_of_life_is_as_old_as_it_is_said_to_be);
    tcase_add_test(t, a_suspect_that_sends_is_reported_to_those_that_suspect_it);
    tcase_add_test(t, a_dead_member_is_called_failed);
    tcase_add_test(t, signs_of_life_from_before_the_suspicion_are_none);
    tcase_add_test(t, one_that_was_unreachable_and_dies_is_declared_failed);
    tcase_add_test(t, one_that_is_unreachable_and_gives_signs_of_life_is_left_alone);
    return unit_run(s);
}
