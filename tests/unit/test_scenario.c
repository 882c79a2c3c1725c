#include "gossip/sim/scenario.h"

#include "gossip/gossip.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)

static struct scenario *scenario; /* what was parsed last */
static struct scenario_error error;

static void teardown(void)
{
    scenario_free(scenario);
    scenario = NULL;
}

static void parse_for(const char *text, uint32_t nodes)
{
    teardown();
    scenario = scenario_parse(text, nodes, &error);
    ck_assert_msg(scenario != NULL, "%d: %s", error.line, error.text);
    ck_assert_int_eq(error.line, 0);
    ck_assert_str_eq(error.text, "");
}

static void parse(const char *text)
{
    parse_for(text, 0);
}

static void pick_text(const struct pick *pick, char *into, size_t bytes)
{
    switch (pick->kind) {
    case PICK_ALL:
        snprintf(into, bytes, "all");
        break;
    case PICK_RANGE:
        snprintf(into, bytes, "%u..%u", pick->first, pick->last);
        break;
    case PICK_GROUP:
        snprintf(into, bytes, "group %u", pick->first);
        break;
    case PICK_ANY:
        snprintf(into, bytes, "any %u", pick->first);
        break;
    case PICK_ANY_SHARE:
        snprintf(into, bytes, "share %g", pick->share);
        break;
    case PICK_REST:
        snprintf(into, bytes, "rest");
        break;
    }
}

/* NODES as they were understood. */
static void assert_nodes(const struct pick_list *nodes, const char *expected)
{
    char text[1024] = "";
    for (unsigned i = 0; i < nodes->count; i++) {
        size_t len = strlen(text);
        len += (size_t)snprintf(text + len, sizeof text - len, "%s", i ? ", " : "");
        pick_text(&nodes->picks[i], text + len, sizeof text - len);
    }
    ck_assert_str_eq(text, expected);
}

static void assert_conditions(const struct link_conditions *c,
                              const struct link_conditions *expected)
{
    ck_assert_uint_eq(c->set, expected->set);
    ck_assert_int_eq(c->delay_us, expected->delay_us);
    ck_assert_int_eq(c->jitter_us, expected->jitter_us);
    ck_assert_double_eq(c->loss, expected->loss);
    ck_assert_double_eq(c->burst_loss, expected->burst_loss);
    ck_assert_int_eq(c->burst_us, expected->burst_us);
    ck_assert_int_eq(c->gap_us, expected->gap_us);
    ck_assert_double_eq(c->duplicate, expected->duplicate);
    ck_assert_double_eq(c->reorder, expected->reorder);
    ck_assert_int_eq(c->reorder_us, expected->reorder_us);
    ck_assert(c->cut == expected->cut);
}

/* The one action of a text. */
static const struct action *action(const char *text, enum action_verb verb)
{
    parse(text);
    ck_assert_uint_eq(scenario->actions_count, 1);
    ck_assert_int_eq(scenario->actions[0].verb, verb);
    ck_assert_int_eq(scenario->actions[0].line, 1);
    return &scenario->actions[0];
}

/* ---- before anything happens ---- */

START_TEST(empty_text_is_a_quiet_minute_of_32_nodes)
{
    parse("");
    ck_assert_uint_eq(scenario->nodes, 32);
    ck_assert(!scenario->joining);
    ck_assert_int_eq(scenario->run_us, 60 * SECOND);
    ck_assert_uint_eq(scenario->groups_count + scenario->detects_count + scenario->clocks_count +
                          scenario->links_count + scenario->tunings_count + scenario->limits_count +
                          scenario->actions_count,
                      0);
}
END_TEST

