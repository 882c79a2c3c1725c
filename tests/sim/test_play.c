/* What a scenario shows: played from its text, its trace and its report read. */
#include "gossip/core.h"
#include "gossip/membership/view.h"
#include "gossip/sim/net_views.h"
#include "gossip/sim/play.h"

#include "tests/sim/scenario.h"

#include <stdio.h>
#include <string.h>

enum { TRACE_BYTES = 1 << 20 };

static char trace[TRACE_BYTES];
static struct report report; /* of what was played last */

static void play_seed(const char *text, uint64_t seed)
{
    struct scenario_error error;
    char line[PLAY_LINE_BYTES];
    size_t len = 0;
    struct scenario *scenario = scenario_parse(text, 0, &error);
    ck_assert_msg(scenario != NULL, "%d: %s", error.line, error.text);
    struct play *play = play_new(scenario, &error);
    ck_assert_msg(play != NULL, "%d: %s", error.line, error.text);
    free(report.crashes);
    report = (struct report){0};
    trace[0] = '\0';
    if (play_begin(play, seed, &report))
        while (play_next(play, line)) {
            ck_assert_uint_lt(len + strlen(line) + 1, TRACE_BYTES);
            len += (size_t)sprintf(trace + len, "%s\n", line);
        }
    play_free(play);
    scenario_free(scenario);
}

static void play(const char *text)
{
    play_seed(text, 1);
}

static void teardown(void)
{
    free(report.crashes);
    report = (struct report){0};
}

/* ---- agreement ---- */

static struct net *form_four(void)
{
    struct net *net = net_new(&(struct net_config){
        .nodes = 4, .detect_ms = GOSSIP_DETECT_MS_DEFAULT, .delay_us = 100, .jitter_us = 300});
    net_form(net);
    net_reseed(net, 1);
    net_run_ms(net, 1000);
    ck_assert(net_agrees(net));
    return net;
}

START_TEST(agreement_covers_incarnations_and_unreachable_members)
{
    for (int unreachable = 0; unreachable < 2; unreachable++) {
        struct net *net = form_four();
        view_restate_self(net_core(net, 2), 0, GOSSIP_ALIVE, unreachable);
        ck_assert_int_eq(net_status(net, 2, 2), GOSSIP_ALIVE);
        ck_assert(!net_agrees(net));
        ck_assert_uint_eq(net_unreachable(net, 2), (unsigned)unreachable);
        ck_assert_uint_eq(net_unreachable(net, 1), 0);
        net_settle(net, 2);
        net_run_ms(net, 1000);
        ck_assert(net_agrees(net));
        ck_assert_uint_eq(net_unreachable(net, 1), (unsigned)unreachable);
        net_free(net);
    }
}
END_TEST

START_TEST(agreement_is_on_the_nodes_that_run)
{
    struct net *net = form_four();
    net_crash(net, 3);
    ck_assert(!net_agrees(net));
    net_run_ms(net, 5000);
    ck_assert(net_agrees(net));
    net_start(net, 3, 3);
    ck_assert(!net_agrees(net));
    net_free(net);
}
END_TEST

START_TEST(marks_that_are_left_at_the_end_are_counted)
{
    play("nodes 9\nat 1s link all -> n3 loss 80%\nat 1s link n3 -> all loss 80%\nrun 60s");
    ck_assert_double_ge(report.unreachable_at_end, 8);
    play("nodes 9\nrun 9s");
    ck_assert_double_eq(report.unreachable_at_end, 0);
}
END_TEST

START_TEST(each_agreement_is_awaited_for_itself)
{
    play("nodes 9\nat 1s split n0..n3 | rest for 20s\nat 2s agree within 10s\n"
         "at 3s agree within 30s\nrun 40s");
    ck_assert_ptr_nonnull(strstr(trace, "-- not agreed after 10.00 s (line 3)"));
    ck_assert_ptr_nonnull(strstr(trace, "-- agreed after "));
    ck_assert_ptr_nonnull(
        strstr(report.broken, "line 3: not all nodes that run agree after 10.00 s"));
    ck_assert_double_ge(report.agreed_ms, 18000);
}
END_TEST

START_TEST(agreements_that_come_at_one_time_are_all_printed)
{
    play("nodes 9\nat 1s crash n3\nat 1s agree within 4s\nat 1s agree within 5s\nrun 9s");
    ck_assert_str_eq(report.broken, "");
    ck_assert_ptr_nonnull(strstr(trace, "s (line 3)"));
    ck_assert_ptr_nonnull(strstr(trace, "s (line 4)"));
}
END_TEST

