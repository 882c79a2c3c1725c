#include "agent/steward/rule.h"

#include "agent/steward/steward_protocol.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

/* ---- one rule, to the kernel ---- */

static bool rule_ask(struct netlink *n, int type, int flags, const struct steward_vip_rule *r)
{
    char bytes[NETLINK_REQUEST_BYTES];
    struct nlmsghdr *h = netlink_start(bytes, type, NLM_F_ACK | flags);
    struct fib_rule_hdr *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
    m->family = r->family;
    m->src_len = r->from_bits;
    m->dst_len = r->to_bits;
    m->action = FR_ACT_TO_TBL;
    if (r->from_bits > 0)
        netlink_put_ip(h, FRA_SRC, r->from);
    if (r->to_bits > 0)
        netlink_put_ip(h, FRA_DST, r->to);
    if (r->iif[0] != '\0')
        mnl_attr_put_strz(h, FRA_IIFNAME, r->iif);
    if (r->fwmask > 0) {
        mnl_attr_put_u32(h, FRA_FWMARK, r->fwmark);
        mnl_attr_put_u32(h, FRA_FWMASK, r->fwmask);
    }
    mnl_attr_put_u32(h, FRA_TABLE, r->table);
    mnl_attr_put_u32(h, FRA_PRIORITY, r->priority);
    mnl_attr_put_u8(h, FRA_PROTOCOL, NETLINK_MARK);
    return netlink_request(n, h, NULL, NULL);
}

/* ---- what the kernel has ---- */

struct rule_search {
    const struct steward_vip_rule *all;
    size_t count;
    uint64_t *found; /* a bit of each */
};

struct rule_found {
    struct steward_vip_rule rule;
    uint8_t mark;
};

static int rule_take_attr(const struct nlattr *attr, void *arg)
{
    struct rule_found *f = arg;
    struct steward_vip_rule *r = &f->rule;
    switch (mnl_attr_get_type(attr)) {
    case FRA_SRC:
        netlink_get_ip(attr, r->family, r->from);
        break;
    case FRA_DST:
        netlink_get_ip(attr, r->family, r->to);
        break;
    case FRA_IIFNAME:
        if (mnl_attr_get_payload_len(attr) <= sizeof r->iif)
            memcpy(r->iif, mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));
        break;
    case FRA_FWMARK:
        r->fwmark = mnl_attr_get_u32(attr);
        break;
    case FRA_FWMASK:
        r->fwmask = mnl_attr_get_u32(attr);
        break;
    case FRA_TABLE:
        r->table = mnl_attr_get_u32(attr);
        break;
    case FRA_PRIORITY:
        r->priority = mnl_attr_get_u32(attr);
        break;
    case FRA_PROTOCOL:
        f->mark = mnl_attr_get_u8(attr);
        break;
    default:
        break;
    }
    return MNL_CB_OK;
}

/* An address that stands for any is all zero in the kernel, and perhaps a mapped one here. */
static bool rule_found_is(const struct steward_vip_rule *f, const struct steward_vip_rule *r)
{
    return f->family == r->family && f->from_bits == r->from_bits && f->to_bits == r->to_bits &&
           (r->from_bits == 0 || memcmp(f->from, r->from, sizeof f->from) == 0) &&
           (r->to_bits == 0 || memcmp(f->to, r->to, sizeof f->to) == 0) &&
           strncmp(f->iif, r->iif, sizeof f->iif) == 0 && f->fwmask == r->fwmask &&
           f->fwmark == r->fwmark && f->table == r->table && f->priority == r->priority;
}

static int rule_search_take(const struct nlmsghdr *h, void *arg)
{
    struct rule_search *s = arg;
    const struct fib_rule_hdr *m = mnl_nlmsg_get_payload(h);
    if (h->nlmsg_type != RTM_NEWRULE || mnl_nlmsg_get_payload_len(h) < sizeof *m)
        return MNL_CB_OK;
    struct rule_found found = {.rule = {.family = m->family,
                                        .from_bits = m->src_len,
                                        .to_bits = m->dst_len,
                                        .table = m->table}};
    mnl_attr_parse(h, sizeof *m, rule_take_attr, &found);
    for (size_t i = 0; i < s->count; i++)
        if (found.mark == NETLINK_MARK && rule_found_is(&found.rule, &s->all[i]))
            *s->found |= UINT64_C(1) << i;
    return MNL_CB_OK;
}

static bool rule_find(struct netlink *n, const void *all, size_t count, uint64_t *found)
{
    static const uint8_t families[] = {AF_INET, AF_INET6};
    struct rule_search s = {all, count, found};
    _Static_assert(STEWARD_RULES_MAX <= ROUTING_MAX, "a bit each");
    for (size_t i = 0; i < sizeof families; i++) {
        char bytes[NETLINK_REQUEST_BYTES];
        struct nlmsghdr *h = netlink_start(bytes, RTM_GETRULE, NLM_F_DUMP);
        struct fib_rule_hdr *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
        m->family = families[i];
        if (!netlink_dump(n, h, rule_search_take, &s) && errno != EOPNOTSUPP &&
            errno != EAFNOSUPPORT)
            return false;
    }
    return true;
}

/* ---- all of a vip ---- */

static bool rule_add(struct netlink *n, const void *all, size_t i)
{
    const struct steward_vip_rule *rules = all;
    return rule_ask(n, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, &rules[i]);
}

static bool rule_remove(struct netlink *n, const void *all, size_t i)
{
    const struct steward_vip_rule *rules = all;
    return rule_ask(n, RTM_DELRULE, 0, &rules[i]);
}

const struct routing_kind rule_kind = {rule_find, rule_add, rule_remove};