START_TEST(example_of_the_header_is_understood)
{
    parse("# Ten of a hundred lose four of five packets that come in; one in good health dies.\n"
          "nodes 100\n"
          "link all -> all delay 100us jitter 300us\n"
          "group bad = any 10\n"
          "at 10s link all -> bad loss 80%\n"
          "at 60s crash n3\n"
          "at 60s agree within 3s\n"
          "run 120s\n");
    ck_assert_uint_eq(scenario->nodes, 100);
    ck_assert_int_eq(scenario->run_us, 120 * SECOND);
    ck_assert_uint_eq(scenario->links_count, 1);
    ck_assert_uint_eq(scenario->groups_count, 1);
    ck_assert_uint_eq(scenario->actions_count, 3);
    ck_assert_int_eq(scenario->actions[0].verb, ACTION_LINK);
    ck_assert_int_eq(scenario->actions[1].verb, ACTION_CRASH);
    ck_assert_int_eq(scenario->actions[1].line, 6);
    ck_assert_int_eq(scenario->actions[2].verb, ACTION_AGREE);
}
END_TEST

START_TEST(comments_blanks_and_ends_of_lines_do_not_matter)
{
    parse("\n \t \r\n#\n# \xc3\xbc \a\r\n\tnodes\t 7  # seven\r\nrun 5s#\n\nat 1s crash n6#n9");
    ck_assert_uint_eq(scenario->nodes, 7);
    ck_assert_int_eq(scenario->run_us, 5 * SECOND);
    ck_assert_int_eq(scenario->actions[0].line, 8);
}
END_TEST

START_TEST(text_is_not_changed)
{
    char text[] = "group a = n1..n2,n3\r\nat 1s split a,any 2,n5 | rest # so\n";
    char before[sizeof text];
    memcpy(before, text, sizeof text);
    parse(text);
    ck_assert_mem_eq(text, before, sizeof text);
}
END_TEST

START_TEST(number_of_nodes_is_taken_up_to_the_limits)
{
    parse("nodes 1\nat 1s crash n0");
    ck_assert_uint_eq(scenario->nodes, 1);
    parse("at 1s crash n15999,any 16000\nnodes 16000");
    ck_assert_uint_eq(scenario->nodes, SCENARIO_NODES_MAX);
}
END_TEST

START_TEST(number_of_nodes_from_outside_overrides_the_texts)
{
    parse_for("nodes 10\nat 1s crash n63,any 64", 64);
    ck_assert_uint_eq(scenario->nodes, 64);
    parse_for("", 1);
    ck_assert_uint_eq(scenario->nodes, 1);
    parse_for("", SCENARIO_NODES_MAX);
    ck_assert_uint_eq(scenario->nodes, SCENARIO_NODES_MAX);

    teardown();
    ck_assert_ptr_null(scenario_parse("at 1s crash n10\nnodes 100", 10, &error));
    ck_assert_int_eq(error.line, 1);
    ck_assert_str_eq(error.text, "\"n10\" is not there; there are 10 nodes, n0 to n9");
    ck_assert_ptr_null(scenario_parse("nodes 0", 10, &error));
    ck_assert_int_eq(error.line, 1);
    ck_assert_ptr_null(scenario_parse("nodes 10", SCENARIO_NODES_MAX + 1, &error));
    ck_assert_int_eq(error.line, 0);
    ck_assert_str_eq(error.text, "16001 nodes are too many; 16000 are taken");
}
END_TEST

START_TEST(clusters_start_formed_or_joining)
{
    parse("start joining");
    ck_assert(scenario->joining);
    parse("start formed");
    ck_assert(!scenario->joining);
}
END_TEST

START_TEST(detect_is_for_all_or_for_some)
{
    parse("detect 200ms\n\ndetect 1m n1..n2,n5\ndetect 1.5s any 10%");
    ck_assert_uint_eq(scenario->detects_count, 3);
    const struct node_setting *d = scenario->detects;
    ck_assert_int_eq(d[0].line, 1);
    ck_assert_int_eq(d[0].number, GOSSIP_DETECT_MS_MIN);
    assert_nodes(&d[0].nodes, "all");
    ck_assert_int_eq(d[1].line, 3);
    ck_assert_int_eq(d[1].number, GOSSIP_DETECT_MS_MAX);
    assert_nodes(&d[1].nodes, "1..2, 5..5");
    ck_assert_int_eq(d[2].number, 1500);
    assert_nodes(&d[2].nodes, "share 0.1");
}
END_TEST

