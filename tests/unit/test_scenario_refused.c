#include "gossip/sim/scenario.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct scenario *scenario; /* what was parsed last */
static struct scenario_error error;

static void teardown(void)
{
    scenario_free(scenario);
    scenario = NULL;
}

static void take(const char *text, uint32_t nodes)
{
    teardown();
    scenario = scenario_parse(text, nodes, &error);
    ck_assert_msg(scenario != NULL, "%d: %s", error.line, error.text);
}

static void refuse(const char *text, uint32_t nodes, int line, const char *fragment)
{
    memset(&error, 'x', sizeof error);
    teardown();
    scenario = scenario_parse(text, nodes, &error);
    ck_assert_msg(scenario == NULL, "%.200s was taken", text);
    ck_assert_msg(memchr(error.text, '\0', sizeof error.text - 1) != NULL, "cut: %.200s", text);
    ck_assert_msg(strstr(error.text, fragment) != NULL, "%.200s: %s", text, error.text);
    ck_assert_msg(error.line == line, "%.200s: line %d, %s", text, error.line, error.text);
    for (const char *c = error.text; *c; c++)
        ck_assert_msg(*c >= ' ' && *c <= '~', "%s", error.text);
}

/* ---- what is refused ---- */

#define X10 "xxxxxxxxxx"
#define NO_NODE "is no node; n5 and n1..n8 are"
#define NO_GROUP                                                                                   \
    "is no node, and no group so far; n5, n1..n8, all, any 3, any 10%, rest and the name of a "    \
    "group on an earlier line are taken"
#define NO_TIME "is no time; 500us, 20ms, 1.5s, 2m and 24h are"

