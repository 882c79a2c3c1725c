#include "agent/base/log.h"

#include "agent/base/text.h"
#include "agent/base/thread.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TIME_BYTES 25            /* "2026-11-20T12:00:00.123Z" and its NUL */
#define PRIORITY_BYTES 3         /* "<6>" */
#define HISTORY_BYTES_MAX 65536  /* 512 lines of usual length; longer ones, fewer lines */
#define WRITER_STACK_BYTES 65536 /* it only calls poll and write */
#define CLOSE_TIMEOUT_MS 200

_Static_assert(HISTORY_BYTES_MAX >= LOG_LINE_BYTES_MAX, "the history holds at least one line");
_Static_assert(LOG_QUEUE_BYTES_MAX >= 2 * LOG_LINE_BYTES_MAX, "a line and a notice fit at once");

/* Lines on their way to stderr: a ring of bytes, filled by the loop and emptied by the thread.
 * Counts only grow while anything waits; empty, they start over, so that only the pages that a
 * backlog ever needed are touched. */
struct writer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    size_t queued, written; /* bytes in all; at most LOG_QUEUE_BYTES_MAX apart */
    bool stop;
    char bytes[LOG_QUEUE_BYTES_MAX];
};

/* The last lines, one after the other, each with its NUL; a line never wraps around the end. */
static struct {
    char bytes[HISTORY_BYTES_MAX];
    size_t head; /* where the next line goes, if it fits before the end */
    struct {
        uint32_t at;
        enum log_level level;
    } lines[LOG_HISTORY_LINES]; /* by number, modulo */
    uint64_t oldest, newest;    /* none kept: newest + 1 == oldest */
} history = {.oldest = 1};

static struct writer *writer;
static uint64_t lines_dropped; /* since the last notice of it */
static enum log_level level_shown = LOG_LEVEL_INFO;
static void (*listener_call)(void *arg);
static void *listener_arg;

/* By enum log_level. */
static const char *const level_texts[] = {"error", "warn", "info", "debug"};
static const char *const level_tags[] = {"ERROR", "WARN", "INFO", "DEBUG"};
static const char level_priorities[] = "3467"; /* syslog(3)'s, for the journal */

/* ---- the writer ---- */

/* Writes a part of `bytes`; blocks as long as the reader stalls. Returns how many need not be
 * written again: all of them once stderr has no reader. */
static size_t log_write_some(const char *bytes, size_t len)
{
    for (;;) {
        ssize_t n = write(STDERR_FILENO, bytes, len);
        if (n >= 0)
            return (size_t)n;
        struct pollfd full = {.fd = STDERR_FILENO, .events = POLLOUT};
        if (errno == EAGAIN)
            poll(&full, 1, -1);
        else if (errno != EINTR)
            return len;
    }
}