START_TEST(clocks_go_wrong_either_way)
{
    parse("clock n1 +200ppm\nclock any 3 -5000ppm\nclock all 0ppm\nclock n2 -500000ppm\n"
          "clock n3 500000ppm");
    static const int64_t expected[] = {200, -5000, 0, -500000, 500000};
    ck_assert_uint_eq(scenario->clocks_count, COUNT(expected));
    for (size_t i = 0; i < COUNT(expected); i++) {
        ck_assert_int_eq(scenario->clocks[i].line, i + 1);
        ck_assert_int_eq(scenario->clocks[i].number, expected[i]);
    }
    assert_nodes(&scenario->clocks[0].nodes, "1..1");
    assert_nodes(&scenario->clocks[1].nodes, "any 3");
    assert_nodes(&scenario->clocks[2].nodes, "all");
}
END_TEST

START_TEST(tunings_and_limits_are_names_with_numbers)
{
    parse("limit false_positives 0\n"
          "tune loss_min 0.000000001\n"
          "limit LATE_99 999999999999999\n"
          "tune false_positives 0.6667\n"
          "tune a2345678901234567890123456789012 12000.5");
    ck_assert_uint_eq(scenario->limits_count, 2);
    ck_assert_str_eq(scenario->limits[0].name, "false_positives");
    ck_assert_int_eq(scenario->limits[0].line, 1);
    ck_assert_double_eq(scenario->limits[0].number, 0);
    ck_assert_str_eq(scenario->limits[1].name, "LATE_99");
    ck_assert_int_eq(scenario->limits[1].line, 3);
    ck_assert_double_eq(scenario->limits[1].number, 999999999999999);
    ck_assert_uint_eq(scenario->tunings_count, 3);
    ck_assert_str_eq(scenario->tunings[0].name, "loss_min");
    ck_assert_int_eq(scenario->tunings[0].line, 2);
    ck_assert_double_eq(scenario->tunings[0].number, 1e-9);
    ck_assert_double_eq(scenario->tunings[1].number, 0.6667);
    ck_assert_uint_eq(strlen(scenario->tunings[2].name), SCENARIO_NAME_BYTES_MAX);
    ck_assert_double_eq(scenario->tunings[2].number, 12000.5);
}
END_TEST

START_TEST(groups_refer_to_earlier_ones)
{
    parse("group bad = any 10%\ngroup n = n3\ngroup n1x = bad,n,any 2");
    ck_assert_uint_eq(scenario->groups_count, 3);
    ck_assert_str_eq(scenario->groups[0].name, "bad");
    assert_nodes(&scenario->groups[0].nodes, "share 0.1");
    ck_assert_str_eq(scenario->groups[1].name, "n");
    assert_nodes(&scenario->groups[1].nodes, "3..3");
    ck_assert_str_eq(scenario->groups[2].name, "n1x");
    assert_nodes(&scenario->groups[2].nodes, "group 0, group 1, any 2");
}
END_TEST

START_TEST(nodes_are_named_in_many_ways)
{
    parse("group bad = n9\n"
          "at 1s crash n0,n1..n8,n31..n31,all,bad,any 32,any 100%,any 0.5%,n2\n"
          "at 1s split n1,rest | any 3,bad");
    assert_nodes(&scenario->actions[0].nodes,
                 "0..0, 1..8, 31..31, all, group 0, any 32, share 1, share 0.005, 2..2");
    assert_nodes(&scenario->actions[1].sides[0], "1..1, rest");
    assert_nodes(&scenario->actions[1].sides[1], "any 3, group 0");
}
END_TEST

