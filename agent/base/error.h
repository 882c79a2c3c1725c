/* error: what went wrong, as text for people, in a buffer of the caller's. */
#ifndef MUSTER_BASE_ERROR_H
#define MUSTER_BASE_ERROR_H

#include <stdbool.h>

#define ERROR_BYTES 512 /* a path, what failed, and what would do */

/* Fills `error` (ERROR_BYTES), cut if it is too long, as printf does. Returns false, so that a
 * function can end with it. */
bool error_set(char *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
