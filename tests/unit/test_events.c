#include "agent/events/events.h"

#include "tests/unit/fake_gossip.h"
#include "tests/unit/fake_log.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_S 20
#define BIG_VIEW 4000         /* members: a snapshot of 500 kB, more than a socket takes */
#define SNAPSHOTS_AT_A_TIME 8 /* as events.c has it */

static struct event_base *base;
static struct journal *journal;
static struct gossip *gossip;
static struct events *events;
static char dir[] = "/tmp/muster-events.XXXXXX";
static struct sockaddr_un address;

static void setup(void)
{
    strcpy(dir, "/tmp/muster-events.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/events.sock", dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, SOMAXCONN), 0);
    fake_log_reset();
    base = event_base_new();
    journal = journal_new();
    gossip = fake_gossip_new();
    fake_gossip_add(gossip, FAKE_MEMBER("db1", GOSSIP_ALIVE, "role\0db"));
    events = events_new(base, fd, journal, gossip);
    ck_assert_ptr_nonnull(events);
}

static void teardown(void)
{
    events_free(events);
    fake_gossip_free(gossip);
    journal_free(journal);
    event_base_free(base);
    unlink(address.sun_path);
    rmdir(dir);
    fake_log_reset();
}

static void turn(void)
{
    ck_assert_int_ge(event_base_loop(base, EVLOOP_NONBLOCK), 0);
}

static void append(int count)
{
    struct gossip_member m = FAKE_MEMBER("db1", GOSSIP_ALIVE, "role\0db");
    for (int i = 0; i < count; i++) {
        ck_assert_ptr_nonnull(journal_append(journal, 0, EVENT_MEMBER_UPDATE, &m, NULL));
        events_notify(events);
    }
    gossip_profile_release(m.profile);
}

/* ---- a client, and what it makes of the stream ---- */

struct client {
    int fd;
    char *buffer;
    size_t used, capacity;
    uint64_t snapshots, changes, gaps, lost;
    uint64_t seq; /* of the last line */
    bool after_gap;
};

