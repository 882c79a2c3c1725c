/* The control server against one client that says anything. The first byte of the input says how,
 * the rest is what the client sends. */
#include "agent/base/log.h"
#include "agent/control/control_client.h"
#include "tests/unit/fake_core.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    TCP = 1,     /* must authenticate */
    PIECES = 2,  /* what it sends comes in small pieces, and turns are short */
    CHANGES = 4, /* members change, and lines are logged, meanwhile */
    DEAF = 8,    /* it reads nothing before the end */
};

#define ANSWER_BYTES_MAX 65536 /* far more than the largest answer of this small view */
#define READ_BYTES 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "broken: %s (line %d)\n", #condition, __LINE__);                       \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* ---- one run ---- */

struct run {
    int fd;              /* the client's end; -1: it has seen the end */
    struct evbuffer *in; /* what it was told */
};

static void start(struct run *r, unsigned how)
{
    static char key[] = "secret";
    struct sockaddr_un any = {.sun_family = AF_UNIX};
    int pair[2], listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    fake_core_start();
    fake_member_add("db1", GOSSIP_FAILED, "role\0db", sizeof "role\0db");
    fake.config.rpc_auth = how & TCP ? key : NULL;
    fake.step_us = how & PIECES ? 700 : 0;
    REQUIRE(bind(listen_fd, (struct sockaddr *)&any, sizeof any.sun_family) == 0);
    REQUIRE(listen(listen_fd, 1) == 0);
    fake.control = control_new(&fake.parts, listen_fd, -1);
    REQUIRE(fake.control);
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    REQUIRE(control_client_new(fake.control, pair[0], how & TCP));
    r->fd = pair[1];
    r->in = evbuffer_new();
    REQUIRE(r->in);
}

static void stop(struct run *r)
{
    if (r->fd >= 0)
        close(r->fd);
    evbuffer_free(r->in);
    control_free(fake.control);
    fake_core_stop();
}

/* What is kept for a client is bounded, whatever it says. */
static void check_bounds(void)
{
    const struct control *control = fake.control;
    const struct control_client *c = LIST_FIRST(&control->clients);
    if (!c)
        return;
    REQUIRE(c->streams_count <= CONTROL_STREAMS_MAX && c->pending_count <= CONTROL_PENDING_MAX);
    REQUIRE(control->streams_count == c->streams_count);
    REQUIRE(evbuffer_get_length(bufferevent_get_input(c->bev)) <= CONTROL_OBJECT_BYTES_MAX);
    REQUIRE(evbuffer_get_length(bufferevent_get_output(c->bev)) <=
            CONTROL_PENDING_BYTES_MAX + ANSWER_BYTES_MAX);
    REQUIRE(!c->ending || c->streams_count == 0);
}

/* True if anything moved. */
static bool turn(struct run *r, bool reads)
{
    static char bytes[READ_BYTES];
    REQUIRE(event_base_loop(fake.base, EVLOOP_NONBLOCK) >= 0);
    check_bounds();
    if (!reads || r->fd < 0)
        return false;
    ssize_t n = recv(r->fd, bytes, sizeof bytes, 0);
    if (n > 0)
        REQUIRE(evbuffer_add(r->in, bytes, (size_t)n) == 0);
    return n > 0;
}

static void drain(struct run *r)
{
    for (int still = 0; still < 4;)
        still = turn(r, true) ? 0 : still + 1;
}

static void send_all(struct run *r, unsigned how, const uint8_t *data, size_t size)
{
    size_t piece = how & PIECES ? 1 + size / 200 : size;
    for (size_t sent = 0; sent < size;) {
        size_t len = size - sent < piece ? size - sent : piece;
        ssize_t n = send(r->fd, data + sent, len, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        bool moved = turn(r, !(how & DEAF));
        if (how & CHANGES) {
            size_t cursor = sent & 1;
            struct gossip_member member;
            gossip_next_member(host_view(fake.host), &cursor, &member);
            fake_change(&member, (enum event_kind)(sent % EVENT_KINDS_COUNT));
            log_debug("%zu sent", sent);
        }
        if (n <= 0 && !moved)
            return; /* it does not read, and so is not read from; or it was told the end */
    }
}

/* Once it ends its side, all is answered, and then it is closed. */
static void end(struct run *r)
{
    shutdown(r->fd, SHUT_WR);
    drain(r);
    for (size_t i = 0; i < fake.joins_count; i++)
        if (fake.joins[i].done)
            fake_join_end(i, i % 2, "no answer");
    drain(r);
    REQUIRE(control_clients(fake.control) == 0);
    REQUIRE(fake.control->streams_count == 0);
}

/* ---- what it was told ---- */

static bool is_text(const msgpack_object *object, const char *text)
{
    return object->type == MSGPACK_OBJECT_STR && object->via.str.size == strlen(text) &&
           memcmp(object->via.str.ptr, text, strlen(text)) == 0;
}

static bool is_header(const msgpack_object *object)
{
    if (object->type != MSGPACK_OBJECT_MAP || object->via.map.size != 2)
        return false;
    const msgpack_object_kv *error = &object->via.map.ptr[0], *seq = &object->via.map.ptr[1];
    return is_text(&error->key, "Error") && error->val.type == MSGPACK_OBJECT_STR &&
           is_text(&seq->key, "Seq") && seq->val.type == MSGPACK_OBJECT_POSITIVE_INTEGER;
}

/* Headers, each with a map behind it or none. */
static void check_told(const struct run *r)
{
    size_t len = evbuffer_get_length(r->in), at = 0;
    const char *bytes = (const char *)evbuffer_pullup(r->in, -1);
    msgpack_unpacked object;
    bool after_header = false;
    msgpack_unpacked_init(&object);
    while (at < len) {
        REQUIRE(msgpack_unpack_next(&object, bytes, len, &at) == MSGPACK_UNPACK_SUCCESS);
        bool header = is_header(&object.data);
        REQUIRE(header || (after_header && object.data.type == MSGPACK_OBJECT_MAP));
        after_header = header;
    }
    msgpack_unpacked_destroy(&object);
}

/* Fills `told` (to be freed) with what the client was told. */
static size_t run(unsigned how, const uint8_t *data, size_t size, char **told)
{
    struct run r;
    start(&r, how);
    send_all(&r, how, data, size);
    end(&r);
    check_told(&r);
    size_t len = evbuffer_get_length(r.in);
    *told = malloc(len + 1);
    REQUIRE(*told && evbuffer_copyout(r.in, *told, len) == (ssize_t)len);
    stop(&r);
    return len;
}

static bool holds(const uint8_t *data, size_t size, const char *text)
{
    return memmem(data, size, text, strlen(text)) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *told, *told_in_pieces;
    signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_LEVEL_ERROR);
    if (size < 1)
        return 0;
    unsigned how = *data++ & (TCP | PIECES | CHANGES | DEAF);
    size--;
    size_t len = run(how, data, size, &told);
    /* Answers do not depend on how requests are cut; when records come between them, and how long
     * it has run, does. */
    if (!(how & (PIECES | CHANGES | DEAF)) && !holds(data, size, "stream") &&
        !holds(data, size, "watch") && !holds(data, size, "monitor") &&
        !holds(data, size, "info")) {
        REQUIRE(run(how | PIECES, data, size, &told_in_pieces) == len);
        REQUIRE(memcmp(told, told_in_pieces, len) == 0);
        free(told_in_pieces);
    }
    free(told);
    return 0;
}
