#include "cli/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Reads what to watch until nobody can write any more: that is when we have ended. It has a group
 * of its own, and no signal that a terminal or a script sends us ends it first. */
static _Noreturn void guard(int fd)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    pid_t group = 0, next;
    setpgid(0, 0);
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
    dup2(fd, STDIN_FILENO);
    close_range(STDIN_FILENO + 1, UINT_MAX, 0); /* ours are the agent's and the reader's to miss */
    ssize_t n;
    while ((n = read(STDIN_FILENO, &next, sizeof next)) == sizeof next || (n < 0 && errno == EINTR))
        group = n > 0 ? next : group;
    if (group > 0)
        kill(-group, SIGKILL);
    _exit(0);
}

/* A child of a child, so that nobody has to wait for it. */
bool guard_start(struct guard *g)
{
    int fds[2];
    g->fd = -1;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return false;
    pid_t pid = fork();
    if (pid == 0) {
        pid_t inner = fork();
        if (inner == 0)
            guard(fds[0]);
        _exit(inner < 0);
    }
    int status = 1, error = errno;
    close(fds[0]);
    bool started = pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
    if (started)
        g->fd = fds[1];
    else
        close(fds[1]);
    errno = pid < 0 ? error : EAGAIN;
    return started;
}

void guard_watch(const struct guard *g, pid_t group)
{
    (void)!write(g->fd, &group, sizeof group);
}

void guard_stop(struct guard *g)
{
    if (g->fd < 0)
        return;
    guard_watch(g, 0);
    close(g->fd);
    g->fd = -1;
}
