#include "agent/events/journal.h"

#include "agent/base/json.h"
#include "agent/events/record.h"
#include "tests/unit/fake_gossip.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define NOON_MS 1795176000123 /* 2026-11-20T12:00:00.123Z */

static struct journal *journal;

static void setup(void)
{
    journal = journal_new();
    ck_assert_ptr_nonnull(journal);
}

static void teardown(void)
{
    journal_free(journal);
}

static const struct journal_entry *append(enum event_kind kind, struct gossip_member member)
{
    const struct journal_entry *entry = journal_append(journal, NOON_MS, kind, &member, NULL);
    ck_assert_ptr_nonnull(entry);
    gossip_profile_release(member.profile);
    return entry;
}

static const struct journal_entry *append_any(void)
{
    return append(EVENT_MEMBER_JOIN, FAKE_MEMBER_UNTAGGED("a", GOSSIP_ALIVE));
}

START_TEST(kinds_have_the_names_of_events)
{
    static const char *const names[EVENT_KINDS_COUNT] = {
        "member-join",  "member-leave",    "member-failed",      "member-update",
        "member-reap",  "member-suspect",  "member-unreachable", "member-reachable",
        "vip-acquired", "vip-released",    "vip-conflict",       "vip-restored",
        "quorum-lost",  "quorum-regained",
    };
    for (unsigned k = 0; k < EVENT_KINDS_COUNT; k++) {
        enum event_kind parsed = EVENT_KINDS_COUNT;
        ck_assert_str_eq(event_kind_text((enum event_kind)k), names[k]);
        ck_assert(event_kind_parse(names[k], &parsed));
        ck_assert_uint_eq(parsed, k);
    }
}
END_TEST

START_TEST(a_change_of_an_address_says_which_and_of_the_quorum_neither)
{
    struct gossip_member m = FAKE_MEMBER_UNTAGGED("a", GOSSIP_ALIVE);
    const struct vip_record vip = {"web", "10.0.0.100/32", "eth0", "a", 7, true};
    const struct journal_entry *e = journal_append(journal, NOON_MS, EVENT_VIP_ACQUIRED, &m, &vip);
    ck_assert_ptr_nonnull(e);
    ck_assert_ptr_ne(e->vip, &vip);
    ck_assert_str_eq(e->vip->holder, "a");
    ck_assert_str_eq(e->line, "{\"seq\":1,\"time\":\"2026-11-20T12:00:00.123Z\","
                              "\"event\":\"vip-acquired\",\"vip\":{\"name\":\"web\","
                              "\"address\":\"10.0.0.100/32\",\"interface\":\"eth0\","
                              "\"holder\":\"a\",\"epoch\":7}}\n");
    e = journal_append(journal, NOON_MS, EVENT_QUORUM_LOST, &m, NULL);
    ck_assert_str_eq(e->line, "{\"seq\":2,\"time\":\"2026-11-20T12:00:00.123Z\","
                              "\"event\":\"quorum-lost\"}\n");
    gossip_profile_release(m.profile);
}
END_TEST

START_TEST(other_names_are_no_kinds)
{
    enum event_kind kind = EVENT_MEMBER_REAP;
    ck_assert(!event_kind_parse("member", &kind));
    ck_assert(!event_kind_parse("member-failed ", &kind));
    ck_assert(!event_kind_parse("", &kind));
    ck_assert_uint_eq(kind, EVENT_MEMBER_REAP);
}
END_TEST

START_TEST(a_change_is_one_json_line)
{
    const struct journal_entry *e =
        append(EVENT_MEMBER_FAILED, FAKE_MEMBER("db1", GOSSIP_FAILED, "rack\0r7\0role\0db"));
    const char *line =
        "{\"seq\":1,\"time\":\"2026-11-20T12:00:00.123Z\",\"event\":\"member-failed\",\"member\":"
        "{\"name\":\"db1\",\"id\":\"64623100000000000000000000000000\",\"addr\":\"10.0.0.11\","
        "\"port\":7949,\"status\":\"failed\",\"unreachable\":false,\"incarnation\":3,"
        "\"generation\":1,"
        "\"tags\":{\"rack\":\"r7\",\"role\":\"db\"}}}\n";
    ck_assert_str_eq(e->line, line);
    ck_assert_uint_eq(e->line_bytes, strlen(line));
    ck_assert_uint_eq(e->seq, 1);
    ck_assert_int_eq(e->time_ms, NOON_MS);
    ck_assert_uint_eq(e->kind, EVENT_MEMBER_FAILED);
    ck_assert_str_eq(e->member.profile->name, "db1");
}
END_TEST

