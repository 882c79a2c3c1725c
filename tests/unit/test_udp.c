/* Datagrams on the loopback. */
#include "agent/net/udp.h"

#include "agent/base/address.h"
#include "agent/base/error.h"
#include "agent/net/net.h"

#include "tests/unit/fake_host.h"
#include "tests/unit/unit.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { AGENT = 1, PEER = 2, OTHER = 3 };

static struct host *h;
static struct udp *u;
static int peer;

static void setup(void)
{
    char error[ERROR_BYTES];
    struct gossip_addr addr = fake_addr(AGENT);
    h = fake_host_new();
    u = udp_new(h, &addr, false, error);
    ck_assert_msg(u != NULL, "%s", error);
    peer = fake_socket(SOCK_DGRAM, PEER);
}

static void teardown(void)
{
    close(peer);
    udp_free(u);
    fake_host_free(h);
}

static void send_from(int fd, uint8_t byte, size_t len)
{
    static uint8_t bytes[65000];
    struct gossip_addr to = fake_addr(AGENT);
    struct sockaddr_storage sa;
    socklen_t sa_len = address_to_socket(to.ip, to.port, AF_INET, &sa);
    memset(bytes, byte, len);
    ck_assert_int_eq(sendto(fd, bytes, len, 0, (struct sockaddr *)&sa, sa_len), (ssize_t)len);
}

static void send_to(const struct gossip_addr *to, uint8_t byte, size_t len)
{
    static uint8_t bytes[GOSSIP_PACKET_BYTES_MAX];
    memset(bytes, byte, len);
    struct gossip_packet packet = {
        .route = {.addr = *to, .via = GOSSIP_DATAGRAM}, .bytes = bytes, .len = len};
    udp_send(u, &packet);
}

/* The length of the next datagram to the peer; -1: none within 10 s. */
static ssize_t next_to_peer(uint8_t *first)
{
    uint8_t bytes[2000] = {0};
    poll(&(struct pollfd){.fd = peer, .events = POLLIN}, 1, 10000);
    ssize_t len = recv(peer, bytes, sizeof bytes, MSG_DONTWAIT);
    *first = bytes[0];
    return len;
}

START_TEST(datagrams_come_with_their_source_and_in_order)
{
    struct gossip_addr from = fake_addr(PEER);
    send_from(peer, 'a', 1);
    send_from(peer, 'b', GOSSIP_PACKET_BYTES_MAX);
    send_from(peer, 'c', 0);
    ck_assert(fake_host_receives(h, 3));
    ck_assert_uint_eq(h->received[0].first, 'a');
    ck_assert_uint_eq(h->received[1].last, 'b');
    ck_assert_uint_eq(h->received[1].len, GOSSIP_PACKET_BYTES_MAX);
    ck_assert_uint_eq(h->received[2].len, 0);
    for (int i = 0; i < 3; i++) {
        ck_assert_mem_eq(&h->received[i].from.addr, &from, sizeof from);
        ck_assert_int_eq(h->received[i].from.via, GOSSIP_DATAGRAM);
    }
}
END_TEST

/* One byte more is enough for the core to refuse it. */
START_TEST(a_datagram_that_is_too_long_is_seen_to_be)
{
    send_from(peer, 'x', GOSSIP_PACKET_BYTES_MAX + 1);
    send_from(peer, 'x', 60000);
    ck_assert(fake_host_receives(h, 2));
    for (int i = 0; i < 2; i++)
        ck_assert_uint_eq(h->received[i].len, GOSSIP_PACKET_BYTES_MAX + 1);
}
END_TEST

START_TEST(what_has_arrived_is_drained_without_a_turn_of_the_loop)
{
    for (int i = 0; i < 3 * UDP_BATCH + 1; i++)
        send_from(peer, 'x', 100);
    h->transports[GOSSIP_DATAGRAM].drain(h->transports[GOSSIP_DATAGRAM].arg);
    ck_assert_uint_eq(h->received_count, 3 * UDP_BATCH + 1);
}
END_TEST

START_TEST(a_flood_is_taken_in_bounded_parts)
{
    for (int round = 0; round < 40; round++)
        for (int i = 0; i < 100; i++)
            send_from(peer, 'x', 1);
    udp_drain(u);
    size_t first = h->received_count;
    ck_assert_uint_le(first, 64 * UDP_BATCH);
    ck_assert_uint_gt(first, 0);
}
END_TEST

START_TEST(a_batch_that_is_full_leaves_early_and_the_rest_with_the_flush)
{
    struct gossip_addr to = fake_addr(PEER);
    uint8_t first;
    for (int i = 0; i < UDP_BATCH + 1; i++)
        send_to(&to, (uint8_t)('a' + i), 3);
    for (int i = 0; i < UDP_BATCH; i++) {
        ck_assert_int_eq(next_to_peer(&first), 3);
        ck_assert_uint_eq(first, 'a' + i);
    }
    ck_assert_int_eq(recv(peer, &first, 1, MSG_DONTWAIT), -1);
    udp_flush(u);
    ck_assert_int_eq(next_to_peer(&first), 3);
}
END_TEST