START_TEST(links_have_any_of_their_properties)
{
    parse("link all -> n1,any 2 delay 1ms\n"
          "link n0 <-> all reorder 0.5% 3ms duplicate 100% burst 80% 200ms 10s loss 25% "
          "jitter 0us delay 1h");
    ck_assert_uint_eq(scenario->links_count, 2);
    const struct link_statement *link = scenario->links;
    ck_assert(!link[0].both);
    assert_nodes(&link[0].from, "all");
    assert_nodes(&link[0].to, "1..1, any 2");
    assert_conditions(&link[0].conditions,
                      &(struct link_conditions){.set = LINK_DELAY, .delay_us = 1000});
    ck_assert(link[1].both);
    assert_nodes(&link[1].from, "0..0");
    assert_nodes(&link[1].to, "all");
    assert_conditions(&link[1].conditions, &(struct link_conditions){
                                               .set = LINK_DELAY | LINK_JITTER | LINK_LOSS |
                                                      LINK_BURST | LINK_DUPLICATE | LINK_REORDER,
                                               .delay_us = HOUR,
                                               .loss = 0.25,
                                               .burst_loss = 0.8,
                                               .burst_us = 200000,
                                               .gap_us = 10 * SECOND,
                                               .duplicate = 1,
                                               .reorder = 0.005,
                                               .reorder_us = 3000,
                                           });
}
END_TEST

START_TEST(links_may_be_as_good_or_as_bad_as_can_be)
{
    parse("link all -> all delay 0us jitter 0s loss 0% duplicate 0% reorder 0% 0us\n"
          "link all -> all loss 100% reorder 100% 720h burst 100% 1us 1us");
    assert_conditions(&scenario->links[0].conditions,
                      &(struct link_conditions){.set = LINK_DELAY | LINK_JITTER | LINK_LOSS |
                                                       LINK_DUPLICATE | LINK_REORDER});
    assert_conditions(&scenario->links[1].conditions,
                      &(struct link_conditions){
                          .set = LINK_LOSS | LINK_REORDER | LINK_BURST,
                          .loss = 1,
                          .reorder = 1,
                          .reorder_us = SCENARIO_TIME_US_MAX,
                          .burst_loss = 1,
                          .burst_us = 1,
                          .gap_us = 1,
                      });
}
END_TEST

START_TEST(nothing_is_freed_like_something)
{
    scenario_free(NULL);
}
END_TEST

static const struct {
    const char *text;
    int64_t us;
} times[] = {
    {"1us", 1},
    {"500us", 500},
    {"20ms", 20000},
    {"0.001ms", 1},
    {"1.5s", 1500000},
    {"1.500000000s", 1500000},
    {"0.000000010h", 36},
    {"2m", 120 * SECOND},
    {"24h", 24 * HOUR},
    {"720h", SCENARIO_TIME_US_MAX},
    {"2592000000000us", SCENARIO_TIME_US_MAX},
    {"0007s", 7 * SECOND},
};

START_TEST(times_are_exact_in_every_unit)
{
    char text[64];
    snprintf(text, sizeof text, "run %s", times[_i].text);
    parse(text);
    ck_assert_int_eq(scenario->run_us, times[_i].us);
}
END_TEST

/* ---- what happens ---- */

START_TEST(at_happens_once)
{
    const struct action *a = action("at 1.5s heal", ACTION_HEAL);
    ck_assert_int_eq(a->at_us, 1500000);
    ck_assert_int_eq(a->every_us, 0);
    ck_assert_int_eq(a->for_us, 0);
    ck_assert_ptr_null(a->sides);
    ck_assert_int_eq(action("at 0s heal", ACTION_HEAL)->at_us, 0);
    ck_assert_int_eq(action("at 60s heal", ACTION_HEAL)->at_us, 60 * SECOND);
}
END_TEST

