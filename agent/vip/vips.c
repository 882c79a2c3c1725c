#include "agent/vip/vips.h"

#include "agent/base/address.h"
#include "agent/base/log.h"
#include "agent/config/config.h"
#include "agent/host.h"
#include "agent/steward/steward_failure.h"
#include "agent/vip/managed_vip.h"
#include "agent/vip/steward_link.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TICK_MS = 100, /* period of pings to the steward and of eligibility checks */
    ANNOUNCE_US = 1000000,
};

struct vips {
    struct vips_shared shared;
    vips_lost_fn *lost;
    void *lost_arg;
    struct managed_vip *all;
    struct managed_vip *spare; /* room for the next configuration (vips_reserve); NULL: none */
    size_t count, spare_count;
    struct event *readable, *timer;
    bool has_fence;
    bool drained, stopping;
    bool announces;       /* at the next tick that ANNOUNCE_US allows */
    int64_t announced_us; /* last */
};

/* ---- eligibility ---- */

/* What is held goes on as the steward decides: a link may return within its grace. */
static const char *vips_cannot_begin_because(const struct managed_vip *m)
{
    if (m->vip.state > VIP_WAITING)
        return NULL;
    if (host_now_us() < (int64_t)m->spec->start_delay_ms * 1000)
        return "this host has not been up for start_delay yet";
    return m->ineligible_because[0] != '\0' ? m->ineligible_because : NULL;
}

static const char *vips_ineligible_because(const struct vips *v, const struct managed_vip *m)
{
    if (v->stopping)
        return "this agent is stopping";
    if (v->drained)
        return "this host is drained";
    if (m->removed)
        return "it is not configured any more";
    if (!m->fits)
        return "this host's tags do not match";
    if (m->spec->requires_count > 0)
        return "it requires checks, which this version does not have";
    if (!managed_vip_has_steward(&v->shared, m))
        return "the steward does not answer";
    return vips_cannot_begin_because(m);
}

/* ---- the addresses ---- */

static struct managed_vip *vips_by_name(const struct vips *v, const char *name)
{
    for (size_t i = 0; i < v->count; i++)
        if (strcmp(v->all[i].spec->name, name) == 0)
            return &v->all[i];
    return NULL;
}

static struct managed_vip *vips_by_key(const struct vips *v, uint64_t key)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->all[i].key == key)
            return &v->all[i];
    return NULL;
}

static struct managed_vip *vips_by_lease(const struct vips *v, const char *lease)
{
    return vips_by_name(v, lease + strlen(HOST_LEASES_OF_VIPS));
}

/* Checks eligibility again: tags, drain or the steward may have changed. */
static void vips_review(struct vips *v)
{
    struct gossip_member self = gossip_self(host_view(v->shared.host));
    for (size_t i = 0; i < v->count; i++) {
        struct managed_vip *m = &v->all[i];
        m->fits = tag_match_fits(&m->spec->match, self.profile->tags, self.profile->tags_bytes);
        bool eligible = !vips_ineligible_because(v, m);
        if (eligible != m->vip.eligible)
            managed_vip_apply(&v->shared, m, vip_set_eligible(&m->vip, host_now_us(), eligible));
    }
}

/* ---- the steward ---- */

static void vips_note_report(struct vips *v)
{
    v->shared.reported_us = host_now_us();
    v->shared.requested_us = 0;
}

/* A host whose tags do not match needs no interface. */
static void vips_on_eligibility(struct vips *v, struct managed_vip *m,
                                const struct steward_report *report)
{
    char text[sizeof m->ineligible_because];
    steward_eligibility_describe(report, text, sizeof text);
    if (m->fits && text[0] != '\0' && strcmp(text, m->ineligible_because) != 0)
        log_warn("vip \"%s\": cannot be held here: %s", m->spec->name, text);
    else if (m->fits && text[0] == '\0' && m->ineligible_because[0] != '\0')
        log_info("vip \"%s\": can be held here again", m->spec->name);
    memcpy(m->ineligible_because, text, sizeof text);
    vips_review(v);
}

