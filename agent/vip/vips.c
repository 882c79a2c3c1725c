#include "agent/vip/vips.h"

#include "agent/base/address.h"
#include "agent/base/log.h"
#include "agent/config/config.h"
#include "agent/host.h"
#include "agent/vip/steward_link.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TICK_MS = 100, /* asked of the steward, and looked after, so often */
    /* A steward that has said nothing for so long is not there; for an address with a shorter
     * lease, for that: who has just lost it for its steward's silence does not try for it again. */
    SILENT_US = 1000000,
    SILENT_US_MIN = 250000,
    MARGIN_PARTS = 50, /* of a lease, before whose end the address is gone */
    KEEP_PARTS = 2,    /* of it, that the steward has to answer */
    ANNOUNCE_US = 1000000,
};

#define LEASE_PREFIX "vip/"

struct one {
    struct vip vip;
    const struct vip_spec *spec;
    uint64_t key; /* by which the steward knows it */
    char lease[sizeof LEASE_PREFIX + GOSSIP_NAME_BYTES_MAX];
    unsigned orders; /* that the steward had no room for */
    unsigned flags;  /* to begin with */
    bool begun;      /* the steward has been asked to, since the lease was won */
    bool owes;       /* the steward has been asked, and has not said that it is held */
    bool fits;
    bool retired; /* it is not configured any more */
};

struct vips {
    struct host *host;
    vips_lost_fn *lost;
    void *lost_arg;
    struct one *all;
    struct one *spare; /* room for those of the next configuration; NULL: none */
    size_t count, spare_count;
    int fd;
    struct event *readable, *timer;
    int64_t heard_us; /* the steward, last; 0: not yet */
    int64_t asked_us; /* the first time since then; 0: not yet */
    bool gate;
    bool drained, stopping;
    bool announces;       /* as soon as it may be */
    int64_t announced_us; /* last */
    uint32_t host_number;
};

/* ---- who may hold it ---- */

static bool has_steward(const struct vips *v, const struct one *o)
{
    int64_t silent_us = (int64_t)o->spec->lease_ms * 1000;
    silent_us = silent_us > SILENT_US_MIN ? silent_us : SILENT_US_MIN;
    silent_us = silent_us < SILENT_US ? silent_us : SILENT_US;
    bool waits = v->asked_us != 0 && host_now_us() - v->asked_us >= silent_us;
    return v->fd >= 0 && v->heard_us != 0 && !waits;
}

static const char *obstacle(const struct vips *v, const struct one *o)
{
    if (v->stopping)
        return "this agent is stopping";
    if (v->drained)
        return "this host is drained";
    if (o->retired)
        return "it is not configured any more";
    if (!o->spec->fits || !o->fits)
        return "this host's tags do not match";
    if (!vip_spec_may_hold(o->spec))
        return "it requires checks, which this version does not have";
    return has_steward(v, o) ? NULL : "the steward does not answer";
}

/* ---- what is to be done ---- */

void vips_describe(const struct vip_spec *spec, const struct vip *vip, struct vip_record *into)
{
    char ip[ADDRESS_TEXT_BYTES];
    *into = (struct vip_record){.epoch = vip->epoch, .here = vip->here};
    snprintf(into->name, sizeof into->name, "%s", spec->name);
    snprintf(into->address, sizeof into->address, "%s/%u", address_ip_text(spec->address.ip, ip),
             spec->prefix_bits);
    snprintf(into->interface, sizeof into->interface, "%s", spec->interface);
    snprintf(into->holder, sizeof into->holder, "%s", vip->holder);
}

static void tell(struct vips *v, const struct one *o, enum event_kind kind)
{
    struct vip_record vip;
    struct gossip_member self = gossip_self(host_view(v->host));
    vips_describe(o->spec, &o->vip, &vip);
    host_publish(v->host, kind, &self, &vip);
}

static void note_asked(struct vips *v)
{
    if (v->asked_us == 0)
        v->asked_us = host_now_us();
}

