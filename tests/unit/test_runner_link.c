/* The agent's end of the socket to the runner; the test is the runner. */
#include "agent/scripts/runner_link.h"

#include "tests/unit/fake_log.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct event_base *base;
static struct runner_link *l;
static int peer_fd; /* the other end; -1: closed */

/* What one run was told of. */
struct end {
    unsigned times;
    bool has_run;
    int value;
};
static struct end ends[RUNNER_RUNS_MAX];
static uint32_t ids[RUNNER_RUNS_MAX];
static struct end reloaded;

static uint32_t reload_id; /* of the last reload that was asked for: they are counted */

static unsigned lost_times;
static void on_lost(void *arg)
{
    (void)arg;
    lost_times++;
}

static void setup(void)
{
    reload_id = 0;
    lost_times = 0;
    int pair[2];
    memset(ends, 0, sizeof ends);
    reloaded = (struct end){0};
    fake_log_reset();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
                     0);
    base = event_base_new();
    peer_fd = pair[1];
    l = runner_link_new(base, pair[0], on_lost, NULL);
    ck_assert_ptr_nonnull(l);
}

static void hang_up(void)
{
    if (peer_fd >= 0)
        close(peer_fd);
    peer_fd = -1;
}

static void teardown(void)
{
    runner_link_free(l);
    hang_up();
    event_base_free(base);
    fake_log_reset();
}

static void turn(void)
{
    event_base_loop(base, EVLOOP_NONBLOCK);
}

/* ---- the agent's side ---- */

static void note(struct end *end, bool has_run, int value)
{
    end->times++;
    end->has_run = has_run;
    end->value = value;
}

static void on_ended(void *arg, bool has_run, int value)
{
    note(arg, has_run, value);
}

static char reload_text[64]; /* "": there was none */

static void on_reloaded(void *arg, int error, const char *text)
{
    snprintf(reload_text, sizeof reload_text, "%s", text ? text : "");
    note(arg, false, error);
}

static bool ask_reload(runner_reloaded_fn *done, void *arg)
{
    bool asked_for = runner_link_reload(l, done, arg);
    reload_id += asked_for;
    return asked_for;
}

static uint32_t run(size_t which)
{
    static const int fds[RUNNER_FDS] = {0, 1, 2};
    ids[which] = runner_link_run(l, 7, 64, 1000, fds, on_ended, &ends[which]);
    return ids[which];
}

static void assert_end(size_t which, bool has_run, int value)
{
    ck_assert_uint_eq(ends[which].times, 1);
    ck_assert_int_eq(ends[which].has_run, has_run);
    ck_assert_int_eq(ends[which].value, value);
}

/* ---- the runner's side ---- */

/* The next request, and how many descriptors came with it, which are closed, but for the first,
 * which is left in *first (NULL: it is not). kind 0: there is none. */
