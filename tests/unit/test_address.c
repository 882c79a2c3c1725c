#include "agent/base/address.h"
#include "tests/unit/unit.h"

#include <netinet/in.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct pair {
    uint8_t ip[ADDRESS_IP_BYTES];
    uint16_t port;
};

/* Address and port as one text, the port 1 if the text had none. */
static const char *parsed(const char *text)
{
    static char again[ADDRESS_TEXT_BYTES];
    struct pair addr = {.port = 1};

    ck_assert_msg(address_parse(text, addr.ip, &addr.port), "%s", text);
    return address_text(addr.ip, addr.port, again);
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
        struct pair addr, before;
        memset(&addr, 0x5a, sizeof addr);
        memcpy(&before, &addr, sizeof addr);
        ck_assert_msg(!address_parse(bad[i], addr.ip, &addr.port), "%s", bad[i]);
        ck_assert_mem_eq(&addr, &before, sizeof addr);
    }
}
END_TEST

START_TEST(address_is_ipv4_if_it_is_mapped)
{
    struct pair addr = {.port = 1};
    char text[ADDRESS_TEXT_BYTES];

    ck_assert(!address_is_ipv4(addr.ip));
    ck_assert(address_parse("0.0.0.0", addr.ip, &addr.port));
    ck_assert(address_is_ipv4(addr.ip));
    ck_assert_str_eq(address_ip_text(addr.ip, text), "0.0.0.0");
    ck_assert(address_parse("::1", addr.ip, &addr.port));
    ck_assert(!address_is_ipv4(addr.ip));
    ck_assert_str_eq(address_ip_text(addr.ip, text), "::1");
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
        ck_assert_msg(address_parse_host(all[i].text, host, sizeof host, &port), "%s", all[i].text);
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
        ck_assert_msg(!address_parse_host(bad[i], host, sizeof host, &port), "%s", bad[i]);
    ck_assert_uint_eq(port, 1);
    ck_assert(address_parse_host("db1", small, sizeof small, &port));
    ck_assert(!address_parse_host("db11", small, sizeof small, &port));
}
END_TEST

START_TEST(host_is_as_long_as_dns_allows_and_no_longer)
{
    char text[260], host[512];
    uint16_t port = 1;

    memset(text, 'a', sizeof text);
    text[253] = '\0';
    ck_assert(address_parse_host(text, host, sizeof host, &port));
    ck_assert_str_eq(host, text);
    text[253] = 'a';
    text[254] = '\0';
    ck_assert(!address_parse_host(text, host, sizeof host, &port));
}
END_TEST

START_TEST(kinds_are_told_in_both_families)
{
    static const struct {
        const char *text;
        bool any, loopback, multicast, link_local;
    } all[] = {
        {.text = "0.0.0.0", .any = true},
        {.text = "::", .any = true},
        {.text = "127.0.0.1", .loopback = true},
        {.text = "127.255.0.9", .loopback = true},
        {.text = "::1", .loopback = true},
        {.text = "224.0.0.1", .multicast = true},
        {.text = "240.0.0.1", .multicast = true},
        {.text = "255.255.255.255", .multicast = true},
        {.text = "ff02::1", .multicast = true},
        {.text = "169.254.0.1", .link_local = true},
        {.text = "169.254.255.9", .link_local = true},
        {.text = "fe80::1", .link_local = true},
        {.text = "febf::1", .link_local = true},
        {.text = "fec0::1"},
        {.text = "169.253.0.1"},
        {.text = "223.255.255.255"},
        {.text = "128.0.0.1"},
        {.text = "::2"},
        {.text = "10.0.0.0"},
    };

    for (size_t i = 0; i < COUNT(all); i++) {
        struct pair addr = {.port = 1};
        ck_assert(address_parse(all[i].text, addr.ip, &addr.port));
        ck_assert_msg(address_is_any(addr.ip) == all[i].any, "%s", all[i].text);
        ck_assert_msg(address_is_loopback(addr.ip) == all[i].loopback, "%s", all[i].text);
        ck_assert_msg(address_is_multicast(addr.ip) == all[i].multicast, "%s", all[i].text);
        ck_assert_msg(address_is_link_local(addr.ip) == all[i].link_local, "%s", all[i].text);
    }
}
END_TEST

