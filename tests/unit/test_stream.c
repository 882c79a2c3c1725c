/* Streams on the loopback, between the agent's end and sockets that the test is. */
#include "agent/net/stream.h"

#include "agent/base/error.h"
#include "agent/net/net.h"

#include "tests/unit/fake_host.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { AGENT = 1, PEER = 2, OTHER = 3 };

static struct host *h;
static struct stream *s;

static void setup(void)
{
    char error[ERROR_BYTES];
    struct gossip_addr addr = fake_addr(AGENT);
    h = fake_host_new();
    s = stream_new(h, &addr, false, error);
    ck_assert_msg(s != NULL, "%s", error);
}

static void teardown(void)
{
    stream_free(s);
    fake_host_free(h);
}

/* A frame of `len` times that byte, or its beginning. */
static void put_frame(int fd, uint32_t len, uint8_t byte, size_t bytes)
{
    static uint8_t frame[4 + 2 * GOSSIP_FRAME_BYTES_MAX];
    ck_assert_uint_le(bytes, sizeof frame);
    memset(frame, byte, sizeof frame);
    for (int i = 0; i < 4; i++)
        frame[i] = (uint8_t)(len >> (24 - 8 * i));
    ck_assert_int_eq(send(fd, frame, bytes, MSG_NOSIGNAL), (ssize_t)bytes);
}

static void put_whole(int fd, uint32_t len, uint8_t byte)
{
    put_frame(fd, len, byte, 4 + len);
}

/* True if the agent closes the connection, and long before it is idle for too long. */
static bool is_closed(int fd)
{
    for (int i = 0; i < STREAM_IDLE_S * 100 / 4; i++) {
        uint8_t byte;
        fake_host_turn(h);
        ssize_t len = recv(fd, &byte, 1, MSG_DONTWAIT);
        if (len == 0 || (len < 0 && errno == ECONNRESET))
            return true;
        poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 10);
    }
    return false;
}

static void send_to(uint8_t host, uint32_t conn, uint8_t byte, size_t len)
{
    static uint8_t bytes[GOSSIP_FRAME_BYTES_MAX];
    memset(bytes, byte, len);
    struct gossip_packet packet = {
        .route = {.addr = fake_addr(host), .via = GOSSIP_STREAM, .conn = conn},
        .bytes = bytes,
        .len = len};
    stream_send(s, &packet);
}

/* The next connection to a listener; -1: none within 10 s. */
static int accept_one(int listener)
{
    for (int i = 0; i < 1000; i++) {
        fake_host_turn(h);
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0)
            return fd;
        poll(&(struct pollfd){.fd = listener, .events = POLLIN}, 1, 10);
    }
    return -1;
}

/* Reads so many bytes; false: they do not come within 10 s. */
static bool get(int fd, uint8_t *bytes, size_t count)
{
    size_t have = 0;
    for (int i = 0; have < count && i < 1000; i++) {
        fake_host_turn(h);
        ssize_t len = recv(fd, bytes + have, count - have, MSG_DONTWAIT);
        have += len > 0 ? (size_t)len : 0;
        if (len < 0)
            poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 10);
    }
    return have == count;
}

START_TEST(frames_come_whole_with_their_source_and_in_order)
{
    int fd = fake_connect(PEER, AGENT);
    put_whole(fd, 1, 'a');
    put_whole(fd, GOSSIP_FRAME_BYTES_MAX, 'b');
    put_whole(fd, 700, 'c');
    ck_assert(fake_host_receives(h, 3));
    static const size_t lengths[] = {1, GOSSIP_FRAME_BYTES_MAX, 700};
    struct gossip_addr peer = fake_addr(PEER);
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(h->received[i].len, lengths[i]);
        ck_assert_uint_eq(h->received[i].first, 'a' + i);
        ck_assert_uint_eq(h->received[i].last, 'a' + i);
        ck_assert_int_eq(h->received[i].from.via, GOSSIP_STREAM);
        ck_assert_uint_ne(h->received[i].from.conn, 0);
        ck_assert_mem_eq(h->received[i].from.addr.ip, peer.ip, sizeof peer.ip);
    }
    close(fd);
}
END_TEST

