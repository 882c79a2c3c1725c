#include "cli/client.h"
#include "cli/member.h"
#include "tests/unit/fake_agent.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct fake_agent fake;
static struct client client;

static void open_client(void (*script)(struct fake_agent *f))
{
    fake_agent_start(&fake, script);
    client_open(&client, fake.address.sun_path, CLIENT_NO_DEADLINE);
}

static void close_client(void)
{
    client_close(&client);
    fake_agent_stop(&fake);
}

static void assert_lost(const char *message)
{
    ck_assert_int_eq(client.status, CLIENT_LOST);
    ck_assert_msg(strstr(client.error, message), "\"%s\" does not say \"%s\"", client.error,
                  message);
    /* and stays so, without a socket's being touched */
    client_request(&client, "view");
    ck_assert_int_eq(client_call(&client, true), CLIENT_LOST);
    ck_assert_int_eq(client_record(&client), CLIENT_LOST);
    ck_assert_ptr_nonnull(strstr(client.error, message));
}

/* An answer in pieces, and its members in any order. */

static void split_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "view", NULL);
    fake_agent_put_members(f, 2);
    fake_agent_put_member(f, "web1", "suspect");
    fake_agent_put_member(f, "db1", "alive");
    fake_agent_flush_slowly(f);
    fake_agent_expect_end(f);
}

START_TEST(answer_that_comes_byte_by_byte_is_read)
{
    const struct member_record *rows;
    size_t count;
    open_client(split_script);
    ck_assert_int_eq(member_list(&client, &rows, &count), CLIENT_OK);
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(rows[0].name, "db1");
    ck_assert_str_eq(member_address(&rows[0], client.body.zone), "10.0.0.1:7949");
    ck_assert_str_eq(member_tags(&rows[0], client.body.zone), "role=db");
    ck_assert_uint_eq(rows[0].generation, 5);
    ck_assert_str_eq(rows[1].status, "suspect");
    close_client();
}
END_TEST

#define MANY 16384

static void many_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "view", NULL);
    fake_agent_put_members(f, MANY);
    for (int i = 0; i < MANY; i++)
        fake_agent_put_member(f, "db1", "alive");
    fake_agent_flush(f);
    fake_agent_expect_end(f);
}

START_TEST(answer_of_the_largest_cluster_is_read)
{
    const struct member_record *rows;
    size_t count;
    open_client(many_script);
    ck_assert_int_eq(member_list(&client, &rows, &count), CLIENT_OK);
    ck_assert_uint_eq(count, MANY);
    close_client();
}
END_TEST

/* Errors. */

static void refusing_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "reload", NULL);
    fake_agent_answer(f, "a.conf:2: bind \"x\": not an address");
    fake_agent_expect_end(f);
}

START_TEST(refusal_has_the_agents_text_and_ends_the_asking)
{
    open_client(refusing_script);
    client_request(&client, "reload");
    ck_assert_int_eq(client_call(&client, false), CLIENT_REFUSED);
    ck_assert_str_eq(client.error, "a.conf:2: bind \"x\": not an address");
    client_request(&client, "reload");
    ck_assert_int_eq(client_call(&client, false), CLIENT_REFUSED);
    close_client();
}
END_TEST

static void older_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "reload", NULL);
    fake_agent_answer(f, "Unsupported command");
    fake_agent_expect_end(f);
}

START_TEST(agent_that_does_not_know_the_command_could_not_be_asked)
{
    open_client(older_script);
    client_request(&client, "reload");
    client_call(&client, false);
    assert_lost("Unsupported command");
    close_client();
}
END_TEST

static void other_version_script(struct fake_agent *f)
{
    fake_agent_expect(f, "handshake", "{\"Version\"=>1}");
    fake_agent_answer(f, "Unsupported IPC version");
    fake_agent_expect_end(f);
}

START_TEST(refused_handshake_is_no_agent)
{
    open_client(other_version_script);
    assert_lost("Unsupported IPC version");
    close_client();
}
END_TEST

START_TEST(missing_socket_says_what_would_do)
{
    client_open(&client, "/nonexistent/control.sock", CLIENT_NO_DEADLINE);
    assert_lost("/nonexistent/control.sock: No such file or directory (start musterd");
    client_close(&client);
}
END_TEST

START_TEST(socket_that_nobody_serves_says_what_would_do)
{
    fake_agent_start(&fake, NULL);
    close(fake.listen_fd);
    fake.listen_fd = -1;
    client_open(&client, fake.address.sun_path, CLIENT_NO_DEADLINE);
    assert_lost("Connection refused (start musterd");
    close_client();
}
END_TEST

static void closing_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "view", NULL);
    fake_agent_put_members(f, 2); /* and not one member */
    fake_agent_flush(f);
}

START_TEST(connection_closed_within_an_answer_is_lost)
{
    open_client(closing_script);
    client_request(&client, "view");
    client_call(&client, true);
    assert_lost("closed the connection");
    close_client();
}
END_TEST

