#include "agent/control/control.h"

#include "agent/rpc/rpc.h"
#include "tests/unit/fake_core.h"
#include "tests/unit/peer.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static struct peer p;

static void open_ungreeted(void)
{
    peer_server_start();
    peer_open(&p);
}

static void open_greeted(void)
{
    peer_server_start();
    peer_open_greeted(&p);
}

static void close_all(void)
{
    peer_close(&p);
    ck_assert_uint_eq(control_clients(fake.control), 0);
    peer_server_stop();
}

static void shake_hands(struct peer *peer, int seq)
{
    peer_ask(peer, seq, "handshake");
    peer_say(peer, "m1 si", "Version", 1);
    peer_expect_answer(peer, seq, "");
}

/* It still answers. */
static void expect_alive(struct peer *peer)
{
    peer_ask(peer, 999, "force-leave");
    peer_say(peer, "m1 ss", "Node", "x");
    peer_expect_answer(peer, 999, "");
}

/* ---- handshake and authentication ---- */

START_TEST(a_handshake_comes_first)
{
    peer_ask(&p, 1, "force-leave");
    peer_expect_answer(&p, 1, "Handshake required");
    ck_assert_str_eq(fake.forgotten, "");
    peer_say(&p, "m1 ss", "Node", "x"); /* its body is not taken for a request */
    peer_ask(&p, 2, "nonsense");
    peer_expect_answer(&p, 2, "Handshake required");
    shake_hands(&p, 3);
    expect_alive(&p);
}
END_TEST

START_TEST(a_handshake_comes_once)
{
    shake_hands(&p, 1);
    peer_ask(&p, 2, "handshake");
    peer_say(&p, "m1 si", "Version", 1);
    peer_expect_answer(&p, 2, "Handshake already performed");
    expect_alive(&p);
}
END_TEST

START_TEST(other_versions_are_refused)
{
    static const int versions[] = {0, 2, -1};
    for (int i = 0; i < 3; i++) {
        peer_ask(&p, i, "handshake");
        peer_say(&p, "m1 si", "Version", versions[i]);
        peer_expect_answer(&p, i, "Unsupported IPC version");
    }
    peer_ask(&p, 4, "handshake");
    peer_say(&p, "m1 ss", "Version", "1");
    peer_expect_answer(&p, 4, "malformed request");
    shake_hands(&p, 5);
}
END_TEST

START_TEST(tcp_clients_authenticate_where_it_is_configured)
{
    static char key[] = "secret";
    struct peer tcp;
    fake.config.rpc_auth = key;
    peer_open_tcp(&tcp);
    shake_hands(&tcp, 1);
    peer_ask(&tcp, 2, "members"); /* no body with this error */
    peer_expect_answer(&tcp, 2, "Authentication required");
    peer_ask(&tcp, 3, "force-leave");
    peer_say(&tcp, "m1 ss", "Node", "x");
    peer_expect_answer(&tcp, 3, "Authentication required");
    ck_assert_str_eq(fake.forgotten, "");
    peer_ask(&tcp, 4, "nonsense");
    peer_expect_answer(&tcp, 4, "Authentication required");
    peer_ask(&tcp, 5, "auth");
    peer_say(&tcp, "m1 ss", "AuthKey", "secreT");
    peer_expect_answer(&tcp, 5, "Invalid authentication token");
    peer_ask(&tcp, 6, "auth");
    peer_say(&tcp, "m1 ss", "AuthKey", "secret1");
    peer_expect_answer(&tcp, 6, "Invalid authentication token");
    peer_ask(&tcp, 7, "stats");
    peer_expect_answer(&tcp, 7, "Authentication required");
    peer_ask(&tcp, 8, "auth");
    peer_say(&tcp, "m1 sb", "AuthKey", "secret");
    peer_expect_answer(&tcp, 8, "");
    expect_alive(&tcp);
    peer_close(&tcp);
}
END_TEST

START_TEST(others_need_not_authenticate)
{
    static char key[] = "secret";
    struct peer tcp;
    peer_open_tcp(&tcp);
    shake_hands(&tcp, 1);
    expect_alive(&tcp); /* none is configured */
    fake.config.rpc_auth = key;
    shake_hands(&p, 1);
    expect_alive(&p); /* on the Unix socket */
    peer_close(&tcp);
}
END_TEST

/* ---- framing ---- */

