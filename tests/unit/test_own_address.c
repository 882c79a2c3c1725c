/* Which address of a host others should know. */
#include "agent/net/own_address.h"

#include "agent/base/address.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define DEFAULT_ROUTE "0.0.0.0"

static struct own_address all[8];
static struct own_addresses own = {.all = all};
static struct config config;
static struct gossip_addr towards[4], taken[4], addr;
static struct own_choice choice;

/* What the kernel would say: the source towards each. */
static struct {
    const char *to, *source;
} routes[4];

static void parse(const char *text, uint8_t ip[ADDRESS_IP_BYTES])
{
    uint16_t port = 0;
    ck_assert(address_parse(text, ip, &port));
}

static bool source(const struct gossip_addr *to, bool ipv6, uint8_t ip[ADDRESS_IP_BYTES])
{
    char text[ADDRESS_TEXT_BYTES] = DEFAULT_ROUTE;
    (void)ipv6;
    if (to)
        address_ip_text(to->ip, text);
    for (size_t i = 0; i < COUNT(routes) && routes[i].to; i++)
        if (strcmp(routes[i].to, text) == 0) {
            parse(routes[i].source, ip);
            return true;
        }
    return false;
}

static void setup(void)
{
    memset(routes, 0, sizeof routes);
    memset(&config, 0, sizeof config);
    memset(&addr, 0, sizeof addr);
    own.count = 0;
    config.bind.port = 7949;
    choice = (struct own_choice){
        .config = &config, .own = &own, .towards = towards, .taken = taken, .source = source};
}

static struct own_address *has(const char *interface, const char *ip)
{
    struct own_address *a = &all[own.count++];
    *a = (struct own_address){.running = true, .loopback = strcmp(interface, "lo") == 0};
    snprintf(a->interface, sizeof a->interface, "%s", interface);
    parse(ip, a->ip);
    return a;
}

static void goes(const char *to, const char *from)
{
    size_t i = 0;
    while (routes[i].to)
        i++;
    routes[i].to = to;
    routes[i].source = from;
}

static void joins(const char *to)
{
    parse(to, towards[choice.towards_count++].ip);
}

static void is_known(const char *member)
{
    taken[choice.taken_count].port = 7949;
    parse(member, taken[choice.taken_count++].ip);
}

/* NULL: there is none. */
static void expect(const char *ip)
{
    char text[ADDRESS_TEXT_BYTES];
    ck_assert(own_address_advertise(&choice, &addr) == (ip != NULL));
    if (ip)
        ck_assert_str_eq(address_ip_text(addr.ip, text), ip);
    ck_assert(!ip || addr.port == 7949);
}

START_TEST(source_towards_the_members_wins)
{
    has("docker0", "172.17.0.1");
    has("eth0", "10.0.0.1");
    has("eth1", "192.168.0.1");
    goes(DEFAULT_ROUTE, "192.168.0.1");
    goes("10.0.0.2", "10.0.0.1");
    expect("192.168.0.1");
    joins("10.0.0.2");
    expect("10.0.0.1");
}
END_TEST

START_TEST(address_in_force_stays_as_long_as_it_is_right)
{
    has("eth0", "10.0.0.1");
    has("eth1", "192.168.0.1");
    goes("10.0.0.2", "10.0.0.1");
    goes("192.168.0.2", "192.168.0.1");
    joins("10.0.0.2");
    expect("10.0.0.1");
    choice.towards_count = 0;
    joins("192.168.0.2");
    joins("10.0.0.2");
    expect("10.0.0.1");
    choice.towards_count = 0;
    expect("10.0.0.1");
    all[0].running = false;
    expect("192.168.0.1");
}
END_TEST

START_TEST(what_others_cannot_reach_is_never_taken)
{
    has("lo", "127.0.0.1");
    has("bmc0", "169.254.3.1");
    has("eth1", "10.0.9.9")->running = false;
    has("eth2", "fe80::1");
    goes(DEFAULT_ROUTE, "169.254.3.1");
    expect(NULL);
    has("eth0", "10.0.0.1");
    expect("10.0.0.1");
}
END_TEST

