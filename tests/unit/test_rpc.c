#include "agent/rpc/rpc.h"

#include "tests/unit/unit.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MAX 65536

/* Bytes from a string literal, NULs inside included. */
#define B(literal) (const uint8_t *)(literal), sizeof(literal) - 1

static enum rpc_scanned scan(const uint8_t *bytes, size_t len, size_t *end)
{
    struct rpc_scan s = {0};
    enum rpc_scanned scanned = rpc_scan(&s, bytes, len, MAX);
    *end = s.at;
    return scanned;
}

/* ---- where an object ends ---- */

/* One object of each type, with the least and with several elements. */
static const struct {
    const uint8_t *bytes;
    size_t len;
} objects[] = {
    {B("\x00")},
    {B("\x7f")},
    {B("\xe0")},
    {B("\xff")},
    {B("\x80")},
    {B("\x82\x01\x02\x03\x04")},
    {B("\x90")},
    {B("\x93\x01\x02\x03")},
    {B("\xa0")},
    {B("\xa3xyz")},
    {B("\xbf"
       "0123456789012345678901234567890")},
    {B("\xc0")},
    {B("\xc2")},
    {B("\xc3")},
    {B("\xc4\x00")},
    {B("\xc4\x02xy")},
    {B("\xc5\x00\x02xy")},
    {B("\xc6\x00\x00\x00\x02xy")},
    {B("\xc7\x02\x05xy")},
    {B("\xc8\x00\x02\x05xy")},
    {B("\xc9\x00\x00\x00\x02\x05xy")},
    {B("\xca\x00\x00\x00\x00")},
    {B("\xcb\x00\x00\x00\x00\x00\x00\x00\x00")},
    {B("\xcc\xff")},
    {B("\xcd\xff\xff")},
    {B("\xce\xff\xff\xff\xff")},
    {B("\xcf\xff\xff\xff\xff\xff\xff\xff\xff")},
    {B("\xd0\xff")},
    {B("\xd1\xff\xff")},
    {B("\xd2\xff\xff\xff\xff")},
    {B("\xd3\xff\xff\xff\xff\xff\xff\xff\xff")},
    {B("\xd4\x05x")},
    {B("\xd5\x05xy")},
    {B("\xd6\x05wxyz")},
    {B("\xd7\x05wxyzwxyz")},
    {B("\xd8\x05wxyzwxyzwxyzwxyz")},
    {B("\xd9\x02xy")},
    {B("\xda\x00\x02xy")},
    {B("\xdb\x00\x00\x00\x02xy")},
    {B("\xdc\x00\x02\x01\x02")},
    {B("\xdd\x00\x00\x00\x02\x01\x02")},
    {B("\xde\x00\x01\x01\x02")},
    {B("\xdf\x00\x00\x00\x01\x01\x02")},
    {B("\x82\xa1x\x92\x80\x90\xa1y\x81\xc4\x01z\xc0")},
};
#define OBJECTS ((int)(sizeof objects / sizeof objects[0]))

START_TEST(an_object_ends_where_its_type_says)
{
    uint8_t bytes[128];
    size_t end, len = objects[_i].len;
    memcpy(bytes, objects[_i].bytes, len);
    bytes[len] = bytes[len + 1] = 0xc1; /* what comes behind is not looked at */
    ck_assert_int_eq(scan(bytes, len + 2, &end), RPC_WHOLE);
    ck_assert_uint_eq(end, len);

    msgpack_zone *zone = msgpack_zone_new(512);
    msgpack_object object;
    ck_assert(rpc_unpack(bytes, end, zone, &object));
    msgpack_zone_free(zone);
}
END_TEST

START_TEST(a_part_of_an_object_is_partial_and_is_gone_on_with)
{
    struct rpc_scan s = {0};
    for (size_t len = 0; len < objects[_i].len; len++) {
        size_t end;
        ck_assert_int_eq(scan(objects[_i].bytes, len, &end), RPC_PARTIAL);
        ck_assert_int_eq(rpc_scan(&s, objects[_i].bytes, len, MAX), RPC_PARTIAL);
        ck_assert_uint_le(s.at, len);
    }
    ck_assert_int_eq(rpc_scan(&s, objects[_i].bytes, objects[_i].len, MAX), RPC_WHOLE);
    ck_assert_uint_eq(s.at, objects[_i].len);
}
END_TEST