START_TEST(repeated_agreements_end_before_the_run_does)
{
    play("nodes 9\nat 11s crash n3\nevery 4s agree within 2s\nrun 13s");
    ck_assert_str_eq(report.broken, "");
    ck_assert_ptr_nonnull(strstr(trace, "8.000000 -- agreed after 0.00 s (line 3)"));
    ck_assert_ptr_null(strstr(trace, "12.0"));
}
END_TEST

static TCase *agreement(void)
{
    TCase *t = tcase_create("agreement");
    tcase_add_test(t, agreement_covers_incarnations_and_unreachable_members);
    tcase_add_test(t, agreement_is_on_the_nodes_that_run);
    tcase_add_test(t, marks_that_are_left_at_the_end_are_counted);
    tcase_add_test(t, each_agreement_is_awaited_for_itself);
    tcase_add_test(t, agreements_that_come_at_one_time_are_all_printed);
    tcase_add_test(t, repeated_agreements_end_before_the_run_does);
    return t;
}

/* ---- order ---- */

/* "text" is in the trace, or not. */
static bool shows(const char *text)
{
    return strstr(trace, text) != NULL;
}

/* Are both in the trace, the one before the other? */
static bool shows_in_order(const char *first, const char *then)
{
    const char *at = strstr(trace, first);
    return at && strstr(at, then);
}

/* What was done earlier leaves a hole among what is to come. */
START_TEST(statements_of_one_time_happen_in_the_order_of_the_text)
{
    play("nodes 4\nat 1s crash n0\nat 2s crash n3\nat 5s pause n1\nat 5s resume n1\n"
         "at 5s agree within 1s\nat 5s split n1 | n2\nat 5s heal\nrun 10s");
    ck_assert(shows_in_order("-- pause n1", "-- resume n1"));
    ck_assert(shows_in_order("-- resume n1", "-- agreed after 0.00 s"));
    ck_assert(shows_in_order("-- split", "-- heal"));
    ck_assert_str_eq(report.broken, "");
}
END_TEST

START_TEST(what_ends_is_undone_before_anything_of_that_time_happens)
{
    play("nodes 4\nat 4s pause n2\nevery 2s until 6s pause n1 for 2s\nat 4s resume n2\nrun 9s");
    ck_assert(shows_in_order("4.000000 -- resume n1", "4.000000 -- pause n2"));
    ck_assert(shows_in_order("4.000000 -- pause n2", "4.000000 -- pause n1"));
    ck_assert(shows_in_order("4.000000 -- pause n1", "4.000000 -- resume n2"));
    ck_assert(shows_in_order("6.000000 -- resume n1", "6.000000 -- pause n1"));
}
END_TEST

static TCase *order(void)
{
    TCase *t = tcase_create("order");
    tcase_add_test(t, statements_of_one_time_happen_in_the_order_of_the_text);
    tcase_add_test(t, what_ends_is_undone_before_anything_of_that_time_happens);
    return t;
}

/* ---- undoing ---- */

START_TEST(one_that_was_dead_already_is_not_started)
{
    play("nodes 5\nat 1s crash n1\nat 3s crash n1,n4 for 1s\nat 3s leave n2\n"
         "at 5s crash n2 for 1s\nrun 9s");
    ck_assert(shows_in_order("3.000000 -- crash n4 (", "4.000000 -- start n4 ("));
    ck_assert(shows_in_order("5.000000 -- crash (", "6.000000 -- start ("));
    ck_assert_uint_eq(report.crashes_count, 2);
}
END_TEST

START_TEST(one_that_is_paused_twice_goes_on_when_the_first_pause_ends)
{
    play("nodes 5\nat 1s pause n3 for 6s\nat 2s pause n3 for 1s\nrun 9s");
    ck_assert(shows_in_order("2.000000 -- pause (", "3.000000 -- resume ("));
    ck_assert(shows_in_order("3.000000 -- resume (", "7.000000 -- resume n3 ("));
    play("nodes 5\nat 1s pause n3\nat 2s pause n3 for 1s\nrun 9s");
    ck_assert(shows_in_order("n0 failed n3", "n4 failed n3"));
}
END_TEST

