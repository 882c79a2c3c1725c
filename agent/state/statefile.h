/* statefile: small text files with a checksum, that are there whole or not at all. */
#ifndef MUSTER_STATEFILE_H
#define MUSTER_STATEFILE_H

#include <stdbool.h>
#include <stddef.h>

#define STATEFILE_BYTES_MAX 16384 /* no larger one is read or written */

/* A file's text; begin with {0}. What was read has a NUL behind it. */
struct statefile {
    char bytes[STATEFILE_BYTES_MAX];
    size_t len;
};

/* Adds to the text, as printf does. What does not fit is a bug. */
void statefile_add(struct statefile *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds the last line, "sum <16 hex digits>", over all that precedes it. */
void statefile_seal(struct statefile *f);

/* True if both are the same to the byte. This is how a file is checked: take its values out without
 * much care, write them again, seal, compare. So each format is defined once, by its writer. */
bool statefile_same(const struct statefile *a, const struct statefile *b);

/* Reads a file of the directory. False with errno; EFBIG: too large, or no plain file at all, and
 * then the text is empty. Blocks. */
bool statefile_read(int dir_fd, const char *name, struct statefile *f);

/* Replaces a file so that, whenever the power goes, either the old one or the new one is there,
 * whole. False with errno. Blocks. */
bool statefile_write(int dir_fd, const char *name, const struct statefile *f);

/* Renames what cannot be used to NAME.bad, for a person to look at. False with errno. Blocks. */
bool statefile_set_aside(int dir_fd, const char *name);

#endif
