#include "tests/unit/fake_core.h"

#include "agent/control/control.h"
#include "gossip/membership/profile.h"

#include <assert.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS_MAX 4096
#define TIME_MS INT64_C(1795176000123)

struct gossip {
    struct gossip_member members[MEMBERS_MAX];
    size_t count;
};

struct host {
    struct event_base *base;
    struct journal *journal;
    struct gossip *gossip;
};

static struct host host;
static const struct control_requests requests;

struct fake_core fake;

/* ---- for tests ---- */

void fake_core_start(void)
{
    static char name[] = "a", cluster[] = "test", run_dir[] = "/run/a", state_dir[] = "/state/a";
    fake = (struct fake_core){.now_us = 1000000000};
    fake.config = (struct config){
        .name = name, .cluster = cluster, .run_dir = run_dir, .state_dir = state_dir};
    host.base = event_base_new();
    host.journal = journal_new();
    host.gossip = calloc(1, sizeof *host.gossip);
    assert(host.base && host.journal && host.gossip);
    fake.host = &host;
    fake.base = host.base;
    fake.parts = (struct control_parts){.host = &host, .requests = &requests};
    fake_member_add("a", GOSSIP_ALIVE, "role\0web", sizeof "role\0web");
}

void fake_core_stop(void)
{
    struct gossip *g = host.gossip;
    while (g->count > 0)
        gossip_profile_release(g->members[--g->count].profile);
    free(g);
    journal_free(host.journal);
    event_base_free(host.base);
}

const struct gossip_member *fake_member_add(const char *name, enum gossip_status status,
                                            const char *tags, size_t tags_bytes)
{
    struct gossip *g = host.gossip;
    size_t number = g->count + 1, id_bytes = strlen(name);
    struct gossip_profile p = {
        .generation = 5,
        .addr = {.ip = {[10] = 0xff, 0xff, 10, 0, (uint8_t)(number >> 8), (uint8_t)number},
                 .port = 7949},
        .name = name,
        .tags = tags,
        .tags_bytes = (uint16_t)tags_bytes,
    };
    memcpy(p.id, name, id_bytes < sizeof p.id ? id_bytes : sizeof p.id);
    assert(g->count < MEMBERS_MAX);
    struct gossip_member *m = &g->members[g->count++];
    *m = (struct gossip_member){.profile = profile_new(&p), .incarnation = 3, .status = status};
    assert(m->profile);
    return m;
}

const struct gossip_member *fake_member_add_partly(const char *name)
{
    const struct gossip_member *m = fake_member_add(name, GOSSIP_ALIVE, "", 0);
    host.gossip->members[m - host.gossip->members].unreachable = true;
    return m;
}

void fake_change(const struct gossip_member *member, enum event_kind kind)
{
    assert(journal_append(host.journal, TIME_MS, kind, member, NULL));
    if (fake.control)
        control_notify(fake.control);
}

void fake_join_end(size_t n, bool ok, const char *error)
{
    assert(n < fake.joins_count && fake.joins[n].done);
    host_done_fn *done = fake.joins[n].done;
    fake.joins[n].done = NULL;
    done(fake.joins[n].arg, ok, error);
}

/* ---- the host ---- */

int64_t host_now_us(void)
{
    return fake.now_us += fake.step_us;
}

void host_dirty(struct host *h)
{
    (void)h;
    fake.settles++;
}

struct gossip *host_core(struct host *h)
{
    host_dirty(h);
    return h->gossip;
}

const struct gossip *host_view(const struct host *h)
{
    return h->gossip;
}

struct event_base *host_base(const struct host *h)
{
    return h->base;
}

const struct config *host_config(const struct host *h)
{
    (void)h;
    return &fake.config;
}

const struct journal *host_journal(const struct host *h)
{
    return h->journal;
}

bool host_is_leaving(const struct host *h)
{
    (void)h;
    return fake.leaving;
}

void host_subscribe(struct host *h, enum host_module module, host_change_fn *changed, void *arg)
{
    (void)h;
    fake.changed[module] = changed;
    fake.changed_arg[module] = arg;
}

void host_on_lease(struct host *h, const char *prefix, host_lease_fn *receive, void *arg)
{
    (void)h;
    fake.lease_prefix = prefix;
    fake.lease = receive;
    fake.lease_arg = arg;
}

bool fake_lease_change(const struct leases_state *lease)
{
    if (strncmp(lease->name, fake.lease_prefix, strlen(fake.lease_prefix)) != 0)
        return false;
    fake.lease(fake.lease_arg, lease);
    return true;
}

void fake_tell(enum host_module module, enum event_kind kind, const struct gossip_member *member)
{
    const struct journal_entry entry = {.kind = kind, .member = *member};
    fake.changed[module](fake.changed_arg[module], &entry);
}

/* ---- what control asks of the agent ---- */