static const struct {
    const char *text;
    int line;
    const char *fragment;
} refused[] = {
    /* Lines. */
    {"nodes 5\n\nnode 5", 3,
     "\"node\" is no statement; nodes, start, detect, clock, tune, group, link, run, limit, at and "
     "every are"},
    {"Nodes 5", 1, "\"Nodes\" is no statement"},
    {"~ 5", 1, "\"~\" is no statement"},
    {X10 X10 X10 X10 "x", 1, "\"" X10 X10 X10 X10 "...\" is no statement"},
    {X10 X10 X10 X10, 1, "\"" X10 X10 X10 X10 "\" is no statement"},
    {"\nrun\a 5s", 2, "byte 0x07 in column 4; only printable ASCII is taken"},
    {"\xef\xbb\xbfrun 5s", 1, "byte 0xef in column 1"},
    {"run 5s\x7f", 1, "byte 0x7f in column 7"},
    {"run\r5s", 1, "byte 0x0d in column 4"},
    {"run 5s\r\r\n", 1, "byte 0x0d in column 7"},
    /* Once. */
    {"nodes 5\nnodes 5", 2, "\"nodes\" stands on line 1 already; once is all"},
    {"run 5s\n\nrun 6s", 3, "\"run\" stands on line 1 already"},
    {"\nstart formed\nstart joining", 3, "\"start\" stands on line 2 already"},
    {"tune a 1\ntune b 1\ntune a 1", 3, "\"a\" stands on line 1 already"},
    {"tune a 1\ntune b 1\ntune b 2", 3, "\"b\" stands on line 2 already"},
    {"limit a 1\ntune a 1\n\nlimit a 2", 4, "\"a\" stands on line 1 already"},
    /* Statements. */
    {"nodes", 1, "the line ends too soon; nodes COUNT is its form"},
    {"nodes 0", 1, "\"0\" is no number of nodes; 1 to 16000 are"},
    {"nodes 16001", 1, "\"16001\" is no number of nodes"},
    {"nodes 99999999999999999999", 1, "\"99999999999999999999\" is no number of nodes"},
    {"nodes 1.5", 1, "\"1.5\" is no number of nodes"},
    {"nodes -1", 1, "\"-1\" is no number of nodes"},
    {"nodes 0x10", 1, "\"0x10\" is no number of nodes"},
    {"nodes 5 5", 1, "\"5\" is too much here; nodes COUNT is all"},
    {"start", 1, "the line ends too soon; start formed | joining is its form"},
    {"start now", 1, "\"now\" is no way to start; formed and joining are"},
    {"start formed joining", 1, "\"joining\" is too much here"},
    {"run", 1, "the line ends too soon; run TIME is its form"},
    {"run 0s", 1, "\"0s\" is not possible; 1us to 720h are"},
    {"run 1s 1s", 1, "\"1s\" is too much here; run TIME is all"},
    {"detect", 1, "the line ends too soon; detect TIME [NODES] is its form"},
    {"detect 199ms", 1, "\"199ms\" is not possible; 200ms to 1m are"},
    {"detect 60.001s", 1, "\"60.001s\" is not possible; 200ms to 1m are"},
    {"detect 1.5005s", 1, "\"1.5005s\" is no whole number of milliseconds"},
    {"detect 1s bad", 1, "\"bad\" " NO_GROUP},
    {"detect 1s n1 n2", 1, "\"n2\" is too much here; detect TIME [NODES] is all"},
    {"clock n1", 1, "the line ends too soon; clock NODES PPM is its form"},
    {"clock n1 200", 1, "\"200\" is no clock's error; +200ppm and -5000ppm are"},
    {"clock n1 ppm", 1, "\"ppm\" is no clock's error"},
    {"clock n1 +-2ppm", 1, "\"+-2ppm\" is no clock's error"},
    {"clock n1 1.5ppm", 1, "\"1.5ppm\" is no clock's error"},
    {"clock n1 500001ppm", 1, "\"500001ppm\" is not possible; -500000ppm to +500000ppm are"},
    {"clock n1 -500001ppm", 1, "\"-500001ppm\" is not possible"},
    {"tune x", 1, "the line ends too soon; tune NAME NUMBER is its form"},
    {"tune x-y 1", 1, "\"x-y\" is no name; 1 to 32 letters, digits and _ are"},
    {"tune " X10 X10 X10 "xxx 1", 1, "\"" X10 X10 X10 "xxx\" is no name"},
    {"tune x -1", 1,
     "\"-1\" is no number; 3, 0.25 and 12000 are, of at most 15 digits before the point and 9 "
     "behind"},
    {"limit x 1e3", 1, "\"1e3\" is no number"},
    {"limit x inf", 1, "\"inf\" is no number"},
    {"limit x nan", 1, "\"nan\" is no number"},
    {"limit x 0x1", 1, "\"0x1\" is no number"},
    {"limit x 1,5", 1, "\"1,5\" is no number"},
    {"limit x 1.", 1, "\"1.\" is no number"},
    {"limit x .5", 1, "\".5\" is no number"},
    {"limit x 1.2.3", 1, "\"1.2.3\" is no number"},
    {"limit x 1000000000000000", 1, "\"1000000000000000\" is no number"},
    {"limit x 0.0000000001", 1, "\"0.0000000001\" is no number"},
    {"limit x 1 2", 1, "\"2\" is too much here; limit NAME NUMBER is all"},
    /* Groups. */
    {"group a", 1, "the line ends too soon; group NAME = NODES is its form"},
    {"group a n1", 1, "\"n1\" stands where = should; group NAME = NODES is the form"},
    {"group a=n1", 1, "\"a=n1\" is no name"},
    {"group a = ", 1, "the line ends too soon"},
    {"group a = n1 n2", 1, "\"n2\" is too much here"},
    {"group a = a", 1, "\"a\" " NO_GROUP},
    {"group a = b\ngroup b = n1", 1, "\"b\" " NO_GROUP},
    {"group a = n1\n\ngroup a = n2", 3, "\"a\" is a group already; use another name"},
    {"group a = n1\ngroup b = n1\ngroup b = n2", 3, "\"b\" is a group already"},
    {"group n5 = n1", 1, "\"n5\" looks like a node; use another name"},
    {"group n99999999999999999999 = n1", 1, "looks like a node"},
    {"group nodes = n1", 1, "\"nodes\" means something else; use another name"},
    {"group crash = n1", 1, "\"crash\" means something else"},
    {"group delay = n1", 1, "\"delay\" means something else"},
    {"group rest = n1", 1, "\"rest\" means something else"},
    {"group for = n1", 1, "\"for\" means something else"},
    /* Nodes. */
    {"nodes 100\nat 1s crash n500", 2, "\"n500\" is not there; there are 100 nodes, n0 to n99"},
    {"at 1s crash n32", 1, "\"n32\" is not there; there are 32 nodes, n0 to n31"},
    {"at 1s crash n99999999999999999999", 1,
     "\"n99999999999999999999\" is not there; there are 32 nodes"},
    {"at 1s crash n1..n32", 1, "\"n32\" is not there; there are 32 nodes, n0 to n31"},
    {"at 1s crash n8..n1", 1, "\"n8..n1\" runs backwards; n1..n8 does not"},
    {"at 1s crash n1..8", 1, "\"8\" " NO_NODE},
    {"at 1s crash n1..n2..n3", 1, "\"n2..n3\" " NO_NODE},
    {"at 1s crash n1..", 1, "\"\" " NO_NODE},
    {"at 1s crash n1-n8", 1, "\"n1-n8\" " NO_NODE},
    {"at 1s crash 1", 1, "\"1\" " NO_GROUP},
    {"at 1s crash " X10 X10 X10 X10 X10, 1, "\"" X10 X10 X10 X10 "...\" " NO_GROUP},
    {"at 1s crash n1,", 1, "\"n1,\" lacks something beside a comma; n1,n4..n6,bad is a list"},
    {"at 1s crash ,n1", 1, "\",n1\" lacks something beside a comma"},
    {"at 1s crash n1,,n2", 1, "\"n1,,n2\" lacks something beside a comma"},
    {"at 1s crash n1, n2", 1, "\"n1,\" lacks something beside a comma"},
    {"at 1s crash any", 1, "the line ends too soon; crash NODES [for TIME] is its form"},
    {"at 1s crash any,n1", 1, "\"any\" lacks how many; any 3 and any 10% say it"},
    {"at 1s crash any n1", 1, "\"n1\" is no number of nodes; 1 to 32 are"},
    {"at 1s crash any 0", 1, "\"0\" is no number of nodes"},
    {"at 1s crash any 33", 1, "\"33\" is no number of nodes; 1 to 32 are"},
    {"at 1s crash any 0%", 1, "\"0%\" is nobody; any 10% and any 3 are some"},
    {"at 1s crash any 101%", 1, "\"101%\" is not possible; 0% to 100% are"},
    {"at 1s crash any %", 1, "\"%\" is no share; 10% and 0.5% are"},
    {"at 1s crash any 3,", 1, "\"3,\" lacks something beside a comma"},
    {"at 1s crash rest", 1, "\"rest\" has no place here; one side of a split can have it, once"},
    {"group a = rest", 1, "\"rest\" has no place here"},
    {"at 1s split rest,rest | n1", 1, "\"rest\" has no place here"},
    {"at 1s split rest | rest", 1, "\"rest\" has no place here"},
    {"at 1s split n1 | rest\nat 2s crash rest", 2, "\"rest\" has no place here"},
    /* Links. */
    {"link", 1, "the line ends too soon; link FROM -> TO PROPERTY... is its form"},
    {"link all", 1, "the line ends too soon"},
    {"link all to n1 loss 1%", 1, "\"to\" is no arrow between blanks; -> and <-> are"},
    {"link all->n1 loss 1%", 1, "\"all->n1\" " NO_GROUP},
    {"link all <- n1 loss 1%", 1, "\"<-\" is no arrow between blanks"},
    {"link all -> n1", 1, "the line ends too soon; link FROM -> TO PROPERTY... is its form"},
    {"link all -> n1 lose 1%", 1,
     "\"lose\" is no property of a link; delay, jitter, loss, burst, duplicate and reorder are"},
    {"link all -> n1 loss", 1, "the line ends too soon; loss SHARE is its form"},
    {"link all -> n1 loss 10", 1, "\"10\" is no share; 10% and 0.5% are"},
    {"link all -> n1 loss -1%", 1, "\"-1%\" is no share"},
    {"link all -> n1 loss 1%%", 1, "\"1%%\" is no share"},
    {"link all -> n1 loss 100.000000001%", 1, "is not possible; 0% to 100% are"},
    {"link all -> n1 loss 1% delay 1s loss 1%", 1, "\"loss\" stands twice; once is all"},
    {"link all -> n1 burst 10% 1s", 1,
     "the line ends too soon; burst SHARE LENGTH GAP is its form"},
    {"link all -> n1 burst 10% 0s 1s", 1, "\"0s\" is not possible; 1us to 720h are"},
    {"link all -> n1 burst 10% 1s 0us", 1, "\"0us\" is not possible"},
    {"link all -> n1 reorder 10%", 1, "the line ends too soon; reorder SHARE TIME is its form"},
    {"link all -> n1 loss 1% for 5s", 1,
     "\"for\" is too much here; link FROM -> TO PROPERTY... is all"},
    /* Times. */
    {"run 1.5x", 1, "\"1.5x\" " NO_TIME},
    {"run 15", 1, "\"15\" " NO_TIME},
    {"run s", 1, "\"s\" " NO_TIME},
    {"run -1s", 1, "\"-1s\" " NO_TIME},
    {"run 1.s", 1, "\"1.s\" " NO_TIME},
    {"run 1e3s", 1, "\"1e3s\" " NO_TIME},
    {"run 0x1s", 1, "\"0x1s\" " NO_TIME},
    {"run 1,5s", 1, "\"1,5s\" " NO_TIME},
    {"run 1ss", 1, "\"1ss\" " NO_TIME},
    {"run 1d", 1, "\"1d\" " NO_TIME},
    {"run 1.5us", 1, "\"1.5us\" is no whole number of microseconds"},
    {"run 0.0000000001h", 1, "\"0.0000000001h\" " NO_TIME},
    {"run 720.000000001h", 1, "\"720.000000001h\" is no whole number of microseconds"},
    {"run 2592000.000001s", 1, "\"2592000.000001s\" is not possible; 1us to 720h are"},
    {"run 721h", 1, "\"721h\" is not possible; 1us to 720h are"},
    {"run 99999999999999999999999h", 1, "is not possible; 1us to 720h are"},
    /* When. */
    {"at", 1, "the line ends too soon; at TIME ACTION is its form"},
    {"at 5s", 1, "the line ends too soon; at TIME ACTION is its form"},
    {"at crash n1", 1, "\"crash\" " NO_TIME},
    {"at 5s krash n1", 1,
     "\"krash\" is no action; crash, restart, leave, pause, resume, cut, split, heal, link and "
     "agree are"},
    {"at 61s heal", 1, "\"61s\" is beyond the end of the run, 1m; have it earlier, or run longer"},
    {"run 1.5s\nat 1500001us heal", 2, "\"1500001us\" is beyond the end of the run, 1500ms"},
    {"every 999us heal", 1, "\"999us\" is not possible; 1ms to 720h are"},
    {"every 5s", 1,
     "the line ends too soon; every TIME [from TIME] [until TIME] ACTION is its form"},
    {"every 5s until 9s from 5s heal", 1, "\"from\" is no action"},
    {"every 5s from 10s until 9999999us heal", 1,
     "\"9999999us\" is before the first time; have it later"},
    {"every 5s until 4s heal", 1, "\"4s\" is before the first time"},
    {"every 61s heal", 1, "\"61s\" is beyond the end of the run, 1m"},
    {"every 5s from x heal", 1, "\"x\" " NO_TIME},
    {"every 5s until x heal", 1, "\"x\" " NO_TIME},
    {"every 5s from 61s heal", 1, "\"61s\" is beyond the end of the run, 1m"},
    /* Actions. */
    {"at 1s crash", 1, "the line ends too soon; crash NODES [for TIME] is its form"},
    {"at 1s crash n1 for", 1, "the line ends too soon; crash NODES [for TIME] is its form"},
    {"at 1s crash n1 for 0s", 1, "\"0s\" is not possible; 1us to 720h are"},
    {"at 1s crash n1 for 5s n2", 1, "\"n2\" is too much here; crash NODES [for TIME] is all"},
    {"at 1s crash n1 n2", 1, "\"n2\" is too much here"},
    {"at 1s restart n1 for 5s", 1, "\"for\" is too much here; restart NODES is all"},
    {"at 1s leave n1 for 5s", 1, "\"for\" is too much here; leave NODES is all"},
    {"at 1s resume n1 for 5s", 1, "\"for\" is too much here; resume NODES is all"},
    {"at 1s heal n1", 1, "\"n1\" is too much here; heal is all"},
    {"at 1s heal for 5s", 1, "\"for\" is too much here; heal is all"},
    {"at 1s cut n1", 1, "the line ends too soon; cut FROM -> TO [for TIME] is its form"},
    {"at 1s cut n1 -> n2 loss 5%", 1,
     "\"loss\" is too much here; cut FROM -> TO [for TIME] is all"},
    {"at 1s split n1", 1,
     "the line ends too soon; split NODES | NODES [| ...] [for TIME] is its form"},
    {"at 1s split n1 |", 1, "the line ends too soon"},
    {"at 1s split n1 for 5s", 1, "\"for\" stands where | should"},
    {"at 1s split n1|n2", 1, "\"n1|n2\" " NO_NODE},
    {"at 1s split n1 | n2 for x", 1, "\"x\" " NO_TIME},
    {"at 1s split n1 | n2..n5,n1", 1,
     "\"n1\" is on two sides of the split; have it on one (rest is the nodes on no other)"},
    {"at 1s split n1 | any 3 | n7 | n5..n8", 1, "\"n7\" is on two sides of the split"},
    {"group a = n1,any 3\n\ngroup b = a\nat 1s split b | n1", 4, "\"n1\" is on two sides"},
    {"at 1s split all | n3", 1, "\"n3\" is on two sides"},
    {"nodes 5\nat 1s split rest | all", 2,
     "\"rest\" is nobody: all 5 nodes are on other sides; leave some"},
    {"nodes 5\nat 1s split n0..n2 | rest | n3..n4", 2, "\"rest\" is nobody"},
    {"at 1s cut n1 -> n1", 1,
     "\"n1\" sends nothing to itself; n1 -> all, or another node, would do"},
    {"link n1 <-> n1 loss 5%", 1, "\"n1\" sends nothing to itself"},
    {"at 1s split n1 | n2 n3", 1, "\"n3\" is too much here"},
    {"at 1s split n0 | n1 | n2 | n3 | n4 | n5 | n6 | n7 | n8", 1,
     "more than 8 sides; a split has 2 to 8"},
    {"at 1s link n1 -> n2 for 5s", 1, "\"for\" is no property of a link"},
    {"at 1s link n1 -> n2 loss 5% for", 1,
     "the line ends too soon; link FROM -> TO PROPERTY... [for TIME] is its form"},
    {"at 1s agree", 1, "the line ends too soon; agree within TIME is its form"},
    {"at 1s agree for 5s", 1, "\"for\" stands where within should; agree within TIME is the form"},
    {"at 1s agree within 5s for 5s", 1, "\"for\" is too much here; agree within TIME is all"},
    {"at 58s agree within 3s", 1, "\"3s\" is beyond the end of the run, 1m"},
    {"every 50s agree within 10001ms", 1, "\"10001ms\" is beyond the end of the run, 1m"},
};

