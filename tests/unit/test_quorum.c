/* The quorum between a core, a disk and a configuration that the test is. */
#include "agent/vip/quorum.h"

#include "agent/base/error.h"
#include "agent/host.h"
#include "agent/state/store.h"
#include "gossip/lease/leases.h"

#include "tests/unit/fake_log.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static struct {
    /* the core */
    struct voters voters;
    bool has_quorum;
    struct leases_needs needs;
    unsigned starts, sets;
    uint32_t allowed_ms;
    struct leases_other_voters other; /* member NULL: there is none */
    /* the disk */
    struct store_leases disk;
    bool is_full; /* takes no write */
    unsigned writes;
    file_writer_done_fn *saved;
    void *saved_arg;
    /* the host */
    int64_t now_us;
    host_settle_fn *settle;
    host_event_fn *on_event;
    void *arg;
    unsigned lost, regained;
} world;

static struct quorum *q;

/* ---- the host ---- */

int64_t host_now_us(void)
{
    return world.now_us;
}

struct gossip *host_core(struct host *h)
{
    return (struct gossip *)h;
}

const struct gossip *host_view(const struct host *h)
{
    return (const struct gossip *)h;
}

bool host_is_leaving(const struct host *h)
{
    (void)h;
    return false;
}

void host_on_settle(struct host *h, enum host_module module, host_settle_fn *settle, void *arg)
{
    (void)h;
    ck_assert_int_eq(module, HOST_QUORUM);
    world.settle = settle;
    world.arg = arg;
}

void host_on_event(struct host *h, enum gossip_event_kind kind, host_event_fn *receive, void *arg)
{
    (void)h, (void)arg;
    ck_assert_int_eq(kind, GOSSIP_EVENT_OTHER_VOTERS);
    world.on_event = receive;
}

void host_subscribe(struct host *h, enum host_module module, host_change_fn *changed, void *arg)
{
    (void)h, (void)module, (void)changed, (void)arg;
}

void host_publish(struct host *h, enum event_kind kind, const struct gossip_member *member,
                  const struct vip_record *vip)
{
    (void)h, (void)member, (void)vip;
    world.lost += kind == EVENT_QUORUM_LOST;
    world.regained += kind == EVENT_QUORUM_REGAINED;
}

/* ---- the core ---- */

struct gossip_member gossip_self(const struct gossip *g)
{
    (void)g;
    return (struct gossip_member){.profile = NULL};
}

bool gossip_find(const struct gossip *g, const char *name, struct gossip_member *member)
{
    (void)g, (void)name, (void)member;
    return false;
}

const struct voters *leases_voters(const struct gossip *g)
{
    (void)g;
    return &world.voters;
}

bool leases_has_quorum(const struct gossip *g)
{
    (void)g;
    return world.has_quorum;
}

struct leases_needs leases_needs(const struct gossip *g)
{
    (void)g;
    return world.needs;
}

void leases_allow(struct gossip *g, int64_t now_us, uint32_t longest_ms)
{
    (void)g, (void)now_us;
    world.allowed_ms = longest_ms;
}

void leases_start(struct gossip *g, int64_t now_us, const struct voters *voters,
                  uint32_t longest_ms, uint64_t epochs)
{
    (void)g, (void)now_us, (void)longest_ms, (void)epochs;
    world.starts++;
    world.voters = *voters;
}

void leases_set_voters(struct gossip *g, int64_t now_us, const struct voters *voters)
{
    (void)g, (void)now_us;
    world.sets++;
    world.voters = *voters;
}

bool leases_next_other_voters(const struct gossip *g, unsigned *cursor,
                              struct leases_other_voters *other)
{
    (void)g;
    if (!world.other.member || *cursor > 0)
        return false;
    ++*cursor;
    *other = world.other;
    return true;
}

/* ---- the disk ---- */

bool store_leases(struct store *s, struct store_leases *leases, char *error)
{
    (void)s, (void)error;
    *leases = world.disk;
    return true;
}