START_TEST(the_partly_unreachable_are_told_beside_their_status)
{
    static const enum gossip_status statuses[] = {GOSSIP_ALIVE, GOSSIP_SUSPECT};
    for (size_t i = 0; i < 2; i++) {
        struct gossip_member m = FAKE_MEMBER_UNTAGGED("a", statuses[i]);
        char part[64];
        m.unreachable = true;
        snprintf(part, sizeof part,
                 ",\"status\":\"%s\",\"unreachable\":true,\"incarnation\":3,\"generation\":1,",
                 gossip_status_text(statuses[i]));
        const struct journal_entry *e = append(EVENT_MEMBER_UNREACHABLE, m);
        ck_assert_ptr_nonnull(strstr(e->line, "\"event\":\"member-unreachable\""));
        ck_assert_ptr_nonnull(strstr(e->line, part));
        ck_assert(e->member.unreachable);
    }
    const struct journal_entry *e =
        append(EVENT_MEMBER_REACHABLE, FAKE_MEMBER_UNTAGGED("a", GOSSIP_ALIVE));
    ck_assert_ptr_nonnull(strstr(e->line, "\"event\":\"member-reachable\""));
    ck_assert_ptr_nonnull(strstr(e->line, ",\"status\":\"alive\",\"unreachable\":false,"));
}
END_TEST

START_TEST(a_line_stays_one_line_whatever_the_tags_say)
{
    const struct journal_entry *e = append(
        EVENT_MEMBER_UPDATE, FAKE_MEMBER("a", GOSSIP_ALIVE, "k\0\"},\n{\"seq\":9}\x1b[2J\xff"));
    ck_assert_ptr_nonnull(strstr(
        e->line, "\"tags\":{\"k\":\"\\\"},\\u000a{\\\"seq\\\":9}\\u001b[2J\xef\xbf\xbd\"}}}\n"));
    ck_assert_ptr_eq(strchr(e->line, '\n'), e->line + e->line_bytes - 1);
}
END_TEST

START_TEST(ipv6_addresses_are_written_without_brackets)
{
    struct gossip_member m = FAKE_MEMBER_UNTAGGED("a", GOSSIP_ALIVE);
    struct gossip_profile p = *m.profile;
    p.addr = (struct gossip_addr){.ip = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}, .port = 7};
    struct gossip_member v6 = {.profile = &p, .status = GOSSIP_ALIVE};
    struct json j = {0};
    record_member_json(&j, NULL, &v6);
    ck_assert_ptr_nonnull(strstr(j.text, "\"addr\":\"2001:db8::1\",\"port\":7,"));
    json_free(&j);
    gossip_profile_release(m.profile);
}
END_TEST

START_TEST(numbers_grow_by_one_from_one)
{
    ck_assert_uint_eq(journal_newest(journal), 0);
    ck_assert_uint_eq(journal_oldest(journal), 1);
    ck_assert_ptr_null(journal_at(journal, 0));
    ck_assert_ptr_null(journal_at(journal, 1));
    for (uint64_t seq = 1; seq <= 10; seq++) {
        ck_assert_uint_eq(append_any()->seq, seq);
        ck_assert_uint_eq(journal_newest(journal), seq);
    }
    ck_assert_uint_eq(journal_oldest(journal), 1);
    ck_assert_uint_eq(journal_at(journal, 7)->seq, 7);
    ck_assert_ptr_null(journal_at(journal, 11));
}
END_TEST