START_TEST(every_repeats_from_its_first_time_to_the_last)
{
    const struct action *a = action("every 1ms heal", ACTION_HEAL);
    ck_assert_int_eq(a->every_us, 1000);
    ck_assert_int_eq(a->at_us, 1000);
    ck_assert_int_eq(a->until_us, SCENARIO_TIME_US_MAX);
    a = action("every 10s from 0s heal", ACTION_HEAL);
    ck_assert_int_eq(a->every_us, 10 * SECOND);
    ck_assert_int_eq(a->at_us, 0);
    ck_assert_int_eq(a->until_us, SCENARIO_TIME_US_MAX);
    a = action("every 10s until 10s heal", ACTION_HEAL);
    ck_assert_int_eq(a->at_us, 10 * SECOND);
    ck_assert_int_eq(a->until_us, 10 * SECOND);
    a = action("every 10s from 0s until 0s heal", ACTION_HEAL);
    ck_assert_int_eq(a->until_us, 0);
    a = action("every 70s from 60s until 1h heal", ACTION_HEAL);
    ck_assert_int_eq(a->every_us, 70 * SECOND);
    ck_assert_int_eq(a->at_us, 60 * SECOND);
    ck_assert_int_eq(a->until_us, HOUR);
}
END_TEST

static const struct {
    const char *text;
    enum action_verb verb;
    int64_t for_us;
} on_nodes[] = {
    {"at 1s crash n1,n3", ACTION_CRASH, 0},
    {"at 1s crash n1,n3 for 1us", ACTION_CRASH, 1},
    {"at 1s restart n1,n3", ACTION_RESTART, 0},
    {"at 1s leave n1,n3", ACTION_LEAVE, 0},
    {"at 1s pause n1,n3", ACTION_PAUSE, 0},
    {"at 1s pause n1,n3 for 720h", ACTION_PAUSE, SCENARIO_TIME_US_MAX},
    {"every 1s resume n1,n3", ACTION_RESUME, 0},
};

START_TEST(what_happens_to_nodes_names_them)
{
    const struct action *a = action(on_nodes[_i].text, on_nodes[_i].verb);
    ck_assert_int_eq(a->at_us, SECOND);
    ck_assert_int_eq(a->for_us, on_nodes[_i].for_us);
    assert_nodes(&a->nodes, "1..1, 3..3");
}
END_TEST

START_TEST(cut_is_a_link_on_which_nothing_passes)
{
    static const struct link_conditions cut = {.set = LINK_CUT, .cut = true};
    const struct action *a = action("at 1s cut any 3 -> n1", ACTION_CUT);
    assert_nodes(&a->link.from, "any 3");
    assert_nodes(&a->link.to, "1..1");
    ck_assert(!a->link.both);
    ck_assert_int_eq(a->for_us, 0);
    assert_conditions(&a->link.conditions, &cut);
    a = action("at 1s cut all <-> n1 for 5s", ACTION_CUT);
    ck_assert(a->link.both);
    ck_assert_int_eq(a->for_us, 5 * SECOND);
    assert_conditions(&a->link.conditions, &cut);
}
END_TEST

START_TEST(split_has_two_to_eight_sides)
{
    const struct action *a = action("at 1s split n1 | rest", ACTION_SPLIT);
    ck_assert_uint_eq(a->sides_count, 2);
    ck_assert_int_eq(a->for_us, 0);
    assert_nodes(&a->sides[0], "1..1");
    assert_nodes(&a->sides[1], "rest");
    a = action("at 1s split n0 | n1 | n2 | n3 | n4 | n5 | n6 | any 7 for 2s", ACTION_SPLIT);
    ck_assert_uint_eq(a->sides_count, SCENARIO_SIDES_MAX);
    ck_assert_int_eq(a->for_us, 2 * SECOND);
    assert_nodes(&a->sides[6], "6..6");
    assert_nodes(&a->sides[7], "any 7");
}
END_TEST

START_TEST(sides_of_a_split_may_be_drawn_and_links_lead_to_many)
{
    parse("group a = any 3\nat 1s split a | n1,any 2 | rest\nat 2s cut n1 -> n1,n2\n"
          "at 2s cut all -> all");
    ck_assert_uint_eq(scenario->actions_count, 3);
}
END_TEST

