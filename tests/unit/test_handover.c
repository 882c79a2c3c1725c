/* Two stewards' processes, and what one gives the other. */
#include "agent/steward/handover.h"

#include "tests/unit/unit.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HOLDS = 3 };

static char name[HANDOVER_NAME_BYTES];
static struct handover_hold into[STEWARD_VIPS_MAX];

/* In the place of libc's, which it calls: for the two calls that handover.c makes, as it passes
 * them. */
static bool has_no_pidfd;

long syscall(long number, ...)
{
    long (*libc_syscall)(long, ...);
    va_list list;
    if (number == SYS_pidfd_open && has_no_pidfd) {
        errno = ENOSYS;
        return -1;
    }
    *(void **)&libc_syscall = dlsym(RTLD_NEXT, "syscall");
    va_start(list, number);
    int first = va_arg(list, int), second = va_arg(list, int);
    void *info = number == SYS_pidfd_send_signal ? va_arg(list, void *) : NULL;
    va_end(list);
    return libc_syscall(number, first, second, info, 0);
}

static void setup(void)
{
    snprintf(name, sizeof name, "muster-test-%d", (int)getpid());
}

static struct handover_hold hold_of(unsigned i)
{
    struct handover_hold h = {.epoch = 7 + i, .until_us = 1000 + i, .kernel_until_us = 2000 + i};
    snprintf(h.vip.name, sizeof h.vip.name, "vip%u", i);
    return h;
}

/* ---- the predecessor, in a process of its own ---- */

typedef void life_fn(int listen_fd);

/* Once it listens. */
static pid_t start(life_fn *life)
{
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int fd = handover_listen(name);
        if (fd < 0 || write(ready[1], "x", 1) != 1)
            _exit(99);
        life(fd);
        _exit(0);
    }
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

static void await_connection(int listen_fd)
{
    struct pollfd polled = {.fd = listen_fd, .events = POLLIN};
    poll(&polled, 1, -1);
}

static void give(int listen_fd)
{
    struct handover_hold holds[HOLDS];
    for (unsigned i = 0; i < HOLDS; i++)
        holds[i] = hold_of(i);
    await_connection(listen_fd);
    if (handover_answer(listen_fd, holds, HOLDS, false) < 0)
        _exit(1);
}

static void refuse(int listen_fd)
{
    struct handover_hold hold = hold_of(0);
    await_connection(listen_fd);
    if (handover_answer(listen_fd, &hold, 1, true) >= 0)
        _exit(1);
    pause();
}

static void give_and_stay(int listen_fd)
{
    give(listen_fd);
    pause();
}

static void say_nothing(int listen_fd)
{
    (void)listen_fd;
    pause();
}

static void answer_in_another_version(int listen_fd)
{
    char bytes[16] = {HANDOVER_VERSION + 1};
    await_connection(listen_fd);
    int fd = accept(listen_fd, NULL, NULL);
    (void)!send(fd, bytes, sizeof bytes, 0);
    pause();
}

static void expect_killed(pid_t pid)
{
    int status;
    ck_assert_int_eq(waitpid(pid, &status, WNOHANG), pid);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGKILL);
}

/* Those that have connected before, and have gone again. */
static void connect_often(int times)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    memcpy(sa.sun_path + 1, name, strlen(name));
    socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
    while (times-- > 0) {
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
        ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, bytes), 0);
        close(fd);
    }
}

static size_t take(void)
{
    size_t count;
    ck_assert(handover_take(name, into, &count));
    return count;
}

/* ---- the tests ---- */

START_TEST(without_a_predecessor_there_is_nothing)
{
    ck_assert_uint_eq(take(), 0);
    size_t count = 1;
    ck_assert(handover_take("", into, &count));
    ck_assert_uint_eq(count, 0);
    ck_assert_int_eq(handover_listen(""), -1);
}
END_TEST

START_TEST(what_is_held_is_given_and_the_predecessor_has_let_go_by_then)
{
    pid_t pid = start(give);
    int status;
    ck_assert_uint_eq(take(), HOLDS);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    for (unsigned i = 0; i < HOLDS; i++) {
        struct handover_hold expected = hold_of(i);
        ck_assert_mem_eq(&into[i], &expected, sizeof expected);
    }
    int fd = handover_listen(name);
    ck_assert_int_ge(fd, 0);
    close(fd);
}
END_TEST

