#include "agent/base/init.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_SIGNAL 128 /* as shells say it */

/* Reaps all that have ended. The exit of the child is ours. */
static void init_reap(pid_t child)
{
    pid_t ended;
    int status;
    while ((ended = waitpid(-1, &status, WNOHANG)) > 0)
        if (ended == child)
            _exit(WIFSIGNALED(status) ? EXIT_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status));
}

static _Noreturn void init_serve(pid_t child, const sigset_t *all)
{
    for (;;) {
        siginfo_t info;
        int number = sigwaitinfo(all, &info);
        if (number == SIGCHLD)
            init_reap(child);
        else if (number > 0 && info.si_code != SI_KERNEL) /* a terminal's: the child has it too */
            kill(child, number);
    }
}

bool init_split(void)
{
    sigset_t all, before;
    if (getpid() != 1)
        return true;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t child = fork();
    if (child > 0)
        init_serve(child, &all);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return child == 0;
}
