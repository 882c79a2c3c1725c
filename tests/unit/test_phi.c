#include "gossip/detector/phi.h"

#include "gossip/rng.h"

#include "tests/unit/unit.h"

#include <math.h>

#define RTT_US 200
#define MS 1000

/* An edge on which `count` pings, a second apart, were answered; the time after that. */
static int64_t seasoned(struct phi *phi, unsigned count)
{
    int64_t now_us = 1000 * MS;
    phi_init(phi, &tuning_default, 0, tuning_default.loss_min);
    for (unsigned i = 0; i < count; i++, now_us += 1000 * MS) {
        phi_sent(phi, i, now_us);
        ck_assert(phi_answered(phi, i, now_us + RTT_US));
    }
    return now_us;
}

START_TEST(an_edge_without_pings_out_has_no_evidence)
{
    struct phi phi;
    int64_t now_us = seasoned(&phi, 20);
    ck_assert_double_eq(phi_at(&phi, now_us), 0);
    ck_assert_double_eq(phi_at(&phi, now_us + INT64_C(86400000) * MS), 0);
    phi_init(&phi, &tuning_default, 0, tuning_default.loss_min);
    ck_assert_double_eq(phi_at(&phi, now_us), 0);
}
END_TEST

START_TEST(evidence_grows_with_silence_and_with_every_ping)
{
    struct phi phi;
    int64_t now_us = seasoned(&phi, 20);
    double last = 0;
    for (unsigned i = 0; i < 40; i++, now_us += 50 * MS) {
        phi_sent(&phi, 100 + i, now_us);
        double evidence = phi_at(&phi, now_us + 49 * MS);
        ck_assert_double_gt(evidence, last);
        last = evidence;
    }
    ck_assert_double_gt(last, 40);
}
END_TEST

START_TEST(one_lost_ping_is_worth_what_the_loss_allows)
{
    struct phi phi;
    int64_t now_us = seasoned(&phi, 2000);
    ck_assert_double_eq(phi.loss, tuning_default.loss_min);
    phi_sent(&phi, 9000, now_us);
    ck_assert_double_le(phi_at(&phi, now_us + INT64_C(1000000) * MS),
                        -log10(tuning_default.loss_min) + 1e-9);
    ck_assert_double_ge(phi_at(&phi, now_us + INT64_C(1000000) * MS),
                        -log10(tuning_default.loss_min) - 1e-9);
}
END_TEST

START_TEST(late_ack_clears_the_evidence)
{
    struct phi phi;
    int64_t now_us = seasoned(&phi, 20);
    for (unsigned i = 0; i < 20; i++, now_us += 50 * MS)
        phi_sent(&phi, 100 + i, now_us);
    ck_assert_double_gt(phi_at(&phi, now_us), 10);
    ck_assert(phi_answered(&phi, 119, now_us));
    ck_assert_double_eq(phi_at(&phi, now_us), 0);
    ck_assert_double_eq(phi_at(&phi, now_us + 1000 * MS), 0);
    ck_assert_uint_eq(phi.unanswered, 0);
}
END_TEST

START_TEST(an_answer_to_an_older_ping_leaves_the_newer_ones_out)
{
    struct phi phi;
    int64_t now_us = seasoned(&phi, 20);
    for (unsigned i = 0; i < 5; i++, now_us += 50 * MS)
        phi_sent(&phi, 100 + i, now_us);
    ck_assert(phi_answered(&phi, 102, now_us));
    ck_assert_uint_eq(phi.count, 2);
    ck_assert_uint_eq(phi.unanswered, 2);
    ck_assert_uint_eq(phi.pings[0].seq, 103);
    ck_assert(!phi_answered(&phi, 101, now_us));
    ck_assert(phi_answered(&phi, 104, now_us));
}
END_TEST

