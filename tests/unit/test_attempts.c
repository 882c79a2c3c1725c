/* Join attempts: names looked up by a resolver that the test is, and a core that notes what it is
 * to join. */
#include "agent/net/attempts.h"

#include "agent/base/address.h"
#include "agent/net/resolver.h"

#include "tests/unit/fake_host.h"
#include "tests/unit/fake_log.h"
#include "tests/unit/unit.h"

#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum { JOBS_MAX = 256, ENDS_MAX = 256 };

static struct host *h;
static struct attempts *all;

/* ---- the resolver ---- */

static struct {
    worker_fn *run, *done;
    void *arg;
} jobs[JOBS_MAX];
static size_t jobs_count, jobs_max;

bool resolver_submit(struct resolver *r, worker_fn *run, worker_fn *done, void *arg)
{
    (void)r;
    if (jobs_count == jobs_max)
        return false;
    jobs[jobs_count].run = run;
    jobs[jobs_count].done = done;
    jobs[jobs_count++].arg = arg;
    return true;
}

static void run_jobs(void)
{
    size_t count = jobs_count;
    jobs_count = 0;
    for (size_t i = 0; i < count; i++) {
        jobs[i].run(jobs[i].arg);
        jobs[i].done(jobs[i].arg);
    }
}

/* "hostN" is 10.0.0.N, "all" the first three of them, "many" twelve, "service" as many as are ready
 * from 10.0.0.1 on; numbers are themselves. */
static unsigned ready;
int getaddrinfo(const char *name, const char *port, const struct addrinfo *hints,
                struct addrinfo **found)
{
    static struct sockaddr_in sas[12];
    static struct addrinfo infos[12];
    uint8_t ip[ADDRESS_IP_BYTES];
    uint16_t ignored = 1;
    unsigned count = 0, first = 1;
    if (address_parse(name, ip, &ignored))
        count = 1, first = ip[15];
    else if (!(hints->ai_flags & AI_NUMERICHOST))
        count = strcmp(name, "all") == 0       ? 3
                : strcmp(name, "many") == 0    ? 12
                : strcmp(name, "service") == 0 ? ready
                                               : sscanf(name, "host%u", &first) == 1;
    for (unsigned i = 0; i < count; i++) {
        sas[i] = (struct sockaddr_in){.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)atoi(port)),
                                      .sin_addr.s_addr = htonl(0x0a000000 + first + i)};
        infos[i] = (struct addrinfo){.ai_addr = (struct sockaddr *)&sas[i],
                                     .ai_addrlen = sizeof sas[i],
                                     .ai_next = i + 1 < count ? &infos[i + 1] : NULL};
    }
    *found = count ? infos : NULL;
    return count ? 0 : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *found)
{
    (void)found;
}

/* ---- time: in place of libevent's timers, a second at a time ---- */

struct event {
    event_callback_fn callback;
    void *arg;
    long due_s; /* 0: not armed */
    struct event *next;
};
static struct event *timers;
static long now_s;

struct event *event_new(struct event_base *base, evutil_socket_t fd, short what,
                        event_callback_fn callback, void *arg)
{
    (void)base, (void)fd, (void)what;
    struct event *e = calloc(1, sizeof *e);
    *e = (struct event){callback, arg, 0, timers};
    timers = e;
    return e;
}

int event_add(struct event *e, const struct timeval *after)
{
    e->due_s = now_s + after->tv_sec;
    return 0;
}

void event_free(struct event *e)
{
    struct event **link = &timers;
    while (*link != e)
        link = &(*link)->next;
    *link = e->next;
    free(e);
}

/* ---- who asks ---- */

struct end {
    void *arg;
    bool ok;
    char error[128];
};
static struct end ends[ENDS_MAX];
static size_t ends_count;
static char one, two;

static void on_end(void *arg, bool ok, const char *error)
{
    ck_assert_uint_lt(ends_count, ENDS_MAX);
    struct end *e = &ends[ends_count++];
    *e = (struct end){.arg = arg, .ok = ok};
    snprintf(e->error, sizeof e->error, "%s", error ? error : "");
}

static struct gossip_addr number(uint8_t host)
{
    struct gossip_addr addr = {.port = 7949};
    address_from_ipv4((uint8_t[]){10, 0, 0, host}, addr.ip);
    return addr;
}

static bool joins(uint8_t host)
{
    struct gossip_addr addr = number(host);
    return fake_host_has_join(h, &addr);
}

