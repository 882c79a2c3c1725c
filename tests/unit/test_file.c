#include "agent/base/file.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[32];
static int dir_fd;
static char bytes[16];
static size_t len;

static void setup(void)
{
    snprintf(dir, sizeof dir, "/tmp/muster-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
    ck_assert_int_ge(dir_fd, 0);
}

static int file_remove_one(const char *path, const struct stat *st, int what, struct FTW *at)
{
    (void)st, (void)what, (void)at;
    return remove(path);
}

static void teardown(void)
{
    close(dir_fd);
    nftw(dir, file_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static bool exists(const char *name)
{
    struct stat st;

    return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What was in the buffer must not be taken for the file's text. */
static void assert_unread(int error)
{
    memset(bytes, 'x', sizeof bytes);
    len = 7;
    ck_assert(!file_read(dir_fd, "f", bytes, sizeof bytes, &len));
    ck_assert_int_eq(errno, error);
    ck_assert_uint_eq(len, 0);
    ck_assert_int_eq(bytes[0], '\0');
}

START_TEST(file_is_read_as_it_was_replaced)
{
    ck_assert(file_replace(dir_fd, "f", "one", 3));
    ck_assert(file_read(dir_fd, "f", bytes, sizeof bytes, &len));
    ck_assert_uint_eq(len, 3);
    ck_assert_str_eq(bytes, "one");
    ck_assert(file_replace(dir_fd, "f", "a\0b", 3));
    ck_assert(file_read(dir_fd, "f", bytes, sizeof bytes, &len));
    ck_assert_uint_eq(len, 3);
    ck_assert_mem_eq(bytes, "a\0b", 4);
    ck_assert(file_replace(dir_fd, "f", "", 0));
    ck_assert(file_read(dir_fd, "f", bytes, sizeof bytes, &len));
    ck_assert_uint_eq(len, 0);
    ck_assert(!exists("f.new"));
}
END_TEST

START_TEST(file_is_for_its_owner_alone)
{
    struct stat st;

    umask(0);
    ck_assert(file_replace(dir_fd, "f", "one", 3));
    ck_assert_int_eq(fstatat(dir_fd, "f", &st, 0), 0);
    ck_assert_int_eq(st.st_mode & 07777, 0600);
}
END_TEST

START_TEST(file_may_fill_the_buffer_but_for_its_nul)
{
    ck_assert(file_replace(dir_fd, "f", "123456789012345", sizeof bytes - 1));
    ck_assert(file_read(dir_fd, "f", bytes, sizeof bytes, &len));
    ck_assert_uint_eq(len, sizeof bytes - 1);
    ck_assert(file_replace(dir_fd, "f", "1234567890123456", sizeof bytes));
    assert_unread(EFBIG);
}
END_TEST

START_TEST(missing_file_is_told_from_what_is_no_file)
{
    assert_unread(ENOENT);
    ck_assert_int_eq(mkdirat(dir_fd, "f", 0700), 0);
    assert_unread(EFBIG);
    ck_assert_int_eq(unlinkat(dir_fd, "f", AT_REMOVEDIR), 0);
    ck_assert_int_eq(symlinkat("nowhere", dir_fd, "f"), 0);
    assert_unread(EFBIG);
    ck_assert_int_eq(unlinkat(dir_fd, "f", 0), 0);
    ck_assert_int_eq(mkfifoat(dir_fd, "f", 0600), 0);
    assert_unread(EFBIG);
}
END_TEST

START_TEST(replacing_that_fails_leaves_the_old_file)
{
    ck_assert(file_replace(dir_fd, "f", "one", 3));
    ck_assert_int_eq(mkdirat(dir_fd, "f.new", 0700), 0);
    ck_assert(!file_replace(dir_fd, "f", "two", 3));
    ck_assert_int_eq(errno, EISDIR);
    ck_assert(file_read(dir_fd, "f", bytes, sizeof bytes, &len));
    ck_assert_str_eq(bytes, "one");
}
END_TEST

START_TEST(link_in_place_of_the_new_file_is_not_followed)
{
    ck_assert(file_replace(dir_fd, "other", "other", 5));
    ck_assert_int_eq(symlinkat("other", dir_fd, "f.new"), 0);
    ck_assert(!file_replace(dir_fd, "f", "one", 3));
    ck_assert(file_read(dir_fd, "other", bytes, sizeof bytes, &len));
    ck_assert_str_eq(bytes, "other");
}
END_TEST

START_TEST(file_set_aside_is_known_to_have_been)
{
    ck_assert(!file_was_set_aside(dir_fd, "f"));
    ck_assert(!file_set_aside(dir_fd, "f"));
    ck_assert_int_eq(errno, ENOENT);
    ck_assert(file_replace(dir_fd, "f", "one", 3));
    ck_assert(file_set_aside(dir_fd, "f"));
    ck_assert(!exists("f") && exists("f.bad"));
    ck_assert(file_was_set_aside(dir_fd, "f"));
    ck_assert(file_was_set_aside(-1, "f")); /* nobody can tell */
}
END_TEST

int main(void)
{
    Suite *s = suite_create("file");
    TCase *t = tcase_create("file");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, file_is_read_as_it_was_replaced);
    tcase_add_test(t, file_is_for_its_owner_alone);
    tcase_add_test(t, file_may_fill_the_buffer_but_for_its_nul);
    tcase_add_test(t, missing_file_is_told_from_what_is_no_file);
    tcase_add_test(t, replacing_that_fails_leaves_the_old_file);
    tcase_add_test(t, link_in_place_of_the_new_file_is_not_followed);
    tcase_add_test(t, file_set_aside_is_known_to_have_been);
    suite_add_tcase(s, t);
    return unit_run(s);
}
