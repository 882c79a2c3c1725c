#include "gossip/wire.h"

#include "gossip/membership/profile.h"
#include "gossip/rng.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const uint32_t cluster = 0xc1c2c3c4;
static const uint64_t sender = 0x1112131415161718, view = 0x2122232425262728;

struct packet {
    uint8_t bytes[GOSSIP_FRAME_BYTES_MAX];
    size_t len;
};

/* Decodes from a buffer of just that size, so that a read beyond it is found out. The records of
 * `message` must not be read any more. */
static enum gossip_error decode(const uint8_t *bytes, size_t len, struct wire_message *message)
{
    uint8_t *exact = malloc(len ? len : 1);
    ck_assert_ptr_nonnull(exact);
    if (len)
        memcpy(exact, bytes, len);
    enum gossip_error error = wire_decode(exact, len, cluster, message);
    free(exact);
    return error;
}

static enum gossip_error decode_packet(const struct packet *p)
{
    struct wire_message m;
    return decode(p->bytes, p->len, &m);
}

static struct wire_writer begin(struct packet *p, enum wire_kind kind)
{
    return wire_begin(p->bytes, sizeof p->bytes, kind, cluster, sender, view);
}

static void finish(struct packet *p, const struct wire_writer *w)
{
    p->len = (size_t)(w->at - w->start);
}

/* What each kind has between the header and its records. */
static void put_body(struct wire_writer *w, enum wire_kind kind)
{
    static const unsigned bytes[WIRE_KINDS] = {
        [WIRE_PING] = 13,  [WIRE_ACK] = 4,        [WIRE_EVIDENCE] = 13, [WIRE_UPDATES] = 0,
        [WIRE_JOIN] = 16,  [WIRE_DIGEST] = 25,    [WIRE_DELTA] = 19,    [WIRE_REFUSE] = 16,
        [WIRE_LEASE] = 16, [WIRE_CHALLENGE] = 16, [WIRE_VOTERS] = 17,   [WIRE_SEEN] = 26,
    };
    for (unsigned i = 0; i < bytes[kind]; i++)
        wire_put(w, 0, 1);
}

static struct gossip_profile example = {
    .id = {9, 8, 7, 6, 5, 4, 3, 2, 1},
    .generation = 77,
    .addr = {.ip = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 1}, .port = 7949},
    .name = "db1",
    .tags = "rack\0r7\0role\0db\0",
    .tags_bytes = 16,
};

static struct member row_of(const struct gossip_profile *profile)
{
    return (struct member){.profile = profile,
                           .key = profile_key(profile->id),
                           .incarnation = 5,
                           .status = GOSSIP_ALIVE};
}

/* A NEWS packet with that one row in it. */
static struct packet news_of(const struct member *m, bool full)
{
    struct packet p;
    struct wire_writer w = begin(&p, WIRE_UPDATES);
    ck_assert(full ? wire_put_full(&w, m, 0) : wire_put_short(&w, m, 3));
    finish(&p, &w);
    return p;
}

static enum gossip_error decode_profile(const struct gossip_profile *profile)
{
    struct member m = row_of(profile);
    struct packet p = news_of(&m, true);
    return decode_packet(&p);
}

static uint32_t age_of(struct member m, enum gossip_status status, int64_t now_us)
{
    struct packet p;
    struct wire_message message;
    struct wire_record r;
    struct wire_writer w = begin(&p, WIRE_UPDATES);
    m.status = (uint8_t)status;
    ck_assert(wire_put_full(&w, &m, now_us));
    finish(&p, &w);
    ck_assert_int_eq(wire_decode(p.bytes, p.len, cluster, &message), GOSSIP_OK);
    ck_assert(wire_next_record(&message.records, &r));
    return r.age_s;
}