static void *writer_run(void *arg)
{
    struct writer *w = arg;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (w->queued == w->written && !w->stop)
            pthread_cond_wait(&w->wake, &w->lock);
        if (w->queued == w->written)
            break;
        size_t at = w->written % LOG_QUEUE_BYTES_MAX;
        size_t len = w->queued - w->written;
        if (len > LOG_QUEUE_BYTES_MAX - at)
            len = LOG_QUEUE_BYTES_MAX - at;
        pthread_mutex_unlock(&w->lock);
        len = log_write_some(w->bytes + at, len);
        pthread_mutex_lock(&w->lock);
        w->written += len;
        if (w->written == w->queued)
            w->written = w->queued = 0;
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static bool writer_has_room(const struct writer *w, size_t len)
{
    return LOG_QUEUE_BYTES_MAX - (w->queued - w->written) >= len;
}

static void writer_push(struct writer *w, const char *bytes, size_t len)
{
    size_t at = w->queued % LOG_QUEUE_BYTES_MAX;
    size_t first = len < LOG_QUEUE_BYTES_MAX - at ? len : LOG_QUEUE_BYTES_MAX - at;
    memcpy(w->bytes + at, bytes, first);
    memcpy(w->bytes, bytes + first, len - first);
    w->queued += len;
}

bool log_open(enum log_level level)
{
    assert(!writer);
    level_shown = level;
    struct writer *w = calloc(1, sizeof *w);
    if (!w)
        return false;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    if (!thread_start(&w->thread, WRITER_STACK_BYTES, writer_run, w)) {
        free(w);
        return false;
    }
    writer = w;
    return true;
}

/* ---- one line ---- */

static void log_time_text(char *into)
{
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    size_t len = strftime(into, TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(into + len, TIME_BYTES - len, ".%03dZ", (int)(now.tv_nsec / 1000000));
}

/* "TIME [LEVEL] text" into `line` of LOG_LINE_BYTES_MAX bytes. Returns its length. */
static size_t log_line_make(char *line, enum log_level level, const char *text)
{
    char now[TIME_BYTES];
    log_time_text(now);
    size_t len = (size_t)snprintf(line, LOG_LINE_BYTES_MAX, "%s [%s] ", now, level_tags[level]);
    return len + text_escape(line + len, LOG_LINE_BYTES_MAX - len, text);
}

/* The journal puts its own time on every line, and takes a priority before it (systemd.exec(5),
 * $JOURNAL_STREAM: DEVICE:INODE of the stream, which may have been replaced since; sd-daemon(3)).
 */
static bool log_stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    char ours[48];
    if (!stream || fstat(STDERR_FILENO, &st) != 0)
        return false;
    snprintf(ours, sizeof ours, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(ours, stream) == 0;
}

/* The same line as stderr gets it, its newline in place of the NUL: for the journal with "<N>" in
 * place of the time. Returns its bytes, *from where they start. */
static size_t log_line_for_stderr(char *line, size_t len, enum log_level level, const char **from)
{
    size_t skip = log_stderr_is_journal() ? TIME_BYTES - PRIORITY_BYTES : 0;
    line[len] = '\n';
    *from = line + skip;
    if (skip > 0)
        memcpy(line + skip, (char[]){'<', level_priorities[level], '>'}, PRIORITY_BYTES);
    return len + 1 - skip;
}

/* Queues the notice of how many lines were dropped. False: no room for it and `len` bytes more. */
static bool writer_push_dropped(struct writer *w, size_t len)
{
    char text[48], line[LOG_LINE_BYTES_MAX];
    const char *from;
    if (lines_dropped == 0)
        return writer_has_room(w, len);
    snprintf(text, sizeof text, "%" PRIu64 " lines dropped", lines_dropped);
    size_t line_len = log_line_make(line, LOG_LEVEL_WARN, text);
    size_t notice_len = log_line_for_stderr(line, line_len, LOG_LEVEL_WARN, &from);
    if (!writer_has_room(w, notice_len + len))
        return false;
    writer_push(w, from, notice_len);
    lines_dropped = 0;
    return true;
}

static void log_show(char *line, size_t len, enum log_level level)
{
    const char *from;
    len = log_line_for_stderr(line, len, level, &from);
    if (!writer) { /* before log_open and after log_close nothing is there to be delayed */
        log_write_some(from, len);
        return;
    }
    pthread_mutex_lock(&writer->lock);
    if (writer_push_dropped(writer, len))
        writer_push(writer, from, len);
    else
        lines_dropped++;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->lock);
}

void log_close(void)
{
    struct writer *w = writer;
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    writer_push_dropped(w, 0);
    w->stop = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    if (!thread_join(w->thread, CLOSE_TIMEOUT_MS))
        return; /* stderr stalls: the thread goes on, and lines that do not fit are lost */
    writer = NULL;
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

/* ---- the history ---- */

static uint32_t history_line_at(uint64_t number)
{
    return history.lines[number % LOG_HISTORY_LINES].at;
}

/* Forgets the oldest lines that start in [begin, end). */
static void history_forget(size_t begin, size_t end)
{
    while (history.oldest <= history.newest && history_line_at(history.oldest) >= begin &&
           history_line_at(history.oldest) < end)
        history.oldest++;
}

static void history_add(const char *line, size_t len, enum log_level level)
{
    if (history.newest - history.oldest + 1 == LOG_HISTORY_LINES)
        history.oldest++;
    if (history.head + len + 1 > HISTORY_BYTES_MAX) {
        history_forget(history.head, HISTORY_BYTES_MAX);
        history.head = 0;
    }
    history_forget(history.head, history.head + len + 1);
    memcpy(history.bytes + history.head, line, len + 1);
    history.newest++;
    history.lines[history.newest % LOG_HISTORY_LINES].at = (uint32_t)history.head;
    history.lines[history.newest % LOG_HISTORY_LINES].level = level;
    history.head += len + 1;
}

uint64_t log_newest(void)
{
    return history.newest;
}

const char *log_line(uint64_t number, enum log_level *level)
{
    if (number < history.oldest || number > history.newest)
        return NULL;
    *level = history.lines[number % LOG_HISTORY_LINES].level;
    return history.bytes + history_line_at(number);
}

void log_listen(void (*listener)(void *arg), void *arg)
{
    listener_call = listener;
    listener_arg = arg;
}

/* ---- writing ---- */

void log_write(enum log_level level, const char *format, ...)
{
    char text[LOG_LINE_BYTES_MAX]; /* longer text would not fit the line either */
    char line[LOG_LINE_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t len = log_line_make(line, level, text);
    history_add(line, len, level);
    if (level <= level_shown)
        log_show(line, len, level);
    if (listener_call)
        listener_call(listener_arg);
}

void log_set_level(enum log_level level)
{
    level_shown = level;
}

enum log_level log_get_level(void)
{
    return level_shown;
}

bool log_level_parse(const char *text, enum log_level *level)
{
    static const struct {
        const char *text;
        enum log_level level;
    } known[] = {
        {"error", LOG_LEVEL_ERROR}, {"err", LOG_LEVEL_ERROR},   {"warn", LOG_LEVEL_WARN},
        {"info", LOG_LEVEL_INFO},   {"debug", LOG_LEVEL_DEBUG}, {"trace", LOG_LEVEL_DEBUG},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcasecmp(text, known[i].text) == 0) {
            *level = known[i].level;
            return true;
        }
    }
    return false;
}

const char *log_level_text(enum log_level level)
{
    return level_texts[level];
}
