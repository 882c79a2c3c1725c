/* What a voter must not forget, in its state directory. */
#include "tests/unit/store_fixture.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static bool reads_fail;

/* In place of the C library's: a disk that gives nothing back. */
ssize_t read(int fd, void *bytes, size_t size)
{
    if (reads_fail) {
        errno = EIO;
        return -1;
    }
    return syscall(SYS_read, fd, bytes, size);
}

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
    ck_assert_int_eq(got->voters.joining, leases.voters.joining);
    for (unsigned i = 0; i < leases.voters.count; i++) {
        ck_assert_uint_eq(got->voters.configurations[i].version,
                          leases.voters.configurations[i].version);
        ck_assert_uint_eq(got->voters.configurations[i].hash, leases.voters.configurations[i].hash);
        ck_assert_uint_eq(got->voters.configurations[i].count,
                          leases.voters.configurations[i].count);
    }
}

START_TEST(leases_come_back_as_saved)
{
    struct store *s = must_open();
    struct store_leases got;

    ck_assert(store_leases(s, &got, error));
    ck_assert(got.longest_ms == 0 && got.epochs == 0 && got.voters.count == 0);
    save(s);
    ck_assert_int_eq(told, true);
    ck_assert(store_leases(s, &got, error));
    assert_same(&got);

    static const char *const one[] = {"x"};
    voters_configure(&leases.voters, 7, one, 1); /* and none between was known */
    ck_assert(store_write_leases(s, &leases, error));
    ck_assert(store_leases(s, &got, error));
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
    for (uint32_t i = 1; i <= LEASE_CONFIGURATIONS_MAX; i++)
        ck_assert(voters_restore(&leases.voters, UINT32_MAX - LEASE_CONFIGURATIONS_MAX + i, false,
                                 pointers, LEASE_VOTERS_MAX));
    save(s);
    ck_assert(store_leases(s, &got, error));
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

/* A voter that cannot know what it granted is silent for as long as a lease can last. */
static void assert_forgotten(struct store *s)
{
    struct store_leases got;

    ck_assert(store_leases(s, &got, error));
    ck_assert_uint_eq(got.longest_ms, LEASE_LENGTH_MS_MAX);
    ck_assert_uint_eq(got.voters.count, 0);
}

static void assert_set_aside(struct store *s, const char *bytes, size_t len)
{
    write_file("leases", bytes, len);
    assert_forgotten(s);
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

/* As if the agent ended right after it had set the file aside. */
START_TEST(the_longest_lease_is_assumed_until_the_file_is_written_anew)
{
    struct store *s = must_open();
    struct store_leases got;

    save(s);
    write_file("leases", "x", 1);
    assert_forgotten(s);
    assert_forgotten(s);
    save(s);
    ck_assert(store_leases(s, &got, error));
    assert_same(&got);
    ck_assert(exists("leases.bad")); /* and nobody minds that one any more */
    store_free(s);
}
END_TEST

START_TEST(what_is_no_file_is_set_aside)
{
    struct store *s = must_open();

    mkdir(path_of("leases"), 0700);
    assert_forgotten(s);
    ck_assert_int_eq(rmdir(path_of("leases.bad")), 0);
    ck_assert_int_eq(symlink("nowhere", path_of("leases")), 0); /* a link that leads to nothing */
    assert_forgotten(s);
    ck_assert(!exists("leases"));
    store_free(s);
}
END_TEST

/* Why a file cannot be read, when it is there: `begin` makes it so, `end` makes it readable. */
static void begin_no_permission(void)
{
    chmod(path_of("leases"), 0);
    if (geteuid() == 0) {
        chmod(state, 0777);
        chmod(dir, 0777);
        ck_assert_int_eq(seteuid(65534), 0);
    }
}

static void end_no_permission(void)
{
    if (getuid() == 0)
        ck_assert_int_eq(seteuid(0), 0);
    chmod(path_of("leases"), 0600);
}

static struct rlimit descriptors;

static void begin_no_descriptors(void)
{
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &descriptors), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = descriptors.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
}

static void end_no_descriptors(void)
{
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &descriptors), 0);
}

static void begin_broken_disk(void)
{
    reads_fail = true;
}

static void end_broken_disk(void)
{
    reads_fail = false;
}

/* None of these says that there is no file: the agent does not start, and nothing is lost. */
START_TEST(file_that_cannot_be_read_is_an_error_and_stays)
{
    static const struct {
        void (*begin)(void), (*end)(void);
        const char *why;
    } all[] = {
        {begin_no_permission, end_no_permission, "Permission denied"},
        {begin_no_descriptors, end_no_descriptors, "Too many open files"},
        {begin_broken_disk, end_broken_disk, "Input/output error"},
    };
    struct store *s = must_open();
    struct store_leases got;

    save(s);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        all[i].begin();
        bool read = store_leases(s, &got, error);
        all[i].end();
        ck_assert_msg(!read, "%s", all[i].why);
        assert_refused(path_of("leases"), all[i].why);
        ck_assert(!exists("leases.bad"));
        ck_assert(store_leases(s, &got, error));
        assert_same(&got);
    }
    store_free(s);
}
END_TEST

START_TEST(file_that_cannot_be_set_aside_is_an_error_and_stays)
{
    char bytes[FILE_BYTES];
    struct store *s = must_open();
    struct store_leases got;

    write_file("leases", "x", 1);
    mkdir(path_of("leases.bad"), 0700);
    ck_assert(!store_leases(s, &got, error));
    assert_refused(path_of("leases"), "cannot be set aside: ");
    ck_assert_uint_eq(read_file("leases", bytes), 1);
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
    tcase_add_test(t, the_longest_lease_is_assumed_until_the_file_is_written_anew);
    tcase_add_test(t, what_is_no_file_is_set_aside);
    tcase_add_test(t, file_that_cannot_be_read_is_an_error_and_stays);
    tcase_add_test(t, file_that_cannot_be_set_aside_is_an_error_and_stays);
    suite_add_tcase(s, t);
    return unit_run(s);
}
