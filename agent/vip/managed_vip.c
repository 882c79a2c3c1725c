#include "agent/vip/managed_vip.h"

#include "agent/base/address.h"
#include "agent/base/log.h"
#include "agent/vip/steward_link.h"

#include <errno.h>
#include <stdio.h>

enum {
    /* A steward that has said nothing for so long is not there; for an address with a shorter
     * lease, for that: who has just lost it for its steward's silence does not try for it again. */
    SILENT_US = 1000000,
    SILENT_US_MIN = 250000,
    MARGIN_PARTS = 50, /* of a lease, before whose end the address is gone */
    KEEP_PARTS = 2,    /* of it, that the steward has to answer */
};

bool managed_vip_has_steward(const struct vips_shared *s, const struct managed_vip *m)
{
    int64_t silent_us = (int64_t)m->spec->lease_ms * 1000;
    silent_us = silent_us > SILENT_US_MIN ? silent_us : SILENT_US_MIN;
    silent_us = silent_us < SILENT_US ? silent_us : SILENT_US;
    bool waits = s->asked_us != 0 && host_now_us() - s->asked_us >= silent_us;
    return s->fd >= 0 && s->heard_us != 0 && !waits;
}

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

static void managed_vip_publish(struct vips_shared *s, const struct managed_vip *m,
                                enum event_kind kind)
{
    struct vip_record vip;
    struct gossip_member self = gossip_self(host_view(s->host));
    vips_describe(m->spec, &m->vip, &vip);
    host_publish(s->host, kind, &self, &vip);
}

void managed_vip_note_asked(struct vips_shared *s)
{
    if (s->asked_us == 0)
        s->asked_us = host_now_us();
}

bool managed_vip_ask(struct vips_shared *s, const struct managed_vip *m,
                     enum steward_request_kind order, unsigned flags)
{
    struct steward_request request = {
        .kind = (uint8_t)order,
        .vip = m->key,
        .flags = (uint8_t)flags,
        .epoch = m->vip.epoch,
        .until_us = m->vip.until_us - (int64_t)m->spec->lease_ms * 1000 / MARGIN_PARTS,
    };
    managed_vip_note_asked(s);
    return s->fd >= 0 && steward_link_send(s->fd, &request);
}

/* Where it went wrong it is not taken away from others again, until it has been up here. */
void managed_vip_claim(struct vips_shared *s, const struct managed_vip *m, bool observes)
{
    struct leases_options options = {.name = m->lease,
                                     .length_ms = m->spec->lease_ms,
                                     .priority = m->spec->priority,
                                     .preempts = m->spec->preempt && m->vip.back_off_us == 0,
                                     .host = s->host_number,
                                     .observes = observes};
    enum gossip_error error = leases_claim(host_core(s->host), host_now_us(), &options);
    if (error != GOSSIP_OK)
        log_error("vip \"%s\": %s", m->spec->name, gossip_error_text(error));
}

static void managed_vip_release(struct vips_shared *s, const struct managed_vip *m, unsigned orders)
{
    const char *successor = m->vip.successor[0] != '\0' ? m->vip.successor : NULL;
    bool stays = orders & VIP_CLAIM;
    struct gossip *g = host_core(s->host);
    int64_t now_us = host_now_us();
    if (orders & VIP_YIELD)
        successor = LEASES_NO_SUCCESSOR;
    if (leases_release(g, now_us, m->lease, successor, stays) != GOSSIP_OK && successor)
        leases_release(g, now_us, m->lease, NULL, stays);
}

/* When the steward reply_pending an answer it has a moment for it, and the lease is renewed no
 * longer than that. When it reply_pending none, its silence means nothing: it may be us who were
 * stopped. */
static void managed_vip_await_answer(const struct vips_shared *s, struct managed_vip *m,
                                     bool reply_pending)
{
    int64_t now_us = host_now_us(), lease_us = (int64_t)m->spec->lease_ms * 1000;
    if (reply_pending != m->reply_pending)
        leases_renew_until(host_core(s->host), now_us, m->lease,
                           reply_pending ? now_us + lease_us / KEEP_PARTS : INT64_MAX);
    m->reply_pending = reply_pending;
}

static void managed_vip_hold(struct vips_shared *s, struct managed_vip *m, unsigned orders)
{
    if (!(orders & VIP_RENEW)) {
        m->reply_pending = false;
        m->flags = orders & VIP_PROBE ? STEWARD_PROBE : 0;
        m->requested = false;
    }
    m->requested |= managed_vip_ask(s, m, STEWARD_HOLD, m->requested ? STEWARD_RENEW : m->flags);
    managed_vip_await_answer(s, m, true);
}

/* What the steward has no room for is tried again; a renewal comes again by itself. */
void managed_vip_apply(struct vips_shared *s, struct managed_vip *m, unsigned orders)
{
    static const struct {
        unsigned order;
        enum event_kind kind;
    } told[] = {{VIP_CONFLICT, EVENT_VIP_CONFLICT},
                {VIP_RELEASED, EVENT_VIP_RELEASED},
                {VIP_ACQUIRED, EVENT_VIP_ACQUIRED}};
    if (orders & VIP_UP)
        managed_vip_hold(s, m, orders);
    if (m->vip.state != VIP_STOPPING)
        m->orders = 0;
    if (orders & VIP_DOWN) {
        managed_vip_await_answer(s, m, true);
        m->orders = managed_vip_ask(s, m, STEWARD_DROP, 0) ? 0 : VIP_DOWN;
    }
    if (orders & (VIP_RELEASE | VIP_YIELD))
        managed_vip_release(s, m, orders);
    if (orders & (VIP_CLAIM | VIP_OBSERVE))
        managed_vip_claim(s, m, orders & VIP_OBSERVE);
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (orders & told[i].order)
            managed_vip_publish(s, m, told[i].kind);
}

/* It may have waited to be told of what we held before. */
bool managed_vip_is_late(const struct managed_vip *m, const struct steward_report *report)
{
    bool ours = m->vip.state == VIP_STARTING || m->vip.state == VIP_HOLDING;
    return ours && report->epoch < m->vip.epoch;
}

unsigned managed_vip_report(struct vips_shared *s, struct managed_vip *m,
                            const struct steward_report *report)
{
    int64_t now_us = s->heard_us;
    switch ((enum steward_report_kind)report->kind) {
    case STEWARD_HELD:
        if (m->vip.state != VIP_STOPPING) /* or it answers what was asked before it is to stop */
            managed_vip_await_answer(s, m, false);
        return vip_report(&m->vip, now_us, VIP_IS_UP);
    case STEWARD_DROPPED:
        return vip_report(&m->vip, now_us, VIP_IS_DOWN);
    case STEWARD_FAILED: /* EEXIST: an operator has configured it here */
        if (report->flag)
            return 0; /* what was asked is refused, and it is still held */
        return (report->error == EEXIST ? vip_report(&m->vip, now_us, VIP_IS_FOREIGN) : 0) |
               vip_report(&m->vip, now_us, VIP_IS_REFUSED);
    case STEWARD_CONFLICT:
        return report->flag ? VIP_CONFLICT : vip_report(&m->vip, now_us, VIP_IS_FOREIGN);
    case STEWARD_RESTORED:
    case STEWARD_ADOPTED:
    case STEWARD_READY:
        return 0;
    }
    return 0;
}
