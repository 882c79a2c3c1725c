#include "tests/unit/fake_kernel.h"

#include "agent/steward/route.h"
#include "agent/steward/rule.h"

#include "agent/base/address.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

struct fake_kernel fake_kernel;

void fake_kernel_start(void)
{
    fake_kernel = (struct fake_kernel){.now_us = 1000000000};
    fake_kernel.link = (struct netlink_link){.index = FAKE_IFINDEX,
                                             .name = "vip0",
                                             .enabled = true,
                                             .up = true,
                                             .ethernet = true,
                                             .mac = {2, 0, 0, 0, 0, 1}};
}

int64_t steward_now_us(void)
{
    return fake_kernel.now_us;
}

/* ---- addresses ---- */

void fake_addr_add(const struct netlink_addr *addr)
{
    if (fake_kernel.addrs_count < FAKE_ADDRS_MAX)
        fake_kernel.addrs[fake_kernel.addrs_count++] = *addr;
}

static struct netlink_addr *same(const struct netlink_addr *addr)
{
    for (size_t i = 0; i < fake_kernel.addrs_count; i++) {
        struct netlink_addr *a = &fake_kernel.addrs[i];
        if (a->ifindex == addr->ifindex && a->prefix == addr->prefix &&
            memcmp(a->ip, addr->ip, sizeof a->ip) == 0)
            return a;
    }
    return NULL;
}

bool fake_addr_remove(const struct netlink_addr *addr)
{
    struct netlink_addr *a = same(addr);
    if (!a)
        return false;
    memmove(a, a + 1, (size_t)(&fake_kernel.addrs[--fake_kernel.addrs_count] - a) * sizeof *a);
    return true;
}

struct netlink_addr *fake_addr_find(const uint8_t *ip, bool ours)
{
    for (size_t i = 0; i < fake_kernel.addrs_count; i++) {
        struct netlink_addr *a = &fake_kernel.addrs[i];
        if (memcmp(a->ip, ip, sizeof a->ip) == 0 && (a->mark == NETLINK_MARK) == ours)
            return a;
    }
    return NULL;
}

static bool done(int error)
{
    fake_kernel.now_us += fake_kernel.call_us;
    errno = error;
    return error == 0;
}

bool netlink_addr_set(struct netlink *n, const struct netlink_addr *addr, uint32_t valid_s,
                      bool replace)
{
    (void)n;
    struct netlink_addr *a = same(addr);
    fake_kernel.sets++;
    if (fake_kernel.set_error != 0 && fake_kernel.sets > fake_kernel.sets_in_order)
        return done(fake_kernel.set_error);
    if (addr->ifindex != FAKE_IFINDEX && addr->ifindex != fake_kernel.other_link.index)
        return done(ENODEV);
    if (a && !replace)
        return done(EEXIST);
    if (!a) {
        fake_addr_add(addr);
        a = same(addr);
    }
    if (a)
        a->mark = fake_kernel.markless ? 0 : NETLINK_MARK;
    fake_kernel.valid_s = valid_s;
    return done(a ? 0 : ENOMEM);
}

bool netlink_addr_delete(struct netlink *n, const struct netlink_addr *addr)
{
    (void)n;
    fake_kernel.deletes++;
    if (fake_kernel.delete_error != 0)
        return done(fake_kernel.delete_error);
    return done(fake_addr_remove(addr) ? 0 : EADDRNOTAVAIL);
}

bool netlink_addrs(struct netlink *n, netlink_addr_fn *fn, void *arg)
{
    (void)n;
    if (fake_kernel.addrs_error != 0)
        return done(fake_kernel.addrs_error);
    for (size_t i = 0; i < fake_kernel.addrs_count; i++)
        fn(arg, &fake_kernel.addrs[i]);
    return done(0);
}

bool netlink_network_add(struct netlink *n, const struct netlink_addr *addr, uint8_t prefix)
{
    (void)n;
    assert(address_is_ipv4(addr->ip));
    fake_kernel.networks++;
    fake_kernel.network_prefix = prefix;
    return done(0);
}

bool netlink_network_delete(struct netlink *n, const struct netlink_addr *addr, uint8_t prefix)
{
    (void)n;
    (void)prefix;
    assert(address_is_ipv4(addr->ip));
    fake_kernel.networks--;
    return done(0);
}

bool netlink_link_find(struct netlink *n, const char *name, struct netlink_link *found)
{
    (void)n;
    *found = (struct netlink_link){0};
    if (!fake_kernel.no_link && strcmp(name, fake_kernel.link.name) == 0)
        *found = fake_kernel.link;
    else if (fake_kernel.other_link.index != 0 && strcmp(name, fake_kernel.other_link.name) == 0)
        *found = fake_kernel.other_link;
    return done(found->index != 0 ? 0 : ENODEV);
}