START_TEST(a_frame_in_single_bytes_is_taken_when_it_is_whole)
{
    int fd = fake_connect(PEER, AGENT);
    uint8_t frame[] = {0, 0, 0, 3, 'x', 'y', 'z'};
    for (size_t i = 0; i < sizeof frame; i++) {
        ck_assert_uint_eq(h->received_count, 0);
        ck_assert_int_eq(send(fd, frame + i, 1, 0), 1);
        for (int turn = 0; turn < 5; turn++)
            fake_host_turn(h);
    }
    ck_assert(fake_host_receives(h, 1));
    ck_assert_uint_eq(h->received[0].last, 'z');
    close(fd);
}
END_TEST

START_TEST(a_frame_that_is_empty_or_too_long_ends_the_connection)
{
    static const uint32_t lengths[] = {0, GOSSIP_FRAME_BYTES_MAX + 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        int fd = fake_connect(PEER, AGENT);
        put_frame(fd, lengths[i], 'x', 10);
        ck_assert(is_closed(fd));
        close(fd);
    }
    ck_assert_uint_eq(h->received_count, 0);
}
END_TEST

START_TEST(an_answer_goes_back_on_the_connection_and_is_lost_with_it)
{
    uint8_t got[7];
    int fd = fake_connect(PEER, AGENT);
    put_whole(fd, 1, 'q');
    ck_assert(fake_host_receives(h, 1));
    uint32_t conn = h->received[0].from.conn;
    send_to(PEER, conn, 'a', 3);
    ck_assert(get(fd, got, sizeof got));
    ck_assert_mem_eq(got, "\0\0\0\3aaa", sizeof got);
    close(fd);
    for (int i = 0; i < 100; i++)
        fake_host_turn(h);
    int listener = fake_socket(SOCK_STREAM, PEER);
    send_to(PEER, conn, 'a', 3);
    for (int i = 0; i < 100; i++)
        fake_host_turn(h);
    ck_assert_int_eq(accept(listener, NULL, NULL), -1);
    close(listener);
}
END_TEST

START_TEST(packets_to_an_address_share_a_connection_from_our_own_address)
{
    int listener = fake_socket(SOCK_STREAM, PEER);
    uint8_t got[12];
    send_to(PEER, 0, 'a', 2);
    send_to(PEER, 0, 'b', 2);
    int fd = accept_one(listener);
    ck_assert_int_ge(fd, 0);
    ck_assert(get(fd, got, sizeof got));
    ck_assert_mem_eq(got, "\0\0\0\2aa\0\0\0\2bb", sizeof got);
    struct sockaddr_in from;
    socklen_t len = sizeof from;
    ck_assert_int_eq(getpeername(fd, (struct sockaddr *)&from, &len), 0);
    struct gossip_addr own = fake_addr(AGENT);
    ck_assert_mem_eq(&from.sin_addr, own.ip + 12, 4);
    /* What comes back on it comes from the address that we have connected to. */
    put_whole(fd, 1, 'r');
    ck_assert(fake_host_receives(h, 1));
    struct gossip_addr peer = fake_addr(PEER);
    ck_assert_mem_eq(&h->received[0].from.addr, &peer, sizeof peer);
    close(fd);
    close(listener);
}
END_TEST

START_TEST(connections_from_an_address_that_is_published_no_more_are_made_anew)
{
    char error[ERROR_BYTES];
    struct gossip_addr any = fake_any(SOCK_STREAM);
    int listener = fake_socket(SOCK_STREAM, PEER);
    stream_free(s);
    s = stream_new(h, &any, false, error);
    ck_assert_msg(s != NULL, "%s", error);
    const uint8_t hosts[] = {AGENT, OTHER};
    for (size_t i = 0; i < sizeof hosts; i++) {
        struct gossip_addr source = fake_addr(hosts[i]);
        struct sockaddr_in from = {.sin_port = 0};
        socklen_t len = sizeof from;
        stream_set_source(s, source.ip);
        send_to(PEER, 0, 'a', 2);
        int fd = accept_one(listener);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(getpeername(fd, (struct sockaddr *)&from, &len), 0);
        ck_assert_mem_eq(&from.sin_addr, source.ip + 12, 4);
        close(fd);
    }
    close(listener);
}
END_TEST