static struct runner_request asked_with(size_t *fds_count, int *first)
{
    struct runner_request r = {0};
    uint8_t bytes[64];
    union {
        char bytes[CMSG_SPACE(8 * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = {bytes, sizeof bytes};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t n = recvmsg(peer_fd, &message, MSG_CMSG_CLOEXEC);
    *fds_count = 0;
    if (n < 0)
        return r;
    ck_assert_int_eq(runner_request_check(bytes, (size_t)n, &r), 0);
    const struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    *fds_count = c ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
    for (size_t i = 0; i < *fds_count; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
        if (i == 0 && first)
            *first = fd;
        else
            close(fd);
    }
    return r;
}

static struct runner_request asked(void)
{
    size_t fds_count;
    return asked_with(&fds_count, NULL);
}

/* Tells it to the agent. */
static void tell(enum runner_report_kind kind, uint32_t id, int value)
{
    struct runner_report r = {
        .version = RUNNER_VERSION, .kind = (uint8_t)kind, .id = id, .value = value};
    ck_assert_int_eq(send(peer_fd, &r, sizeof r, MSG_NOSIGNAL), sizeof r);
    turn();
}

/* ---- runs ---- */

START_TEST(a_run_is_asked_for_with_its_descriptors_in_their_order)
{
    struct stat given, got;
    int fds[RUNNER_FDS], first = -1;
    size_t count;
    fds[0] = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    fds[1] = fds[2] = peer_fd;
    ck_assert_int_ge(fds[0], 0);
    uint32_t id = runner_link_run(l, UINT64_MAX - 1, 1000, 5000, fds, on_ended, &ends[0]);
    ck_assert_uint_ne(id, 0);
    struct runner_request r = asked_with(&count, &first);
    ck_assert_int_eq(r.kind, RUNNER_RUN);
    ck_assert_uint_eq(r.id, id);
    ck_assert_uint_eq(r.key, UINT64_MAX - 1);
    ck_assert_uint_eq(r.descriptors, 1000);
    ck_assert_uint_eq(count, RUNNER_FDS);
    ck_assert_int_eq(fstat(fds[0], &given) | fstat(first, &got), 0);
    ck_assert_uint_eq(given.st_ino, got.st_ino);
    close(fds[0]);
    close(first);
    ck_assert_int_eq(asked().kind, 0);
}
END_TEST

START_TEST(an_end_is_told_once_to_whom_it_concerns)
{
    ck_assert_uint_ne(run(0), run(1));
    ck_assert_uint_ne(run(2), 0);
    tell(RUNNER_ENDED, ids[1], 3 << 8);
    assert_end(1, true, 3 << 8);
    tell(RUNNER_REFUSED, ids[2], ENOENT);
    assert_end(2, false, ENOENT);
    tell(RUNNER_ENDED, ids[1], 0);
    tell(RUNNER_REFUSED, ids[1], EBUSY);
    tell(RUNNER_ENDED, ids[0] + 100, 0);
    tell(RUNNER_ENDED, 0, 0);
    assert_end(1, true, 3 << 8);
    ck_assert_uint_eq(ends[0].times, 0);
    tell(RUNNER_ENDED, ids[0], 9);
    assert_end(0, true, 9);
}
END_TEST

START_TEST(many_ends_at_once_are_all_told)
{
    for (size_t i = 0; i < 10; i++)
        run(i);
    for (size_t i = 0; i < 10; i++) {
        struct runner_report r = {.version = RUNNER_VERSION, .kind = RUNNER_ENDED, .id = ids[i]};
        ck_assert_int_eq(send(peer_fd, &r, sizeof r, MSG_NOSIGNAL), sizeof r);
    }
    turn();
    for (size_t i = 0; i < 10; i++)
        assert_end(i, true, 0);
}
END_TEST

START_TEST(a_report_that_is_none_is_passed_over)
{
    struct runner_report r = {.version = RUNNER_VERSION + 1, .kind = RUNNER_ENDED};
    r.id = run(0);
    ck_assert_int_eq(send(peer_fd, &r, sizeof r, MSG_NOSIGNAL), sizeof r);
    r.version = RUNNER_VERSION;
    ck_assert_int_eq(send(peer_fd, &r, sizeof r - 1, MSG_NOSIGNAL), sizeof r - 1);
    turn();
    ck_assert_uint_eq(ends[0].times, 0);
    tell(RUNNER_ENDED, ids[0], 0);
    assert_end(0, true, 0);
}
END_TEST

START_TEST(who_has_forgotten_a_run_is_told_nothing)
{
    run(0);
    run(1);
    runner_link_forget(l, ids[0]);
    runner_link_forget(l, 0);
    runner_link_forget(l, ids[1] + 1);
    tell(RUNNER_ENDED, ids[0], 0);
    tell(RUNNER_ENDED, ids[1], 0);
    ck_assert_uint_eq(ends[0].times, 0);
    assert_end(1, true, 0);
}
END_TEST

START_TEST(stop_and_kill_name_the_run_and_bring_nothing_along)
{
    size_t count;
    run(0);
    asked();
    ck_assert(runner_link_stop(l, ids[0]));
    ck_assert(runner_link_kill(l, ids[0]));
    struct runner_request r = asked_with(&count, NULL);
    ck_assert_int_eq(r.kind, RUNNER_STOP);
    ck_assert_uint_eq(r.id, ids[0]);
    ck_assert_uint_eq(count, 0);
    r = asked_with(&count, NULL);
    ck_assert_int_eq(r.kind, RUNNER_KILL);
    ck_assert_uint_eq(r.id, ids[0]);
    ck_assert_uint_eq(count, 0);
    ck_assert_uint_eq(ends[0].times, 0);
}
END_TEST

/* ---- no room ---- */

START_TEST(more_runs_than_there_can_be_are_not_asked_for)
{
    for (size_t i = 0; i < RUNNER_RUNS_MAX; i++) {
        ck_assert_uint_ne(run(i), 0);
        ck_assert_int_eq(asked().kind, RUNNER_RUN);
    }
    uint32_t kept = ids[0];
    ck_assert_uint_eq(run(0), 0);
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_int_eq(asked().kind, 0);
    tell(RUNNER_ENDED, ids[9], 0);
    assert_end(9, true, 0);
    ck_assert_uint_ne(run(9), 0);
    tell(RUNNER_ENDED, kept, 0);
    assert_end(0, true, 0);
}
END_TEST

START_TEST(a_runner_that_does_not_read_is_asked_for_no_more)
{
    size_t count = 0;
    while (count < RUNNER_RUNS_MAX && run(count) != 0)
        count++;
    while (runner_link_stop(l, 1))
        ;
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert(!ask_reload(on_reloaded, &reloaded));
    ck_assert_int_eq(errno, EAGAIN);
    tell(RUNNER_ENDED, ids[0], 0);
    assert_end(0, true, 0);
    ck_assert_uint_eq(run(0), 0);
    ck_assert_int_eq(errno, EAGAIN);
    while (asked().kind != 0)
        ;
    tell(RUNNER_RELOADED, reload_id, 0);
    ck_assert_uint_eq(reloaded.times, 0); /* what could not be said is not waited for */
    ck_assert(ask_reload(on_reloaded, &reloaded));
    ends[0].times = 0;
    ck_assert_uint_ne(run(0), 0);
    ck_assert_uint_eq(ends[0].times, 0);
}
END_TEST

/* ---- the configuration ---- */

START_TEST(what_is_wrong_with_it_is_told)
{
    struct runner_report r = {
        .version = RUNNER_VERSION, .kind = RUNNER_RELOADED, .id = 1, .value = EINVAL};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec part = {&r, sizeof r};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    FILE *text = tmpfile();
    fputs("muster.conf:1: so it is", text);
    fflush(text);
    int fd = fileno(text);
    *c = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    ck_assert(ask_reload(on_reloaded, &reloaded));
    ck_assert_int_eq(sendmsg(peer_fd, &message, MSG_NOSIGNAL), sizeof r);
    turn();
    ck_assert_int_eq(reloaded.value, EINVAL);
    ck_assert_str_eq(reload_text, "muster.conf:1: so it is");
    fclose(text);
    ck_assert(ask_reload(on_reloaded, &reloaded));
    tell(RUNNER_RELOADED, reload_id, EINVAL);
    ck_assert_str_eq(reload_text, "");
}
END_TEST

START_TEST(one_reload_is_asked_for_at_a_time)
{
    struct end second = {0};
    ck_assert(ask_reload(on_reloaded, &reloaded));
    ck_assert_int_eq(asked().kind, RUNNER_RELOAD);
    ck_assert(!ask_reload(on_reloaded, &second));
    ck_assert_int_eq(errno, EBUSY);
    ck_assert_int_eq(asked().kind, 0);
    tell(RUNNER_RELOADED, reload_id, EINVAL);
    ck_assert_uint_eq(reloaded.times, 1);
    ck_assert_int_eq(reloaded.value, EINVAL);
    ck_assert(ask_reload(on_reloaded, &second));
    tell(RUNNER_RELOADED, reload_id, 0);
    tell(RUNNER_RELOADED, reload_id, 0);
    ck_assert_uint_eq(second.times, 1);
    ck_assert_int_eq(second.value, 0);
    ck_assert_uint_eq(reloaded.times, 1);
}
END_TEST

static void reload_again(void *arg, int error, const char *text)
{
    ck_assert_ptr_null(text);
    note(arg, false, error);
    ck_assert(ask_reload(on_reloaded, arg));
}

START_TEST(a_reload_that_nobody_waits_for_any_more_is_not_taken_for_the_next)
{
    ck_assert(ask_reload(on_reloaded, &reloaded));
    ck_assert_int_eq(asked().kind, RUNNER_RELOAD);
    runner_link_rollback(l);
    ck_assert_int_eq(asked().kind, RUNNER_ROLLBACK);
    ck_assert(ask_reload(on_reloaded, &reloaded));
    tell(RUNNER_RELOADED, reload_id - 1, 0);
    ck_assert_uint_eq(reloaded.times, 0);
    tell(RUNNER_RELOADED, reload_id, ENOMEM);
    ck_assert_int_eq(reloaded.value, ENOMEM);
}
END_TEST

START_TEST(what_becomes_of_a_reload_is_said_by_its_id)
{
    ck_assert(ask_reload(on_reloaded, &reloaded));
    tell(RUNNER_RELOADED, reload_id, 0);
    ck_assert_int_eq(asked().kind, RUNNER_RELOAD);
    ck_assert(runner_link_commit(l));
    struct runner_request r = asked();
    ck_assert_int_eq(r.kind, RUNNER_COMMIT);
    ck_assert_uint_eq(r.id, reload_id);
    ck_assert(runner_link_prune(l));
    ck_assert_int_eq(asked().kind, RUNNER_PRUNE);
    hang_up();
    turn();
    ck_assert(!runner_link_commit(l));
    ck_assert(!runner_link_prune(l));
}
END_TEST

START_TEST(who_is_told_of_a_reload_may_ask_for_the_next)
{
    ck_assert(ask_reload(reload_again, &reloaded));
    tell(RUNNER_RELOADED, reload_id, 0);
    ck_assert_uint_eq(reloaded.times, 1);
    tell(RUNNER_RELOADED, reload_id, ENOMEM);
    ck_assert_uint_eq(reloaded.times, 2);
    ck_assert_int_eq(reloaded.value, ENOMEM);
}
END_TEST

START_TEST(a_link_that_ends_tells_who_waits_for_a_reload_and_no_run)
{
    run(0);
    ck_assert(ask_reload(on_reloaded, &reloaded));
    runner_link_free(l);
    l = NULL;
    ck_assert_uint_eq(reloaded.times, 1);
    ck_assert_int_eq(reloaded.value, ECANCELED);
    ck_assert_uint_eq(ends[0].times, 0);
}
END_TEST

/* ---- no runner ---- */

static void run_another(void *arg, bool has_run, int value)
{
    note(arg, has_run, value);
    ck_assert_uint_eq(run(9), 0);
    ck_assert_int_eq(errno, EPIPE);
}

static void assert_nothing_can_be_asked(void)
{
    ck_assert_uint_eq(run(8), 0);
    ck_assert_int_eq(errno, EPIPE);
    ck_assert(!runner_link_stop(l, 1));
    ck_assert(!runner_link_kill(l, 1));
    ck_assert(!ask_reload(on_reloaded, &reloaded));
    ck_assert_int_eq(errno, EPIPE);
    ck_assert_uint_eq(ends[8].times, 0);
}

START_TEST(a_runner_that_is_gone_ends_all_and_is_told_of_once)
{
    static const int fds[RUNNER_FDS] = {0, 1, 2};
    run(0);
    ck_assert_uint_ne(runner_link_run(l, 7, 64, 1000, fds, run_another, &ends[1]), 0);
    run(2);
    runner_link_forget(l, ids[2]);
    run(3);
    ck_assert(ask_reload(on_reloaded, &reloaded));
    tell(RUNNER_ENDED, ids[0], 0);
    hang_up();
    turn();
    assert_end(0, true, 0);
    assert_end(1, false, EPIPE);
    ck_assert_uint_eq(ends[2].times, 0);
    assert_end(3, false, EPIPE);
    ck_assert_uint_eq(reloaded.times, 1);
    ck_assert_int_eq(reloaded.value, EPIPE);
    turn();
    assert_nothing_can_be_asked();
    assert_end(3, false, EPIPE);
    ck_assert_uint_eq(reloaded.times, 1);
    ck_assert_uint_eq(lost_times, 1);
    ck_assert(!runner_link_is_up(l));
}
END_TEST

START_TEST(what_it_has_said_before_it_went_counts)
{
    struct runner_report r = {.version = RUNNER_VERSION, .kind = RUNNER_ENDED, .value = 5};
    r.id = run(0);
    run(1);
    while (asked().kind != 0)
        ;
    ck_assert_int_eq(send(peer_fd, &r, sizeof r, MSG_NOSIGNAL), sizeof r);
    hang_up();
    turn();
    assert_end(0, true, 5);
    assert_end(1, false, EPIPE);
}
END_TEST

START_TEST(without_a_runner_nothing_runs)
{
    runner_link_free(l);
    l = runner_link_new(base, -1, on_lost, NULL);
    ck_assert_ptr_nonnull(l);
    turn();
    assert_nothing_can_be_asked();
    ck_assert(!runner_link_is_up(l));
    ck_assert_uint_eq(lost_times, 0);
    ck_assert_uint_eq(reloaded.times, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("runner_link");
    TCase *t = tcase_create("runner_link");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_run_is_asked_for_with_its_descriptors_in_their_order);
    tcase_add_test(t, an_end_is_told_once_to_whom_it_concerns);
    tcase_add_test(t, many_ends_at_once_are_all_told);
    tcase_add_test(t, a_report_that_is_none_is_passed_over);
    tcase_add_test(t, who_has_forgotten_a_run_is_told_nothing);
    tcase_add_test(t, stop_and_kill_name_the_run_and_bring_nothing_along);
    tcase_add_test(t, more_runs_than_there_can_be_are_not_asked_for);
    tcase_add_test(t, a_runner_that_does_not_read_is_asked_for_no_more);
    tcase_add_test(t, what_is_wrong_with_it_is_told);
    tcase_add_test(t, one_reload_is_asked_for_at_a_time);
    tcase_add_test(t, a_reload_that_nobody_waits_for_any_more_is_not_taken_for_the_next);
    tcase_add_test(t, who_is_told_of_a_reload_may_ask_for_the_next);
    tcase_add_test(t, what_becomes_of_a_reload_is_said_by_its_id);
    tcase_add_test(t, a_link_that_ends_tells_who_waits_for_a_reload_and_no_run);
    tcase_add_test(t, a_runner_that_is_gone_ends_all_and_is_told_of_once);
    tcase_add_test(t, what_it_has_said_before_it_went_counts);
    tcase_add_test(t, without_a_runner_nothing_runs);
    suite_add_tcase(s, t);
    return unit_run(s);
}
