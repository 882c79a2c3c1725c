#include "agent/steward/announce.h"

#include "tests/unit/unit.h"

#include <string.h>

static const uint8_t mac[] = {2, 0, 0, 0xaa, 0xbb, 0xcc};
static const uint8_t ipv4[ANNOUNCE_IP_BYTES] = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 100};
static const uint8_t ipv6[] = {0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78};

static uint8_t frame[ANNOUNCE_FRAME_BYTES_MAX];
static struct announce_claim claim;

static void expect(const uint8_t *bytes, size_t count, size_t built)
{
    ck_assert_uint_eq(built, count);
    ck_assert_mem_eq(frame, bytes, count);
}

START_TEST(an_arp_announcement_asks_for_the_address_it_claims)
{
    static const uint8_t bytes[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,  0, 0,  0xaa, 0xbb,
                                    0xcc, 8,    6,    0,    1,    8,    0,  6, 4,  0,    1,
                                    2,    0,    0,    0xaa, 0xbb, 0xcc, 10, 0, 0,  100,  0,
                                    0,    0,    0,    0,    0,    10,   0,  0, 100};
    expect(bytes, sizeof bytes, announce_build(ANNOUNCE_ARP_REQUEST, mac, ipv4, false, frame));
}
END_TEST

START_TEST(the_reply_form_names_its_sender_twice)
{
    static const uint8_t bytes[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,  0, 0,  0xaa, 0xbb,
                                    0xcc, 8,    6,    0,    1,    8,    0,  6, 4,  0,    2,
                                    2,    0,    0,    0xaa, 0xbb, 0xcc, 10, 0, 0,  100,  2,
                                    0,    0,    0xaa, 0xbb, 0xcc, 10,   0,  0, 100};
    expect(bytes, sizeof bytes, announce_build(ANNOUNCE_ARP_REPLY, mac, ipv4, false, frame));
}
END_TEST

START_TEST(an_arp_probe_names_no_sender)
{
    static const uint8_t bytes[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0,  0xaa, 0xbb,
                                    0xcc, 8,    6,    0,    1,    8,    0, 6, 4,  0,    1,
                                    2,    0,    0,    0xaa, 0xbb, 0xcc, 0, 0, 0,  0,    0,
                                    0,    0,    0,    0,    0,    10,   0, 0, 100};
    expect(bytes, sizeof bytes, announce_build(ANNOUNCE_ARP_PROBE, mac, ipv4, false, frame));
    ck_assert(!announce_parse(frame, sizeof bytes, &claim));
}
END_TEST

START_TEST(an_advertisement_overrides_and_names_the_link_address)
{
    static const uint8_t bytes[] = {
        0x33, 0x33, 0,    0, 0,    1,    2,    0,    0,    0xaa, 0xbb, 0xcc, 0x86, 0xdd, 0x60,
        0,    0,    0,    0, 32,   58,   255,  0xfd, 0,    0,    1,    0,    0,    0,    0,
        0,    0,    0,    0, 0x12, 0x34, 0x56, 0x78, 0xff, 2,    0,    0,    0,    0,    0,
        0,    0,    0,    0, 0,    0,    0,    0,    1,    136,  0,    0xcc, 0xcc, 0x20, 0,
        0,    0,    0xfd, 0, 0,    1,    0,    0,    0,    0,    0,    0,    0,    0,    0x12,
        0x34, 0x56, 0x78, 2, 1,    2,    0,    0,    0xaa, 0xbb, 0xcc};
    expect(bytes, sizeof bytes, announce_build(ANNOUNCE_NA, mac, ipv6, false, frame));
}
END_TEST

/* A host removes its default route by one that says that it is no router (RFC 4861, 7.2.5). */
START_TEST(an_advertisement_of_a_router_says_so)
{
    announce_build(ANNOUNCE_NA, mac, ipv6, false, frame);
    ck_assert_uint_eq(frame[58], 0x20);
    size_t built = announce_build(ANNOUNCE_NA, mac, ipv6, true, frame);
    ck_assert_uint_eq(frame[58], 0xa0);
    ck_assert(announce_parse(frame, built, &claim));
}
END_TEST

START_TEST(a_solicitation_comes_from_nobody_and_goes_to_the_group_of_the_address)
{
    static const uint8_t bytes[] = {
        0x33, 0x33, 0xff, 0x34, 0x56, 0x78, 2,    0, 0, 0xaa, 0xbb, 0xcc, 0x86, 0xdd, 0x60, 0,
        0,    0,    0,    24,   58,   255,  0,    0, 0, 0,    0,    0,    0,    0,    0,    0,
        0,    0,    0,    0,    0,    0,    0xff, 2, 0, 0,    0,    0,    0,    0,    0,    0,
        0,    1,    0xff, 0x34, 0x56, 0x78, 135,  0, 0, 0,    0,    0,    0,    0,    0xfd, 0,
        0,    1,    0,    0,    0,    0,    0,    0, 0, 0,    0x12, 0x34, 0x56, 0x78};
    size_t built = announce_build(ANNOUNCE_NS, mac, ipv6, false, frame);
    ck_assert_uint_eq(built, sizeof bytes);
    frame[56] = frame[57] = 0; /* its checksum, which only the parser's test knows */
    ck_assert_mem_eq(frame, bytes, built);
    ck_assert(!announce_parse(frame, built, &claim));
}
END_TEST