/* Time. */

static void silent_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "view", NULL);
    fake_agent_expect_end(f);
}

START_TEST(silent_agent_is_lost)
{
    open_client(silent_script);
    client.silence_ms = 20;
    client_request(&client, "view");
    client_call(&client, true);
    assert_lost("no answer for 20 ms");
    close_client();
}
END_TEST

START_TEST(deadline_ends_a_question)
{
    open_client(silent_script);
    client.deadline_ms = client_now_ms() + 20;
    client_request(&client, "view");
    ck_assert_int_eq(client_call(&client, true), CLIENT_TIMED_OUT);
    ck_assert_int_eq(client_call(&client, true), CLIENT_TIMED_OUT);
    close_client();
}
END_TEST

static void leaving_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "leave", NULL);
    fake_agent_answer(f, "");
}

static void lingering_script(struct fake_agent *f)
{
    leaving_script(f);
    fake_agent_expect_end(f);
}

START_TEST(end_is_awaited)
{
    open_client(leaving_script);
    client_request(&client, "leave");
    ck_assert_int_eq(client_call(&client, false), CLIENT_OK);
    ck_assert_int_eq(client_await_end(&client), CLIENT_OK);
    close_client();
}
END_TEST

START_TEST(end_that_does_not_come_is_no_end)
{
    open_client(lingering_script);
    client_request(&client, "leave");
    ck_assert_int_eq(client_call(&client, false), CLIENT_OK);
    client.silence_ms = 20;
    client_await_end(&client);
    assert_lost("no answer for 20 ms");
    close_client();
}
END_TEST

static void quiet_stream_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "watch", "{\"Type\"=>\"*\", \"From\"=>0}");
    fake_agent_answer(f, "");
    fake_agent_expect_end(f);
}

START_TEST(quiet_stream_outlasts_the_silence_and_ends_at_the_deadline)
{
    open_client(quiet_stream_script);
    ck_assert_int_eq(client_watch(&client, "*", 0), CLIENT_OK);
    client.silence_ms = 1;
    client.deadline_ms = client_now_ms() + 30;
    ck_assert_int_eq(client_record(&client), CLIENT_TIMED_OUT);
    close_client();
}
END_TEST

START_TEST(deadline_ends_connecting_to_an_agent_that_takes_nobody)
{
    int fds[8];
    fake_agent_start(&fake, NULL);
    for (size_t i = 0; i < 8; i++) { /* until the queue is full */
        fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (connect(fds[i], (struct sockaddr *)&fake.address, sizeof fake.address) < 0)
            ck_assert_int_eq(errno, EAGAIN);
    }
    client_open(&client, fake.address.sun_path, client_now_ms() + 20);
    ck_assert_int_eq(client.status, CLIENT_TIMED_OUT);
    for (size_t i = 0; i < 8; i++)
        close(fds[i]);
    close_client();
}
END_TEST

START_TEST(stream_ends_when_nobody_reads_the_output)
{
    int fds[2];
    open_client(quiet_stream_script);
    ck_assert_int_eq(pipe(fds), 0);
    client_watch(&client, "*", 0);
    client.output_fd = fds[1];
    close(fds[0]);
    ck_assert_int_eq(client_record(&client), CLIENT_UNREAD);
    close(fds[1]);
    close_client();
}
END_TEST

/* Streams. */

static void stream_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "watch", "{\"Type\"=>\"*\", \"From\"=>7}");
    fake_agent_answer(f, "");
    fake_agent_expect(f, "view", NULL);
    fake_agent_put_record(f, 7, "member-join", "db1", "alive");
    fake_agent_put_record(f, 8, "member-join", "db2", "alive");
    fake_agent_put_members(f, 1);
    fake_agent_put_member(f, "db2", "alive");
    fake_agent_put_record(f, 9, "member-failed", "db2", "failed");
    fake_agent_flush(f);
    fake_agent_expect_end(f);
}

START_TEST(records_before_an_answer_are_dropped_and_those_after_it_are_not)
{
    const struct member_record *rows;
    size_t count;
    open_client(stream_script);
    ck_assert_int_eq(client_watch(&client, "*", 7), CLIENT_OK);
    ck_assert_int_eq(member_list(&client, &rows, &count), CLIENT_OK);
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(client_record(&client), CLIENT_OK);
    msgpack_object_kv first = client.body.data.via.map.ptr[0];
    ck_assert_uint_eq(first.val.via.u64, 9);
    close_client();
}
END_TEST

/* Answers that are none. */