START_TEST(what_is_wrong_is_refused_with_its_line_and_what_would_do)
{
    refuse(refused[_i].text, 0, refused[_i].line, refused[_i].fragment);
}
END_TEST

START_TEST(no_word_of_the_grammar_is_a_groups_name)
{
    static const char *const words[] = {
        "nodes",  "start", "detect",  "clock", "tune",   "group",   "link",   "run",    "limit",
        "at",     "every", "crash",   "leave", "pause",  "restart", "cut",    "heal",   "resume",
        "split",  "agree", "delay",   "loss",  "jitter", "burst",   "until",  "from",   "duplicate",
        "within", "for",   "reorder", "all",   "any",    "rest",    "formed", "joining"};
    for (size_t i = 0; i < COUNT(words); i++) {
        char text[64];
        snprintf(text, sizeof text, "group %s = n1", words[i]);
        refuse(text, 0, 1, "means something else");
    }
}
END_TEST

/* ---- how much is taken ---- */

/* The statement so many times, each on a line of its own, with the line's number in it, from 0 on.
 */
static const char *many(const char *before, const char *after, size_t count)
{
    static char text[SCENARIO_BYTES_MAX];
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%zu%s\n", before, i, after);
        ck_assert_uint_lt(len, sizeof text);
    }
    return text;
}