START_TEST(the_age_is_since_the_start_of_the_living_and_since_the_death_of_the_dead)
{
    struct member m = row_of(&example);
    m.started_us = -7500000;
    m.since_us = 2000000;
    for (int status = GOSSIP_ALIVE; status <= GOSSIP_LEAVING; status++)
        ck_assert_uint_eq(age_of(m, (enum gossip_status)status, 5000000), 12);
    ck_assert_uint_eq(age_of(m, GOSSIP_FAILED, 5000000), 3);
    ck_assert_uint_eq(age_of(m, GOSSIP_LEFT, 5000000), 3);
    ck_assert_uint_eq(age_of(m, GOSSIP_LEFT, 1000000), 0);
    ck_assert_uint_eq(age_of(m, GOSSIP_LEFT, INT64_MAX / 2), UINT32_MAX);
}
END_TEST

START_TEST(the_header_comes_back_from_every_kind)
{
    for (int kind = WIRE_PING; kind < WIRE_KINDS; kind++) {
        struct packet p;
        struct wire_message m;
        struct wire_writer w = begin(&p, (enum wire_kind)kind);
        put_body(&w, (enum wire_kind)kind);
        finish(&p, &w);
        ck_assert_int_eq(wire_decode(p.bytes, p.len, cluster, &m), GOSSIP_OK);
        ck_assert_int_eq(m.kind, kind);
        ck_assert_uint_eq(m.sender, sender);
        ck_assert_uint_eq(m.view, view);
        ck_assert_ptr_eq(m.records.at, m.records.end);
    }
}
END_TEST

START_TEST(bodies_come_back)
{
    struct packet p;
    struct wire_message m;
    struct wire_writer w = begin(&p, WIRE_PING);
    wire_put(&w, 0xdeadbeef, 4);
    wire_put(&w, UINT64_C(0xfeedfacecafebeef), 8);
    wire_put(&w, WIRE_COMPLAINT, 1);
    finish(&p, &w);
    ck_assert_uint_eq(p.len, 37);
    ck_assert_int_eq(decode(p.bytes, p.len, &m), GOSSIP_OK);
    ck_assert_uint_eq(m.ping.seq, 0xdeadbeef);
    ck_assert_uint_eq(m.ping.target, UINT64_C(0xfeedfacecafebeef));
    ck_assert_uint_eq(m.ping.flags, WIRE_COMPLAINT);

    w = begin(&p, WIRE_ACK);
    wire_put(&w, 7, 4);
    finish(&p, &w);
    ck_assert_int_eq(decode(p.bytes, p.len, &m), GOSSIP_OK);
    ck_assert_uint_eq(m.ack.seq, 7);

    w = begin(&p, WIRE_EVIDENCE);
    wire_put(&w, 42, 8);
    wire_put(&w, 1234, 2);
    wire_put(&w, 567, 2);
    wire_put(&w, WIRE_DEGRADED, 1);
    finish(&p, &w);
    ck_assert_int_eq(decode(p.bytes, p.len, &m), GOSSIP_OK);
    ck_assert_uint_eq(m.evidence.subject, 42);
    ck_assert_double_eq(m.evidence.phi, 12.34);
    ck_assert_uint_eq(m.evidence.age_ms, 567);
    ck_assert_uint_eq(m.evidence.flags, WIRE_DEGRADED);

    static const enum wire_kind joins[] = {WIRE_JOIN, WIRE_CHALLENGE};
    for (size_t i = 0; i < COUNT(joins); i++) {
        w = begin(&p, joins[i]);
        wire_put(&w, UINT64_MAX, 8);
        wire_put(&w, 5, 8);
        finish(&p, &w);
        ck_assert_int_eq(decode(p.bytes, p.len, &m), GOSSIP_OK);
        ck_assert_uint_eq(m.join.token, UINT64_MAX);
        ck_assert_uint_eq(m.join.cookie, 5);
    }

    w = begin(&p, WIRE_REFUSE);
    wire_put(&w, 6, 8);
    wire_put(&w, UINT64_MAX, 8);
    finish(&p, &w);
    ck_assert_int_eq(decode(p.bytes, p.len, &m), GOSSIP_OK);
    ck_assert_uint_eq(m.refuse.token, 6);
    ck_assert_uint_eq(m.refuse.generation, UINT64_MAX);
}
END_TEST

