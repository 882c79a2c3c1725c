#include "agent/rpc/fields.h"

#include "tests/unit/unit.h"

#include <string.h>

struct thing {
    const char *text;
    char array[8];
    uint64_t number;
    bool yes;
    struct fields_tags tags;
    int64_t balance;
    double ratio;
    const msgpack_object *any;
};

#define THING(field, type)                                                                         \
    {                                                                                              \
        .name = #field, .kind = type, .offset = offsetof(struct thing, field)                      \
    }
static const struct fields_entry entries[] = {
    THING(text, FIELDS_TEXT),
    {.name = "array", .kind = FIELDS_ARRAY, .offset = offsetof(struct thing, array), .bytes = 8},
    THING(number, FIELDS_UNSIGNED),
    THING(yes, FIELDS_BOOLEAN),
    THING(tags, FIELDS_TAGS),
};
static const struct fields fields = FIELDS(entries);
static const struct fields_entry read_entries[] = {
    THING(balance, FIELDS_SIGNED), THING(ratio, FIELDS_NUMBER), THING(any, FIELDS_OBJECT)};
static const struct fields read_fields = FIELDS(read_entries);

#define TAGS "a\0b\0c\0d"
static const struct thing thing = {
    .text = "t\n", .array = "array", .number = 300, .yes = true, .tags = {TAGS, sizeof TAGS}};

static struct rpc_out out;
static msgpack_zone zone;
static struct json json;

static void setup(void)
{
    rpc_out_init(&out);
    ck_assert(msgpack_zone_init(&zone, 1024));
}

static void teardown(void)
{
    rpc_out_free(&out);
    msgpack_zone_destroy(&zone);
    json_free(&json);
    json = (struct json){0};
}

/* What was put into `out`. */
static msgpack_object written(void)
{
    msgpack_object object;
    ck_assert(rpc_unpack((const uint8_t *)out.bytes.data, out.bytes.size, &zone, &object));
    return object;
}

START_TEST(what_is_put_is_read_back)
{
    struct thing read = {0};
    fields_put(&out, NULL, &fields, &thing);
    msgpack_object map = written();
    ck_assert_ptr_null(fields_read(&map, &fields, &zone, &read));
    ck_assert_str_eq(read.text, "t\n");
    ck_assert_str_eq(read.array, "array");
    ck_assert_uint_eq(read.number, 300);
    ck_assert(read.yes);
    ck_assert_uint_eq(read.tags.len, sizeof TAGS);
    ck_assert_mem_eq(read.tags.bytes, TAGS, sizeof TAGS);
}
END_TEST

#define THING_JSON                                                                                 \
    "{\"text\":\"t\\u000a\",\"array\":\"array\",\"number\":300,\"yes\":true,"                      \
    "\"tags\":{\"a\":\"b\",\"c\":\"d\"}}"

START_TEST(json_is_the_same_from_the_struct_and_from_its_map)
{
    fields_json(&json, NULL, &fields, &thing);
    ck_assert_str_eq(json.text, THING_JSON);
    json_reset(&json);
    fields_put(&out, NULL, &fields, &thing);
    msgpack_object map = written();
    fields_object_json(&json, NULL, &map);
    ck_assert_str_eq(json.text, THING_JSON);
}
END_TEST

START_TEST(any_object_becomes_json)
{
    rpc_map_begin(&out, NULL);
    rpc_put_nil(&out, "nil");
    rpc_put_signed(&out, "negative", -3);
    rpc_put_number(&out, "float", 0.25);
    rpc_put_bytes(&out, "bytes", "\xff\"", 2);
    rpc_array_begin(&out, "list");
    rpc_put_boolean(&out, NULL, false);
    rpc_map_begin(&out, NULL);
    rpc_end(&out);
    rpc_end(&out);
    rpc_end(&out);
    msgpack_object map = written();
    fields_object_json(&json, NULL, &map);
    ck_assert_str_eq(json.text, "{\"nil\":null,\"negative\":-3,\"float\":0.25,"
                                "\"bytes\":\"\xef\xbf\xbd\\\"\",\"list\":[false,{}]}");
}
END_TEST

START_TEST(a_value_is_a_text_and_tags_are_none)
{
    static const char *const texts[] = {"t\n", "array", "300", "yes", NULL};
    for (size_t i = 0; i < fields.count; i++) {
        char room[FIELDS_VALUE_BYTES];
        const char *text = fields_value(&fields.entries[i], &thing, room);
        if (texts[i])
            ck_assert_str_eq(text, texts[i]);
        else
            ck_assert_ptr_null(text);
    }
}
END_TEST