START_TEST(the_byte_that_is_no_type_is_malformed_at_any_depth)
{
    size_t end;
    ck_assert_int_eq(scan(B("\xc1"), &end), RPC_MALFORMED);
    ck_assert_int_eq(scan(B("\x92\x01\xc1"), &end), RPC_MALFORMED);
    ck_assert_int_eq(scan(B("\x81\xc1\x01"), &end), RPC_MALFORMED);
}
END_TEST

START_TEST(a_length_beyond_the_limit_is_refused_before_its_bytes_come)
{
    static const struct {
        const uint8_t *bytes;
        size_t len;
    } heads[] = {
        {B("\xc6\xff\xff\xff\xff")},         {B("\xc9\xff\xff\xff\xff")},
        {B("\xdb\x00\x01\x00\x00")},         {B("\xdd\xff\xff\xff\xff")},
        {B("\xdf\xff\xff\xff\xff")},         {B("\xdf\x00\x00\x80\x00")},
        {B("\x92\x01\xdb\x00\x00\xff\xfa")},
    };
    size_t end;
    ck_assert_int_eq(scan(heads[_i].bytes, heads[_i].len, &end), RPC_TOO_LARGE);
}
END_TEST

START_TEST(an_object_of_just_the_limit_is_whole_and_one_of_a_byte_more_too_large)
{
    static const uint8_t str[] = {0xda, 0xff, 0xfd};   /* 65533 bytes follow these 3 */
    static const uint8_t array[] = {0xdc, 0xff, 0xfd}; /* or as many elements of a byte each */
    static uint8_t bytes[MAX + 1];
    size_t end;
    memcpy(bytes, str, sizeof str);
    ck_assert_int_eq(scan(bytes, MAX, &end), RPC_WHOLE);
    ck_assert_uint_eq(end, MAX);
    bytes[2]++;
    ck_assert_int_eq(scan(bytes, MAX, &end), RPC_TOO_LARGE);

    memcpy(bytes, array, sizeof array);
    memset(bytes + 3, 1, MAX - 3);
    ck_assert_int_eq(scan(bytes, MAX, &end), RPC_WHOLE);
    bytes[MAX - 1] = 0xcc; /* the last of which now wants one more */
    ck_assert_int_eq(scan(bytes, MAX + 1, &end), RPC_TOO_LARGE);
    ck_assert_int_eq(scan(bytes, MAX, &end), RPC_TOO_LARGE);
    bytes[MAX - 1] = 0xda; /* or of which even the length would end beyond */
    ck_assert_int_eq(scan(bytes, MAX, &end), RPC_TOO_LARGE);
}
END_TEST

START_TEST(nesting_is_allowed_to_the_limit_and_no_deeper)
{
    uint8_t bytes[RPC_DEPTH_MAX + 2];
    size_t end;
    memset(bytes, 0x91, sizeof bytes);
    bytes[RPC_DEPTH_MAX] = 0xc0;
    ck_assert_int_eq(scan(bytes, RPC_DEPTH_MAX + 1, &end), RPC_WHOLE);
    bytes[RPC_DEPTH_MAX] = 0x90;
    ck_assert_int_eq(scan(bytes, RPC_DEPTH_MAX + 1, &end), RPC_TOO_DEEP);
    bytes[RPC_DEPTH_MAX] = 0x81;
    ck_assert_int_eq(scan(bytes, RPC_DEPTH_MAX + 1, &end), RPC_TOO_DEEP);
}
END_TEST

/* ---- reading ---- */

static msgpack_zone *zone;

static void open_zone(void)
{
    zone = msgpack_zone_new(512);
    ck_assert_ptr_nonnull(zone);
}

static void close_zone(void)
{
    msgpack_zone_free(zone);
}

static msgpack_object unpack(const uint8_t *bytes, size_t len)
{
    msgpack_object object;
    size_t end;
    ck_assert_int_eq(scan(bytes, len, &end), RPC_WHOLE);
    ck_assert_uint_eq(end, len);
    ck_assert(rpc_unpack(bytes, len, zone, &object));
    return object;
}