START_TEST(digests_and_deltas_of_every_size_come_back)
{
    for (unsigned log2 = 0; log2 <= WIRE_BUCKETS_LOG2_MAX; log2++) {
        struct packet p;
        struct wire_message m;
        struct wire_writer w = begin(&p, WIRE_DIGEST);
        wire_put(&w, 7, 8);
        wire_put(&w, 8, 8);
        wire_put(&w, log2, 1);
        for (uint64_t i = 0; i < 1u << log2; i++)
            wire_put(&w, i * 3, 8);
        finish(&p, &w);
        ck_assert_uint_le(p.len, GOSSIP_PACKET_BYTES_MAX);
        ck_assert_int_eq(decode(p.bytes, p.len, &m), GOSSIP_OK);
        ck_assert_uint_eq(m.digest.nonce, 7);
        ck_assert_uint_eq(m.digest.echo, 8);
        ck_assert_uint_eq(m.digest.log2, log2);
        for (uint64_t i = 0; i < 1u << log2; i++)
            ck_assert_uint_eq(m.digest.hashes[i], i * 3);

        size_t bits_bytes = ((1u << log2) + 7) / 8;
        w = begin(&p, WIRE_DELTA);
        wire_put(&w, 99, 8);
        wire_put(&w, 98, 8);
        wire_put(&w, WIRE_WANT_BACK, 1);
        wire_put(&w, log2, 1);
        for (uint64_t i = 0; i < bits_bytes; i++)
            wire_put(&w, i + 1, 1);
        finish(&p, &w);
        ck_assert_int_eq(decode(p.bytes, p.len, &m), GOSSIP_OK);
        ck_assert_uint_eq(m.delta.echo, 99);
        ck_assert_uint_eq(m.delta.nonce, 98);
        ck_assert_uint_eq(m.delta.flags, WIRE_WANT_BACK);
        ck_assert_uint_eq(m.delta.log2, log2);
        for (uint64_t i = 0; i < bits_bytes; i++)
            ck_assert_uint_eq(m.delta.bits[i], i + 1);
    }
}
END_TEST

START_TEST(records_come_back_in_every_form)
{
    struct gossip_profile v6 = example;
    memset(v6.addr.ip, 0x20, sizeof v6.addr.ip);
    v6.tags_bytes = 0;
    const struct gossip_profile *profiles[] = {&example, &v6};
    for (unsigned form = 0; form < 2 * 2 * 2 * 2 * 2 * 5; form++) {
        const struct gossip_profile *profile = profiles[form % 2];
        bool full = form / 2 % 2;
        struct member row = row_of(profile);
        row.pruned = form / 4 % 2;
        row.unreachable = form / 8 % 2;
        row.parity = form / 16 % 2;
        row.status = (uint8_t)(form / 32);
        struct packet p = news_of(&row, full);
        struct wire_message m;
        struct wire_record r;
        /* Who leaves or is gone is so no longer. */
        if (row.unreachable && row.status > GOSSIP_SUSPECT) {
            ck_assert_int_eq(decode_packet(&p), GOSSIP_ERROR_MALFORMED);
            continue;
        }
        ck_assert_int_eq(wire_decode(p.bytes, p.len, cluster, &m), GOSSIP_OK);
        ck_assert(wire_next_record(&m.records, &r));
        ck_assert_int_eq(r.full, full);
        ck_assert_int_eq(r.pruned, row.pruned);
        ck_assert_uint_eq(r.key, row.key);
        ck_assert_int_eq(r.fact.status, row.status);
        ck_assert_int_eq(r.fact.unreachable, row.unreachable);
        ck_assert_int_eq(r.fact.parity, row.parity);
        ck_assert_uint_eq(r.fact.generation, profile->generation);
        ck_assert_uint_eq(r.fact.incarnation, row.incarnation);
        ck_assert_uint_eq(r.observer, full ? 0 : 3);
        if (full) {
            ck_assert_mem_eq(r.profile.id, profile->id, sizeof profile->id);
            ck_assert(profile_addr_equal(&r.profile.addr, &profile->addr));
            ck_assert_str_eq(r.profile.name, profile->name);
            ck_assert_uint_eq(r.profile.tags_bytes, profile->tags_bytes);
            ck_assert_mem_eq(r.profile.tags, profile->tags, profile->tags_bytes);
        }
        ck_assert(!wire_next_record(&m.records, &r));
    }
}
END_TEST

