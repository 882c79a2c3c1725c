/* log: one line a message to stderr, written by a thread of its own: a reader of stderr that stalls
 * never stalls the event loop. The last lines are kept for `serf monitor`. */
#ifndef MUSTER_BASE_LOG_H
#define MUSTER_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_BYTES_MAX 1024    /* longer messages are cut, and end in "..." */
#define LOG_HISTORY_LINES 512      /* what a new monitor is shown first, as Serf does */
#define LOG_QUEUE_BYTES_MAX 262144 /* waiting for stderr; over it lines are dropped and counted */

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Starts the writer thread. Call once. Before log_open and after log_close, lines are written at
 * once, and may block. False: out of memory or threads. */
bool log_open(enum log_level level);
/* Writes out what waits, for at most 200 ms, and stops the thread. If stderr stalls for that long,
 * the thread goes on: later lines still never block, and may be lost. */
void log_close(void);
/* The least severe level that stderr gets. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* "error", "warn", "info", "debug" (also Serf's "err" and "trace"), in any case of letters, to a
 * level. False: none of them. */
bool log_level_parse(const char *text, enum log_level *level);
/* Static storage. */
const char *log_level_text(enum log_level level);

/* Takes printf's format. Control characters in the result are escaped, so that no text of a member
 * or a script can forge a line. Never blocks. Call from the loop's thread only. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* The kept lines, of all levels, also those that stderr does not get. They are numbered from 1. */
/* The number of the last line; 0: none. */
uint64_t log_newest(void);
/* A line, "2026-11-20T12:00:00.123Z [INFO] text" (borrowed until the next log_write), and its
 * level. NULL: it is no longer kept. */
const char *log_line(uint64_t number, enum log_level *level);

/* Has `listener` called after each kept line, from log_write; it must not log. One listener at
 * most; NULL: none. */
void log_listen(void (*listener)(void *arg), void *arg);

#endif