static bool ask_steward(struct vips *v, const struct one *o, enum steward_request_kind order,
                        unsigned flags)
{
    struct steward_request request = {
        .kind = (uint8_t)order,
        .vip = o->key,
        .flags = (uint8_t)flags,
        .epoch = o->vip.epoch,
        .until_us = o->vip.until_us - (int64_t)o->spec->lease_ms * 1000 / MARGIN_PARTS,
    };
    note_asked(v);
    return v->fd >= 0 && steward_link_send(v->fd, &request);
}

/* Where it went wrong it is not taken away from others again, until it has been up here. */
static void want(struct vips *v, const struct one *o, bool watches)
{
    struct leases_options options = {.name = o->lease,
                                     .length_ms = o->spec->lease_ms,
                                     .priority = o->spec->priority,
                                     .preempts = o->spec->preempt && o->vip.rest_us == 0,
                                     .host = v->host_number,
                                     .observes = watches};
    enum gossip_error error = leases_claim(host_core(v->host), host_now_us(), &options);
    if (error != GOSSIP_OK)
        log_error("vip \"%s\": %s", o->spec->name, gossip_error_text(error));
}

static void release(struct vips *v, const struct one *o, unsigned orders)
{
    const char *heir = o->vip.heir[0] != '\0' ? o->vip.heir : NULL;
    bool stays = orders & VIP_WANT;
    struct gossip *g = host_core(v->host);
    int64_t now_us = host_now_us();
    if (orders & VIP_YIELD)
        heir = LEASES_NO_SUCCESSOR;
    if (leases_release(g, now_us, o->lease, heir, stays) != GOSSIP_OK && heir)
        leases_release(g, now_us, o->lease, NULL, stays);
}

/* When the steward owes an answer it has a moment for it, and the lease is renewed no longer than
 * that. When it owes none, its silence means nothing: it may be us who were stopped. */
static void await_answer(const struct vips *v, struct one *o, bool owes)
{
    int64_t now_us = host_now_us(), lease_us = (int64_t)o->spec->lease_ms * 1000;
    if (owes != o->owes)
        leases_renew_until(host_core(v->host), now_us, o->lease,
                           owes ? now_us + lease_us / KEEP_PARTS : INT64_MAX);
    o->owes = owes;
}

static void hold(struct vips *v, struct one *o, unsigned orders)
{
    if (!(orders & VIP_RENEW)) {
        o->owes = false;
        o->flags = orders & VIP_PROBE ? STEWARD_PROBE : 0;
        o->begun = false;
    }
    o->begun |= ask_steward(v, o, STEWARD_HOLD, o->begun ? STEWARD_RENEW : o->flags);
    await_answer(v, o, true);
}

/* What the steward has no room for is tried again; a renewal comes again by itself. */
static void apply(struct vips *v, struct one *o, unsigned orders)
{
    static const struct {
        unsigned order;
        enum event_kind kind;
    } told[] = {{VIP_CONFLICT, EVENT_VIP_CONFLICT},
                {VIP_RELEASED, EVENT_VIP_RELEASED},
                {VIP_ACQUIRED, EVENT_VIP_ACQUIRED}};
    if (orders & VIP_UP)
        hold(v, o, orders);
    if (o->vip.state != VIP_STOPPING)
        o->orders = 0;
    if (orders & VIP_DOWN) {
        await_answer(v, o, true);
        o->orders = ask_steward(v, o, STEWARD_DROP, 0) ? 0 : VIP_DOWN;
    }
    if (orders & (VIP_RELEASE | VIP_YIELD))
        release(v, o, orders);
    if (orders & (VIP_WANT | VIP_WATCH))
        want(v, o, orders & VIP_WATCH);
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (orders & told[i].order)
            tell(v, o, told[i].kind);
}

static struct one *find(const struct vips *v, const char *name)
{
    for (size_t i = 0; i < v->count; i++)
        if (strcmp(v->all[i].spec->name, name) == 0)
            return &v->all[i];
    return NULL;
}

static struct one *find_key(const struct vips *v, uint64_t key)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->all[i].key == key)
            return &v->all[i];
    return NULL;
}