START_TEST(network_keeps_the_first_bits_of_its_family)
{
    static const struct {
        const char *ip, *network;
        uint8_t bits;
    } cases[] = {
        {"10.1.2.255", "10.1.2.0", 24},       {"10.1.2.255", "10.1.2.240", 28},
        {"10.1.2.255", "10.1.2.255", 32},     {"10.1.2.255", "0.0.0.0", 0},
        {"2001:db8::ff:1", "2001:db8::", 64}, {"2001:db8::ff:1", "2001:db8::f0:0", 108},
        {"2001:db8::ff:1", "::", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t ip[ADDRESS_IP_BYTES], network[ADDRESS_IP_BYTES];
        char text[ADDRESS_TEXT_BYTES];
        uint16_t port = 0;
        ck_assert(address_parse(cases[i].ip, ip, &port));
        address_network(ip, cases[i].bits, network);
        ck_assert_str_eq(address_ip_text(network, text), cases[i].network);
    }
}
END_TEST

START_TEST(addresses_of_one_network_have_its_bits_and_its_family)
{
    static const struct {
        const char *a, *b;
        uint8_t bits;
        bool same;
    } cases[] = {
        {"10.1.2.1", "10.1.2.254", 24, true},
        {"10.1.2.127", "10.1.2.128", 25, false},
        {"10.1.2.1", "192.0.2.1", 0, true},
        {"2001:db8::1", "2001:db8::2", 64, true},
        {"2001:db8::1", "2001:db8:0:1::", 64, false},
        {"10.1.2.1", "2001:db8::1", 0, false},
        {"::", "10.1.2.1", 80, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t a[ADDRESS_IP_BYTES], b[ADDRESS_IP_BYTES];
        uint16_t port = 0;
        ck_assert(address_parse(cases[i].a, a, &port) && address_parse(cases[i].b, b, &port));
        ck_assert_msg(address_same_network(a, b, cases[i].bits) == cases[i].same, "%s %s",
                      cases[i].a, cases[i].b);
        ck_assert_msg(address_same_network(b, a, cases[i].bits) == cases[i].same, "%s %s",
                      cases[i].b, cases[i].a);
    }
}
END_TEST

START_TEST(prefix_needs_its_length_in_the_range_of_its_family)
{
    static const char *const bad[] = {"10.0.0.1",           "10.0.0.1/", "10.0.0.1/0",
                                      "10.0.0.1/33",        "::1/129",   "::1/0",
                                      "::ffff:10.0.0.1/32", "/24",       "",
                                      "10.0.0.1/24/24",     "db1/24",    "10.0.0.1:80/24"};
    uint8_t ip[ADDRESS_IP_BYTES] = {9}, bits = 9;
    char text[ADDRESS_PREFIX_TEXT_BYTES];

    for (size_t i = 0; i < COUNT(bad); i++)
        ck_assert_msg(!address_parse_prefix(bad[i], ip, &bits), "%s", bad[i]);
    ck_assert_uint_eq(ip[0], 9);
    ck_assert_uint_eq(bits, 9);
    ck_assert(address_parse_prefix("10.0.0.30/32", ip, &bits));
    ck_assert_str_eq(address_prefix_text(ip, bits, text), "10.0.0.30/32");
    ck_assert(address_parse_prefix("1111:2222:3333:4444:5555:6666:7777:8888/128", ip, &bits));
    ck_assert_str_eq(address_prefix_text(ip, bits, text),
                     "1111:2222:3333:4444:5555:6666:7777:8888/128");
}
END_TEST

START_TEST(socket_address_of_either_family_comes_back_as_it_went)
{
    static const struct {
        const char *text;
        int family;
        socklen_t bytes; /* 0: it has no such form */
    } all[] = {
        {"10.0.0.1:7949", AF_INET, sizeof(struct sockaddr_in)},
        {"10.0.0.1:7949", AF_INET6, sizeof(struct sockaddr_in6)},
        {"[2001:db8::1]:7949", AF_INET6, sizeof(struct sockaddr_in6)},
        {"[2001:db8::1]:7949", AF_INET, 0},
    };

    for (size_t i = 0; i < COUNT(all); i++) {
        struct pair addr = {0}, again = {0};
        struct sockaddr_storage sa;
        ck_assert(address_parse(all[i].text, addr.ip, &addr.port));
        ck_assert_uint_eq(address_to_socket(addr.ip, addr.port, all[i].family, &sa), all[i].bytes);
        if (all[i].bytes == 0)
            continue;
        ck_assert_int_eq(sa.ss_family, all[i].family);
        ck_assert(address_from_socket(&sa, again.ip, &again.port));
        ck_assert_mem_eq(&again, &addr, sizeof addr);
    }
}
END_TEST

START_TEST(socket_of_another_family_has_no_address)
{
    struct sockaddr_storage sa = {.ss_family = AF_UNIX};
    struct pair addr = {.port = 7};

    ck_assert(!address_from_socket(&sa, addr.ip, &addr.port));
    ck_assert_uint_eq(addr.port, 7);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("address");
    TCase *t = tcase_create("address");

    tcase_add_test(t, address_is_taken_in_each_form);
    tcase_add_test(t, what_is_no_address_is_refused_and_changes_nothing);
    tcase_add_test(t, address_is_ipv4_if_it_is_mapped);
    tcase_add_test(t, host_is_split_from_its_port);
    tcase_add_test(t, what_is_no_host_is_refused);
    tcase_add_test(t, host_is_as_long_as_dns_allows_and_no_longer);
    tcase_add_test(t, kinds_are_told_in_both_families);
    tcase_add_test(t, network_keeps_the_first_bits_of_its_family);
    tcase_add_test(t, addresses_of_one_network_have_its_bits_and_its_family);
    tcase_add_test(t, prefix_needs_its_length_in_the_range_of_its_family);
    tcase_add_test(t, socket_address_of_either_family_comes_back_as_it_went);
    tcase_add_test(t, socket_of_another_family_has_no_address);
    suite_add_tcase(s, t);
    return unit_run(s);
}
