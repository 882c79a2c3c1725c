/* text: strings from outside, checked and made safe to show. */
#ifndef MUSTER_BASE_TEXT_H
#define MUSTER_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True if `text` is UTF-8 (RFC 3629) without control characters (C0, DEL, C1) and without marks
 * that change the direction of writing or break a line (Unicode TR 36, 2.10). */
bool text_printable(const char *text);

/* Copies `text` into `bytes` bytes (at least 4), the NUL included: a character that is not
 * printable becomes \n, \r, \t or \xNN. Text that does not fit is cut between characters, and "..."
 * follows. Returns the length. */
size_t text_escape(char *into, size_t bytes, const char *text);

/* A whole number, digits only. False: not one, or above max; nothing changed. */
bool text_parse_number(const char *text, uint32_t max, uint32_t *value);

#endif
