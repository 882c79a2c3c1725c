/* statefile: the text of a state file, with a checksum as its last line. */
#ifndef MUSTER_STATE_STATEFILE_H
#define MUSTER_STATE_STATEFILE_H

#include <stdbool.h>
#include <stddef.h>

#define STATEFILE_BYTES_MAX 16384 /* no larger one is read or written */

/* A file's text; begin with {0}. What was read has a NUL behind it. */
struct statefile {
    char bytes[STATEFILE_BYTES_MAX];
    size_t len;
};

/* Appends to the text, as printf does. Text that does not fit is a bug. */
void statefile_add(struct statefile *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends the last line, "sum <16 hex digits>", over all that precedes it. */
void statefile_add_sum(struct statefile *f);

/* True if both are the same to the byte. This is how a file is checked: take its values out without
 * much care, write them again, compare. So each format is defined once, by its writer. */
bool statefile_same(const struct statefile *a, const struct statefile *b);

#endif
