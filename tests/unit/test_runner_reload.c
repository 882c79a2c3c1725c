/* runner: a reload of its list of scripts, prepared, committed or rolled back. */
#include "tests/unit/runner_fixture.h"
#include "tests/unit/unit.h"
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char changes[64];
static bool takes_it;
static bool note_change(void *arg, enum runner_change change)
{
    static const char *const names[] = {"prepared ", "committed ", "back "};
    (void)arg;
    size_t used = strlen(changes);
    snprintf(changes + used, sizeof changes - used, "%s", names[change]);
    return takes_it;
}

static void expect_changes(const char *expected)
{
    ck_assert_int_eq(told().kind, 0); /* and it has had its turn */
    ck_assert_str_eq(changes, expected);
    changes[0] = '\0';
}

static void read_again(uint32_t id)
{
    changes[0] = '\0';
    takes_it = true;
    runner_on_change(tested, note_change);
    ask(RUNNER_RELOAD, id);
    ck_assert_int_eq(expect(RUNNER_RELOADED, id), 0);
    expect_changes("prepared ");
}

START_TEST(after_a_reload_is_committed_and_pruned_only_what_is_configured_then_is_run)
{
    uint64_t old = script("old.sh", "exit 3"), fresh = script("new.sh", "exit 4");
    size_t before = open_fds();
    read_again(7);
    ck_assert_uint_eq(open_fds(), before);
    run(1, fresh);
    expect_refused(1, ENOENT); /* not yet */
    run(2, old);
    expect_exit(2, 3);
    ask(RUNNER_COMMIT, 7);
    expect_changes("committed ");
    run(3, fresh);
    expect_exit(3, 4);
    run(4, old);
    expect_exit(4, 3); /* a change may still wait for it */
    ask(RUNNER_PRUNE, 7);
    run(5, old);
    expect_refused(5, ENOENT);
    run(6, fresh);
    expect_exit(6, 4);
}
END_TEST

START_TEST(a_reload_that_is_rolled_back_leaves_all_as_it_was)
{
    uint64_t old = script("old.sh", "exit 3"), fresh = script("new.sh", "exit 4");
    read_again(7);
    ask(RUNNER_ROLLBACK, 6); /* of another */
    expect_changes("");
    ask(RUNNER_ROLLBACK, 7);
    expect_changes("back ");
    ask(RUNNER_COMMIT, 7);
    expect_changes("");
    run(1, fresh);
    expect_refused(1, ENOENT);
    run(2, old);
    expect_exit(2, 3);
}
END_TEST

START_TEST(a_reload_that_is_given_up_while_it_is_read_is_dropped)
{
    uint64_t old = script("old.sh", "exit 3");
    touch("waits");
    ask(RUNNER_RELOAD, 7);
    ask(RUNNER_ROLLBACK, 7);
    unlink(in_dir("waits"));
    struct runner_report r;
    do { /* until the reading has ended */
        ask(RUNNER_RELOAD, 8);
        while ((r = told()).kind == 0)
            ;
        ck_assert_uint_eq(r.id, 8);
    } while (r.value == EBUSY);
    ck_assert_int_eq(r.value, 0);
    ask(RUNNER_COMMIT, 7);
    run(1, old);
    expect_exit(1, 3);
}
END_TEST

START_TEST(a_reading_that_hangs_does_not_refuse_the_next_one_once_it_is_given_up)
{
    enum { TRIES = 1000 };
    struct runner_report r = {.value = EBUSY};
    touch("waits");
    ask(RUNNER_RELOAD, 7);
    ask(RUNNER_ROLLBACK, 7);
    for (int i = 0; i < TRIES && r.value == EBUSY; i++) {
        ask(RUNNER_RELOAD, 8);
        r = told(); /* nothing: it is being read */
        poll(&(struct pollfd){.fd = runner_fd(tested), .events = POLLIN}, 1, TURN_MS);
    }
    ck_assert_int_eq(r.kind, 0);
    unlink(in_dir("waits"));
    ck_assert_int_eq(expect(RUNNER_RELOADED, 8), 0);
}
END_TEST

START_TEST(a_reload_that_cannot_be_taken_is_refused)
{
    uint64_t fresh = script("new.sh", "exit 4");
    changes[0] = '\0';
    takes_it = false;
    runner_on_change(tested, note_change);
    ask(RUNNER_RELOAD, 7);
    ck_assert_int_eq(expect(RUNNER_RELOADED, 7), ENOMEM);
    ask(RUNNER_COMMIT, 7);
    expect_changes("prepared back ");
    run(1, fresh);
    expect_refused(1, ENOENT);
}
END_TEST

START_TEST(a_configuration_that_cannot_be_read_changes_nothing)
{
    uint64_t old = script("old.sh", "exit 3"), fresh = script("new.sh", "exit 4");
    touch("broken");
    ask(RUNNER_RELOAD, 0);
    ck_assert_int_eq(expect(RUNNER_RELOADED, 0), EINVAL);
    run(1, fresh);
    expect_refused(1, ENOENT);
    run(2, old);
    expect_exit(2, 3);
    unlink(in_dir("broken"));
    ask(RUNNER_RELOAD, 0);
    ck_assert_int_eq(expect(RUNNER_RELOADED, 0), 0);
}
END_TEST

START_TEST(one_configuration_is_read_at_a_time_and_scripts_run_meanwhile)
{
    uint64_t old = script("old.sh", "exit 3");
    touch("waits");
    ask(RUNNER_RELOAD, 0);
    ask(RUNNER_RELOAD, 0);
    ck_assert_int_eq(expect(RUNNER_RELOADED, 0), EBUSY);
    run(1, old);
    expect_exit(1, 3);
    unlink(in_dir("waits"));
    ck_assert_int_eq(expect(RUNNER_RELOADED, 0), 0);
}
END_TEST

START_TEST(a_reading_of_the_configuration_is_no_run_of_any_id)
{
    uint64_t old = script("old.sh", "exit 3");
    touch("waits");
    ask(RUNNER_RELOAD, 0);
    ask(RUNNER_STOP, 0);
    ask(RUNNER_KILL, 0);
    run(0, old);
    expect_exit(0, 3);
    unlink(in_dir("waits"));
    ck_assert_int_eq(expect(RUNNER_RELOADED, 0), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("runner_reload");
    TCase *t = fixture_case(s, "reload");
    tcase_add_test(t, after_a_reload_is_committed_and_pruned_only_what_is_configured_then_is_run);
    tcase_add_test(t, a_reload_that_is_rolled_back_leaves_all_as_it_was);
    tcase_add_test(t, a_reload_that_is_given_up_while_it_is_read_is_dropped);
    tcase_add_test(t, a_reading_that_hangs_does_not_refuse_the_next_one_once_it_is_given_up);
    tcase_add_test(t, a_reload_that_cannot_be_taken_is_refused);
    tcase_add_test(t, a_configuration_that_cannot_be_read_changes_nothing);
    tcase_add_test(t, one_configuration_is_read_at_a_time_and_scripts_run_meanwhile);
    tcase_add_test(t, a_reading_of_the_configuration_is_no_run_of_any_id);
    return unit_run(s);
}