START_TEST(only_the_last_entries_are_kept)
{
    for (int i = 0; i < JOURNAL_ENTRIES_MAX + 10; i++)
        append_any();
    ck_assert_uint_eq(journal_newest(journal), JOURNAL_ENTRIES_MAX + 10);
    ck_assert_uint_eq(journal_oldest(journal), 11);
    ck_assert_ptr_null(journal_at(journal, 10));
    for (uint64_t seq = 11; seq <= journal_newest(journal); seq++)
        ck_assert_uint_eq(journal_at(journal, seq)->seq, seq);
}
END_TEST

START_TEST(long_lines_are_bounded_by_their_bytes)
{
    char tags[GOSSIP_TAGS_BYTES_MAX];
    memset(tags, '"', sizeof tags);
    memcpy(tags, "key", 4);
    tags[sizeof tags - 1] = '\0';
    for (int i = 0; i < JOURNAL_ENTRIES_MAX; i++)
        append(EVENT_MEMBER_JOIN, fake_member("a", GOSSIP_ALIVE, tags, sizeof tags));
    size_t kept = 0;
    for (uint64_t seq = journal_oldest(journal); seq <= journal_newest(journal); seq++)
        kept += journal_at(journal, seq)->line_bytes;
    ck_assert_uint_le(kept, JOURNAL_BYTES_MAX);
    ck_assert_uint_gt(kept + journal_at(journal, journal_newest(journal))->line_bytes,
                      JOURNAL_BYTES_MAX);
    ck_assert_uint_eq(journal_newest(journal), JOURNAL_ENTRIES_MAX);
}
END_TEST

START_TEST(a_held_entry_outlives_its_place)
{
    const struct journal_entry *held =
        journal_hold(append(EVENT_MEMBER_JOIN, FAKE_MEMBER("db1", GOSSIP_ALIVE, "role\0db")));
    for (int i = 0; i < JOURNAL_ENTRIES_MAX; i++)
        append_any();
    ck_assert_ptr_null(journal_at(journal, 1));
    ck_assert_uint_eq(held->seq, 1);
    ck_assert_str_eq(held->member.profile->name, "db1");
    ck_assert_ptr_nonnull(strstr(held->line, "\"role\":\"db\""));
    journal_release(held);
}
END_TEST

START_TEST(times_are_utc_with_milliseconds)
{
    char text[25];
    journal_time_text(0, text);
    ck_assert_str_eq(text, "1970-01-01T00:00:00.000Z");
    journal_time_text(1709164799999, text);
    ck_assert_str_eq(text, "2024-02-28T23:59:59.999Z");
}
END_TEST

START_TEST(times_beyond_four_digit_years_are_held_at_the_ends)
{
    char text[25];
    journal_time_text(INT64_MIN, text);
    ck_assert_str_eq(text, "1970-01-01T00:00:00.000Z");
    journal_time_text(INT64_MAX, text);
    ck_assert_str_eq(text, "9999-12-31T23:59:59.999Z");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("journal");
    TCase *t = tcase_create("journal");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, kinds_have_the_names_of_events);
    tcase_add_test(t, a_change_of_an_address_says_which_and_of_the_quorum_neither);
    tcase_add_test(t, other_names_are_no_kinds);
    tcase_add_test(t, a_change_is_one_json_line);
    tcase_add_test(t, the_partly_unreachable_are_told_beside_their_status);
    tcase_add_test(t, a_line_stays_one_line_whatever_the_tags_say);
    tcase_add_test(t, ipv6_addresses_are_written_without_brackets);
    tcase_add_test(t, numbers_grow_by_one_from_one);
    tcase_add_test(t, only_the_last_entries_are_kept);
    tcase_add_test(t, long_lines_are_bounded_by_their_bytes);
    tcase_add_test(t, a_held_entry_outlives_its_place);
    tcase_add_test(t, times_are_utc_with_milliseconds);
    tcase_add_test(t, times_beyond_four_digit_years_are_held_at_the_ends);
    suite_add_tcase(s, t);
    return unit_run(s);
}
