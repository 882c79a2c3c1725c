#include "agent/control/control_client.h"

#include "agent/base/log.h"
#include "agent/control/control_command.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TURN_US 2000 /* of one client's requests, before the loop looks at anything else */
#define LINGER_S 1   /* for a client to close, after our side has ended */
#define GREETING_S                                                                                 \
    10 /* for the handshake and `auth` of a new client: silent ones would fill the room */

_Static_assert(CONTROL_DEPTH_MAX == RPC_DEPTH_MAX, "the depth that is promised is the one kept");

static size_t unsent_bytes(const struct control_client *c)
{
    return evbuffer_get_length(bufferevent_get_output(c->bev));
}

bool control_client_has_room(const struct control_client *c)
{
    return unsent_bytes(c) < CONTROL_PENDING_BYTES_MAX;
}

/* ---- the end ---- */

static void leave_if_asked(struct control_client *c)
{
    const struct control_requests *requests = c->control->parts.requests;
    if (!c->leave)
        return;
    c->leave = false;
    requests->leave(c->control->parts.requests_arg);
}

/* Closes it now, whatever waits. */
static void conn_drop(struct control_client *c)
{
    leave_if_asked(c);
    control_client_free(c);
}

/* ---- answers ---- */

/* The client but `c` that has a large answer and has taken nothing for the longest. NULL: there is
 * none. *unread: the bytes of all. */
static struct control_client *most_stalled(const struct control_client *c, size_t *unread)
{
    struct control_client *stalled = NULL, *other;
    *unread = 0;
    LIST_FOREACH (other, &c->control->clients, link) {
        *unread += unsent_bytes(other);
        if (other != c && !control_client_has_room(other) &&
            (!stalled || other->taken_us < stalled->taken_us))
            stalled = other;
    }
    return stalled;
}

/* A client has one large answer at the most, but there may be many clients. */
static void limit_unread(const struct control_client *c)
{
    size_t unread;
    struct control_client *stalled;
    while ((stalled = most_stalled(c, &unread)) && unread > CONTROL_UNREAD_BYTES_MAX) {
        log_warn("control: closed a client that does not read its answer of %zu bytes",
                 unsent_bytes(stalled));
        conn_drop(stalled);
    }
}

static void conn_on_taken(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
    struct control_client *c = arg;
    (void)output;
    if (info->n_deleted > 0)
        c->taken_us = host_now_us();
}

struct rpc_out *control_client_begin(struct control_client *c, uint64_t seq, const char *error)
{
    struct rpc_out *out = &c->control->out;
    rpc_out_reset(out);
    rpc_map_begin(out, NULL);
    rpc_put_text(out, "Error", error);
    rpc_put_unsigned(out, "Seq", seq);
    rpc_end(out);
    return out;
}

static void free_bytes(const void *bytes, size_t len, void *arg)
{
    (void)bytes, (void)len;
    free(arg);
}

/* Hands the bytes over as they are: a copy would be as large again. */
static bool send_large(struct control_client *c, struct rpc_out *out)
{
    size_t len;
    char *bytes = rpc_out_take(out, &len);
    bool sent =
        evbuffer_add_reference(bufferevent_get_output(c->bev), bytes, len, free_bytes, bytes) == 0;
    if (sent)
        limit_unread(c);
    else
        free(bytes);
    return sent;
}

void control_client_send(struct control_client *c)
{
    struct rpc_out *out = &c->control->out;
    bool sent = false;
    if (!out->failed && out->bytes.size > CONTROL_PENDING_BYTES_MAX)
        sent = send_large(c, out);
    else if (!out->failed)
        sent = bufferevent_write(c->bev, out->bytes.data, out->bytes.size) == 0;
    c->unusable |= !sent;
}

/* ---- requests ---- */

/* Ends its streams. Requests that wait are still answered. */
static void conn_end(struct control_client *c)
{
    c->ending = true;
    control_stream_end_all(c);
}

/* The next object cannot be told from the broken one: this answer is the last. */
static void conn_give_up(struct control_client *c, const char *error)
{
    control_command_give_up(c, error);
    conn_end(c);
}

/* The bytes received so far, in one piece. */
static const uint8_t *conn_incoming(const struct control_client *c, size_t *len)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    *len = evbuffer_get_length(in);
    return *len > 0 ? evbuffer_pullup(in, -1) : NULL;
}

/* True if the end of an object was found. */
static bool is_object_there(struct control_client *c, const uint8_t *bytes, size_t len)
{
    static const char *const refusals[] = {
        [RPC_TOO_LARGE] = "object too large",
        [RPC_TOO_DEEP] = "object nested too deeply",
        [RPC_MALFORMED] = CONTROL_MALFORMED,
    };
    enum rpc_scanned scanned = rpc_scan(&c->scan, bytes, len, CONTROL_OBJECT_BYTES_MAX);
    if (scanned != RPC_WHOLE && scanned != RPC_PARTIAL)
        conn_give_up(c, refusals[scanned]);
    return scanned == RPC_WHOLE;
}