static struct one *find_lease(const struct vips *v, const char *lease)
{
    return find(v, lease + strlen(LEASE_PREFIX));
}

/* What may have changed: tags, drain, the steward. */
static void look(struct vips *v)
{
    struct gossip_member self = gossip_self(host_view(v->host));
    for (size_t i = 0; i < v->count; i++) {
        struct one *o = &v->all[i];
        o->fits = tag_match_fits(&o->spec->match, self.profile->tags, self.profile->tags_bytes);
        bool eligible = !obstacle(v, o);
        if (eligible != o->vip.eligible)
            apply(v, o, vip_set_eligible(&o->vip, host_now_us(), eligible));
    }
}

/* ---- the steward ---- */

/* It may have waited to be told of what we held before. */
static bool is_past(const struct one *o, const struct steward_report *report)
{
    bool ours = o->vip.state == VIP_STARTING || o->vip.state == VIP_HOLDING;
    return ours && report->epoch < o->vip.epoch;
}

static unsigned hear(struct vips *v, struct one *o, const struct steward_report *report)
{
    int64_t now_us = v->heard_us;
    switch ((enum steward_report_kind)report->kind) {
    case STEWARD_HELD:
        if (o->vip.state != VIP_STOPPING) /* or it answers what was asked before it is to stop */
            await_answer(v, o, false);
        return vip_hear(&o->vip, now_us, VIP_IS_UP);
    case STEWARD_DROPPED:
        return vip_hear(&o->vip, now_us, VIP_IS_DOWN);
    case STEWARD_FAILED: /* EEXIST: an operator has configured it here */
        if (report->flag)
            return 0; /* what was asked is refused, and it is still held */
        return (report->error == EEXIST ? vip_hear(&o->vip, now_us, VIP_IS_FOREIGN) : 0) |
               vip_hear(&o->vip, now_us, VIP_IS_REFUSED);
    case STEWARD_CONFLICT:
        return report->flag ? VIP_CONFLICT : vip_hear(&o->vip, now_us, VIP_IS_FOREIGN);
    case STEWARD_RESTORED:
    case STEWARD_ADOPTED:
    case STEWARD_READY:
        return 0;
    }
    return 0;
}

static void note_heard(struct vips *v)
{
    v->heard_us = host_now_us();
    v->asked_us = 0;
}

/* What it says of one that we do not have any more comes late. */
static void on_report(struct vips *v, const struct steward_report *report)
{
    struct one *o = find_key(v, report->vip);
    note_heard(v);
    if (o)
        steward_link_say(report, o->spec->name);
    if (o && !is_past(o, report))
        apply(v, o, hear(v, o, report));
}

static void on_ready(struct vips *v, const struct steward_report *report)
{
    if (v->count > 0 && (v->heard_us == 0 || v->gate != report->flag))
        steward_link_say(report, "");
    note_heard(v);
    v->gate = report->flag;
}

static void lose_steward(struct vips *v)
{
    event_free(v->readable);
    v->readable = NULL;
    close(v->fd);
    v->fd = -1;
    look(v);
    v->lost(v->lost_arg);
}

static void hear_all(struct vips *v)
{
    struct steward_report report;
    enum steward_link_got got = STEWARD_LINK_NOTHING;
    while (v->fd >= 0 && (got = steward_link_receive(v->fd, &report)) == STEWARD_LINK_REPORT)
        (report.kind == STEWARD_READY ? on_ready : on_report)(v, &report);
    if (v->fd >= 0 && got == STEWARD_LINK_CLOSED)
        lose_steward(v);
}

static void on_readable(int fd, short what, void *arg)
{
    struct vips *v = arg;
    (void)fd, (void)what;
    hear_all(v);
    host_dirty(v->host);
}

/* Whether it answers, and not whether we were there to hear it, is what counts. */
static void ping(struct vips *v)
{
    hear_all(v);
    if (v->fd < 0)
        return;
    steward_link_send(v->fd, &(struct steward_request){.kind = STEWARD_PING});
    note_asked(v);
}

