#include "agent/vip/managed_vip.h"

#include "agent/base/address.h"
#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/vip/steward_link.h"

#include <errno.h>
#include <stdio.h>

enum {
    /* A steward that has not answered a request for this long counts as gone. With a shorter lease
     * the limit is the lease: a host that lost the lease to its steward's silence does not claim
     * it again. */
    SILENT_US = 1000000,
    SILENT_US_MIN = 250000,
    MARGIN_PARTS = 50, /* the address is dropped 1/50 of the lease before its end */
    KEEP_PARTS = 2,    /* the steward has 1/2 of the lease to answer */
};

bool managed_vip_has_steward(const struct vips_shared *s, const struct managed_vip *m)
{
    int64_t silent_us = (int64_t)m->spec->lease_ms * 1000;
    silent_us = silent_us > SILENT_US_MIN ? silent_us : SILENT_US_MIN;
    silent_us = silent_us < SILENT_US ? silent_us : SILENT_US;
    bool waits = s->requested_us != 0 && host_now_us() - s->requested_us >= silent_us;
    return s->fd >= 0 && s->reported_us != 0 && !waits;
}

void vips_describe(const struct vip_spec *spec, const struct vip *vip, struct vip_record *into)
{
    char text[ADDRESS_PREFIX_TEXT_BYTES];
    const struct vip_address *first = &spec->addresses[0];
    *into = (struct vip_record){.epoch = vip->epoch, .here = vip->here};
    snprintf(into->name, sizeof into->name, "%s", spec->name);
    snprintf(into->address, sizeof into->address, "%s",
             address_prefix_text(first->ip, first->prefix_bits, text));
    snprintf(into->interface, sizeof into->interface, "%s", first->interface);
    snprintf(into->holder, sizeof into->holder, "%s", vip->holder);
}

static void managed_vip_publish(struct vips_shared *s, const struct managed_vip *m,
                                enum event_kind kind)
{
    struct vip_record vip;
    struct gossip_member self = gossip_self(host_view(s->host));
    vips_describe(m->spec, &m->vip, &vip);
    host_publish(s->host, kind, &self, &vip);
}

void managed_vip_note_request(struct vips_shared *s)
{
    if (s->requested_us == 0)
        s->requested_us = host_now_us();
}

bool managed_vip_request(struct vips_shared *s, const struct managed_vip *m,
                         enum steward_request_kind kind, unsigned flags)
{
    struct steward_request request = {
        .kind = (uint8_t)kind,
        .vip = m->key,
        .flags = (uint8_t)flags,
        .epoch = m->vip.epoch,
        .until_us = m->vip.until_us - (int64_t)m->spec->lease_ms * 1000 / MARGIN_PARTS,
    };
    managed_vip_note_request(s);
    return s->fd >= 0 && steward_link_send(s->fd, &request);
}

/* No preemption while backing off: the address must have been up here first. */
static bool managed_vip_can_preempt(const struct managed_vip *m)
{
    return m->spec->preempt && m->vip.back_off_us == 0 && m->ready_us != 0 &&
           host_now_us() - m->ready_us >= (int64_t)m->spec->preempt_delay_ms * 1000;
}

bool managed_vip_may_preempt(const struct managed_vip *m)
{
    return m->vip.state == VIP_WAITING && !m->preempts && managed_vip_can_preempt(m);
}

void managed_vip_claim(struct vips_shared *s, struct managed_vip *m, bool observes)
{
    if (observes)
        m->ready_us = 0;
    else if (m->ready_us == 0)
        m->ready_us = host_now_us();
    m->preempts = managed_vip_can_preempt(m);
    struct leases_options options = {.name = m->lease,
                                     .length_ms = m->spec->lease_ms,
                                     .priority = m->spec->priority,
                                     .preempts = m->preempts,
                                     .host = s->host_number,
                                     .observes = observes};
    enum gossip_error error = leases_claim(host_core(s->host), host_now_us(), &options);
    if (error != GOSSIP_OK)
        log_error("vip \"%s\": %s", m->spec->name, gossip_error_text(error));
}

/* ---- why it is where it is ---- */

static const char *lost_because(const struct vips_shared *s, const char *holder)
{
    struct gossip_member m;
    if (!gossip_find(host_view(s->host), holder, &m))
        return "is no member any more";
    switch (m.status) {
    case GOSSIP_FAILED:
        return "failed";
    case GOSSIP_LEAVING:
    case GOSSIP_LEFT:
        return "left";
    case GOSSIP_ALIVE:
    case GOSSIP_SUSPECT:
        break;
    }
    return "released it or could not renew its lease";
}

void managed_vip_note_lease(struct vips_shared *s, struct managed_vip *m,
                            const struct leases_state *lease)
{
    const char *before = m->vip.holder;
    const char *self = m->vip.self, *now = lease->held ? self : lease->holder;
    if (*now == '\0' || lease->epoch == m->noted_epoch)
        return;
    m->noted_epoch = lease->epoch;
    if (lease->held && lease->resumed)
        snprintf(m->why, sizeof m->why, "%s was started again within its lease", self);
    else if (lease->held && lease->taken_over)
        snprintf(m->why, sizeof m->why, "%s handed it over", *m->last ? m->last : "its holder");
    else if (*before != '\0' && strcmp(before, now) != 0)
        snprintf(m->why, sizeof m->why, "%s %s", before, lost_because(s, before));
    else if (*m->last != '\0' && strcmp(m->last, now) != 0)
        snprintf(m->why, sizeof m->why, "%s %s", m->last, lost_because(s, m->last));
    else
        snprintf(m->why, sizeof m->why, "it was free");
    snprintf(m->last, sizeof m->last, "%s", now);
}

