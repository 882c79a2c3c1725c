/* runner_child: the process of a script, until it is the script. */
#ifndef MUSTER_RUNNER_CHILD_H
#define MUSTER_RUNNER_CHILD_H

#include "agent/steward/runner.h"

/* In a new process: its own session and process group, default signals, the directory "/"; standard
 * input, environment and output as given, nothing else inherited. Never returns. */
_Noreturn void runner_child(const struct script *script, uint64_t descriptors,
                            const int fds[RUNNER_FDS]);

#endif
