#include "gossip/membership/profile.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct tags {
    char bytes[GOSSIP_TAGS_BYTES_MAX];
    uint16_t used;
};

static enum gossip_error set(struct tags *t, const char *key, const char *value)
{
    return gossip_tags_set(t->bytes, &t->used, key, value);
}

/* "key=value key=value" */
static const char *listed(const struct tags *t)
{
    static char text[3 * GOSSIP_TAGS_BYTES_MAX];
    const char *at = NULL, *key, *value;
    size_t len = 0;
    text[0] = '\0';
    while (gossip_tag_next(t->bytes, t->used, &at, &key, &value))
        len +=
            (size_t)snprintf(text + len, sizeof text - len, "%s%s=%s", len ? " " : "", key, value);
    return text;
}

/* The tags are refused, and are what they were. */
static void refuses(const struct tags *before, const char *key, const char *value)
{
    struct tags t = *before;
    ck_assert_msg(set(&t, key, value) == GOSSIP_ERROR_TAGS, "key '%s' value '%s'", key, value);
    ck_assert_uint_eq(t.used, before->used);
    ck_assert_mem_eq(t.bytes, before->bytes, t.used);
}

START_TEST(names_are_letters_digits_dots_underscores_and_dashes)
{
    ck_assert(gossip_name_valid("a", 1));
    ck_assert(gossip_name_valid("Db-1_x.example.COM", 18));
    for (int c = -128; c < 128; c++) {
        char name[2] = {'a', (char)c};
        bool good = c > 0 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                    "0123456789._-",
                                    c);
        ck_assert_msg(gossip_name_valid(name, 2) == good, "character %d", c);
    }
}
END_TEST

START_TEST(names_have_1_to_128_bytes)
{
    char name[GOSSIP_NAME_BYTES_MAX + 1];
    memset(name, 'n', sizeof name);
    ck_assert(!gossip_name_valid("", 0));
    ck_assert(gossip_name_valid(name, 1));
    ck_assert(gossip_name_valid(name, GOSSIP_NAME_BYTES_MAX));
    ck_assert(!gossip_name_valid(name, GOSSIP_NAME_BYTES_MAX + 1));
}
END_TEST

START_TEST(tags_are_sorted_whatever_the_order_they_come_in)
{
    struct tags t = {.used = 0};
    static const char *const keys[] = {"m", "a", "z", "b", "mm", "B"};
    for (size_t i = 0; i < COUNT(keys); i++)
        ck_assert_int_eq(set(&t, keys[i], "1"), GOSSIP_OK);
    ck_assert_str_eq(listed(&t), "B=1 a=1 b=1 m=1 mm=1 z=1");
    ck_assert(profile_tags_valid(t.bytes, t.used));
}
END_TEST

START_TEST(setting_a_tag_again_replaces_it)
{
    struct tags t = {.used = 0};
    set(&t, "role", "db");
    set(&t, "rack", "r7");
    set(&t, "role", "a-much-longer-value");
    ck_assert_str_eq(listed(&t), "rack=r7 role=a-much-longer-value");
    set(&t, "role", "");
    ck_assert_str_eq(listed(&t), "rack=r7 role=");
    ck_assert(profile_tags_valid(t.bytes, t.used));
}
END_TEST

START_TEST(removing_takes_out_one_tag_and_no_other)
{
    struct tags t = {.used = 0};
    set(&t, "a", "1");
    set(&t, "ab", "2");
    set(&t, "b", "a");
    gossip_tags_remove(t.bytes, &t.used, "none");
    ck_assert_str_eq(listed(&t), "a=1 ab=2 b=a");
    gossip_tags_remove(t.bytes, &t.used, "a");
    ck_assert_str_eq(listed(&t), "ab=2 b=a");
    gossip_tags_remove(t.bytes, &t.used, "b");
    gossip_tags_remove(t.bytes, &t.used, "ab");
    ck_assert_uint_eq(t.used, 0);
    gossip_tags_remove(t.bytes, &t.used, "ab");
    ck_assert_uint_eq(t.used, 0);
}
END_TEST