START_TEST(one_whose_agent_lives_gives_nothing_and_lives_on)
{
    size_t count = 1;
    pid_t pid = start(refuse);
    ck_assert(!handover_take(name, into, &count));
    ck_assert_int_eq(errno, EBUSY);
    ck_assert_uint_eq(count, 0);
    ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), 0);
    ck_assert_int_eq(handover_listen(name), -1);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}
END_TEST

START_TEST(one_that_does_not_answer_is_killed)
{
    pid_t pid = start(say_nothing);
    ck_assert_uint_eq(take(), 0);
    expect_killed(pid);
}
END_TEST

START_TEST(one_that_does_not_answer_is_killed_after_many_starts_that_came_to_nothing)
{
    pid_t pid = start(say_nothing);
    connect_often(8);
    ck_assert_uint_eq(take(), 0);
    expect_killed(pid);
}
END_TEST

START_TEST(one_that_cannot_be_asked_is_not_taken_for_none)
{
    size_t count = 1;
    int fd = handover_listen(name);
    ck_assert_int_eq(listen(fd, 0), 0);
    connect_often(1);
    ck_assert(!handover_take(name, into, &count));
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_uint_eq(count, 0);
    close(fd);
}
END_TEST

START_TEST(one_of_another_version_is_killed)
{
    pid_t pid = start(answer_in_another_version);
    ck_assert_uint_eq(take(), 0);
    expect_killed(pid);
}
END_TEST

START_TEST(one_that_does_not_let_go_is_killed_and_what_it_gave_is_taken)
{
    pid_t pid = start(give_and_stay);
    ck_assert_uint_eq(take(), HOLDS);
    expect_killed(pid);
}
END_TEST

START_TEST(another_user_gets_nothing_and_is_not_trusted)
{
    if (geteuid() != 0)
        return;
    pid_t pid = start(give);
    pid_t other = fork();
    if (other == 0)
        _exit(seteuid(65534) == 0 && take() == 0 ? 0 : 1);
    int status;
    waitpid(other, &status, 0);
    ck_assert_int_eq(status, 0);
    waitpid(pid, &status, 0);
    ck_assert_int_eq(WEXITSTATUS(status), 1); /* it had nobody to give it to */
}
END_TEST

START_TEST(a_directory_has_one_name_and_another_has_another)
{
    char other[HANDOVER_NAME_BYTES];
    handover_name("/", name);
    handover_name("/.", other);
    ck_assert_str_eq(name, other);
    handover_name("/proc", other);
    ck_assert_str_ne(name, other);
    handover_name("/there/is/none", other);
    ck_assert_str_eq(other, "");
}
END_TEST

/* As on a kernel, or behind a filter, without pidfd_open(2). */
START_TEST(one_whose_process_cannot_be_opened_is_not_taken_for_none)
{
    size_t count = 1;
    pid_t pid = start(say_nothing);
    has_no_pidfd = true;
    ck_assert(!handover_take(name, into, &count));
    ck_assert_int_eq(errno, ENOSYS);
    ck_assert_uint_eq(count, 0);
    ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("handover");
    TCase *t = tcase_create("two processes");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, without_a_predecessor_there_is_nothing);
    tcase_add_test(t, one_that_cannot_be_asked_is_not_taken_for_none);
    tcase_add_test(t, another_user_gets_nothing_and_is_not_trusted);
    tcase_add_test(t, a_directory_has_one_name_and_another_has_another);
    if (!getenv("MUSTER_VALGRIND")) { /* which knows no pidfd_open(2) */
        tcase_add_test(t, what_is_held_is_given_and_the_predecessor_has_let_go_by_then);
        tcase_add_test(t, one_whose_agent_lives_gives_nothing_and_lives_on);
        tcase_add_test(t, one_that_does_not_answer_is_killed);
        tcase_add_test(t,
                       one_that_does_not_answer_is_killed_after_many_starts_that_came_to_nothing);
        tcase_add_test(t, one_of_another_version_is_killed);
        tcase_add_test(t, one_that_does_not_let_go_is_killed_and_what_it_gave_is_taken);
    }
    tcase_add_test(t, one_whose_process_cannot_be_opened_is_not_taken_for_none);
    suite_add_tcase(s, t);
    return unit_run(s);
}