bool store_write_leases(struct store *s, const struct store_leases *leases, char *error)
{
    (void)s, (void)error;
    world.disk = *leases;
    world.writes++;
    return true;
}

bool store_save_leases(struct store *s, struct worker *w, const struct store_leases *leases,
                       file_writer_done_fn *done, void *arg)
{
    (void)s, (void)w;
    if (world.is_full)
        return false;
    world.disk = *leases;
    world.writes++;
    world.saved = done;
    world.saved_arg = arg;
    return true;
}

/* The write under way has ended so. */
static void saved(bool ok)
{
    file_writer_done_fn *done = world.saved;
    ck_assert_ptr_nonnull(done);
    world.saved = NULL;
    done(world.saved_arg, ok);
}

static void settle(void)
{
    world.settle(world.arg);
}

static struct quorum_spec spec_of(uint32_t version, const char *a, const char *b, const char *c)
{
    struct quorum_spec spec = {.version = version};
    const char *names[] = {a, b, c};
    for (size_t i = 0; i < 3 && names[i]; i++)
        spec.voters[spec.count++] = (char *)(uintptr_t)names[i];
    return spec;
}

static void start(struct quorum_spec spec)
{
    char error[ERROR_BYTES];
    q = quorum_start((struct host *)&world, (struct store *)&world, NULL, &spec, 1000, error);
    ck_assert_ptr_nonnull(q);
}

static void setup(void)
{
    memset(&world, 0, sizeof world);
    world.now_us = 1000000;
    fake_log_reset();
}

static void teardown(void)
{
    quorum_free(q);
    ck_assert_ptr_null(world.settle);
    ck_assert_ptr_null(world.on_event);
}

START_TEST(a_quorum_is_published_when_it_is_lost_and_regained_and_not_before_it_was_there)
{
    start(spec_of(1, "a", "b", "c"));
    settle();
    ck_assert(!quorum_is_there(q) && world.lost == 0);
    world.has_quorum = true;
    settle();
    ck_assert(quorum_is_there(q) && world.regained == 0);
    world.has_quorum = false;
    settle();
    settle();
    ck_assert(!quorum_is_there(q));
    ck_assert_uint_eq(world.lost, 1);
    world.has_quorum = true;
    settle();
    ck_assert(world.lost == 1 && world.regained == 1);
}
END_TEST

START_TEST(without_voters_there_is_no_quorum_and_nothing_is_written)
{
    start(spec_of(1, NULL, NULL, NULL));
    world.has_quorum = true;
    settle();
    ck_assert(!quorum_is_there(q));
    ck_assert(world.starts == 0 && world.writes == 0 && world.lost == 0);
}
END_TEST

START_TEST(what_is_configured_is_on_disk_before_it_is_in_force)
{
    start(spec_of(1, "a", "b", "c"));
    ck_assert(world.writes == 1 && world.starts == 1);
    ck_assert_uint_eq(world.disk.voters.configurations[0].count, 3);
    struct quorum_spec next = spec_of(2, "a", "b", "d");
    ck_assert_ptr_null(quorum_check(q, &next));
    ck_assert_uint_eq(world.writes, 1);
    ck_assert_ptr_null(quorum_configure(q, &next));
    ck_assert(world.writes == 2 && world.sets == 0);
    saved(true);
    ck_assert_uint_eq(world.sets, 1);
    ck_assert_uint_eq(world.voters.count, 2);
}
END_TEST

START_TEST(a_write_that_fails_is_tried_again_after_a_second_and_nothing_is_in_force_until_then)
{
    start(spec_of(1, "a", "b", "c"));
    struct quorum_spec next = spec_of(2, "a", "b", "d");
    ck_assert_ptr_null(quorum_configure(q, &next));
    saved(false);
    settle();
    ck_assert(world.writes == 2 && world.sets == 0);
    world.now_us += 1000000;
    settle();
    ck_assert_uint_eq(world.writes, 3);
    saved(true);
    ck_assert_uint_eq(world.sets, 1);
    world.is_full = true;
    next = spec_of(3, "a", "b", "e");
    ck_assert_ptr_null(quorum_configure(q, &next));
    ck_assert_uint_eq(world.writes, 3);
    world.is_full = false;
    world.now_us += 1000000;
    settle();
    ck_assert_uint_eq(world.writes, 4);
}
END_TEST