START_TEST(one_that_cannot_be_sent_does_not_hold_back_those_behind_it)
{
    struct gossip_addr to = fake_addr(PEER), v6 = {.ip = {[15] = 1}, .port = 7949};
    struct gossip_addr no_route = to;
    uint8_t first;
    address_from_ipv4((uint8_t[]){255, 255, 255, 255}, no_route.ip); /* broadcast: not allowed */
    send_to(&no_route, 'n', 3);
    send_to(&v6, 'n', 3);
    send_to(&to, 'y', 3);
    udp_flush(u);
    ck_assert_int_eq(next_to_peer(&first), 3);
    ck_assert_uint_eq(first, 'y');
}
END_TEST

START_TEST(a_stop_with_datagrams_waiting_both_ways_frees_all)
{
    struct gossip_addr to = fake_addr(PEER);
    send_from(peer, 'x', 1);
    send_to(&to, 'y', 1);
    udp_free(u);
    u = NULL;
    ck_assert_ptr_null(h->transports[GOSSIP_DATAGRAM].send);
    fake_host_turn(h);
    ck_assert_uint_eq(h->received_count, 0);
}
END_TEST

START_TEST(an_address_in_use_is_an_error_that_names_it)
{
    char error[ERROR_BYTES];
    struct gossip_addr addr = fake_addr(AGENT);
    ck_assert_ptr_null(udp_new(h, &addr, false, error));
    ck_assert_ptr_nonnull(strstr(error, ":7949 (UDP): Address already in use"));
}
END_TEST

/* One that listens on every address. */
static struct gossip_addr listen_on_all(bool ipv6)
{
    char error[ERROR_BYTES];
    struct gossip_addr any = fake_any(SOCK_DGRAM);
    udp_free(u);
    u = udp_new(h, &any, ipv6, error);
    ck_assert_msg(u != NULL, "%s", error);
    return any;
}

/* The source of the next datagram to the peer. */
static void expect_from(const struct gossip_addr *from)
{
    struct sockaddr_storage sa = {0};
    struct gossip_addr got = {.port = 0};
    socklen_t len = sizeof sa;
    uint8_t byte;
    poll(&(struct pollfd){.fd = peer, .events = POLLIN}, 1, 10000);
    ck_assert_int_eq(recvfrom(peer, &byte, 1, MSG_DONTWAIT, (struct sockaddr *)&sa, &len), 1);
    ck_assert(address_from_socket(&sa, got.ip, &got.port));
    ck_assert_mem_eq(&got, from, sizeof got);
}

static void answers_leave_from_the_address_that_was_asked(bool ipv6)
{
    struct gossip_addr to = listen_on_all(ipv6), asked = fake_addr(AGENT);
    struct sockaddr_storage sa;
    asked.port = to.port;
    socklen_t len = address_to_socket(asked.ip, asked.port, AF_INET, &sa);
    ck_assert_int_eq(sendto(peer, "q", 1, 0, (struct sockaddr *)&sa, len), 1);
    ck_assert(fake_host_receives(h, 1));
    ck_assert_mem_eq(h->received[0].from.local, asked.ip, sizeof asked.ip);
    struct gossip_packet answer = {
        .route = h->received[0].from, .bytes = (const uint8_t *)"a", .len = 1};
    udp_send(u, &answer);
    udp_flush(u);
    expect_from(&asked);
}

START_TEST(an_answer_leaves_from_the_address_that_was_asked)
{
    answers_leave_from_the_address_that_was_asked(false);
}
END_TEST

START_TEST(an_answer_to_ipv4_does_so_on_a_socket_of_both_families)
{
    answers_leave_from_the_address_that_was_asked(true);
}
END_TEST

START_TEST(what_is_no_answer_leaves_from_the_address_that_is_published)
{
    struct gossip_addr from = fake_addr(OTHER), to = fake_addr(PEER);
    from.port = listen_on_all(false).port;
    udp_set_source(u, from.ip);
    send_to(&to, 'x', 1);
    udp_flush(u);
    expect_from(&from);
}
END_TEST

/* A peer on loopback; what we publish is of a family that it does not have. */
START_TEST(a_source_that_does_not_suit_is_left_to_the_kernel)
{
    const struct gossip_addr v6 = {.ip = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};
    struct gossip_addr to = fake_addr(PEER), from = {.port = listen_on_all(false).port};
    udp_set_source(u, v6.ip);
    send_to(&to, 'x', 1);
    udp_flush(u);
    address_from_ipv4((uint8_t[]){127, 0, 0, 1}, from.ip);
    expect_from(&from);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("udp");
    TCase *t = tcase_create("udp");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, datagrams_come_with_their_source_and_in_order);
    tcase_add_test(t, a_datagram_that_is_too_long_is_seen_to_be);
    tcase_add_test(t, what_has_arrived_is_drained_without_a_turn_of_the_loop);
    tcase_add_test(t, a_flood_is_taken_in_bounded_parts);
    tcase_add_test(t, a_batch_that_is_full_leaves_early_and_the_rest_with_the_flush);
    tcase_add_test(t, one_that_cannot_be_sent_does_not_hold_back_those_behind_it);
    tcase_add_test(t, a_stop_with_datagrams_waiting_both_ways_frees_all);
    tcase_add_test(t, an_address_in_use_is_an_error_that_names_it);
    tcase_add_test(t, an_answer_leaves_from_the_address_that_was_asked);
    tcase_add_test(t, an_answer_to_ipv4_does_so_on_a_socket_of_both_families);
    tcase_add_test(t, what_is_no_answer_leaves_from_the_address_that_is_published);
    tcase_add_test(t, a_source_that_does_not_suit_is_left_to_the_kernel);
    suite_add_tcase(s, t);
    return unit_run(s);
}