static const struct {
    const char *before, *after;
    size_t most;
    const char *fragment;
} limits[] = {
    {"group g", " = n1", SCENARIO_GROUPS_MAX, "\"group\" is one statement too many; 64 of a kind"},
    {"at 1s crash n", "", SCENARIO_STATEMENTS_MAX, "\"at\" is one statement too many; 4096 of"},
    {"every 1s crash n", "", SCENARIO_STATEMENTS_MAX, "\"every\" is one statement too many"},
    {"link n", " -> all loss 1%", SCENARIO_STATEMENTS_MAX, "\"link\" is one statement too many"},
    {"detect 1s n", "", SCENARIO_STATEMENTS_MAX, "\"detect\" is one statement too many"},
    {"clock n", " 1ppm", SCENARIO_STATEMENTS_MAX, "\"clock\" is one statement too many"},
    {"tune x", " 1", SCENARIO_STATEMENTS_MAX, "\"tune\" is one statement too many"},
    {"limit x", " 1", SCENARIO_STATEMENTS_MAX, "\"limit\" is one statement too many"},
};

START_TEST(statements_are_taken_up_to_their_limit)
{
    take(many(limits[_i].before, limits[_i].after, limits[_i].most), SCENARIO_NODES_MAX);
    const struct scenario *s = scenario;
    ck_assert_uint_eq(s->groups_count + s->actions_count + s->links_count + s->detects_count +
                          s->clocks_count + s->tunings_count + s->limits_count,
                      limits[_i].most);
    refuse(many(limits[_i].before, limits[_i].after, limits[_i].most + 1), SCENARIO_NODES_MAX,
           (int)limits[_i].most + 1, limits[_i].fragment);
}
END_TEST

