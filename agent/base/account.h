/* account: the user that a process or a script runs as. */
#ifndef MUSTER_BASE_ACCOUNT_H
#define MUSTER_BASE_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct account {
    uid_t uid;
    gid_t gid;
    gid_t *groups; /* supplementary, gid included */
    size_t groups_count;
};

/* Looks a user up. Blocks as long as the name service takes: for where the configuration is read.
 * Not for the time of a run: the loop must not wait, and a child of a process with threads may call
 * nothing that takes a lock.
 * NULL with *error NULL: there is no such user. NULL with *error set (static text): that cannot be
 * told, because the name service fails or memory is out. */
struct account *account_find(const char *user, const char **error);
/* NULL: out of memory. */
struct account *account_copy(const struct account *from);
/* NULL: nothing. */
void account_free(struct account *a);

/* Becomes the account for good. For a child between fork and exec; does nothing if the process is
 * that user already. False with errno set. */
bool account_become(const struct account *a);

#endif