START_TEST(claims_are_read_from_both_forms_of_arp)
{
    for (enum announce_kind kind = ANNOUNCE_ARP_REQUEST; kind <= ANNOUNCE_ARP_REPLY; kind++) {
        size_t built = announce_build(kind, mac, ipv4, false, frame);
        memset(&claim, 0, sizeof claim);
        ck_assert(announce_parse(frame, built, &claim));
        ck_assert_mem_eq(claim.ip, ipv4, sizeof ipv4);
        ck_assert_mem_eq(claim.mac, mac, sizeof mac);
    }
}
END_TEST

START_TEST(an_arp_that_is_not_whole_or_not_of_ipv4_claims_nothing)
{
    static const size_t at[] = {12, 14, 16, 18, 19, 20, 21}; /* type, formats, lengths, operation */
    size_t built = announce_build(ANNOUNCE_ARP_REPLY, mac, ipv4, false, frame);
    for (size_t bytes = 0; bytes < built; bytes++)
        ck_assert(!announce_parse(frame, bytes, &claim));
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        frame[at[i]] ^= 0x40;
        ck_assert(!announce_parse(frame, built, &claim));
        frame[at[i]] ^= 0x40;
    }
    ck_assert(announce_parse(frame, built, &claim));
}
END_TEST

START_TEST(claims_are_read_from_advertisements)
{
    size_t built = announce_build(ANNOUNCE_NA, mac, ipv6, false, frame);
    memset(frame + 6, 7, sizeof mac); /* the option counts, and not who brings it */
    ck_assert(announce_parse(frame, built, &claim));
    ck_assert_mem_eq(claim.ip, ipv6, sizeof ipv6);
    ck_assert_mem_eq(claim.mac, mac, sizeof mac);
}
END_TEST

START_TEST(every_flipped_bit_of_an_advertisement_makes_it_void)
{
    size_t built = announce_build(ANNOUNCE_NA, mac, ipv6, false, frame);
    for (size_t bit = 8 * 22; bit < 8 * built; bit++) {
        frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert_msg(!announce_parse(frame, built, &claim), "bit %zu", bit);
        frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    frame[21] = 254; /* it has passed a router */
    ck_assert(!announce_parse(frame, built, &claim));
}
END_TEST

START_TEST(an_advertisement_that_is_cut_claims_nothing)
{
    size_t built = announce_build(ANNOUNCE_NA, mac, ipv6, false, frame);
    for (size_t bytes = 0; bytes < built; bytes++)
        ck_assert(!announce_parse(frame, bytes, &claim));
}
END_TEST

START_TEST(padding_behind_a_frame_changes_nothing)
{
    uint8_t padded[ANNOUNCE_FRAME_BYTES_MAX + 40];
    size_t built = announce_build(ANNOUNCE_NA, mac, ipv6, false, frame);
    memset(padded, 0x55, sizeof padded);
    memcpy(padded, frame, built);
    ck_assert(announce_parse(padded, sizeof padded, &claim));
    ck_assert_mem_eq(claim.mac, mac, sizeof mac);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("announce");
    TCase *t = tcase_create("frames");
    tcase_add_test(t, an_arp_announcement_asks_for_the_address_it_claims);
    tcase_add_test(t, the_reply_form_names_its_sender_twice);
    tcase_add_test(t, an_arp_probe_names_no_sender);
    tcase_add_test(t, an_advertisement_overrides_and_names_the_link_address);
    tcase_add_test(t, an_advertisement_of_a_router_says_so);
    tcase_add_test(t, a_solicitation_comes_from_nobody_and_goes_to_the_group_of_the_address);
    suite_add_tcase(s, t);
    t = tcase_create("claims");
    tcase_add_test(t, claims_are_read_from_both_forms_of_arp);
    tcase_add_test(t, an_arp_that_is_not_whole_or_not_of_ipv4_claims_nothing);
    tcase_add_test(t, claims_are_read_from_advertisements);
    tcase_add_test(t, every_flipped_bit_of_an_advertisement_makes_it_void);
    tcase_add_test(t, an_advertisement_that_is_cut_claims_nothing);
    tcase_add_test(t, padding_behind_a_frame_changes_nothing);
    suite_add_tcase(s, t);
    return unit_run(s);
}
