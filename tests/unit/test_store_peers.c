#include "agent/base/address.h"
#include "tests/unit/store_fixture.h"

static struct worker *worker;

static void setup_worker(void)
{
    setup();
    worker = worker_new();
    ck_assert_ptr_nonnull(worker);
}

static void teardown_worker(void)
{
    worker_free(worker, 2000);
    teardown();
}

static void nothing(void *arg)
{
    (void)arg;
}

static void note_done(void *arg)
{
    *(bool *)arg = true;
}

/* Hands jobs back until the worker has done all it has been given so far. */
static void settle(void)
{
    bool done = false;
    ck_assert(worker_submit(worker, nothing, note_done, &done));
    while (!done)
        deliver(worker);
}

static struct gossip_addr addr_of(const char *text)
{
    struct gossip_addr addr = {.port = 7949};

    ck_assert(address_parse(text, addr.ip, &addr.port));
    return addr;
}

static void assert_peer(size_t index, const char *expected)
{
    char text[ADDRESS_TEXT_BYTES];

    ck_assert_str_eq(address_text(peers[index].ip, peers[index].port, text), expected);
}

static const char *const some[] = {"10.0.0.1:7949", "[2001:db8::1]:1", "255.255.255.254:65535"};
#define SOME (sizeof some / sizeof some[0])

static void save_some(struct store *s)
{
    struct gossip_addr addrs[SOME];

    for (size_t i = 0; i < SOME; i++)
        addrs[i] = addr_of(some[i]);
    store_save_peers(s, worker, addrs, SOME);
}

START_TEST(peers_come_back_as_saved)
{
    struct store *s = must_open();

    ck_assert_uint_eq(store_peers(s, peers), 0);
    save_some(s);
    settle();
    ck_assert_uint_eq(store_peers(s, peers), SOME);
    for (size_t i = 0; i < SOME; i++)
        assert_peer(i, some[i]);
    store_save_peers(s, worker, NULL, 0);
    settle();
    ck_assert_uint_eq(store_peers(s, peers), 0);
    ck_assert(!exists("peers.bad"));
    store_free(s);
}
END_TEST

START_TEST(peers_are_kept_up_to_the_limit)
{
    struct store *s = must_open();
    struct gossip_addr many[STORE_PEERS_MAX + 10];

    for (size_t i = 0; i < STORE_PEERS_MAX + 10; i++) { /* the longest text there is */
        many[i] = addr_of("[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
        many[i].ip[0] = (uint8_t)(0x10 + i);
    }
    store_save_peers(s, worker, many, STORE_PEERS_MAX + 10);
    settle();
    ck_assert_uint_eq(store_peers(s, peers), STORE_PEERS_MAX);
    ck_assert_mem_eq(peers, many, sizeof peers);
    store_free(s);
}
END_TEST

START_TEST(peer_without_a_port_is_left_out)
{
    struct store *s = must_open();
    struct gossip_addr two[] = {addr_of(some[0]), addr_of(some[1])};

    two[0].port = 0;
    store_save_peers(s, worker, two, 2);
    settle();
    ck_assert_uint_eq(store_peers(s, peers), 1);
    assert_peer(0, some[1]);
    store_free(s);
}
END_TEST

START_TEST(newest_list_of_peers_wins)
{
    struct store *s = must_open();

    for (int i = 0; i < 3 * WORKER_JOBS_MAX; i++) { /* far more than the worker would take */
        struct gossip_addr one = addr_of(some[0]);
        one.port = (uint16_t)(1 + i);
        store_save_peers(s, worker, &one, 1);
    }
    settle(); /* the first */
    settle(); /* the last; none in between was kept */
    ck_assert_uint_eq(store_peers(s, peers), 1);
    ck_assert_uint_eq(peers[0].port, 3 * WORKER_JOBS_MAX);
    store_free(s);
}
END_TEST

START_TEST(failed_write_is_said_once_and_so_is_its_end)
{
    struct store *s = must_open();

    mkdir(path_of("peers.new"), 0700);
    save_some(s);
    settle();
    ck_assert(logged("peers: cannot be written: "));
    save_some(s);
    settle();
    ck_assert(!logged("peers: "));
    rmdir(path_of("peers.new"));
    save_some(s);
    settle();
    ck_assert(logged("peers: written again"));
    save_some(s);
    settle();
    ck_assert(!logged("peers: "));
    store_free(s);
}
END_TEST

START_TEST(peers_that_never_got_written_are_dropped_at_the_end)
{
    struct store *s = must_open();

    save_some(s);
    save_some(s);
    worker_free(worker, 2000);
    worker = NULL;
    store_free(s);
}
END_TEST

/* Peers as saved, with one store open to read them. */
static struct store *saved(char *bytes, size_t *len)
{
    struct store *s = must_open();

    save_some(s);
    settle();
    *len = read_file("peers", bytes);
    return s;
}

static void assert_peers_set_aside(struct store *s, const char *bytes, size_t len)
{
    char aside[FILE_BYTES];

    write_file("peers", bytes, len);
    ck_assert_uint_eq(store_peers(s, peers), 0);
    ck_assert(!exists("peers"));
    ck_assert_uint_eq(read_file("peers.bad", aside), len);
    ck_assert_mem_eq(aside, bytes, len);
}

START_TEST(peers_truncated_at_any_byte_are_set_aside)
{
    char bytes[FILE_BYTES];
    size_t len;
    struct store *s = saved(bytes, &len);

    for (size_t cut = 0; cut < len; cut++)
        assert_peers_set_aside(s, bytes, cut);
    ck_assert(logged("peers: damaged; set aside as peers.bad"));
    store_free(s);
}
END_TEST

START_TEST(peers_with_any_bit_flipped_are_set_aside)
{
    char bytes[FILE_BYTES];
    size_t len;
    struct store *s = saved(bytes, &len);

    for (size_t bit = 0; bit < 8 * len; bit++) {
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        assert_peers_set_aside(s, bytes, len);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
    }
    store_free(s);
}
END_TEST

/* As the agent itself would have written it, but for what is wrong with it. */
static void write_peers(const char *heading, const char *line, size_t lines)
{
    static struct statefile f;

    f.len = 0;
    statefile_add(&f, "%s\n", heading);
    for (size_t i = 0; i < lines; i++)
        statefile_add(&f, "%s\n", line);
    statefile_add_sum(&f);
    write_file("peers", f.bytes, f.len);
}

START_TEST(peers_that_only_their_sum_holds_together_are_set_aside)
{
    static const char *const bad[] = {
        "peer 10.0.0.1",
        "peer 10.0.0.1:0",
        "peer 10.0.0.1:07949",
        "peer db1:7949",
        "peer  10.0.0.1:7949",
        "peer",
        "",
        "friend 10.0.0.1:7949",
        "peer [::ffff:1.2.3.4]:5",
        "peer [2001:DB8::1]:7949",
    };
    struct store *s = must_open();

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_peers("muster-peers 1", bad[i], 1);
        ck_assert_msg(store_peers(s, peers) == 0 && !exists("peers"), "%s", bad[i]);
    }
    write_peers("muster-peers 1", "peer 10.0.0.1:7949", STORE_PEERS_MAX + 1);
    ck_assert_uint_eq(store_peers(s, peers), 0);
    write_peers("muster-peers 1", "peer 10.0.0.1:7949", STORE_PEERS_MAX);
    ck_assert_uint_eq(store_peers(s, peers), STORE_PEERS_MAX);
    write_peers("muster-peers 12", "peer 10.0.0.1:7949", 1);
    ck_assert_uint_eq(store_peers(s, peers), 0);
    ck_assert(logged("peers: written by a later version; set aside as peers.bad"));
    store_free(s);
}
END_TEST

