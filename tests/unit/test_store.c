#include "agent/state/host_number.h"
#include "agent/state/machine.h"

#include "tests/unit/store_fixture.h"

#include <inttypes.h>

/* ---- the directory ---- */

START_TEST(directory_is_made_with_its_parents_for_its_owner_only)
{
    struct stat st;

    snprintf(state, sizeof state, "%s/a/b//c/", dir);
    store_free(must_open());
    ck_assert_int_eq(stat(state, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0700);
}
END_TEST

START_TEST(second_agent_on_a_directory_is_told_of_the_first)
{
    struct store *s = must_open();
    char pid[32];

    snprintf(pid, sizeof pid, "another agent, pid %d;", (int)getpid());
    ck_assert_ptr_null(store_open(state, error));
    assert_refused(state, pid);
    store_free(s);
    store_free(must_open()); /* the first one's end frees it */
}
END_TEST

START_TEST(lock_without_a_readable_pid_still_holds)
{
    struct store *s = must_open();

    write_file("lock", "\xff\n!", 3);
    ck_assert_ptr_null(store_open(state, error));
    assert_refused(state, "another agent; stop");
    store_free(s);
}
END_TEST

START_TEST(directory_that_is_a_file_is_refused)
{
    snprintf(state, sizeof state, "%s", dir);
    write_file("state", "x", 1);
    snprintf(state, sizeof state, "%s/state", dir);
    ck_assert_ptr_null(store_open(state, error));
    assert_refused(state, "Not a directory");
    snprintf(state, sizeof state, "%s/state/below", dir);
    ck_assert_ptr_null(store_open(state, error));
    assert_refused(state, "Not a directory");
}
END_TEST

START_TEST(directory_without_permission_is_refused)
{
    if (geteuid() == 0)
        ck_assert_int_eq(seteuid(65534), 0);
    else
        chmod(dir, 0500);
    ck_assert_ptr_null(store_open(state, error));
    assert_refused(state, "Permission denied");
    chmod(dir, 0700);
    if (getuid() == 0)
        ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

/* ---- identity ---- */

/* A file below a root of our own. */
static void root_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/root%s", dir, name);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

static struct machine root_machine(const char *id, const char *board)
{
    char root[64];
    snprintf(root, sizeof root, "%s/root", dir);
    root_file("/etc/machine-id", id);
    root_file("/sys/class/dmi/id/product_uuid", board);
    return machine_read(root);
}

#define ID "0123456789abcdef0123456789abcdef"
#define OTHER_ID "0123456789abcdef0123456789abcdee"
#define BOARD "4c4c4544-0042-3510-8056-b4c04f565131"

START_TEST(a_machine_is_known_by_its_id_and_its_board_and_by_neither_if_that_is_none)
{
    struct machine none = root_machine("", ""), one = root_machine(ID "\n", BOARD "\n");
    ck_assert(none.id == 0 && none.board == 0);
    ck_assert(one.id != 0 && one.board != 0);
    struct machine again = root_machine(ID, "4C4C4544-0042-3510-8056-B4C04F565131");
    ck_assert(again.id == one.id && again.board == one.board);
    static const char *const bad[] = {"uninitialized\n", ID "0", "0123456789abcdef", ID "\n\n",
                                      "0123456789abcdef0123456789abcdeg"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_uint_eq(root_machine(bad[i], bad[i]).id, 0);
    char nowhere[64];
    snprintf(nowhere, sizeof nowhere, "%s/nowhere", dir);
    ck_assert_uint_eq(machine_read(nowhere).id, 0);
    ck_assert(!machine_differs(&one, &none) && !machine_differs(&one, &again));
    struct machine other = root_machine(OTHER_ID, BOARD);
    ck_assert(machine_differs(&one, &other));
    other = root_machine(ID, "4c4c4544-0042-3510-8056-b4c04f565132");
    ck_assert(machine_differs(&one, &other));
}
END_TEST

/* Ties the directory to the machine, and returns the first byte of the identity. */
static uint64_t tie(const struct machine *here)
{
    uint64_t id;
    struct store *s = must_open();
    ck_assert_msg(store_tie(s, here, error), "%s", error);
    ck_assert_msg(store_identity(s, &identity, error), "%s", error);
    store_free(s);
    memcpy(&id, identity.id, sizeof id);
    return id;
}

START_TEST(an_identity_stays_on_its_machine_and_is_another_on_another)
{
    struct machine one = {1, 0}, with_board = {1, 5}, unknown = {0, 0}, other = {2, 5};
    uint64_t id = tie(&unknown);
    ck_assert(!exists("machine"));
    ck_assert(tie(&one) == id && tie(&with_board) == id && tie(&unknown) == id);
    ck_assert(tie(&one) == id && !exists("identity.bad"));
    struct machine copied_id = {1, 6};
    ck_assert_uint_ne(tie(&copied_id), id);
    ck_assert(exists("identity.bad"));
    uint64_t next = tie(&copied_id);
    ck_assert_uint_ne(tie(&other), next);
    next = tie(&other);
    ck_assert_uint_eq(tie(&other), next);
}
END_TEST

START_TEST(a_damaged_tie_is_made_anew_and_an_unreadable_one_refused)
{
    struct machine one = {1, 0};
    uint64_t id = tie(&one);
    write_file("machine", "muster-machine 1\nid x\n", 22);
    ck_assert_uint_eq(tie(&one), id);
    ck_assert(exists("machine.bad"));
    struct machine other = {2, 0};
    ck_assert_uint_ne(tie(&other), id);
    struct store *s = must_open();
    unlink(path_of("machine"));
    ck_assert_int_eq(mkdir(path_of("machine"), 0700), 0);
    unlink(path_of("machine.bad"));
    ck_assert_int_eq(mkdir(path_of("machine.bad"), 0700), 0);
    write_file("machine.bad/x", "", 0);
    ck_assert(!store_tie(s, &one, error));
    ck_assert_ptr_nonnull(strstr(error, "machine"));
    store_free(s);
}
END_TEST

START_TEST(an_identity_that_is_forgotten_is_another_after_the_next_start)
{
    struct machine one = {1, 0};
    uint64_t id = tie(&one);
    struct store *s = must_open();
    ck_assert(store_forget_identity(s));
    ck_assert(!store_forget_identity(s));
    store_free(s);
    ck_assert_uint_ne(tie(&one), id);
}
END_TEST

START_TEST(host_number_stays_and_is_another_for_a_copied_directory)
{
    char copy[64];
    struct store *s = store_open(state, error);
    ck_assert_ptr_nonnull(s);
    uint32_t number = host_number(state);
    ck_assert_uint_ne(number, 0);
    ck_assert_uint_eq(host_number(state), number);
    snprintf(copy, sizeof copy, "%s/copy", dir);
    ck_assert_int_eq(mkdir(copy, 0700), 0);
    ck_assert_uint_ne(host_number(copy), number);
    ck_assert_uint_eq(host_number("/nowhere"), 0);
    store_free(s);
}
END_TEST

START_TEST(identity_stays_and_its_generation_grows)
{
    ck_assert_uint_eq(start(), 0);
    struct store_identity first = identity;
    for (int i = 0; i < 20; i++) { /* many within a millisecond */
        uint64_t before = identity.generation;
        start();
        ck_assert_mem_eq(identity.id, first.id, GOSSIP_ID_BYTES);
        ck_assert_uint_gt(identity.generation, before);
    }
}
END_TEST

START_TEST(identities_of_two_directories_differ)
{
    start();
    struct store_identity first = identity;
    snprintf(state, sizeof state, "%s/other", dir);
    start();
    ck_assert_mem_ne(identity.id, first.id, GOSSIP_ID_BYTES);
}
END_TEST

/* As the agent itself would have written it. */
static void write_identity(int version, uint64_t generation)
{
    static struct statefile f;

    f.len = 0;
    statefile_add(&f, "muster-state %d\nid 00112233445566778899aabbccddeeff\n", version);
    statefile_add(&f, "generation %" PRIu64 "\n", generation);
    statefile_add_sum(&f);
    mkdir(state, 0700);
    write_file("identity", f.bytes, f.len);
}

START_TEST(identity_is_read_as_written)
{
    static const uint8_t id[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    struct stat st;

    write_identity(1, 7);
    start();
    ck_assert_mem_eq(identity.id, id, sizeof id);
    ck_assert_uint_gt(identity.generation, 1700000000000u); /* the wall clock is ahead of 7 */
    ck_assert_int_eq(stat(path_of("identity"), &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    ck_assert(!exists("identity.new"));
    ck_assert(!exists("identity.bad"));
}
END_TEST

START_TEST(generation_grows_though_the_clock_is_behind)
{
    write_identity(1, 1ull << 60);
    start();
    ck_assert_uint_eq(identity.generation, (1ull << 60) + 1);
}
END_TEST

START_TEST(generation_that_could_not_grow_is_damage)
{
    write_identity(1, UINT64_MAX);
    start();
    ck_assert_uint_lt(identity.generation, 1ull << 60);
    ck_assert(logged("identity: damaged; set aside as identity.bad"));
}
END_TEST

START_TEST(identity_of_a_later_version_is_set_aside_and_named_so)
{
    write_identity(2, 7);
    start();
    ck_assert_mem_ne(identity.id, "\x00\x11\x22\x33\x44\x55\x66\x77", 8);
    ck_assert(exists("identity.bad"));
    ck_assert(logged("identity: written by a later version; set aside as identity.bad"));
}
END_TEST

/* Starts an agent on a damaged identity: it must run with a new one, and the old one be kept. */
static void assert_identity_replaced(const char *bytes, size_t len, const uint8_t *id)
{
    char aside[FILE_BYTES];

    write_file("identity", bytes, len);
    start();
    ck_assert_mem_ne(identity.id, id, GOSSIP_ID_BYTES);
    ck_assert_uint_eq(read_file("identity.bad", aside), len);
    ck_assert_mem_eq(aside, bytes, len);
}

START_TEST(identity_truncated_at_any_byte_is_set_aside)
{
    char bytes[FILE_BYTES];

    start();
    struct store_identity first = identity;
    size_t len = read_file("identity", bytes);
    for (size_t cut = 0; cut < len; cut++)
        assert_identity_replaced(bytes, cut, first.id);
    ck_assert(logged("set aside"));
}
END_TEST

START_TEST(identity_with_any_bit_flipped_is_set_aside)
{
    char bytes[FILE_BYTES];

    start();
    struct store_identity first = identity;
    size_t len = read_file("identity", bytes);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        assert_identity_replaced(bytes, len, first.id);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
    }
}
END_TEST

START_TEST(identity_with_more_behind_it_is_set_aside)
{
    char bytes[FILE_BYTES];

    start();
    struct store_identity first = identity;
    size_t len = read_file("identity", bytes);
    memset(bytes + len, 0, sizeof bytes - len);
    assert_identity_replaced(bytes, len + 1, first.id);
    assert_identity_replaced(bytes, sizeof bytes, first.id);
    memset(bytes, 'x', sizeof bytes);
    assert_identity_replaced(bytes, sizeof bytes, first.id);
    ck_assert_int_eq(truncate(path_of("identity"), 1 << 30), 0); /* larger than anything of ours */
    start();
    ck_assert(exists("identity.bad"));
}
END_TEST

START_TEST(identity_that_is_no_file_is_set_aside)
{
    mkdir(state, 0700);
    mkdir(path_of("identity"), 0700);
    start();
    ck_assert_int_eq(rmdir(path_of("identity.bad")), 0);
    unlink(path_of("identity"));
    ck_assert_int_eq(mkfifo(path_of("identity"), 0600), 0);
    start();
    unlink(path_of("identity"));
    ck_assert_int_eq(symlink("/etc/passwd", path_of("identity")), 0);
    start();
    struct store_identity first = identity;
    start();
    ck_assert_mem_eq(identity.id, first.id, GOSSIP_ID_BYTES);
}
END_TEST

START_TEST(identity_that_cannot_be_set_aside_is_an_error)
{
    mkdir(state, 0700);
    write_file("identity", "x", 1);
    mkdir(path_of("identity.bad"), 0700);
    struct store *s = must_open();
    ck_assert(!store_identity(s, &identity, error));
    assert_refused(path_of("identity"), "cannot be set aside: ");
    store_free(s);
    ck_assert(exists("identity"));
}
END_TEST

START_TEST(identity_that_cannot_be_written_is_an_error_and_the_old_one_stays)
{
    char before[FILE_BYTES], after[FILE_BYTES];

    start();
    size_t len = read_file("identity", before);
    mkdir(path_of("identity.new"), 0700);
    struct store *s = must_open();
    ck_assert(!store_identity(s, &identity, error));
    assert_refused(path_of("identity"), "cannot be written: ");
    store_free(s);
    ck_assert_uint_eq(read_file("identity", after), len);
    ck_assert_mem_eq(before, after, len);
}
END_TEST

START_TEST(identity_that_may_not_be_read_is_an_error_and_stays)
{
    start();
    struct store *s = must_open();
    chmod(path_of("identity"), 0);
    if (geteuid() == 0) {
        chmod(state, 0777);
        chmod(dir, 0777);
        ck_assert_int_eq(seteuid(65534), 0);
    }
    ck_assert(!store_identity(s, &identity, error));
    assert_refused(path_of("identity"), "Permission denied");
    if (getuid() == 0)
        ck_assert_int_eq(seteuid(0), 0);
    store_free(s);
    ck_assert(exists("identity"));
    ck_assert(!exists("identity.bad"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("store");
    TCase *t = tcase_create("directory and identity");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, directory_is_made_with_its_parents_for_its_owner_only);
    tcase_add_test(t, second_agent_on_a_directory_is_told_of_the_first);
    tcase_add_test(t, lock_without_a_readable_pid_still_holds);
    tcase_add_test(t, directory_that_is_a_file_is_refused);
    tcase_add_test(t, directory_without_permission_is_refused);
    tcase_add_test(t, a_machine_is_known_by_its_id_and_its_board_and_by_neither_if_that_is_none);
    tcase_add_test(t, an_identity_stays_on_its_machine_and_is_another_on_another);
    tcase_add_test(t, a_damaged_tie_is_made_anew_and_an_unreadable_one_refused);
    tcase_add_test(t, an_identity_that_is_forgotten_is_another_after_the_next_start);
    tcase_add_test(t, host_number_stays_and_is_another_for_a_copied_directory);
    tcase_add_test(t, identity_stays_and_its_generation_grows);
    tcase_add_test(t, identities_of_two_directories_differ);
    tcase_add_test(t, identity_is_read_as_written);
    tcase_add_test(t, generation_grows_though_the_clock_is_behind);
    tcase_add_test(t, generation_that_could_not_grow_is_damage);
    tcase_add_test(t, identity_of_a_later_version_is_set_aside_and_named_so);
    tcase_add_test(t, identity_truncated_at_any_byte_is_set_aside);
    tcase_add_test(t, identity_with_any_bit_flipped_is_set_aside);
    tcase_add_test(t, identity_with_more_behind_it_is_set_aside);
    tcase_add_test(t, identity_that_is_no_file_is_set_aside);
    tcase_add_test(t, identity_that_cannot_be_set_aside_is_an_error);
    tcase_add_test(t, identity_that_cannot_be_written_is_an_error_and_the_old_one_stays);
    tcase_add_test(t, identity_that_may_not_be_read_is_an_error_and_stays);
    suite_add_tcase(s, t);
    return unit_run(s);
}