static void announce(struct vips *v)
{
    if (!v->announces || host_now_us() - v->announced_us < ANNOUNCE_US)
        return;
    v->announces = false;
    v->announced_us = host_now_us();
    for (size_t i = 0; i < v->count; i++)
        if (v->all[i].vip.state == VIP_HOLDING)
            ask_steward(v, &v->all[i], STEWARD_ANNOUNCE, 0);
}

static void on_timer(int fd, short what, void *arg)
{
    struct vips *v = arg;
    (void)fd, (void)what;
    ping(v);
    look(v);
    announce(v);
    for (size_t i = 0; i < v->count; i++) {
        struct one *o = &v->all[i];
        apply(v, o, o->orders | vip_tick(&o->vip, host_now_us()));
    }
    host_dirty(v->host);
}

/* ---- the core ---- */

static void on_lease(void *arg, const struct leases_state *lease)
{
    struct vips *v = arg;
    struct one *o = find_lease(v, lease->name);
    if (o)
        apply(v, o, vip_lease(&o->vip, host_now_us(), lease));
}

/* A member that was cut off may know addresses by what they were. */
static void on_change(void *arg, const struct journal_entry *entry)
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
    *v = (struct vips){.host = host, .lost = lost, .lost_arg = arg, .fd = steward_fd};
    v->timer = event_new(host_base(host), -1, EV_PERSIST, on_timer, v);
    host_on_lease(host, LEASE_PREFIX, on_lease, v);
    host_subscribe(host, HOST_VIPS, on_change, v);
    if (steward_fd < 0 && v->timer)
        return v;
    v->readable = event_new(host_base(host), steward_fd, EV_READ | EV_PERSIST, on_readable, v);
    if (v->timer && v->readable && event_add(v->readable, NULL) == 0)
        return v;
    vips_free(v);
    return NULL;
}

void vips_set_host_number(struct vips *v, uint32_t number)
{
    v->host_number = number;
}

void vips_free(struct vips *v)
{
    if (!v)
        return;
    host_on_lease(v->host, LEASE_PREFIX, NULL, NULL);
    host_subscribe(v->host, HOST_VIPS, NULL, NULL);
    if (v->readable)
        event_free(v->readable);
    if (v->timer)
        event_free(v->timer);
    if (v->fd >= 0) {
        steward_link_send(v->fd, &(struct steward_request){.kind = STEWARD_QUIT});
        close(v->fd);
    }
    free(v->all);
    free(v->spare);
    free(v);
}

static uint64_t key_of(const struct vip_spec *spec)
{
    struct steward_vip vip;
    steward_vip_describe(spec, &vip);
    return steward_vip_key(&vip);
}

static void mark_retired(struct vips *v, const struct vip_spec *specs, size_t count)
{
    for (size_t i = 0; i < v->count; i++)
        v->all[i].retired = true;
    for (size_t i = 0; i < count; i++) {
        struct one *o = find_key(v, key_of(&specs[i]));
        if (o)
            o->retired = false;
    }
}

void vips_retain(struct vips *v, const struct vip_spec *specs, size_t count)
{
    mark_retired(v, specs, count);
    look(v);
}

static bool is_down(const struct one *o)
{
    return o->vip.state <= VIP_WAITING;
}

bool vips_are_retained(const struct vips *v)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->all[i].retired && !is_down(&v->all[i]))
            return false;
    return true;
}

static void forget(struct vips *v, const struct one *o)
{
    assert(is_down(o));
    leases_release(host_core(v->host), host_now_us(), o->lease, NULL, false);
}

static void init(const struct vips *v, struct one *o, const struct vip_spec *spec)
{
    struct gossip_member self = gossip_self(host_view(v->host));
    *o = (struct one){.spec = spec, .key = key_of(spec)};
    snprintf(o->lease, sizeof o->lease, LEASE_PREFIX "%s", spec->name);
    snprintf(o->vip.self, sizeof o->vip.self, "%s", self.profile->name);
}

