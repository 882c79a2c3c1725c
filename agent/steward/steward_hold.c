#include "agent/steward/steward_hold.h"

#include "agent/steward/route.h"
#include "agent/steward/rule.h"
#include "agent/steward/steward_eligibility.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- parts ---- */

/* A kind of what a vip consists of. */
struct hold_part {
    enum steward_part part;
    /* Adds what is missing, and reads it back: 0, or an errno, and in *at which of them. */
    int (*add)(struct steward_io *io, struct steward_hold *h, size_t *at);
    /* Removes all that is ours. True: there is nothing of it. */
    bool (*remove)(struct steward_io *io, struct steward_hold *h);
    /* 0: all are there; ENOENT: one is not; others: the kernel does not say. NULL: they are read
     * for all vips at once (steward_hold_read). */
    int (*verify)(struct steward_io *io, struct steward_hold *h);
};

static int hold_add_addresses(struct steward_io *io, struct steward_hold *h, size_t *at)
{
    return steward_addresses_add(io, &h->addresses, h->hold.until_us, h->hold.restoring, at);
}

static bool hold_remove_addresses(struct steward_io *io, struct steward_hold *h)
{
    return steward_addresses_remove(io, &h->addresses);
}

static struct routing hold_routes(const struct steward_vip *v)
{
    return (struct routing){&route_kind, v->routes, v->routes_count};
}

static struct routing hold_rules(const struct steward_vip *v)
{
    return (struct routing){&rule_kind, v->rules, v->rules_count};
}

static int hold_add_routes(struct steward_io *io, struct steward_hold *h, size_t *at)
{
    struct routing routes = hold_routes(&h->vip);
    return routing_add(&io->netlink, &routes, at);
}

static bool hold_remove_routes(struct steward_io *io, struct steward_hold *h)
{
    struct routing routes = hold_routes(&h->vip);
    return routing_remove(&io->netlink, &routes);
}

static int hold_verify_routes(struct steward_io *io, struct steward_hold *h)
{
    struct routing routes = hold_routes(&h->vip);
    return routing_verify(&io->netlink, &routes);
}

static int hold_add_rules(struct steward_io *io, struct steward_hold *h, size_t *at)
{
    struct routing rules = hold_rules(&h->vip);
    return routing_add(&io->netlink, &rules, at);
}

static bool hold_remove_rules(struct steward_io *io, struct steward_hold *h)
{
    struct routing rules = hold_rules(&h->vip);
    return routing_remove(&io->netlink, &rules);
}

static int hold_verify_rules(struct steward_io *io, struct steward_hold *h)
{
    struct routing rules = hold_rules(&h->vip);
    return routing_verify(&io->netlink, &rules);
}

/* In the order in which they are added; they are removed in the other. */
static const struct hold_part hold_parts[] = {
    {STEWARD_PART_ADDRESS, hold_add_addresses, hold_remove_addresses, NULL},
    {STEWARD_PART_ROUTE, hold_add_routes, hold_remove_routes, hold_verify_routes},
    {STEWARD_PART_RULE, hold_add_rules, hold_remove_rules, hold_verify_rules},
};
enum { HOLD_PARTS = sizeof hold_parts / sizeof *hold_parts };

static int hold_add_parts(struct steward_io *io, struct steward_hold *h)
{
    for (size_t i = 0; i < HOLD_PARTS; i++) {
        size_t at = 0;
        int error = hold_parts[i].add(io, h, &at);
        h->error_part = (uint8_t)hold_parts[i].part;
        h->error_index = (uint8_t)at;
        if (error != 0)
            return error;
    }
    return 0;
}

static bool hold_remove_parts(struct steward_io *io, struct steward_hold *h)
{
    bool all_gone = true;
    for (size_t i = HOLD_PARTS; i > 0; i--)
        all_gone &= hold_parts[i - 1].remove(io, h);
    return all_gone;
}

void steward_hold_remove_leftovers(struct steward_io *io, struct steward_hold *h)
{
    enum { TRIES = 16 }; /* an address may be there more than once, with other prefixes */
    for (int i = 0; i < TRIES && !hold_remove_parts(io, h); i++)
        continue;
}

bool steward_hold_read_begin(struct steward_hold *h, bool all)
{
    h->is_read = (h->is_unread || all) && h->hold.state == HOLD_HELD;
    h->is_unread = false;
    if (h->is_read)
        steward_addresses_read_begin(&h->addresses);
    return h->is_read;
}