START_TEST(an_answer_that_was_not_asked_for_changes_nothing)
{
    struct phi phi;
    int64_t now_us = seasoned(&phi, 20);
    phi_sent(&phi, 100, now_us);
    struct phi before = phi;
    ck_assert(!phi_answered(&phi, 99, now_us + 300));
    ck_assert(!phi_answered(&phi, 19, now_us + 300));
    ck_assert_mem_eq(&phi, &before, sizeof phi);
    ck_assert(phi_answered(&phi, 100, now_us + 300));
    ck_assert(!phi_answered(&phi, 100, now_us + 301));
}
END_TEST

START_TEST(a_lossy_edge_needs_more_pings_for_the_same_evidence)
{
    struct phi good, bad;
    struct rng rng;
    int64_t now_us = seasoned(&good, 400);
    rng_seed(&rng, 5);
    phi_init(&bad, &tuning_default, RTT_US, tuning_default.loss_min);
    for (unsigned i = 0; i < 400; i++) {
        phi_sent(&bad, i, now_us - (400 - i) * 1000 * MS);
        if (rng_below(&rng, 100) >= 30)
            phi_answered(&bad, i, now_us - (400 - i) * 1000 * MS + RTT_US);
    }
    ck_assert_double_gt(bad.loss, 0.1);
    bad.count = bad.unanswered = 0;
    bad.folded = 0;
    for (unsigned i = 0; i < 5; i++) {
        phi_sent(&good, 1000 + i, now_us + i * 50 * MS);
        phi_sent(&bad, 1000 + i, now_us + i * 50 * MS);
    }
    ck_assert_double_gt(phi_at(&good, now_us + 1000 * MS), 2 * phi_at(&bad, now_us + 1000 * MS));
}
END_TEST

START_TEST(measured_loss_stays_within_its_bounds)
{
    struct phi phi;
    int64_t now_us = seasoned(&phi, 1);
    for (unsigned i = 0; i < 4000; i++, now_us += 1000 * MS) {
        phi_sent(&phi, 10 + i, now_us);
        if (i % 100 == 99)
            phi_answered(&phi, 10 + i, now_us + RTT_US);
        ck_assert_double_ge(phi.loss, tuning_default.loss_min);
        ck_assert_double_le(phi.loss, PHI_LOSS_MAX);
    }
    for (unsigned i = 0; i < 4000; i++, now_us += 1000 * MS) {
        phi_sent(&phi, 9000 + i, now_us);
        phi_answered(&phi, 9000 + i, now_us + RTT_US);
        ck_assert_double_ge(phi.loss, tuning_default.loss_min);
    }
    ck_assert_double_eq(phi.loss, tuning_default.loss_min);
}
END_TEST

START_TEST(an_outage_does_not_pass_for_a_lossy_edge)
{
    struct phi phi;
    int64_t now_us = seasoned(&phi, 400);
    for (unsigned i = 0; i < 3600; i++, now_us += 1000 * MS)
        phi_sent(&phi, 1000 + i, now_us);
    ck_assert(phi_answered(&phi, 1000 + 3599, now_us));
    ck_assert_double_lt(phi.loss, 0.3);
}
END_TEST

START_TEST(pings_that_no_longer_fit_are_folded_in)
{
    struct phi phi;
    int64_t now_us = seasoned(&phi, 400);
    for (unsigned i = 0; i < PHI_PINGS_MAX; i++, now_us += 1000 * MS)
        phi_sent(&phi, 1000 + i, now_us);
    double full = phi_at(&phi, now_us);
    phi_sent(&phi, 2000, now_us);
    ck_assert_uint_eq(phi.count, PHI_PINGS_MAX);
    ck_assert_uint_eq(phi.unanswered, PHI_PINGS_MAX + 1);
    ck_assert_double_eq_tol(phi_at(&phi, now_us), full, 1e-6);
    ck_assert(!phi_answered(&phi, 1000, now_us));
    ck_assert(phi_answered(&phi, 1001, now_us));
    ck_assert_double_eq(phi.folded, 0);
}
END_TEST

