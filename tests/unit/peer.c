#include "tests/unit/peer.h"

#include "agent/control/control.h"
#include "tests/unit/fake_core.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES 65536
#define PRINTED_BYTES (1 << 21) /* 3000 members */
#define DEADLINE_S 20
#define STILL_ROUNDS 20 /* of the loop, without anything moving, are a standstill */

static char dir[64];
static struct sockaddr_un unix_address;
static struct sockaddr_in tcp_address;

static int listen_at(int family, void *address, socklen_t bytes)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, address, bytes), 0);
    ck_assert_int_eq(getsockname(fd, address, &bytes), 0);
    ck_assert_int_eq(listen(fd, SOMAXCONN), 0);
    return fd;
}

void peer_server_start(void)
{
    signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_LEVEL_ERROR);
    fake_core_start();
    strcpy(dir, "/tmp/muster-control.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    unix_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(unix_address.sun_path, sizeof unix_address.sun_path, "%s/control.sock", dir);
    int fd = listen_at(AF_UNIX, &unix_address, sizeof unix_address);
    tcp_address = (struct sockaddr_in){.sin_family = AF_INET};
    tcp_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int tcp_fd = listen_at(AF_INET, &tcp_address, sizeof tcp_address);
    fake.control = control_new(&fake.parts, fd, tcp_fd);
    ck_assert_ptr_nonnull(fake.control);
}

void peer_server_stop(void)
{
    control_free(fake.control);
    fake.control = NULL;
    fake_core_stop();
    unlink(unix_address.sun_path);
    rmdir(dir);
}

void peer_turn(void)
{
    for (int round = 0; round < 5; round++)
        if (event_base_loop(fake.base, EVLOOP_NONBLOCK) < 0)
            ck_abort_msg("event_base_loop");
}

static void connect_to(struct peer *p, const struct sockaddr *address, socklen_t bytes)
{
    p->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_msg(connect(p->fd, address, bytes) == 0, "connect: %s", strerror(errno));
    ck_assert(msgpack_unpacker_init(&p->in, READ_BYTES));
}

void peer_open(struct peer *p)
{
    connect_to(p, (struct sockaddr *)&unix_address, sizeof unix_address);
}

void peer_open_tcp(struct peer *p)
{
    int on = 1;
    connect_to(p, (struct sockaddr *)&tcp_address, sizeof tcp_address);
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void peer_open_greeted(struct peer *p)
{
    peer_open(p);
    peer_ask(p, 0, "handshake");
    peer_say(p, "m1 si", "Version", 1);
    peer_expect_answer(p, 0, "");
}

void peer_close(struct peer *p)
{
    close(p->fd);
    msgpack_unpacker_destroy(&p->in);
    peer_turn();
}

size_t peer_send(struct peer *p, const void *bytes, size_t len)
{
    size_t sent = 0;
    for (int round = 0; sent < len && round < STILL_ROUNDS; round++) {
        ssize_t n = send(p->fd, (const char *)bytes + sent, len - sent, MSG_DONTWAIT);
        if (n > 0) {
            sent += (size_t)n;
            round = 0;
        }
        peer_turn();
    }
    return sent;
}

static void pack_text(msgpack_packer *pack, const char *text, bool bin)
{
    if (bin)
        msgpack_pack_bin_with_body(pack, text, strlen(text));
    else
        msgpack_pack_str_with_body(pack, text, strlen(text));
}

static void pack(msgpack_packer *packer, const char *objects, va_list arguments)
{
    for (const char *o = objects; *o; o++) {
        switch (*o) {
        case 'm':
            msgpack_pack_map(packer, (size_t)(*++o - '0'));
            break;
        case 'a':
            msgpack_pack_array(packer, (size_t)(*++o - '0'));
            break;
        case 's':
        case 'b':
            pack_text(packer, va_arg(arguments, const char *), *o == 'b');
            break;
        case 'i':
            msgpack_pack_int(packer, va_arg(arguments, int));
            break;
        case 't':
            msgpack_pack_true(packer);
            break;
        case 'f':
            msgpack_pack_false(packer);
            break;
        case 'n':
            msgpack_pack_nil(packer);
            break;
        default:
            ck_assert(*o == ' ');
        }
    }
}

void peer_say(struct peer *p, const char *objects, ...)
{
    msgpack_sbuffer bytes;
    msgpack_packer packer;
    va_list arguments;
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&packer, &bytes, msgpack_sbuffer_write);
    va_start(arguments, objects);
    pack(&packer, objects, arguments);
    va_end(arguments);
    ck_assert_uint_eq(peer_send(p, bytes.data, bytes.size), bytes.size);
    msgpack_sbuffer_destroy(&bytes);
}

void peer_ask(struct peer *p, int seq, const char *command)
{
    peer_say(p, "m2 ss si", "Command", command, "Seq", seq);
}

/* Reads what has come, turning the loop. False: the end. */
static bool fill(struct peer *p)
{
    ck_assert(msgpack_unpacker_reserve_buffer(&p->in, READ_BYTES));
    for (time_t deadline = time(NULL) + DEADLINE_S; time(NULL) < deadline;) {
        ssize_t n = recv(p->fd, msgpack_unpacker_buffer(&p->in), READ_BYTES, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return false;
        if (n > 0) {
            msgpack_unpacker_buffer_consumed(&p->in, (size_t)n);
            return true;
        }
        peer_turn();
    }
    ck_abort_msg("an answer was expected, and none comes");
}

const char *peer_next(struct peer *p)
{
    static char printed[PRINTED_BYTES];
    msgpack_unpacked object;
    msgpack_unpacked_init(&object);
    for (;;) {
        msgpack_unpack_return got = msgpack_unpacker_next(&p->in, &object);
        ck_assert(got == MSGPACK_UNPACK_SUCCESS || got == MSGPACK_UNPACK_CONTINUE);
        if (got == MSGPACK_UNPACK_SUCCESS)
            break;
        if (!fill(p))
            return NULL;
    }
    msgpack_object_print_buffer(printed, sizeof printed, object.data);
    msgpack_unpacked_destroy(&object);
    return printed;
}

void peer_expect(struct peer *p, const char *printed)
{
    const char *next = peer_next(p);
    ck_assert_ptr_nonnull(next);
    ck_assert_str_eq(next, printed);
}

void peer_expect_start(struct peer *p, const char *printed)
{
    const char *next = peer_next(p);
    ck_assert_ptr_nonnull(next);
    ck_assert_msg(strncmp(next, printed, strlen(printed)) == 0, "%s, expected %s...", next,
                  printed);
}

void peer_expect_answer(struct peer *p, int seq, const char *error)
{
    char header[1024];
    snprintf(header, sizeof header, "{\"Error\"=>\"%s\", \"Seq\"=>%d}", error, seq);
    peer_expect(p, header);
}

void peer_expect_silence(struct peer *p)
{
    char byte;
    peer_turn();
    ck_assert_uint_eq(msgpack_unpacker_message_size(&p->in), 0);
    ck_assert_int_eq(recv(p->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK), -1);
    ck_assert_int_eq(errno, EAGAIN);
}

void peer_expect_end(struct peer *p)
{
    const char *next = peer_next(p);
    ck_assert_msg(!next, "the end was expected, and not %s", next);
}
