/* file: small files of a directory, read whole and replaced whole. All of it blocks. */
#ifndef MUSTER_BASE_FILE_H
#define MUSTER_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#define FILE_NAME_BYTES_MAX 24 /* of a name; ".new" and ".bad" are added to it */

/* Reads a file into `bytes`, of `size`; a NUL follows. False with errno and an empty text. ENOENT:
 * there is none. EFBIG: no plain file (a link, a directory, a device), or too large. */
bool file_read(int dir_fd, const char *name, char *bytes, size_t size, size_t *len);

/* Replaces a file: writes NAME.new, syncs it, renames it, syncs the directory. Whenever the power
 * goes, either the old file or the new one is there, whole. False with errno. */
bool file_replace(int dir_fd, const char *name, const char *bytes, size_t len);

/* Renames a file that cannot be used to NAME.bad, for a person to look at. False with errno. */
bool file_set_aside(int dir_fd, const char *name);
/* True if there is such a NAME.bad, or if that cannot be told. */
bool file_was_set_aside(int dir_fd, const char *name);

#endif