START_TEST(nobody_listening_is_a_packet_lost_and_the_next_one_tries_anew)
{
    send_to(PEER, 0, 'a', 2);
    for (int i = 0; i < 100; i++)
        fake_host_turn(h);
    int listener = fake_socket(SOCK_STREAM, PEER);
    send_to(PEER, 0, 'b', 2);
    ck_assert_int_ge(accept_one(listener), 0);
    close(listener);
}
END_TEST

START_TEST(what_has_arrived_is_drained_and_what_waits_to_be_accepted_too)
{
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = fake_connect((uint8_t)(PEER + i), AGENT);
        put_whole(fds[i], 5, (uint8_t)('a' + i));
        put_whole(fds[i], GOSSIP_FRAME_BYTES_MAX, (uint8_t)('a' + i));
        put_frame(fds[i], 9, 'z', 6);
    }
    /* As the host does before it lets the core judge: no turn of the loop. */
    ck_assert_ptr_nonnull(h->transports[GOSSIP_STREAM].drain);
    h->transports[GOSSIP_STREAM].drain(h->transports[GOSSIP_STREAM].arg);
    ck_assert_uint_eq(h->received_count, 6);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(send(fds[i], "zzzzzzz", 7, 0), 7);
    stream_drain(s);
    ck_assert_uint_eq(h->received_count, 9);
    ck_assert_uint_eq(h->received[8].len, 9);
    put_frame(fds[0], 0, 'x', 10);
    stream_drain(s);
    ck_assert(is_closed(fds[0]));
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}
END_TEST

START_TEST(one_address_gets_no_more_than_its_share_of_connections)
{
    int fds[STREAM_INCOMING_OF_ONE_MAX + 1];
    for (int i = 0; i <= STREAM_INCOMING_OF_ONE_MAX; i++) {
        fds[i] = fake_connect(PEER, AGENT);
        fake_host_turn(h);
    }
    ck_assert(is_closed(fds[STREAM_INCOMING_OF_ONE_MAX]));
    int other = fake_connect(OTHER, AGENT);
    put_whole(other, 1, 'o');
    ck_assert(fake_host_receives(h, 1));
    for (int i = 0; i <= STREAM_INCOMING_OF_ONE_MAX; i++)
        close(fds[i]);
    close(other);
}
END_TEST

START_TEST(connections_that_others_hold_open_do_not_keep_us_from_connecting)
{
    int fds[STREAM_CONNECTIONS_MAX];
    for (int i = 0; i < STREAM_CONNECTIONS_MAX; i++) {
        fds[i] = fake_connect((uint8_t)(10 + i / 32), AGENT);
        fake_host_turn(h);
    }
    ck_assert(is_closed(fds[STREAM_CONNECTIONS_MAX - 1]));
    int listener = fake_socket(SOCK_STREAM, PEER);
    send_to(PEER, 0, 'a', 2);
    ck_assert_int_ge(accept_one(listener), 0);
    for (int i = 0; i < STREAM_CONNECTIONS_MAX; i++)
        close(fds[i]);
    close(listener);
}
END_TEST

START_TEST(a_peer_that_does_not_read_is_cut_when_too_much_waits_for_it)
{
    int listener = fake_socket(SOCK_STREAM, PEER);
    for (int i = 0; i < 2 * STREAM_PENDING_BYTES_MAX / GOSSIP_FRAME_BYTES_MAX; i++)
        send_to(PEER, 0, 'x', GOSSIP_FRAME_BYTES_MAX);
    int fd = accept_one(listener);
    ck_assert_int_ge(fd, 0);
    for (int i = 0; i < 2 * STREAM_PENDING_BYTES_MAX / GOSSIP_FRAME_BYTES_MAX; i++) {
        send_to(PEER, 0, 'x', GOSSIP_FRAME_BYTES_MAX);
        fake_host_turn(h);
    }
    static uint8_t drop[65536];
    size_t got = 0;
    ssize_t len;
    for (int i = 0; i < 1000 && (len = recv(fd, drop, sizeof drop, MSG_DONTWAIT)) != 0; i++)
        got += len > 0 ? (size_t)len : 0;
    ck_assert_uint_le(got, 2 * STREAM_PENDING_BYTES_MAX);
    close(fd);
    close(listener);
}
END_TEST

