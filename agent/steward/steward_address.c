#include "agent/steward/steward_address.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define SECOND_US INT64_C(1000000)

_Static_assert(STEWARD_IP_BYTES == ANNOUNCE_IP_BYTES && STEWARD_IP_BYTES == NETLINK_IP_BYTES &&
                   STEWARD_IP_BYTES == FENCE_IP_BYTES,
               "an address is the same everywhere");
_Static_assert(STEWARD_MAC_BYTES == ANNOUNCE_MAC_BYTES && STEWARD_MAC_BYTES == NETLINK_MAC_BYTES,
               "and so is a link's");

void steward_address_init(struct steward_address *a, const struct steward_vip *vip)
{
    *a = (struct steward_address){.vip = *vip, .key = steward_vip_key(vip)};
    hold_init(&a->hold);
}

/* ---- reports ---- */

/* False: there is no room now. An agent that is gone will be noticed elsewhere. */
static bool send_report(int fd, const struct steward_report *r)
{
    return send(fd, r, sizeof *r, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno != EAGAIN;
}

static void addr_report(struct steward_io *io, struct steward_address *a, struct steward_report r)
{
    r.version = STEWARD_VERSION;
    r.vip = a->key;
    a->due = r;
    a->is_due = true;
    steward_address_flush(io, a);
}

static void addr_report_end(struct steward_io *io, struct steward_address *a)
{
    bool failed = a->hold.reason == DROP_FAILED;
    addr_report(io, a,
                (struct steward_report){.kind = failed ? STEWARD_FAILED : STEWARD_DROPPED,
                                        .reason = (uint8_t)a->hold.reason,
                                        .error = failed ? a->error : 0,
                                        .epoch = a->hold.epoch});
}

/* Nothing has changed. */
static void addr_refuse(struct steward_io *io, struct steward_address *a, uint64_t epoch, int error)
{
    struct steward_report r = {
        .kind = STEWARD_FAILED, .reason = DROP_FAILED, .error = error, .epoch = epoch};
    r.flag = hold_is_active(&a->hold);
    addr_report(io, a, r);
}

bool steward_address_flush(struct steward_io *io, struct steward_address *a)
{
    a->is_due = a->is_due && !send_report(io->fd, &a->due);
    return !a->is_due;
}

bool steward_io_flush(struct steward_io *io)
{
    struct steward_report r = {
        .version = STEWARD_VERSION, .kind = STEWARD_READY, .flag = io->fence_works};
    io->ready_due = io->ready_due && !send_report(io->fd, &r);
    return !io->ready_due;
}

/* ---- steps ---- */

/* Everything works without a fence, but the agent is told. */
static void arm_fence(struct steward_io *io, struct steward_address *a, int64_t ms)
{
    bool works = fence_arm(&io->fence, a->vip.ip, ms);
    a->fenced |= works;
    io->ready_due |= works != io->fence_works;
    io->fence_works = works;
}

static int64_t left_us(const struct steward_address *a)
{
    return a->hold.until_us - steward_now_us();
}

static struct netlink_addr addr_of(const struct steward_address *a)
{
    struct netlink_addr addr = {
        .ifindex = a->link.index, .prefix = a->vip.prefix, .mark = NETLINK_MARK};
    memcpy(addr.ip, a->vip.ip, sizeof addr.ip);
    return addr;
}

/* Whole seconds, not less than is left of its time. */
static bool set_in_kernel(struct steward_io *io, struct steward_address *a, bool replace)
{
    struct netlink_addr addr = addr_of(a);
    int64_t now_us = steward_now_us(), seconds = (a->hold.until_us - now_us) / SECOND_US + 1;
    if (a->hold.until_us <= now_us)
        return errno = ETIME, false;
    a->kernel_until_us = now_us + seconds * SECOND_US;
    return netlink_addr_set(&io->netlink, &addr, (uint32_t)seconds, replace);
}

static bool is_where_it_should_be(const struct steward_address *a, const struct netlink_addr *addr)
{
    return addr->ifindex == a->link.index && addr->prefix == a->vip.prefix;
}

/* Has an operator configured it? 0, or an errno. */
static int look_for_others(struct steward_io *io, const struct steward_address *a)
{
    struct netlink_addr other;
    if (!netlink_addr_find(&io->netlink, a->vip.ip, false, &other))
        return errno == ENOENT ? 0 : errno;
    bool ours_to_take = a->hold.restoring && is_where_it_should_be(a, &other);
    return ours_to_take ? 0 : EEXIST;
}

/* 0, or an errno. Linux before 5.18 adds it without the mark, by which it would not be known for
 * ours again: then it does not stay. */
static int read_back(struct steward_io *io, const struct steward_address *a)
{
    struct netlink_addr found, addr = addr_of(a);
    if (netlink_addr_find(&io->netlink, a->vip.ip, true, &found))
        return is_where_it_should_be(a, &found) ? 0 : EEXIST;
    if (errno != ENOENT)
        return errno;
    return netlink_addr_delete(&io->netlink, &addr) ? EOPNOTSUPP : EIO;
}

/* 0, or an errno. The fence is there before the address is. */
static int addr_add(struct steward_io *io, struct steward_address *a)
{
    if (!netlink_link_find(&io->netlink, a->vip.interface, &a->link))
        return errno;
    if (!a->link.up)
        return ENETDOWN;
    int error = look_for_others(io, a);
    if (error != 0)
        return error;
    arm_fence(io, a, left_us(a) / 1000);
    if (!set_in_kernel(io, a, a->hold.restoring))
        return errno;
    return read_back(io, a);
}

/* What came too late, added or not, is for the hold to end. */
static void do_add(struct steward_io *io, struct steward_address *a)
{
    bool restoring = a->hold.restoring;
    a->error = addr_add(io, a);
    if (left_us(a) <= 0)
        return;
    if (a->error == ENETDOWN && restoring) { /* the link may return */
        hold_link(&a->hold, steward_now_us(), false);
        return;
    }
    hold_added(&a->hold, steward_now_us(), a->error == 0);
    if (a->error == 0)
        addr_report(io, a,
                    (struct steward_report){.kind = restoring ? STEWARD_RESTORED : STEWARD_HELD,
                                            .epoch = a->hold.epoch});
}

/* What cannot be refreshed goes by itself, and earlier than it might. The kernel's lifetime is only
 * moved when it would be too short, as each time all who listen for changes of addresses are told;
 * with leases of a second that is at every renewal: it is never longer than it must be, so that an
 * address does not stay where nobody is left to remove it. */
static void do_refresh(struct steward_io *io, struct steward_address *a)
{
    arm_fence(io, a, left_us(a) / 1000);
    if (a->hold.until_us > a->kernel_until_us)
        set_in_kernel(io, a, true);
}

/* Only what is ours is deleted. True: there is nothing of it. */
static bool is_removed(struct steward_io *io, const struct steward_address *a)
{
    struct netlink_addr found;
    if (!netlink_addr_find(&io->netlink, a->vip.ip, true, &found))
        return errno == ENOENT;
    netlink_addr_delete(&io->netlink, &found);
    return !netlink_addr_find(&io->netlink, a->vip.ip, true, &found) && errno == ENOENT;
}

static void do_remove(struct steward_io *io, struct steward_address *a)
{
    if (a->fenced)
        arm_fence(io, a, 0);
    bool gone = is_removed(io, a);
    if (gone && a->fenced)
        a->fenced = !fence_forget(&io->fence, a->vip.ip);
    hold_removed(&a->hold, steward_now_us(), gone);
    if (gone)
        addr_report_end(io, a);
}

/* Without Ethernet there is nobody to ask, or to tell. A frame that cannot be sent is one that was
 * lost. */
static void do_step(struct steward_io *io, struct steward_address *a, enum hold_step step)
{
    switch (step) {
    case HOLD_PROBE:
        if (a->link.ethernet)
            announce_probe(&io->announce, a->link.index, a->link.mac, a->vip.ip);
        break;
    case HOLD_ADD:
        do_add(io, a);
        break;
    case HOLD_REFRESH:
        do_refresh(io, a);
        break;
    case HOLD_ANNOUNCE:
        if (a->link.ethernet)
            announce_send(&io->announce, a->link.index, a->link.mac, a->vip.ip);
        break;
    case HOLD_REMOVE:
        do_remove(io, a);
        break;
    case HOLD_WAIT:
        break;
    }
}

/* The kernel tells of a link's return up to a second late: before an address is given up for it, we
 * look for ourselves. */
static void look_at_link(struct steward_io *io, struct steward_address *a)
{
    struct netlink_link link;
    if (hold_is_active(&a->hold) && steward_now_us() >= a->hold.link_until_us &&
        netlink_link_find(&io->netlink, a->vip.interface, &link))
        steward_address_apply_link(a, &link, false);
}

void steward_address_settle(struct steward_io *io, struct steward_address *a)
{
    enum hold_step step;
    look_at_link(io, a);
    while ((step = hold_next(&a->hold, steward_now_us())) != HOLD_WAIT)
        do_step(io, a, step);
}

/* ---- requests ---- */

/* 0, or an errno. */
static int may_hold(struct steward_io *io, struct steward_address *a,
                    const struct steward_request *r)
{
    if (a->hold.state == HOLD_DROPPING)
        return EBUSY;
    if (a->hold.state != HOLD_FREE)
        return r->epoch < a->hold.epoch ? ESTALE : 0;
    if (r->flags & STEWARD_RENEW)
        return ESTALE;
    if (!netlink_link_find(&io->netlink, a->vip.interface, &a->link))
        return errno;
    /* Nobody could be asked, and nobody would learn where it is. */
    if (a->link.ethernet && io->announce.arp_fd < 0)
        return EPERM;
    return a->link.up ? 0 : ENETDOWN;
}

static void take_hold(struct steward_io *io, struct steward_address *a,
                      const struct steward_request *r)
{
    int error = may_hold(io, a, r);
    if (error != 0) {
        addr_refuse(io, a, r->epoch, error);
        return;
    }
    bool probe = r->flags & STEWARD_PROBE && a->link.ethernet;
    if (!hold_until(&a->hold, steward_now_us(), r->epoch, r->until_us, probe))
        addr_refuse(io, a, r->epoch, EBUSY);
}

static void take_drop(struct steward_io *io, struct steward_address *a)
{
    if (a->hold.state == HOLD_FREE) {
        a->hold.reason = DROP_ASKED;
        addr_report_end(io, a);
    }
    hold_drop(&a->hold, steward_now_us(), DROP_ASKED);
}

/* What is over ends first, so that a renewal which comes too late finds it gone. */
static void addr_take(struct steward_io *io, struct steward_address *a,
                      const struct steward_request *r)
{
    steward_address_settle(io, a);
    bool renewal = r->kind == STEWARD_HOLD && a->hold.state == HOLD_HELD;
    if (r->kind == STEWARD_HOLD)
        take_hold(io, a, r);
    else if (r->kind == STEWARD_DROP)
        take_drop(io, a);
    else if (a->hold.state == HOLD_HELD)
        hold_announce(&a->hold, steward_now_us());
    steward_address_settle(io, a);
    if (renewal && a->hold.state == HOLD_HELD && a->hold.until_us == r->until_us)
        addr_report(io, a, (struct steward_report){.kind = STEWARD_HELD, .epoch = r->epoch});
}

void steward_address_apply(struct steward_io *io, struct steward_address *a,
                           const struct steward_request *r, int error)
{
    if (error == 0 && a->retired && r->kind == STEWARD_HOLD)
        error = ENXIO;
    if (error == 0)
        addr_take(io, a, r);
    else
        addr_refuse(io, a, r->epoch, error);
}

/* ---- from one steward to the next ---- */

/* The report waits until READY has been sent. */
void steward_address_adopt(struct steward_io *io, struct steward_address *a,
                           const struct handover_hold *h)
{
    netlink_link_find(&io->netlink, a->vip.interface, &a->link);
    hold_adopt(&a->hold, steward_now_us(), h->epoch, h->until_us);
    a->kernel_until_us = h->kernel_until_us;
    a->fenced = true;
    a->due = (struct steward_report){
        .version = STEWARD_VERSION, .kind = STEWARD_ADOPTED, .vip = a->key, .epoch = h->epoch};
    a->is_due = true;
    steward_address_verify(io, a);
}

bool steward_address_give(const struct steward_address *a, struct handover_hold *h)
{
    *h = (struct handover_hold){.vip = a->vip,
                                .epoch = a->hold.epoch,
                                .until_us = a->hold.until_us,
                                .kernel_until_us = a->kernel_until_us};
    return a->hold.state == HOLD_HELD;
}

/* ---- what has been heard ---- */

void steward_address_apply_link(struct steward_address *a, const struct netlink_link *link,
                                bool gone)
{
    int64_t now_us = steward_now_us();
    if (!hold_is_active(&a->hold) || strcmp(link->name, a->vip.interface) != 0)
        return;
    if (!gone && memcmp(link->mac, a->link.mac, sizeof link->mac) != 0)
        hold_announce(&a->hold, now_us);
    a->link = *link;
    hold_link(&a->hold, now_us, link->up && !gone);
}

void steward_io_link_changed(struct steward_io *io)
{
    io->own_macs_count = 0;
}

/* A claim is ignored while the kernel does not say whether a link of this host has that MAC: no
 * address can be added then, and one that is held is probed again. */
static bool is_foreign_mac(struct steward_io *io, const uint8_t mac[STEWARD_MAC_BYTES])
{
    for (size_t i = 0; i < io->own_macs_count; i++)
        if (memcmp(io->own_macs[i], mac, STEWARD_MAC_BYTES) == 0)
            return false;
    if (!netlink_mac_find(&io->netlink, mac))
        return errno == ENOENT;
    if (io->own_macs_count < STEWARD_OWN_MACS)
        memcpy(io->own_macs[io->own_macs_count++], mac, STEWARD_MAC_BYTES);
    return false;
}

void steward_address_apply_claim(struct steward_io *io, struct steward_address *a,
                                 const struct announce_claim *claim)
{
    if (!hold_is_active(&a->hold) || claim->ifindex != a->link.index ||
        memcmp(claim->ip, a->vip.ip, sizeof claim->ip) != 0 ||
        memcmp(claim->mac, a->link.mac, sizeof claim->mac) == 0 || !is_foreign_mac(io, claim->mac))
        return;
    struct steward_report r = {.kind = STEWARD_CONFLICT, .epoch = a->hold.epoch};
    r.flag = !hold_conflict(&a->hold, steward_now_us());
    memcpy(r.mac, claim->mac, sizeof r.mac);
    addr_report(io, a, r);
}

void steward_address_verify(struct steward_io *io, struct steward_address *a)
{
    struct netlink_addr found;
    if (a->hold.state != HOLD_HELD)
        return;
    bool any = netlink_addr_find(&io->netlink, a->vip.ip, true, &found);
    if (any ? !is_where_it_should_be(a, &found) : errno == ENOENT)
        hold_missing(&a->hold, steward_now_us());
}
