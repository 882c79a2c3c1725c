/* init: what PID 1 owes to a container: it reaps every orphan, and passes signals on. */
#ifndef MUSTER_BASE_INIT_H
#define MUSTER_BASE_INIT_H

#include <stdbool.h>

/* If this process is PID 1: forks, and returns in the child, which does the work. PID 1 itself
 * never returns: it reaps, passes each signal that somebody sent to the child, and exits when the
 * child does, with its status, or 128 and the signal that ended the child. To be called before the
 * first thread. False with errno: the process cannot fork. */
bool init_split(void);

#endif