START_TEST(an_integer_of_any_width_is_read)
{
    static const struct {
        const uint8_t *bytes;
        size_t len;
    } maps[] = {
        {B("\x81\xa1n\x07")},
        {B("\x81\xa1n\xcc\x07")},
        {B("\x81\xa1n\xcd\x00\x07")},
        {B("\x81\xa1n\xce\x00\x00\x00\x07")},
        {B("\x81\xa1n\xcf\x00\x00\x00\x00\x00\x00\x00\x07")},
        {B("\x81\xa1n\xd0\x07")},
        {B("\x81\xa1n\xd1\x00\x07")},
        {B("\x81\xa1n\xd2\x00\x00\x00\x07")},
        {B("\x81\xa1n\xd3\x00\x00\x00\x00\x00\x00\x00\x07")},
    };
    msgpack_object map = unpack(maps[_i].bytes, maps[_i].len);
    uint64_t u = 0;
    int64_t i = 0;
    ck_assert(rpc_get_unsigned(&map, "n", &u));
    ck_assert(rpc_get_signed(&map, "n", &i));
    ck_assert_uint_eq(u, 7);
    ck_assert_int_eq(i, 7);
}
END_TEST

START_TEST(integers_out_of_range_are_refused)
{
    uint64_t u = 5;
    int64_t i = 5;
    msgpack_object map = unpack(B("\x81\xa1n\xff"));
    ck_assert(!rpc_get_unsigned(&map, "n", &u));
    ck_assert(rpc_get_signed(&map, "n", &i));
    ck_assert_int_eq(i, -1);
    map = unpack(B("\x81\xa1n\xcf\xff\xff\xff\xff\xff\xff\xff\xff"));
    ck_assert(!rpc_get_signed(&map, "n", &i));
    ck_assert(rpc_get_unsigned(&map, "n", &u));
    ck_assert(u == UINT64_MAX);
}
END_TEST

START_TEST(texts_of_the_str_and_the_bin_family_are_read)
{
    struct rpc_text text;
    char string[4];
    msgpack_object map = unpack(B("\x83\xa1s\xa3xyz\xc4\x01k\xc4\x02xy\xd9\x01z\xd9\x00"));
    ck_assert(rpc_get_text(&map, "s", &text));
    ck_assert_mem_eq(text.bytes, "xyz", text.len);
    ck_assert(rpc_get_string(&map, "s", string, sizeof string));
    ck_assert_str_eq(string, "xyz");
    ck_assert(rpc_get_string(&map, "k", string, sizeof string));
    ck_assert_str_eq(string, "xy");
    ck_assert(rpc_get_string(&map, "z", string, sizeof string));
    ck_assert_str_eq(string, "");
}
END_TEST

START_TEST(a_string_must_fit_and_hold_no_nul)
{
    char string[4] = "old";
    msgpack_object map = unpack(B("\x82\xa1l\xa4wxyz\xa1n\xa3x\0z"));
    ck_assert(!rpc_get_string(&map, "l", string, sizeof string));
    ck_assert(!rpc_get_string(&map, "n", string, sizeof string));
    ck_assert_str_eq(string, "old");
}
END_TEST

START_TEST(a_missing_or_nil_field_leaves_what_was_there)
{
    msgpack_object maps[] = {unpack(B("\x81\xa1n\xc0")), unpack(B("\x81\xa2nn\x01")),
                             unpack(B("\x80")), unpack(B("\x01"))};
    const msgpack_object *map = _i < 4 ? &maps[_i] : NULL;
    struct rpc_text text = {"old", 3};
    char string[] = "old";
    uint64_t u = 5;
    int64_t i = -5;
    bool boolean = true;
    msgpack_object_array array = {.size = 5};
    msgpack_object_map inner = {.size = 5};
    ck_assert(rpc_get_text(map, "n", &text) && text.len == 3);
    ck_assert(rpc_get_string(map, "n", string, sizeof string) && strcmp(string, "old") == 0);
    ck_assert(rpc_get_unsigned(map, "n", &u) && u == 5);
    ck_assert(rpc_get_signed(map, "n", &i) && i == -5);
    ck_assert(rpc_get_boolean(map, "n", &boolean) && boolean);
    ck_assert(rpc_get_array(map, "n", &array) && array.size == 5);
    ck_assert(rpc_get_map(map, "n", &inner) && inner.size == 5);
    ck_assert_int_eq(rpc_field(map, "n") != NULL, _i == 0);
}
END_TEST

