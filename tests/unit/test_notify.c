#include "agent/base/notify.h"
#include "tests/unit/unit.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[32];
static char path[64];

static void setup(void)
{
    snprintf(dir, sizeof dir, "/tmp/muster-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/notify", dir);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

static void teardown(void)
{
    unlink(path);
    rmdir(dir);
}

/* A socket as systemd's; name_bytes: of sun_path. */
static int listen_at(const char *name, size_t name_bytes)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    memcpy(addr.sun_path, name, name_bytes);
    socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_bytes);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, bytes), 0);
    return fd;
}

static void assert_got(int fd, const char *expected)
{
    char got[128];
    ssize_t n = recv(fd, got, sizeof got - 1, 0);

    ck_assert_int_ge(n, 0);
    got[n] = '\0';
    ck_assert_str_eq(got, expected);
}

START_TEST(state_arrives_at_the_path)
{
    int fd = listen_at(path, strlen(path));

    setenv("NOTIFY_SOCKET", path, 1);
    notify_send("READY=1\nSTATUS=3 members");
    assert_got(fd, "READY=1\nSTATUS=3 members");
    close(fd);
}
END_TEST

START_TEST(state_arrives_at_an_abstract_name)
{
    char name[64];

    snprintf(name, sizeof name, "@muster-test-%d", (int)getpid());
    setenv("NOTIFY_SOCKET", name, 1);
    name[0] = '\0';
    int fd = listen_at(name, 1 + strlen(name + 1));
    notify_send("WATCHDOG=1");
    assert_got(fd, "WATCHDOG=1");
    close(fd);
}
END_TEST

START_TEST(nothing_is_sent_to_nobody)
{
    static const char *const bad[] = {"", "relative", "vsock:2:1234", "/nowhere/at/all"};
    char long_path[200];
    int before = dup(0);

    memset(long_path, 'x', sizeof long_path - 1);
    long_path[0] = '/';
    long_path[sizeof long_path - 1] = '\0';
    notify_send("READY=1");
    setenv("NOTIFY_SOCKET", long_path, 1);
    notify_send("READY=1");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        setenv("NOTIFY_SOCKET", bad[i], 1);
        notify_send("READY=1");
    }
    int after = dup(0);
    ck_assert_int_eq(after, before + 1); /* and no descriptor is left open */
    close(before);
    close(after);
}
END_TEST

START_TEST(reader_that_never_reads_blocks_nobody)
{
    int fd = listen_at(path, strlen(path));

    setenv("NOTIFY_SOCKET", path, 1);
    for (int i = 0; i < 5000; i++)
        notify_send("WATCHDOG=1");
    assert_got(fd, "WATCHDOG=1");
    close(fd);
}
END_TEST

START_TEST(watchdog_is_fed_twice_in_its_time)
{
    char pid[16];

    ck_assert_int_eq(notify_watchdog_us(), 0);
    setenv("WATCHDOG_USEC", "10000000", 1);
    ck_assert_int_eq(notify_watchdog_us(), 5000000);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    ck_assert_int_eq(notify_watchdog_us(), 5000000);
}
END_TEST

START_TEST(watchdog_of_another_process_is_not_ours)
{
    setenv("WATCHDOG_USEC", "10000000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    ck_assert_int_eq(notify_watchdog_us(), 0);
}
END_TEST

START_TEST(watchdog_that_is_no_number_is_none)
{
    static const char *const bad[] = {"", "x", "-5", "10s", " 7", "99999999999999999999999"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        setenv("WATCHDOG_USEC", bad[i], 1);
        ck_assert_int_eq(notify_watchdog_us(), 0);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("notify");
    TCase *t = tcase_create("notify");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, state_arrives_at_the_path);
    tcase_add_test(t, state_arrives_at_an_abstract_name);
    tcase_add_test(t, nothing_is_sent_to_nobody);
    tcase_add_test(t, reader_that_never_reads_blocks_nobody);
    tcase_add_test(t, watchdog_is_fed_twice_in_its_time);
    tcase_add_test(t, watchdog_of_another_process_is_not_ours);
    tcase_add_test(t, watchdog_that_is_no_number_is_none);
    suite_add_tcase(s, t);
    return unit_run(s);
}
