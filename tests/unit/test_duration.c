#include "agent/base/duration.h"
#include "tests/unit/unit.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

START_TEST(duration_is_taken_in_each_unit)
{
    static const struct {
        const char *text;
        uint32_t ms;
    } all[] = {
        {"250ms", 250},        {"0s", 0},      {"1.5s", 1500},        {"0.001s", 1},
        {"1.0s", 1000},        {"2m", 120000}, {"0.5m", 30000},       {"24h", 86400000},
        {"0.25h", 900000},     {"007s", 7000}, {"720h", 2592000000u}, {"2592000000ms", 2592000000u},
        {"1.50000000s", 1500},
    };

    for (size_t i = 0; i < COUNT(all); i++) {
        uint32_t ms = 1;
        ck_assert_msg(duration_parse(all[i].text, &ms), "%s", all[i].text);
        ck_assert_uint_eq(ms, all[i].ms);
    }
}
END_TEST

START_TEST(what_is_no_duration_is_refused)
{
    static const char *const bad[] = {
        "",
        "s",
        "1",
        "1.5",
        ".5s",
        "1.s",
        "1..5s",
        "1.5.5s",
        "-1s",
        "+1s",
        "1 s",
        " 1s",
        "1s ",
        "1S",
        "1d",
        "1sec",
        "1e3s",
        "0x10s",
        "inf",
        "1,5s",
        "0.0001s",
        "1.5ms",
        "720.1h",
        "721h",
        "2592000001ms",
        "99999999999999999999s",
        "0.00000000000000000000000000000000000000000000000000000000000000000000s",
        "18446744073709551617ms",
    };
    uint32_t ms = 77;

    for (size_t i = 0; i < COUNT(bad); i++)
        ck_assert_msg(!duration_parse(bad[i], &ms), "%s", bad[i]);
    ck_assert_uint_eq(ms, 77);
}
END_TEST

START_TEST(duration_is_written_shortest_and_read_again)
{
    static const struct {
        uint32_t ms;
        const char *text;
    } all[] = {
        {0, "0ms"},       {1, "1ms"},        {999, "999ms"},        {1000, "1s"},
        {1001, "1.001s"}, {1500, "1.5s"},    {1050, "1.05s"},       {59000, "59s"},
        {60000, "1m"},    {90000, "90s"},    {90500, "90.5s"},      {3600000, "1h"},
        {5400000, "90m"}, {86400000, "24h"}, {2592000000u, "720h"}, {2591999999u, "2591999.999s"},
    };

    for (size_t i = 0; i < COUNT(all); i++) {
        char text[DURATION_TEXT_BYTES];
        uint32_t ms;
        ck_assert_str_eq(duration_text(all[i].ms, text), all[i].text);
        ck_assert(duration_parse(text, &ms));
        ck_assert_uint_eq(ms, all[i].ms);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("duration");
    TCase *t = tcase_create("duration");

    tcase_add_test(t, duration_is_taken_in_each_unit);
    tcase_add_test(t, what_is_no_duration_is_refused);
    tcase_add_test(t, duration_is_written_shortest_and_read_again);
    suite_add_tcase(s, t);
    return unit_run(s);
}
