#include "agent/events/reader.h"

#include "tests/unit/fake_gossip.h"
#include "tests/unit/unit.h"

static struct journal *journal;
static struct gossip_member db1;

static void setup(void)
{
    journal = journal_new();
    ck_assert_ptr_nonnull(journal);
    db1 = FAKE_MEMBER_UNTAGGED("db1", GOSSIP_ALIVE);
}

static void teardown(void)
{
    gossip_profile_release(db1.profile);
    journal_free(journal);
}

static void change(enum event_kind kind)
{
    ck_assert_ptr_nonnull(journal_append(journal, 0, kind, &db1, NULL));
}

static void expect_change(struct reader *r, uint64_t seq)
{
    struct reader_item item;
    ck_assert(reader_next(r, journal, &item));
    ck_assert_ptr_nonnull(item.entry);
    ck_assert_uint_eq(item.entry->seq, seq);
}

static void expect_gap(struct reader *r, uint64_t lost, uint64_t last_lost)
{
    struct reader_item item;
    ck_assert(reader_next(r, journal, &item));
    ck_assert_ptr_null(item.entry);
    ck_assert_uint_eq(item.lost, lost);
    ck_assert_uint_eq(item.last_lost, last_lost);
}

static void expect_end(struct reader *r)
{
    struct reader_item item;
    ck_assert(!reader_next(r, journal, &item));
}

START_TEST(a_reader_at_the_end_gets_what_comes)
{
    change(EVENT_MEMBER_JOIN);
    struct reader r = reader_at_end(journal, READER_ALL_KINDS);
    expect_end(&r);
    change(EVENT_MEMBER_FAILED);
    change(EVENT_MEMBER_JOIN);
    expect_change(&r, 2);
    expect_change(&r, 3);
    expect_end(&r);
}
END_TEST

START_TEST(a_reader_gets_the_kinds_that_it_wants)
{
    struct reader r = reader_at_end(journal, 1u << EVENT_MEMBER_FAILED);
    change(EVENT_MEMBER_JOIN);
    change(EVENT_MEMBER_FAILED);
    change(EVENT_MEMBER_JOIN);
    expect_change(&r, 2);
    expect_end(&r);
}
END_TEST

START_TEST(a_reader_begins_where_it_is_asked_to)
{
    for (int i = 0; i < 3; i++)
        change(EVENT_MEMBER_JOIN);
    struct reader second = reader_from(journal, READER_ALL_KINDS, 2),
                  next = reader_from(journal, READER_ALL_KINDS, 4),
                  end = reader_from(journal, READER_ALL_KINDS, 0);
    expect_change(&second, 2);
    expect_change(&second, 3);
    expect_end(&second);
    expect_end(&next);
    expect_end(&end);
}
END_TEST

START_TEST(what_is_no_longer_kept_is_a_gap)
{
    struct reader r = reader_at_end(journal, READER_ALL_KINDS);
    for (int i = 0; i < JOURNAL_ENTRIES_MAX + 3; i++)
        change(EVENT_MEMBER_JOIN);
    uint64_t oldest = journal_oldest(journal);
    ck_assert_uint_gt(oldest, 1);
    expect_gap(&r, oldest - 1, oldest - 1);
    expect_change(&r, oldest);
}
END_TEST

START_TEST(a_number_of_an_earlier_run_is_an_empty_gap_and_then_all_of_this_one)
{
    change(EVENT_MEMBER_JOIN);
    struct reader r = reader_from(journal, READER_ALL_KINDS, 500);
    expect_gap(&r, 0, 0);
    expect_change(&r, 1);
    expect_end(&r);
}
END_TEST

START_TEST(what_is_skipped_is_counted_and_not_read)
{
    struct reader r = reader_at_end(journal, READER_ALL_KINDS);
    for (int i = 0; i < 5; i++)
        change(EVENT_MEMBER_JOIN);
    expect_change(&r, 1);
    ck_assert_uint_eq(reader_skip(&r, 4), 3);
    expect_change(&r, 5);
    ck_assert_uint_eq(reader_skip(&r, 5), 0);
    expect_end(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("reader");
    TCase *t = tcase_create("reader");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_reader_at_the_end_gets_what_comes);
    tcase_add_test(t, a_reader_gets_the_kinds_that_it_wants);
    tcase_add_test(t, a_reader_begins_where_it_is_asked_to);
    tcase_add_test(t, what_is_no_longer_kept_is_a_gap);
    tcase_add_test(t, a_number_of_an_earlier_run_is_an_empty_gap_and_then_all_of_this_one);
    tcase_add_test(t, what_is_skipped_is_counted_and_not_read);
    suite_add_tcase(s, t);
    return unit_run(s);
}
