/* script_permission: whether others could change a script that is about to be run. */
#ifndef MUSTER_SCRIPT_PERMISSION_H
#define MUSTER_SCRIPT_PERMISSION_H

#include <stdbool.h>
#include <sys/types.h>

#define SCRIPT_PERMISSION_REASON_BYTES 320

/* Walks the absolute path from the root directory as the kernel does, through every link. The
 * owner of the file and of each directory and link on the way must be root or `uid`. Nobody else
 * may write to them: neither a group, nor others; but directories that all may write to pass if
 * they are sticky, as nobody can remove or replace there what another owns. (OpenSSH's StrictModes
 * checks the real path alone, which does not show who may point a link elsewhere, and knows no
 * sticky directories.)
 *
 * True: only root and uid can change what is run, also later. False with `reason`
 * (SCRIPT_PERMISSION_REASON_BYTES): the path that others could change or that cannot be looked at,
 * and what would do. */
bool script_permission_check(const char *path, uid_t uid, char *reason);

/* The same below a directory that stands for the root directory, also for links to absolute paths.
 * root: without a slash at the end. */
bool script_permission_check_below(const char *root, const char *path, uid_t uid, char *reason);

#endif
