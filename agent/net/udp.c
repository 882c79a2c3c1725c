#include "agent/net/udp.h"

#include "agent/base/address.h"
#include "agent/base/error.h"
#include "agent/host.h"
#include "agent/net/net.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
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
};

struct udp {
    struct host *host;
    int fd, family;
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
    u->family = ipv6 || !address_is_ipv4(addr->ip) ? AF_INET6 : AF_INET;
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

static void udp_receive(struct udp *u, int count)
{
    for (int i = 0; i < count; i++) {
        struct gossip_route from = {.via = GOSSIP_DATAGRAM};
        if (address_from_socket(&u->in.addrs[i], from.addr.ip, &from.addr.port))
            gossip_receive(host_core(u->host), host_now_us(), &from, u->in.bytes[i],
                           u->in.headers[i].msg_len);
        u->in.headers[i].msg_hdr.msg_namelen = sizeof u->in.addrs[i];
    }
}

void udp_drain(struct udp *u)
{
    for (int batch = 0; batch < DRAIN_BATCHES_MAX; batch++) {
        int count = recvmmsg(u->fd, u->in.headers, UDP_BATCH, MSG_DONTWAIT, NULL);
        if (count > 0)
            udp_receive(u, count);
        if (count < UDP_BATCH)
            return;
    }
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
