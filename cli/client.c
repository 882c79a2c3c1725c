#include "cli/client.h"

#include "agent/rpc/fields.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES 65536
#define PROTOCOL_VERSION 1
#define UNSUPPORTED "Unsupported command" /* Serf's text: not a no, another version */

int64_t client_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Functions below that return a bool: false with status and error set. */

static bool client_fail(struct client *c, enum client_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool client_fail(struct client *c, enum client_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(c->error, sizeof c->error, format, arguments);
    va_end(arguments);
    c->status = status;
    return false;
}

static bool ended(const struct client *c)
{
    return c->status != CLIENT_OK;
}

static const char *hint(int error)
{
    switch (error) {
    case ENOENT:
    case ECONNREFUSED:
        return "start musterd, or name its run directory with -r";
    case EACCES:
    case EPERM:
        return "ask as root or as a member of the socket's group";
    case ENOTSOCK:
    case EPROTOTYPE:
        return "-s takes the path of a musterd's control.sock";
    default:
        return "is musterd well?";
    }
}

static bool unreachable(struct client *c, int error)
{
    c->absent = error == ENOENT || error == ECONNREFUSED;
    return client_fail(c, CLIENT_LOST, "%s: %s (%s)", c->path, strerror(error), hint(error));
}

static bool closed(struct client *c)
{
    c->absent = true;
    return client_fail(c, CLIENT_LOST, "%s: musterd closed the connection (its log says why)",
                       c->path);
}

static bool malformed(struct client *c, const char *wrong)
{
    return client_fail(c, CLIENT_LOST,
                       "%s: an answer that is not of the control protocol: %s (is it a musterd's "
                       "control.sock, of this version?)",
                       c->path, wrong);
}

enum client_status client_malformed(struct client *c, const char *wrong)
{
    malformed(c, wrong);
    return c->status;
}

/* How long to wait now; -1 for ever. */
static int wait_ms(const struct client *c, bool patient)
{
    int64_t wait = patient ? INT64_MAX : c->silence_ms;
    if (c->deadline_ms != CLIENT_NO_DEADLINE) {
        int64_t left = c->deadline_ms - client_now_ms();
        if (left < wait)
            wait = left < 0 ? 0 : left;
    }
    if (wait == INT64_MAX)
        return -1;
    return wait > INT32_MAX ? INT32_MAX : (int)wait;
}

static bool waited(struct client *c)
{
    if (client_now_ms() >= c->deadline_ms)
        return client_fail(c, CLIENT_TIMED_OUT, "timed out");
    return client_fail(c, CLIENT_LOST,
                       "%s: no answer for %d ms (is musterd stopped or overloaded?)", c->path,
                       c->silence_ms);
}

static bool wait_readable(struct client *c, bool patient)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = c->fd, .events = POLLIN},
                               {.fd = patient ? c->output_fd : -1}};
        int ready = poll(fds, 2, wait_ms(c, patient));
        if (ready < 0 && errno != EINTR)
            return unreachable(c, errno);
        if (ready == 0 && (!patient || client_now_ms() >= c->deadline_ms))
            return waited(c);
        if (ready > 0 && fds[1].revents)
            return client_fail(c, CLIENT_UNREAD, "nobody reads the output");
        if (ready > 0)
            return true;
    }
}

static bool client_fill(struct client *c, bool patient)
{
    if (!msgpack_unpacker_reserve_buffer(c->unpacker, READ_BYTES))
        return unreachable(c, ENOMEM);
    for (;;) {
        if (!wait_readable(c, patient))
            return false;
        ssize_t got = recv(c->fd, msgpack_unpacker_buffer(c->unpacker),
                           msgpack_unpacker_buffer_capacity(c->unpacker), MSG_DONTWAIT);
        if (got > 0) {
            msgpack_unpacker_buffer_consumed(c->unpacker, (size_t)got);
            return true;
        }
        if (got == 0 || errno == ECONNRESET)
            return closed(c);
        if (errno != EAGAIN && errno != EINTR)
            return unreachable(c, errno);
    }
}

/* The next object. patient: nothing is owed, so silence is no fault. */
static bool client_receive(struct client *c, msgpack_unpacked *into, bool patient)
{
    for (;;) {
        msgpack_unpack_return got = msgpack_unpacker_next(c->unpacker, into);
        if (got == MSGPACK_UNPACK_SUCCESS)
            return true;
        if (got != MSGPACK_UNPACK_CONTINUE)
            return malformed(c, "not msgpack, or too large or too deeply nested");
        if (msgpack_unpacker_message_size(c->unpacker) > CLIENT_OBJECT_BYTES_MAX)
            return client_fail(c, CLIENT_LOST, "%s: an answer of more than %d MiB was refused",
                               c->path, CLIENT_OBJECT_BYTES_MAX >> 20);
        if (!client_fill(c, patient))
            return false;
    }
}

struct header {
    const char *error;
    uint64_t seq;
};

static bool receive_header(struct client *c, struct header *header, bool patient)
{
    static const struct fields_entry entries[] = {
        {.name = "Error", .kind = FIELDS_TEXT, .offset = offsetof(struct header, error)},
        {.name = "Seq", .kind = FIELDS_UNSIGNED, .offset = offsetof(struct header, seq)},
    };
    static const struct fields fields = FIELDS(entries);
    if (!client_receive(c, &c->header, patient))
        return false;
    const char *wrong = fields_read(&c->header.data, &fields, c->header.zone, header);
    return !wrong || malformed(c, wrong);
}

static bool receive_body(struct client *c)
{
    return client_receive(c, &c->body, false);
}

