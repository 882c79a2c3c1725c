#include "agent/control/pattern.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static struct pattern pattern;
static char error[PATTERN_ERROR_BYTES];

static bool matches(const char *expression, const char *text)
{
    ck_assert_msg(pattern_compile(&pattern, expression, error), "%s: %s", expression, error);
    bool matched = pattern_match(&pattern, text);
    pattern_free(&pattern);
    return matched;
}

static void refused(const char *expression, const char *why)
{
    ck_assert_msg(!pattern_compile(&pattern, expression, error), "%s was taken", expression);
    ck_assert_msg(strstr(error, why), "%s: %s, expected %s", expression, error, why);
}

START_TEST(whole_texts_match)
{
    ck_assert(matches("web", "web"));
    ck_assert(!matches("web", "web1"));
    ck_assert(!matches("web", "1web"));
    ck_assert(matches("^web$", "web"));
    ck_assert(matches("", ""));
    ck_assert(!matches("", "x"));
}
END_TEST

START_TEST(alternatives_are_anchored_as_one)
{
    ck_assert(matches("web|db", "db"));
    ck_assert(!matches("web|db", "web1"));
    ck_assert(!matches("web|db", "1db"));
}
END_TEST

START_TEST(what_people_filter_by_is_taken)
{
    ck_assert(matches("(web|db)-[0-9]+(\\.[a-z]+)*", "web-12.rack.dc"));
    ck_assert(matches("([0-9]{1,3}\\.){3}[0-9]{1,3}", "10.0.0.117"));
    ck_assert(matches("[[:alpha:]_][[:alnum:]_]*", "a_1"));
    ck_assert(matches("[]a-]+[^]]", "]-x"));
    ck_assert(matches("(prod-)?db.*", "db7"));
    ck_assert(matches("node\\(1\\)\\+", "node(1)+"));
    ck_assert(matches("a{2}b{0,1}c{1,}", "aacc"));
    ck_assert(matches("\\w+", "web"));
    ck_assert(matches("((a|b)+-?)*", "ab-ba"));
}
END_TEST

START_TEST(what_is_no_expression_is_refused)
{
    refused("[", "[");
    refused("[a", "[");
    refused("[[:alpha", "[");
    refused("[[:nonsense:]]", "");
    refused("(", "(");
    refused("a)", ")");
    refused("*a", "nothing");
    refused("|*", "nothing");
    refused("a**", "repetition");
    refused("a{", "{");
    refused("a{x}", "{");
    refused("a{1", "{");
    refused("a{2,1}", "");
    refused("\\", "backslash");
}
END_TEST

START_TEST(what_could_take_exponential_time_is_refused)
{
    refused("(a*)\\1", "back-reference");
    refused("(a*)*", "match nothing");
    refused("(a|)*", "match nothing");
    refused("(()+|x)+", "match nothing");
    refused("(a?b*){2,13}", "match nothing");
    refused("^*", "match nothing");
    refused("\\b+", "match nothing");
    refused("a{99999}", "too often");
    refused("a{99999999999999999999999999}", "too often");
    refused("((a{9}){9}){9}", "too often");
    refused("(((((((((a+)+)+)+)+)+)+)+)+)+", "too often");
}
END_TEST

START_TEST(length_and_depth_are_limited)
{
    char text[2 * PATTERN_BYTES_MAX];
    memset(text, 'a', sizeof text);
    text[PATTERN_BYTES_MAX] = '\0';
    ck_assert(matches(text, text));
    text[PATTERN_BYTES_MAX] = 'a';
    text[PATTERN_BYTES_MAX + 1] = '\0';
    refused(text, "longer than 256 bytes");

    memset(text, '(', PATTERN_DEPTH_MAX);
    text[PATTERN_DEPTH_MAX] = 'a';
    memset(text + PATTERN_DEPTH_MAX + 1, ')', PATTERN_DEPTH_MAX);
    text[2 * PATTERN_DEPTH_MAX + 1] = '\0';
    ck_assert(matches(text, "a"));
    memset(text, '(', PATTERN_DEPTH_MAX + 1);
    refused(text, "too deeply");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pattern");
    TCase *t = tcase_create("pattern");
    tcase_add_test(t, whole_texts_match);
    tcase_add_test(t, alternatives_are_anchored_as_one);
    tcase_add_test(t, what_people_filter_by_is_taken);
    tcase_add_test(t, what_is_no_expression_is_refused);
    tcase_add_test(t, what_could_take_exponential_time_is_refused);
    tcase_add_test(t, length_and_depth_are_limited);
    suite_add_tcase(s, t);
    return unit_run(s);
}
