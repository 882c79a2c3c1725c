#include "agent/config/script_permission.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STRANGER 12345

static char root[32]; /* stands for the root directory, so that the tests choose what it is like */
static char reason[SCRIPT_PERMISSION_REASON_BYTES];

static const char *real(const char *path)
{
    static char full[2][PATH_MAX];
    static unsigned next;
    next = !next;
    snprintf(full[next], sizeof full[next], "%s%s", root, path);
    return full[next];
}

static void make_directory(const char *path, mode_t mode)
{
    ck_assert_int_eq(mkdir(real(path), 0700), 0);
    ck_assert_int_eq(chmod(real(path), mode), 0);
}

static void make_file(const char *path, mode_t mode)
{
    int fd = open(real(path), O_CREAT | O_EXCL | O_WRONLY, 0700);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fchmod(fd, mode), 0);
    close(fd);
}

static void make_link(const char *path, const char *to)
{
    ck_assert_int_eq(symlink(to, real(path)), 0);
}

/* /etc/hooks/page.sh is as it should be; /tmp is as it is everywhere. */
static void setup(void)
{
    strcpy(root, "/tmp/muster-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    make_directory("/etc", 0755);
    make_directory("/etc/hooks", 0755);
    make_file("/etc/hooks/page.sh", 0755);
    make_directory("/tmp", 01777);
    reason[0] = '\0';
}

static int drop(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static void teardown(void)
{
    nftw(root, drop, 8, FTW_DEPTH | FTW_PHYS);
}

static void assert_passes(const char *path)
{
    ck_assert_msg(script_permission_check_below(root, path, geteuid(), reason), "%s: %s", path,
                  reason);
    ck_assert_str_eq(reason, "");
}

static void assert_refused(const char *path, const char *expected)
{
    ck_assert_msg(!script_permission_check_below(root, path, geteuid(), reason), "%s passes", path);
    ck_assert_str_eq(reason, expected);
}

START_TEST(file_that_only_its_owner_can_write_passes)
{
    assert_passes("/etc/hooks/page.sh");
    assert_passes("//etc/./hooks//../hooks/page.sh");
    assert_passes("/../etc/hooks/page.sh");
    assert_passes("/");
}
END_TEST

START_TEST(file_that_others_can_write_is_refused)
{
    static const mode_t modes[] = {0775, 0757, 0777, 0720, 0702};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        ck_assert_int_eq(chmod(real("/etc/hooks/page.sh"), modes[i]), 0);
        assert_refused("/etc/hooks/page.sh",
                       "/etc/hooks/page.sh: can be written by others than its owner; "
                       "chmod go-w it");
    }
}
END_TEST

START_TEST(directory_that_others_can_write_is_refused_wherever_it_is_on_the_way)
{
    static const char *const directories[] = {"/etc/hooks", "/etc", ""};
    for (size_t i = 0; i < 3; i++) {
        char expected[SCRIPT_PERMISSION_REASON_BYTES];
        snprintf(expected, sizeof expected,
                 "%s: can be written by others than its owner; chmod go-w it",
                 directories[i][0] != '\0' ? directories[i] : "/");
        ck_assert_int_eq(chmod(real(directories[i]), 0775), 0);
        assert_refused("/etc/hooks/page.sh", expected);
        ck_assert_int_eq(chmod(real(directories[i]), 0757), 0);
        assert_refused("/etc/hooks/page.sh", expected);
        ck_assert_int_eq(chmod(real(directories[i]), 0755), 0);
        reason[0] = '\0';
        assert_passes("/etc/hooks/page.sh");
    }
}
END_TEST

START_TEST(own_file_or_directory_in_a_sticky_directory_passes)
{
    make_directory("/tmp/own", 0700);
    make_file("/tmp/own/page.sh", 0755);
    make_file("/tmp/page.sh", 0755);
    assert_passes("/tmp/own/page.sh");
    assert_passes("/tmp/page.sh");
    ck_assert_int_eq(chmod(real("/tmp/page.sh"), 01777), 0); /* means nothing on a file */
    assert_refused("/tmp/page.sh",
                   "/tmp/page.sh: can be written by others than its owner; chmod go-w it");
}
END_TEST

START_TEST(target_of_a_link_is_checked_too)
{
    make_link("/etc/page", "hooks/page.sh");
    make_link("/tmp/scripts", "/etc/hooks");
    make_link("/tmp/up", "../etc/hooks/../page");
    assert_passes("/etc/page");
    assert_passes("/tmp/scripts/page.sh");
    assert_passes("/tmp/up");
    ck_assert_int_eq(chmod(real("/etc/hooks"), 0777), 0);
    assert_refused("/etc/page",
                   "/etc/hooks: can be written by others than its owner; chmod go-w it");
    assert_refused("/tmp/scripts/page.sh",
                   "/etc/hooks: can be written by others than its owner; chmod go-w it");
}
END_TEST

/* Its real path alone would look well. */
START_TEST(link_that_others_could_point_elsewhere_is_refused)
{
    make_directory("/open", 0777);
    make_link("/open/page", "/etc/hooks/page.sh");
    assert_refused("/open/page", "/open: can be written by others than its owner; chmod go-w it");
    assert_refused("/open/../etc/hooks/page.sh",
                   "/open: can be written by others than its owner; chmod go-w it");
}
END_TEST

START_TEST(file_of_another_user_is_refused)
{
    char expected[SCRIPT_PERMISSION_REASON_BYTES];
    if (geteuid() != 0) { /* then all of it is a stranger's */
        snprintf(expected, sizeof expected, "/: belongs to another user, %ju; chown it to root",
                 (uintmax_t)geteuid());
        ck_assert(!script_permission_check_below(root, "/etc", STRANGER, reason));
        ck_assert_str_eq(reason, expected);
        return;
    }
    make_link("/tmp/link", "/etc/hooks/page.sh");
    ck_assert_int_eq(lchown(real("/tmp/link"), STRANGER, STRANGER), 0);
    ck_assert_int_eq(chown(real("/etc/hooks/page.sh"), STRANGER, STRANGER), 0);
    assert_refused("/tmp/link", "/tmp/link: belongs to another user, 12345; chown it to root");
    assert_refused("/etc/hooks/page.sh",
                   "/etc/hooks/page.sh: belongs to another user, 12345; chown it to root");
    ck_assert(script_permission_check_below(root, "/etc/hooks/page.sh", STRANGER, reason));
    ck_assert_int_eq(chown(real("/etc"), STRANGER, STRANGER), 0);
    assert_refused("/etc/hooks/page.sh", "/etc: belongs to another user, 12345; chown it to root");
}
END_TEST

START_TEST(path_that_leads_nowhere_is_refused)
{
    static char long_path[2 * PATH_MAX];
    assert_refused("/etc/none", "/etc/none: No such file or directory; name a path that leads to a "
                                "file");
    make_link("/etc/loop", "loop");
    assert_refused(
        "/etc/loop",
        "/etc/loop: Too many levels of symbolic links; name a path that leads to a file");
    memset(long_path, '/', sizeof long_path - 1);
    assert_refused(long_path, "/: File name too long; use a shorter path");
    make_link("/etc/ro\not", "none");
    assert_refused("/etc/ro\not/x", "/etc/none: No such file or directory; name a path that leads "
                                    "to a file");
    assert_refused("/etc/a\nb",
                   "/etc/a\\nb: No such file or directory; name a path that leads to a file");
}
END_TEST

START_TEST(whole_path_is_checked_from_the_real_root)
{
    char path[PATH_MAX];
    ck_assert_msg(script_permission_check("/bin/sh", 0, reason), "%s", reason);
    snprintf(path, sizeof path, "%s/etc/hooks/page.sh", root);
    ck_assert_msg(script_permission_check(path, geteuid(), reason), "%s", reason);
    ck_assert_int_eq(chmod(real("/etc"), 0777), 0);
    ck_assert(!script_permission_check(path, geteuid(), reason));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("script permissions");
    TCase *t = tcase_create("script permissions");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, file_that_only_its_owner_can_write_passes);
    tcase_add_test(t, file_that_others_can_write_is_refused);
    tcase_add_test(t, directory_that_others_can_write_is_refused_wherever_it_is_on_the_way);
    tcase_add_test(t, own_file_or_directory_in_a_sticky_directory_passes);
    tcase_add_test(t, target_of_a_link_is_checked_too);
    tcase_add_test(t, link_that_others_could_point_elsewhere_is_refused);
    tcase_add_test(t, file_of_another_user_is_refused);
    tcase_add_test(t, path_that_leads_nowhere_is_refused);
    tcase_add_test(t, whole_path_is_checked_from_the_real_root);
    suite_add_tcase(s, t);
    return unit_run(s);
}
