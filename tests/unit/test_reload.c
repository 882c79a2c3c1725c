/* A reload between a configuration, a steward and modules that the test is: whatever fails, and
 * whenever, all stays as it was. */
#include "agent/reload.h"

#include "agent/base/error.h"
#include "agent/base/worker.h"
#include "agent/net/attempts.h"
#include "agent/scripts/hooks.h"
#include "agent/scripts/runner_link.h"
#include "agent/vip/quorum.h"
#include "agent/vip/vips.h"
#include "tests/unit/fake_log.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the reload does to its neighbours, in order: "read steward prune ..." */
static char history[512];
static void note(const char *what)
{
    size_t used = strlen(history);
    ck_assert(used + strlen(what) + 2 < sizeof history);
    snprintf(history + used, sizeof history - used, "%s ", what);
}

static void expect(const char *expected)
{
    ck_assert_str_eq(history, expected);
    history[0] = '\0';
}

static struct {
    struct event_base *base;
    host_settle_fn *settle;
    void *settle_arg;
    bool leaving;
    worker_fn *run, *done; /* the job that the worker has */
    void *job;
    bool worker_full;
    runner_reloaded_fn *reloaded;
    void *reloaded_arg;
    bool runner_full, commit_fails, retained, retired;
    bool load_fails, no_memory;
    const char *quorum_error;
    enum gossip_error tags_error;
    const struct config *in_force;
    const struct vip_spec *kept; /* what vips_retain was last told */
} world;

static struct config *config; /* in force */
static struct reloads *reloads;
static struct config_options options;

/* ---- the neighbours ---- */

struct event_base *host_base(const struct host *h)
{
    (void)h;
    return world.base;
}

bool host_is_leaving(const struct host *h)
{
    (void)h;
    return world.leaving;
}

int64_t host_now_us(void)
{
    return 0;
}

void host_dirty(struct host *h)
{
    (void)h;
}

struct gossip *host_core(struct host *h)
{
    (void)h;
    return NULL;
}

void host_set_config(struct host *h, const struct config *c)
{
    (void)h;
    world.in_force = c;
}

void host_on_settle(struct host *h, enum host_module module, host_settle_fn *settle, void *arg)
{
    (void)h;
    ck_assert_int_eq(module, HOST_RELOAD);
    world.settle = settle;
    world.settle_arg = arg;
}

bool worker_submit(struct worker *w, worker_fn *run, worker_fn *done, void *arg)
{
    (void)w;
    if (world.worker_full)
        return false;
    ck_assert_ptr_null(world.run);
    world.run = run;
    world.done = done;
    world.job = arg;
    return true;
}

static struct config *config_new(void)
{
    struct config *c = calloc(1, sizeof *c);
    ck_assert_ptr_nonnull(c);
    c->vips = calloc(1, sizeof *c->vips);
    ck_assert_ptr_nonnull(c->vips);
    return c;
}

struct config *config_load(const struct config_options *o, char *error)
{
    ck_assert_ptr_eq(o, &options);
    note("read");
    snprintf(error, ERROR_BYTES, "%s", world.load_fails ? "line 2: no" : "");
    return world.load_fails ? NULL : config_new();
}

void config_free(struct config *c)
{
    free(c->vips);
    free(c);
}

void config_compare_fixed(const struct config *before, const struct config *after,
                          config_fixed_fn *differs, void *arg)
{
    (void)before, (void)after, (void)differs, (void)arg;
}

void config_keep_fixed(struct config *before, struct config *after)
{
    (void)before, (void)after;
}

void log_set_level(enum log_level level)
{
    (void)level;
}

bool runner_link_reload(struct runner_link *l, runner_reloaded_fn *reloaded, void *arg)
{
    (void)l;
    note("steward");
    world.reloaded = reloaded;
    world.reloaded_arg = arg;
    errno = EPIPE;
    return !world.runner_full;
}

bool runner_link_commit(struct runner_link *l)
{
    (void)l;
    note(world.commit_fails ? "no-commit" : "commit");
    return !world.commit_fails;
}

void runner_link_rollback(struct runner_link *l)
{
    (void)l;
    note("rollback");
}

bool runner_link_prune(struct runner_link *l)
{
    (void)l;
    note("prune");
    return true;
}

static char plan; /* there is one at a time */
struct handlers_plan *hooks_prepare(struct handlers *handlers, const struct config *c)
{
    (void)handlers, (void)c;
    note("plan");
    return world.no_memory ? NULL : (struct handlers_plan *)&plan;
}

void handlers_commit(struct handlers_plan *p)
{
    ck_assert_ptr_eq(p, (struct handlers_plan *)&plan);
    note("handlers");
}

void handlers_discard(struct handlers_plan *p)
{
    ck_assert_ptr_eq(p, (struct handlers_plan *)&plan);
    note("discard");
}

bool handlers_have_removed(const struct handlers *h)
{
    (void)h;
    return world.retired;
}

