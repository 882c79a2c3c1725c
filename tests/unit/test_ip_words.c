/* Addresses, routes and rules in the words of ip(8). */
#include "agent/config/ip_words.h"

#include "agent/base/error.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static char why[ERROR_BYTES];

/* What is printed of a text that is taken. */
static struct {
    const char *text, *printed;
} routes[] =
    {
        {"default via 192.0.2.254", " default via 192.0.2.254 table 254"},
        {"default  via 192.0.2.254\ttable 100 ", " default via 192.0.2.254 table 100"},
        {"0.0.0.0/0 dev ppp0", " default dev ppp0 table 254"},
        {"::/0 via fe80::1 dev eth0", " ::/0 via fe80::1 dev eth0 table 254"},
        {"default via 2001:db8::1 table main", " ::/0 via 2001:db8::1 table 254"},
        {"198.51.100.0/24 via 192.0.2.254 dev eth1 src 10.0.0.100 metric 50 mtu 1400 onlink",
         " 198.51.100.0/24 via 192.0.2.254 dev eth1 src 10.0.0.100 table 254 metric 50 mtu 1400 "
         "onlink"},
        {"198.51.100.7 dev wg0 table local", " 198.51.100.7/32 dev wg0 table 255"},
        {"2001:db8:1::/48 dev eth1 table 4294967295", " 2001:db8:1::/48 dev eth1 table 4294967295"},
},
  rules[] = {
      {"from 10.0.0.100 table 100", " from 10.0.0.100/32 table 100 priority 1000"},
      {"table 100 from 10.0.0.0/24 to 198.51.100.0/24 iif eth0 priority 5",
       " from 10.0.0.0/24 to 198.51.100.0/24 iif eth0 table 100 priority 5"},
      {"fwmark 100 table 7", " from all fwmark 0x64/0xffffffff table 7 priority 1000"},
      {"from all fwmark 0x64/0xff table default",
       " from all fwmark 0x64/0xff table 253 priority 1000"},
      {"from ::/0 iif eth0 table 9", " from ::/0 iif eth0 table 9 priority 1000"},
      {"to 2001:db8::/32 table 9", " from ::/0 to 2001:db8::/32 table 9 priority 1000"},
};

static struct {
    const char *text, *why;
} bad_routes[] =
    {
        {"", "no destination; use \"default\" or a network"},
        {"default", "no way out; say via ADDRESS, dev INTERFACE, or both"},
        {"default table 100", "no way out; say via ADDRESS, dev INTERFACE, or both"},
        {"default via", "nothing follows via"},
        {"default via 192.0.2.1 via 192.0.2.2", "via is given twice; keep one of them"},
        {"default via 192.0.2.0/24",
         "\"192.0.2.0/24\" is not a host's address; use one such as \"192.0.2.254\""},
        {"default via 0.0.0.0",
         "\"0.0.0.0\" is not a host's address; use one such as \"192.0.2.254\""},
        {"10.0.0.1/24 dev eth0",
         "\"10.0.0.1/24\" has bits behind its prefix; the kernel refuses that"},
        {"10.0.0.0/24 via 2001:db8::1",
         "\"2001:db8::1\" is of another family; use IPv4 or IPv6 throughout"},
        {"there via 192.0.2.1", "\"there\" is neither an address nor a network; use one such as "
                                "\"192.0.2.0/24\""},
        {"blackhole default", "\"blackhole\" is neither an address nor a network; use one such as "
                              "\"192.0.2.0/24\""},
        {"default dev eth0 scope link",
         "\"scope\" is no word that is taken here; known are via dev src table metric mtu onlink"},
        {"default dev a/b", "\"a/b\" is not an interface's name; use one such as \"eth1\""},
        {"default dev eth0 onlink",
         "onlink is of a gateway and an interface; say via ADDRESS and dev INTERFACE too"},
        {"default dev eth0 mtu 67", "\"67\" is not a whole number from 68 to 65535"},
        {"::/0 dev eth0 mtu 1279", "mtu 1279 is below 1280, the least that IPv6 works with"},
        {"default dev eth0 metric 0", "\"0\" is not a whole number from 1 to 4294967295"},
        {"default dev eth0 table 0", "no table \"0\" on this host; use its number, or name it in "
                                     "/etc/iproute2/rt_tables"},
        {"default dev eth0 table 4294967296",
         "no table \"4294967296\" on this host; use its number, or name it in "
         "/etc/iproute2/rt_tables"},
},
  bad_rules[] = {
      {"", "no table; say which one the packets go by, such as table 100"},
      {"from 10.0.0.100", "no table; say which one the packets go by, such as table 100"},
      {"from 10.0.0.100/24 table 1",
       "\"10.0.0.100/24\" has bits behind its prefix; the kernel refuses that"},
      {"from 10.0.0.1 to 2001:db8::1 table 1",
       "\"2001:db8::1\" is of another family; use IPv4 or IPv6 throughout"},
      {"fwmark 0x table 1", "\"0x\" is not a mark; use one such as \"100\" or \"0x64/0xff\""},
      {"fwmark -1 table 1", "\"-1\" is not a mark; use one such as \"100\" or \"0x64/0xff\""},
      {"fwmark 1/0 table 1", "\"1/0\" is not a mark; use one such as \"100\" or \"0x64/0xff\""},
      {"fwmark 4294967296 table 1",
       "\"4294967296\" is not a mark; use one such as \"100\" or \"0x64/0xff\""},
      {"from 10.0.0.1 table 1 priority 0", "\"0\" is not a whole number from 1 to 32765"},
      {"from 10.0.0.1 table 1 priority 32766", "\"32766\" is not a whole number from 1 to 32765"},
      {"from 10.0.0.1 lookup 1", "\"lookup\" is no word that is taken here; known are from to iif "
                                 "fwmark table priority"},
      {"from 10.0.0.1 table", "nothing follows table"},
};

