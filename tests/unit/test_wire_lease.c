/* Leases on the wire: what is said of each comes back, and nothing else is taken. */
#include "gossip/wire.h"

#include "tests/unit/unit.h"

#include <string.h>

static uint8_t bytes[GOSSIP_PACKET_BYTES_MAX];
static size_t len;
static size_t ends[LEASE_KINDS]; /* of the body, and then of one lease of each kind */

/* In memory of just that size, so that a sanitizer sees what is read beyond. */
static enum gossip_error decode(size_t length)
{
    struct wire_message m;
    uint8_t *exact = malloc(length + !length);
    memcpy(exact, bytes, length);
    enum gossip_error error = wire_decode(exact, length, 1, &m);
    free(exact);
    return error;
}

/* One of each kind, every field at its limit. */
static void setup(void)
{
    struct wire_writer w = wire_begin(bytes, sizeof bytes, WIRE_LEASE, 1, 2, 3);
    wire_put_voters(&w, &(struct gossip_voters){2, 3, UINT64_MAX});
    ends[0] = (size_t)(w.at - w.start);
    for (int kind = 1; kind < LEASE_KINDS; kind++) {
        struct lease_message m = {
            .kind = (enum lease_kind)kind,
            .ballot = {WIRE_ROUND_MAX, UINT64_MAX},
            .grant =
                {{WIRE_ROUND_MAX, 7}, UINT64_MAX, WIRE_ROUND_MAX, UINT8_MAX, LEASE_HOST_MAX, 9},
            .time_us = 1000 * LEASE_LENGTH_MS_MAX,
            .round = WIRE_ROUND_MAX,
            .successor = 5,
            .preempts = true,
            .ended = true,
        };
        ck_assert(wire_put_lease(&w, &(struct wire_lease){11, m}));
        ends[kind] = (size_t)(w.at - w.start);
    }
    len = (size_t)(w.at - w.start);
}

START_TEST(what_a_kind_says_comes_back_and_the_rest_is_nothing)
{
    struct wire_message m;
    struct wire_lease lease;
    const struct lease_message *l = &lease.message;
    ck_assert_int_eq(wire_decode(bytes, len, 1, &m), GOSSIP_OK);
    ck_assert_uint_eq(m.voters.oldest, 2);
    ck_assert_uint_eq(m.voters.newest, 3);
    ck_assert_uint_eq(m.voters.hash, UINT64_MAX);
    for (int kind = 1; kind < LEASE_KINDS; kind++) {
        ck_assert(wire_next_lease(&m.leases, &lease));
        bool proposes = kind == LEASE_PROPOSE, refuses = kind == LEASE_REFUSE;
        bool lasts = kind == LEASE_PREPARE || proposes || refuses;
        bool epoch = proposes || refuses || kind == LEASE_PROMISE;
        ck_assert_int_eq(l->kind, kind);
        ck_assert_uint_eq(lease.name, 11);
        ck_assert_uint_eq(l->ballot.round, WIRE_ROUND_MAX);
        ck_assert_uint_eq(l->ballot.claim, UINT64_MAX);
        ck_assert_uint_eq(l->round, refuses ? WIRE_ROUND_MAX : 0);
        ck_assert_uint_eq(l->grant.ballot.round, refuses ? WIRE_ROUND_MAX : 0);
        ck_assert_uint_eq(l->grant.ballot.claim, refuses ? 7 : 0);
        ck_assert_uint_eq(l->grant.owner, lasts ? UINT64_MAX : 0);
        ck_assert_uint_eq(l->grant.epoch, epoch ? WIRE_ROUND_MAX : 0);
        ck_assert_uint_eq(l->grant.priority, lasts || kind == LEASE_WAITING ? UINT8_MAX : 0);
        ck_assert_int_eq(l->time_us,
                         lasts || kind == LEASE_WAITING ? 1000 * LEASE_LENGTH_MS_MAX : 0);
        ck_assert_uint_eq(l->successor, kind == LEASE_RELEASE || kind == LEASE_MOVE ? 5 : 0);
        ck_assert_int_eq(l->preempts, kind == LEASE_WAITING);
        bool lives = kind == LEASE_PREPARE || proposes;
        ck_assert_uint_eq(l->grant.host, lives ? LEASE_HOST_MAX : 0);
        ck_assert_uint_eq(l->grant.life, lives ? 9 : 0);
        ck_assert_int_eq(l->ended, kind == LEASE_RELEASE);
    }
    ck_assert(!wire_next_lease(&m.leases, &lease));
}
END_TEST

START_TEST(one_that_is_cut_short_is_refused)
{
    for (size_t length = 0; length < len; length++) {
        bool good = false;
        for (int kind = 0; kind < LEASE_KINDS; kind++)
            good |= length == ends[kind];
        ck_assert_int_eq(decode(length), good ? GOSSIP_OK : GOSSIP_ERROR_MALFORMED);
    }
}
END_TEST