START_TEST(an_unknown_command_is_refused_and_its_body_skipped)
{
    peer_ask(&p, 1, "event");
    peer_say(&p, "m3 ss sb sf", "Name", "deploy", "Payload", "x", "Coalesce");
    peer_expect_answer(&p, 1, "Unsupported command");
    peer_ask(&p, 2, "nonsense");
    peer_expect_answer(&p, 2, "Unsupported command");
    peer_ask(&p, 3, "get-coordinate");
    peer_say(&p, "m1 ss", "Node", "a");
    peer_expect_answer(&p, 3, "Unsupported command");
    peer_expect(&p, "{}"); /* which Serf's clients wait for */
    peer_ask(&p, 4, "list-keys");
    peer_expect_answer(&p, 4, "Unsupported command");
    peer_expect(&p, "{}");
    expect_alive(&p);
}
END_TEST

START_TEST(what_is_no_request_is_refused_and_the_rest_goes_on)
{
    peer_say(&p, "i", 7);
    peer_expect_answer(&p, 0, "malformed request");
    peer_say(&p, "m2 si si", "Command", 7, "Seq", 1);
    peer_expect_answer(&p, 1, "malformed request");
    peer_say(&p, "m2 ss si", "Command", "stats", "Seq", -1);
    peer_expect_answer(&p, 0, "malformed request");
    peer_say(&p, "m1 si", "Seq", 2); /* this one is taken for the body of the one before */
    peer_say(&p, "m1 si", "Seq", 3);
    peer_expect_answer(&p, 3, "malformed request");
    peer_ask(&p, 4, "force-leave");
    peer_say(&p, "a1 i", 1);
    peer_expect_answer(&p, 4, "malformed request");
    peer_ask(&p, 5, "force-leave");
    peer_say(&p, "m2 ss si", "Node", "x", "Prune", 1);
    peer_expect_answer(&p, 5, "malformed request");
    ck_assert_str_eq(fake.forgotten, "");
    expect_alive(&p);
}
END_TEST

START_TEST(unknown_fields_are_skipped_and_nil_bodies_are_empty)
{
    peer_say(&p, "m3 sa1t ss si", "New", "Command", "force-leave", "Seq", 1);
    peer_say(&p, "m3 sm1sn ss st", "Other", "x", "Node", "b", "Prune");
    peer_expect_answer(&p, 1, "");
    ck_assert_str_eq(fake.forgotten, "b prune");
    peer_ask(&p, 2, "force-leave");
    peer_say(&p, "n");
    peer_expect_answer(&p, 2, "");
    ck_assert_str_eq(fake.forgotten, "");
}
END_TEST

START_TEST(requests_may_come_byte_by_byte_or_many_at_once)
{
    struct rpc_out out;
    rpc_out_init(&out);
    for (unsigned i = 0; i < 100; i++) {
        rpc_map_begin(&out, NULL);
        rpc_put_text(&out, "Command", "force-leave");
        rpc_put_unsigned(&out, "Seq", i);
        rpc_end(&out);
        rpc_map_begin(&out, NULL);
        rpc_put_text(&out, "Node", "node");
        rpc_end(&out);
    }
    ck_assert_uint_eq(peer_send(&p, out.bytes.data, out.bytes.size), out.bytes.size);
    for (int i = 0; i < 100; i++)
        peer_expect_answer(&p, i, "");
    for (size_t i = 0; i < out.bytes.size; i++)
        ck_assert_uint_eq(peer_send(&p, out.bytes.data + i, 1), 1);
    for (int i = 0; i < 100; i++)
        peer_expect_answer(&p, i, "");
    peer_expect_silence(&p);
    rpc_out_free(&out);
}
END_TEST

/* The last word, and then the end of its stream, while it may still be sending. */
static void expect_last_answer(const char *error)
{
    static const char more[100000];
    peer_expect_answer(&p, 0, error);
    peer_expect_end(&p);
    ck_assert_uint_eq(peer_send(&p, more, sizeof more), sizeof more);
}

START_TEST(an_object_too_large_is_the_last)
{
    struct peer other;
    peer_open_greeted(&other);
    ck_assert_uint_eq(peer_send(&p, "\xdb\x00\x01\x00\x00", 5), 5);
    expect_last_answer("object too large");
    expect_alive(&other);
    peer_close(&other);
}
END_TEST

START_TEST(an_object_of_the_limit_is_taken)
{
    static char text[CONTROL_OBJECT_BYTES_MAX];
    struct rpc_out out;
    rpc_out_init(&out);
    rpc_map_begin(&out, NULL);
    rpc_put_text(&out, "Command", "reload");
    rpc_put_unsigned(&out, "Seq", 1);
    rpc_put_text_part(&out, "Other", text, sizeof text - out.bytes.size - 6 - 3);
    rpc_end(&out);
    ck_assert_uint_eq(out.bytes.size, CONTROL_OBJECT_BYTES_MAX);
    ck_assert_uint_eq(peer_send(&p, out.bytes.data, out.bytes.size), out.bytes.size);
    peer_expect_answer(&p, 1, "");
    expect_alive(&p);
    rpc_out_free(&out);
}
END_TEST

