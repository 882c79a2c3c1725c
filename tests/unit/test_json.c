#include "agent/base/json.h"

#include "tests/unit/unit.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static struct json j;

static void setup(void)
{
    j = (struct json){0};
}

static void teardown(void)
{
    json_free(&j);
}

#define assert_text(expected)                                                                      \
    do {                                                                                           \
        ck_assert(!j.failed);                                                                      \
        ck_assert_str_eq(j.text, expected);                                                        \
        ck_assert_uint_eq(j.len, strlen(expected));                                                \
    } while (0)

START_TEST(commas_and_keys_come_by_themselves)
{
    json_object_begin(&j, NULL);
    json_unsigned(&j, "a", 1);
    json_array_begin(&j, "b");
    json_string(&j, NULL, "x");
    json_object_begin(&j, NULL);
    json_object_end(&j);
    json_array_begin(&j, NULL);
    json_array_end(&j);
    json_boolean(&j, NULL, false);
    json_array_end(&j);
    json_object_begin(&j, "c");
    json_boolean(&j, "d", true);
    json_raw(&j, "e", "[1,2]");
    json_object_end(&j);
    json_object_end(&j);
    assert_text("{\"a\":1,\"b\":[\"x\",{},[],false],\"c\":{\"d\":true,\"e\":[1,2]}}");
}
END_TEST

START_TEST(integers_keep_all_their_digits)
{
    json_array_begin(&j, NULL);
    json_unsigned(&j, NULL, UINT64_MAX);
    json_integer(&j, NULL, INT64_MIN);
    json_integer(&j, NULL, INT64_MAX);
    json_array_end(&j);
    assert_text("[18446744073709551615,-9223372036854775808,9223372036854775807]");
}
END_TEST

START_TEST(numbers_are_short_and_read_back_the_same)
{
    json_array_begin(&j, NULL);
    json_number(&j, NULL, 0.1);
    json_number(&j, NULL, -2);
    json_number(&j, NULL, 1.0 / 3);
    json_number(&j, NULL, 1e300);
    json_number(&j, NULL, DBL_MIN);
    json_array_end(&j);
    assert_text("[0.1,-2,0.3333333333333333,1e+300,2.2250738585072014e-308]");
}
END_TEST

START_TEST(numbers_that_are_not_finite_are_null)
{
    json_array_begin(&j, NULL);
    json_number(&j, NULL, NAN);
    json_number(&j, NULL, INFINITY);
    json_number(&j, NULL, -INFINITY);
    json_array_end(&j);
    assert_text("[null,null,null]");
}
END_TEST

START_TEST(quotes_and_backslashes_are_escaped)
{
    json_string(&j, NULL, "say \"hi\" \\ bye/");
    assert_text("\"say \\\"hi\\\" \\\\ bye/\"");
}
END_TEST

START_TEST(control_characters_are_escaped)
{
    json_string(&j, NULL, "\x01\t\n\r\x1b[31m\x7f\xc2\x80\xc2\x9b\xc2\xa0");
    assert_text("\"\\u0001\\u0009\\u000a\\u000d\\u001b[31m\\u007f\\u0080\\u009b\xc2\xa0\"");
}
END_TEST

START_TEST(keys_are_escaped_as_well)
{
    json_object_begin(&j, NULL);
    json_string(&j, "a\"\n\xff", "b");
    json_object_end(&j);
    assert_text("{\"a\\\"\\u000a\xef\xbf\xbd\":\"b\"}");
}
END_TEST

START_TEST(well_formed_utf8_stays_as_it_is)
{
    /* The first and last of each length, around the surrogates, and U+2028. */
    const char *text =
        "\xc3\xa9\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xe2\x80\xa8"
        "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf";
    char expected[64];
    snprintf(expected, sizeof expected, "\"%s\"", text);
    json_string(&j, NULL, text);
    assert_text(expected);
}
END_TEST

#define R "\xef\xbf\xbd"

static const struct {
    const char *value, *expected;
} broken[] = {
    {"a\xff"
     "b",
     "\"a" R "b\""},
    {"\x80\xbf", "\"" R R "\""},             /* continuations without a lead */
    {"\xc3", "\"" R "\""},                   /* cut short, at every length */
    {"\xe2\x82", "\"" R R "\""},             /* */
    {"\xf0\x9f\x98", "\"" R R R "\""},       /* */
    {"\xe2\x82x", "\"" R R "x\""},           /* cut short by something else */
    {"\xc3\"", "\"" R "\\\"\""},             /* the quote is still seen, and escaped */
    {"\xc0\x80\xc1\xbf", "\"" R R R R "\""}, /* overlong */
    {"\xe0\x9f\xbf", "\"" R R R "\""},       /* */
    {"\xf0\x8f\xbf\xbf", "\"" R R R R "\""}, /* */
    {"\xed\xa0\x80", "\"" R R R "\""},       /* a surrogate */
    {"\xf4\x90\x80\x80", "\"" R R R R "\""}, /* beyond U+10FFFF */
    {"\xf5\x80\x80\x80\xfe", "\"" R R R R R "\""},
};

START_TEST(what_is_not_utf8_is_replaced_byte_by_byte)
{
    json_string(&j, NULL, broken[_i].value);
    assert_text(broken[_i].expected);
}
END_TEST

START_TEST(a_long_text_grows_the_buffer)
{
    char value[100000];
    memset(value, 'x', sizeof value);
    value[sizeof value - 1] = '\0';
    json_string(&j, NULL, value);
    ck_assert(!j.failed);
    ck_assert_uint_eq(j.len, sizeof value - 1 + 2);
    ck_assert_uint_eq(strspn(j.text + 1, "x"), sizeof value - 1);
}
END_TEST

START_TEST(reset_begins_anew_in_the_same_memory)
{
    json_array_begin(&j, NULL);
    json_unsigned(&j, NULL, 1);
    const char *before = j.text;
    json_reset(&j);
    assert_text("");
    json_unsigned(&j, NULL, 2);
    assert_text("2");
    ck_assert_ptr_eq(j.text, before);
}
END_TEST

START_TEST(after_a_failure_nothing_is_written_until_reset)
{
    json_string(&j, NULL, "kept");
    j.failed = true;
    json_string(&j, NULL, "not written");
    ck_assert(j.failed);
    ck_assert_str_eq(j.text, "\"kept\"");
    json_reset(&j);
    json_string(&j, NULL, "again");
    assert_text("\"again\"");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("json");
    TCase *t = tcase_create("json");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, commas_and_keys_come_by_themselves);
    tcase_add_test(t, integers_keep_all_their_digits);
    tcase_add_test(t, numbers_are_short_and_read_back_the_same);
    tcase_add_test(t, numbers_that_are_not_finite_are_null);
    tcase_add_test(t, quotes_and_backslashes_are_escaped);
    tcase_add_test(t, control_characters_are_escaped);
    tcase_add_test(t, keys_are_escaped_as_well);
    tcase_add_test(t, well_formed_utf8_stays_as_it_is);
    tcase_add_loop_test(t, what_is_not_utf8_is_replaced_byte_by_byte, 0,
                        (int)(sizeof broken / sizeof broken[0]));
    tcase_add_test(t, a_long_text_grows_the_buffer);
    tcase_add_test(t, reset_begins_anew_in_the_same_memory);
    tcase_add_test(t, after_a_failure_nothing_is_written_until_reset);
    suite_add_tcase(s, t);
    return unit_run(s);
}