/* The core is answered from there; it forgets the join then. */
static void answer(uint8_t host, bool by_self)
{
    struct gossip_event event = {.kind = GOSSIP_EVENT_JOINED, .addr = number(host)};
    struct gossip_profile self = {.name = "self"};
    if (by_self)
        event.member.profile = &self;
    gossip_join_stop(host_core(h), &event.addr);
    h->joined(h->joined_arg, &event);
}

static void configure(const char *first, const char *second)
{
    char names[2][16];
    char *hosts[] = {names[0], names[1]};
    snprintf(names[0], sizeof names[0], "%s", first ? first : "");
    snprintf(names[1], sizeof names[1], "%s", second ? second : "");
    attempts_configure(all, hosts, (first != NULL) + (second != NULL));
}

/* Lets seconds pass; names are looked up at once. Returns how many look-ups there were. */
static size_t pass(long seconds)
{
    size_t looked_up = 0;
    for (long end_s = now_s + seconds; now_s < end_s;) {
        now_s++;
        for (struct event *e = timers, *next; e; e = next) {
            next = e->next;
            if (e->due_s != now_s)
                continue;
            e->due_s = 0;
            e->callback(-1, EV_TIMEOUT, e->arg);
        }
        looked_up += jobs_count;
        run_jobs();
    }
    return looked_up;
}

static struct gossip_profile other = {.name = "other"};

/* Another member is alive at 10.0.0.N from now on. */
static void meet(uint8_t host)
{
    other.addr = number(host);
    h->member = (struct gossip_member){.profile = &other};
}

static void setup(void)
{
    fake_log_reset();
    ready = 1;
    now_s = 1000;
    jobs_count = ends_count = 0;
    jobs_max = JOBS_MAX;
    h = fake_host_new();
    all = attempts_new(h, NULL);
    ck_assert_ptr_nonnull(all);
}

static void teardown(void)
{
    attempts_free(all);
    run_jobs(); /* those whose attempts are gone */
    fake_host_free(h);
}

START_TEST(a_number_is_joined_at_once_and_done_when_it_answers)
{
    attempts_once(all, "10.0.0.7", on_end, &one);
    ck_assert(joins(7));
    ck_assert_uint_eq(jobs_count, 0);
    answer(8, false);
    ck_assert_uint_eq(ends_count, 0);
    answer(7, false);
    ck_assert_uint_eq(ends_count, 1);
    ck_assert(ends[0].ok && ends[0].arg == &one);
    ck_assert_uint_eq(h->joins_count, 0);
}
END_TEST

START_TEST(a_name_is_looked_up_off_the_loop)
{
    attempts_once(all, "host5", on_end, &one);
    ck_assert_uint_eq(h->joins_count, 0);
    ck_assert_uint_eq(jobs_count, 1);
    run_jobs();
    ck_assert(joins(5));
}
END_TEST

START_TEST(an_unknown_name_is_an_error_for_who_asks_and_a_warning_for_who_configures)
{
    attempts_once(all, "nowhere", on_end, &one);
    configure("nowhere", NULL);
    run_jobs();
    ck_assert_uint_eq(ends_count, 1);
    ck_assert(!ends[0].ok);
    ck_assert_str_eq(ends[0].error, gai_strerror(EAI_NONAME));
    ck_assert_uint_eq(fake_log_count("join nowhere: "), 1);
    ck_assert_uint_eq(fake_log_count("still trying"), 1);
}
END_TEST

START_TEST(what_is_no_host_and_what_the_core_refuses_are_errors)
{
    attempts_once(all, "a b", on_end, &one);
    ck_assert(ends_count == 1 && !ends[0].ok);
    ck_assert_str_eq(ends[0].error, "not an address: HOST, HOST:PORT or [IPV6]:PORT");
    h->join_error = GOSSIP_ERROR_FULL;
    attempts_once(all, "10.0.0.7", on_end, &two);
    ck_assert(ends_count == 2 && !ends[1].ok && ends[1].arg == &two);
    ck_assert_str_eq(ends[1].error, "full");
}
END_TEST

START_TEST(there_are_so_many_at_one_time_and_no_more)
{
    for (int i = 0; i < ATTEMPTS_MAX; i++)
        attempts_once(all, "host1", on_end, &one);
    ck_assert_uint_eq(ends_count, 0);
    attempts_once(all, "host1", on_end, &two);
    ck_assert_uint_eq(ends_count, 1);
    ck_assert_str_eq(ends[0].error, "too many joins at one time");
    run_jobs();
    answer(1, false);
    ck_assert_uint_eq(ends_count, 1 + ATTEMPTS_MAX);
    attempts_once(all, "host1", on_end, &two);
    ck_assert_uint_eq(ends_count, 1 + ATTEMPTS_MAX);
}
END_TEST

