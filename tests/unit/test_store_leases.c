/* What a voter must not forget, in its state directory. */
#include "tests/unit/store_fixture.h"

static struct worker *worker;
static struct store_leases leases;
static int told; /* what saving ended with; -1: not yet */

static void setup_worker(void)
{
    static const char *const abc[] = {"a", "b", "c"}, *const abd[] = {"a", "b", "d.example.org"};

    setup();
    worker = worker_new();
    ck_assert_ptr_nonnull(worker);
    leases = (struct store_leases){.longest_ms = 1500, .epochs = 1 + (UINT64_C(1) << 40)};
    voters_configure(&leases.voters, 1, abc, 3);
    voters_configure(&leases.voters, 2, abd, 3);
}

static void teardown_worker(void)
{
    worker_free(worker, 2000);
    teardown();
}

static void note(void *arg, bool ok)
{
    (void)arg;
    told = ok;
}

static void save(struct store *s)
{
    told = -1;
    store_save_leases(s, worker, &leases, note, NULL);
    while (told < 0)
        deliver(worker);
}

static void assert_same(const struct store_leases *got)
{
    ck_assert_uint_eq(got->longest_ms, leases.longest_ms);
    ck_assert_uint_eq(got->epochs, leases.epochs);
    ck_assert_uint_eq(got->voters.count, leases.voters.count);
    ck_assert_int_eq(got->voters.waits, leases.voters.waits);
    for (unsigned i = 0; i < leases.voters.count; i++) {
        ck_assert_uint_eq(got->voters.lists[i].version, leases.voters.lists[i].version);
        ck_assert_uint_eq(got->voters.lists[i].hash, leases.voters.lists[i].hash);
        ck_assert_uint_eq(got->voters.lists[i].count, leases.voters.lists[i].count);
    }
}

START_TEST(leases_come_back_as_saved)
{
    struct store *s = must_open();
    struct store_leases got;

    store_leases(s, &got);
    ck_assert(got.longest_ms == 0 && got.epochs == 0 && got.voters.count == 0);
    save(s);
    ck_assert_int_eq(told, true);
    store_leases(s, &got);
    assert_same(&got);

    static const char *const one[] = {"x"};
    voters_configure(&leases.voters, 7, one, 1); /* and none between was known */
    ck_assert(store_write_leases(s, &leases, error));
    store_leases(s, &got);
    assert_same(&got);
    store_free(s);
}
END_TEST

START_TEST(the_most_that_can_be_fits)
{
    static char names[LEASE_VOTERS_MAX][GOSSIP_NAME_BYTES_MAX + 1];
    const char *pointers[LEASE_VOTERS_MAX];
    struct store *s = must_open();
    struct store_leases got;

    for (int i = 0; i < LEASE_VOTERS_MAX; i++) {
        memset(names[i], 'a' + i % 26, GOSSIP_NAME_BYTES_MAX);
        names[i][0] = (char)('A' + i % 26);
        names[i][1] = (char)('0' + i / 26);
        pointers[i] = names[i];
    }
    leases = (struct store_leases){.longest_ms = UINT32_MAX, .epochs = UINT64_MAX};
    for (uint32_t i = 1; i <= LEASE_LISTS_MAX; i++)
        ck_assert(voters_restore(&leases.voters, UINT32_MAX - LEASE_LISTS_MAX + i, false, pointers,
                                 LEASE_VOTERS_MAX));
    save(s);
    store_leases(s, &got);
    assert_same(&got);
    store_free(s);
}
END_TEST

START_TEST(a_write_that_fails_is_told)
{
    struct store *s = must_open();

    mkdir(path_of("leases"), 0700);
    mkdir(path_of("leases/x"), 0700);
    save(s);
    ck_assert_int_eq(told, false);
    ck_assert(logged("leases: cannot be written: "));
    ck_assert(!store_write_leases(s, &leases, error));
    assert_refused("leases: cannot be written: ", "-s");
    store_free(s);
}
END_TEST

/* Whoever cannot know what it granted is silent for as long as it can be. */
static void assert_set_aside(struct store *s, const char *bytes, size_t len)
{
    struct store_leases got;

    write_file("leases", bytes, len);
    store_leases(s, &got);
    ck_assert_uint_eq(got.longest_ms, LEASE_LENGTH_MS_MAX);
    ck_assert_uint_eq(got.voters.count, 0);
    ck_assert(!exists("leases"));
}

START_TEST(a_damaged_file_is_set_aside_and_the_longest_lease_assumed)
{
    char bytes[FILE_BYTES];
    struct store *s = must_open();

    save(s);
    size_t len = read_file("leases", bytes);
    for (size_t cut = 0; cut < len; cut++)
        assert_set_aside(s, bytes, cut);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        assert_set_aside(s, bytes, len);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
    }
    ck_assert(logged("leases: damaged; set aside as leases.bad"));
    store_free(s);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("store: leases");
    TCase *t = tcase_create("leases");

    tcase_add_checked_fixture(t, setup_worker, teardown_worker);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, leases_come_back_as_saved);
    tcase_add_test(t, the_most_that_can_be_fits);
    tcase_add_test(t, a_write_that_fails_is_told);
    tcase_add_test(t, a_damaged_file_is_set_aside_and_the_longest_lease_assumed);
    suite_add_tcase(s, t);
    return unit_run(s);
}