START_TEST(an_object_nested_too_deeply_is_the_last)
{
    uint8_t deep[CONTROL_DEPTH_MAX + 1];
    memset(deep, 0x91, sizeof deep);
    ck_assert_uint_eq(peer_send(&p, deep, sizeof deep), sizeof deep);
    expect_last_answer("object nested too deeply");
}
END_TEST

START_TEST(what_is_not_msgpack_is_the_last)
{
    ck_assert_uint_eq(peer_send(&p, "\xc1", 1), 1);
    expect_last_answer("malformed request");
}
END_TEST

START_TEST(a_refused_body_is_answered_with_all_that_its_command_answers)
{
    peer_ask(&p, 5, "members-filtered");
    ck_assert_uint_eq(peer_send(&p, "\xc1", 1), 1);
    peer_expect_answer(&p, 5, "malformed request");
    peer_expect(&p, "{}");
    peer_expect_end(&p);
}
END_TEST

START_TEST(a_client_that_ends_its_side_gets_all_answers)
{
    for (int i = 1; i <= 50; i++)
        peer_ask(&p, i, "members");
    shutdown(p.fd, SHUT_WR);
    for (int i = 1; i <= 50; i++) {
        peer_expect_answer(&p, i, "");
        peer_expect_start(&p, "{\"Members\"=>[{\"Addr\"=>");
    }
    peer_expect_end(&p);
}
END_TEST

START_TEST(a_client_that_ends_in_the_middle_is_told)
{
    if (_i == 0)
        peer_ask(&p, 7, "tags"); /* without its body */
    else
        peer_send(&p, "\x82", 1);
    shutdown(p.fd, SHUT_WR);
    peer_expect_answer(&p, _i == 0 ? 7 : 0, "malformed request");
    peer_expect_end(&p);
}
END_TEST

START_TEST(errors_come_with_the_body_that_belongs_to_the_command)
{
    peer_ask(&p, 1, "explain");
    peer_say(&p, "m1 ss", "Node", "nobody");
    peer_expect_answer(&p, 1, "no such member");
    peer_expect(&p, "{}");
    peer_ask(&p, 2, "join");
    peer_say(&p, "m1 ss", "Existing", "x");
    peer_expect_answer(&p, 2, "malformed request");
    peer_expect(&p, "{}");
    expect_alive(&p);
}
END_TEST

/* ---- limits ---- */

static void allow_descriptors(rlim_t count)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < count)
        limit.rlim_cur = count;
    ck_assert_msg(setrlimit(RLIMIT_NOFILE, &limit) == 0, "the test needs %d descriptors",
                  (int)count);
}

START_TEST(clients_over_the_limit_are_closed_at_once)
{
    static struct peer others[CONTROL_CLIENTS_MAX];
    struct peer late;
    allow_descriptors(2 * CONTROL_CLIENTS_MAX + 100);
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX - 1; i++)
        peer_open(&others[i]);
    peer_turn();
    ck_assert_uint_eq(control_clients(fake.control), CONTROL_CLIENTS_MAX);

    uint64_t lines = log_newest();
    for (int i = 0; i < 10; i++) {
        peer_open(&late);
        peer_expect_end(&late);
        peer_close(&late);
    }
    ck_assert_uint_eq(log_newest() - lines, 1); /* once a minute */
    fake.now_us += 60000000;
    peer_open(&late);
    peer_expect_end(&late);
    peer_close(&late);
    enum log_level level;
    ck_assert_uint_eq(log_newest() - lines, 2);
    ck_assert_ptr_nonnull(strstr(log_line(log_newest(), &level), "closed 10 more"));
    expect_alive(&p);

    peer_close(&others[0]);
    peer_open_greeted(&others[0]);
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX - 1; i++)
        peer_close(&others[i]);
}
END_TEST

START_TEST(tcp_clients_leave_room_for_others)
{
    static struct peer others[CONTROL_TCP_CLIENTS_MAX];
    struct peer late;
    allow_descriptors(2 * CONTROL_TCP_CLIENTS_MAX + 100);
    for (size_t i = 0; i < CONTROL_TCP_CLIENTS_MAX; i++) {
        peer_open_tcp(&others[i]);
        peer_turn();
    }
    peer_open_tcp(&late);
    peer_expect_end(&late);
    peer_close(&late);
    peer_open_greeted(&late);
    peer_close(&late);
    for (size_t i = 0; i < CONTROL_TCP_CLIENTS_MAX; i++)
        peer_close(&others[i]);
}
END_TEST

