#include "agent/control/control.h"

#include "agent/base/log.h"
#include "agent/control/control_client.h"
#include "agent/events/listener.h"

#include <event2/event.h>
#include <event2/util.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REFUSED_SAY_US INT64_C(60000000) /* once a minute, however many come */
#define ZONE_BYTES 2048 /* a usual request; larger ones get more for as long as they last */

/* ---- taking clients on ---- */

static bool is_full(const struct control *c, bool tcp)
{
    return c->clients_count >= CONTROL_CLIENTS_MAX ||
           (tcp && c->tcp_clients_count >= CONTROL_TCP_CLIENTS_MAX);
}

static void control_refuse(struct control *c, int fd)
{
    int64_t now_us = host_now_us();
    evutil_closesocket(fd);
    c->clients_refused++;
    if (c->refused_said_us != 0 && now_us - c->refused_said_us < REFUSED_SAY_US)
        return;
    log_warn("control: %zu clients are connected (at most %d, of these %d on TCP): closed %" PRIu64
             " more",
             c->clients_count, CONTROL_CLIENTS_MAX, CONTROL_TCP_CLIENTS_MAX, c->clients_refused);
    c->clients_refused = 0;
    c->refused_said_us = now_us;
}

/* A client whose host vanishes must not hold its place for ever: keep-alive finds that out. */
static void set_tcp_options(int fd)
{
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void control_on_accept(void *arg, int fd)
{
    const struct control_listener *l = arg;
    if (is_full(l->control, l->tcp)) {
        control_refuse(l->control, fd);
        return;
    }
    if (l->tcp)
        set_tcp_options(fd);
    if (!control_client_new(l->control, fd, l->tcp))
        log_error("control: out of memory, client closed");
}

/* ---- turns ---- */

void control_wake(struct control *c)
{
    event_add(c->wake, &(const struct timeval){0});
}

static void control_on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct control *c = arg;
    (void)fd, (void)what;
    c->next_turn = LIST_FIRST(&c->clients);
    for (struct control_client *client; (client = c->next_turn);) {
        c->next_turn = LIST_NEXT(client, link);
        control_client_work(client);
    }
}

void control_notify(struct control *c)
{
    if (c->streams_count > 0)
        control_wake(c);
}

static void control_on_change(void *arg, const struct journal_entry *entry)
{
    (void)entry;
    control_notify(arg);
}

static void control_on_log(void *arg)
{
    control_notify(arg);
}

/* ---- the server ---- */

/* fd: taken. */
static bool listen_on(struct control *c, struct control_listener *l, int fd, bool tcp)
{
    *l = (struct control_listener){.control = c, .tcp = tcp};
    l->listener = listener_new(host_base(c->parts.host), fd, "control", control_on_accept, l);
    return l->listener != NULL;
}

struct control *control_new(const struct control_parts *parts, int listen_fd, int tcp_fd)
{
    struct control *c = calloc(1, sizeof *c);
    if (!c) {
        close(listen_fd);
        if (tcp_fd >= 0)
            close(tcp_fd);
        return NULL;
    }
    c->parts = *parts;
    c->started_us = host_now_us();
    LIST_INIT(&c->clients);
    rpc_out_init(&c->out);
    c->zone = msgpack_zone_new(ZONE_BYTES);
    c->wake = evtimer_new(host_base(parts->host), control_on_wake, c);
    bool listens = listen_on(c, &c->listeners[0], listen_fd, false);
    listens &= tcp_fd < 0 || listen_on(c, &c->listeners[1], tcp_fd, true);
    log_listen(control_on_log, c);
    host_subscribe(parts->host, HOST_CONTROL, control_on_change, c);
    if (listens && c->zone && c->wake)
        return c;
    control_free(c);
    return NULL;
}

void control_free(struct control *c)
{
    if (!c)
        return;
    log_listen(NULL, NULL);
    host_subscribe(c->parts.host, HOST_CONTROL, NULL, NULL);
    for (size_t i = 0; i < sizeof c->listeners / sizeof c->listeners[0]; i++)
        listener_free(c->listeners[i].listener);
    while (!LIST_EMPTY(&c->clients))
        control_client_free(LIST_FIRST(&c->clients));
    if (c->wake)
        event_free(c->wake);
    if (c->zone)
        msgpack_zone_free(c->zone);
    rpc_out_free(&c->out);
    free(c);
}

size_t control_clients(const struct control *c)
{
    return c->clients_count;
}
