/* guard: a process that ends a command's process group when we end, however that comes about. */
#ifndef MUSTER_CLI_GUARD_H
#define MUSTER_CLI_GUARD_H

#include <stdbool.h>
#include <sys/types.h>

struct guard {
    int fd; /* -1: there is none */
};

/* Before there is a command. False with errno. */
bool guard_start(struct guard *g);
/* From now on it is that process group (0: none any more) that does not outlive us: SIGKILL. */
void guard_watch(const struct guard *g, pid_t group);
/* Ends the guard, and nothing else. */
void guard_stop(struct guard *g);

#endif