void steward_hold_read(struct steward_hold *h, const struct netlink_addr *addr)
{
    if (h->is_read)
        steward_addresses_read(&h->addresses, addr);
}

void steward_hold_judge(struct steward_io *io, struct steward_hold *h)
{
    if (!h->is_read)
        return;
    bool any_missing = !steward_addresses_are_in_order(&h->addresses);
    for (size_t i = 0; i < HOLD_PARTS; i++)
        any_missing |= hold_parts[i].verify && hold_parts[i].verify(io, h) == ENOENT;
    if (any_missing)
        hold_missing(&h->hold, steward_now_us());
    else
        steward_addresses_route(io, &h->addresses, false);
}

void steward_hold_route(struct steward_io *io, struct steward_hold *h)
{
    if (h->is_read && h->hold.state == HOLD_HELD)
        steward_addresses_route(io, &h->addresses, true);
}

/* For this one alone. */
static void hold_verify(struct steward_io *io, struct steward_hold *h)
{
    if (steward_hold_read_begin(h, true) && steward_addresses_read_all(io, &h->addresses))
        steward_hold_judge(io, h);
}

/* ---- begin ---- */

void steward_hold_init(struct steward_hold *h, const struct steward_vip *vip)
{
    *h = (struct steward_hold){.vip = *vip, .key = steward_vip_key(vip)};
    hold_init(&h->hold);
    h->hold.every_us = (int64_t)vip->announce_every_ms * 1000;
    h->hold.spread = (uint8_t)h->key;
    steward_addresses_init(&h->addresses, vip);
}

/* Routes and rules that are not as before go; what is the same is added again at once. */
static void hold_remove_changed(struct steward_io *io, struct steward_hold *h,
                                const struct steward_vip *vip)
{
    if (memcmp(h->vip.rules, vip->rules, sizeof vip->rules) != 0)
        hold_remove_rules(io, h);
    if (memcmp(h->vip.routes, vip->routes, sizeof vip->routes) != 0)
        hold_remove_routes(io, h);
}

void steward_hold_change(struct steward_io *io, struct steward_hold *h,
                         const struct steward_vip *vip)
{
    bool held = h->hold.state == HOLD_HELD;
    size_t at;
    if (held)
        hold_remove_changed(io, h, vip);
    h->vip = *vip;
    h->hold.every_us = (int64_t)vip->announce_every_ms * 1000;
    if (held && (hold_add_routes(io, h, &at) != 0 || hold_add_rules(io, h, &at) != 0))
        hold_missing(&h->hold, steward_now_us());
    memset(h->tracks, 0, sizeof h->tracks);
}

/* ---- reports ---- */

static bool due_flush(struct steward_io *io, struct steward_due *due)
{
    due->is_due = due->is_due && !steward_io_send(io, &due->report);
    return !due->is_due;
}

static void hold_report(struct steward_io *io, struct steward_hold *h, struct steward_report r)
{
    r.vip = h->key;
    h->due = (struct steward_due){r, true};
    due_flush(io, &h->due);
}

/* Which interface has the address already, or is in the way. */
static void hold_find_where(struct steward_io *io, const struct steward_hold *h,
                            struct steward_report *r)
{
    struct netlink_link link = {0};
    const char *where = "";
    if (r->error == ENODEV || r->error == ENETDOWN) {
        where = r->part == STEWARD_PART_TRACK     ? h->vip.tracks[r->index]
                : r->part == STEWARD_PART_ADDRESS ? h->vip.addresses[r->index].interface
                                                  : "";
    } else if (r->error == EEXIST && r->part == STEWARD_PART_ADDRESS &&
               h->addresses.all[r->index].has_other) {
        netlink_link_by_index(&io->netlink, h->addresses.all[r->index].other.ifindex, &link);
        where = link.name;
    }
    snprintf(r->where, sizeof r->where, "%s", where);
}

static void hold_report_end(struct steward_io *io, struct steward_hold *h)
{
    struct steward_report r = {
        .kind = STEWARD_DROPPED, .reason = (uint8_t)h->hold.reason, .epoch = h->hold.epoch};
    if (h->hold.reason == DROP_FAILED) {
        r.kind = STEWARD_FAILED;
        r.error = h->error;
        r.part = h->error_part;
        r.index = h->error_index;
        hold_find_where(io, h, &r);
    }
    hold_report(io, h, r);
}

