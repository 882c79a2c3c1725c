/* handler_env: a change as a script gets it: the environment, and the standard input. */
#ifndef MUSTER_AGENT_HANDLER_ENV_H
#define MUSTER_AGENT_HANDLER_ENV_H

#include "agent/base/account.h"
#include "agent/events/journal.h"

#include <stdint.h>
#include <sys/resource.h>

/* Everything borrowed. */
struct handler_request {
    const char *handler; /* its name */
    char *path;          /* the script: absolute, run without a shell and without arguments */
    uint32_t timeout_ms;
    const struct account *account; /* NULL: as the steward */
    const char *self, *run_dir;    /* self: this member's name */
    rlim_t descriptors;            /* the script's RLIMIT_NOFILE */
    const struct journal_entry *entry;
};

/* Makes two files in memory, for the caller to close: the change's line (a file, so that a script
 * may leave it unread), and the environment, MUSTER_*, each variable ended by a NUL. False with
 * errno. */
bool handler_env_files(const struct handler_request *request, int *line, int *env);

#endif
