/* handler_env: what a script is given of a change: its environment, and its standard input. */
#ifndef MUSTER_AGENT_HANDLER_ENV_H
#define MUSTER_AGENT_HANDLER_ENV_H

#include "agent/base/account.h"
#include "agent/events/journal.h"

#include <stdint.h>
#include <sys/resource.h>

/* Everything borrowed. */
struct handler_order {
    const char *handler; /* its name */
    char *path;          /* the script: absolute, run without a shell and without arguments */
    uint32_t timeout_ms;
    const struct account *account; /* NULL: as the steward */
    const char *self, *run_dir;    /* our own name */
    rlim_t descriptors;            /* how many it may have open */
    const struct journal_entry *entry;
};

/* Files in memory, for the caller to close: the change's line, which the script may read or not, at
 * any speed, and nothing of it is left to us; and the environment, MUSTER_*, each variable
 * ended by a NUL. False with errno. */
bool handler_env_files(const struct handler_order *order, int *line, int *env);

#endif