START_TEST(numbers_and_objects_are_read)
{
    struct thing read = {0};
    rpc_map_begin(&out, NULL);
    rpc_put_signed(&out, "balance", -5);
    rpc_put_unsigned(&out, "ratio", 2);
    rpc_put_nil(&out, "any");
    rpc_end(&out);
    msgpack_object map = written();
    ck_assert_ptr_null(fields_read(&map, &read_fields, &zone, &read));
    ck_assert_int_eq(read.balance, -5);
    ck_assert(read.ratio > 1.9 && read.ratio < 2.1);
    ck_assert_ptr_null(read.any);
}
END_TEST

/* A map of one field, which is wrong or missing. */
static const struct {
    const char *key;
    const char *bytes; /* its value */
    size_t len;
} wrong_fields[] = {
    {"text", "\x01", 1},   /* no text */
    {"text", "\xa1\0", 2}, /* a NUL inside */
    {"array",
     "\xa8"
     "12345678",
     9},                                      /* too long */
    {"number", "\xff", 1},                    /* negative */
    {"yes", "\x01", 1},                       /* a number */
    {"tags", "\x90", 1},                      /* an array */
    {"tags", "\x81\xa1k\x01", 4},             /* a value that is no text */
    {"tags", "\x81\xa1\0\xa1v", 5},           /* a NUL in a key */
    {"balance", "\xcf\xff\0\0\0\0\0\0\0", 9}, /* out of range */
    {"ratio", "\xa1x", 2},                    /* a text */
};

START_TEST(a_field_of_another_kind_is_named)
{
    const char *key = wrong_fields[_i].key;
    bool first = _i < 8;
    struct thing read = {0};
    const struct fields_entry *all = first ? entries : read_entries;
    size_t count = first ? fields.count : read_fields.count, at = 0;
    while (at < count && strcmp(all[at].name, key) != 0)
        at++;
    const struct fields one = {&all[at], 1};
    msgpack_pack_map(&out.packer, 1);
    msgpack_pack_str_with_body(&out.packer, key, strlen(key));
    msgpack_sbuffer_write(&out.bytes, wrong_fields[_i].bytes, wrong_fields[_i].len);
    msgpack_object map = written();
    ck_assert_str_eq(fields_read(&map, &one, &zone, &read), key);
}
END_TEST

START_TEST(a_missing_field_is_named_unless_it_is_optional)
{
    struct thing read = {.number = 7};
    struct fields_entry optional = entries[2];
    optional.optional = true;
    const struct fields one = {&entries[2], 1}, other = {&optional, 1};
    rpc_map_begin(&out, NULL);
    rpc_end(&out);
    msgpack_object map = written();
    ck_assert_str_eq(fields_read(&map, &one, &zone, &read), "number");
    ck_assert_ptr_null(fields_read(&map, &other, &zone, &read));
    rpc_out_reset(&out);
    rpc_map_begin(&out, NULL);
    rpc_put_nil(&out, "number");
    rpc_end(&out);
    map = written();
    ck_assert_str_eq(fields_read(&map, &one, &zone, &read), "number");
    ck_assert_ptr_null(fields_read(&map, &other, &zone, &read));
    ck_assert_uint_eq(read.number, 7);
}
END_TEST

START_TEST(a_tag_is_found_by_its_key)
{
    ck_assert_str_eq(fields_tag(&thing.tags, "c"), "d");
    ck_assert_ptr_null(fields_tag(&thing.tags, "b"));
    ck_assert_ptr_null(fields_tag(&(struct fields_tags){NULL, 0}, "a"));
}
END_TEST

START_TEST(an_array_may_be_nil_and_nothing_else)
{
    msgpack_object_array array;
    const msgpack_object nil = {.type = MSGPACK_OBJECT_NIL},
                         boolean = {.type = MSGPACK_OBJECT_BOOLEAN};
    ck_assert(fields_array(&nil, &array) && array.size == 0);
    ck_assert(fields_array(NULL, &array) && array.size == 0);
    ck_assert(!fields_array(&boolean, &array));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fields");
    TCase *t = tcase_create("fields");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_is_put_is_read_back);
    tcase_add_test(t, json_is_the_same_from_the_struct_and_from_its_map);
    tcase_add_test(t, any_object_becomes_json);
    tcase_add_test(t, a_value_is_a_text_and_tags_are_none);
    tcase_add_test(t, numbers_and_objects_are_read);
    tcase_add_loop_test(t, a_field_of_another_kind_is_named, 0,
                        sizeof wrong_fields / sizeof wrong_fields[0]);
    tcase_add_test(t, a_missing_field_is_named_unless_it_is_optional);
    tcase_add_test(t, a_tag_is_found_by_its_key);
    tcase_add_test(t, an_array_may_be_nil_and_nothing_else);
    suite_add_tcase(s, t);
    return unit_run(s);
}