static struct client client_new(void)
{
    struct client c = {.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    int connected = connect(c.fd, (struct sockaddr *)&address, sizeof address);
    ck_assert_msg(connected == 0, "connect: %s", strerror(errno));
    return c;
}

static void client_free(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    free(c->buffer);
}

/* One read of what is there. -1: nothing is; 0: the end. */
static ssize_t client_read(struct client *c)
{
    if (c->capacity - c->used < 65536) {
        c->capacity = 2 * c->capacity + 65536;
        c->buffer = realloc(c->buffer, c->capacity);
        ck_assert_ptr_nonnull(c->buffer);
    }
    ssize_t n = recv(c->fd, c->buffer + c->used, c->capacity - c->used - 1, 0);
    if (n < 0)
        ck_assert_msg(errno == EAGAIN, "recv: %s", strerror(errno));
    if (n > 0)
        c->used += (size_t)n;
    if (c->buffer)
        c->buffer[c->used] = '\0';
    return n;
}

/* Turns the loop and reads until there is a line, taken out of the buffer with its newline. */
static char *client_line(struct client *c)
{
    char *newline = NULL;
    for (int i = 0; i < 100000 && !newline; i++) {
        newline = c->used ? memchr(c->buffer, '\n', c->used) : NULL;
        if (!newline) {
            turn();
            if (client_read(c) == 0)
                break;
        }
    }
    ck_assert_msg(newline, "no line came");
    size_t bytes = (size_t)(newline - c->buffer) + 1;
    char *line = strndup(c->buffer, bytes);
    c->used -= bytes;
    memmove(c->buffer, c->buffer + bytes, c->used);
    return line;
}

static void assert_line(struct client *c, const char *expected)
{
    char *line = client_line(c);
    ck_assert_str_eq(line, expected);
    free(line);
}

/* Takes one line and holds it to the contract: a snapshot first; each change one more than the
 * line before; a gap that counts exactly what is missing, and a snapshot of the same number. */
static void client_check_line(struct client *c)
{
    char *line = client_line(c);
    uint64_t seq, lost;
    ck_assert_int_eq(sscanf(line, "{\"seq\":%" SCNu64, &seq), 1);
    ck_assert_str_eq(line + strlen(line) - 2, "}\n");
    if (strstr(line, "\"event\":\"snapshot\"")) {
        ck_assert(c->snapshots == 0 || c->after_gap);
        ck_assert(c->snapshots == 0 || seq == c->seq);
        c->snapshots++;
        c->after_gap = false;
    } else if (sscanf(line, "{\"seq\":%*u,\"event\":\"gap\",\"lost\":%" SCNu64 "}", &lost) == 1) {
        ck_assert_uint_gt(lost, 0);
        ck_assert_uint_eq(seq, c->seq + lost);
        c->gaps++;
        c->lost += lost;
        c->after_gap = true;
    } else {
        ck_assert_ptr_nonnull(strstr(line, "\"event\":\"member-update\""));
        ck_assert_uint_gt(c->snapshots, 0);
        ck_assert(!c->after_gap);
        ck_assert_uint_eq(seq, c->seq + 1);
        c->changes++;
    }
    c->seq = seq;
    free(line);
}

static void client_catch_up(struct client *c)
{
    while (c->snapshots == 0 || c->after_gap || c->seq < journal_newest(journal))
        client_check_line(c);
}

/* ---- what readers see ---- */

START_TEST(a_reader_is_shown_the_members_first)
{
    struct gossip_member partly = FAKE_MEMBER_UNTAGGED("web2", GOSSIP_SUSPECT);
    partly.unreachable = true;
    fake_gossip_add(gossip, FAKE_MEMBER_UNTAGGED("web1", GOSSIP_FAILED));
    fake_gossip_add(gossip, partly);
    append(7);
    struct client c = client_new();
    assert_line(
        &c, "{\"seq\":7,\"event\":\"snapshot\",\"members\":["
            "{\"name\":\"db1\",\"id\":\"64623100000000000000000000000000\","
            "\"addr\":\"10.0.0.11\",\"port\":7949,\"status\":\"alive\","
            "\"unreachable\":false,\"incarnation\":3,\"generation\":1,\"tags\":{\"role\":\"db\"}},"
            "{\"name\":\"web1\",\"id\":\"77656231000000000000000000000000\","
            "\"addr\":\"10.0.0.11\",\"port\":7949,\"status\":\"failed\","
            "\"unreachable\":false,\"incarnation\":3,\"generation\":1,\"tags\":{}},"
            "{\"name\":\"web2\",\"id\":\"77656232000000000000000000000000\","
            "\"addr\":\"10.0.0.11\",\"port\":7949,\"status\":\"suspect\","
            "\"unreachable\":true,\"incarnation\":3,\"generation\":1,\"tags\":{}}],\"vips\":[]}\n");
    client_free(&c);
}
END_TEST

START_TEST(changes_follow_the_snapshot_in_order)
{
    struct client c = client_new();
    client_check_line(&c);
    ck_assert_uint_eq(c.seq, 0);
    append(1);
    assert_line(&c, journal_at(journal, 1)->line);
    c.seq = 1;
    append(100);
    client_catch_up(&c);
    ck_assert_uint_eq(c.changes, 100);
    ck_assert_uint_eq(c.gaps, 0);
    client_free(&c);
}
END_TEST

START_TEST(changes_between_connecting_and_the_first_turn_are_in_the_snapshot)
{
    struct client c = client_new();
    append(5);
    client_catch_up(&c);
    ck_assert_uint_eq(c.seq, 5);
    append(1);
    client_catch_up(&c);
    ck_assert_uint_eq(c.seq, 6);
    ck_assert_uint_eq(c.gaps, 0);
    client_free(&c);
}
END_TEST

START_TEST(a_reader_that_falls_behind_is_told_of_the_gap_and_goes_on)
{
    struct client c = client_new();
    client_check_line(&c);
    for (int i = 0; i < 3 * JOURNAL_ENTRIES_MAX; i++) {
        append(1);
        turn();
    }
    client_catch_up(&c);
    ck_assert_uint_eq(c.gaps, 1);
    ck_assert_uint_eq(c.snapshots, 2);
    ck_assert_uint_eq(c.changes + c.lost, 3 * JOURNAL_ENTRIES_MAX);
    append(10);
    client_catch_up(&c);
    ck_assert_uint_eq(c.gaps, 1);
    client_free(&c);
}
END_TEST

START_TEST(readers_that_never_read_cost_another_nothing)
{
    struct client idle[100], c = client_new();
    for (size_t i = 0; i < 100; i++)
        idle[i] = client_new();
    client_check_line(&c);
    for (int i = 0; i < 2 * JOURNAL_ENTRIES_MAX; i++) {
        append(1);
        client_check_line(&c);
    }
    ck_assert_uint_eq(c.changes, 2 * JOURNAL_ENTRIES_MAX);
    ck_assert_uint_eq(c.gaps, 0);
    ck_assert_uint_eq(events_readers(events), 101);
    client_free(&c);
    for (size_t i = 0; i < 100; i++)
        client_free(&idle[i]);
}
END_TEST

START_TEST(a_snapshot_larger_than_the_socket_arrives_whole)
{
    for (int i = 0; i < BIG_VIEW; i++)
        fake_gossip_add(gossip, FAKE_MEMBER_UNTAGGED("big", GOSSIP_ALIVE));
    struct client c = client_new();
    turn();
    append(3);
    char *line = client_line(&c);
    size_t members = 0;
    for (const char *at = line; (at = strstr(at, "\"name\":")); at++)
        members++;
    ck_assert_uint_eq(members, BIG_VIEW + 1);
    ck_assert_uint_gt(strlen(line), 300000);
    ck_assert_str_eq(line + strlen(line) - 14, "}],\"vips\":[]}\n");
    free(line);
    for (uint64_t seq = 1; seq <= 3; seq++)
        assert_line(&c, journal_at(journal, seq)->line);
    client_free(&c);
}
END_TEST

/* ---- readers that come and go ---- */

static void turn_until_readers(size_t count)
{
    time_t deadline = time(NULL) + DEADLINE_S;
    while (events_readers(events) != count && time(NULL) <= deadline)
        turn();
    ck_assert_uint_eq(events_readers(events), count);
}

START_TEST(a_reader_that_hangs_up_is_noticed)
{
    struct client c = client_new();
    client_check_line(&c);
    ck_assert_uint_eq(events_readers(events), 1);
    client_free(&c);
    turn_until_readers(0);
}
END_TEST

START_TEST(a_reader_that_hangs_up_with_unread_lines_is_noticed)
{
    struct client c = client_new();
    client_check_line(&c);
    for (int i = 0; i < JOURNAL_ENTRIES_MAX; i++) {
        append(1);
        turn();
    }
    client_free(&c);
    turn_until_readers(0);
}
END_TEST

START_TEST(a_reader_that_shut_down_its_own_side_still_reads)
{
    struct client c = client_new();
    client_check_line(&c);
    shutdown(c.fd, SHUT_WR);
    append(1);
    client_catch_up(&c);
    append(JOURNAL_ENTRIES_MAX / 2);
    client_catch_up(&c);
    ck_assert_uint_eq(events_readers(events), 1);
    client_free(&c);
    turn_until_readers(0);
}
END_TEST

START_TEST(what_a_reader_says_is_ignored)
{
    static const char words[4096];
    struct client c = client_new();
    client_check_line(&c);
    for (int full = 0; full < 10;) {
        full += send(c.fd, words, sizeof words, MSG_NOSIGNAL) < 0;
        turn();
    }
    append(5);
    client_catch_up(&c);
    ck_assert_uint_eq(c.changes, 5);
    client_free(&c);
    turn_until_readers(0);
}
END_TEST

START_TEST(one_reader_too_many_is_refused_with_a_word)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = 2 * EVENTS_READERS_MAX + 100;
    ck_assert_msg(files.rlim_cur <= files.rlim_max, "this test needs %ju open files",
                  (uintmax_t)files.rlim_cur);
    setrlimit(RLIMIT_NOFILE, &files);