/* A report about an address that was removed from the configuration is late: skip it. */
static void vips_on_report(struct vips *v, const struct steward_report *report)
{
    struct managed_vip *m = vips_by_key(v, report->vip);
    vips_note_report(v);
    if (m)
        steward_link_log(report, m->spec);
    if (!m)
        return;
    if (report->kind == STEWARD_FAILED)
        steward_failure_describe(report, m->spec, m->failure);
    if (report->kind == STEWARD_ELIGIBILITY) /* it is of no epoch */
        vips_on_eligibility(v, m, report);
    else if (!managed_vip_is_late(m, report))
        managed_vip_apply(&v->shared, m, managed_vip_report(&v->shared, m, report));
}

static void vips_on_ready(struct vips *v, const struct steward_report *report)
{
    if (v->count > 0 && (v->shared.reported_us == 0 || v->has_fence != report->flag))
        steward_link_log(report, NULL);
    vips_note_report(v);
    v->has_fence = report->flag;
}

static void vips_lose_steward(struct vips *v)
{
    event_free(v->readable);
    v->readable = NULL;
    close(v->shared.fd);
    v->shared.fd = -1;
    v->has_fence = false;
    vips_review(v);
    v->lost(v->lost_arg);
}

static void vips_receive(struct vips *v)
{
    struct steward_report report;
    enum steward_link_got got = STEWARD_LINK_NOTHING;
    while (v->shared.fd >= 0 &&
           (got = steward_link_receive(v->shared.fd, &report)) == STEWARD_LINK_REPORT)
        (report.kind == STEWARD_READY ? vips_on_ready : vips_on_report)(v, &report);
    if (v->shared.fd >= 0 && got == STEWARD_LINK_CLOSED)
        vips_lose_steward(v);
}

static void vips_on_readable(int fd, short what, void *arg)
{
    struct vips *v = arg;
    (void)fd, (void)what;
    vips_receive(v);
    host_dirty(v->shared.host);
}

/* Read waiting answers first: after a pause of the agent they prove that the steward is alive. */
static void vips_ping(struct vips *v)
{
    vips_receive(v);
    if (v->shared.fd < 0)
        return;
    steward_link_send(v->shared.fd, &(struct steward_request){.kind = STEWARD_PING});
    managed_vip_note_request(&v->shared);
}

static void vips_announce_held(struct vips *v)
{
    if (!v->announces || host_now_us() - v->announced_us < ANNOUNCE_US)
        return;
    v->announces = false;
    v->announced_us = host_now_us();
    for (size_t i = 0; i < v->count; i++)
        if (v->all[i].vip.state == VIP_HOLDING)
            managed_vip_request(&v->shared, &v->all[i], STEWARD_ANNOUNCE, 0);
}

static void vips_on_timer(int fd, short what, void *arg)
{
    struct vips *v = arg;
    (void)fd, (void)what;
    vips_ping(v);
    vips_review(v);
    vips_announce_held(v);
    for (size_t i = 0; i < v->count; i++) {
        struct managed_vip *m = &v->all[i];
        managed_vip_apply(&v->shared, m, m->actions | vip_tick(&m->vip, host_now_us()));
        if (managed_vip_may_preempt(m))
            managed_vip_claim(&v->shared, m, false);
    }
    host_dirty(v->shared.host);
}

/* ---- the core ---- */

static void vips_on_lease(void *arg, const struct leases_state *lease)
{
    struct vips *v = arg;
    struct managed_vip *m = vips_by_lease(v, lease->name);
    if (!m)
        return;
    managed_vip_note_lease(&v->shared, m, lease);
    if (!lease->held && m->vip.state > VIP_WAITING)
        m->ready_us = 0; /* the delay of preemption begins anew */
    managed_vip_apply(&v->shared, m, vip_lease(&m->vip, host_now_us(), lease));
}

/* A member that was isolated may have stale neighbour entries for the addresses. */
static void vips_on_change(void *arg, const struct journal_entry *entry)
{
    struct vips *v = arg;
    if (entry && (entry->kind == EVENT_MEMBER_JOIN || entry->kind == EVENT_MEMBER_REACHABLE))
        v->announces = true;
}

