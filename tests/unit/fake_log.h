/* fake_log: log_write that keeps every line, for tests to look at. */
#ifndef MUSTER_FAKE_LOG_H
#define MUSTER_FAKE_LOG_H

#include <stdbool.h>
#include <stddef.h>

void fake_log_reset(void);
/* How many lines there are, and how many of them hold `part`. */
size_t fake_log_lines(void);
size_t fake_log_count(const char *part);
/* True if some line is exactly this. */
bool fake_log_has(const char *line);

#endif