START_TEST(the_largest_record_fits_and_a_byte_less_of_room_does_not_hold_it)
{
    char name[GOSSIP_NAME_BYTES_MAX + 1], tags[GOSSIP_TAGS_BYTES_MAX];
    struct gossip_profile large = example;
    memset(name, 'n', GOSSIP_NAME_BYTES_MAX);
    name[GOSSIP_NAME_BYTES_MAX] = '\0';
    memset(tags, 'v', sizeof tags);
    memcpy(tags, "k", 2);
    tags[sizeof tags - 1] = '\0';
    memset(large.addr.ip, 0x20, 16);
    large.name = name;
    large.tags = tags;
    large.tags_bytes = sizeof tags;
    struct member row = row_of(&large);
    uint8_t room[WIRE_RECORD_BYTES_MAX];
    struct wire_writer w = {room, room, room + sizeof room - 1};
    ck_assert(!wire_put_full(&w, &row, 0));
    ck_assert_ptr_eq(w.at, room);
    w.end++;
    ck_assert(wire_put_full(&w, &row, 0));
    ck_assert_ptr_eq(w.at, w.end);
    w = (struct wire_writer){room, room, room + 28};
    ck_assert(!wire_put_short(&w, &row, 0));
    ck_assert_ptr_eq(w.at, room);
    ck_assert_int_eq(decode_profile(&large), GOSSIP_OK);
}
END_TEST

START_TEST(every_truncation_is_refused)
{
    struct member row = row_of(&example);
    for (int kind = WIRE_PING; kind < WIRE_KINDS; kind++) {
        if (kind == WIRE_LEASE || kind == WIRE_VOTERS)
            continue; /* no records: test_wire_lease */
        struct packet p;
        struct wire_writer w = begin(&p, (enum wire_kind)kind);
        size_t whole[3];
        put_body(&w, (enum wire_kind)kind);
        whole[0] = (size_t)(w.at - w.start);
        wire_put_full(&w, &row, 0);
        whole[1] = (size_t)(w.at - w.start);
        wire_put_short(&w, &row, 4);
        whole[2] = (size_t)(w.at - w.start);
        for (size_t len = 0; len <= whole[2]; len++) {
            bool good = len == whole[0] || len == whole[1] || len == whole[2];
            struct wire_message m;
            ck_assert_msg(decode(p.bytes, len, &m) == (good ? GOSSIP_OK : GOSSIP_ERROR_MALFORMED),
                          "kind %d, %zu bytes", kind, len);
        }
        p.bytes[whole[2]] = 0;
        ck_assert_int_eq(decode(p.bytes, whole[2] + 1, &(struct wire_message){0}),
                         GOSSIP_ERROR_MALFORMED);
    }
}
END_TEST

