#include "agent/base/directory.h"
#include "agent/base/error.h"
#include "tests/unit/unit.h"

#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char base[32], path[64];
static char error[ERROR_BYTES];
static struct directory directory;

static void setup(void)
{
    snprintf(base, sizeof base, "/tmp/muster-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(base));
    umask(022);
    snprintf(path, sizeof path, "%s/up/run", base);
    ck_assert_msg(directory_open(&directory, path, 0750, "-r", error), "%s", error);
}

static int directory_remove_one(const char *name, const struct stat *st, int what, struct FTW *at)
{
    (void)st, (void)what, (void)at;
    return remove(name);
}

static void teardown(void)
{
    directory_close(&directory);
    nftw(base, directory_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static mode_t mode_of(const char *name)
{
    struct stat st;

    ck_assert_int_eq(lstat(name, &st), 0);
    return st.st_mode & 07777;
}

static struct sockaddr_un socket_addr(const char *name)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};

    snprintf(sa.sun_path, sizeof sa.sun_path, "%s/%s", path, name);
    return sa;
}

/* True if somebody listens there. */
static bool answers(const char *name)
{
    struct sockaddr_un sa = socket_addr(name);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    bool connected = connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0;

    close(fd);
    return connected;
}

START_TEST(directory_is_made_with_its_mode_and_its_parents_for_all_to_see)
{
    char up[64];

    snprintf(up, sizeof up, "%s/up", base);
    ck_assert_uint_eq(mode_of(path), 0750);
    ck_assert_uint_eq(mode_of(up), 0755);
    ck_assert(directory_make(path, 0700)); /* there already, and left as it is */
    ck_assert_uint_eq(mode_of(path), 0750);
}
END_TEST

START_TEST(directory_is_free_until_it_is_opened_and_after_it_is_closed)
{
    struct directory second;
    char pid[32];

    snprintf(pid, sizeof pid, "pid %d", (int)getpid());
    ck_assert(!directory_is_free(path, "-r", error));
    ck_assert_msg(strstr(error, path) && strstr(error, pid) && strstr(error, "-r"), "%s", error);
    error[0] = '\0';
    ck_assert(!directory_open(&second, path, 0750, "-r", error));
    ck_assert_msg(strstr(error, pid) != NULL, "%s", error);
    directory_close(&directory);
    directory_close(&directory);
    ck_assert(directory_is_free(path, "-r", error));
    ck_assert(directory_open(&second, path, 0750, "-r", error));
    directory_close(&second);
}
END_TEST

START_TEST(directory_that_is_not_there_yet_is_free)
{
    snprintf(path, sizeof path, "%s/none", base);
    ck_assert(directory_is_free(path, "-r", error));
}
END_TEST

START_TEST(socket_takes_the_place_of_what_a_dead_agent_left)
{
    int left = directory_listen(&directory, "control.sock", 0600, (gid_t)-1, error);

    ck_assert_int_ge(left, 0);
    ck_assert(answers("control.sock"));
    close(left);
    ck_assert(!answers("control.sock"));
    int fd = directory_listen(&directory, "control.sock", 0660, getegid(), error);
    ck_assert_msg(fd >= 0, "%s", error);
    ck_assert(answers("control.sock"));
    ck_assert_uint_eq(mode_of(socket_addr("control.sock").sun_path), 0660);
    close(fd);
}
END_TEST

START_TEST(socket_that_cannot_be_there_is_said)
{
    char name[120];

    memset(name, 's', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    ck_assert_int_lt(directory_listen(&directory, name, 0600, (gid_t)-1, error), 0);
    ck_assert_msg(strstr(error, "at most 107 bytes") != NULL, "%s", error);
    ck_assert_int_eq(mkdir(socket_addr("events.sock").sun_path, 0700), 0);
    ck_assert_int_lt(directory_listen(&directory, "events.sock", 0600, (gid_t)-1, error), 0);
    ck_assert_msg(strstr(error, "events.sock: cannot be removed") != NULL, "%s", error);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("directory");
    TCase *t = tcase_create("directory");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, directory_is_made_with_its_mode_and_its_parents_for_all_to_see);
    tcase_add_test(t, directory_is_free_until_it_is_opened_and_after_it_is_closed);
    tcase_add_test(t, directory_that_is_not_there_yet_is_free);
    tcase_add_test(t, socket_takes_the_place_of_what_a_dead_agent_left);
    tcase_add_test(t, socket_that_cannot_be_there_is_said);
    suite_add_tcase(s, t);
    return unit_run(s);
}