static bool receive_answer(struct client *c, bool has_body)
{
    struct header header = {0};
    for (;;) {
        if (!receive_header(c, &header, false))
            return false;
        if (header.seq == c->seq)
            break;
        if (c->stream_seq == 0 || header.seq != c->stream_seq)
            return malformed(c, "the Seq of no request");
        if (!receive_body(c))
            return false;
    }
    if (strcmp(header.error, UNSUPPORTED) == 0)
        return client_fail(c, CLIENT_LOST, "%s: %s (is that musterd of another version?)", c->path,
                           header.error);
    if (*header.error)
        return client_fail(c, CLIENT_REFUSED, "%s", header.error);
    return !has_body || receive_body(c);
}

static bool send_request(struct client *c)
{
    const msgpack_sbuffer *bytes = &c->request.bytes;
    if (c->request.failed)
        return unreachable(c, ENOMEM);
    for (size_t sent = 0; sent < bytes->size;) {
        ssize_t n = send(c->fd, bytes->data + sent, bytes->size - sent, MSG_NOSIGNAL);
        if (n >= 0)
            sent += (size_t)n;
        else if (errno == EAGAIN)
            return waited(c);
        else if (errno == EPIPE || errno == ECONNRESET)
            return closed(c);
        else if (errno != EINTR)
            return unreachable(c, errno);
    }
    return true;
}

enum client_status client_call(struct client *c, bool has_body)
{
    if (ended(c))
        return c->status;
    if (send_request(c))
        receive_answer(c, has_body);
    return c->status;
}

void client_send(struct client *c)
{
    if (c->status == CLIENT_OK)
        send_request(c);
}

static bool receive_record(struct client *c)
{
    struct header header = {0};
    if (!receive_header(c, &header, true))
        return false;
    if (header.seq != c->stream_seq)
        return malformed(c, "the Seq of no request");
    if (*header.error)
        return client_fail(c, CLIENT_REFUSED, "%s", header.error);
    return receive_body(c);
}

enum client_status client_record(struct client *c)
{
    assert(c->stream_seq != 0 || ended(c));
    if (ended(c))
        return c->status;
    receive_record(c);
    return c->status;
}

enum client_status client_await_end(struct client *c)
{
    char rest[256]; /* whatever it says at last */
    while (!ended(c) && wait_readable(c, false)) {
        ssize_t got = recv(c->fd, rest, sizeof rest, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno == ECONNRESET))
            break;
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            unreachable(c, errno);
    }
    return c->status;
}

struct rpc_out *client_request(struct client *c, const char *command)
{
    struct rpc_out *out = &c->request;
    rpc_out_reset(out);
    rpc_map_begin(out, NULL);
    rpc_put_text(out, "Command", command);
    rpc_put_unsigned(out, "Seq", ++c->seq);
    rpc_end(out);
    return out;
}

enum client_status client_ask_texts(struct client *c, bool has_body, const char *const *texts)
{
    struct rpc_out *out = client_request(c, *texts++);
    if (*texts) {
        rpc_map_begin(out, NULL);
        for (; *texts; texts += 2)
            rpc_put_text(out, texts[0], texts[1]);
        rpc_end(out);
    }
    return client_call(c, has_body);
}

enum client_status client_stream(struct client *c)
{
    if (client_call(c, false) == CLIENT_OK)
        c->stream_seq = c->seq;
    return c->status;
}

bool client_is_buffered(const struct client *c)
{
    return c->status == CLIENT_OK && c->unpacker->used > c->unpacker->off;
}

enum client_status client_watch(struct client *c, const char *events, uint64_t from)
{
    assert(c->stream_seq == 0);
    struct rpc_out *out = client_request(c, "watch");
    rpc_map_begin(out, NULL);
    rpc_put_text(out, "Type", events);
    rpc_put_unsigned(out, "From", from);
    rpc_end(out);
    return client_stream(c);
}

static bool client_init(struct client *c, const char *path, int64_t deadline_ms)
{
    memset(c, 0, sizeof *c);
    c->fd = -1;
    c->output_fd = -1;
    c->path = path;
    c->deadline_ms = deadline_ms;
    c->silence_ms = CLIENT_SILENCE_MS;
    rpc_out_init(&c->request);
    msgpack_unpacked_init(&c->header);
    msgpack_unpacked_init(&c->body);
    c->unpacker = msgpack_unpacker_new(READ_BYTES);
    return c->unpacker || unreachable(c, ENOMEM);
}

static void shake_hands(struct client *c)
{
    struct rpc_out *out = client_request(c, "handshake");
    rpc_map_begin(out, NULL);
    rpc_put_unsigned(out, "Version", PROTOCOL_VERSION);
    rpc_end(out);
    if (client_call(c, false) == CLIENT_REFUSED)
        c->status = CLIENT_LOST;
}

/* connect and send on a Unix socket wait by SO_SNDTIMEO; 0 would be for ever. */
static void limit_send(struct client *c)
{
    int wait = wait_ms(c, false) + 1;
    struct timeval limit = {.tv_sec = wait / 1000, .tv_usec = wait % 1000 * 1000};
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

static bool client_dial(struct client *c)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert(strlen(c->path) < sizeof address.sun_path);
    memcpy(address.sun_path, c->path, strlen(c->path));

    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return unreachable(c, errno);
    limit_send(c);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) == 0)
        return true;
    return errno == EAGAIN ? waited(c) : unreachable(c, errno);
}

enum client_status client_open(struct client *c, const char *path, int64_t deadline_ms)
{
    if (client_init(c, path, deadline_ms) && client_dial(c))
        shake_hands(c);
    return c->status;
}

void client_close(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    msgpack_unpacked_destroy(&c->header);
    msgpack_unpacked_destroy(&c->body);
    msgpack_unpacker_free(c->unpacker);
    rpc_out_free(&c->request);
}
