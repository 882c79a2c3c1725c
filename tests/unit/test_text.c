#include "agent/base/text.h"
#include "agent/base/utf8.h"
#include "tests/unit/unit.h"

#include <string.h>

/* RFC 3629, section 3, without a look at what may be encoded. Returns its bytes. */
static size_t encode(uint32_t point, size_t bytes, char *into)
{
    static const uint32_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

    if (bytes == 1) {
        into[0] = (char)point;
        return 1;
    }
    for (size_t i = bytes - 1; i > 0; i--, point >>= 6)
        into[i] = (char)(0x80 | (point & 0x3f));
    into[0] = (char)(lead[bytes] | point);
    return bytes;
}

static size_t shortest(uint32_t point)
{
    return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
}

START_TEST(every_character_is_decoded_in_its_shortest_form_and_no_other)
{
    static const uint32_t limit[] = {0, 0x80, 0x800, 0x10000, 0x200000};

    for (size_t bytes = 1; bytes <= 4; bytes++) {
        for (uint32_t point = 0; point < limit[bytes]; point++) {
            char text[5] = "";
            uint32_t got = 0;
            bool valid =
                bytes == shortest(point) && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
            encode(point, bytes, text);
            size_t taken = utf8_decode(text, bytes, &got);
            if (taken != (valid ? bytes : 0) || (valid && got != point))
                ck_abort_msg("U+%04x in %zu bytes", (unsigned)point, bytes);
        }
    }
}
END_TEST

START_TEST(character_that_is_cut_or_torn_is_none)
{
    static const char *const all[] = {"\u00e9", "\u6771", "\U0001f600"};
    uint32_t point;

    for (size_t i = 0; i < 3; i++) {
        size_t len = strlen(all[i]);
        ck_assert_uint_eq(utf8_decode(all[i], SIZE_MAX, &point), len);
        for (size_t cut = 1; cut < len; cut++) {
            char text[5] = "";
            memcpy(text, all[i], cut);
            ck_assert_uint_eq(utf8_decode(all[i], cut, &point), 0);
            ck_assert_uint_eq(utf8_decode(text, SIZE_MAX, &point), 0);
            text[cut] = 'x';
            ck_assert_uint_eq(utf8_decode(text, SIZE_MAX, &point), 0);
        }
    }
    for (unsigned lead = 0x80; lead <= 0xff; lead++) {
        const char text[] = {(char)lead, 'a', 'a', 'a', '\0'};
        ck_assert_uint_eq(utf8_decode(text, SIZE_MAX, &point), 0);
    }
}
END_TEST

START_TEST(printable_is_utf8_without_control_characters)
{
    static const char *const good[] = {"",
                                       " ~",
                                       "\xc2\xa0",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\u200d",
                                       "\u2027",
                                       "\u202f",
                                       "\u2065",
                                       "\u206a",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {
        "\x01",
        "\x1f",
        "\x7f",
        "\n", /* C0 and DEL */
        "\xc2\x80",
        "\xc2\x9f", /* C1 */
        "\x80",
        "\xbf",
        "\xc2",
        "\xe2\x82",
        "\xf0\x9f\xa6", /* torn */
        "\xc2z",
        "\xe2\x82z", /* torn by another */
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x9f\xbf",
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",
        "\xed\xbf\xbf", /* surrogates */
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff", /* beyond Unicode */
        "\u061c",
        "\u200e",
        "\u200f",
        "\u2028",
        "\u202e",
        "\u2066",
        "\u2069", /* turn the direction, or break a line */
    };

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        ck_assert_msg(text_printable(good[i]), "good %zu", i);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!text_printable(bad[i]), "bad %zu", i);
}
END_TEST

START_TEST(escaping_fills_what_there_is_and_no_more)
{
    char into[9] = "........";

    ck_assert_uint_eq(text_escape(into, sizeof into, "12345678"), 8);
    ck_assert_str_eq(into, "12345678");
    ck_assert_uint_eq(text_escape(into, sizeof into, "123456789"), 8);
    ck_assert_str_eq(into, "12345...");
    ck_assert_uint_eq(text_escape(into, sizeof into, "123\x1b"), 7);
    ck_assert_str_eq(into, "123\\x1b");
    ck_assert_uint_eq(text_escape(into, sizeof into, "12345\x1b"), 8);
    ck_assert_str_eq(into, "12345...");
    ck_assert_uint_eq(text_escape(into, sizeof into, "1234\u6771\u4eac"), 7); /* none is torn */
    ck_assert_str_eq(into, "1234...");
    ck_assert_uint_eq(text_escape(into, 4, "\n\n"), 3);
    ck_assert_str_eq(into, "...");
    ck_assert_uint_eq(text_escape(into, 4, ""), 0);
    ck_assert_str_eq(into, "");
}
END_TEST

START_TEST(number_is_digits_up_to_its_limit)
{
    static const char *const bad[] = {
        "", "-1", "+1", " 1", "1 ", "1.0", "0x1", "256", "4294967297", "99999999999999999999999999",
        "a"};
    uint32_t value = 7;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!text_parse_number(bad[i], 255, &value), "%s", bad[i]);
    ck_assert_uint_eq(value, 7);
    ck_assert(text_parse_number("255", 255, &value) && value == 255);
    ck_assert(text_parse_number("0", 255, &value) && value == 0);
    ck_assert(text_parse_number("007", 255, &value) && value == 7);
    ck_assert(text_parse_number("4294967295", UINT32_MAX, &value) && value == UINT32_MAX);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("text");
    TCase *t = tcase_create("text");

    tcase_add_test(t, every_character_is_decoded_in_its_shortest_form_and_no_other);
    tcase_add_test(t, character_that_is_cut_or_torn_is_none);
    tcase_add_test(t, printable_is_utf8_without_control_characters);
    tcase_add_test(t, escaping_fills_what_there_is_and_no_more);
    tcase_add_test(t, number_is_digits_up_to_its_limit);
    suite_add_tcase(s, t);
    return unit_run(s);
}