START_TEST(what_was_done_since_is_not_undone)
{
    play("nodes 5\nat 1s pause n3 for 6s\nat 2s resume n3\nat 3s pause n3\n"
         "at 1s crash n4 for 6s\nat 2s restart n4\nat 3s crash n4\nrun 9s");
    ck_assert(shows_in_order("7.000000 -- resume (", "7.000000 -- start ("));
}
END_TEST

START_TEST(one_that_is_paused_does_not_leave)
{
    play("nodes 5\nat 1s pause n3 for 400ms\nat 1200ms leave n3\nat 2s agree within 1s\nrun 9s");
    ck_assert(shows("-- leave (") && shows("-- resume n3 (") && !shows("leave n3"));
    ck_assert_str_eq(report.broken, "");
}
END_TEST

static TCase *undoing(void)
{
    TCase *t = tcase_create("undoing");
    tcase_add_test(t, one_that_was_dead_already_is_not_started);
    tcase_add_test(t, one_that_is_paused_twice_goes_on_when_the_first_pause_ends);
    tcase_add_test(t, what_was_done_since_is_not_undone);
    tcase_add_test(t, one_that_is_paused_does_not_leave);
    return t;
}

/* ---- crashes ---- */

START_TEST(one_that_held_a_member_for_dead_does_not_miss_its_crash)
{
    play("nodes 9\nat 1s split n0 | rest\nat 15s crash n3\nrun 30s");
    ck_assert_uint_eq(report.crashes_count, 1);
    ck_assert_uint_eq(report.crashes[0].survivors, 7);
    ck_assert_uint_eq(report.crashes[0].noticed, 7);
    ck_assert_double_eq(report.missed, 0);
}
END_TEST

START_TEST(one_that_crashes_while_it_leaves_is_known_as_left)
{
    play("nodes 16\nat 5s leave n1\nat 5050ms crash n1\nrun 20s");
    ck_assert(shows("n0 leave n1") && !shows("failed"));
    ck_assert_uint_eq(report.crashes[0].survivors, 15);
    ck_assert_uint_eq(report.crashes[0].noticed, 15);
    ck_assert_double_eq(report.missed, 0);
}
END_TEST

START_TEST(one_that_is_paused_till_the_end_misses_a_crash)
{
    play("nodes 9\nat 1s pause n0\nat 2s crash n3\nrun 30s");
    ck_assert_uint_eq(report.crashes[0].survivors, 8);
    ck_assert_double_eq(report.missed, 1);
}
END_TEST

static TCase *crashes(void)
{
    TCase *t = tcase_create("crashes");
    tcase_add_test(t, one_that_held_a_member_for_dead_does_not_miss_its_crash);
    tcase_add_test(t, one_that_crashes_while_it_leaves_is_known_as_left);
    tcase_add_test(t, one_that_is_paused_till_the_end_misses_a_crash);
    return t;
}

/* ---- seeds ---- */

/* Of a few nodes, each that watches a subject is soon the first to suspect it. */
START_TEST(the_observers_follow_from_the_seed)
{
    enum { SEEDS = 16, RINGS = 3 };
    bool watched[64] = {false};
    int observers = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        unsigned first;
        play_seed("nodes 64\nat 1s crash n3\nrun 3s", seed);
        const char *line = strstr(trace, " suspect n3");
        ck_assert_ptr_nonnull(line);
        while (line > trace && line[-1] != 'n')
            line--;
        ck_assert_int_eq(sscanf(line, "%u", &first), 1);
        observers += !watched[first];
        watched[first] = true;
    }
    ck_assert_int_gt(observers, RINGS);
}
END_TEST

START_TEST(same_seed_is_the_same_run)
{
    static char once[TRACE_BYTES];
    const char *text = "nodes 24\nlink all -> all loss 5%\nevery 3s crash any 1 for 2s\nrun 20s";
    play_seed(text, 7);
    memcpy(once, trace, sizeof once);
    play_seed(text, 8);
    ck_assert_str_ne(once, trace);
    play_seed(text, 7);
    ck_assert_str_eq(once, trace);
}
END_TEST

static struct play *unplayed(const char *text, struct scenario **scenario)
{
    struct scenario_error error;
    *scenario = scenario_parse(text, 0, &error);
    ck_assert_ptr_nonnull(*scenario);
    struct play *play = play_new(*scenario, &error);
    ck_assert_ptr_nonnull(play);
    return play;
}

