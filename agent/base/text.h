/* text: strings from outside, judged and made safe to show. */
#ifndef MUSTER_TEXT_H
#define MUSTER_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True if `text` is UTF-8 (RFC 3629) without control characters (C0, DEL, C1) and marks that
 * turn the direction of writing or break a line. */
bool text_printable(const char *text);

/* Copies `text` into at most `bytes` bytes, the NUL included: what is not printable becomes \n,
 * \r, \t or \xNN. What does not fit is cut, between characters, and "..." follows.
 * bytes: at least 4. Returns the length. */
size_t text_escape(char *into, size_t bytes, const char *text);

/* A whole number, digits only. False: not one, or above max; nothing changed. */
bool text_parse_number(const char *text, uint32_t max, uint32_t *value);

#endif
