#include "agent/config/config.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Address and port as one text, the port 1 if the text had none. */
static const char *parsed(const char *text)
{
    static char again[CONFIG_ADDR_TEXT_BYTES];
    struct gossip_addr addr = {.port = 1};

    ck_assert_msg(config_addr_parse(text, &addr), "%s", text);
    return config_addr_text(&addr, again);
}

START_TEST(address_is_taken_in_each_form)
{
    ck_assert_str_eq(parsed("10.0.0.1"), "10.0.0.1:1");
    ck_assert_str_eq(parsed("10.0.0.1:7949"), "10.0.0.1:7949");
    ck_assert_str_eq(parsed("255.255.255.255:65535"), "255.255.255.255:65535");
    ck_assert_str_eq(parsed("::"), "[::]:1");
    ck_assert_str_eq(parsed("2001:DB8:0:0::1"), "[2001:db8::1]:1");
    ck_assert_str_eq(parsed("[2001:db8::1]"), "[2001:db8::1]:1");
    ck_assert_str_eq(parsed("[2001:db8::1]:7949"), "[2001:db8::1]:7949");
    ck_assert_str_eq(parsed("::ffff:10.0.0.1"), "10.0.0.1:1");
    ck_assert_str_eq(parsed("[1111:2222:3333:4444:5555:6666:7777:8888]:65535"),
                     "[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
}
END_TEST

START_TEST(what_is_no_address_is_refused_and_changes_nothing)
{
    static const char *const bad[] = {
        "",
        ":",
        ":7949",
        "10.0.0.1:",
        "10.0.0.1:0",
        "10.0.0.1:65536",
        "10.0.0.1:4294967297",
        "10.0.0.1:-1",
        "10.0.0.1: 1",
        "10.0.0.1:1x",
        "10.0.0.1:1:1",
        "10.0.0",
        "10.0.0.256",
        "10.0.0.01x",
        " 10.0.0.1",
        "10.0.0.1 ",
        "[10.0.0.1]:1",
        "[::1",
        "::1]",
        "[]",
        "[]:1",
        "[::1]7949",
        "[::1]:",
        "[::1]:0",
        "[[::1]]",
        "fe80::1%lo",
        "db1",
        "db1:7949",
        "1:2:3:4:5:6:7:8:9",
        ":::",
        "[::1]:1]",
    };

    for (size_t i = 0; i < COUNT(bad); i++) {
        struct gossip_addr addr, before;
        memset(&addr, 0x5a, sizeof addr);
        memcpy(&before, &addr, sizeof addr);
        ck_assert_msg(!config_addr_parse(bad[i], &addr), "%s", bad[i]);
        ck_assert_mem_eq(&addr, &before, sizeof addr);
    }
}
END_TEST

START_TEST(address_is_ipv4_if_it_is_mapped)
{
    struct gossip_addr addr = {.port = 1};
    char text[CONFIG_ADDR_TEXT_BYTES];

    ck_assert(!config_addr_is_ipv4(&addr));
    ck_assert(config_addr_parse("0.0.0.0", &addr));
    ck_assert(config_addr_is_ipv4(&addr));
    ck_assert_str_eq(config_ip_text(&addr, text), "0.0.0.0");
    ck_assert(config_addr_parse("::1", &addr));
    ck_assert(!config_addr_is_ipv4(&addr));
    ck_assert_str_eq(config_ip_text(&addr, text), "::1");
}
END_TEST

START_TEST(host_is_split_from_its_port)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
    } all[] = {
        {"db1", "db1", 1},
        {"db-1.example.org:80", "db-1.example.org", 80},
        {"db_1.example.org.", "db_1.example.org.", 1},
        {"1db", "1db", 1},
        {"10.0.0.1:80", "10.0.0.1", 80},
        {"10.0.0.1.example", "10.0.0.1.example", 1},
        {"::1", "::1", 1},
        {"[::1]", "::1", 1},
        {"[2001:db8::1]:80", "2001:db8::1", 80},
    };

    for (size_t i = 0; i < COUNT(all); i++) {
        char host[256];
        uint16_t port = 1;
        ck_assert_msg(config_host_parse(all[i].text, host, sizeof host, &port), "%s", all[i].text);
        ck_assert_str_eq(host, all[i].host);
        ck_assert_uint_eq(port, all[i].port);
    }
}
END_TEST