START_TEST(a_resolver_that_is_full_is_an_error_and_frees_the_attempt)
{
    jobs_max = 0;
    for (int i = 0; i < 2 * ATTEMPTS_MAX; i++) {
        ends_count = 0;
        attempts_once(all, "host1", on_end, &one);
        ck_assert_uint_eq(ends_count, 1);
        ck_assert_str_eq(ends[0].error, "too many look-ups at one time");
    }
}
END_TEST

START_TEST(a_stop_with_a_look_up_in_flight_drops_its_result)
{
    attempts_once(all, "host5", on_end, &one);
    configure("host6", NULL);
    attempts_free(all);
    all = NULL;
    ck_assert_ptr_null(h->joined);
    run_jobs();
    ck_assert_uint_eq(h->joins_count, 0);
    ck_assert_uint_eq(ends_count, 0);
}
END_TEST

START_TEST(what_is_forgotten_is_not_joined_and_its_end_not_told)
{
    attempts_once(all, "10.0.0.7", on_end, &one);
    attempts_once(all, "host8", on_end, &one);
    attempts_once(all, "10.0.0.9", on_end, &two);
    attempts_forget(all, &one);
    ck_assert(!joins(7) && joins(9));
    run_jobs();
    ck_assert(!joins(8));
    answer(7, false);
    ck_assert_uint_eq(ends_count, 0);
}
END_TEST

START_TEST(an_address_that_another_joins_too_is_not_given_up_with_the_first)
{
    attempts_once(all, "10.0.0.7", on_end, &one);
    configure("10.0.0.7", NULL);
    attempts_forget(all, &one);
    ck_assert(joins(7));
    configure(NULL, NULL);
    ck_assert(!joins(7));
}
END_TEST

START_TEST(configured_hosts_that_stay_are_left_alone_and_those_that_go_are_given_up)
{
    configure("host1", "10.0.0.2");
    run_jobs();
    ck_assert(joins(1) && joins(2));
    configure("host1", "10.0.0.3");
    ck_assert_uint_eq(jobs_count, 0);
    ck_assert(joins(1) && !joins(2) && joins(3));
    answer(1, false);
    ck_assert(fake_log_count("join host1: done") == 1);
}
END_TEST

START_TEST(of_a_name_for_several_hosts_one_answer_is_enough)
{
    attempts_once(all, "all", on_end, &one);
    run_jobs();
    ck_assert(joins(1) && joins(2) && joins(3));
    answer(2, false);
    ck_assert(ends_count == 1 && ends[0].ok);
    ck_assert_uint_eq(h->joins_count, 0);
    ends_count = 0;
    attempts_once(all, "many", on_end, &one);
    run_jobs();
    ck_assert_uint_eq(h->joins_count, ATTEMPTS_ADDRESSES_MAX);
}
END_TEST

START_TEST(our_own_address_among_several_leaves_the_others)
{
    attempts_once(all, "all", on_end, &one);
    configure("10.0.0.2", NULL);
    run_jobs();
    answer(2, true);
    ck_assert(joins(1) && joins(3));
    ck_assert_uint_eq(ends_count, 0);
    ck_assert_uint_eq(fake_log_count("join 10.0.0.2: that is this agent"), 1);
    answer(1, true);
    answer(3, true);
    ck_assert(ends_count == 1 && ends[0].ok);
}
END_TEST

START_TEST(members_known_from_before_are_joined_until_the_first_answer)
{
    struct gossip_addr peers[] = {number(1), number(2), number(3)};
    attempts_peers(all, peers, 3);
    configure("10.0.0.3", NULL);
    ck_assert(joins(1) && joins(2) && joins(3));
    answer(1, true);
    ck_assert(joins(2) && joins(3));
    answer(2, false);
    ck_assert(!joins(1) && joins(3));
}
END_TEST

/* Who is told of the end may ask for more, or give up others. */
static void on_end_again(void *arg, bool ok, const char *error)
{
    on_end(arg, ok, error);
    attempts_forget(all, &two);
    attempts_once(all, "10.0.0.9", on_end, &one);
}