START_TEST(what_was_read_of_many_lines_stays_in_their_order)
{
    take(many("at 1s crash n", "", 1000), 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        ck_assert_int_eq(scenario->actions[i].line, i + 1);
        ck_assert_uint_eq(scenario->actions[i].nodes.picks[0].first, i);
    }
}
END_TEST

START_TEST(lists_of_nodes_have_up_to_16_items)
{
    take("at 1s crash n0,n1,n2,n3,n4,n5,n6,n7,n8,n9,n10,n11,n12,n13,n14,n15", 0);
    ck_assert_uint_eq(scenario->actions[0].nodes.count, SCENARIO_PICKS_MAX);
    refuse("at 1s crash n0,n1,n2,n3,n4,n5,n6,n7,n8,n9,n10,n11,n12,n13,n14,n15,n16,n17", 0, 1,
           "\"n16\" is one too many; a list has up to 16 items, and a group makes one of "
           "several");
}
END_TEST

/* The statement, then blanks and a comment's dots, so many bytes in all. */
static const char *padded(const char *statement, size_t bytes, const char *end)
{
    static char text[SCENARIO_LINE_BYTES_MAX + 64];
    size_t len = (size_t)snprintf(text, sizeof text, "%s #", statement);
    memset(text + len, '.', bytes - len);
    snprintf(text + bytes, sizeof text - bytes, "%s", end);
    return text;
}

