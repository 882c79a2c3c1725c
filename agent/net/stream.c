#include "agent/net/stream.h"

#include "agent/base/address.h"
#include "agent/host.h"
#include "agent/net/net.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEADER_BYTES = 4 };

struct connection {
    struct stream *stream;
    struct bufferevent *io;
    uint32_t id; /* never 0, not reused soon */
    struct gossip_addr addr;
    bool dialled; /* by us: frames to this address may share it */
    struct connection *next;
};

struct stream {
    struct host *host;
    int family;
    struct gossip_addr source; /* what we dial from: the address that others know */
    struct evconnlistener *listener;
    struct connection *connections;
    unsigned count;
    uint32_t last_id;
};

static void connection_free(struct connection *c)
{
    struct connection **link = &c->stream->connections;
    while (*link != c)
        link = &(*link)->next;
    *link = c->next;
    c->stream->count--;
    bufferevent_free(c->io);
    free(c);
}

/* Takes one whole frame out of the input. 0: there is none yet; -1: too long. */
static int take_frame(struct evbuffer *input, uint8_t *into)
{
    uint8_t head[HEADER_BYTES];
    if (evbuffer_copyout(input, head, sizeof head) < HEADER_BYTES)
        return 0;
    uint32_t len =
        (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
    if (len == 0 || len > GOSSIP_FRAME_BYTES_MAX)
        return -1;
    if (evbuffer_get_length(input) < HEADER_BYTES + len)
        return 0;
    evbuffer_drain(input, HEADER_BYTES);
    evbuffer_remove(input, into, len);
    return (int)len;
}

static void on_read(struct bufferevent *io, void *arg)
{
    struct connection *c = arg;
    struct host *host = c->stream->host;
    struct gossip_route from = {c->addr, GOSSIP_STREAM, c->id};
    uint8_t frame[GOSSIP_FRAME_BYTES_MAX];
    int len;
    while ((len = take_frame(bufferevent_get_input(io), frame)) > 0)
        gossip_receive(host_core(host), host_now_us(), &from, frame, (size_t)len);
    if (len < 0)
        connection_free(c);
}

/* End, error, timeout: a connection has no other events. */
static void on_event(struct bufferevent *io, short what, void *arg)
{
    (void)io, (void)what;
    connection_free(arg);
}

/* The descriptor is taken. NULL: no room, or no memory. */
static struct connection *connection_new(struct stream *s, int fd, const struct gossip_addr *addr)
{
    struct connection *c = s->count < STREAM_CONNECTIONS_MAX ? calloc(1, sizeof *c) : NULL;
    struct bufferevent *io =
        c ? bufferevent_socket_new(host_base(s->host), fd, BEV_OPT_CLOSE_ON_FREE) : NULL;
    if (!io) {
        free(c);
        close(fd);
        return NULL;
    }
    if (++s->last_id == 0)
        s->last_id = 1;
    *c = (struct connection){
        .stream = s, .io = io, .id = s->last_id, .addr = *addr, .next = s->connections};
    s->connections = c;
    s->count++;
    struct timeval idle = {.tv_sec = STREAM_IDLE_S};
    bufferevent_setcb(io, on_read, NULL, on_event, c);
    bufferevent_setwatermark(io, EV_READ, 0, HEADER_BYTES + GOSSIP_FRAME_BYTES_MAX);
    bufferevent_set_timeouts(io, &idle, &idle);
    bufferevent_enable(io, EV_READ | EV_WRITE);
    return c;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *sa,
                      int len, void *arg)
{
    struct stream *s = arg;
    struct sockaddr_storage from = {0};
    struct gossip_addr addr;
    (void)listener;
    memcpy(&from, sa, (size_t)len);
    if (!address_from_socket(&from, addr.ip, &addr.port)) {
        close(fd);
        return;
    }
    connection_new(s, fd, &addr);
}

static void send_packet(void *arg, const struct gossip_packet *packet)
{
    stream_send(arg, packet);
}

struct stream *stream_new(struct host *host, const struct gossip_addr *addr, bool ipv6, char *error)
{
    int fd = net_bind(addr, SOCK_STREAM, ipv6, error);
    if (fd < 0)
        return NULL;
    struct stream *s = calloc(1, sizeof *s);
    assert(s);
    s->host = host;
    s->source = *addr;
    s->source.port = 0;
    s->family = ipv6 || !address_is_ipv4(addr->ip) ? AF_INET6 : AF_INET;
    s->listener = evconnlistener_new(host_base(host), on_accept, s,
                                     LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    assert(s->listener);
    host_set_transport(host, GOSSIP_STREAM,
                       &(struct host_transport){.send = send_packet, .arg = s});
    return s;
}

void stream_free(struct stream *s)
{
    if (!s)
        return;
    host_set_transport(s->host, GOSSIP_STREAM, NULL);
    while (s->connections)
        connection_free(s->connections);
    evconnlistener_free(s->listener);
    free(s);
}

/* From our own address where we listen on one: firewalls and their owners expect us there. */
static bool bind_source(const struct stream *s, int fd)
{
    int on = 1;
    if (address_is_any(s->source.ip))
        return true;
    struct sockaddr_storage sa;
    socklen_t len = address_to_socket(s->source.ip, s->source.port, s->family, &sa);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    return bind(fd, (struct sockaddr *)&sa, len) == 0;
}

/* The connection is still being made when this returns; what is written waits for it. */
static struct connection *dial(struct stream *s, const struct gossip_addr *addr)
{
    struct sockaddr_storage sa;
    socklen_t len = address_to_socket(addr->ip, addr->port, s->family, &sa);
    int fd = len ? socket(s->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
    if (fd < 0)
        return NULL;
    if (!bind_source(s, fd) ||
        (connect(fd, (struct sockaddr *)&sa, len) != 0 && errno != EINPROGRESS)) {
        close(fd);
        return NULL;
    }
    struct connection *c = connection_new(s, fd, addr);
    if (c)
        c->dialled = true;
    return c;
}

static struct connection *find(struct stream *s, const struct gossip_route *route)
{
    for (struct connection *c = s->connections; c; c = c->next) {
        bool same = c->addr.port == route->addr.port &&
                    memcmp(c->addr.ip, route->addr.ip, sizeof c->addr.ip) == 0;
        if (route->conn ? c->id == route->conn : c->dialled && same)
            return c;
    }
    return NULL;
}

void stream_send(struct stream *s, const struct gossip_packet *packet)
{
    struct connection *c = find(s, &packet->route);
    if (!c && packet->route.conn == 0)
        c = dial(s, &packet->route.addr);
    if (!c)
        return;
    struct evbuffer *output = bufferevent_get_output(c->io);
    if (evbuffer_get_length(output) > STREAM_PENDING_BYTES_MAX) {
        connection_free(c);
        return;
    }
    uint32_t len = (uint32_t)packet->len;
    uint8_t head[HEADER_BYTES] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                                  (uint8_t)len};
    evbuffer_add(output, head, sizeof head);
    evbuffer_add(output, packet->bytes, packet->len);
}
