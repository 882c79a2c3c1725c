#include "tests/unit/fake_agent.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_BYTES 4096

static _Noreturn void play(struct fake_agent *f)
{
    f->fd = accept(f->listen_fd, NULL, NULL);
    assert(f->fd >= 0);
    f->script(f);
    _exit(0); /* closes */
}

void fake_agent_start(struct fake_agent *f, void (*script)(struct fake_agent *f))
{
    memset(f, 0, sizeof *f);
    f->script = script;
    msgpack_sbuffer_init(&f->out);
    msgpack_packer_init(&f->pack, &f->out, msgpack_sbuffer_write);
    assert(msgpack_unpacker_init(&f->in, READ_BYTES));

    snprintf(f->dir, sizeof f->dir, "/tmp/muster-test.XXXXXX");
    assert(mkdtemp(f->dir));
    f->address.sun_family = AF_UNIX;
    snprintf(f->address.sun_path, sizeof f->address.sun_path, "%s/control.sock", f->dir);
    f->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert(f->listen_fd >= 0);
    assert(bind(f->listen_fd, (struct sockaddr *)&f->address, sizeof f->address) == 0);
    assert(listen(f->listen_fd, 0) == 0);
    if (!script)
        return;
    f->pid = fork();
    assert(f->pid >= 0);
    if (f->pid == 0)
        play(f);
}

void fake_agent_stop(struct fake_agent *f)
{
    int status = 0;
    if (f->script)
        waitpid(f->pid, &status, 0);
    assert(status == 0);
    close(f->listen_fd);
    unlink(f->address.sun_path);
    rmdir(f->dir);
    msgpack_unpacker_destroy(&f->in);
    msgpack_sbuffer_destroy(&f->out);
}

static bool receive(struct fake_agent *f, msgpack_unpacked *into)
{
    while (msgpack_unpacker_next(&f->in, into) != MSGPACK_UNPACK_SUCCESS) {
        assert(msgpack_unpacker_reserve_buffer(&f->in, READ_BYTES));
        ssize_t got = recv(f->fd, msgpack_unpacker_buffer(&f->in), READ_BYTES, 0);
        if (got <= 0)
            return false;
        msgpack_unpacker_buffer_consumed(&f->in, (size_t)got);
    }
    return true;
}

static void must_receive(struct fake_agent *f, msgpack_unpacked *into)
{
    if (receive(f, into))
        return;
    assert(f->may_leave);
    _exit(0);
}

static void expect_printed(const msgpack_object *object, const char *text)
{
    char printed[1024];
    msgpack_object_print_buffer(printed, sizeof printed, *object);
    if (strcmp(printed, text) != 0) {
        fprintf(stderr, "asked %s, expected %s\n", printed, text);
        abort();
    }
}

void fake_agent_expect(struct fake_agent *f, const char *command, const char *body)
{
    msgpack_unpacked request = {0};
    char header[256];
    f->seq++;
    snprintf(header, sizeof header, "{\"Command\"=>\"%s\", \"Seq\"=>%d}", command, (int)f->seq);
    must_receive(f, &request);
    expect_printed(&request.data, header);
    if (body) {
        must_receive(f, &request);
        expect_printed(&request.data, body);
    }
    if (strcmp(command, "watch") == 0)
        f->stream_seq = f->seq;
    msgpack_unpacked_destroy(&request);
}

void fake_agent_expect_end(struct fake_agent *f)
{
    msgpack_unpacked request = {0};
    assert(!receive(f, &request));
    msgpack_unpacked_destroy(&request);
}

void fake_agent_greet(struct fake_agent *f)
{
    fake_agent_expect(f, "handshake", "{\"Version\"=>1}");
    fake_agent_answer(f, "");
}

void fake_agent_answer(struct fake_agent *f, const char *error)
{
    fake_agent_put_header(f, f->seq, error);
    fake_agent_flush(f);
}

void fake_agent_put_map(struct fake_agent *f, size_t count)
{
    msgpack_pack_map(&f->pack, count);
}

