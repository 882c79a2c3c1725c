#include "agent/steward/netlink.h"

#include "agent/base/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#ifndef IFAPROT_UNSPEC
#define IFA_PROTO 11 /* headers before Linux 5.18 */
#endif

/* IFF_LOWER_UP of <linux/if.h>, which does not go with <net/if.h>. IFF_RUNNING follows it up to a
 * second later. */
#define CARRIER (1 << 16)
#define NETWORK_METRIC 100000 /* of our routes to networks: any other route is preferred */
#define DUMP_TRIES 3          /* of a list that changed while it was read */

/* ---- asking ---- */

bool netlink_open(struct netlink *n, int protocol)
{
    struct timeval wait = {.tv_usec = NETLINK_WAIT_MS * 1000};
    *n = (struct netlink){.socket = mnl_socket_open2(protocol, SOCK_CLOEXEC)};
    if (!n->socket)
        return false;
    if (mnl_socket_bind(n->socket, 0, MNL_SOCKET_AUTOPID) == 0 &&
        setsockopt(netlink_fd(n), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0)
        return true;
    netlink_close(n);
    return false;
}

void netlink_close(struct netlink *n)
{
    if (n->socket)
        mnl_socket_close(n->socket);
    n->socket = NULL;
}

int netlink_fd(const struct netlink *n)
{
    return mnl_socket_get_fd(n->socket);
}

/* What is left of an answer that came too late, or that was not read to its end. */
static void discard_rest(const struct netlink *n)
{
    char bytes[NETLINK_ANSWER_BYTES];
    while (recv(netlink_fd(n), bytes, sizeof bytes, MSG_DONTWAIT) >= 0 || errno == ENOBUFS)
        ;
}

bool netlink_ask(struct netlink *n, const void *bytes, size_t count, netlink_part_fn *fn, void *arg)
{
    char answer[NETLINK_ANSWER_BYTES];
    unsigned port = mnl_socket_get_portid(n->socket);
    int more = MNL_CB_OK;
    discard_rest(n);
    if (mnl_socket_sendto(n->socket, bytes, count) < 0)
        return false;
    while (more == MNL_CB_OK) {
        ssize_t got = mnl_socket_recvfrom(n->socket, answer, sizeof answer);
        if (got < 0) {
            errno = errno == EAGAIN ? ETIMEDOUT : errno;
            return false;
        }
        more = mnl_cb_run(answer, (size_t)got, n->seq, port, fn, arg);
    }
    return more == MNL_CB_STOP;
}

bool netlink_request(struct netlink *n, struct nlmsghdr *h, netlink_part_fn *fn, void *arg)
{
    h->nlmsg_seq = ++n->seq;
    return netlink_ask(n, h, h->nlmsg_len, fn, arg);
}

struct nlmsghdr *netlink_start(char *bytes, int type, int flags)
{
    struct nlmsghdr *h = mnl_nlmsg_put_header(bytes);
    h->nlmsg_type = (uint16_t)type;
    h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    return h;
}

void netlink_put_ip(struct nlmsghdr *h, uint16_t type, const uint8_t ip[NETLINK_IP_BYTES])
{
    size_t from = address_is_ipv4(ip) ? ADDRESS_IPV4_AT : 0;
    mnl_attr_put(h, type, NETLINK_IP_BYTES - from, ip + from);
}

bool netlink_get_ip(const struct nlattr *attr, int family, uint8_t ip[NETLINK_IP_BYTES])
{
    bool ipv4 = family == AF_INET;
    if (mnl_attr_get_payload_len(attr) != NETLINK_IP_BYTES - (ipv4 ? ADDRESS_IPV4_AT : 0))
        return false;
    if (ipv4)
        address_from_ipv4(mnl_attr_get_payload(attr), ip);
    else
        memcpy(ip, mnl_attr_get_payload(attr), NETLINK_IP_BYTES);
    return true;
}

bool netlink_dump(struct netlink *n, struct nlmsghdr *h, netlink_part_fn *fn, void *arg)
{
    int strict = 1, lenient = 0;
    bool ok = false;
    mnl_socket_setsockopt(n->socket, NETLINK_GET_STRICT_CHK, &strict, sizeof strict);
    for (int i = 0; i < DUMP_TRIES && !ok; i++) {
        ok = netlink_request(n, h, fn, arg);
        if (!ok && errno != EINTR)
            break;
    }
    int error = errno;
    mnl_socket_setsockopt(n->socket, NETLINK_GET_STRICT_CHK, &lenient, sizeof lenient);
    errno = error;
    return ok;
}

/* ---- addresses ---- */

static struct nlmsghdr *start_addr(char *bytes, int type, int flags,
                                   const struct netlink_addr *addr)
{
    bool ipv4 = address_is_ipv4(addr->ip);
    struct nlmsghdr *h = netlink_start(bytes, type, NLM_F_ACK | flags);
    struct ifaddrmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
    m->ifa_family = ipv4 ? AF_INET : AF_INET6;
    m->ifa_prefixlen = addr->prefix;
    m->ifa_scope = RT_SCOPE_UNIVERSE;
    m->ifa_index = (unsigned)addr->ifindex;
    netlink_put_ip(h, IFA_LOCAL, addr->ip);
    netlink_put_ip(h, IFA_ADDRESS, addr->ip);
    return h;
}

bool netlink_addr_set(struct netlink *n, const struct netlink_addr *addr, uint32_t valid_s,
                      bool replace)
{
    char bytes[NETLINK_REQUEST_BYTES];
    bool ipv4 = address_is_ipv4(addr->ip);
    struct ifa_cacheinfo lifetime = {.ifa_prefered = ipv4 ? valid_s : 0, .ifa_valid = valid_s};
    struct nlmsghdr *h =
        start_addr(bytes, RTM_NEWADDR, NLM_F_CREATE | (replace ? NLM_F_REPLACE : NLM_F_EXCL), addr);
    mnl_attr_put(h, IFA_CACHEINFO, sizeof lifetime, &lifetime);
    mnl_attr_put_u32(h, IFA_FLAGS, IFA_F_NODAD | IFA_F_NOPREFIXROUTE);
    mnl_attr_put_u8(h, IFA_PROTO, NETLINK_MARK);
    return netlink_request(n, h, NULL, NULL);
}

bool netlink_addr_delete(struct netlink *n, const struct netlink_addr *addr)
{
    char bytes[NETLINK_REQUEST_BYTES];
    return netlink_request(n, start_addr(bytes, RTM_DELADDR, 0, addr), NULL, NULL);
}

struct addr_attrs {
    int family;
    bool has_ip, has_local;
    struct netlink_addr *addr;
};

/* IFA_ADDRESS is the other end's where IFA_LOCAL is there too. */
static int take_addr_attr(const struct nlattr *attr, void *arg)
{
    struct addr_attrs *a = arg;
    int type = mnl_attr_get_type(attr);
    if (type == IFA_LOCAL || (type == IFA_ADDRESS && !a->has_local))
        a->has_ip |= netlink_get_ip(attr, a->family, a->addr->ip);
    a->has_local |= type == IFA_LOCAL;
    if (type == IFA_PROTO && mnl_attr_get_payload_len(attr) >= 1)
        a->addr->mark = mnl_attr_get_u8(attr);
    return MNL_CB_OK;
}

bool netlink_decode_addr(const struct nlmsghdr *h, struct netlink_addr *addr)
{
    const struct ifaddrmsg *m = mnl_nlmsg_get_payload(h);
    if (mnl_nlmsg_get_payload_len(h) < sizeof *m ||
        (m->ifa_family != AF_INET && m->ifa_family != AF_INET6))
        return false;
    *addr = (struct netlink_addr){.ifindex = (int)m->ifa_index,
                                  .prefix = m->ifa_prefixlen,
                                  .is_global = m->ifa_scope == RT_SCOPE_UNIVERSE,
                                  .is_secondary = m->ifa_flags & IFA_F_SECONDARY};
    struct addr_attrs attrs = {.family = m->ifa_family, .addr = addr};
    mnl_attr_parse(h, sizeof *m, take_addr_attr, &attrs);
    return attrs.has_ip;
}

struct each_addr {
    netlink_addr_fn *fn;
    void *arg;
};

static int take_addr(const struct nlmsghdr *h, void *arg)
{
    const struct each_addr *each = arg;
    struct netlink_addr addr;
    if (h->nlmsg_type == RTM_NEWADDR && netlink_decode_addr(h, &addr))
        each->fn(each->arg, &addr);
    return MNL_CB_OK;
}

/* One that changed while it was read may name an address twice, which harms nobody. */
bool netlink_addrs(struct netlink *n, netlink_addr_fn *fn, void *arg)
{
    char bytes[NETLINK_REQUEST_BYTES];
    struct each_addr each = {fn, arg};
    for (int i = 0; i < DUMP_TRIES; i++) {
        struct nlmsghdr *h = netlink_start(bytes, RTM_GETADDR, NLM_F_DUMP);
        struct ifaddrmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
        m->ifa_family = AF_UNSPEC;
        if (netlink_request(n, h, take_addr, &each))
            return true;
        if (errno != EINTR)
            return false;
    }
    return false;
}

/* ---- the network of an address ---- */

static bool ask_network(struct netlink *n, int type, int flags, const struct netlink_addr *addr,
                        uint8_t prefix)
{
    char bytes[NETLINK_REQUEST_BYTES];
    uint8_t network[sizeof addr->ip];
    struct nlmsghdr *h = netlink_start(bytes, type, NLM_F_ACK | flags);
    struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
    assert(address_is_ipv4(addr->ip));
    address_network(addr->ip, prefix, network);
    m->rtm_family = AF_INET;
    m->rtm_dst_len = prefix;
    m->rtm_table = RT_TABLE_MAIN;
    m->rtm_protocol = NETLINK_MARK;
    m->rtm_scope = RT_SCOPE_LINK;
    m->rtm_type = RTN_UNICAST;
    netlink_put_ip(h, RTA_DST, network);
    netlink_put_ip(h, RTA_PREFSRC, addr->ip);
    mnl_attr_put_u32(h, RTA_OIF, (uint32_t)addr->ifindex);
    mnl_attr_put_u32(h, RTA_PRIORITY, NETWORK_METRIC);
    return netlink_request(n, h, NULL, NULL);
}

/* Two addresses of one network have a route each. */
bool netlink_network_add(struct netlink *n, const struct netlink_addr *addr, uint8_t prefix)
{
    return ask_network(n, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, addr, prefix);
}

bool netlink_network_delete(struct netlink *n, const struct netlink_addr *addr, uint8_t prefix)
{
    return ask_network(n, RTM_DELROUTE, 0, addr, prefix);
}

/* ---- links ---- */

/* A VRF leaves the packets to its ports; what is not known is taken for one that does not. */
static int take_link_info(const struct nlattr *attr, void *arg)
{
    struct netlink_link *link = arg;
    if (mnl_attr_get_type(attr) == IFLA_INFO_SLAVE_KIND && mnl_attr_get_payload_len(attr) > 0)
        link->is_port = strncmp(mnl_attr_get_str(attr), "vrf", mnl_attr_get_payload_len(attr)) != 0;
    return MNL_CB_OK;
}

/* Of the table of IPv6's settings of the interface. */
static int take_ipv6_attr(const struct nlattr *attr, void *arg)
{
    struct netlink_link *link = arg;
    const int32_t *settings = mnl_attr_get_payload(attr);
    if (mnl_attr_get_type(attr) == IFLA_INET6_CONF &&
        mnl_attr_get_payload_len(attr) > DEVCONF_DISABLE_IPV6 * sizeof *settings)
        link->no_ipv6 = settings[DEVCONF_DISABLE_IPV6] != 0;
    return MNL_CB_OK;
}

static int take_family(const struct nlattr *attr, void *arg)
{
    return mnl_attr_get_type(attr) == AF_INET6 ? mnl_attr_parse_nested(attr, take_ipv6_attr, arg)
                                               : MNL_CB_OK;
}

static int take_link_attr(const struct nlattr *attr, void *arg)
{
    struct netlink_link *link = arg;
    size_t bytes = mnl_attr_get_payload_len(attr);
    if (mnl_attr_get_type(attr) == IFLA_IFNAME && bytes > 0 && bytes <= sizeof link->name)
        memcpy(link->name, mnl_attr_get_payload(attr), bytes);
    if (mnl_attr_get_type(attr) == IFLA_ADDRESS && bytes == sizeof link->mac)
        memcpy(link->mac, mnl_attr_get_payload(attr), bytes);
    if (mnl_attr_get_type(attr) == IFLA_LINKINFO)
        mnl_attr_parse_nested(attr, take_link_info, link);
    if (mnl_attr_get_type(attr) == IFLA_AF_SPEC)
        mnl_attr_parse_nested(attr, take_family, link);
    return MNL_CB_OK;
}

bool netlink_decode_link(const struct nlmsghdr *h, struct netlink_link *link)
{
    const struct ifinfomsg *m = mnl_nlmsg_get_payload(h);
    /* A bridge tells of its ports by messages of its own, and of one that leaves it as if it were
     * gone. */
    if (mnl_nlmsg_get_payload_len(h) < sizeof *m || m->ifi_family != AF_UNSPEC)
        return false;
    *link = (struct netlink_link){.index = m->ifi_index,
                                  .enabled = m->ifi_flags & IFF_UP,
                                  .up = (m->ifi_flags & IFF_UP) && (m->ifi_flags & CARRIER),
                                  .ethernet = m->ifi_type == ARPHRD_ETHER};
    mnl_attr_parse(h, sizeof *m, take_link_attr, link);
    link->name[sizeof link->name - 1] = '\0';
    return link->name[0] != '\0';
}

static int take_link(const struct nlmsghdr *h, void *arg)
{
    if (h->nlmsg_type == RTM_NEWLINK)
        netlink_decode_link(h, arg);
    return MNL_CB_OK;
}

static bool ask_link(struct netlink *n, int index, const char *name, struct netlink_link *found)
{
    char bytes[NETLINK_REQUEST_BYTES];
    struct nlmsghdr *h = netlink_start(bytes, RTM_GETLINK, NLM_F_ACK);
    struct ifinfomsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
    m->ifi_family = AF_UNSPEC;
    m->ifi_index = index;
    if (name)
        mnl_attr_put_strz(h, IFLA_IFNAME, name);
    *found = (struct netlink_link){0};
    if (!netlink_request(n, h, take_link, found))
        return false;
    errno = ENODEV;
    return found->index > 0;
}

bool netlink_link_find(struct netlink *n, const char *name, struct netlink_link *found)
{
    return ask_link(n, 0, name, found);
}

bool netlink_link_by_index(struct netlink *n, int index, struct netlink_link *found)
{
    return ask_link(n, index, NULL, found);
}

struct mac_search {
    const uint8_t *mac;
    bool any;
};

static int compare_mac(const struct nlmsghdr *h, void *arg)
{
    struct mac_search *s = arg;
    struct netlink_link link;
    if (h->nlmsg_type == RTM_NEWLINK && netlink_decode_link(h, &link))
        s->any |= link.ethernet && memcmp(link.mac, s->mac, sizeof link.mac) == 0;
    return MNL_CB_OK;
}

bool netlink_mac_find(struct netlink *n, const uint8_t mac[NETLINK_MAC_BYTES])
{
    char bytes[NETLINK_REQUEST_BYTES];
    struct mac_search s = {.mac = mac};
    struct nlmsghdr *h = netlink_start(bytes, RTM_GETLINK, NLM_F_DUMP);
    struct ifinfomsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
    m->ifi_family = AF_UNSPEC;
    if (!netlink_request(n, h, compare_mac, &s))
        return false;
    errno = ENOENT;
    return s.any;
}