static const struct malformed {
    const char *bytes;
    size_t len;
    const char *message;
} malformed[] = {
#define BYTES(text) text, sizeof(text) - 1
    {BYTES("{\"seq\":1}"), "Error"}, /* events.sock */
    {BYTES("\xc1"), "not msgpack"},  /* never used */
    {BYTES("\x90"), "Error"},        /* an array */
    {BYTES("\x81\xa5"
           "Error"
           "\xa0"),
     "Seq"}, /* no Seq */
    {BYTES("\x82\xa5"
           "Error"
           "\xa0\xa3"
           "Seq"
           "\xa1"
           "2"),
     "Seq"}, /* of another type */
    {BYTES("\x82\xa5"
           "Error"
           "\xa0\xa3"
           "Seq"
           "\xff"),
     "Seq"}, /* -1 */
    {BYTES("\x82\xa5"
           "Error"
           "\xa1\0\xa3"
           "Seq"
           "\x02"),
     "Error"}, /* a NUL inside */
    {BYTES("\x82\xa5"
           "Error"
           "\xa0\xa3"
           "Seq"
           "\x07"),
     "no request"},
    {BYTES("\x82\xa5"
           "Error"
           "\xa0\xa3"
           "Seq"
           "\x02\x90"),
     "members"},
    {BYTES("\x82\xa5"
           "Error"
           "\xa0\xa3"
           "Seq"
           "\x02\x80"),
     "members"},
    {BYTES("\x82\xa5"
           "Error"
           "\xa0\xa3"
           "Seq"
           "\x02\x81\xa7"
           "members"
           "\x01"),
     "members"},
    {BYTES("\x82\xa5"
           "Error"
           "\xa0\xa3"
           "Seq"
           "\x02\x81\xa7"
           "members"
           "\x91\x01"),
     "name"},
    {BYTES("\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91"
           "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91"),
     "too deeply nested"},
#undef BYTES
};

static const struct malformed *sent;

static void malformed_script(struct fake_agent *f)
{
    fake_agent_greet(f);
    fake_agent_expect(f, "view", NULL);
    fake_agent_send(f, sent->bytes, sent->len);
    fake_agent_expect_end(f);
}

START_TEST(malformed_answer_is_lost_and_says_what_is_wrong)
{
    const struct member_record *rows;
    size_t count;
    sent = &malformed[_i];
    open_client(malformed_script);
    member_list(&client, &rows, &count);
    assert_lost(malformed[_i].message);
    ck_assert_ptr_nonnull(strstr(client.error, "control protocol"));
    close_client();
}
END_TEST

static void oversized_script(struct fake_agent *f)
{
    static const char zeros[65536];
    fake_agent_greet(f);
    fake_agent_expect(f, "view", NULL);
    fake_agent_put_header(f, f->seq, "");
    fake_agent_flush(f);
    fake_agent_send(f, "\xdb\x10\0\0\0", 5); /* a string of 256 MiB */
    while (fake_agent_send(f, zeros, sizeof zeros))
        ;
}

START_TEST(answer_over_the_limit_is_refused)
{
    open_client(oversized_script);
    client_request(&client, "view");
    client_call(&client, true);
    assert_lost("more than 64 MiB");
    close_client();
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("cli_client");
    TCase *answers = tcase_create("answers");
    tcase_set_timeout(answers, 30);
    tcase_add_test(answers, answer_that_comes_byte_by_byte_is_read);
    tcase_add_test(answers, answer_of_the_largest_cluster_is_read);
    tcase_add_test(answers, records_before_an_answer_are_dropped_and_those_after_it_are_not);
    suite_add_tcase(s, answers);

    TCase *errors = tcase_create("errors");
    tcase_set_timeout(errors, 30);
    tcase_add_test(errors, refusal_has_the_agents_text_and_ends_the_asking);
    tcase_add_test(errors, agent_that_does_not_know_the_command_could_not_be_asked);
    tcase_add_test(errors, refused_handshake_is_no_agent);
    tcase_add_test(errors, missing_socket_says_what_would_do);
    tcase_add_test(errors, socket_that_nobody_serves_says_what_would_do);
    tcase_add_test(errors, connection_closed_within_an_answer_is_lost);
    tcase_add_loop_test(errors, malformed_answer_is_lost_and_says_what_is_wrong, 0,
                        sizeof malformed / sizeof malformed[0]);
    tcase_add_test(errors, answer_over_the_limit_is_refused);
    suite_add_tcase(s, errors);

    TCase *time = tcase_create("time");
    tcase_set_timeout(time, 30);
    tcase_add_test(time, silent_agent_is_lost);
    tcase_add_test(time, deadline_ends_a_question);
    tcase_add_test(time, end_is_awaited);
    tcase_add_test(time, end_that_does_not_come_is_no_end);
    tcase_add_test(time, quiet_stream_outlasts_the_silence_and_ends_at_the_deadline);
    tcase_add_test(time, deadline_ends_connecting_to_an_agent_that_takes_nobody);
    tcase_add_test(time, stream_ends_when_nobody_reads_the_output);
    suite_add_tcase(s, time);
    return s;
}

int main(void)
{
    return unit_run(suite());
}
