/* handler_spawn: makes the process that runs a script for one change. */
#ifndef MUSTER_AGENT_HANDLER_SPAWN_H
#define MUSTER_AGENT_HANDLER_SPAWN_H

#include "agent/account.h"
#include "agent/journal.h"

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/* Everything borrowed. */
struct handler_order {
    const char *handler; /* its name */
    char *path;          /* the script: absolute, run without a shell and without arguments */
    uint32_t timeout_ms;
    const struct account *account; /* NULL: as we are */
    const char *self, *run_dir;    /* our own name */
    rlim_t descriptors;            /* how many it may have open */
    const struct journal_entry *entry;
};

#define HANDLER_EXIT_NOT_RUN 126   /* the script is there and cannot be run, as shells say it */
#define HANDLER_EXIT_NOT_FOUND 127 /* there is no such script, or its interpreter */

/* Starts it: its own session and process group, default signals, the folder "/", an environment of
 * PATH and MUSTER_*, the change's line as a file on stdin, `output` (borrowed) as stdout and
 * stderr, nothing else inherited. A script that cannot be executed says so on its stderr and exits
 * with one of the above. -1 with errno set: no process was made. */
pid_t handler_spawn(const struct handler_order *order, int output);

#endif