/* ---- the surface ---- */

struct vips *vips_new(struct host *host, int steward_fd, vips_lost_fn *lost, void *arg)
{
    struct vips *v = calloc(1, sizeof *v);
    if (!v) {
        close(steward_fd);
        return NULL;
    }
    *v = (struct vips){.shared = {.host = host, .fd = steward_fd}, .lost = lost, .lost_arg = arg};
    v->timer = event_new(host_base(host), -1, EV_PERSIST, vips_on_timer, v);
    host_on_lease(host, HOST_LEASES_OF_VIPS, vips_on_lease, v);
    host_subscribe(host, HOST_VIPS, vips_on_change, v);
    if (steward_fd < 0 && v->timer)
        return v;
    v->readable = event_new(host_base(host), steward_fd, EV_READ | EV_PERSIST, vips_on_readable, v);
    if (v->timer && v->readable && event_add(v->readable, NULL) == 0)
        return v;
    vips_free(v);
    return NULL;
}

void vips_set_host_number(struct vips *v, uint32_t number)
{
    v->shared.host_number = number;
}

void vips_free(struct vips *v)
{
    if (!v)
        return;
    host_on_lease(v->shared.host, HOST_LEASES_OF_VIPS, NULL, NULL);
    host_subscribe(v->shared.host, HOST_VIPS, NULL, NULL);
    if (v->readable)
        event_free(v->readable);
    if (v->timer)
        event_free(v->timer);
    if (v->shared.fd >= 0) {
        steward_link_send(v->shared.fd, &(struct steward_request){.kind = STEWARD_QUIT});
        close(v->shared.fd);
    }
    free(v->all);
    free(v->spare);
    free(v);
}

static uint64_t vips_key_of(const struct vip_spec *spec)
{
    struct steward_vip vip;
    steward_vip_describe(spec, &vip);
    return steward_vip_key(&vip);
}

static void vips_mark_removed(struct vips *v, const struct vip_spec *specs, size_t count)
{
    for (size_t i = 0; i < v->count; i++)
        v->all[i].removed = true;
    for (size_t i = 0; i < count; i++) {
        struct managed_vip *m = vips_by_key(v, vips_key_of(&specs[i]));
        if (m)
            m->removed = false;
    }
}

void vips_retain(struct vips *v, const struct vip_spec *specs, size_t count)
{
    vips_mark_removed(v, specs, count);
    vips_review(v);
}

static bool managed_vip_is_down(const struct managed_vip *m)
{
    return m->vip.state <= VIP_WAITING;
}

bool vips_are_retained(const struct vips *v)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->all[i].removed && !managed_vip_is_down(&v->all[i]))
            return false;
    return true;
}

static void vips_release_one(struct vips *v, const struct managed_vip *m)
{
    assert(managed_vip_is_down(m));
    leases_release(host_core(v->shared.host), host_now_us(), m->lease, NULL, false);
}

static void vips_init_one(const struct vips *v, struct managed_vip *m, const struct vip_spec *spec)
{
    struct gossip_member self = gossip_self(host_view(v->shared.host));
    *m = (struct managed_vip){.spec = spec, .key = vips_key_of(spec)};
    snprintf(m->lease, sizeof m->lease, HOST_LEASES_OF_VIPS "%s", spec->name);
    snprintf(m->vip.self, sizeof m->vip.self, "%s", self.profile->name);
}

static void vips_replace(struct vips *v, const struct vip_spec *specs, size_t count)
{
    struct managed_vip *all = v->spare;
    assert(all && v->spare_count >= count);
    v->spare = NULL;
    vips_mark_removed(v, specs, count);
    for (size_t i = 0; i < v->count; i++)
        if (v->all[i].removed)
            vips_release_one(v, &v->all[i]);
    for (size_t i = 0; i < count; i++) {
        const struct managed_vip *before = vips_by_key(v, vips_key_of(&specs[i]));
        if (before)
            all[i] = *before;
        else
            vips_init_one(v, &all[i], &specs[i]);
        all[i].spec = &specs[i];
    }
    free(v->all);
    v->all = all;
    v->count = count;
}