static char *printed_route(const struct vip_route *r)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    ip_words_print_route(r, out);
    fclose(out);
    return text;
}

static char *printed_rule(const struct vip_rule *r)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    ip_words_print_rule(r, out);
    fclose(out);
    return text;
}

START_TEST(route_is_printed_as_it_can_be_read_again)
{
    struct vip_route r, again;
    ck_assert_msg(ip_words_route(routes[_i].text, &r, why), "%s", why);
    char *text = printed_route(&r);
    ck_assert_str_eq(text, routes[_i].printed);
    ck_assert_msg(ip_words_route(text, &again, why), "%s", why);
    ck_assert_mem_eq(&r, &again, sizeof r);
    free(text);
}
END_TEST

START_TEST(rule_is_printed_as_it_can_be_read_again)
{
    struct vip_rule r, again;
    ck_assert_msg(ip_words_rule(rules[_i].text, &r, why), "%s", why);
    char *text = printed_rule(&r);
    ck_assert_str_eq(text, rules[_i].printed);
    ck_assert_msg(ip_words_rule(text, &again, why), "%s", why);
    ck_assert_mem_eq(&r, &again, sizeof r);
    free(text);
}
END_TEST

START_TEST(route_that_cannot_be_right_is_refused)
{
    struct vip_route r;
    ck_assert(!ip_words_route(bad_routes[_i].text, &r, why));
    ck_assert_str_eq(why, bad_routes[_i].why);
}
END_TEST

START_TEST(rule_that_cannot_be_right_is_refused)
{
    struct vip_rule r;
    ck_assert(!ip_words_rule(bad_rules[_i].text, &r, why));
    ck_assert_str_eq(why, bad_rules[_i].why);
}
END_TEST

START_TEST(address_has_its_interface_or_none)
{
    struct vip_address a;
    ck_assert(ip_words_address("192.0.2.1/24 dev eth1", &a, why));
    ck_assert_str_eq(a.interface, "eth1");
    ck_assert_uint_eq(a.prefix_bits, 24);
    ck_assert(ip_words_address("2001:db8::1/64", &a, why));
    ck_assert_str_eq(a.interface, "");
    ck_assert(!ip_words_address("192.0.2.1/24 eth1", &a, why));
    ck_assert_str_eq(why, "\"eth1\" is no word that is taken here; known are dev");
    ck_assert(!ip_words_address("192.0.2.1/24 dev", &a, why));
    ck_assert_str_eq(why, "nothing follows dev");
}
END_TEST

START_TEST(word_that_is_far_too_long_is_refused)
{
    char text[300] = "default dev ";
    struct vip_route r;
    memset(text + strlen(text), 'x', 200);
    ck_assert(!ip_words_route(text, &r, why));
    ck_assert_ptr_nonnull(strstr(why, "is not an interface's name"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ip_words");
    TCase *t = tcase_create("words");
    tcase_add_loop_test(t, route_is_printed_as_it_can_be_read_again, 0, COUNT(routes));
    tcase_add_loop_test(t, rule_is_printed_as_it_can_be_read_again, 0, COUNT(rules));
    tcase_add_loop_test(t, route_that_cannot_be_right_is_refused, 0, COUNT(bad_routes));
    tcase_add_loop_test(t, rule_that_cannot_be_right_is_refused, 0, COUNT(bad_rules));
    tcase_add_test(t, address_has_its_interface_or_none);
    tcase_add_test(t, word_that_is_far_too_long_is_refused);
    suite_add_tcase(s, t);
    return unit_run(s);
}