/* libevent warns of each accept that fails, unless it is told what to do then. */
static unsigned warnings;
static void count_warning(int severity, const char *message)
{
    (void)severity, (void)message;
    warnings++;
}

/* Without descriptors nothing is accepted, the loop does not spin, and it is over when there are
 * some again. */
START_TEST(without_descriptors_it_rests_and_goes_on_afterwards)
{
    int fd = fake_connect(PEER, AGENT);
    put_whole(fd, 1, 'a');
    struct rlimit limit, none;
    getrlimit(RLIMIT_NOFILE, &limit);
    none = limit;
    none.rlim_cur = (rlim_t)fd + 1;
    setrlimit(RLIMIT_NOFILE, &none);
    while (dup(fd) >= 0)
        continue;
    event_set_log_callback(count_warning);
    for (int i = 0; i < 3; i++)
        fake_host_turn(h);
    ck_assert_uint_eq(h->received_count, 0);
    ck_assert_uint_eq(warnings, 0);
    stream_drain(s);
    ck_assert_uint_eq(h->received_count, 0);
    setrlimit(RLIMIT_NOFILE, &limit);
    ck_assert(fake_host_receives(h, 1));
    close(fd);
}
END_TEST

START_TEST(a_stop_with_connections_half_open_and_output_waiting_frees_all)
{
    int fd = fake_connect(PEER, AGENT);
    put_frame(fd, 9, 'z', 6);
    fake_host_turn(h);
    send_to(OTHER, 0, 'a', 100); /* nobody listens */
    int listener = fake_socket(SOCK_STREAM, 4);
    send_to(4, 0, 'b', GOSSIP_FRAME_BYTES_MAX);
    stream_free(s);
    s = NULL;
    ck_assert_ptr_null(h->transports[GOSSIP_STREAM].send);
    ck_assert(is_closed(fd));
    close(fd);
    close(listener);
}
END_TEST

START_TEST(an_address_in_use_is_an_error_that_names_it)
{
    char error[ERROR_BYTES];
    struct gossip_addr addr = fake_addr(AGENT);
    ck_assert_ptr_null(stream_new(h, &addr, false, error));
    ck_assert_ptr_nonnull(strstr(error, ":7949 (TCP): Address already in use"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream");
    TCase *t = tcase_create("frames");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, frames_come_whole_with_their_source_and_in_order);
    tcase_add_test(t, a_frame_in_single_bytes_is_taken_when_it_is_whole);
    tcase_add_test(t, a_frame_that_is_empty_or_too_long_ends_the_connection);
    tcase_add_test(t, what_has_arrived_is_drained_and_what_waits_to_be_accepted_too);
    suite_add_tcase(suite, t);
    t = tcase_create("connections");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, an_answer_goes_back_on_the_connection_and_is_lost_with_it);
    tcase_add_test(t, packets_to_an_address_share_a_connection_from_our_own_address);
    tcase_add_test(t, connections_from_an_address_that_is_published_no_more_are_made_anew);
    tcase_add_test(t, nobody_listening_is_a_packet_lost_and_the_next_one_tries_anew);
    tcase_add_test(t, one_address_gets_no_more_than_its_share_of_connections);
    tcase_add_test(t, connections_that_others_hold_open_do_not_keep_us_from_connecting);
    tcase_add_test(t, a_peer_that_does_not_read_is_cut_when_too_much_waits_for_it);
    if (!getenv("MUSTER_VALGRIND")) /* which keeps descriptors of its own */
        tcase_add_test(t, without_descriptors_it_rests_and_goes_on_afterwards);
    tcase_add_test(t, a_stop_with_connections_half_open_and_output_waiting_frees_all);
    tcase_add_test(t, an_address_in_use_is_an_error_that_names_it);
    suite_add_tcase(suite, t);
    return unit_run(suite);
}