START_TEST(address_of_another_member_is_not_taken)
{
    has("docker0", "172.17.0.1");
    has("eth0", "10.0.0.1");
    is_known("172.17.0.1");
    expect("10.0.0.1");
    setup();
    has("docker0", "172.17.0.1");
    is_known("172.17.0.1");
    taken[0].port = 7950; /* another agent of this very host */
    expect("172.17.0.1");
}
END_TEST

START_TEST(vip_is_not_taken)
{
    static struct vip_address vip;
    static struct vip_spec spec = {.addresses = &vip, .addresses_count = 1};
    parse("10.0.0.100", vip.ip);
    config.vips = &spec;
    config.vips_count = 1;
    has("eth0", "10.0.0.100");
    expect(NULL);
    has("eth0", "10.0.0.1");
    expect("10.0.0.1");
}
END_TEST

START_TEST(loopback_is_for_those_that_join_over_it)
{
    has("lo", "127.0.0.1");
    goes("127.0.0.2", "127.0.0.1");
    goes("10.0.0.2", "127.0.0.1");
    joins("10.0.0.2");
    expect(NULL);
    joins("127.0.0.2");
    expect("127.0.0.1");
}
END_TEST

START_TEST(bind_by_network_and_interface_is_the_first_there)
{
    struct gossip_addr bind;
    char text[ADDRESS_TEXT_BYTES];
    parse("10.0.0.0", config.bind.ip);
    config.bind_where.network_bits = 24;
    has("eth1", "192.168.0.1");
    ck_assert(!own_address_bind(&choice, &bind));
    expect(NULL);
    has("eth0", "10.0.0.7");
    has("eth0", "10.0.0.8");
    ck_assert(own_address_bind(&choice, &bind));
    ck_assert_str_eq(address_text(bind.ip, bind.port, text), "10.0.0.7:7949");
    expect("10.0.0.7");
    config.bind_where = (struct config_where){.interface = "eth1"};
    expect("192.168.0.1");
}
END_TEST

START_TEST(ipv4_of_an_interface_goes_before_ipv6)
{
    has("eth0", "fe80::1");
    has("eth0", "2001:db8::1");
    config.bind_where = (struct config_where){.interface = "eth0"};
    expect("2001:db8::1");
    has("eth0", "10.0.0.7");
    expect("10.0.0.7");
}
END_TEST

START_TEST(advertise_that_is_given_is_taken_as_it_is)
{
    has("eth0", "10.0.0.1");
    config.advertise.port = 7949;
    parse("203.0.113.5", config.advertise.ip);
    expect("203.0.113.5");
}
END_TEST

START_TEST(ipv6_is_not_for_an_ipv4_socket)
{
    has("eth0", "2001:db8::1");
    expect(NULL);
    config.bind_where.ipv6 = true;
    expect("2001:db8::1");
}
END_TEST

START_TEST(kernel_is_asked_without_a_packet)
{
    uint8_t ip[ADDRESS_IP_BYTES];
    struct gossip_addr to = {.port = 1};
    parse("127.0.0.9", to.ip);
    ck_assert(own_address_source(&to, false, ip));
    ck_assert(address_is_loopback(ip));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("own_address");
    TCase *t = tcase_create("choice");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, source_towards_the_members_wins);
    tcase_add_test(t, address_in_force_stays_as_long_as_it_is_right);
    tcase_add_test(t, what_others_cannot_reach_is_never_taken);
    tcase_add_test(t, address_of_another_member_is_not_taken);
    tcase_add_test(t, vip_is_not_taken);
    tcase_add_test(t, loopback_is_for_those_that_join_over_it);
    tcase_add_test(t, bind_by_network_and_interface_is_the_first_there);
    tcase_add_test(t, ipv4_of_an_interface_goes_before_ipv6);
    tcase_add_test(t, advertise_that_is_given_is_taken_as_it_is);
    tcase_add_test(t, ipv6_is_not_for_an_ipv4_socket);
    tcase_add_test(t, kernel_is_asked_without_a_packet);
    suite_add_tcase(s, t);
    return unit_run(s);
}
