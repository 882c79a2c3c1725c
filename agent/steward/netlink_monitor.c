#include "agent/steward/netlink.h"

#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <sys/socket.h>

/* Room for what comes while the process is stopped for a while: some thousand changes. */
#define RECEIVE_BUFFER_BYTES (1 << 20)

/* What the kernel would wake us for, but for changes of others' routes: a router has many. The
 * filter loads in network order what stands in the host's. */
static void monitor_filter(struct netlink *n)
{
    const uint16_t deleted = RTM_DELROUTE, added = RTM_NEWROUTE;
    const uint8_t *d = (const uint8_t *)&deleted, *a = (const uint8_t *)&added;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(a[0] << 8 | a[1]), 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(d[0] << 8 | d[1]), 0, 2),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NLMSG_HDRLEN + offsetof(struct rtmsg, rtm_protocol)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NETLINK_MARK, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    const struct sock_fprog program = {sizeof code / sizeof *code, code};
    setsockopt(netlink_fd(n), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

bool netlink_monitor_open(struct netlink *n)
{
    const int bytes = RECEIVE_BUFFER_BYTES;
    const unsigned groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_LINK |
                            RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_IPV4_RULE |
                            1 << (RTNLGRP_IPV6_RULE - 1);
    *n = (struct netlink){.socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!n->socket)
        return false;
    /* Beyond the system's limit if we may; with the usual size changes are only missed earlier. */
    if (setsockopt(netlink_fd(n), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
        setsockopt(netlink_fd(n), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    monitor_filter(n);
    if (mnl_socket_bind(n->socket, groups, MNL_SOCKET_AUTOPID) == 0)
        return true;
    netlink_close(n);
    return false;
}

struct each_event {
    netlink_event_fn *fn;
    void *arg;
};

static bool decode(const struct nlmsghdr *h, struct netlink_event *e)
{
    switch (h->nlmsg_type) {
    case RTM_NEWADDR:
    case RTM_DELADDR:
        e->kind = h->nlmsg_type == RTM_NEWADDR ? NETLINK_ADDR_SET : NETLINK_ADDR_GONE;
        return netlink_decode_addr(h, &e->addr);
    case RTM_NEWLINK:
    case RTM_DELLINK:
        e->kind = h->nlmsg_type == RTM_NEWLINK ? NETLINK_LINK_SET : NETLINK_LINK_GONE;
        return netlink_decode_link(h, &e->link);
    case RTM_DELROUTE:
    case RTM_DELRULE:
        e->kind = NETLINK_ROUTE_GONE;
        return true;
    default:
        return false;
    }
}

static int monitor_take(const struct nlmsghdr *h, void *arg)
{
    const struct each_event *each = arg;
    struct netlink_event event;
    if (decode(h, &event))
        each->fn(each->arg, &event);
    return MNL_CB_OK;
}

bool netlink_monitor_read(struct netlink *n, netlink_event_fn *fn, void *arg)
{
    char bytes[NETLINK_ANSWER_BYTES];
    struct each_event each = {fn, arg};
    ssize_t got = mnl_socket_recvfrom(n->socket, bytes, sizeof bytes);
    return got >= 0 && mnl_cb_run(bytes, (size_t)got, 0, 0, monitor_take, &each) >= 0;
}