bool netlink_link_by_index(struct netlink *n, int index, struct netlink_link *found)
{
    (void)n;
    *found = (struct netlink_link){0};
    if (index == NETLINK_LOOPBACK)
        *found = (struct netlink_link){.index = index, .name = "lo"};
    else if (index == fake_kernel.other_link.index)
        *found = fake_kernel.other_link;
    return done(found->index != 0 ? 0 : ENODEV);
}

bool netlink_mac_find(struct netlink *n, const uint8_t mac[NETLINK_MAC_BYTES])
{
    (void)n;
    fake_kernel.mac_finds++;
    if (fake_kernel.mac_error)
        return done(fake_kernel.mac_error);
    return done(memcmp(mac, fake_kernel.other_mac, NETLINK_MAC_BYTES) == 0 ? 0 : ENOENT);
}

/* ---- the fence, and frames ---- */

bool fence_arm(struct fence *g, const uint8_t ip[FENCE_IP_BYTES], int64_t ms)
{
    (void)g;
    (void)ip;
    fake_kernel.passes++;
    fake_kernel.fence_ms = ms;
    return done(fake_kernel.fence_fails ? ENOENT : 0);
}

bool fence_forget(struct fence *g, const uint8_t ip[FENCE_IP_BYTES])
{
    (void)g;
    (void)ip;
    fake_kernel.forgets++;
    return done(fake_kernel.fence_fails ? ENOENT : 0);
}

bool steward_guard_set(struct steward_guard *g, const uint8_t ip[NETLINK_IP_BYTES],
                       int64_t until_us)
{
    (void)g;
    (void)ip;
    fake_kernel.guard_until_us = until_us;
    return !fake_kernel.no_guard;
}

void steward_guard_forget(struct steward_guard *g, const uint8_t ip[NETLINK_IP_BYTES])
{
    (void)g;
    (void)ip;
    fake_kernel.guard_until_us = 0;
}

bool announce_send(const struct announce *a, int ifindex, const uint8_t mac[ANNOUNCE_MAC_BYTES],
                   const uint8_t ip[ANNOUNCE_IP_BYTES])
{
    (void)a;
    (void)mac;
    (void)ip;
    fake_kernel.announcements++;
    return done(ifindex == FAKE_IFINDEX || ifindex == fake_kernel.other_link.index ? 0 : ENODEV);
}

bool announce_probe(const struct announce *a, int ifindex, const uint8_t mac[ANNOUNCE_MAC_BYTES],
                    const uint8_t ip[ANNOUNCE_IP_BYTES])
{
    (void)a;
    (void)mac;
    (void)ip;
    fake_kernel.probes++;
    return done(ifindex == FAKE_IFINDEX || ifindex == fake_kernel.other_link.index ? 0 : ENODEV);
}

/* ---- routes and rules: the first so many of a list are there ---- */

static bool fake_find(size_t there, size_t count, uint64_t *found)
{
    for (size_t i = 0; i < there && i < count; i++)
        *found |= UINT64_C(1) << i;
    return true;
}

static bool fake_route_find(struct netlink *n, const void *all, size_t count, uint64_t *found)
{
    (void)n, (void)all;
    return fake_find(fake_kernel.routes, count, found);
}

static bool fake_route_add(struct netlink *n, const void *all, size_t i)
{
    (void)n, (void)all;
    if (fake_kernel.route_error == 0)
        fake_kernel.routes = i + 1;
    return done(fake_kernel.route_error);
}

static bool fake_route_remove(struct netlink *n, const void *all, size_t i)
{
    (void)n, (void)all, (void)i;
    fake_kernel.routes--;
    return true;
}

const struct routing_kind route_kind = {fake_route_find, fake_route_add, fake_route_remove};

static bool fake_rule_find(struct netlink *n, const void *all, size_t count, uint64_t *found)
{
    (void)n, (void)all;
    return fake_find(fake_kernel.rules, count, found);
}

static bool fake_rule_add(struct netlink *n, const void *all, size_t i)
{
    (void)n, (void)all;
    if (fake_kernel.rule_error == 0)
        fake_kernel.rules = i + 1;
    return done(fake_kernel.rule_error);
}

static bool fake_rule_remove(struct netlink *n, const void *all, size_t i)
{
    (void)n, (void)all, (void)i;
    fake_kernel.rules--;
    return true;
}

const struct routing_kind rule_kind = {fake_rule_find, fake_rule_add, fake_rule_remove};
