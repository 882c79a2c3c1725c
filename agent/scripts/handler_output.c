#include "agent/scripts/handler_output.h"

#include "agent/base/log.h"
#include "agent/scripts/handlers.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One read of all that a pipe holds, then a pause: a script that floods its output blocks, and
 * the loop does not. The script can still write 6 MB each second. */
#define READ_BYTES 65536
#define PAUSE_MS 10

struct handler_output {
    const char *name;
    int fd;
    struct event *readable, *resume;
    char line[LOG_LINE_BYTES_MAX]; /* the log cuts longer lines anyway */
    size_t line_bytes;
    bool in_line; /* also when its bytes are not kept */
    unsigned logged;
    uint64_t unlogged;
};

static void output_end_line(struct handler_output *o)
{
    if (o->logged < HANDLER_OUTPUT_LINES_MAX) {
        log_info("handler \"%s\": %.*s", o->name, (int)o->line_bytes, o->line);
        o->logged++;
    } else {
        o->unlogged++;
    }
    o->line_bytes = 0;
    o->in_line = false;
}

static void output_add_to_line(struct handler_output *o, const char *bytes, size_t count)
{
    o->in_line = true;
    if (o->logged >= HANDLER_OUTPUT_LINES_MAX)
        return;
    for (size_t i = 0; i < count && o->line_bytes < sizeof o->line; i++)
        o->line[o->line_bytes++] = bytes[i] ? bytes[i] : '?'; /* a NUL would end the text */
}

static void output_append(struct handler_output *o, const char *bytes, size_t count)
{
    while (count > 0) {
        const char *newline = memchr(bytes, '\n', count);
        size_t part = newline ? (size_t)(newline - bytes) : count;
        output_add_to_line(o, bytes, part);
        if (newline)
            output_end_line(o);
        part += newline ? 1 : 0;
        bytes += part;
        count -= part;
    }
}

/* False at the end of the output. */
static bool output_read(struct handler_output *o)
{
    static char buffer[READ_BYTES];
    ssize_t n = read(o->fd, buffer, sizeof buffer);
    if (n > 0)
        output_append(o, buffer, (size_t)n);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void output_on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct handler_output *o = arg;
    const struct timeval pause = {.tv_usec = PAUSE_MS * 1000};
    if (output_read(o))
        event_add(o->resume, &pause);
}

static void output_on_resume(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct handler_output *o = arg;
    event_add(o->readable, NULL);
}

static void output_free(struct handler_output *o)
{
    if (o->readable)
        event_free(o->readable);
    if (o->resume)
        event_free(o->resume);
    close(o->fd);
    free(o);
}

struct handler_output *handler_output_new(struct event_base *base, const char *name, int *write_end)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return NULL;
    struct handler_output *o = calloc(1, sizeof *o);
    if (o) {
        o->fd = ends[0];
        o->name = name;
        o->readable = event_new(base, o->fd, EV_READ, output_on_readable, o);
        o->resume = evtimer_new(base, output_on_resume, o);
    }
    /* Only the reading end: scripts do not expect a non-blocking output. */
    bool ok = o && o->readable && o->resume && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 &&
              event_add(o->readable, NULL) == 0;
    if (ok) {
        *write_end = ends[1];
        return o;
    }
    if (o)
        output_free(o);
    else
        close(ends[0]);
    close(ends[1]);
    errno = ENOMEM;
    return NULL;
}

void handler_output_end(struct handler_output *o)
{
    output_read(o);
    if (o->in_line)
        output_end_line(o);
    if (o->unlogged > 0)
        log_info("handler \"%s\": and %" PRIu64 " more lines", o->name, o->unlogged);
    output_free(o);
}