/* Nothing has changed. */
static void hold_refuse(struct steward_io *io, struct steward_hold *h, uint64_t epoch, int error)
{
    struct steward_report r = {.kind = STEWARD_FAILED,
                               .reason = DROP_FAILED,
                               .error = error,
                               .epoch = epoch,
                               .part = h->error_part,
                               .index = h->error_index};
    r.flag = hold_is_active(&h->hold);
    hold_find_where(io, h, &r);
    hold_report(io, h, r);
}

static void hold_report_restored(struct steward_io *io, struct steward_hold *h)
{
    hold_report(io, h,
                (struct steward_report){.kind = STEWARD_RESTORED,
                                        .reason = h->restored_because,
                                        .epoch = h->hold.epoch});
    h->restored_because = DROP_ASKED;
}

bool steward_hold_flush(struct steward_io *io, struct steward_hold *h)
{
    bool flushed = due_flush(io, &h->due);
    h->eligibility.is_due &= !h->removed;
    return due_flush(io, &h->eligibility) && flushed;
}

/* ---- interfaces ---- */

static struct steward_report hold_eligibility(const struct steward_hold *h)
{
    return steward_eligibility_find(h->key, &h->addresses, &h->vip, h->tracks);
}

void steward_hold_report_eligibility(struct steward_hold *h)
{
    h->eligibility = (struct steward_due){hold_eligibility(h), true};
}

/* A link that went down and returned has taken along what others had set up there, such as routes,
 * even where the addresses stayed. */
static void hold_on_link_return(struct steward_io *io, struct steward_hold *h)
{
    if (h->hold.state == HOLD_HELD || h->hold.restoring)
        h->restored_because = DROP_LINK;
    hold_verify(io, h);
    if (h->hold.state == HOLD_HELD)
        hold_report_restored(io, h);
}

/* Its links have been looked at: the hold goes by them, and the agent is told of a change. */
static void hold_apply_links(struct steward_io *io, struct steward_hold *h)
{
    struct steward_report now = hold_eligibility(h);
    bool was_there = h->hold.link_until_us == INT64_MAX;
    bool is_there = now.reason == STEWARD_INELIGIBLE_NONE;
    hold_link(&h->hold, steward_now_us(), is_there);
    if (is_there && !was_there && hold_is_active(&h->hold))
        hold_on_link_return(io, h);
    if (memcmp(&h->eligibility.report, &now, sizeof now) != 0)
        steward_hold_report_eligibility(h);
}

/* A link that the kernel does not tell of stays as it was. */
static void hold_look_at_link(struct steward_io *io, struct steward_hold *h,
                              struct netlink_link *known, const char *interface)
{
    struct netlink_link link;
    bool found = netlink_link_find(&io->netlink, interface, &link);
    if (!found && errno != ENODEV)
        return;
    if (found && known->index != 0 && memcmp(link.mac, known->mac, sizeof link.mac) != 0)
        hold_announce(&h->hold, steward_now_us());
    *known = link;
}

/* The kernel knows by which other names a link goes (its altnames), which an event is not searched
 * for. One that was lost may be back by now, but has taken along what it had. True: it has been
 * looked at. */
static bool hold_take_link(struct steward_io *io, struct steward_hold *h,
                           struct netlink_link *known, const char *interface,
                           const struct netlink_link *link, bool gone)
{
    bool is_it = strcmp(link->name, interface) == 0 || known->index == link->index;
    if (is_it && (gone || !link->up))
        hold_link(&h->hold, steward_now_us(), false);
    if (is_it || (known->index == 0 && !gone)) {
        hold_look_at_link(io, h, known, interface);
        return true;
    }
    return false;
}

void steward_hold_apply_link(struct steward_io *io, struct steward_hold *h,
                             const struct netlink_link *link, bool gone)
{
    bool concerned = false;
    for (size_t i = 0; i < h->addresses.count; i++) {
        struct steward_address *a = &h->addresses.all[i];
        concerned |= hold_take_link(io, h, &a->link, a->spec.interface, link, gone);
    }
    for (size_t i = 0; i < h->vip.tracks_count; i++)
        concerned |= hold_take_link(io, h, &h->tracks[i], h->vip.tracks[i], link, gone);
    if (concerned)
        hold_apply_links(io, h);
}

