#include "agent/steward/steward_address.h"

#include "agent/base/address.h"

#include <errno.h>
#include <string.h>

#define SECOND_US INT64_C(1000000)
#define IPV4_BITS 32
#define IPV6_BITS 128
#define LONG_LIFETIME_S 600

_Static_assert(STEWARD_IP_BYTES == ANNOUNCE_IP_BYTES && STEWARD_IP_BYTES == NETLINK_IP_BYTES &&
                   STEWARD_IP_BYTES == FENCE_IP_BYTES,
               "an address is the same everywhere");
_Static_assert(STEWARD_MAC_BYTES == ANNOUNCE_MAC_BYTES && STEWARD_MAC_BYTES == NETLINK_MAC_BYTES,
               "and so is a link's");

void steward_addresses_init(struct steward_addresses *s, const struct steward_vip *vip)
{
    *s = (struct steward_addresses){.count = vip->addresses_count};
    for (size_t i = 0; i < s->count; i++)
        s->all[i].spec = vip->addresses[i];
}

int steward_addresses_find_links(struct steward_io *io, struct steward_addresses *s, size_t *at)
{
    for (*at = 0; *at < s->count; ++*at) {
        struct steward_address *a = &s->all[*at];
        if (!netlink_link_find(&io->netlink, a->spec.interface, &a->link))
            return errno;
        /* Nobody could be asked, and nobody would learn where it is. */
        if (a->link.ethernet && io->announce.arp_fd < 0)
            return EPERM;
        if (!a->link.up)
            return ENETDOWN;
    }
    return 0;
}

/* ---- what the kernel has ---- */

static struct netlink_addr address_wanted(const struct steward_address *a)
{
    struct netlink_addr addr = {.ifindex = a->link.index,
                                .prefix = address_is_ipv4(a->spec.ip) ? IPV4_BITS : a->spec.prefix,
                                .mark = NETLINK_MARK};
    memcpy(addr.ip, a->spec.ip, sizeof addr.ip);
    return addr;
}

static bool address_is_as_wanted(const struct steward_address *a, const struct netlink_addr *addr)
{
    struct netlink_addr wanted = address_wanted(a);
    return addr->ifindex == wanted.ifindex && addr->prefix == wanted.prefix;
}

void steward_addresses_read_begin(struct steward_addresses *s)
{
    for (struct steward_address *a = s->all; a < s->all + s->count; a++) {
        a->is_there = a->has_other = false;
        a->is_after_own = a->is_before_own = a->has_own_nearby = false;
    }
}

/* The host's own, on an interface of ours: the kernel sends from the first that is global. */
static void address_read_own(struct steward_address *a, const struct netlink_addr *own)
{
    if (!address_is_ipv4(own->ip) || !address_is_ipv4(a->spec.ip) || !own->is_global ||
        own->ifindex != a->link.index)
        return;
    bool is_there = a->is_there && address_is_as_wanted(a, &a->ours);
    a->is_before_own |= is_there && !a->is_after_own;
    a->is_after_own |= !is_there;
    a->has_own_nearby |= address_same_network(a->spec.ip, own->ip, own->prefix);
}

/* Not on our link, and so nobody's business: an IPv6 link-local address of another interface;
 * and a single address on lo, which real servers behind LVS and hosts of an anycast address have.
 */
static bool address_is_elsewhere(const struct steward_address *a, const struct netlink_addr *addr)
{
    const uint8_t full = address_is_ipv4(addr->ip) ? IPV4_BITS : IPV6_BITS;
    if (addr->ifindex == a->link.index)
        return false;
    if (!address_is_ipv4(addr->ip) && address_is_link_local(addr->ip))
        return true;
    return addr->mark != NETLINK_MARK && addr->ifindex == NETLINK_LOOPBACK && addr->prefix == full;
}

/* Of several of ours with that ip, the one that is as it should be counts. */
static void address_read(struct steward_address *a, const struct netlink_addr *addr)
{
    bool is_it = memcmp(addr->ip, a->spec.ip, sizeof addr->ip) == 0;
    if (is_it && address_is_elsewhere(a, addr))
        return;
    if (addr->mark != NETLINK_MARK && !is_it) {
        address_read_own(a, addr);
    } else if (addr->mark != NETLINK_MARK) {
        a->has_other = true;
        a->other = *addr;
    } else if (is_it && (!a->is_there || address_is_as_wanted(a, addr))) {
        a->is_there = true;
        a->ours = *addr;
    }
}

void steward_addresses_read(struct steward_addresses *s, const struct netlink_addr *addr)
{
    for (struct steward_address *a = s->all; a < s->all + s->count; a++)
        address_read(a, addr);
}

static void addresses_on_addr(void *arg, const struct netlink_addr *addr)
{
    steward_addresses_read(arg, addr);
}

bool steward_addresses_read_all(struct steward_io *io, struct steward_addresses *s)
{
    steward_addresses_read_begin(s);
    return netlink_addrs(&io->netlink, addresses_on_addr, s);
}

