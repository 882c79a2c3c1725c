/* trust: whether others could change what is about to be run. */
#ifndef MUSTER_TRUST_H
#define MUSTER_TRUST_H

#include <stdbool.h>
#include <sys/types.h>

#define TRUST_REASON_BYTES 320

/* Goes the absolute path from the root folder on as the kernel does, through every link. Whoever
 * owns the file, a folder or a link on the way must be root or `uid`, and nobody else may write to
 * them: what a group may write is not trusted, and of folders that all may write to only those that
 * are sticky, where nobody takes away or replaces what another owns. (As OpenSSH's StrictModes, but
 * for links, whose real path alone would not show who may point them elsewhere, and sticky
 * folders.)
 *
 * True: only root and uid could change what is run, later as well. False with `reason`
 * (TRUST_REASON_BYTES): the path that others could change or that cannot be looked at, and what
 * would do. */
bool trust_check(const char *path, uid_t uid, char *reason);

/* The same below a folder that stands for the root folder, in place of it and of its parents; also
 * for links to absolute paths. root: without a slash at the end. */
bool trust_check_below(const char *root, const char *path, uid_t uid, char *reason);

#endif