START_TEST(large_clusters_are_shared_by_a_few_seeds)
{
    static const struct {
        const char *text;
        bool large, shared;
    } cases[] = {
        {"nodes 2047", false, false},
        {"nodes 2048", true, true},
        {"nodes 16000\ndetect 3s", true, true},
        {"nodes 2048\ndetect 3s n3", true, false},
        {"nodes 2048\nclock any 3 +20ppm", true, false},
        {"nodes 2048\nstart joining", true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scenario *scenario;
        struct play *play = unplayed(cases[i].text, &scenario);
        ck_assert(play_is_shared(play) == cases[i].shared);
        ck_assert((play_cluster(play, 32) == play_cluster(play, 47)) == cases[i].large);
        ck_assert_uint_ne(play_cluster(play, 47), play_cluster(play, 48));
        play_free(play);
        scenario_free(scenario);
    }
}
END_TEST

static TCase *seeds(void)
{
    TCase *t = tcase_create("seeds");
    tcase_add_test(t, the_observers_follow_from_the_seed);
    tcase_add_test(t, same_seed_is_the_same_run);
    tcase_add_test(t, large_clusters_are_shared_by_a_few_seeds);
    return t;
}

/* ---- who is meant ---- */

START_TEST(smallest_share_is_one_node)
{
    play("nodes 9\nat 1s pause any 0.1% for 1s\nrun 9s");
    ck_assert_ptr_nonnull(strstr(trace, "-- pause n"));
    play("nodes 10\nat 1s pause any 25% for 1s\nat 5s resume all\nrun 9s");
    const char *line = strstr(trace, "-- pause n"), *end = strstr(line, " (");
    int nodes = 0;
    for (; line < end; line++)
        nodes += *line == 'n';
    ck_assert_int_eq(nodes, 3);
}
END_TEST

/* n0..n7 do not run, and n8 and n9 are on the other side: n10 and n11 are left to be drawn. */
START_TEST(any_on_a_side_is_drawn_among_those_that_run_and_are_on_none)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        play_seed("nodes 12\nat 1s crash n0..n7\nat 9s split any 2 | n8..n9\nrun 30s", seed);
        ck_assert(shows(" n10 failed n8") && shows(" n10 failed n9") && shows(" n11 failed n8"));
        ck_assert(!shows(" n10 failed n11") && !shows(" n11 failed n10"));
    }
}
END_TEST

START_TEST(one_that_is_in_several_groups_is_on_the_first_side)
{
    play("nodes 4\ngroup a = any 4\ngroup b = any 4\nat 1s split a | b\nrun 20s");
    ck_assert(!shows("failed"));
}
END_TEST

START_TEST(any_from_the_beginning_is_drawn_among_all)
{
    play("nodes 9\nat 1s agree within 9s\nrun 30s");
    ck_assert_str_eq(report.broken, "");
    play("nodes 9\nlink any 1 -> all loss 100%\nat 1s agree within 9s\nrun 30s");
    ck_assert_ptr_nonnull(strstr(report.broken, "not all nodes that run agree"));
}
END_TEST

START_TEST(one_that_starts_dials_others_that_run)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        play_seed("nodes 16\nat 1s crash all\nat 5s restart n3\nat 6s restart n9\n"
                  "at 6s agree within 5s\nrun 12s",
                  seed);
        ck_assert_str_eq(report.broken, "");
    }
}
END_TEST

/* It hears of n9 what held before. */
START_TEST(one_that_left_and_starts_is_not_held_to_its_old_view)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        play_seed("nodes 16\nat 1s pause n9\nat 2s leave all\nat 10s restart all\nrun 14s", seed);
        ck_assert_str_eq(report.broken, "");
    }
}
END_TEST

START_TEST(one_that_starts_dials_a_paused_node_too)
{
    play("nodes 2\nat 1s crash all\nat 2s restart n0\nat 3s pause n0\nat 4s restart n1\n"
         "at 5s resume n0\nat 5s agree within 5s\nrun 12s");
    ck_assert_str_eq(report.broken, "");
}
END_TEST

START_TEST(one_that_does_not_run_is_not_paused)
{
    play("nodes 9\nat 1s crash n3 for 10s\nat 5s pause n3\nat 20s agree within 1s\nrun 30s");
    ck_assert_str_eq(report.broken, "");
}
END_TEST