START_TEST(keys_have_1_to_64_bytes_of_a_label)
{
    struct tags t = {.used = 0};
    char key[GOSSIP_TAG_KEY_BYTES_MAX + 2] = "";
    set(&t, "kept", "1");
    memset(key, 'k', GOSSIP_TAG_KEY_BYTES_MAX);
    refuses(&t, "", "x");
    refuses(&t, "a b", "x");
    refuses(&t, "a=b", "x");
    refuses(&t, "a\n", "x");
    refuses(&t, "schl\xc3\xbcssel", "x");
    ck_assert_int_eq(set(&t, key, "x"), GOSSIP_OK);
    gossip_tags_remove(t.bytes, &t.used, key);
    key[GOSSIP_TAG_KEY_BYTES_MAX] = 'k';
    refuses(&t, key, "x");
    ck_assert_str_eq(listed(&t), "kept=1");
}
END_TEST

START_TEST(values_are_printable_utf8)
{
    struct tags t = {.used = 0};
    static const char *const good[] = {
        "",
        " ~",
        "$(reboot); `x` 'y' \"z\" | & > < *",
        "\xc2\xa0",           /* U+00A0, the first after C1 */
        "gr\xc3\xbc\xc3\x9f", /* gruess */
        "\xe2\x82\xac",       /* U+20AC */
        "\xed\x9f\xbf",       /* U+D7FF, the last before the surrogates */
        "\xee\x80\x80",       /* U+E000, the first after them */
        "\xf0\x9f\x90\x98",   /* U+1F418 */
        "\xf4\x8f\xbf\xbf",   /* U+10FFFF */
    };
    static const char *const bad[] = {
        "\x01",
        "a\nb",
        "a\tb",
        "\x1b[31m",
        "\x7f",
        "\xc2\x80", /* C1 */
        "\xc2\x9f",
        "\x80",
        "\xbf",
        "\xc3",
        "\xc3(",
        "\xe2\x82",
        "\xe2\x28\xa1",
        "\xf0\x9f\x90",
        "\xf8\x88\x80\x80\x80",
        "\xc0\xaf",         /* overlong '/' */
        "\xc1\xbf",         /* overlong */
        "\xe0\x80\xaf",     /* overlong */
        "\xe0\x9f\xbf",     /* overlong */
        "\xf0\x80\x80\xaf", /* overlong */
        "\xed\xa0\x80",     /* surrogates */
        "\xed\xbf\xbf",
        "\xf4\x90\x80\x80", /* beyond U+10FFFF */
        "\xff",
        "\xfe",
        "ok\xe2",
    };
    set(&t, "kept", "1");
    for (size_t i = 0; i < COUNT(good); i++) {
        ck_assert_msg(set(&t, "v", good[i]) == GOSSIP_OK, "good value %zu", i);
        ck_assert(profile_tags_valid(t.bytes, t.used));
    }
    gossip_tags_remove(t.bytes, &t.used, "v");
    for (size_t i = 0; i < COUNT(bad); i++)
        refuses(&t, "v", bad[i]);
}
END_TEST

START_TEST(tags_fill_512_bytes_and_no_more)
{
    struct tags t = {.used = 0};
    char value[2 * GOSSIP_TAGS_BYTES_MAX];
    set(&t, "kept", "1");
    size_t room = GOSSIP_TAGS_BYTES_MAX - t.used - sizeof "k";
    memset(value, 'v', sizeof value);
    value[sizeof value - 1] = '\0';
    refuses(&t, "k", value);
    value[room] = '\0';
    refuses(&t, "k", value);
    value[room - 1] = '\0';
    ck_assert_int_eq(set(&t, "k", value), GOSSIP_OK);
    ck_assert_uint_eq(t.used, GOSSIP_TAGS_BYTES_MAX);
    refuses(&t, "x", "");
    /* What replaces counts without what it replaces. */
    ck_assert_int_eq(set(&t, "k", "short"), GOSSIP_OK);
    ck_assert_int_eq(set(&t, "k", value), GOSSIP_OK);
    ck_assert_uint_eq(t.used, GOSSIP_TAGS_BYTES_MAX);
}
END_TEST