/* Somebody has configured it beside ours, in its network: it would stay when ours goes. One that is
 * the primary of its network is left alone, as others would go with it. */
static bool address_has_copy(const struct steward_address *a)
{
    return a->has_other && a->other.is_secondary && a->other.ifindex == a->link.index &&
           a->other.prefix == a->spec.prefix;
}

static bool address_is_in_order(const struct steward_address *a)
{
    return a->is_there && address_is_as_wanted(a, &a->ours) && !a->is_before_own &&
           !address_has_copy(a);
}

bool steward_addresses_are_in_order(const struct steward_addresses *s)
{
    for (const struct steward_address *a = s->all; a < s->all + s->count; a++)
        if (!address_is_in_order(a))
            return false;
    return true;
}

/* What has our mark and is set is our own doing, or harmless. */
bool steward_addresses_are_concerned(const struct steward_addresses *s,
                                     const struct netlink_addr *addr)
{
    for (const struct steward_address *a = s->all; a < s->all + s->count; a++)
        if (memcmp(addr->ip, a->spec.ip, sizeof addr->ip) == 0 ||
            (addr->ifindex == a->link.index && addr->mark != NETLINK_MARK))
            return true;
    return false;
}

/* ---- adding ---- */

/* Has an operator configured one of them? 0, or an errno. Where an address of ours was replaced, it
 * is ours to take. */
static int addresses_look_for_others(struct steward_io *io, struct steward_addresses *s,
                                     bool restoring, size_t *at)
{
    *at = 0;
    if (!steward_addresses_read_all(io, s))
        return errno;
    for (; *at < s->count; ++*at) {
        const struct steward_address *a = &s->all[*at];
        bool is_ours_to_take = address_is_as_wanted(a, &a->other) || address_has_copy(a);
        if (a->has_other && !(restoring && is_ours_to_take))
            return EEXIST;
    }
    return 0;
}

static void address_arm(struct steward_io *io, struct steward_address *a, int64_t ms)
{
    a->fenced |= steward_io_arm(io, a->spec.ip, ms);
}

/* What ends the traffic of all of them, and removes them, whatever happens to this process? */
static bool addresses_are_ended(const struct steward_io *io, const struct steward_addresses *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (!s->all[i].fenced)
            return false;
    return io->fence_works && io->guard_works;
}

/* The kernel's lifetime of an address, in whole seconds. Each time it is moved, all who listen for
 * changes of addresses are told, and with leases of a second that would be at every renewal. It is
 * for the case that nothing of us is left: where there is a fence and a guard, that they are killed
 * together with the steward and none is started again. Without one of them, it is never longer than
 * it must be, so that an address does not stay where nobody is left to remove it. */
static int64_t lifetime_s(bool are_ended, int64_t left_us)
{
    return are_ended ? LONG_LIFETIME_S : left_us / SECOND_US + 1;
}

static bool lifetime_is_due(const struct steward_addresses *s, bool are_ended, int64_t until_us)
{
    int64_t left_us = s->kernel_until_us - steward_now_us();
    if (are_ended)
        return left_us < LONG_LIFETIME_S / 2 * SECOND_US;
    return until_us > s->kernel_until_us || until_us + 2 * SECOND_US < s->kernel_until_us;
}

static bool address_set(struct steward_io *io, const struct steward_address *a, bool are_ended,
                        int64_t until_us, int64_t *kernel_until_us, bool replace)
{
    struct netlink_addr addr = address_wanted(a);
    int64_t now_us = steward_now_us(), seconds = lifetime_s(are_ended, until_us - now_us);
    if (until_us <= now_us)
        return errno = ETIME, false;
    if (addr.ifindex == 0) /* its link is gone, or another one by now */
        return errno = ENODEV, false;
    *kernel_until_us = now_us + seconds * SECOND_US;
    return netlink_addr_set(&io->netlink, &addr, (uint32_t)seconds, replace);
}

/* 0, or an errno. Linux before 5.18 adds an address without the mark, by which it would not be
 * known for ours again: then it does not stay. */
static int addresses_read_back(struct steward_io *io, struct steward_addresses *s, size_t *at)
{
    *at = 0;
    if (!steward_addresses_read_all(io, s))
        return errno;
    for (; *at < s->count; ++*at) {
        const struct steward_address *a = &s->all[*at];
        struct netlink_addr addr = address_wanted(a);
        if (!a->is_there)
            return netlink_addr_delete(&io->netlink, &addr) ? EOPNOTSUPP : EIO;
        if (!address_is_as_wanted(a, &a->ours))
            return EEXIST;
    }
    return 0;
}

