#include "agent/base/signals.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

/* What keeps its meaning: signal(7). */
static bool signal_is_meant(int number)
{
    static const int meant[] = {SIGTERM, SIGINT,  SIGCHLD, SIGCONT, SIGTSTP, SIGTTIN,
                                SIGTTOU, SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,  SIGTRAP,
                                SIGSYS,  SIGABRT, SIGKILL, SIGSTOP, SIGURG,  SIGWINCH};
    for (size_t i = 0; i < sizeof meant / sizeof *meant; i++)
        if (number == meant[i])
            return true;
    return false;
}

void signals_ignore_stray(void)
{
    for (int number = 1; number < NSIG; number++)
        if (!signal_is_meant(number))
            signal(number, SIG_IGN); /* refused for those that the threads library keeps */
}