static void managed_vip_release(struct vips_shared *s, const struct managed_vip *m,
                                unsigned actions)
{
    const char *successor = m->vip.successor[0] != '\0' ? m->vip.successor : NULL;
    bool stays = actions & VIP_CLAIM;
    struct gossip *g = host_core(s->host);
    int64_t now_us = host_now_us();
    if (actions & VIP_YIELD)
        successor = LEASES_NO_SUCCESSOR;
    if (leases_release(g, now_us, m->lease, successor, stays) != GOSSIP_OK && successor)
        leases_release(g, now_us, m->lease, NULL, stays);
}

/* While a reply is pending, the lease is renewed for the steward's time to answer and no longer.
 * Otherwise silence proves nothing: this agent may have been stopped itself. */
static void managed_vip_await_answer(const struct vips_shared *s, struct managed_vip *m,
                                     bool reply_pending)
{
    int64_t now_us = host_now_us(), lease_us = (int64_t)m->spec->lease_ms * 1000;
    if (reply_pending != m->reply_pending)
        leases_renew_until(host_core(s->host), now_us, m->lease,
                           reply_pending ? now_us + lease_us / KEEP_PARTS : INT64_MAX);
    m->reply_pending = reply_pending;
}

static void managed_vip_hold(struct vips_shared *s, struct managed_vip *m, unsigned actions)
{
    if (!(actions & VIP_RENEW)) {
        m->reply_pending = false;
        m->flags = actions & VIP_PROBE ? STEWARD_PROBE : 0;
        m->requested = false;
    }
    m->requested |=
        managed_vip_request(s, m, STEWARD_HOLD, m->requested ? STEWARD_RENEW : m->flags);
    managed_vip_await_answer(s, m, true);
}

/* A drop that could not be sent is retried (m->actions); renewals come again by themselves. */
void managed_vip_apply(struct vips_shared *s, struct managed_vip *m, unsigned actions)
{
    static const struct {
        unsigned action;
        enum event_kind kind;
    } published[] = {{VIP_CONFLICT, EVENT_VIP_CONFLICT},
                     {VIP_RELEASED, EVENT_VIP_RELEASED},
                     {VIP_ACQUIRED, EVENT_VIP_ACQUIRED},
                     {VIP_RESTORED, EVENT_VIP_RESTORED}};
    if (actions & VIP_UP)
        managed_vip_hold(s, m, actions);
    if (m->vip.state != VIP_STOPPING)
        m->actions = 0;
    if (actions & VIP_DOWN) {
        managed_vip_await_answer(s, m, true);
        m->actions = managed_vip_request(s, m, STEWARD_DROP, 0) ? 0 : VIP_DOWN;
    }
    if (actions & (VIP_RELEASE | VIP_YIELD))
        managed_vip_release(s, m, actions);
    if (actions & (VIP_CLAIM | VIP_OBSERVE))
        managed_vip_claim(s, m, actions & VIP_OBSERVE);
    if (actions & (VIP_RELEASED | VIP_ACQUIRED))
        m->since_ms = clock_us(CLOCK_REALTIME) / 1000;
    for (size_t i = 0; i < sizeof published / sizeof *published; i++)
        if (actions & published[i].action)
            managed_vip_publish(s, m, published[i].kind);
}

/* A report of an earlier epoch can stand in the socket when a new lease is won. */
bool managed_vip_is_late(const struct managed_vip *m, const struct steward_report *report)
{
    bool ours = m->vip.state == VIP_STARTING || m->vip.state == VIP_HOLDING;
    return ours && report->epoch < m->vip.epoch;
}

unsigned managed_vip_report(struct vips_shared *s, struct managed_vip *m,
                            const struct steward_report *report)
{
    int64_t now_us = s->reported_us;
    switch ((enum steward_report_kind)report->kind) {
    case STEWARD_HELD:
        m->failure[0] = '\0';
        if (m->vip.state != VIP_STOPPING) /* else this answers a request from before the stop */
            managed_vip_await_answer(s, m, false);
        return vip_report(&m->vip, now_us, VIP_IS_UP);
    case STEWARD_DROPPED:
        return vip_report(&m->vip, now_us, VIP_IS_DOWN);
    case STEWARD_FAILED: /* EEXIST: an operator has configured it here */
        if (report->flag)
            return 0; /* the request is refused, and the address still held */
        return (report->error == EEXIST ? vip_report(&m->vip, now_us, VIP_IS_FOREIGN) : 0) |
               vip_report(&m->vip, now_us, VIP_IS_REFUSED);
    case STEWARD_CONFLICT:
        return report->flag ? VIP_CONFLICT : vip_report(&m->vip, now_us, VIP_IS_FOREIGN);
    case STEWARD_RESTORED:
        return vip_report(&m->vip, now_us, VIP_IS_RESTORED);
    case STEWARD_ADOPTED:
    case STEWARD_ELIGIBILITY:
    case STEWARD_READY:
        return 0;
    }
    return 0;
}