/* Sends so many requests that their answers are ANSWERS_BYTES, and reads none. */
START_TEST(a_client_that_does_not_read_is_not_read_from)
{
    enum { REQUESTS = 100000 };
    struct rpc_out out;
    rpc_out_init(&out);
    for (unsigned i = 0; i < REQUESTS; i++) {
        rpc_map_begin(&out, NULL);
        rpc_put_text(&out, "Command", "members");
        rpc_put_unsigned(&out, "Seq", i);
        rpc_end(&out);
    }
    fake.step_us = 1; /* so that turns end, too */
    size_t sent = peer_send(&p, out.bytes.data, out.bytes.size);
    ck_assert_uint_lt(sent, out.bytes.size / 2);

    struct peer other;
    peer_open_greeted(&other);
    expect_alive(&other);
    peer_close(&other);

    unsigned answered = 0;
    for (unsigned i = 0; sent < out.bytes.size || i < REQUESTS; i++) {
        peer_expect_answer(&p, (int)i, "");
        peer_expect_start(&p, "{\"Members\"=>[{");
        answered++;
        if (sent < out.bytes.size) {
            ssize_t n = send(p.fd, out.bytes.data + sent, out.bytes.size - sent, MSG_DONTWAIT);
            sent += n > 0 ? (size_t)n : 0;
        }
    }
    ck_assert_uint_eq(answered, REQUESTS);
    peer_expect_silence(&p);
    rpc_out_free(&out);
}
END_TEST

START_TEST(the_server_ends_with_clients_connected)
{
    struct peer other;
    peer_open_greeted(&other);
    peer_ask(&p, 1, "watch");
    peer_say(&p, "m1 ss", "Type", "*");
    peer_expect_answer(&p, 1, "");
    peer_ask(&other, 1, "join");
    peer_say(&other, "m1 sa1s", "Existing", "b");
    peer_ask(&other, 2, "leave");
    control_free(fake.control);
    fake.control = NULL;
    ck_assert_ptr_null(fake.joins[0].done);
    ck_assert_uint_le(fake.leaves, 1);
    peer_close(&other);
    peer_close(&p);
    peer_server_stop();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("control");
    TCase *greeting = tcase_create("handshake and authentication");
    tcase_add_checked_fixture(greeting, open_ungreeted, close_all);
    tcase_add_test(greeting, a_handshake_comes_first);
    tcase_add_test(greeting, a_handshake_comes_once);
    tcase_add_test(greeting, other_versions_are_refused);
    tcase_add_test(greeting, tcp_clients_authenticate_where_it_is_configured);
    tcase_add_test(greeting, others_need_not_authenticate);
    suite_add_tcase(s, greeting);

    TCase *framing = tcase_create("framing");
    tcase_add_checked_fixture(framing, open_greeted, close_all);
    tcase_add_test(framing, an_unknown_command_is_refused_and_its_body_skipped);
    tcase_add_test(framing, what_is_no_request_is_refused_and_the_rest_goes_on);
    tcase_add_test(framing, unknown_fields_are_skipped_and_nil_bodies_are_empty);
    tcase_add_test(framing, requests_may_come_byte_by_byte_or_many_at_once);
    tcase_add_test(framing, an_object_too_large_is_the_last);
    tcase_add_test(framing, an_object_of_the_limit_is_taken);
    tcase_add_test(framing, an_object_nested_too_deeply_is_the_last);
    tcase_add_test(framing, what_is_not_msgpack_is_the_last);
    tcase_add_test(framing, a_refused_body_is_answered_with_all_that_its_command_answers);
    tcase_add_test(framing, a_client_that_ends_its_side_gets_all_answers);
    tcase_add_loop_test(framing, a_client_that_ends_in_the_middle_is_told, 0, 2);
    tcase_add_test(framing, errors_come_with_the_body_that_belongs_to_the_command);
    suite_add_tcase(s, framing);

    TCase *limits = tcase_create("limits");
    tcase_add_checked_fixture(limits, open_greeted, close_all);
    tcase_set_timeout(limits, 60);
    tcase_add_test(limits, clients_over_the_limit_are_closed_at_once);
    tcase_add_test(limits, tcp_clients_leave_room_for_others);
    tcase_add_test(limits, a_client_that_does_not_read_is_not_read_from);
    suite_add_tcase(s, limits);

    TCase *end = tcase_create("the end");
    tcase_add_checked_fixture(end, open_greeted, NULL);
    tcase_add_test(end, the_server_ends_with_clients_connected);
    suite_add_tcase(s, end);
    return unit_run(s);
}