bool vips_reserve(struct vips *v, size_t count)
{
    struct managed_vip *spare = calloc(count + 1, sizeof *spare);
    if (!spare)
        return false;
    free(v->spare);
    v->spare = spare;
    v->spare_count = count;
    return true;
}

void vips_configure(struct vips *v, const struct vip_spec *specs, size_t count)
{
    vips_replace(v, specs, count);
    for (size_t i = 0; i < count; i++) {
        struct managed_vip *m = &v->all[i];
        if (managed_vip_is_down(m)) {
            m->reply_pending = false; /* a new claim renews without end until the next request */
            managed_vip_apply(&v->shared, m,
                              vip_set_eligible(&m->vip, host_now_us(), m->vip.eligible));
        } else {
            managed_vip_claim(&v->shared, m, false);
        }
    }
    vips_review(v);
    if (count > 0)
        event_add(v->timer, &(struct timeval){.tv_usec = TICK_MS * 1000});
    else
        event_del(v->timer);
}

const char *vips_move(struct vips *v, const char *name, const char *successor)
{
    struct managed_vip *m = vips_by_name(v, name);
    if (!m)
        return "no such vip";
    if (strcmp(m->vip.holder, successor) == 0)
        return NULL;
    if (leases_move(host_core(v->shared.host), host_now_us(), m->lease, successor) != GOSSIP_OK)
        return m->vip.holder[0] == '\0' ? "nobody holds it" : "no such member";
    return NULL;
}

const char *vips_release(struct vips *v, const char *name)
{
    struct managed_vip *m = vips_by_name(v, name);
    struct leases_state lease;
    if (!m)
        return "no such vip";
    if (m->vip.state != VIP_HOLDING)
        return "this host does not hold it";
    leases_get(host_view(v->shared.host), host_now_us(), m->lease, &lease);
    if (lease.waiting == 0)
        return "no other host could take it";
    managed_vip_apply(&v->shared, m, vip_move(&m->vip, host_now_us(), ""));
    return NULL;
}

void vips_drain(struct vips *v, bool drain)
{
    v->drained = drain;
    vips_review(v);
}

bool vips_has_fence(const struct vips *v)
{
    return v->has_fence;
}

bool vips_is_drained(const struct vips *v)
{
    return v->drained;
}

void vips_stop(struct vips *v)
{
    v->stopping = true;
    vips_review(v);
}

bool vips_are_down(const struct vips *v)
{
    for (size_t i = 0; i < v->count; i++)
        if (!managed_vip_is_down(&v->all[i]))
            return false;
    return true;
}

static void vips_fill_view(const struct vips *v, const struct managed_vip *m,
                           struct vips_view *view)
{
    *view = (struct vips_view){.spec = m->spec,
                               .vip = &m->vip,
                               .fits = m->fits,
                               .ineligible_because = vips_ineligible_because(v, m),
                               .failure = m->failure,
                               .why = m->vip.holder[0] != '\0' ? m->why : "",
                               .since_ms = m->since_ms};
    if (!view->ineligible_because && m->vip.retry_us != 0)
        view->ineligible_because =
            m->vip.foreign ? "another host claims the address; it is tried again in a moment"
                           : "it could not be held here; it is tried again in a moment";
    leases_get(host_view(v->shared.host), host_now_us(), m->lease, &view->lease);
}

bool vips_next(const struct vips *v, size_t *cursor, struct vips_view *view)
{
    if (*cursor >= v->count)
        return false;
    vips_fill_view(v, &v->all[(*cursor)++], view);
    return true;
}

bool vips_find(const struct vips *v, const char *name, struct vips_view *view)
{
    const struct managed_vip *m = vips_by_name(v, name);
    if (m)
        vips_fill_view(v, m, view);
    return m;
}

bool vips_next_published(const struct vips *v, size_t *cursor, struct vip_record *into)
{
    if (*cursor >= v->count)
        return false;
    const struct managed_vip *m = &v->all[(*cursor)++];
    vips_describe(m->spec, &m->vip, into);
    into->epoch = m->vip.published_epoch;
    return true;
}