START_TEST(what_is_no_host_is_refused)
{
    static const char *const bad[] = {
        "",      ":80",        ".",         "-db1",     ".db1",  "db 1",       "db1:",
        "db1:0", "db1:65536",  "db1:80:80", "[db1]:80", "db1\n", "db1;reboot", "$(reboot)",
        "db/1",  "10.0.0.300", "10.0.0",    "12345",    "db1.5", "[::1]x",     "d\xc3\xbc",
    };
    char host[256], small[4];
    uint16_t port = 1;

    for (size_t i = 0; i < COUNT(bad); i++)
        ck_assert_msg(!config_host_parse(bad[i], host, sizeof host, &port), "%s", bad[i]);
    ck_assert_uint_eq(port, 1);
    ck_assert(config_host_parse("db1", small, sizeof small, &port));
    ck_assert(!config_host_parse("db11", small, sizeof small, &port));
}
END_TEST

START_TEST(host_is_as_long_as_dns_allows_and_no_longer)
{
    char text[260], host[512];
    uint16_t port = 1;

    memset(text, 'a', sizeof text);
    text[253] = '\0';
    ck_assert(config_host_parse(text, host, sizeof host, &port));
    ck_assert_str_eq(host, text);
    text[253] = 'a';
    text[254] = '\0';
    ck_assert(!config_host_parse(text, host, sizeof host, &port));
}
END_TEST

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
        ck_assert_msg(config_duration_parse(all[i].text, &ms), "%s", all[i].text);
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
        ck_assert_msg(!config_duration_parse(bad[i], &ms), "%s", bad[i]);
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
        char text[CONFIG_DURATION_TEXT_BYTES];
        uint32_t ms;
        ck_assert_str_eq(config_duration_text(all[i].ms, text), all[i].text);
        ck_assert(config_duration_parse(text, &ms));
        ck_assert_uint_eq(ms, all[i].ms);
    }
}
END_TEST

START_TEST(a_detect_that_the_network_cannot_keep_is_named_with_the_smallest_that_it_can)
{
    char advice[CONFIG_ERROR_BYTES] = "untouched";

    ck_assert(!config_detect_advice(GOSSIP_DETECT_MS_MIN, 0, advice)); /* nothing measured yet */
    ck_assert(!config_detect_advice(gossip_detect_ms_min(400000), 400000, advice));
    ck_assert_str_eq(advice, "untouched");
    ck_assert(config_detect_advice(gossip_detect_ms_min(400000) - 1, 400000, advice));
    char least[CONFIG_DURATION_TEXT_BYTES], expected[CONFIG_ERROR_BYTES];
    ck_assert(config_detect_advice(GOSSIP_DETECT_MS_MIN, 400000, advice));
    config_duration_text(gossip_detect_ms_min(400000), least);
    snprintf(expected, sizeof expected,
             "detect \"200ms\": below the smallest possible %s where answers take 400.0 ms, and "
             "members that live may be suspected; use at least \"%s\", on all members",
             least, least);
    ck_assert_str_eq(advice, expected);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("config_text");
    TCase *t = tcase_create("texts");

    tcase_add_test(t, address_is_taken_in_each_form);
    tcase_add_test(t, what_is_no_address_is_refused_and_changes_nothing);
    tcase_add_test(t, address_is_ipv4_if_it_is_mapped);
    tcase_add_test(t, host_is_split_from_its_port);
    tcase_add_test(t, what_is_no_host_is_refused);
    tcase_add_test(t, host_is_as_long_as_dns_allows_and_no_longer);
    tcase_add_test(t, duration_is_taken_in_each_unit);
    tcase_add_test(t, what_is_no_duration_is_refused);
    tcase_add_test(t, duration_is_written_shortest_and_read_again);
    tcase_add_test(t, a_detect_that_the_network_cannot_keep_is_named_with_the_smallest_that_it_can);
    suite_add_tcase(s, t);
    return unit_run(s);
}
