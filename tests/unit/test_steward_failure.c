/* What people are told of a vip that could not be held. */
#include "agent/steward/steward_failure.h"

#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

static struct vip_address addresses[] = {
    {.ip = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 100}, .prefix_bits = 24, .interface = "eth0"},
    {.ip = {0xfd, [15] = 1}, .prefix_bits = 64, .interface = "eth1"},
};
static const struct vip_spec spec = {.addresses = addresses, .addresses_count = 2};

static void expect(int error, enum steward_part part, unsigned index, const char *where,
                   const char *text)
{
    struct steward_report r = {
        .kind = STEWARD_FAILED, .error = error, .part = (uint8_t)part, .index = (uint8_t)index};
    char said[STEWARD_FAILURE_BYTES];
    strncpy(r.where, where, sizeof r.where - 1);
    steward_failure_describe(&r, &spec, said);
    ck_assert_str_eq(said, text);
}

START_TEST(an_address_that_the_host_has_is_said_with_its_interface)
{
    expect(EEXIST, STEWARD_PART_ADDRESS, 0, "lo", "10.0.0.100 is on lo of this host already");
    expect(EEXIST, STEWARD_PART_ADDRESS, 1, "", "fd00::1 is on this host already");
}
END_TEST

START_TEST(what_the_kernel_refuses_is_said_in_words_that_help)
{
    expect(EACCES, STEWARD_PART_ADDRESS, 1, "",
           "fd00::1 on eth1: IPv6 is switched off on the interface (sysctl disable_ipv6)");
    expect(EPERM, STEWARD_PART_ADDRESS, 0, "",
           "10.0.0.100 on eth0: Operation not permitted "
           "(the steward needs CAP_NET_ADMIN and CAP_NET_RAW)");
    expect(EOPNOTSUPP, STEWARD_PART_ADDRESS, 0, "",
           "10.0.0.100 on eth0: the kernel keeps no mark on an address (Linux before 5.18)");
    expect(ENOBUFS, STEWARD_PART_ADDRESS, 0, "", "10.0.0.100 on eth0: No buffer space available");
}
END_TEST

START_TEST(an_interface_that_is_in_the_way_is_named)
{
    expect(ENODEV, STEWARD_PART_ADDRESS, 0, "eth0", "interface eth0 is not there");
    expect(ENETDOWN, STEWARD_PART_TRACK, 0, "bond0",
           "tracked interface bond0 is not up, or has no carrier");
}
END_TEST

START_TEST(another_part_is_counted_from_one)
{
    expect(ENETUNREACH, STEWARD_PART_ROUTE, 1, "", "route 2: Network is unreachable");
    expect(EEXIST, STEWARD_PART_RULE, 0, "", "rule 1: File exists");
    expect(EBUSY, STEWARD_PART_VIP, 0, "", "Device or resource busy");
    expect(EINVAL, STEWARD_PART_ADDRESS, 2, "", "Invalid argument");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("steward_failure");
    TCase *t = tcase_create("texts");
    tcase_add_test(t, an_address_that_the_host_has_is_said_with_its_interface);
    tcase_add_test(t, what_the_kernel_refuses_is_said_in_words_that_help);
    tcase_add_test(t, an_interface_that_is_in_the_way_is_named);
    tcase_add_test(t, another_part_is_counted_from_one);
    suite_add_tcase(s, t);
    return unit_run(s);
}