START_TEST(a_foreign_header_is_refused_for_what_it_is)
{
    struct packet p;
    struct wire_writer w = begin(&p, WIRE_UPDATES);
    finish(&p, &w);
    static const struct {
        size_t at;
        uint8_t value;
        enum gossip_error error;
    } changes[] = {
        {0, 'x', GOSSIP_ERROR_MALFORMED},
        {1, 'x', GOSSIP_ERROR_MALFORMED},
        {2, 0, GOSSIP_ERROR_VERSION},
        {2, WIRE_VERSION + 1, GOSSIP_ERROR_VERSION},
        {2, 255, GOSSIP_ERROR_VERSION},
        {3, 0, GOSSIP_ERROR_MALFORMED},
        {3, WIRE_KINDS, GOSSIP_ERROR_MALFORMED},
        {3, 255, GOSSIP_ERROR_MALFORMED},
        {4, 0, GOSSIP_ERROR_CLUSTER},
        {7, 0, GOSSIP_ERROR_CLUSTER},
    };
    for (size_t i = 0; i < COUNT(changes); i++) {
        struct packet changed = p;
        changed.bytes[changes[i].at] = changes[i].value;
        ck_assert_msg(decode_packet(&changed) == changes[i].error, "change %zu", i);
    }
    memset(p.bytes + 8, 0, 8);
    ck_assert_int_eq(decode_packet(&p), GOSSIP_ERROR_MALFORMED);
}
END_TEST

START_TEST(statuses_and_flags_that_cannot_be_are_refused)
{
    struct member row = row_of(&example);
    for (unsigned flags = 0; flags < 256; flags++) {
        bool full = flags & 0x08, ipv6 = flags & 0x10, unreachable = flags & 0x40;
        unsigned status = flags & 7;
        struct packet p = news_of(&row, full);
        p.bytes[WIRE_HEADER_BYTES] = (uint8_t)flags;
        if (full && ipv6)
            continue; /* shifts the rest: see records_come_back_in_every_form */
        bool good = status <= (unreachable ? GOSSIP_SUSPECT : GOSSIP_LEFT) && !ipv6;
        ck_assert_msg(decode_packet(&p) == (good ? GOSSIP_OK : GOSSIP_ERROR_MALFORMED),
                      "flags %02x", flags);
    }
}
END_TEST

START_TEST(unknown_flags_of_bodies_are_refused)
{
    static const struct {
        enum wire_kind kind;
        size_t at; /* of the flags, in the body */
        unsigned known;
    } bodies[] = {
        {WIRE_PING, 12, WIRE_COMPLAINT},
        {WIRE_EVIDENCE, 12,
         WIRE_REACHED | WIRE_SUSPECTING | WIRE_DEGRADED | WIRE_LOSSY | WIRE_SIGN},
        {WIRE_DELTA, 16, WIRE_WANT_BACK},
    };
    for (size_t i = 0; i < COUNT(bodies); i++)
        for (unsigned flags = 0; flags < 256; flags++) {
            struct packet p;
            struct wire_message m;
            struct wire_writer w = begin(&p, bodies[i].kind);
            put_body(&w, bodies[i].kind);
            finish(&p, &w);
            p.bytes[WIRE_HEADER_BYTES + bodies[i].at] = (uint8_t)flags;
            bool good = !(flags & ~bodies[i].known);
            ck_assert_msg(decode(p.bytes, p.len, &m) == (good ? GOSSIP_OK : GOSSIP_ERROR_MALFORMED),
                          "kind %d, flags %02x", (int)bodies[i].kind, flags);
            if (!good)
                continue;
            ck_assert_uint_eq(flags, bodies[i].kind == WIRE_PING       ? m.ping.flags
                                     : bodies[i].kind == WIRE_EVIDENCE ? m.evidence.flags
                                                                       : m.delta.flags);
        }
}
END_TEST

START_TEST(versions_are_bounded_so_that_one_more_never_overflows)
{
    struct gossip_profile profile = example;
    struct member row = row_of(&profile);
    for (int full = 0; full < 2; full++) {
        row.incarnation = WIRE_INCARNATION_MAX;
        profile.generation = GOSSIP_GENERATION_MAX;
        struct packet p = news_of(&row, full);
        ck_assert_int_eq(decode_packet(&p), GOSSIP_OK);
        row.incarnation++;
        p = news_of(&row, full);
        ck_assert_int_eq(decode_packet(&p), GOSSIP_ERROR_MALFORMED);
        row.incarnation = 0;
        profile.generation++;
        p = news_of(&row, full);
        ck_assert_int_eq(decode_packet(&p), GOSSIP_ERROR_MALFORMED);
        profile.generation = 0;
        p = news_of(&row, full);
        ck_assert_int_eq(decode_packet(&p), GOSSIP_OK);
    }
}
END_TEST