START_TEST(a_value_that_cannot_be_is_refused)
{
    const struct {
        size_t at;
        uint8_t value;
    } changes[] = {
        {ends[LEASE_PROPOSE] - 16, 0xff}, /* over a minute */
        {ends[LEASE_RELEASE] - 1, 2},     /* neither true nor false */
        {ends[LEASE_PROMISE] - 8, 0xff},  /* an epoch */
        {ends[LEASE_ACCEPT] - 16, 0xff},  /* a round */
        {ends[LEASE_WAITING] - 1, 2},     /* neither true nor false */
        {ends[LEASE_WAITING], 0},         /* a kind */
        {ends[LEASE_WAITING], LEASE_KINDS},
        {WIRE_HEADER_BYTES + 3, 4}, /* a range that ends before it begins */
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        uint8_t was = bytes[changes[i].at];
        bytes[changes[i].at] = changes[i].value;
        ck_assert_msg(decode(len) == GOSSIP_ERROR_MALFORMED, "change %zu", i);
        bytes[changes[i].at] = was;
    }
    ck_assert_int_eq(decode(len), GOSSIP_OK);
}
END_TEST

START_TEST(what_has_no_room_is_not_written)
{
    uint8_t room[WIRE_LEASE_BYTES_MAX];
    struct wire_lease lease = {1, {.kind = LEASE_REFUSE}};
    struct wire_writer w = {room, room, room + sizeof room};
    ck_assert(wire_put_lease(&w, &lease));
    ck_assert_ptr_eq(w.at, w.end);
    w = (struct wire_writer){room, room + 1, room + sizeof room};
    ck_assert(!wire_put_lease(&w, &lease));
    ck_assert_ptr_eq(w.at, room + 1);
}
END_TEST

START_TEST(the_names_of_voters_come_back_and_nothing_else_is_taken)
{
    static const char names[][GOSSIP_NAME_BYTES_MAX + 1] = {"db1", "a", "db2.example.org"};
    struct gossip_voters voters = {1, 2, 3};
    struct wire_message m;
    char name[GOSSIP_NAME_BYTES_MAX + 1];
    struct wire_writer w = wire_begin(bytes, sizeof bytes, WIRE_VOTERS, 1, 2, 3);
    ck_assert(wire_put_names(&w, &voters, true, names, 3));
    ck_assert_int_eq(wire_decode(bytes, (size_t)(w.at - w.start), 1, &m), GOSSIP_OK);
    ck_assert(m.names.asks && m.names.voters.oldest == 1 && m.names.voters.newest == 2 &&
              m.names.voters.hash == 3);
    for (size_t i = 0; i < 3; i++) {
        ck_assert(wire_next_name(&m.names.list, name));
        ck_assert_str_eq(name, names[i]);
    }
    ck_assert(!wire_next_name(&m.names.list, name));
    for (size_t length = 0; length <= 63; length++) {
        bool good = length == 41 || length == 45 || length == 47 || length == 63;
        ck_assert_int_eq(decode(length), good ? GOSSIP_OK : GOSSIP_ERROR_MALFORMED);
    }
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {{24, 2}, {24, 0x81}, {28, 3}, {41, 0}, {41, 129}, {42, ' '}, {43, 0}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        uint8_t was = bytes[changes[i].at];
        bytes[changes[i].at] = changes[i].value;
        ck_assert_msg(decode(63) == GOSSIP_ERROR_MALFORMED, "change %zu", i);
        bytes[changes[i].at] = was;
    }
}
END_TEST

START_TEST(of_voters_there_are_so_many_names_and_no_more)
{
    struct gossip_voters voters = {1, 2, 3};
    struct wire_writer w = wire_begin(bytes, sizeof bytes, WIRE_VOTERS, 1, 2, 3);
    ck_assert(wire_put_names(&w, &voters, false, NULL, 0));
    for (unsigned i = 0; i <= LEASE_VOTERS_MAX; i++) {
        wire_put(&w, 1, 1);
        wire_put(&w, 'a', 1);
        ck_assert_int_eq(decode((size_t)(w.at - w.start)),
                         i < LEASE_VOTERS_MAX ? GOSSIP_OK : GOSSIP_ERROR_MALFORMED);
    }
    static const char name[1][GOSSIP_NAME_BYTES_MAX + 1] = {"db1"};
    w = (struct wire_writer){bytes, bytes, bytes + 17 + 3};
    ck_assert(!wire_put_names(&w, &voters, true, name, 1));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("wire_lease");
    TCase *t = tcase_create("wire_lease");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, what_a_kind_says_comes_back_and_the_rest_is_nothing);
    tcase_add_test(t, one_that_is_cut_short_is_refused);
    tcase_add_test(t, a_value_that_cannot_be_is_refused);
    tcase_add_test(t, what_has_no_room_is_not_written);
    tcase_add_test(t, the_names_of_voters_come_back_and_nothing_else_is_taken);
    tcase_add_test(t, of_voters_there_are_so_many_names_and_no_more);
    suite_add_tcase(s, t);
    return unit_run(s);
}