static void request_join(void *arg, const char *name, host_done_fn *done, void *done_arg)
{
    (void)arg;
    if (fake.joins_count == FAKE_JOINS_MAX) {
        done(done_arg, false, "no room");
        return;
    }
    struct fake_join *j = &fake.joins[fake.joins_count++];
    *j = (struct fake_join){.done = done, .arg = done_arg};
    snprintf(j->host, sizeof j->host, "%s", name);
    if (strcmp(name, "at once") == 0)
        fake_join_end(fake.joins_count - 1, false, "not a host");
}

static void forget_request(void *arg, const void *done_arg)
{
    (void)arg;
    for (size_t i = 0; i < fake.joins_count; i++)
        if (fake.joins[i].arg == done_arg)
            fake.joins[i].done = NULL;
}

static void request_leave(void *arg)
{
    (void)arg;
    fake.leaving = true;
    fake.leaves++;
}

static void request_reload(void *arg, host_done_fn *done, void *done_arg)
{
    (void)arg;
    done(done_arg, !fake.reload_error, fake.reload_error);
}

static const char *waits_for(void *arg)
{
    (void)arg;
    return fake.waits_for;
}

static const struct control_requests requests = {
    .waits_for = waits_for,
    .join = request_join,
    .reload = request_reload,
    .leave = request_leave,
    .forget = forget_request,
};

size_t events_readers(const struct events *e)
{
    (void)e;
    return 17;
}

bool handlers_stats(const struct handlers *h, size_t index, struct handler_stats *stats)
{
    (void)h;
    *stats = (struct handler_stats){
        .name = "page", .runs = 9, .failures = 1, .last_status = 3, .last_duration_us = 4000};
    return index == 0;
}

/* ---- the core ---- */

#define TEXT(name, text) [name] = text,
const char *gossip_error_text(enum gossip_error error)
{
    static const char *const texts[] = {GOSSIP_ERRORS(TEXT)};
    return texts[error];
}

const char *gossip_status_text(enum gossip_status status)
{
    static const char *const texts[] = {"alive", "suspect", "leaving", "failed", "left"};
    return texts[status];
}

bool gossip_next_member(const struct gossip *g, size_t *cursor, struct gossip_member *member)
{
    if (*cursor >= g->count)
        return false;
    *member = g->members[(*cursor)++];
    return true;
}

bool gossip_find(const struct gossip *g, const char *name, struct gossip_member *member)
{
    size_t cursor = 0;
    while (gossip_next_member(g, &cursor, member))
        if (strcmp(member->profile->name, name) == 0)
            return true;
    return false;
}

struct gossip_member gossip_self(const struct gossip *g)
{
    return g->members[0];
}

enum gossip_error gossip_force_leave(struct gossip *g, int64_t now_us, const char *name, bool prune)
{
    (void)g, (void)now_us;
    snprintf(fake.forgotten, sizeof fake.forgotten, "%s%s", name, prune ? " prune" : "");
    return fake.forget_error;
}

enum gossip_error gossip_set_tags(struct gossip *g, int64_t now_us, const char *tags,
                                  uint16_t tags_bytes)
{
    (void)now_us;
    if (fake.set_tags_error != GOSSIP_OK)
        return fake.set_tags_error;
    struct gossip_profile changed = *g->members[0].profile;
    changed.tags = tags;
    changed.tags_bytes = tags_bytes;
    const struct gossip_profile *profile = profile_new(&changed);
    assert(profile);
    gossip_profile_release(g->members[0].profile);
    g->members[0].profile = profile;
    fake_change(&g->members[0], EVENT_MEMBER_UPDATE);
    return GOSSIP_OK;
}

enum gossip_error gossip_explain(const struct gossip *g, int64_t now_us, const char *name,
                                 struct gossip_explanation *explanation)
{
    (void)now_us;
    for (size_t i = 0; i < g->count; i++) {
        if (strcmp(g->members[i].profile->name, name) != 0)
            continue;
        *explanation = fake.explanation;
        explanation->member = g->members[i];
        return GOSSIP_OK;
    }
    return GOSSIP_ERROR_UNKNOWN;
}

const struct gossip_timing *gossip_get_timing(const struct gossip *g)
{
    static const struct gossip_timing timing = {.detect_ms = 1500, .reap_s = 259200};
    (void)g;
    return &timing;
}

uint32_t gossip_detect_ms_min(int64_t rtt_us)
{
    return (uint32_t)(2 * rtt_us / 1000);
}

void gossip_get_stats(const struct gossip *g, struct gossip_stats *stats)
{
    *stats = (struct gossip_stats){.packets_sent = 12, .updates_waiting = 4, .rtt_us = fake.rtt_us};
    for (size_t i = 0; i < g->count; i++) {
        stats->members_alive += g->members[i].status <= GOSSIP_SUSPECT;
        stats->members_failed += g->members[i].status == GOSSIP_FAILED;
        stats->members_left +=
            g->members[i].status == GOSSIP_LEAVING || g->members[i].status == GOSSIP_LEFT;
    }
}
