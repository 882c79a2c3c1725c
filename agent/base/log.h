/* log: one line a message to stderr, written by a thread of its own so that a reader who stalls
 * never stalls the loop; the last lines are kept for `serf monitor`. */
#ifndef MUSTER_LOG_H
#define MUSTER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_BYTES_MAX 1024    /* longer messages are cut, and end in "..." */
#define LOG_HISTORY_LINES 512      /* what a new monitor is shown first, as Serf does */
#define LOG_QUEUE_BYTES_MAX 262144 /* waiting for stderr; over it lines are dropped and counted */

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Starts the writer thread. Call once. Before it, and after log_close, lines are written at once,
 * and may block. False: no memory or thread to be had. */
bool log_open(enum log_level level);
/* Writes out what waits, for at most 200 ms, and stops the thread. If it could not be done in that
 * time, lines still go its way and never block, but may be lost. */
void log_close(void);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* "error", "warn", "info", "debug" (also Serf's TRACE, WARN, ERR, any case) to a level. */
bool log_level_parse(const char *text, enum log_level *level);
const char *log_level_text(enum log_level level);

/* Takes printf's format. Control characters in the result are escaped, so that nothing a member
 * or a script says can forge a line. Never blocks. Call from the loop's thread only. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* The kept lines, for followers: lines are numbered from 1; log_newest is the last one's number,
 * 0 for none. log_line gives line `number` ("2026-11-20T12:00:00.123Z [INFO] text", borrowed until
 * the next log_write) and its level, NULL if it is no longer kept. All levels are kept, also those
 * below what stderr gets, so a monitor may ask for more than the log shows. */
uint64_t log_newest(void);
const char *log_line(uint64_t number, enum log_level *level);

/* Called after each kept line, from log_write; at most one listener. It must not log. */
void log_listen(void (*listener)(void *arg), void *arg);

#endif