    struct client *many = calloc(EVENTS_READERS_MAX, sizeof *many);
    for (size_t i = 0; i < EVENTS_READERS_MAX; i++) {
        many[i] = client_new();
        turn();
    }
    turn_until_readers(EVENTS_READERS_MAX);
    struct client extra = client_new();
    assert_line(&extra, "{\"event\":\"error\",\"error\":\"too many readers\"}\n");
    ck_assert_int_eq(client_read(&extra), 0);
    client_free(&extra);

    client_check_line(&many[0]);
    client_free(&many[1]);
    turn_until_readers(EVENTS_READERS_MAX - 1);
    extra = client_new();
    client_check_line(&extra);
    client_free(&extra);
    client_free(&many[0]);
    for (size_t i = 2; i < EVENTS_READERS_MAX; i++)
        client_free(&many[i]);
    free(many);
}
END_TEST

/* Valgrind imitates the limit: it accepts, and then closes what is over it. */
static bool limits_are_imitated(void)
{
    const char *preload = getenv("LD_PRELOAD");
    return preload && strstr(preload, "vgpreload");
}

START_TEST(without_descriptors_accepting_waits_and_goes_on)
{
    struct client early = client_new();
    struct rlimit files, before;
    getrlimit(RLIMIT_NOFILE, &before);
    files = before;
    files.rlim_cur = (rlim_t)early.fd + 1; /* the lowest free one, and all below are taken */
    setrlimit(RLIMIT_NOFILE, &files);
    for (int i = 0; i < 1000; i++)
        turn();
    ck_assert_uint_eq(events_readers(events), 0);
    ck_assert_uint_eq(fake_log_count("cannot accept connections: Too many open files"), 1);
    setrlimit(RLIMIT_NOFILE, &before);
    struct client late = client_new();
    turn_until_readers(limits_are_imitated() ? 1 : 2);
    client_check_line(&late);
    if (!limits_are_imitated())
        client_check_line(&early);
    client_free(&early);
    client_free(&late);
}
END_TEST

