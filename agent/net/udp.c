#include "agent/net/udp.h"

#include "agent/base/address.h"
#include "agent/base/error.h"
#include "agent/host.h"
#include "agent/net/net.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    DRAIN_BATCHES_MAX = 64,
    RECEIVE_BYTES = GOSSIP_PACKET_BYTES_MAX + 1, /* one more, to see that a datagram is too long */
};

struct batch {
    struct mmsghdr headers[UDP_BATCH];
    struct iovec vectors[UDP_BATCH];
    struct sockaddr_storage addrs[UDP_BATCH];
    uint8_t bytes[UDP_BATCH][RECEIVE_BYTES];
    /* The address of ours that a datagram came to, or leaves from. */
    _Alignas(struct cmsghdr) uint8_t control[UDP_BATCH][CMSG_SPACE(sizeof(struct in6_pktinfo))];
};
_Static_assert(sizeof(struct in_pktinfo) <= sizeof(struct in6_pktinfo), "one room for either");
_Static_assert(CMSG_SPACE(sizeof(struct in6_pktinfo)) % _Alignof(struct cmsghdr) == 0,
               "each of them is aligned");

struct udp {
    struct host *host;
    int fd, family;
    bool listens_on_all; /* so that source matters */
    uint8_t source[ADDRESS_IP_BYTES];
    struct event *readable;
    unsigned out_count;
    struct batch in, out;
};

static void batch_init(struct batch *b)
{
    for (int i = 0; i < UDP_BATCH; i++) {
        b->vectors[i] = (struct iovec){b->bytes[i], RECEIVE_BYTES};
        b->headers[i].msg_hdr = (struct msghdr){
            .msg_name = &b->addrs[i],
            .msg_namelen = sizeof b->addrs[i],
            .msg_iov = &b->vectors[i],
            .msg_iovlen = 1,
        };
    }
}

static void udp_on_readable(int fd, short what, void *arg)
{
    (void)fd, (void)what;
    udp_drain(arg);
}

static void udp_on_drain(void *arg)
{
    udp_drain(arg);
}

static void udp_on_packet(void *arg, const struct gossip_packet *packet)
{
    udp_send(arg, packet);
}

static void udp_on_flush(void *arg)
{
    udp_flush(arg);
}

/* The kernel tells which address of ours a datagram came to. An IPv4 one is mapped where the socket
 * is of both families. Datagrams are never larger than any path carries: none is marked "do not
 * fragment", so that a link of less than that cuts them. */
static void udp_set_options(int fd, int family)
{
    int on = 1, may_fragment = IP_PMTUDISC_DONT;
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
    else
        setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &may_fragment, sizeof may_fragment);
}

struct udp *udp_new(struct host *host, const struct gossip_addr *addr, bool ipv6, char *error)
{
    int fd = net_bind(addr, SOCK_DGRAM, ipv6, error);
    if (fd < 0)
        return NULL;
    struct udp *u = calloc(1, sizeof *u);
    if (!u) {
        close(fd);
        error_set(error, "out of memory");
        return NULL;
    }
    u->host = host;
    u->fd = fd;
    u->family = net_family(addr, ipv6);
    u->listens_on_all = address_is_any(addr->ip);
    udp_set_options(fd, u->family);
    batch_init(&u->in);
    batch_init(&u->out);
    u->readable = event_new(host_base(host), fd, EV_READ | EV_PERSIST, udp_on_readable, u);
    if (!u->readable || event_add(u->readable, NULL) != 0) {
        error_set(error, "cannot watch the datagram socket: out of memory");
        udp_free(u);
        return NULL;
    }
    host_set_transport(
        host, GOSSIP_DATAGRAM,
        &(struct host_transport){
            .drain = udp_on_drain, .send = udp_on_packet, .flush = udp_on_flush, .arg = u});
    return u;
}

void udp_free(struct udp *u)
{
    if (!u)
        return;
    host_set_transport(u->host, GOSSIP_DATAGRAM, NULL);
    if (u->readable)
        event_free(u->readable);
    close(u->fd);
    free(u);
}

/* The address of ours that it came to; zero where the kernel does not say. */
static void udp_read_local(struct msghdr *header, uint8_t local[ADDRESS_IP_BYTES])
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            address_from_ipv4(&info.ipi_spec_dst, local);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            memcpy(local, &info.ipi6_addr, ADDRESS_IP_BYTES);
        }
    }
}