START_TEST(profiles_are_checked_field_by_field)
{
    char text[GOSSIP_NAME_BYTES_MAX + 2];
    char tags[GOSSIP_TAGS_BYTES_MAX + 1] = "k";
    memset(text, 'n', sizeof text);
    text[GOSSIP_NAME_BYTES_MAX + 1] = '\0';
    memset(tags + 2, 'v', sizeof tags - 2);
    struct gossip_profile p = example;
    ck_assert_int_eq(decode_profile(&p), GOSSIP_OK);
    static const char *const bad_names[] = {"", "a b", "a\n", "$(x)", "../a", "\xc3\xa4", "a;b"};
    for (size_t i = 0; i < COUNT(bad_names); i++) {
        p.name = bad_names[i];
        ck_assert_int_eq(decode_profile(&p), GOSSIP_ERROR_MALFORMED);
    }
    p.name = text;
    ck_assert_int_eq(decode_profile(&p), GOSSIP_ERROR_MALFORMED);
    p.name = text + 1;
    ck_assert_int_eq(decode_profile(&p), GOSSIP_OK);
    p.tags = tags;
    for (uint16_t bytes = GOSSIP_TAGS_BYTES_MAX; bytes <= GOSSIP_TAGS_BYTES_MAX + 1; bytes++) {
        tags[bytes - 1] = '\0';
        p.tags_bytes = bytes;
        ck_assert_int_eq(decode_profile(&p),
                         bytes <= GOSSIP_TAGS_BYTES_MAX ? GOSSIP_OK : GOSSIP_ERROR_MALFORMED);
        tags[bytes - 1] = 'v';
    }
    p.tags_bytes = 400; /* not ended */
    ck_assert_int_eq(decode_profile(&p), GOSSIP_ERROR_MALFORMED);
    p = example;
    p.addr.port = 0;
    ck_assert_int_eq(decode_profile(&p), GOSSIP_ERROR_MALFORMED);
    p = example;
    memset(p.addr.ip + 12, 0, 4);
    ck_assert_int_eq(decode_profile(&p), GOSSIP_ERROR_MALFORMED);
    p = example;
    memset(p.id, 0, 8); /* the key, though not the id, is nothing */
    ck_assert_int_eq(decode_profile(&p), GOSSIP_ERROR_MALFORMED);
}
END_TEST

START_TEST(a_nul_within_a_name_is_refused)
{
    struct member row = row_of(&example);
    struct packet p = news_of(&row, true);
    uint8_t *name = memmem(p.bytes, p.len, "db1", 3);
    ck_assert_ptr_nonnull(name);
    name[1] = '\0';
    ck_assert_int_eq(decode_packet(&p), GOSSIP_ERROR_MALFORMED);
}
END_TEST

START_TEST(bucket_counts_are_bounded)
{
    static const enum wire_kind kinds[] = {WIRE_DIGEST, WIRE_DELTA};
    for (size_t i = 0; i < COUNT(kinds); i++)
        for (unsigned log2 = WIRE_BUCKETS_LOG2_MAX + 1; log2 < 256; log2++) {
            struct packet p;
            struct wire_writer w = begin(&p, kinds[i]);
            wire_put(&w, 0, 8);
            wire_put(&w, 0, 8);
            if (kinds[i] == WIRE_DELTA)
                wire_put(&w, 0, 1);
            wire_put(&w, log2, 1);
            memset(w.at, 0, 4096);
            w.at += 4096;
            finish(&p, &w);
            ck_assert_int_eq(decode_packet(&p), GOSSIP_ERROR_MALFORMED);
        }
}
END_TEST