/* ---- readers that stall halfway through a snapshot ---- */

static void stall(struct client *c, int changes_after)
{
    *c = client_new();
    for (int i = 0; i < 10; i++)
        turn();
    append(changes_after);
}

static void fill_view(void)
{
    for (int i = 0; i < BIG_VIEW; i++)
        fake_gossip_add(gossip, FAKE_MEMBER_UNTAGGED("big", GOSSIP_ALIVE));
}

START_TEST(with_many_snapshots_under_way_the_next_reader_shares_the_last)
{
    struct client stalled[SNAPSHOTS_AT_A_TIME], c;
    fill_view();
    for (size_t i = 0; i < SNAPSHOTS_AT_A_TIME; i++)
        stall(&stalled[i], 1);
    c = client_new();
    client_check_line(&c);
    ck_assert_uint_eq(c.seq, SNAPSHOTS_AT_A_TIME - 1);
    client_catch_up(&c);
    ck_assert_uint_eq(c.seq, SNAPSHOTS_AT_A_TIME);
    ck_assert_uint_eq(events_readers(events), SNAPSHOTS_AT_A_TIME + 1);
    for (size_t i = 0; i < SNAPSHOTS_AT_A_TIME; i++) {
        client_catch_up(&stalled[i]);
        ck_assert_uint_eq(stalled[i].gaps, 0);
        client_free(&stalled[i]);
    }
    client_free(&c);
}
END_TEST

START_TEST(with_none_of_them_usable_the_oldest_goes_and_its_readers_too)
{
    struct client stalled[SNAPSHOTS_AT_A_TIME], twin, c;
    fill_view();
    stall(&twin, 0);
    for (size_t i = 0; i < SNAPSHOTS_AT_A_TIME; i++)
        stall(&stalled[i], 1);
    append(JOURNAL_ENTRIES_MAX);
    c = client_new();
    client_catch_up(&c);
    ck_assert_uint_eq(c.snapshots, 1);
    ck_assert_uint_eq(c.changes, 0);
    ck_assert_uint_eq(events_readers(events), SNAPSHOTS_AT_A_TIME);
    ck_assert_uint_eq(fake_log_count("closed 2 readers"), 1);
    client_catch_up(&stalled[1]); /* the others are told of the gap, and go on */
    ck_assert_uint_eq(stalled[1].gaps, 1);
    client_free(&c);
    client_free(&twin);
    for (size_t i = 0; i < SNAPSHOTS_AT_A_TIME; i++)
        client_free(&stalled[i]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("events");
    TCase *t = tcase_create("events");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, a_reader_is_shown_the_members_first);
    tcase_add_test(t, changes_follow_the_snapshot_in_order);
    tcase_add_test(t, changes_between_connecting_and_the_first_turn_are_in_the_snapshot);
    tcase_add_test(t, a_reader_that_falls_behind_is_told_of_the_gap_and_goes_on);
    tcase_add_test(t, readers_that_never_read_cost_another_nothing);
    tcase_add_test(t, a_snapshot_larger_than_the_socket_arrives_whole);
    tcase_add_test(t, a_reader_that_hangs_up_is_noticed);
    tcase_add_test(t, a_reader_that_hangs_up_with_unread_lines_is_noticed);
    tcase_add_test(t, a_reader_that_shut_down_its_own_side_still_reads);
    tcase_add_test(t, what_a_reader_says_is_ignored);
    tcase_add_test(t, one_reader_too_many_is_refused_with_a_word);
    tcase_add_test(t, without_descriptors_accepting_waits_and_goes_on);
    tcase_add_test(t, with_many_snapshots_under_way_the_next_reader_shares_the_last);
    tcase_add_test(t, with_none_of_them_usable_the_oldest_goes_and_its_readers_too);
    suite_add_tcase(s, t);
    return unit_run(s);
}