static void udp_prepare(struct udp *u)
{
    for (int i = 0; i < UDP_BATCH; i++) {
        struct msghdr *header = &u->in.headers[i].msg_hdr;
        header->msg_namelen = sizeof u->in.addrs[i];
        header->msg_control = u->listens_on_all ? u->in.control[i] : NULL;
        header->msg_controllen = u->listens_on_all ? sizeof u->in.control[i] : 0;
    }
}

static void udp_receive(struct udp *u, int count)
{
    for (int i = 0; i < count; i++) {
        struct gossip_route from = {.via = GOSSIP_DATAGRAM};
        if (u->listens_on_all)
            udp_read_local(&u->in.headers[i].msg_hdr, from.local);
        if (address_from_socket(&u->in.addrs[i], from.addr.ip, &from.addr.port))
            gossip_receive(host_core(u->host), host_now_us(), &from, u->in.bytes[i],
                           u->in.headers[i].msg_len);
    }
}

void udp_drain(struct udp *u)
{
    for (int batch = 0; batch < DRAIN_BATCHES_MAX; batch++) {
        udp_prepare(u);
        int count = recvmmsg(u->fd, u->in.headers, UDP_BATCH, MSG_DONTWAIT, NULL);
        if (count > 0)
            udp_receive(u, count);
        if (count < UDP_BATCH)
            return;
    }
}

static void udp_write_local(struct udp *u, struct msghdr *header, const uint8_t *source)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(header);
    struct in_pktinfo info = {.ipi_ifindex = 0};
    struct in6_pktinfo info6 = {.ipi6_ifindex = 0};
    if (u->family == AF_INET6) {
        memcpy(&info6.ipi6_addr, source, sizeof info6.ipi6_addr);
        *c = (struct cmsghdr){CMSG_LEN(sizeof info6), IPPROTO_IPV6, IPV6_PKTINFO};
        memcpy(CMSG_DATA(c), &info6, sizeof info6);
        header->msg_controllen = CMSG_SPACE(sizeof info6);
    } else {
        memcpy(&info.ipi_spec_dst, source + ADDRESS_IPV4_AT, sizeof info.ipi_spec_dst);
        *c = (struct cmsghdr){CMSG_LEN(sizeof info), IPPROTO_IP, IP_PKTINFO};
        memcpy(CMSG_DATA(c), &info, sizeof info);
        header->msg_controllen = CMSG_SPACE(sizeof info);
    }
}

/* What firewalls and the other member expect: an answer from the address that was asked, anything
 * else from the address that we publish. */
static void udp_choose_source(struct udp *u, unsigned at, const struct gossip_route *to)
{
    struct msghdr *header = &u->out.headers[at].msg_hdr;
    const uint8_t *source = address_is_any(to->local) ? u->source : to->local;
    header->msg_control = NULL;
    header->msg_controllen = 0;
    if (!u->listens_on_all || !net_source_suits(source, &to->addr))
        return;
    header->msg_control = u->out.control[at];
    header->msg_controllen = sizeof u->out.control[at];
    udp_write_local(u, header, source);
}

void udp_set_source(struct udp *u, const uint8_t ip[ADDRESS_IP_BYTES])
{
    memcpy(u->source, ip, sizeof u->source);
}

void udp_send(struct udp *u, const struct gossip_packet *packet)
{
    if (u->out_count == UDP_BATCH)
        udp_flush(u);
    unsigned at = u->out_count;
    struct mmsghdr *header = &u->out.headers[at];
    header->msg_hdr.msg_namelen = address_to_socket(packet->route.addr.ip, packet->route.addr.port,
                                                    u->family, &u->out.addrs[at]);
    /* An IPv6 member seen from an IPv4-only agent is out of reach, like one behind a cut. */
    if (header->msg_hdr.msg_namelen == 0)
        return;
    udp_choose_source(u, at, &packet->route);
    assert(packet->len <= GOSSIP_PACKET_BYTES_MAX);
    memcpy(u->out.bytes[at], packet->bytes, packet->len);
    u->out.vectors[at].iov_len = packet->len;
    u->out_count++;
}

/* A datagram that cannot be sent (no route, full buffer) is lost, as it might be on the way; those
 * behind it still go. */
void udp_flush(struct udp *u)
{
    for (unsigned sent = 0; sent < u->out_count;) {
        int count = sendmmsg(u->fd, u->out.headers + sent, u->out_count - sent, MSG_DONTWAIT);
        if (count < 0 && errno == EINTR)
            continue;
        sent += count > 0 ? (unsigned)count : 1;
    }
    u->out_count = 0;
}