START_TEST(the_end_of_one_may_change_the_others)
{
    attempts_once(all, "10.0.0.7", on_end, &two);
    attempts_once(all, "10.0.0.7", on_end_again, &one);
    answer(7, false);
    ck_assert(joins(9));
    ck_assert_uint_ge(ends_count, 1);
}
END_TEST

START_TEST(a_name_that_means_only_this_host_is_looked_up_until_it_means_another)
{
    configure("service", NULL);
    run_jobs();
    ck_assert(joins(1));
    answer(1, true);
    ck_assert_uint_eq(fake_log_count("join service: that is this agent alone so far"), 1);
    ck_assert_uint_eq(pass(1), 1);
    answer(1, true);
    ck_assert_uint_eq(pass(14), 3); /* after 2, 4 and 8 s more */
    ck_assert_uint_eq(pass(30), 3);
    ck_assert_uint_eq(fake_log_count("join service: "), 1);
    ready = 2;
    pass(ATTEMPTS_ALONE_S_MAX);
    ck_assert(joins(2));
    answer(1, true);
    ck_assert(joins(2));
    answer(2, false);
    ck_assert_uint_eq(fake_log_count("join service: done"), 1);
}
END_TEST

START_TEST(a_name_that_is_answered_is_looked_up_each_minute_and_its_new_addresses_joined)
{
    configure("service", NULL);
    run_jobs();
    meet(1);
    answer(1, false);
    ck_assert_uint_eq(pass(10 * ATTEMPTS_REST_S), 10);
    ck_assert_uint_eq(h->joins_count, 0);
    ready = 2;
    pass(ATTEMPTS_REST_S);
    ck_assert(!joins(1) && joins(2));
    pass(ATTEMPTS_RETRY_S); /* nobody answers there */
    ck_assert(!joins(2));
    pass(ATTEMPTS_REST_S);
    ck_assert(joins(2));
}
END_TEST

START_TEST(left_alone_it_is_looked_up_often_again)
{
    configure("service", "10.0.0.9");
    run_jobs();
    meet(1);
    answer(1, false);
    pass(25);
    ck_assert(!joins(1));
    h->member.status = GOSSIP_FAILED;
    pass(ATTEMPTS_ALONE_S_MAX);
    ck_assert(joins(1));
    ck_assert_uint_ge(pass(60), 6);
}
END_TEST

START_TEST(nobody_who_answers_is_logged_once)
{
    configure("10.0.0.7", NULL);
    pass(6);
    ck_assert_uint_eq(fake_log_count("no answer yet"), 0);
    pass(60);
    ck_assert(joins(7));
    ck_assert_uint_eq(fake_log_count("join 10.0.0.7: no answer yet; still trying"), 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("attempts");
    TCase *t = tcase_create("attempts");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_number_is_joined_at_once_and_done_when_it_answers);
    tcase_add_test(t, a_name_is_looked_up_off_the_loop);
    tcase_add_test(t, an_unknown_name_is_an_error_for_who_asks_and_a_warning_for_who_configures);
    tcase_add_test(t, what_is_no_host_and_what_the_core_refuses_are_errors);
    tcase_add_test(t, there_are_so_many_at_one_time_and_no_more);
    tcase_add_test(t, a_resolver_that_is_full_is_an_error_and_frees_the_attempt);
    tcase_add_test(t, a_stop_with_a_look_up_in_flight_drops_its_result);
    tcase_add_test(t, what_is_forgotten_is_not_joined_and_its_end_not_told);
    tcase_add_test(t, an_address_that_another_joins_too_is_not_given_up_with_the_first);
    tcase_add_test(t, configured_hosts_that_stay_are_left_alone_and_those_that_go_are_given_up);
    tcase_add_test(t, of_a_name_for_several_hosts_one_answer_is_enough);
    tcase_add_test(t, our_own_address_among_several_leaves_the_others);
    tcase_add_test(t, members_known_from_before_are_joined_until_the_first_answer);
    tcase_add_test(t, the_end_of_one_may_change_the_others);
    tcase_add_test(t, a_name_that_means_only_this_host_is_looked_up_until_it_means_another);
    tcase_add_test(t,
                   a_name_that_is_answered_is_looked_up_each_minute_and_its_new_addresses_joined);
    tcase_add_test(t, left_alone_it_is_looked_up_often_again);
    tcase_add_test(t, nobody_who_answers_is_logged_once);
    suite_add_tcase(s, t);
    return unit_run(s);
}
