#include "agent/steward/steward_slot.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define SECOND_US INT64_C(1000000)

_Static_assert(STEWARD_IP_BYTES == ANNOUNCE_IP_BYTES && STEWARD_IP_BYTES == NETLINK_IP_BYTES &&
                   STEWARD_IP_BYTES == GATE_IP_BYTES,
               "an address is the same everywhere");
_Static_assert(STEWARD_MAC_BYTES == ANNOUNCE_MAC_BYTES && STEWARD_MAC_BYTES == NETLINK_MAC_BYTES,
               "and so is a link's");

void steward_slot_init(struct steward_slot *s, const struct steward_vip *vip)
{
    *s = (struct steward_slot){.vip = *vip, .key = steward_vip_key(vip)};
    ward_init(&s->ward);
}

/* ---- reports ---- */

/* False: there is no room now. An agent that is gone will be noticed elsewhere. */
static bool send_report(int fd, const struct steward_report *r)
{
    return send(fd, r, sizeof *r, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno != EAGAIN;
}

static void report(struct steward_hands *h, struct steward_slot *s, struct steward_report r)
{
    r.version = STEWARD_VERSION;
    r.vip = s->key;
    s->due = r;
    s->is_due = true;
    steward_slot_flush(h, s);
}

static void report_end(struct steward_hands *h, struct steward_slot *s)
{
    bool failed = s->ward.why == WARD_FAILED;
    report(h, s,
           (struct steward_report){.word = failed ? STEWARD_FAILED : STEWARD_DROPPED,
                                   .why = (uint8_t)s->ward.why,
                                   .error = failed ? s->error : 0,
                                   .epoch = s->ward.epoch});
}

/* Nothing has changed. */
static void refuse(struct steward_hands *h, struct steward_slot *s, uint64_t epoch, int error)
{
    struct steward_report r = {
        .word = STEWARD_FAILED, .why = WARD_FAILED, .error = error, .epoch = epoch};
    r.flag = ward_is_live(&s->ward);
    report(h, s, r);
}

bool steward_slot_flush(struct steward_hands *h, struct steward_slot *s)
{
    s->is_due = s->is_due && !send_report(h->fd, &s->due);
    return !s->is_due;
}

bool steward_hands_flush(struct steward_hands *h)
{
    struct steward_report r = {
        .version = STEWARD_VERSION, .word = STEWARD_READY, .flag = h->gate_works};
    h->ready_due = h->ready_due && !send_report(h->fd, &r);
    return !h->ready_due;
}

/* ---- steps ---- */

/* Everything works without a gate, but the agent is told. */
static void pass_gate(struct steward_hands *h, struct steward_slot *s, int64_t ms)
{
    bool works = gate_pass(&h->gate, s->vip.ip, ms);
    s->gated |= works;
    h->ready_due |= works != h->gate_works;
    h->gate_works = works;
}

static int64_t left_us(const struct steward_slot *s)
{
    return s->ward.until_us - steward_now_us();
}

static struct netlink_addr addr_of(const struct steward_slot *s)
{
    struct netlink_addr addr = {
        .ifindex = s->link.index, .prefix = s->vip.prefix, .mark = NETLINK_MARK};
    memcpy(addr.ip, s->vip.ip, sizeof addr.ip);
    return addr;
}

/* Whole seconds, not less than is left of its time. */
static bool set_in_kernel(struct steward_hands *h, struct steward_slot *s, bool replace)
{
    struct netlink_addr addr = addr_of(s);
    int64_t now_us = steward_now_us(), seconds = (s->ward.until_us - now_us) / SECOND_US + 1;
    if (s->ward.until_us <= now_us)
        return errno = ETIME, false;
    s->kernel_until_us = now_us + seconds * SECOND_US;
    return netlink_addr_set(&h->netlink, &addr, (uint32_t)seconds, replace);
}

static bool is_where_it_should_be(const struct steward_slot *s, const struct netlink_addr *addr)
{
    return addr->ifindex == s->link.index && addr->prefix == s->vip.prefix;
}

/* Has an operator configured it? 0, or an errno. */
static int look_for_others(struct steward_hands *h, const struct steward_slot *s)
{
    struct netlink_addr other;
    if (!netlink_addr_find(&h->netlink, s->vip.ip, false, &other))
        return errno == ENOENT ? 0 : errno;
    bool ours_to_take = s->ward.restoring && is_where_it_should_be(s, &other);
    return ours_to_take ? 0 : EEXIST;
}

/* 0, or an errno. Linux before 5.18 adds it without the mark, by which it would not be known for
 * ours again: then it does not stay. */
static int read_back(struct steward_hands *h, const struct steward_slot *s)
{
    struct netlink_addr found, addr = addr_of(s);
    if (netlink_addr_find(&h->netlink, s->vip.ip, true, &found))
        return is_where_it_should_be(s, &found) ? 0 : EEXIST;
    if (errno != ENOENT)
        return errno;
    return netlink_addr_delete(&h->netlink, &addr) ? EOPNOTSUPP : EIO;
}

/* 0, or an errno. The gate is there before the address is. */
static int add(struct steward_hands *h, struct steward_slot *s)
{
    if (!netlink_link_find(&h->netlink, s->vip.interface, &s->link))
        return errno;
    if (!s->link.up)
        return ENETDOWN;
    int error = look_for_others(h, s);
    if (error != 0)
        return error;
    pass_gate(h, s, left_us(s) / 1000);
    if (!set_in_kernel(h, s, s->ward.restoring))
        return errno;
    return read_back(h, s);
}

/* What came too late, added or not, is for the ward to end. */
static void do_add(struct steward_hands *h, struct steward_slot *s)
{
    bool restoring = s->ward.restoring;
    s->error = add(h, s);
    if (left_us(s) <= 0)
        return;
    if (s->error == ENETDOWN && restoring) { /* the link may return */
        ward_link(&s->ward, steward_now_us(), false);
        return;
    }
    ward_added(&s->ward, steward_now_us(), s->error == 0);
    if (s->error == 0)
        report(h, s,
               (struct steward_report){.word = restoring ? STEWARD_RESTORED : STEWARD_HELD,
                                       .epoch = s->ward.epoch});
}

/* What cannot be refreshed goes by itself, and earlier than it might. The kernel's lifetime is only
 * moved when it would be too short, as each time all who listen for changes of addresses are told;
 * with leases of a second that is at every renewal: it is never longer than it must be, so that an
 * address does not stay where nobody is left to remove it. */
static void do_refresh(struct steward_hands *h, struct steward_slot *s)
{
    pass_gate(h, s, left_us(s) / 1000);
    if (s->ward.until_us > s->kernel_until_us)
        set_in_kernel(h, s, true);
}

/* Only what is ours is deleted. True: there is nothing of it. */
static bool is_removed(struct steward_hands *h, const struct steward_slot *s)
{
    struct netlink_addr found;
    if (!netlink_addr_find(&h->netlink, s->vip.ip, true, &found))
        return errno == ENOENT;
    netlink_addr_delete(&h->netlink, &found);
    return !netlink_addr_find(&h->netlink, s->vip.ip, true, &found) && errno == ENOENT;
}

static void do_remove(struct steward_hands *h, struct steward_slot *s)
{
    if (s->gated)
        pass_gate(h, s, 0);
    bool gone = is_removed(h, s);
    if (gone && s->gated)
        s->gated = !gate_forget(&h->gate, s->vip.ip);
    ward_removed(&s->ward, steward_now_us(), gone);
    if (gone)
        report_end(h, s);
}

/* Without Ethernet there is nobody to ask, or to tell. A frame that cannot be sent is one that was
 * lost. */
static void do_step(struct steward_hands *h, struct steward_slot *s, enum ward_step step)
{
    switch (step) {
    case WARD_PROBE:
        if (s->link.ethernet)
            announce_probe(&h->announce, s->link.index, s->link.mac, s->vip.ip);
        break;
    case WARD_ADD:
        do_add(h, s);
        break;
    case WARD_REFRESH:
        do_refresh(h, s);
        break;
    case WARD_ANNOUNCE:
        if (s->link.ethernet)
            announce_send(&h->announce, s->link.index, s->link.mac, s->vip.ip);
        break;
    case WARD_REMOVE:
        do_remove(h, s);
        break;
    case WARD_WAIT:
        break;
    }
}

/* The kernel tells of a link's return up to a second late: before an address is given up for it, we
 * look for ourselves. */
static void look_at_link(struct steward_hands *h, struct steward_slot *s)
{
    struct netlink_link link;
    if (ward_is_live(&s->ward) && steward_now_us() >= s->ward.link_until_us &&
        netlink_link_find(&h->netlink, s->vip.interface, &link))
        steward_slot_hear_link(s, &link, false);
}

void steward_slot_settle(struct steward_hands *h, struct steward_slot *s)
{
    enum ward_step step;
    look_at_link(h, s);
    while ((step = ward_next(&s->ward, steward_now_us())) != WARD_WAIT)
        do_step(h, s, step);
}

/* ---- requests ---- */

/* 0, or an errno. */
static int may_hold(struct steward_hands *h, struct steward_slot *s,
                    const struct steward_request *r)
{
    if (s->ward.state == WARD_DROPPING)
        return EBUSY;
    if (s->ward.state != WARD_FREE)
        return r->epoch < s->ward.epoch ? ESTALE : 0;
    if (r->flags & STEWARD_RENEW)
        return ESTALE;
    if (!netlink_link_find(&h->netlink, s->vip.interface, &s->link))
        return errno;
    /* Nobody could be asked, and nobody would learn where it is. */
    if (s->link.ethernet && h->announce.arp_fd < 0)
        return EPERM;
    return s->link.up ? 0 : ENETDOWN;
}

static void take_hold(struct steward_hands *h, struct steward_slot *s,
                      const struct steward_request *r)
{
    int error = may_hold(h, s, r);
    if (error != 0) {
        refuse(h, s, r->epoch, error);
        return;
    }
    bool probe = r->flags & STEWARD_PROBE && s->link.ethernet;
    if (!ward_hold(&s->ward, steward_now_us(), r->epoch, r->until_us, probe))
        refuse(h, s, r->epoch, EBUSY);
}

static void take_drop(struct steward_hands *h, struct steward_slot *s)
{
    if (s->ward.state == WARD_FREE) {
        s->ward.why = WARD_ASKED;
        report_end(h, s);
    }
    ward_drop(&s->ward, steward_now_us(), WARD_ASKED);
}

/* What is over ends first, so that a renewal which comes too late finds it gone. */
static void take(struct steward_hands *h, struct steward_slot *s, const struct steward_request *r)
{
    steward_slot_settle(h, s);
    bool renewal = r->order == STEWARD_HOLD && s->ward.state == WARD_HELD;
    if (r->order == STEWARD_HOLD)
        take_hold(h, s, r);
    else if (r->order == STEWARD_DROP)
        take_drop(h, s);
    else if (s->ward.state == WARD_HELD)
        ward_announce(&s->ward, steward_now_us());
    steward_slot_settle(h, s);
    if (renewal && s->ward.state == WARD_HELD && s->ward.until_us == r->until_us)
        report(h, s, (struct steward_report){.word = STEWARD_HELD, .epoch = r->epoch});
}

void steward_slot_take(struct steward_hands *h, struct steward_slot *s,
                       const struct steward_request *r, int error)
{
    if (error == 0 && s->retired && r->order == STEWARD_HOLD)
        error = ENXIO;
    if (error == 0)
        take(h, s, r);
    else
        refuse(h, s, r->epoch, error);
}

/* ---- what has been heard ---- */

void steward_slot_hear_link(struct steward_slot *s, const struct netlink_link *link, bool gone)
{
    int64_t now_us = steward_now_us();
    if (!ward_is_live(&s->ward) || strcmp(link->name, s->vip.interface) != 0)
        return;
    if (!gone && memcmp(link->mac, s->link.mac, sizeof link->mac) != 0)
        ward_announce(&s->ward, now_us);
    s->link = *link;
    ward_link(&s->ward, now_us, link->up && !gone);
}

void steward_hands_hear_link(struct steward_hands *h)
{
    h->own_macs_count = 0;
}

static bool is_own_mac(struct steward_hands *h, const uint8_t mac[STEWARD_MAC_BYTES])
{
    for (size_t i = 0; i < h->own_macs_count; i++)
        if (memcmp(h->own_macs[i], mac, STEWARD_MAC_BYTES) == 0)
            return true;
    if (!netlink_mac_find(&h->netlink, mac))
        return false;
    if (h->own_macs_count < STEWARD_OWN_MACS)
        memcpy(h->own_macs[h->own_macs_count++], mac, STEWARD_MAC_BYTES);
    return true;
}

void steward_slot_hear_claim(struct steward_hands *h, struct steward_slot *s,
                             const struct announce_claim *claim)
{
    if (!ward_is_live(&s->ward) || claim->ifindex != s->link.index ||
        memcmp(claim->ip, s->vip.ip, sizeof claim->ip) != 0 ||
        memcmp(claim->mac, s->link.mac, sizeof claim->mac) == 0 || is_own_mac(h, claim->mac))
        return;
    struct steward_report r = {.word = STEWARD_CONFLICT, .epoch = s->ward.epoch};
    r.flag = !ward_conflict(&s->ward, steward_now_us());
    memcpy(r.mac, claim->mac, sizeof r.mac);
    report(h, s, r);
}

void steward_slot_verify(struct steward_hands *h, struct steward_slot *s)
{
    struct netlink_addr found;
    if (s->ward.state != WARD_HELD)
        return;
    bool any = netlink_addr_find(&h->netlink, s->vip.ip, true, &found);
    if (any ? !is_where_it_should_be(s, &found) : errno == ENOENT)
        ward_missing(&s->ward, steward_now_us());
}