static void set(struct vips *v, const struct vip_spec *specs, size_t count)
{
    struct one *all = v->spare;
    assert(all && v->spare_count >= count);
    v->spare = NULL;
    mark_retired(v, specs, count);
    for (size_t i = 0; i < v->count; i++)
        if (v->all[i].retired)
            forget(v, &v->all[i]);
    for (size_t i = 0; i < count; i++) {
        const struct one *before = find_key(v, key_of(&specs[i]));
        if (before)
            all[i] = *before;
        else
            init(v, &all[i], &specs[i]);
        all[i].spec = &specs[i];
    }
    free(v->all);
    v->all = all;
    v->count = count;
}

bool vips_reserve(struct vips *v, size_t count)
{
    struct one *spare = calloc(count + 1, sizeof *spare);
    if (!spare)
        return false;
    free(v->spare);
    v->spare = spare;
    v->spare_count = count;
    return true;
}

void vips_configure(struct vips *v, const struct vip_spec *specs, size_t count)
{
    set(v, specs, count);
    for (size_t i = 0; i < count; i++) {
        struct one *o = &v->all[i];
        if (is_down(o)) {
            o->owes = false; /* what is wanted anew is kept without end, until we ask again */
            apply(v, o, vip_set_eligible(&o->vip, host_now_us(), o->vip.eligible));
        } else {
            want(v, o, false);
        }
    }
    look(v);
    if (count > 0)
        event_add(v->timer, &(struct timeval){.tv_usec = TICK_MS * 1000});
    else
        event_del(v->timer);
}

const char *vips_move(struct vips *v, const char *name, const char *heir)
{
    struct one *o = find(v, name);
    if (!o)
        return "no such vip";
    if (strcmp(o->vip.holder, heir) == 0)
        return NULL;
    if (leases_move(host_core(v->host), host_now_us(), o->lease, heir) != GOSSIP_OK)
        return o->vip.holder[0] == '\0' ? "nobody holds it" : "no such member";
    return NULL;
}

const char *vips_release(struct vips *v, const char *name)
{
    struct one *o = find(v, name);
    struct leases_state lease;
    if (!o)
        return "no such vip";
    if (o->vip.state != VIP_HOLDING)
        return "this host does not hold it";
    leases_get(host_view(v->host), host_now_us(), o->lease, &lease);
    if (lease.waiting == 0)
        return "no other host could take it";
    apply(v, o, vip_move(&o->vip, host_now_us(), ""));
    return NULL;
}

void vips_drain(struct vips *v, bool drain)
{
    v->drained = drain;
    look(v);
}

bool vips_has_gate(const struct vips *v)
{
    return v->gate;
}

bool vips_is_drained(const struct vips *v)
{
    return v->drained;
}

void vips_stop(struct vips *v)
{
    v->stopping = true;
    look(v);
}

bool vips_are_down(const struct vips *v)
{
    for (size_t i = 0; i < v->count; i++)
        if (!is_down(&v->all[i]))
            return false;
    return true;
}

static void fill(const struct vips *v, const struct one *o, struct vips_view *view)
{
    *view = (struct vips_view){
        .spec = o->spec, .vip = &o->vip, .fits = o->fits, .obstacle = obstacle(v, o)};
    leases_get(host_view(v->host), host_now_us(), o->lease, &view->lease);
}

bool vips_next(const struct vips *v, size_t *cursor, struct vips_view *view)
{
    if (*cursor >= v->count)
        return false;
    fill(v, &v->all[(*cursor)++], view);
    return true;
}

bool vips_find(const struct vips *v, const char *name, struct vips_view *view)
{
    const struct one *o = find(v, name);
    if (o)
        fill(v, o, view);
    return o;
}

bool vips_next_told(const struct vips *v, size_t *cursor, struct vip_record *into)
{
    if (*cursor >= v->count)
        return false;
    const struct one *o = &v->all[(*cursor)++];
    vips_describe(o->spec, &o->vip, into);
    into->epoch = o->vip.told_epoch;
    return true;
}