START_TEST(a_stall_of_the_host_is_compensated)
{
    struct phi phi;
    int64_t now_us = seasoned(&phi, 20);
    phi_sent(&phi, 100, now_us);
    phi_sent(&phi, 101, now_us + 10 * MS);
    double before = phi_at(&phi, now_us + 30 * MS);
    phi_compensate(&phi, 60000 * MS);
    ck_assert_double_eq_tol(phi_at(&phi, now_us + 60030 * MS), before, 1e-9);
    /* Answers that had come in meanwhile seem to come before their pings. */
    ck_assert(phi_answered(&phi, 101, now_us + 20 * MS));
    ck_assert_double_gt(phi.srtt_us, 0);
}
END_TEST

START_TEST(patience_covers_the_usual_answer_and_grows_with_its_spread)
{
    struct phi near, far;
    seasoned(&near, 50);
    phi_init(&far, &tuning_default, 0, tuning_default.loss_min);
    for (unsigned i = 0; i < 50; i++) {
        phi_sent(&far, i, i * 1000 * MS);
        phi_answered(&far, i, i * 1000 * MS + (i % 2 ? 20 : 120) * MS);
    }
    ck_assert_int_ge(phi_patience_us(&near), RTT_US + (int64_t)tuning_default.spread_min_us);
    ck_assert_int_gt(phi_patience_us(&far), 120 * MS);
    ck_assert_int_lt(phi_patience_us(&near), 100 * MS);
    phi_init(&far, &tuning_default, 0, tuning_default.loss_min);
    ck_assert_int_gt(phi_patience_us(&far), 50 * MS);
}
END_TEST

/* Any order of pings, answers, sleeps and looks, with times from nothing to years. */
START_TEST(evidence_is_never_negative_and_never_nan)
{
    struct rng rng;
    rng_seed(&rng, 11);
    for (int run = 0; run < 300; run++) {
        struct phi phi;
        int64_t now_us = 0;
        uint32_t seq = 0;
        phi_init(&phi, &tuning_default, rng_below(&rng, 2) ? 0 : rng_below(&rng, 1000000),
                 tuning_default.loss_min);
        for (int step = 0; step < 300; step++) {
            now_us += (int64_t)(rng_next(&rng) >> (20 + rng_below(&rng, 44)));
            switch (rng_below(&rng, 4)) {
            case 0:
            case 1:
                phi_sent(&phi, ++seq, now_us);
                break;
            case 2:
                phi_answered(&phi, seq - rng_below(&rng, 12), now_us);
                break;
            default:
                phi_compensate(&phi, (int64_t)(rng_next(&rng) >> (24 + rng_below(&rng, 40))));
            }
            double evidence = phi_at(&phi, now_us);
            ck_assert_msg(evidence >= 0 && isfinite(evidence), "run %d step %d: %f", run, step,
                          evidence);
            ck_assert_int_gt(phi_patience_us(&phi), 0);
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("phi");
    TCase *c = tcase_create("evidence");
    tcase_add_test(c, an_edge_without_pings_out_has_no_evidence);
    tcase_add_test(c, evidence_grows_with_silence_and_with_every_ping);
    tcase_add_test(c, one_lost_ping_is_worth_what_the_loss_allows);
    tcase_add_test(c, late_ack_clears_the_evidence);
    tcase_add_test(c, an_answer_to_an_older_ping_leaves_the_newer_ones_out);
    tcase_add_test(c, an_answer_that_was_not_asked_for_changes_nothing);
    tcase_add_test(c, evidence_is_never_negative_and_never_nan);
    suite_add_tcase(s, c);
    c = tcase_create("measurement");
    tcase_add_test(c, a_lossy_edge_needs_more_pings_for_the_same_evidence);
    tcase_add_test(c, measured_loss_stays_within_its_bounds);
    tcase_add_test(c, an_outage_does_not_pass_for_a_lossy_edge);
    tcase_add_test(c, pings_that_no_longer_fit_are_folded_in);
    tcase_add_test(c, a_stall_of_the_host_is_compensated);
    tcase_add_test(c, patience_covers_the_usual_answer_and_grows_with_its_spread);
    suite_add_tcase(s, c);
    return unit_run(s);
}