void steward_hold_look_at_links(struct steward_io *io, struct steward_hold *h)
{
    for (size_t i = 0; i < h->addresses.count; i++)
        hold_look_at_link(io, h, &h->addresses.all[i].link, h->addresses.all[i].spec.interface);
    for (size_t i = 0; i < h->vip.tracks_count; i++)
        hold_look_at_link(io, h, &h->tracks[i], h->vip.tracks[i]);
    hold_apply_links(io, h);
}

/* ---- steps ---- */

static int64_t left_us(const struct steward_hold *h)
{
    return h->hold.until_us - steward_now_us();
}

/* What came too late, added or not, is for the hold to end. */
static void do_add(struct steward_io *io, struct steward_hold *h)
{
    bool restoring = h->hold.restoring;
    h->error = hold_add_parts(io, h);
    if (left_us(h) <= 0)
        return;
    if ((h->error == ENETDOWN || h->error == ENODEV) && restoring) { /* the link may return */
        hold_link(&h->hold, steward_now_us(), false);
        return;
    }
    hold_added(&h->hold, steward_now_us(), h->error == 0);
    if (h->error == 0 && restoring)
        hold_report_restored(io, h);
    else if (h->error == 0)
        hold_report(io, h, (struct steward_report){.kind = STEWARD_HELD, .epoch = h->hold.epoch});
}

static void do_remove(struct steward_io *io, struct steward_hold *h)
{
    bool gone = hold_remove_parts(io, h);
    hold_removed(&h->hold, steward_now_us(), gone);
    if (gone)
        hold_report_end(io, h);
}

static void do_step(struct steward_io *io, struct steward_hold *h, enum hold_step step)
{
    switch (step) {
    case HOLD_PROBE:
        steward_addresses_probe(io, &h->addresses);
        break;
    case HOLD_ADD:
        do_add(io, h);
        break;
    case HOLD_REFRESH:
        steward_addresses_refresh(io, &h->addresses, h->hold.until_us);
        break;
    case HOLD_ANNOUNCE:
        steward_addresses_announce(io, &h->addresses);
        break;
    case HOLD_REMOVE:
        do_remove(io, h);
        break;
    case HOLD_WAIT:
        break;
    }
}

/* The kernel tells of a link's return up to a second late: before an address is given up for it, we
 * look for ourselves. */
static void look_before_it_is_given_up(struct steward_io *io, struct steward_hold *h)
{
    if (hold_is_active(&h->hold) && steward_now_us() >= h->hold.link_until_us)
        steward_hold_look_at_links(io, h);
}

void steward_hold_settle(struct steward_io *io, struct steward_hold *h)
{
    enum hold_step step;
    look_before_it_is_given_up(io, h);
    while ((step = hold_next(&h->hold, steward_now_us())) != HOLD_WAIT)
        do_step(io, h, step);
}

/* ---- requests ---- */

static bool has_ethernet(const struct steward_hold *h)
{
    for (size_t i = 0; i < h->addresses.count; i++)
        if (h->addresses.all[i].link.ethernet)
            return true;
    return false;
}

/* 0, or an errno. EPERM: nobody could be asked, and nobody would learn where it is. */
static int hold_error_of_links(struct steward_io *io, struct steward_hold *h)
{
    steward_hold_look_at_links(io, h);
    const struct steward_report *r = &h->eligibility.report;
    h->error_part = r->part;
    h->error_index = r->index;
    if (r->reason == STEWARD_INELIGIBLE_NO_INTERFACE)
        return ENODEV;
    if (has_ethernet(h) && io->announce.arp_fd < 0)
        return EPERM;
    if (r->reason == STEWARD_INELIGIBLE_NO_IPV6)
        return EACCES;
    return r->reason == STEWARD_INELIGIBLE_NONE ? 0 : ENETDOWN;
}

/* 0, or an errno. */
static int may_hold(struct steward_io *io, struct steward_hold *h, const struct steward_request *r)
{
    if (h->hold.state == HOLD_DROPPING)
        return EBUSY;
    if (h->hold.state != HOLD_FREE)
        return r->epoch < h->hold.epoch ? ESTALE : 0;
    if (r->flags & STEWARD_RENEW)
        return ESTALE;
    return hold_error_of_links(io, h);
}

