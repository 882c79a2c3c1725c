#include "agent/base/worker.h"
#include "tests/unit/unit.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#define JOBS 100

static struct worker *worker;

/* What happened to one job. The test's own: nothing is freed in `done`. */
struct probe {
    int runs, dones;
    int order; /* in which it ran, from 0 */
    pthread_t run_thread, done_thread;
    bool signals_blocked;
    sem_t *started, *gate; /* `run` posts the one and waits for the other; NULL: neither */
    struct probe *next;    /* `done` submits it; NULL: nothing */
    bool next_taken;
    int *left; /* jobs not done yet; NULL: nobody counts */
};

static int ran_so_far; /* the worker's thread's alone */

static bool all_signals_blocked(void)
{
    static const int some[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGPIPE, SIGUSR1};
    sigset_t blocked;

    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        if (!sigismember(&blocked, some[i]))
            return false;
    }
    return true;
}

static void run(void *arg)
{
    struct probe *p = arg;

    p->runs++;
    p->order = ran_so_far++;
    p->run_thread = pthread_self();
    p->signals_blocked = all_signals_blocked();
    if (p->gate != NULL) {
        sem_post(p->started);
        sem_wait(p->gate);
    }
}

static void done(void *arg)
{
    struct probe *p = arg;

    p->dones++;
    p->done_thread = pthread_self();
    if (p->next != NULL)
        p->next_taken = worker_submit(worker, run, done, p->next);
    if (p->left)
        --*p->left;
}

static void setup(void)
{
    ran_so_far = 0;
    worker = worker_new();
    ck_assert_ptr_nonnull(worker);
}

static void teardown(void)
{
    worker_free(worker, 2000);
}

/* Hands jobs back as a loop would, until none is left. */
static void loop(const int *left)
{
    while (*left > 0) {
        struct pollfd ran = {.fd = worker_fd(worker), .events = POLLIN};
        poll(&ran, 1, -1);
        worker_deliver(worker);
    }
}

START_TEST(jobs_run_in_order_off_the_loop_and_are_handed_back_on_it)
{
    struct probe probes[JOBS] = {0};
    int left = JOBS;

    for (int i = 0; i < JOBS; i++) {
        probes[i].left = &left;
        ck_assert(worker_submit(worker, run, done, &probes[i]));
    }
    loop(&left);
    for (int i = 0; i < JOBS; i++) {
        ck_assert_int_eq(probes[i].runs, 1);
        ck_assert_int_eq(probes[i].dones, 1);
        ck_assert_int_eq(probes[i].order, i);
        ck_assert(!pthread_equal(probes[i].run_thread, pthread_self()));
        ck_assert(pthread_equal(probes[i].done_thread, pthread_self()));
    }
}
END_TEST

START_TEST(signals_stay_with_the_loop)
{
    int left = 1;
    struct probe p = {.left = &left};

    ck_assert(worker_submit(worker, run, done, &p));
    loop(&left);
    ck_assert(p.signals_blocked);
    ck_assert(!all_signals_blocked());
}
END_TEST

START_TEST(job_may_follow_another_from_done)
{
    int left = 2;
    struct probe second = {.left = &left}, first = {.left = &left, .next = &second};

    ck_assert(worker_submit(worker, run, done, &first));
    loop(&left);
    ck_assert(first.next_taken);
    ck_assert_int_eq(second.runs, 1);
    ck_assert_int_eq(second.dones, 1);
}
END_TEST

START_TEST(full_queue_refuses_and_loses_nothing)
{
    static struct probe probes[WORKER_JOBS_MAX], more;
    sem_t started, gate;
    int left = WORKER_JOBS_MAX;

    sem_init(&started, 0, 0);
    sem_init(&gate, 0, 0);
    for (int i = 0; i < WORKER_JOBS_MAX; i++) {
        probes[i] = (struct probe){.left = &left};
        if (i == 0) {
            probes[i].started = &started;
            probes[i].gate = &gate;
        }
        ck_assert(worker_submit(worker, run, done, &probes[i]));
    }
    more = (struct probe){.left = &left};
    ck_assert(!worker_submit(worker, run, done, &more));
    sem_post(&gate);
    loop(&left);
    for (int i = 0; i < WORKER_JOBS_MAX; i++)
        ck_assert_int_eq(probes[i].dones, 1);
    ck_assert_int_eq(more.runs + more.dones, 0);

    left = 1; /* and there is room again */
    ck_assert(worker_submit(worker, run, done, &more));
    loop(&left);
    ck_assert_int_eq(more.dones, 1);
}
END_TEST

START_TEST(freeing_hands_every_job_back_once)
{
    struct probe probes[JOBS] = {0};

    for (int i = 0; i < JOBS; i++)
        ck_assert(worker_submit(worker, run, done, &probes[i]));
    worker_free(worker, 2000);
    worker = NULL;
    for (int i = 0; i < JOBS; i++) {
        ck_assert_int_eq(probes[i].dones, 1);
        ck_assert_int_le(probes[i].runs, i == 0 ? 1 : probes[i - 1].runs);
    }
}
END_TEST

START_TEST(nothing_is_taken_while_freeing)
{
    struct probe second = {0}, first = {.next = &second, .next_taken = true};

    ck_assert(worker_submit(worker, run, done, &first));
    worker_free(worker, 2000);
    worker = NULL;
    ck_assert_int_eq(first.dones, 1);
    ck_assert(!first.next_taken);
    ck_assert_int_eq(second.runs + second.dones, 0);
}
END_TEST

START_TEST(job_that_hangs_is_left_behind_and_the_others_handed_back)
{
    static sem_t started, gate;
    static struct probe hanging = {.started = &started, .gate = &gate}, waiting[2];

    sem_init(&started, 0, 0);
    sem_init(&gate, 0, 0);
    ck_assert(worker_submit(worker, run, done, &hanging));
    ck_assert(worker_submit(worker, run, done, &waiting[0]));
    ck_assert(worker_submit(worker, run, done, &waiting[1]));
    sem_wait(&started);
    worker_free(worker, 2000);
    worker = NULL;
    ck_assert_int_eq(hanging.dones, 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(waiting[i].runs, 0);
        ck_assert_int_eq(waiting[i].dones, 1);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("worker");
    TCase *t = tcase_create("worker");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, jobs_run_in_order_off_the_loop_and_are_handed_back_on_it);
    tcase_add_test(t, signals_stay_with_the_loop);
    tcase_add_test(t, job_may_follow_another_from_done);
    tcase_add_test(t, full_queue_refuses_and_loses_nothing);
    tcase_add_test(t, freeing_hands_every_job_back_once);
    tcase_add_test(t, nothing_is_taken_while_freeing);
    tcase_add_test(t, job_that_hangs_is_left_behind_and_the_others_handed_back);
    suite_add_tcase(s, t);
    return unit_run(s);
}