/* What gets through is in order, whatever was flipped. */
static void check_accepted(const struct packet *p)
{
    struct wire_message m;
    if (wire_decode(p->bytes, p->len, cluster, &m) != GOSSIP_OK)
        return;
    struct wire_record r;
    while (wire_next_record(&m.records, &r)) {
        ck_assert_uint_ne(r.key, 0);
        ck_assert_uint_le(r.fact.incarnation, WIRE_INCARNATION_MAX);
        ck_assert_int_le(r.fact.status, r.fact.unreachable ? GOSSIP_SUSPECT : GOSSIP_LEFT);
        if (r.full)
            ck_assert_int_eq(profile_check(&r.profile), GOSSIP_OK);
    }
    ck_assert(!m.records.bad);
}

START_TEST(flipped_bits_and_noise_do_no_harm)
{
    struct rng rng;
    struct member row = row_of(&example);
    rng_seed(&rng, 17);
    for (int run = 0; run < 60000; run++) {
        enum wire_kind kind = (enum wire_kind)(1 + run % (WIRE_KINDS - 1));
        struct packet p;
        struct wire_writer w = begin(&p, kind);
        put_body(&w, kind);
        for (int i = 0; i < 3; i++)
            rng_below(&rng, 2) ? wire_put_full(&w, &row, 0) : wire_put_short(&w, &row, 1);
        finish(&p, &w);
        for (uint32_t flips = rng_below(&rng, 12); flips > 0; flips--)
            p.bytes[rng_below(&rng, (uint32_t)p.len)] ^= (uint8_t)(1 << rng_below(&rng, 8));
        if (run % 16 == 0)
            for (size_t i = WIRE_HEADER_BYTES; i < p.len; i++)
                p.bytes[i] = (uint8_t)rng_next(&rng);
        decode_packet(&p);
        check_accepted(&p);
    }
}
END_TEST

START_TEST(clusters_of_other_names_have_other_hashes)
{
    ck_assert_uint_ne(wire_cluster_hash("prod"), wire_cluster_hash("prod2"));
    ck_assert_uint_ne(wire_cluster_hash("prod"), wire_cluster_hash("Prod"));
    ck_assert_uint_ne(wire_cluster_hash("ab"), wire_cluster_hash("ba"));
    ck_assert_uint_eq(wire_cluster_hash("prod"), wire_cluster_hash("prod"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("wire");
    TCase *c = tcase_create("round trip");
    tcase_add_test(c, the_header_comes_back_from_every_kind);
    tcase_add_test(c, the_age_is_since_the_start_of_the_living_and_since_the_death_of_the_dead);
    tcase_add_test(c, bodies_come_back);
    tcase_add_test(c, digests_and_deltas_of_every_size_come_back);
    tcase_add_test(c, records_come_back_in_every_form);
    tcase_add_test(c, the_largest_record_fits_and_a_byte_less_of_room_does_not_hold_it);
    tcase_add_test(c, clusters_of_other_names_have_other_hashes);
    suite_add_tcase(s, c);
    c = tcase_create("refusal");
    tcase_add_test(c, every_truncation_is_refused);
    tcase_add_test(c, a_foreign_header_is_refused_for_what_it_is);
    tcase_add_test(c, statuses_and_flags_that_cannot_be_are_refused);
    tcase_add_test(c, unknown_flags_of_bodies_are_refused);
    tcase_add_test(c, versions_are_bounded_so_that_one_more_never_overflows);
    tcase_add_test(c, profiles_are_checked_field_by_field);
    tcase_add_test(c, a_nul_within_a_name_is_refused);
    tcase_add_test(c, bucket_counts_are_bounded);
    tcase_add_test(c, flipped_bits_and_noise_do_no_harm);
    suite_add_tcase(s, c);
    return unit_run(s);
}