START_TEST(encoded_tags_are_valid_only_as_they_would_be_made)
{
#define TAGS(literal) literal, sizeof literal - 1
    ck_assert(profile_tags_valid(NULL, 0));
    ck_assert(profile_tags_valid(TAGS("")));
    ck_assert(profile_tags_valid(TAGS("a\0\0")));
    ck_assert(profile_tags_valid(TAGS("a\0x\0b\0y\0")));
    ck_assert(!profile_tags_valid(TAGS("a")));
    ck_assert(!profile_tags_valid(TAGS("a\0")));
    ck_assert(!profile_tags_valid(TAGS("a\0x")));
    ck_assert(!profile_tags_valid(TAGS("\0x\0")));
    ck_assert(!profile_tags_valid(TAGS("a\0x\0b\0y")));
    ck_assert(!profile_tags_valid(TAGS("b\0x\0a\0y\0")));
    ck_assert(!profile_tags_valid(TAGS("a\0x\0a\0y\0")));
    ck_assert(!profile_tags_valid(TAGS("a\0x\n\0")));
    ck_assert(!profile_tags_valid(TAGS("a b\0x\0")));
#undef TAGS
}
END_TEST

START_TEST(a_profile_is_checked_in_all_its_parts)
{
    struct gossip_profile p = {.name = "a",
                               .addr = {.ip = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 1}, .port = 1}};
    ck_assert_int_eq(profile_check(&p), GOSSIP_OK);
    p.name = "a b";
    ck_assert_int_eq(profile_check(&p), GOSSIP_ERROR_NAME);
    p.name = "a";
    p.tags = "a";
    p.tags_bytes = 1;
    ck_assert_int_eq(profile_check(&p), GOSSIP_ERROR_TAGS);
    p.tags_bytes = 0;
    p.addr.port = 0;
    ck_assert_int_eq(profile_check(&p), GOSSIP_ERROR_ADDRESS);
    p.addr.port = 65535;
    memset(p.addr.ip + 12, 0, 4);
    ck_assert_int_eq(profile_check(&p), GOSSIP_ERROR_ADDRESS);
    memset(p.addr.ip, 0, 16);
    ck_assert_int_eq(profile_check(&p), GOSSIP_ERROR_ADDRESS);
    p.addr.ip[15] = 1;
    ck_assert_int_eq(profile_check(&p), GOSSIP_OK);
}
END_TEST

START_TEST(a_shared_profile_lives_as_long_as_somebody_holds_it)
{
    struct tags t = {.used = 0};
    set(&t, "role", "db");
    char name[] = "db1";
    struct gossip_profile p = {.name = name, .tags = t.bytes, .tags_bytes = t.used};
    const struct gossip_profile *shared = profile_new(&p);
    const struct gossip_profile *again = gossip_profile_hold(shared);
    memset(name, 'x', 3);
    memset(t.bytes, 'x', t.used);
    gossip_profile_release(shared);
    ck_assert_str_eq(again->name, "db1");
    ck_assert_mem_eq(again->tags, "role\0db", 8);
    gossip_profile_release(again);
    gossip_profile_release(NULL);
}
END_TEST

START_TEST(a_key_is_the_first_eight_bytes_of_the_id)
{
    static const uint8_t id[GOSSIP_ID_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    ck_assert_uint_eq(profile_key(id), UINT64_C(0x0102030405060708));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("profile");
    TCase *c = tcase_create("names and tags");
    tcase_add_test(c, names_are_letters_digits_dots_underscores_and_dashes);
    tcase_add_test(c, names_have_1_to_128_bytes);
    tcase_add_test(c, tags_are_sorted_whatever_the_order_they_come_in);
    tcase_add_test(c, setting_a_tag_again_replaces_it);
    tcase_add_test(c, removing_takes_out_one_tag_and_no_other);
    tcase_add_test(c, keys_have_1_to_64_bytes_of_a_label);
    tcase_add_test(c, values_are_printable_utf8);
    tcase_add_test(c, tags_fill_512_bytes_and_no_more);
    tcase_add_test(c, encoded_tags_are_valid_only_as_they_would_be_made);
    suite_add_tcase(s, c);
    c = tcase_create("profiles");
    tcase_add_test(c, a_profile_is_checked_in_all_its_parts);
    tcase_add_test(c, a_shared_profile_lives_as_long_as_somebody_holds_it);
    tcase_add_test(c, a_key_is_the_first_eight_bytes_of_the_id);
    suite_add_tcase(s, c);
    return unit_run(s);
}
