#include "agent/steward/route.h"

#include "agent/steward/steward_protocol.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define METRIC_IPV6 1024 /* the kernel's, where none is given (IP6_RT_PRIO_USER) */

/* ---- one route, to the kernel ---- */

static uint32_t route_table(const struct steward_vip_route *r)
{
    return r->table ? r->table : RT_TABLE_MAIN;
}

static uint32_t route_metric(const struct steward_vip_route *r)
{
    return r->metric == 0 && r->family == AF_INET6 ? METRIC_IPV6 : r->metric;
}

static struct nlmsghdr *route_start(char *bytes, int type, int flags,
                                    const struct steward_vip_route *r, int ifindex)
{
    struct nlmsghdr *h = netlink_start(bytes, type, NLM_F_ACK | flags);
    struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
    m->rtm_family = r->family;
    m->rtm_dst_len = r->to_bits;
    m->rtm_table = RT_TABLE_UNSPEC; /* RTA_TABLE has it */
    m->rtm_protocol = NETLINK_MARK;
    m->rtm_scope = r->has_via || r->family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    m->rtm_type = RTN_UNICAST;
    m->rtm_flags = r->onlink ? RTNH_F_ONLINK : 0;
    if (r->to_bits > 0)
        netlink_put_ip(h, RTA_DST, r->to);
    if (r->has_via)
        netlink_put_ip(h, RTA_GATEWAY, r->via);
    if (r->has_src)
        netlink_put_ip(h, RTA_PREFSRC, r->src);
    if (ifindex > 0)
        mnl_attr_put_u32(h, RTA_OIF, (uint32_t)ifindex);
    mnl_attr_put_u32(h, RTA_TABLE, route_table(r));
    if (r->metric > 0)
        mnl_attr_put_u32(h, RTA_PRIORITY, r->metric);
    if (r->mtu > 0) {
        struct nlattr *metrics = mnl_attr_nest_start(h, RTA_METRICS);
        mnl_attr_put_u32(h, RTAX_MTU, r->mtu);
        mnl_attr_nest_end(h, metrics);
    }
    return h;
}

/* 0: by its gateway alone; below: there is no such interface. */
static int route_ifindex(struct netlink *n, const struct steward_vip_route *r)
{
    struct netlink_link link;
    if (r->dev[0] == '\0')
        return 0;
    return netlink_link_find(n, r->dev, &link) ? link.index : -1;
}

static bool route_ask(struct netlink *n, int type, int flags, const struct steward_vip_route *r)
{
    char bytes[NETLINK_REQUEST_BYTES];
    int ifindex = route_ifindex(n, r);
    if (ifindex < 0)
        return false;
    return netlink_request(n, route_start(bytes, type, flags, r, ifindex), NULL, NULL);
}

/* ---- what the kernel has ---- */

struct route_search {
    const struct steward_vip_route *all;
    size_t count;
    uint64_t *found; /* a bit of each */
};

/* What tells one route of ours from another. */
struct route_found {
    uint8_t to[STEWARD_IP_BYTES], via[STEWARD_IP_BYTES];
    uint8_t family, to_bits;
    bool has_via;
    uint32_t table, metric;
};

static int found_take_attr(const struct nlattr *attr, void *arg)
{
    struct route_found *f = arg;
    switch (mnl_attr_get_type(attr)) {
    case RTA_DST:
        netlink_get_ip(attr, f->family, f->to);
        break;
    case RTA_GATEWAY:
        f->has_via = netlink_get_ip(attr, f->family, f->via);
        break;
    case RTA_TABLE:
        f->table = mnl_attr_get_u32(attr);
        break;
    case RTA_PRIORITY:
        f->metric = mnl_attr_get_u32(attr);
        break;
    default:
        break;
    }
    return MNL_CB_OK;
}

static bool route_found_is(const struct route_found *f, const struct steward_vip_route *r)
{
    return f->family == r->family && f->to_bits == r->to_bits && f->table == route_table(r) &&
           f->metric == route_metric(r) &&
           (r->to_bits == 0 || memcmp(f->to, r->to, sizeof f->to) == 0) &&
           f->has_via == r->has_via && (!r->has_via || memcmp(f->via, r->via, sizeof f->via) == 0);
}

static int search_take(const struct nlmsghdr *h, void *arg)
{
    struct route_search *s = arg;
    const struct rtmsg *m = mnl_nlmsg_get_payload(h);
    if (h->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(h) < sizeof *m ||
        m->rtm_protocol != NETLINK_MARK)
        return MNL_CB_OK;
    struct route_found found = {
        .family = m->rtm_family, .to_bits = m->rtm_dst_len, .table = m->rtm_table};
    mnl_attr_parse(h, sizeof *m, found_take_attr, &found);
    for (size_t i = 0; i < s->count; i++)
        if (route_found_is(&found, &s->all[i]))
            *s->found |= UINT64_C(1) << i;
    return MNL_CB_OK;
}

/* Of ours alone: a router has a million others. */
static bool route_find(struct netlink *n, const void *all, size_t count, uint64_t *found)
{
    static const uint8_t families[] = {AF_INET, AF_INET6};
    struct route_search s = {all, count, found};
    _Static_assert(STEWARD_ROUTES_MAX <= ROUTING_MAX, "a bit each");
    for (size_t i = 0; i < sizeof families; i++) {
        char bytes[NETLINK_REQUEST_BYTES];
        struct nlmsghdr *h = netlink_start(bytes, RTM_GETROUTE, NLM_F_DUMP);
        struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
        m->rtm_family = families[i];
        m->rtm_protocol = NETLINK_MARK;
        if (!netlink_dump(n, h, search_take, &s) && errno != EOPNOTSUPP && errno != ENOENT)
            return false;
    }
    return true;
}

/* ---- all of a vip ---- */

static bool route_add(struct netlink *n, const void *all, size_t i)
{
    const struct steward_vip_route *routes = all;
    return route_ask(n, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &routes[i]);
}

static bool route_remove(struct netlink *n, const void *all, size_t i)
{
    const struct steward_vip_route *routes = all;
    return route_ask(n, RTM_DELROUTE, 0, &routes[i]);
}

const struct routing_kind route_kind = {route_find, route_add, route_remove};