void attempts_configure(struct attempts *d, char *const *hosts, size_t count)
{
    (void)d, (void)hosts, (void)count;
    note("joins");
}

bool vips_reserve(struct vips *v, size_t count)
{
    (void)v, (void)count;
    return true;
}

void vips_retain(struct vips *v, const struct vip_spec *specs, size_t count)
{
    (void)v, (void)count;
    note(specs == config->vips ? "keep-old" : "keep-new");
}

bool vips_are_retained(const struct vips *v)
{
    (void)v;
    return world.retained;
}

void vips_configure(struct vips *v, const struct vip_spec *specs, size_t count)
{
    (void)v, (void)specs, (void)count;
    note("vips");
}

const char *quorum_check(struct quorum *q, const struct quorum_spec *spec)
{
    (void)q, (void)spec;
    return world.quorum_error;
}

const char *quorum_configure(struct quorum *q, const struct quorum_spec *spec)
{
    (void)q, (void)spec;
    note("quorum");
    return NULL;
}

enum gossip_error gossip_set_tags(struct gossip *g, int64_t now_us, const char *tags,
                                  uint16_t tags_bytes)
{
    (void)g, (void)now_us, (void)tags;
    note(tags_bytes > 0 ? "tags-old" : "tags-new");
    return tags_bytes > 0 ? GOSSIP_OK : world.tags_error;
}

const char *gossip_error_text(enum gossip_error error)
{
    return error == GOSSIP_ERROR_MEMORY ? "out of memory" : "";
}

/* ---- the steps ---- */

static unsigned answers;
static char answer[ERROR_BYTES]; /* "": it went well */
static void on_done(void *arg, bool ok, const char *error)
{
    (void)arg;
    ck_assert(ok == !error);
    answers++;
    snprintf(answer, sizeof answer, "%s", ok ? "" : error);
}

static void settle(void)
{
    world.settle(world.settle_arg);
}

static void read_it(void)
{
    worker_fn *run = world.run, *done = world.done;
    world.run = NULL;
    run(world.job);
    done(world.job);
}

static void steward_says(int error, const char *text)
{
    world.reloaded(world.reloaded_arg, error, text);
}

static void begin(void)
{
    reload_begin(reloads, on_done, NULL);
    ck_assert_uint_eq(answers, 0);
    expect("");
    read_it();
}

static void begin_and_let_go(void)
{
    begin();
    steward_says(0, NULL);
    expect("read steward plan keep-new ");
    settle();
    expect("");
    ck_assert_uint_eq(answers, 0);
}

static void expect_refused(const char *why, const struct config *before)
{
    ck_assert_uint_eq(answers, 1);
    ck_assert_str_eq(answer, why);
    ck_assert_ptr_eq(config, before);
    settle();
    expect("");
}

static void setup(void)
{
    memset(&world, 0, sizeof world);
    history[0] = '\0';
    answers = 0;
    fake_log_reset();
    world.base = event_base_new();
    config = config_new();
    reloads = reload_new(&(struct reload_parts){.options = &options, .config = &config});
    ck_assert_ptr_nonnull(reloads);
}

static void teardown(void)
{
    reload_free(reloads);
    config_free(config);
    event_base_free(world.base);
    fake_log_reset();
}

START_TEST(all_is_taken_on_once_what_is_to_go_has_gone)
{
    begin_and_let_go();
    world.retained = true;
    settle();
    expect("commit handlers joins vips quorum ");
    ck_assert_uint_eq(answers, 1);
    ck_assert_str_eq(answer, "");
    ck_assert_ptr_eq(world.in_force, config);
}
END_TEST

START_TEST(the_steward_keeps_old_scripts_until_the_changes_that_wait_for_them_are_run)
{
    begin_and_let_go();
    world.retained = world.retired = true;
    settle();
    expect("commit handlers joins vips quorum ");
    settle();
    expect("");
    world.retired = false;
    settle();
    expect("prune ");
    settle();
    expect("");
}
END_TEST

START_TEST(a_file_that_cannot_be_read_changes_nothing)
{
    const struct config *before = config;
    world.load_fails = true;
    begin();
    expect("read ");
    expect_refused("line 2: no", before);
}
END_TEST

START_TEST(a_steward_that_cannot_be_asked_changes_nothing)
{
    const struct config *before = config;
    world.runner_full = true;
    begin();
    expect("read steward rollback ");
    expect_refused("the steward cannot read it: Broken pipe", before);
}
END_TEST

START_TEST(what_the_steward_refuses_changes_nothing)
{
    const struct config *before = config;
    begin();
    steward_says(EINVAL, "line 3: no");
    expect("read steward rollback ");
    expect_refused("line 3: no", before);
}
END_TEST

START_TEST(a_quorum_that_cannot_be_taken_on_changes_nothing)
{
    const struct config *before = config;
    world.quorum_error = "quorum, version 2: no";
    begin();
    steward_says(0, NULL);
    expect("read steward rollback ");
    expect_refused("quorum, version 2: no", before);
}
END_TEST

