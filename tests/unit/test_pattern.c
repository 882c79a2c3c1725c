#include "agent/control/pattern.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static struct pattern pattern;
static char error[PATTERN_ERROR_BYTES];

static enum pattern_result result(const char *expression, const char *text)
{
    ck_assert_msg(pattern_compile(&pattern, expression, error), "%s: %s", expression, error);
    enum pattern_result result = pattern_match(&pattern, text);
    pattern_free(&pattern);
    return result;
}

static bool matches(const char *expression, const char *text)
{
    enum pattern_result found = result(expression, text);
    ck_assert_msg(found != PATTERN_TOO_COSTLY, "%s", expression);
    return found == PATTERN_MATCHES;
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
    ck_assert(!matches("web", "web\n"));
    ck_assert(!matches("web$", "web\n"));
    ck_assert(matches("w|web", "web")); /* the first alternative that matches is not the last */
}
END_TEST

START_TEST(alternatives_are_anchored_as_one)
{
    ck_assert(matches("web|db", "db"));
    ck_assert(!matches("web|db", "web1"));
    ck_assert(!matches("web|db", "1db"));
}
END_TEST

START_TEST(usual_filters_are_taken)
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

START_TEST(characters_are_those_of_utf8)
{
    ck_assert(matches("Z.rich", "Z\303\274rich"));
    ck_assert(matches("Z[\303\274u]rich", "Z\303\274rich"));
    ck_assert(!matches("Z.rich", "Z\303rich")); /* no UTF-8 */
    refused("\303", "UTF-8");
}
END_TEST

START_TEST(malformed_expression_is_refused_with_its_place)
{
    refused("[", "missing terminating ] for character class at byte 1");
    refused("we[b", "at byte 4");
    refused("[[:alpha", "]");
    refused("[[:nonsense:]]", "unknown POSIX class name at byte 3");
    refused("(", "missing closing parenthesis at byte 1");
    refused("a)", "unmatched closing parenthesis at byte 1");
    refused("*a", "quantifier does not follow a repeatable item at byte 0");
    refused("a**", "quantifier does not follow a repeatable item at byte 2");
    refused("a{2,1}", "numbers out of order in {} quantifier at byte 5");
    refused("\\", "\\ at end of pattern at byte 1");
    refused("a\\C", "\\C is disabled");
    refused("a{99999}", "number too big in {} quantifier at byte 7");
    refused("(((a{1,100}){1,100}){1,100})", "regular expression is too large");
}
END_TEST

/* `count` times `a`, then `end`. */
static const char *many(size_t count, const char *end)
{
    static char text[8192];
    memset(text, 'a', count);
    snprintf(text + count, sizeof text - count, "%s", end);
    return text;
}

START_TEST(exponential_backtracking_ends_at_the_limit)
{
    /* Without a limit each of these takes longer than the age of the universe. */
    static const char *const costly[] = {
        "(a+)+$",
        "(a*)*$",
        "(a|a)*$",
        "(a|aa)+$",
        "([^b]*)*$",
        "(.*a){12}$",
        "(a?){50}a{50}$",
        "(((((((((a+)+)+)+)+)+)+)+)+)+$",
        "(?:a+)+?$",
        "(a*)*\\1$",
        "(*NO_AUTO_POSSESS)(*NO_START_OPT)(a+)+$",
        "(*LIMIT_MATCH=99999999)(*LIMIT_DEPTH=99999999)(*LIMIT_HEAP=99999999)(a+)+$",
        "(?=(a+)+$).*",
        "(a(?1)?)+$",
    };
    for (size_t i = 0; i < sizeof costly / sizeof *costly; i++)
        ck_assert_msg(result(costly[i], many(512, "b")) == PATTERN_TOO_COSTLY, "%s", costly[i]);
    ck_assert_int_eq(result("(?R)", "a"), PATTERN_TOO_COSTLY); /* recursion without an end */
}
END_TEST

START_TEST(usual_filters_are_far_from_the_limit)
{
    ck_assert(!matches(".*(web|db).*=.*", many(512, "b")));
    ck_assert(matches(".*a.*a.*b", many(511, "b")));
    ck_assert(matches("([a-z]+)(-[a-z]+)*", many(512, "-b")));
}
END_TEST

START_TEST(memory_of_a_match_is_limited)
{
    ck_assert_int_eq(
        result("(?:(a)|(b)|(c)|(d)|(e)|(f)|(g)|(h)|(i)|(j)|(k)|(l)|(m))*", many(8000, "")),
        PATTERN_TOO_COSTLY);
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
    refused(text, "too deeply nested");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pattern");
    TCase *t = tcase_create("pattern");
    tcase_add_test(t, whole_texts_match);
    tcase_add_test(t, alternatives_are_anchored_as_one);
    tcase_add_test(t, usual_filters_are_taken);
    tcase_add_test(t, characters_are_those_of_utf8);
    tcase_add_test(t, malformed_expression_is_refused_with_its_place);
    tcase_add_test(t, exponential_backtracking_ends_at_the_limit);
    tcase_add_test(t, usual_filters_are_far_from_the_limit);
    tcase_add_test(t, memory_of_a_match_is_limited);
    tcase_add_test(t, length_and_depth_are_limited);
    suite_add_tcase(s, t);
    return unit_run(s);
}