static void take_hold(struct steward_io *io, struct steward_hold *h,
                      const struct steward_request *r)
{
    int error = may_hold(io, h, r);
    bool probe = r->flags & STEWARD_PROBE && has_ethernet(h);
    if (error == 0 && !hold_until(&h->hold, steward_now_us(), r->epoch, r->until_us, probe))
        error = EBUSY;
    if (error != 0)
        hold_refuse(io, h, r->epoch, error);
}

static void take_drop(struct steward_io *io, struct steward_hold *h)
{
    if (h->hold.state == HOLD_FREE) {
        h->hold.reason = DROP_ASKED;
        hold_report_end(io, h);
    }
    hold_drop(&h->hold, steward_now_us(), DROP_ASKED);
}

/* What is over ends first, so that a renewal which comes too late finds it gone. */
static void hold_take(struct steward_io *io, struct steward_hold *h,
                      const struct steward_request *r)
{
    steward_hold_settle(io, h);
    bool renewal = r->kind == STEWARD_HOLD && h->hold.state == HOLD_HELD;
    if (r->kind == STEWARD_HOLD)
        take_hold(io, h, r);
    else if (r->kind == STEWARD_DROP)
        take_drop(io, h);
    else if (h->hold.state == HOLD_HELD)
        hold_announce(&h->hold, steward_now_us());
    steward_hold_settle(io, h);
    if (renewal && h->hold.state == HOLD_HELD && h->hold.until_us == r->until_us)
        hold_report(io, h, (struct steward_report){.kind = STEWARD_HELD, .epoch = r->epoch});
}

void steward_hold_apply(struct steward_io *io, struct steward_hold *h,
                        const struct steward_request *r, int error)
{
    if (error == 0 && h->removed && r->kind == STEWARD_HOLD)
        error = ENXIO;
    h->error_part = h->error_index = 0;
    if (error == 0)
        hold_take(io, h, r);
    else
        hold_refuse(io, h, r->epoch, error);
}

/* ---- from one steward to the next ---- */

/* The reports wait until READY has been sent. */
void steward_hold_adopt(struct steward_io *io, struct steward_hold *h,
                        const struct handover_hold *given)
{
    hold_adopt(&h->hold, steward_now_us(), given->epoch, given->until_us);
    h->addresses.kernel_until_us = given->kernel_until_us;
    for (size_t i = 0; i < h->addresses.count; i++)
        h->addresses.all[i].fenced = h->addresses.all[i].routed = true;
    steward_hold_look_at_links(io, h);
    h->due.report =
        (struct steward_report){.kind = STEWARD_ADOPTED, .vip = h->key, .epoch = given->epoch};
    h->due.is_due = true;
    hold_verify(io, h);
}

bool steward_hold_give(const struct steward_hold *h, struct handover_hold *into)
{
    *into = (struct handover_hold){.vip = h->vip,
                                   .epoch = h->hold.epoch,
                                   .until_us = h->hold.until_us,
                                   .kernel_until_us = h->addresses.kernel_until_us};
    return h->hold.state == HOLD_HELD;
}

/* ---- what has been heard ---- */

void steward_hold_apply_claim(struct steward_io *io, struct steward_hold *h,
                              const struct announce_claim *claim)
{
    if (!hold_is_active(&h->hold))
        return;
    for (size_t i = 0; i < h->addresses.count; i++) {
        const struct steward_address *a = &h->addresses.all[i];
        if (claim->ifindex != a->link.index ||
            memcmp(claim->ip, a->spec.ip, sizeof claim->ip) != 0 ||
            memcmp(claim->mac, a->link.mac, sizeof claim->mac) == 0 ||
            !steward_io_is_foreign(io, claim->mac) ||
            hold_is_same_claim(&h->hold, steward_now_us()))
            continue;
        struct steward_report r = {.kind = STEWARD_CONFLICT,
                                   .epoch = h->hold.epoch,
                                   .part = STEWARD_PART_ADDRESS,
                                   .index = (uint8_t)i};
        r.flag = !hold_conflict(&h->hold, steward_now_us());
        memcpy(r.mac, claim->mac, sizeof r.mac);
        hold_report(io, h, r);
        return;
    }
}

void steward_hold_apply_route(struct steward_hold *h)
{
    h->is_unread |= h->vip.routes_count + h->vip.rules_count > 0;
}

void steward_hold_apply_addr(struct steward_hold *h, const struct netlink_addr *addr)
{
    h->is_unread |= steward_addresses_are_concerned(&h->addresses, addr);
}