START_TEST(without_memory_for_the_handlers_nothing_changes)
{
    const struct config *before = config;
    world.no_memory = true;
    begin();
    steward_says(0, NULL);
    expect("read steward plan rollback ");
    expect_refused("out of memory", before);
}
END_TEST

/* Only this waits for the time that it takes. */
static void run_out_of_patience(void)
{
    for (int i = 0; i < 1000000 && answers == 0; i++)
        event_base_loop(world.base, EVLOOP_ONCE);
}

START_TEST(a_steward_that_does_not_answer_is_told_to_forget_it)
{
    const struct config *before = config;
    begin();
    run_out_of_patience();
    expect("read steward rollback ");
    expect_refused("the steward does not answer", before);
}
END_TEST

START_TEST(an_address_that_does_not_go_has_all_put_back)
{
    const struct config *before = config;
    begin_and_let_go();
    run_out_of_patience();
    expect("rollback keep-old discard ");
    expect_refused("an address that is not configured any more cannot be removed; the log says "
                   "why",
                   before);
}
END_TEST

START_TEST(tags_that_are_refused_have_all_put_back)
{
    const struct config *before = config;
    memcpy(config->tags, "role\0db", sizeof "role\0db");
    config->tags_bytes = sizeof "role\0db";
    world.tags_error = GOSSIP_ERROR_MEMORY;
    begin_and_let_go();
    world.retained = true;
    settle();
    expect("tags-new rollback keep-old discard ");
    expect_refused("out of memory", before);
}
END_TEST

START_TEST(a_steward_that_cannot_be_told_to_go_ahead_has_all_put_back)
{
    const struct config *before = config;
    memcpy(config->tags, "role\0db", sizeof "role\0db");
    config->tags_bytes = sizeof "role\0db";
    world.commit_fails = true;
    begin_and_let_go();
    world.retained = true;
    settle();
    expect("tags-new no-commit tags-old rollback keep-old discard ");
    expect_refused("the steward does not answer", before);
}
END_TEST

START_TEST(an_agent_that_leaves_meanwhile_takes_nothing_on)
{
    const struct config *before = config;
    begin_and_let_go();
    world.leaving = world.retained = true;
    settle();
    expect("rollback keep-old discard ");
    expect_refused("the agent is leaving", before);
}
END_TEST

START_TEST(one_goes_after_the_other_and_the_next_begins_when_one_is_refused)
{
    world.load_fails = true;
    reload_begin(reloads, on_done, NULL);
    reload_begin(reloads, on_done, NULL);
    read_it();
    ck_assert_uint_eq(answers, 1);
    world.load_fails = false;
    read_it();
    steward_says(0, NULL);
    world.retained = true;
    settle();
    ck_assert_uint_eq(answers, 2);
    ck_assert_str_eq(answer, "");
    expect("read read steward plan keep-new commit handlers joins vips quorum ");
}
END_TEST

START_TEST(a_worker_that_is_full_refuses_it)
{
    world.worker_full = true;
    reload_begin(reloads, on_done, NULL);
    ck_assert_uint_eq(answers, 1);
    ck_assert_str_eq(answer, "too much is waiting to be read or written");
}
END_TEST

START_TEST(the_end_comes_at_any_step)
{
    begin_and_let_go(); /* and others wait */
    reload_begin(reloads, on_done, NULL);
    history[0] = '\0';
}
END_TEST

int main(void)
{
    Suite *s = suite_create("reload");
    TCase *t = tcase_create("steps");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, all_is_taken_on_once_what_is_to_go_has_gone);
    tcase_add_test(t, the_steward_keeps_old_scripts_until_the_changes_that_wait_for_them_are_run);
    tcase_add_test(t, a_file_that_cannot_be_read_changes_nothing);
    tcase_add_test(t, a_steward_that_cannot_be_asked_changes_nothing);
    tcase_add_test(t, what_the_steward_refuses_changes_nothing);
    tcase_add_test(t, a_quorum_that_cannot_be_taken_on_changes_nothing);
    tcase_add_test(t, without_memory_for_the_handlers_nothing_changes);
    tcase_add_test(t, a_steward_that_does_not_answer_is_told_to_forget_it);
    tcase_add_test(t, an_address_that_does_not_go_has_all_put_back);
    tcase_add_test(t, tags_that_are_refused_have_all_put_back);
    tcase_add_test(t, a_steward_that_cannot_be_told_to_go_ahead_has_all_put_back);
    tcase_add_test(t, an_agent_that_leaves_meanwhile_takes_nothing_on);
    tcase_add_test(t, one_goes_after_the_other_and_the_next_begins_when_one_is_refused);
    tcase_add_test(t, a_worker_that_is_full_refuses_it);
    tcase_add_test(t, the_end_comes_at_any_step);
    suite_add_tcase(s, t);
    return unit_run(s);
}