void fake_agent_put_text(struct fake_agent *f, const char *text)
{
    msgpack_pack_str_with_body(&f->pack, text, strlen(text));
}

void fake_agent_put_text_pair(struct fake_agent *f, const char *key, const char *value)
{
    fake_agent_put_text(f, key);
    fake_agent_put_text(f, value);
}

void fake_agent_put_unsigned_pair(struct fake_agent *f, const char *key, uint64_t value)
{
    fake_agent_put_text(f, key);
    msgpack_pack_uint64(&f->pack, value);
}

void fake_agent_put_header(struct fake_agent *f, uint64_t seq, const char *error)
{
    fake_agent_put_map(f, 2);
    fake_agent_put_text_pair(f, "Error", error);
    fake_agent_put_unsigned_pair(f, "Seq", seq);
}

static void put_member(struct fake_agent *f, const char *name, const char *status, bool partly)
{
    fake_agent_put_map(f, 9);
    fake_agent_put_text_pair(f, "name", name);
    fake_agent_put_text_pair(f, "id", "9f00");
    fake_agent_put_text_pair(f, "addr", "10.0.0.1");
    fake_agent_put_unsigned_pair(f, "port", 7949);
    fake_agent_put_text_pair(f, "status", status);
    fake_agent_put_text(f, "unreachable");
    (partly ? msgpack_pack_true : msgpack_pack_false)(&f->pack);
    fake_agent_put_unsigned_pair(f, "incarnation", 3);
    fake_agent_put_unsigned_pair(f, "generation", 5);
    fake_agent_put_text(f, "tags");
    fake_agent_put_map(f, 1);
    fake_agent_put_text_pair(f, "role", "db");
}

void fake_agent_put_member(struct fake_agent *f, const char *name, const char *status)
{
    put_member(f, name, status, false);
}

void fake_agent_put_partly(struct fake_agent *f, const char *name, const char *status)
{
    put_member(f, name, status, true);
}

void fake_agent_put_members(struct fake_agent *f, size_t count)
{
    fake_agent_put_header(f, f->seq, "");
    fake_agent_put_map(f, 1);
    fake_agent_put_text(f, "members");
    msgpack_pack_array(&f->pack, count);
}

/* Up to the member itself. */
static void begin_record(struct fake_agent *f, uint64_t seq, const char *event)
{
    char line[64];
    snprintf(line, sizeof line, "{\"seq\":%d}", (int)seq);
    fake_agent_put_header(f, f->stream_seq, "");
    fake_agent_put_map(f, 6);
    fake_agent_put_unsigned_pair(f, "seq", seq);
    fake_agent_put_text_pair(f, "event", event);
    fake_agent_put_text_pair(f, "time", "2026-11-20T12:00:00.123Z");
    fake_agent_put_text_pair(f, "line", line);
    fake_agent_put_text_pair(f, "later", "a field that nobody asks for");
    fake_agent_put_text(f, "member");
}

void fake_agent_put_record(struct fake_agent *f, uint64_t seq, const char *event, const char *name,
                           const char *status)
{
    begin_record(f, seq, event);
    fake_agent_put_member(f, name, status);
}

void fake_agent_put_partly_record(struct fake_agent *f, uint64_t seq, const char *event,
                                  const char *name)
{
    begin_record(f, seq, event);
    fake_agent_put_partly(f, name, "alive");
}

bool fake_agent_send(struct fake_agent *f, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t sent = send(f->fd, at, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += sent;
        len -= (size_t)sent;
    }
    return true;
}

void fake_agent_flush(struct fake_agent *f)
{
    fake_agent_send(f, f->out.data, f->out.size);
    msgpack_sbuffer_clear(&f->out);
}

void fake_agent_flush_slowly(struct fake_agent *f)
{
    for (size_t i = 0; i < f->out.size; i++)
        fake_agent_send(f, f->out.data + i, 1);
    msgpack_sbuffer_clear(&f->out);
}