START_TEST(what_cannot_follow_is_refused_with_the_reason_and_changes_nothing)
{
    start(spec_of(2, "a", "b", "c"));
    static const struct {
        uint32_t version;
        const char *voter, *why;
    } refused[] = {
        {2, "d", "raise `version`"}, {1, "a", "older"}, {3, NULL, "cannot be taken away"}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct quorum_spec next = spec_of(refused[i].version, refused[i].voter, NULL, NULL);
        const char *why = quorum_check(q, &next);
        ck_assert_ptr_nonnull(why);
        ck_assert_ptr_nonnull(strstr(why, refused[i].why));
        ck_assert_ptr_nonnull(strstr(quorum_configure(q, &next), refused[i].why));
    }
    struct quorum_spec same = spec_of(2, "c", "b", "a");
    ck_assert_ptr_null(quorum_configure(q, &same));
    ck_assert(world.writes == 1 && world.sets == 0);
}
END_TEST

START_TEST(epochs_and_longer_leases_are_on_disk_before_they_are_needed)
{
    start(spec_of(1, "a", "b", "c"));
    uint64_t reserved = world.disk.epochs;
    settle();
    ck_assert_uint_eq(world.writes, 1);
    world.needs.epochs = reserved - 1;
    settle();
    ck_assert_uint_eq(world.writes, 2);
    ck_assert_uint_gt(world.disk.epochs, reserved);
    saved(true);
    world.needs.longest_ms = 5000;
    settle();
    ck_assert(world.disk.longest_ms == 5000 && world.allowed_ms < 5000);
    saved(true);
    ck_assert_uint_eq(world.allowed_ms, 5000);
}
END_TEST

START_TEST(another_list_is_logged_with_the_names_in_both)
{
    struct gossip_profile b1 = {.name = "b1", .addr.port = 7949, .voters.hash = 7};
    struct voters theirs = {0};
    start(spec_of(1, "a1", "a2", NULL));
    ck_assert_int_eq(voters_configure(&theirs, 1, (const char *const[]){"b1", "b2"}, 2), VOTERS_OK);
    world.other = (struct leases_other_voters){
        .hash = 7, .members = 3, .member = &b1, .voters = &theirs.configurations[0]};
    struct gossip_event event = {.kind = GOSSIP_EVENT_OTHER_VOTERS, .member.profile = &b1};
    world.on_event(q, &event);
    ck_assert_uint_eq(fake_log_count("b1 has a different list of voters"), 1);
    ck_assert_uint_eq(fake_log_count("Theirs: b1 b2. Ours: a1 a2."), 1);
    ck_assert_uint_eq(fake_log_count("another cluster has merged with this one"), 1);
    world.other.overlaps = true;
    world.other.voters = NULL;
    world.on_event(q, &event);
    ck_assert_uint_eq(fake_log_count("Theirs: not known. Ours: a1 a2."), 1);
    ck_assert_uint_eq(fake_log_count("make quorum the same on all hosts"), 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("quorum");
    TCase *t = tcase_create("quorum");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t,
                   a_quorum_is_published_when_it_is_lost_and_regained_and_not_before_it_was_there);
    tcase_add_test(t, without_voters_there_is_no_quorum_and_nothing_is_written);
    tcase_add_test(t, what_is_configured_is_on_disk_before_it_is_in_force);
    tcase_add_test(
        t, a_write_that_fails_is_tried_again_after_a_second_and_nothing_is_in_force_until_then);
    tcase_add_test(t, what_cannot_follow_is_refused_with_the_reason_and_changes_nothing);
    tcase_add_test(t, epochs_and_longer_leases_are_on_disk_before_they_are_needed);
    tcase_add_test(t, another_list_is_logged_with_the_names_in_both);
    suite_add_tcase(s, t);
    return unit_run(s);
}
