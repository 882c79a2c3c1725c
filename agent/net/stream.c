#include "agent/net/stream.h"

#include "agent/base/address.h"
#include "agent/base/error.h"
#include "agent/host.h"
#include "agent/net/net.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HEADER_BYTES = 4,
    FRAME_BYTES_MAX = HEADER_BYTES + GOSSIP_FRAME_BYTES_MAX,
    DRAIN_BYTES_MAX = 4 << 20, /* several times what a tick ever waits for */
};

struct connection {
    struct stream *stream;
    struct bufferevent *io;
    uint32_t id; /* never 0, not reused soon */
    struct gossip_addr addr;
    bool outgoing; /* frames to this address may share it */
    struct connection *next;
};

struct stream {
    struct host *host;
    int family;
    bool listens_on_all;
    uint8_t source[ADDRESS_IP_BYTES]; /* we connect from there; all zero: the kernel chooses */
    struct evconnlistener *listener;
    struct event *rest; /* no descriptor was left to accept with */
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
static int stream_take_frame(struct evbuffer *input, uint8_t *into)
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

/* Hands all whole frames to the core. False: one was too long, and the connection is gone. */
static bool connection_receive(struct connection *c)
{
    struct host *host = c->stream->host;
    struct gossip_route from = {.addr = c->addr, .via = GOSSIP_STREAM, .conn = c->id};
    uint8_t frame[GOSSIP_FRAME_BYTES_MAX];
    int len;
    while ((len = stream_take_frame(bufferevent_get_input(c->io), frame)) > 0)
        gossip_receive(host_core(host), host_now_us(), &from, frame, (size_t)len);
    if (len < 0)
        connection_free(c);
    return len >= 0;
}

static void connection_on_read(struct bufferevent *io, void *arg)
{
    (void)io;
    connection_receive(arg);
}

/* End, error, timeout: a connection has no other events. */
static void connection_on_event(struct bufferevent *io, short what, void *arg)
{
    (void)io, (void)what;
    connection_free(arg);
}

/* The descriptor is taken. NULL: no room, or no memory. */
static struct connection *connection_new(struct stream *s, int fd, const struct gossip_addr *addr,
                                         bool outgoing)
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
    *c = (struct connection){.stream = s,
                             .io = io,
                             .id = s->last_id,
                             .addr = *addr,
                             .outgoing = outgoing,
                             .next = s->connections};
    s->connections = c;
    s->count++;
    /* A frame waits for no other: pings and leases have little time. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct timeval idle = {.tv_sec = STREAM_IDLE_S};
    bufferevent_setcb(io, connection_on_read, NULL, connection_on_event, c);
    bufferevent_setwatermark(io, EV_READ, 0, FRAME_BYTES_MAX);
    bufferevent_set_timeouts(io, &idle, &idle);
    bufferevent_enable(io, EV_READ | EV_WRITE);
    return c;
}

static bool stream_has_room_for(const struct stream *s, const struct gossip_addr *addr)
{
    unsigned incoming = 0, of_one = 0;
    for (const struct connection *c = s->connections; c; c = c->next) {
        incoming += !c->outgoing;
        of_one += !c->outgoing && memcmp(c->addr.ip, addr->ip, sizeof addr->ip) == 0;
    }
    return incoming < STREAM_INCOMING_MAX && of_one < STREAM_INCOMING_OF_ONE_MAX;
}

/* The descriptor is taken. */
static void stream_accepted(struct stream *s, int fd, const struct sockaddr_storage *from)
{
    struct gossip_addr addr;
    if (address_from_socket(from, addr.ip, &addr.port) && stream_has_room_for(s, &addr))
        connection_new(s, fd, &addr, false);
    else
        close(fd);
}

static void stream_on_accept(struct evconnlistener *listener, evutil_socket_t fd,
                             struct sockaddr *sa, int len, void *arg)
{
    struct sockaddr_storage from = {0};
    (void)listener;
    memcpy(&from, sa, (size_t)len);
    stream_accepted(arg, fd, &from);
}

/* Without a rest the loop would spin: the connection that cannot be accepted stays readable. */
static void stream_on_accept_error(struct evconnlistener *listener, void *arg)
{
    struct stream *s = arg;
    evconnlistener_disable(listener);
    event_add(s->rest, &(struct timeval){.tv_usec = STREAM_REST_MS * 1000});
}

static void stream_on_rest(evutil_socket_t fd, short what, void *arg)
{
    struct stream *s = arg;
    (void)fd, (void)what;
    evconnlistener_enable(s->listener);
}

/* Reads what waits on a connection, behind the back of its bufferevent, and hands it on. The end of
 * the connection is left to the loop. */
static void connection_drain(struct connection *c, size_t *budget)
{
    struct evbuffer *input = bufferevent_get_input(c->io);
    uint8_t bytes[FRAME_BYTES_MAX];
    ssize_t len = 1;
    while (len > 0 && *budget >= sizeof bytes) {
        size_t room = sizeof bytes - evbuffer_get_length(input); /* a part of one frame is in it */
        len = recv(bufferevent_getfd(c->io), bytes, room, MSG_DONTWAIT);
        if (len <= 0)
            return;
        *budget -= (size_t)len;
        evbuffer_unfreeze(input, 0);
        evbuffer_add(input, bytes, (size_t)len);
        evbuffer_freeze(input, 0);
        if (!connection_receive(c))
            return;
    }
}

static void stream_accept_all(struct stream *s)
{
    for (int i = 0; i < STREAM_INCOMING_MAX; i++) {
        struct sockaddr_storage from = {0};
        socklen_t len = sizeof from;
        int fd = accept4(evconnlistener_get_fd(s->listener), (struct sockaddr *)&from, &len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        stream_accepted(s, fd, &from);
    }
}

void stream_drain(struct stream *s)
{
    size_t budget = DRAIN_BYTES_MAX;
    stream_accept_all(s);
    for (struct connection *c = s->connections, *next; c; c = next) {
        next = c->next;
        connection_drain(c, &budget);
    }
}

static void stream_on_drain(void *arg)
{
    stream_drain(arg);
}

static void stream_on_packet(void *arg, const struct gossip_packet *packet)
{
    stream_send(arg, packet);
}

struct stream *stream_new(struct host *host, const struct gossip_addr *addr, bool ipv6, char *error)
{
    int fd = net_bind(addr, SOCK_STREAM, ipv6, error);
    if (fd < 0)
        return NULL;
    struct stream *s = calloc(1, sizeof *s);
    if (!s) {
        close(fd);
        error_set(error, "out of memory");
        return NULL;
    }
    s->host = host;
    memcpy(s->source, addr->ip, sizeof s->source);
    s->listens_on_all = address_is_any(addr->ip);
    s->family = net_family(addr, ipv6);
    s->listener = evconnlistener_new(host_base(host), stream_on_accept, s,
                                     LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    s->rest = evtimer_new(host_base(host), stream_on_rest, s);
    if (!s->listener)
        close(fd);
    if (!s->listener || !s->rest) {
        error_set(error, "cannot listen for streams: out of memory");
        stream_free(s);
        return NULL;
    }
    evconnlistener_set_error_cb(s->listener, stream_on_accept_error);
    host_set_transport(
        host, GOSSIP_STREAM,
        &(struct host_transport){.drain = stream_on_drain, .send = stream_on_packet, .arg = s});
    return s;
}

void stream_free(struct stream *s)
{
    if (!s)
        return;
    host_set_transport(s->host, GOSSIP_STREAM, NULL);
    while (s->connections)
        connection_free(s->connections);
    if (s->listener)
        evconnlistener_free(s->listener);
    if (s->rest)
        event_free(s->rest);
    free(s);
}

void stream_set_source(struct stream *s, const uint8_t ip[ADDRESS_IP_BYTES])
{
    if (!s->listens_on_all || memcmp(s->source, ip, sizeof s->source) == 0)
        return;
    memcpy(s->source, ip, sizeof s->source);
    for (struct connection *c = s->connections, *next; c; c = next) {
        next = c->next;
        if (c->outgoing)
            connection_free(c);
    }
}

/* From the address that others know: firewalls and their owners expect us there. */
static bool stream_bind_source(const struct stream *s, int fd, const struct gossip_addr *to)
{
    int on = 1;
    if (!net_source_suits(s->source, to))
        return s->listens_on_all;
    struct sockaddr_storage sa;
    socklen_t len = address_to_socket(s->source, 0, s->family, &sa);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    return bind(fd, (struct sockaddr *)&sa, len) == 0;
}

/* The connection is still being made when this returns; what is written waits for it. */
static struct connection *connection_open(struct stream *s, const struct gossip_addr *addr)
{
    struct sockaddr_storage sa;
    socklen_t len = address_to_socket(addr->ip, addr->port, s->family, &sa);
    int fd = len ? socket(s->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
    if (fd < 0)
        return NULL;
    net_limit_segments(fd);
    if (!stream_bind_source(s, fd, addr) ||
        (connect(fd, (struct sockaddr *)&sa, len) != 0 && errno != EINPROGRESS)) {
        close(fd);
        return NULL;
    }
    return connection_new(s, fd, addr, true);
}

static struct connection *connection_find(struct stream *s, const struct gossip_route *route)
{
    for (struct connection *c = s->connections; c; c = c->next) {
        bool same = c->addr.port == route->addr.port &&
                    memcmp(c->addr.ip, route->addr.ip, sizeof c->addr.ip) == 0;
        if (route->conn ? c->id == route->conn : c->outgoing && same)
            return c;
    }
    return NULL;
}

void stream_send(struct stream *s, const struct gossip_packet *packet)
{
    struct connection *c = connection_find(s, &packet->route);
    if (!c && packet->route.conn == 0)
        c = connection_open(s, &packet->route.addr);
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