static TCase *nodes(void)
{
    TCase *t = tcase_create("nodes");
    tcase_add_test(t, smallest_share_is_one_node);
    tcase_add_test(t, any_on_a_side_is_drawn_among_those_that_run_and_are_on_none);
    tcase_add_test(t, one_that_is_in_several_groups_is_on_the_first_side);
    tcase_add_test(t, any_from_the_beginning_is_drawn_among_all);
    tcase_add_test(t, one_that_starts_dials_others_that_run);
    tcase_add_test(t, one_that_left_and_starts_is_not_held_to_its_old_view);
    tcase_add_test(t, one_that_starts_dials_a_paused_node_too);
    tcase_add_test(t, one_that_does_not_run_is_not_paused);
    return t;
}

/* ---- at random ---- */

enum { ACTIONS_DRAWN = 12, LINE_BYTES = 80 };

/* Begins within 30 s, perhaps again and again, and lasts no more than 10 s if it is to end. */
static void draw_action(struct rng *rng, uint32_t nodes, char line[LINE_BYTES])
{
    static const struct {
        const char *verb, *to; /* the nodes stand between them; NULL: none do */
        bool may_last;
    } forms[] = {
        {"crash", "", true},      {"pause", "", true},       {"restart", "", false},
        {"leave", "", false},     {"resume", "", false},     {"cut", " -> all", true},
        {"cut all ->", "", true}, {"cut", " <-> all", true}, {"split any 30% | rest", NULL, true},
        {"heal", NULL, false},
    };
    static const char *const several[] = {"any 1", "any 2", "any 30%", "any 50%", "all"};
    enum { FORMS = sizeof forms / sizeof *forms, SEVERAL = sizeof several / sizeof *several };
    uint32_t form = rng_below(rng, FORMS), pick = rng_below(rng, 2 * SEVERAL);
    bool again = rng_below(rng, 3) == 0, lasts = forms[form].may_last && rng_below(rng, 3);
    char one[16], who[32] = "", end[24] = "";
    snprintf(one, sizeof one, "n%u", rng_below(rng, nodes));
    if (forms[form].to)
        snprintf(who, sizeof who, " %s%s", pick < SEVERAL ? several[pick] : one, forms[form].to);
    if (lasts)
        snprintf(end, sizeof end, " for %ums", 1 + rng_below(rng, 10000));
    snprintf(line, LINE_BYTES, "%s %ums%s %s%s%s\n", again ? "every" : "at",
             1000 + rng_below(rng, 29000), again ? " until 30s" : "", forms[form].verb, who, end);
}

/* Of 8 to 16 nodes; at 40 s all is mended. */
static void draw_scenario(uint64_t seed, char *text)
{
    struct rng rng;
    rng_seed(&rng, seed);
    uint32_t nodes = 8 + rng_below(&rng, 9);
    text += sprintf(text, "nodes %u\n", nodes);
    if (rng_below(&rng, 4) == 0)
        text += sprintf(text, "link all -> all loss %u%%\n", 1 + rng_below(&rng, 10));
    for (int i = 0; i < ACTIONS_DRAWN; i++) {
        draw_action(&rng, nodes, text);
        text += strlen(text);
    }
    sprintf(text, "at 40s heal\nat 40s resume all\nat 40s agree within 60s\nrun 101s\n");
}

/* Whatever has happened, none is left out for ever, and every invariant holds all the time. */
START_TEST(after_any_scenario_all_nodes_that_run_agree)
{
    static char text[(ACTIONS_DRAWN + 8) * LINE_BYTES];
    for (scenario_seed = scenario_first(); scenario_seed <= scenario_last(120); scenario_seed++) {
        draw_scenario(scenario_seed, text);
        play_seed(text, scenario_seed);
        if (report.broken[0]) {
            printf("%s\n", text);
            fflush(stdout);
        }
        ck_assert_msg(!report.broken[0], "%s, seed %llu", report.broken,
                      (unsigned long long)scenario_seed);
    }
}
END_TEST

static TCase *at_random(void)
{
    TCase *t = tcase_create("at_random");
    tcase_add_test(t, after_any_scenario_all_nodes_that_run_agree);
    return t;
}

int main(void)
{
    static TCase *(*const cases[])(void) = {agreement, order, undoing,  crashes,
                                            seeds,     nodes, at_random};
    Suite *s = suite_create("play");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        TCase *t = cases[i]();
        tcase_add_checked_fixture(t, NULL, teardown);
        tcase_set_timeout(t, SCENARIO_TIMEOUT_S);
        suite_add_tcase(s, t);
    }
    return unit_run(s);
}