START_TEST(a_field_of_another_type_is_refused)
{
    msgpack_object map = unpack(B("\x87\xa1t\x01\xa1u\xa1x\xa1i\xcb\0\0\0\0\0\0\0\0\xa1"
                                  "b\x01\xa1"
                                  "a\x80\xa1m\x90\x01\x02"));
    struct rpc_text text;
    char string[8];
    uint64_t u;
    int64_t i;
    bool boolean;
    msgpack_object_array array;
    msgpack_object_map inner;
    ck_assert(!rpc_get_text(&map, "t", &text));
    ck_assert(!rpc_get_string(&map, "t", string, sizeof string));
    ck_assert(!rpc_get_unsigned(&map, "u", &u));
    ck_assert(!rpc_get_signed(&map, "i", &i));
    ck_assert(!rpc_get_boolean(&map, "b", &boolean));
    ck_assert(!rpc_get_array(&map, "a", &array));
    ck_assert(!rpc_get_map(&map, "m", &inner));
}
END_TEST

START_TEST(arrays_maps_and_booleans_are_read)
{
    msgpack_object map = unpack(B("\x84\xa1"
                                  "a\x92\x01\x02\xa1m\x81\x01\x02\xa1t\xc3\xa1"
                                  "f\xc2"));
    msgpack_object_array array;
    msgpack_object_map inner;
    bool t = false, f = true;
    ck_assert(rpc_get_array(&map, "a", &array) && array.size == 2);
    ck_assert(rpc_get_map(&map, "m", &inner) && inner.size == 1);
    ck_assert(rpc_get_boolean(&map, "t", &t) && t);
    ck_assert(rpc_get_boolean(&map, "f", &f) && !f);
}
END_TEST

/* ---- writing ---- */

START_TEST(what_is_written_reads_back)
{
    char printed[256];
    struct rpc_out out;
    rpc_out_init(&out);
    rpc_map_begin(&out, NULL);
    rpc_put_text(&out, "text", "x");
    rpc_put_text_part(&out, "part", "xyz", 2);
    rpc_put_bytes(&out, "bytes", "z", 1);
    rpc_put_unsigned(&out, "unsigned", UINT64_MAX);
    rpc_put_signed(&out, "signed", -7);
    rpc_put_number(&out, "number", 0.5);
    rpc_put_boolean(&out, "boolean", true);
    rpc_put_nil(&out, "nil");
    rpc_array_begin(&out, "list");
    rpc_map_begin(&out, NULL);
    rpc_put_boolean(&out, "no", false);
    rpc_end(&out);
    rpc_array_begin(&out, NULL);
    rpc_end(&out);
    rpc_end(&out);
    rpc_end(&out);
    ck_assert(!out.failed);
    msgpack_object object = unpack((const uint8_t *)out.bytes.data, out.bytes.size);
    msgpack_object_print_buffer(printed, sizeof printed, object);
    ck_assert_str_eq(printed,
                     "{\"text\"=>\"x\", \"part\"=>\"xy\", \"bytes\"=>\"z\", "
                     "\"unsigned\"=>18446744073709551615, \"signed\"=>-7, \"number\"=>0.500000, "
                     "\"boolean\"=>true, \"nil\"=>nil, \"list\"=>[{\"no\"=>false}, []]}");
    rpc_out_free(&out);
}
END_TEST

START_TEST(texts_are_str_and_bytes_are_bin)
{
    struct rpc_out out;
    rpc_out_init(&out);
    rpc_put_text(&out, NULL, "x");
    rpc_put_bytes(&out, NULL, "x", 1);
    ck_assert_uint_eq(out.bytes.size, 5);
    ck_assert_mem_eq(out.bytes.data, "\xa1x\xc4\x01x", 5);
    rpc_out_free(&out);
}
END_TEST

/* What readers of old cannot read, and Serf does not send: a form longer than need be. */
static const struct {
    size_t count;
    const char *array, *map; /* their heads */
    size_t head_bytes;
} counted[] = {
    {0, "\x90", "\x80", 1},
    {1, "\x91", "\x81", 1},
    {15, "\x9f", "\x8f", 1},
    {16, "\xdc\0\x10", "\xde\0\x10", 3},
    {0xffff, "\xdc\xff\xff", "\xde\xff\xff", 3},
    {0x10000, "\xdd\0\1\0\0", "\xdf\0\1\0\0", 5},
};

