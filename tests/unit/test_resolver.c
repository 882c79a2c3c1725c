/* The resolver's threads: look-ups that hang do not hold up others. */
#include "agent/net/resolver.h"

#include "tests/unit/unit.h"

#include <event2/event.h>
#include <pthread.h>

enum { HANGING = 4, SOON_MS = 10000 };

static struct event_base *base;
static struct resolver *resolver;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* held: those that hang do so */
static unsigned done_count;

static void run_hanging(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
}

static void run_quick(void *arg)
{
    (void)arg;
}

static void on_done(void *arg)
{
    (void)arg;
    done_count++;
    event_base_loopbreak(base);
}

/* Runs the loop until `count` jobs are done. */
static void turn_until(unsigned count)
{
    while (done_count < count && !event_base_got_exit(base)) {
        event_base_loopexit(base, &(struct timeval){.tv_sec = SOON_MS / 1000});
        event_base_dispatch(base);
    }
    ck_assert_uint_eq(done_count, count);
}

static void setup(void)
{
    base = event_base_new();
    resolver = resolver_new(base);
    done_count = 0;
}

static void teardown(void)
{
    resolver_free(resolver, SOON_MS);
    event_base_free(base);
}

START_TEST(look_ups_that_hang_do_not_hold_up_another)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < HANGING; i++)
        ck_assert(resolver_submit(resolver, run_hanging, on_done, NULL));
    ck_assert(resolver_submit(resolver, run_quick, on_done, NULL));
    turn_until(1);
    pthread_mutex_unlock(&lock);
    turn_until(1 + HANGING);
}
END_TEST

START_TEST(more_than_there_are_threads_wait_for_one)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < 2 * RESOLVER_THREADS_MAX; i++)
        ck_assert(resolver_submit(resolver, run_hanging, on_done, NULL));
    ck_assert(resolver_submit(resolver, run_quick, on_done, NULL));
    pthread_mutex_unlock(&lock);
    turn_until(2 * RESOLVER_THREADS_MAX + 1);
}
END_TEST

START_TEST(what_is_not_done_at_the_end_is_handed_back)
{
    for (int i = 0; i < 5; i++)
        ck_assert(resolver_submit(resolver, run_quick, on_done, NULL));
    resolver_free(resolver, SOON_MS);
    resolver = NULL;
    ck_assert_uint_eq(done_count, 5);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("resolver");
    TCase *t = tcase_create("resolver");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, look_ups_that_hang_do_not_hold_up_another);
    tcase_add_test(t, more_than_there_are_threads_wait_for_one);
    tcase_add_test(t, what_is_not_done_at_the_end_is_handed_back);
    suite_add_tcase(s, t);
    return unit_run(s);
}