START_TEST(lines_are_taken_up_to_their_limit)
{
    take(padded("run 5s", SCENARIO_LINE_BYTES_MAX, "\nnodes 7\n"), 0);
    ck_assert_uint_eq(scenario->nodes, 7);
    take(padded("run 5s", SCENARIO_LINE_BYTES_MAX, "\r\n"), 0);
    refuse(padded("run 5s", SCENARIO_LINE_BYTES_MAX + 1, "\nnodes 7\n"), 0, 1,
           "a line of 1025 bytes is too long; 1024 are taken");

    char words[SCENARIO_LINE_BYTES_MAX + 1];
    for (size_t i = 0; i < SCENARIO_LINE_BYTES_MAX; i++)
        words[i] = i % 2 ? ' ' : 'x';
    words[SCENARIO_LINE_BYTES_MAX] = '\0';
    refuse(words, 0, 1, "\"x\" is no statement");
}
END_TEST

START_TEST(texts_are_taken_up_to_their_limit)
{
    static char text[SCENARIO_BYTES_MAX + 2];
    memset(text, '\n', SCENARIO_BYTES_MAX);
    take(text, 0);
    text[SCENARIO_BYTES_MAX] = '\n';
    refuse(text, 0, 0, "the text is too long; 1048576 bytes are taken");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("scenario: what is refused");
    TCase *t = tcase_create("refused");
    tcase_add_checked_fixture(t, NULL, teardown);
    tcase_add_loop_test(t, what_is_wrong_is_refused_with_its_line_and_what_would_do, 0,
                        COUNT(refused));
    tcase_add_test(t, no_word_of_the_grammar_is_a_groups_name);
    tcase_add_loop_test(t, statements_are_taken_up_to_their_limit, 0, COUNT(limits));
    tcase_add_test(t, what_was_read_of_many_lines_stays_in_their_order);
    tcase_add_test(t, lists_of_nodes_have_up_to_16_items);
    tcase_add_test(t, lines_are_taken_up_to_their_limit);
    tcase_add_test(t, texts_are_taken_up_to_their_limit);
    suite_add_tcase(s, t);
    return unit_run(s);
}
