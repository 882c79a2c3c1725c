/* The guard's process, and when it ends. What it removes is for
 * tests/netns/steward_host.sh. */
#include "agent/steward/steward_guard.h"

#include "agent/steward/steward_clock.h"
#include "tests/unit/unit.h"

#include <sys/wait.h>

static const uint8_t ip[NETLINK_IP_BYTES] = {0xfd, [15] = 1}, other_ip[NETLINK_IP_BYTES] = {0xfd};
static struct steward_guard guard;

static void setup(void)
{
    ck_assert(steward_guard_start(&guard, "muster-test-guard-of-nobody"));
}

static void expect_end(void)
{
    int status;
    ck_assert_int_gt(waitpid(-1, &status, 0), 0);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int64_t in_an_hour(void)
{
    return steward_now_us() + INT64_C(3600000000);
}

START_TEST(it_ends_with_a_steward_that_holds_nothing)
{
    ck_assert(steward_guard_set(&guard, ip, in_an_hour()));
    ck_assert(steward_guard_set(&guard, other_ip, in_an_hour()));
    ck_assert(steward_guard_set(&guard, ip, in_an_hour() + 1));
    steward_guard_forget(&guard, ip);
    steward_guard_forget(&guard, other_ip);
    steward_guard_stop(&guard);
    expect_end();
    ck_assert(!steward_guard_set(&guard, ip, in_an_hour()));
}
END_TEST

START_TEST(it_ends_with_a_steward_that_has_given_everything_to_another)
{
    ck_assert(steward_guard_set(&guard, ip, in_an_hour()));
    steward_guard_stop(&guard);
    expect_end();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("steward_guard");
    TCase *t = tcase_create("guard");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, it_ends_with_a_steward_that_holds_nothing);
    tcase_add_test(t, it_ends_with_a_steward_that_has_given_everything_to_another);
    suite_add_tcase(s, t);
    return unit_run(s);
}
