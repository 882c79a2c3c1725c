/* duration: spans of time to and from text, in milliseconds. */
#ifndef MUSTER_BASE_DURATION_H
#define MUSTER_BASE_DURATION_H

#include <stdbool.h>
#include <stdint.h>

#define DURATION_TEXT_BYTES 16

/* "250ms", "1.5s", "2m", "24h" to milliseconds. False: not one, no whole milliseconds, or over 30
 * days; nothing changed. */
bool duration_parse(const char *text, uint32_t *ms);
/* The shortest of these forms, into DURATION_TEXT_BYTES; returns into. */
char *duration_text(uint32_t ms, char *into);

#endif