START_TEST(arrays_and_maps_are_in_their_shortest_form)
{
    size_t count = counted[_i].count, head = counted[_i].head_bytes;
    struct rpc_out out;
    rpc_out_init(&out);
    rpc_array_begin(&out, NULL);
    rpc_map_begin(&out, NULL);
    for (size_t i = 0; i < count; i++)
        rpc_put_unsigned(&out, "k", i % 100);
    rpc_end(&out);
    rpc_end(&out);
    ck_assert_uint_eq(out.bytes.size, 1 + head + 3 * count);
    ck_assert_mem_eq(out.bytes.data, "\x91", 1);
    ck_assert_mem_eq(out.bytes.data + 1, counted[_i].map, head);
    if (count > 0)
        ck_assert_mem_eq(out.bytes.data + 1 + head, "\xa1k\0", 3);
    rpc_out_reset(&out);
    rpc_array_begin(&out, NULL);
    for (size_t i = 0; i < count; i++)
        rpc_put_unsigned(&out, NULL, i % 100);
    rpc_end(&out);
    ck_assert_uint_eq(out.bytes.size, head + count);
    ck_assert_mem_eq(out.bytes.data, counted[_i].array, head);
    if (count > 0)
        ck_assert_int_eq(out.bytes.data[out.bytes.size - 1], (char)((count - 1) % 100));
    rpc_out_free(&out);
}
END_TEST

START_TEST(integers_are_in_their_shortest_form)
{
    struct rpc_out out;
    rpc_out_init(&out);
    rpc_put_unsigned(&out, NULL, 127);
    rpc_put_unsigned(&out, NULL, 128);
    rpc_put_unsigned(&out, NULL, 7949);
    rpc_put_signed(&out, NULL, 5);
    rpc_put_signed(&out, NULL, -1);
    ck_assert_uint_eq(out.bytes.size, 8);
    ck_assert_mem_eq(out.bytes.data, "\x7f\xcc\x80\xcd\x1f\x0d\x05\xff", 8);
    rpc_out_free(&out);
}
END_TEST

START_TEST(a_reset_empties_and_gives_a_large_answers_memory_back)
{
    static char large[1 << 20];
    struct rpc_out out;
    rpc_out_init(&out);
    rpc_put_bytes(&out, NULL, large, sizeof large);
    ck_assert_uint_gt(out.bytes.alloc, sizeof large);
    rpc_out_reset(&out);
    ck_assert_uint_eq(out.bytes.size, 0);
    ck_assert_uint_eq(out.bytes.alloc, 0);
    rpc_put_boolean(&out, NULL, true);
    ck_assert_uint_eq(out.bytes.size, 1);
    rpc_out_free(&out);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rpc");
    TCase *ends = tcase_create("where an object ends");
    tcase_add_loop_test(ends, an_object_ends_where_its_type_says, 0, OBJECTS);
    tcase_add_loop_test(ends, a_part_of_an_object_is_partial_and_is_gone_on_with, 0, OBJECTS);
    tcase_add_test(ends, the_byte_that_is_no_type_is_malformed_at_any_depth);
    tcase_add_loop_test(ends, a_length_beyond_the_limit_is_refused_before_its_bytes_come, 0, 7);
    tcase_add_test(ends, an_object_of_just_the_limit_is_whole_and_one_of_a_byte_more_too_large);
    tcase_add_test(ends, nesting_is_allowed_to_the_limit_and_no_deeper);
    suite_add_tcase(s, ends);

    TCase *reading = tcase_create("reading");
    tcase_add_checked_fixture(reading, open_zone, close_zone);
    tcase_add_loop_test(reading, an_integer_of_any_width_is_read, 0, 9);
    tcase_add_test(reading, integers_out_of_range_are_refused);
    tcase_add_test(reading, texts_of_the_str_and_the_bin_family_are_read);
    tcase_add_test(reading, a_string_must_fit_and_hold_no_nul);
    tcase_add_loop_test(reading, a_missing_or_nil_field_leaves_what_was_there, 0, 5);
    tcase_add_test(reading, a_field_of_another_type_is_refused);
    tcase_add_test(reading, arrays_maps_and_booleans_are_read);
    suite_add_tcase(s, reading);

    TCase *writing = tcase_create("writing");
    tcase_add_checked_fixture(writing, open_zone, close_zone);
    tcase_add_test(writing, what_is_written_reads_back);
    tcase_add_test(writing, texts_are_str_and_bytes_are_bin);
    tcase_add_loop_test(writing, arrays_and_maps_are_in_their_shortest_form, 0,
                        sizeof counted / sizeof counted[0]);
    tcase_add_test(writing, integers_are_in_their_shortest_form);
    tcase_add_test(writing, a_reset_empties_and_gives_a_large_answers_memory_back);
    suite_add_tcase(s, writing);
    return unit_run(s);
}
