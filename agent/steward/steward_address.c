#include "agent/steward/steward_address.h"

#include <errno.h>
#include <string.h>

#define SECOND_US INT64_C(1000000)

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
    struct netlink_addr addr = {
        .ifindex = a->link.index, .prefix = a->spec.prefix, .mark = NETLINK_MARK};
    memcpy(addr.ip, a->spec.ip, sizeof addr.ip);
    return addr;
}

static bool address_is_as_wanted(const struct steward_address *a, const struct netlink_addr *addr)
{
    return addr->ifindex == a->link.index && addr->prefix == a->spec.prefix;
}

/* What one reading of all addresses of the host shows of those of a vip. */
struct seen {
    const struct steward_addresses *s;
    struct {
        bool ours, others;
        struct netlink_addr addr, other;
    } of[STEWARD_ADDRESSES_MAX];
};

/* Of several of ours with that ip, the one that is as it should be counts. */
static void addresses_on_addr(void *arg, const struct netlink_addr *addr)
{
    struct seen *seen = arg;
    for (size_t i = 0; i < seen->s->count; i++) {
        const struct steward_address *a = &seen->s->all[i];
        if (memcmp(addr->ip, a->spec.ip, sizeof addr->ip) != 0)
            continue;
        if (addr->mark != NETLINK_MARK) {
            seen->of[i].others = true;
            seen->of[i].other = *addr;
        } else if (!seen->of[i].ours || address_is_as_wanted(a, addr)) {
            seen->of[i].ours = true;
            seen->of[i].addr = *addr;
        }
    }
}

/* False with errno. */
static bool addresses_look(struct steward_io *io, const struct steward_addresses *s,
                           struct seen *seen)
{
    *seen = (struct seen){.s = s};
    return netlink_addrs(&io->netlink, addresses_on_addr, seen);
}

int steward_addresses_verify(struct steward_io *io, struct steward_addresses *s)
{
    struct seen seen;
    int error = 0;
    if (!addresses_look(io, s, &seen))
        return errno;
    for (size_t i = 0; i < s->count; i++) {
        struct steward_address *a = &s->all[i];
        a->missing = !seen.of[i].ours || !address_is_as_wanted(a, &seen.of[i].addr);
        error = a->missing ? ENOENT : error;
    }
    return error;
}

/* ---- adding ---- */

/* Has an operator configured one of them? 0, or an errno. */
static int addresses_look_for_others(struct steward_io *io, const struct steward_addresses *s,
                                     bool restoring, size_t *at)
{
    struct seen seen;
    *at = 0;
    if (!addresses_look(io, s, &seen))
        return errno;
    for (; *at < s->count; ++*at) {
        bool is_ours_to_take = restoring && address_is_as_wanted(&s->all[*at], &seen.of[*at].other);
        if (seen.of[*at].others && !is_ours_to_take)
            return EEXIST;
    }
    return 0;
}

static void address_arm(struct steward_io *io, struct steward_address *a, int64_t ms)
{
    a->fenced |= steward_io_arm(io, a->spec.ip, ms);
}

/* Whole seconds, not less than is left of its time. */
static bool address_set(struct steward_io *io, const struct steward_address *a, int64_t until_us,
                        int64_t *kernel_until_us, bool replace)
{
    struct netlink_addr addr = address_wanted(a);
    int64_t now_us = steward_now_us(), seconds = (until_us - now_us) / SECOND_US + 1;
    if (until_us <= now_us)
        return errno = ETIME, false;
    *kernel_until_us = now_us + seconds * SECOND_US;
    return netlink_addr_set(&io->netlink, &addr, (uint32_t)seconds, replace);
}

/* 0, or an errno. Linux before 5.18 adds an address without the mark, by which it would not be
 * known for ours again: then it does not stay. */
static int addresses_read_back(struct steward_io *io, struct steward_addresses *s, size_t *at)
{
    struct seen seen;
    *at = 0;
    if (!addresses_look(io, s, &seen))
        return errno;
    for (; *at < s->count; ++*at) {
        struct steward_address *a = &s->all[*at];
        struct netlink_addr addr = address_wanted(a);
        if (!seen.of[*at].ours)
            return netlink_addr_delete(&io->netlink, &addr) ? EOPNOTSUPP : EIO;
        if (!address_is_as_wanted(a, &seen.of[*at].addr))
            return EEXIST;
        a->missing = false;
    }
    return 0;
}

/* The fence is there before the addresses are. */
static int addresses_set_all(struct steward_io *io, struct steward_addresses *s, int64_t until_us,
                             bool restoring, size_t *at)
{
    for (size_t i = 0; i < s->count; i++)
        address_arm(io, &s->all[i], (until_us - steward_now_us()) / 1000);
    if (!restoring)
        s->kernel_until_us = INT64_MAX;
    for (*at = 0; *at < s->count; ++*at) {
        int64_t kernel_until_us = s->kernel_until_us;
        if (restoring && !s->all[*at].missing)
            continue;
        if (!address_set(io, &s->all[*at], until_us, &kernel_until_us, restoring))
            return errno;
        if (kernel_until_us < s->kernel_until_us)
            s->kernel_until_us = kernel_until_us;
    }
    return 0;
}

int steward_addresses_add(struct steward_io *io, struct steward_addresses *s, int64_t until_us,
                          bool restoring, size_t *at)
{
    int error = steward_addresses_find_links(io, s, at);
    if (error == 0)
        error = addresses_look_for_others(io, s, restoring, at);
    if (error == 0)
        error = addresses_set_all(io, s, until_us, restoring, at);
    return error == 0 ? addresses_read_back(io, s, at) : error;
}

/* The kernel's lifetime is only moved when it would be too short, as each time all who listen for
 * changes of addresses are told; with leases of a second that is at every renewal: it is never
 * longer than it must be, so that an address does not stay where nobody is left to remove it. */
void steward_addresses_refresh(struct steward_io *io, struct steward_addresses *s, int64_t until_us)
{
    int64_t kernel_until_us = INT64_MAX;
    for (size_t i = 0; i < s->count; i++)
        address_arm(io, &s->all[i], (until_us - steward_now_us()) / 1000);
    if (until_us <= s->kernel_until_us)
        return;
    for (size_t i = 0; i < s->count; i++) {
        int64_t its_us;
        if (!address_set(io, &s->all[i], until_us, &its_us, true))
            return;
        kernel_until_us = its_us < kernel_until_us ? its_us : kernel_until_us;
    }
    s->kernel_until_us = kernel_until_us;
}

/* ---- removing ---- */

/* Only what is ours is deleted, wherever it is. */
bool steward_addresses_remove(struct steward_io *io, struct steward_addresses *s)
{
    struct seen seen;
    for (size_t i = 0; i < s->count; i++)
        if (s->all[i].fenced)
            address_arm(io, &s->all[i], 0);
    if (!addresses_look(io, s, &seen))
        return false;
    bool any = false;
    for (size_t i = 0; i < s->count; i++)
        if (seen.of[i].ours) {
            any = true;
            netlink_addr_delete(&io->netlink, &seen.of[i].addr);
        }
    if (any && !addresses_look(io, s, &seen))
        return false;
    bool all_gone = true;
    for (size_t i = 0; i < s->count; i++) {
        struct steward_address *a = &s->all[i];
        all_gone &= !seen.of[i].ours;
        if (a->fenced && !seen.of[i].ours)
            a->fenced = !fence_forget(&io->fence, a->spec.ip);
    }
    return all_gone;
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