START_TEST(peers_that_cannot_be_set_aside_count_as_none)
{
    struct store *s = must_open();

    write_file("peers", "x", 1);
    mkdir(path_of("peers.bad"), 0700);
    ck_assert_uint_eq(store_peers(s, peers), 0);
    ck_assert(logged("peers: damaged, and cannot be set aside: "));
    save_some(s); /* and the next list takes its place */
    settle();
    ck_assert_uint_eq(store_peers(s, peers), SOME);
    store_free(s);
}
END_TEST

START_TEST(peers_that_cannot_be_read_are_set_aside_as_they_are)
{
    char before[FILE_BYTES], aside[FILE_BYTES];
    size_t len;
    struct store *s = saved(before, &len);

    chmod(path_of("peers"), 0);
    if (geteuid() == 0) {
        chmod(state, 0777);
        chmod(dir, 0777);
        ck_assert_int_eq(seteuid(65534), 0);
    }
    ck_assert_uint_eq(store_peers(s, peers), 0);
    if (getuid() == 0)
        ck_assert_int_eq(seteuid(0), 0);
    ck_assert(logged("peers: cannot be read: Permission denied"));
    save_some(s);
    settle();
    chmod(path_of("peers.bad"), 0600);
    ck_assert_uint_eq(read_file("peers.bad", aside), len);
    ck_assert_mem_eq(aside, before, len);
    store_free(s);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("store: peers");
    TCase *t = tcase_create("peers");

    tcase_add_checked_fixture(t, setup_worker, teardown_worker);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, peers_come_back_as_saved);
    tcase_add_test(t, peers_are_kept_up_to_the_limit);
    tcase_add_test(t, peer_without_a_port_is_left_out);
    tcase_add_test(t, newest_list_of_peers_wins);
    tcase_add_test(t, failed_write_is_said_once_and_so_is_its_end);
    tcase_add_test(t, peers_that_never_got_written_are_dropped_at_the_end);
    tcase_add_test(t, peers_truncated_at_any_byte_are_set_aside);
    tcase_add_test(t, peers_with_any_bit_flipped_are_set_aside);
    tcase_add_test(t, peers_that_only_their_sum_holds_together_are_set_aside);
    tcase_add_test(t, peers_that_cannot_be_set_aside_count_as_none);
    tcase_add_test(t, peers_that_cannot_be_read_are_set_aside_as_they_are);
    suite_add_tcase(s, t);
    return unit_run(s);
}