/* Nothing is restored that is in order. What is misplaced gets its place by being added anew. */
static bool address_restore(struct steward_io *io, const struct steward_address *a, bool are_ended,
                            int64_t until_us, int64_t *kernel_until_us)
{
    struct netlink_addr addr = address_wanted(a);
    if (address_is_in_order(a))
        return true;
    if (a->is_before_own)
        netlink_addr_delete(&io->netlink, &addr);
    if (address_has_copy(a))
        netlink_addr_delete(&io->netlink, &a->other);
    return address_set(io, a, are_ended, until_us, kernel_until_us, true);
}

/* The fence is there before the addresses are. */
static int addresses_set_all(struct steward_io *io, struct steward_addresses *s, int64_t until_us,
                             bool restoring, size_t *at)
{
    for (size_t i = 0; i < s->count; i++)
        address_arm(io, &s->all[i], (until_us - steward_now_us()) / 1000);
    bool are_ended = addresses_are_ended(io, s);
    if (!restoring)
        s->kernel_until_us = INT64_MAX;
    for (*at = 0; *at < s->count; ++*at) {
        const struct steward_address *a = &s->all[*at];
        int64_t its_us = s->kernel_until_us;
        if (!(restoring ? address_restore(io, a, are_ended, until_us, &its_us)
                        : address_set(io, a, are_ended, until_us, &its_us, false)))
            return errno;
        if (its_us < s->kernel_until_us)
            s->kernel_until_us = its_us;
    }
    return 0;
}

/* The route of the network comes after the address, which is its source. One that could not be
 * added (the link is down) is tried again when the link returns. */
static void address_route(struct steward_io *io, struct steward_address *a)
{
    if (!address_is_ipv4(a->spec.ip) || a->spec.prefix == IPV4_BITS)
        return;
    bool wanted = a->is_there && !a->has_own_nearby;
    if (wanted)
        netlink_network_add(&io->netlink, &a->ours, a->spec.prefix);
    else if (a->routed)
        netlink_network_delete(&io->netlink, &a->ours, a->spec.prefix);
    a->routed = wanted;
}

void steward_addresses_route(struct steward_io *io, struct steward_addresses *s, bool anew)
{
    for (struct steward_address *a = s->all; a < s->all + s->count; a++)
        if (a->routed || anew)
            address_route(io, a);
}

int steward_addresses_add(struct steward_io *io, struct steward_addresses *s, int64_t until_us,
                          bool restoring, size_t *at)
{
    int error = steward_addresses_find_links(io, s, at);
    if (error == 0)
        error = addresses_look_for_others(io, s, restoring, at);
    if (error == 0)
        error = addresses_set_all(io, s, until_us, restoring, at);
    if (error == 0)
        error = addresses_read_back(io, s, at);
    if (error == 0)
        steward_addresses_route(io, s, !restoring);
    return error;
}

void steward_addresses_refresh(struct steward_io *io, struct steward_addresses *s, int64_t until_us)
{
    int64_t kernel_until_us = INT64_MAX;
    bool all_set = true;
    for (size_t i = 0; i < s->count; i++)
        address_arm(io, &s->all[i], (until_us - steward_now_us()) / 1000);
    bool are_ended = addresses_are_ended(io, s);
    if (!lifetime_is_due(s, are_ended, until_us))
        return;
    for (size_t i = 0; i < s->count; i++) {
        int64_t its_us = INT64_MAX;
        all_set &= address_set(io, &s->all[i], are_ended, until_us, &its_us, true);
        kernel_until_us = its_us < kernel_until_us ? its_us : kernel_until_us;
    }
    if (all_set)
        s->kernel_until_us = kernel_until_us;
}

/* ---- removing ---- */

/* Only what is ours is deleted, wherever it is. */
bool steward_addresses_remove(struct steward_io *io, struct steward_addresses *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->all[i].fenced)
            address_arm(io, &s->all[i], 0);
    if (!steward_addresses_read_all(io, s))
        return false;
    bool any = false, any_left = false;
    for (size_t i = 0; i < s->count; i++) {
        if (s->all[i].is_there)
            netlink_addr_delete(&io->netlink, &s->all[i].ours);
        any |= s->all[i].is_there;
    }
    if (any && !steward_addresses_read_all(io, s))
        return false;
    for (size_t i = 0; i < s->count; i++) {
        struct steward_address *a = &s->all[i];
        any_left |= a->is_there;
        if (!a->is_there)
            a->fenced = !steward_io_forget(io, a->spec.ip) && a->fenced;
    }
    return !any_left;
}

/* ---- on the link ---- */

void steward_addresses_probe(const struct steward_io *io, const struct steward_addresses *s)
{
    for (const struct steward_address *a = s->all; a < s->all + s->count; a++)
        if (a->link.ethernet)
            announce_probe(&io->announce, a->link.index, a->link.mac, a->spec.ip);
}

void steward_addresses_announce(const struct steward_io *io, const struct steward_addresses *s)
{
    for (const struct steward_address *a = s->all; a < s->all + s->count; a++)
        if (a->link.ethernet)
            announce_send(&io->announce, a->link.index, a->link.mac, a->spec.ip);
}