START_TEST(each_split_has_a_rest_of_its_own)
{
    parse("at 1s split n1 | rest\nat 2s split rest | n1");
    assert_nodes(&scenario->actions[1].sides[0], "rest");
}
END_TEST

START_TEST(links_change_for_a_while_or_for_good)
{
    const struct action *a = action("at 1s link n1 -> all loss 10% delay 5ms", ACTION_LINK);
    ck_assert_int_eq(a->for_us, 0);
    assert_nodes(&a->link.from, "1..1");
    assert_nodes(&a->link.to, "all");
    static const struct link_conditions expected = {
        .set = LINK_LOSS | LINK_DELAY, .loss = 0.1, .delay_us = 5000};
    assert_conditions(&a->link.conditions, &expected);
    a = action("at 1s link n1 <-> all delay 5ms loss 10% for 3s", ACTION_LINK);
    ck_assert(a->link.both);
    ck_assert_int_eq(a->for_us, 3 * SECOND);
    assert_conditions(&a->link.conditions, &expected);
}
END_TEST

START_TEST(agree_names_the_time_it_may_take)
{
    ck_assert_int_eq(action("at 57s agree within 3s", ACTION_AGREE)->for_us, 3 * SECOND);
    ck_assert_int_eq(action("every 10s agree within 0s", ACTION_AGREE)->for_us, 0);
}
END_TEST

START_TEST(end_of_the_run_may_be_said_later)
{
    parse("at 120s heal\nrun 120s");
    ck_assert_int_eq(scenario->actions[0].at_us, scenario->run_us);
}
END_TEST

static void add_statements(TCase *t)
{
    tcase_add_test(t, empty_text_is_a_quiet_minute_of_32_nodes);
    tcase_add_test(t, example_of_the_header_is_understood);
    tcase_add_test(t, comments_blanks_and_ends_of_lines_do_not_matter);
    tcase_add_test(t, text_is_not_changed);
    tcase_add_test(t, number_of_nodes_is_taken_up_to_the_limits);
    tcase_add_test(t, number_of_nodes_from_outside_overrides_the_texts);
    tcase_add_test(t, clusters_start_formed_or_joining);
    tcase_add_test(t, detect_is_for_all_or_for_some);
    tcase_add_test(t, clocks_go_wrong_either_way);
    tcase_add_test(t, tunings_and_limits_are_names_with_numbers);
    tcase_add_test(t, groups_refer_to_earlier_ones);
    tcase_add_test(t, nodes_are_named_in_many_ways);
    tcase_add_test(t, links_have_any_of_their_properties);
    tcase_add_test(t, links_may_be_as_good_or_as_bad_as_can_be);
    tcase_add_test(t, nothing_is_freed_like_something);
    tcase_add_loop_test(t, times_are_exact_in_every_unit, 0, COUNT(times));
}

static void add_actions(TCase *t)
{
    tcase_add_test(t, at_happens_once);
    tcase_add_test(t, every_repeats_from_its_first_time_to_the_last);
    tcase_add_loop_test(t, what_happens_to_nodes_names_them, 0, COUNT(on_nodes));
    tcase_add_test(t, cut_is_a_link_on_which_nothing_passes);
    tcase_add_test(t, split_has_two_to_eight_sides);
    tcase_add_test(t, sides_of_a_split_may_be_drawn_and_links_lead_to_many);
    tcase_add_test(t, each_split_has_a_rest_of_its_own);
    tcase_add_test(t, links_change_for_a_while_or_for_good);
    tcase_add_test(t, agree_names_the_time_it_may_take);
    tcase_add_test(t, end_of_the_run_may_be_said_later);
}

int main(void)
{
    Suite *s = suite_create("scenario");
    TCase *statements = tcase_create("statements"), *actions = tcase_create("actions");
    tcase_add_checked_fixture(statements, NULL, teardown);
    tcase_add_checked_fixture(actions, NULL, teardown);
    add_statements(statements);
    add_actions(actions);
    suite_add_tcase(s, statements);
    suite_add_tcase(s, actions);
    return unit_run(s);
}