/* Takes one object. False: there is no whole one yet. */
static bool conn_take_object(struct control_client *c)
{
    size_t len;
    const uint8_t *bytes = conn_incoming(c, &len);
    msgpack_object object;
    if (len > 0 && !bytes)
        c->unusable = true;
    if (!bytes || !is_object_there(c, bytes, len))
        return false;
    msgpack_zone *zone = c->control->zone;
    if (rpc_unpack(bytes, c->scan.at, zone, &object))
        control_command_take(c, &object);
    else
        c->unusable = true;
    msgpack_zone_clear(zone);
    evbuffer_drain(bufferevent_get_input(c->bev), c->scan.at);
    c->scan = (struct rpc_scan){0};
    return true;
}

/* The client has ended its side: only a part of an object may be left. */
static void conn_end_of_input(struct control_client *c)
{
    size_t len;
    conn_incoming(c, &len);
    if (len > 0 || c->command)
        conn_give_up(c, CONTROL_MALFORMED);
    else
        conn_end(c);
}

static void conn_take_requests(struct control_client *c)
{
    int64_t until_us = host_now_us() + TURN_US;
    while (!c->ending && !c->unusable && control_client_has_room(c)) {
        if (!conn_take_object(c)) {
            if (c->eof && !c->ending)
                conn_end_of_input(c);
            return;
        }
        if (host_now_us() >= until_us) {
            control_wake(c->control);
            return;
        }
    }
}

/* ---- turns ---- */

/* Closing while the client still sends would reset the connection, and its last answer could be
 * lost. So our side ends first, and input is thrown away until the client closes. */
static void conn_shut(struct control_client *c)
{
    static const struct timeval linger = {.tv_sec = LINGER_S};
    if (c->shut)
        return;
    c->shut = true;
    shutdown(bufferevent_getfd(c->bev), SHUT_WR);
    bufferevent_set_timeouts(c->bev, &linger, NULL);
}

static void conn_finish(struct control_client *c)
{
    if (c->unusable) {
        log_error("control: out of memory for an answer, client closed");
        conn_drop(c);
        return;
    }
    if (unsent_bytes(c) > 0)
        return;
    leave_if_asked(c);
    if (!c->ending || c->pending_count > 0)
        return;
    if (c->eof)
        conn_drop(c);
    else
        conn_shut(c);
}

/* Reads from the client only while the client reads its answers. */
static void conn_set_reading(struct control_client *c)
{
    if (c->ending) {
        struct evbuffer *in = bufferevent_get_input(c->bev);
        evbuffer_drain(in, evbuffer_get_length(in));
    }
    if (!c->eof && control_client_has_room(c))
        bufferevent_enable(c->bev, EV_READ);
    else
        bufferevent_disable(c->bev, EV_READ);
}

void control_client_work(struct control_client *c)
{
    conn_take_requests(c);
    control_stream_feed(c);
    control_lock_feed(c);
    conn_set_reading(c);
    conn_finish(c);
}

static void conn_on_ready(struct bufferevent *bev, void *arg)
{
    (void)bev;
    control_client_work(arg);
}

static void conn_on_event(struct bufferevent *bev, short what, void *arg)
{
    struct control_client *c = arg;
    (void)bev;
    if (!(what & BEV_EVENT_EOF)) {
        conn_drop(c);
        return;
    }
    c->eof = true;
    control_client_work(c);
}

/* ---- its life ---- */

bool control_client_new(struct control *control, int fd, bool tcp)
{
    struct control_client *c = calloc(1, sizeof *c);
    struct bufferevent *bev =
        c ? bufferevent_socket_new(host_base(control->parts.host), fd, BEV_OPT_CLOSE_ON_FREE)
          : NULL;
    if (!bev) {
        evutil_closesocket(fd);
        free(c);
        return false;
    }
    c->control = control;
    c->bev = bev;
    c->tcp = tcp;
    LIST_INIT(&c->streams);
    LIST_INIT(&c->pending);
    LIST_INSERT_HEAD(&control->clients, c, link);
    control->clients_count++;
    control->tcp_clients_count += tcp;
    c->taken_us = host_now_us();
    bufferevent_setcb(bev, conn_on_ready, conn_on_ready, conn_on_event, c);
    bufferevent_setwatermark(bev, EV_READ, 0, CONTROL_OBJECT_BYTES_MAX);
    bufferevent_set_timeouts(bev, &(struct timeval){.tv_sec = GREETING_S}, NULL);
    if (evbuffer_add_cb(bufferevent_get_output(bev), conn_on_taken, c) &&
        bufferevent_enable(bev, EV_READ | EV_WRITE) == 0)
        return true;
    control_client_free(c);
    return false;
}

void control_client_welcome(struct control_client *c)
{
    bufferevent_set_timeouts(c->bev, NULL, NULL);
}

void control_client_free(struct control_client *c)
{
    struct control *control = c->control;
    control_stream_end_all(c);
    control_admin_forget_pending(c);
    control_lock_abandon_all(c);
    if (control->next_turn == c)
        control->next_turn = LIST_NEXT(c, link);
    LIST_REMOVE(c, link);
    control->clients_count--;
    control->tcp_clients_count -= c->tcp;
    bufferevent_free(c->bev);
    free(c);
}
