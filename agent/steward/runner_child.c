#include "agent/steward/runner_child.h"

#include "agent/config/script_permission.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STDIN_PLACE, ENV_PLACE, OUTPUT_PLACE, VARS_MAX = 1024, PATH_BYTES_MAX = 4096 };

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static _Noreturn void give_up(const char *what, const char *path, const char *why, int error)
{
    dprintf(STDERR_FILENO, "%s%s: %s\n", what, path, why);
    bool missing = error == ENOENT || error == ENOTDIR;
    _exit(missing ? RUNNER_EXIT_NOT_FOUND : RUNNER_EXIT_NOT_RUN);
}

static void reset_signals(void)
{
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL); /* refused for those that cannot be caught: they are so already */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* What was given may itself be 0, 1 or 2. Returns the environment's. */
static int connect_stdio(const int fds[RUNNER_FDS])
{
    int input = fcntl(fds[STDIN_PLACE], F_DUPFD_CLOEXEC, 3);
    int env = fcntl(fds[ENV_PLACE], F_DUPFD_CLOEXEC, 3);
    int output = fcntl(fds[OUTPUT_PLACE], F_DUPFD_CLOEXEC, 3);
    dup2(input, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC);
    return env;
}

static bool may_be_set(const char *var)
{
    return strncmp(var, "MUSTER_", strlen("MUSTER_")) == 0 && strchr(var, '=');
}

/* Where programs are found decides what runs, and is not the agent's to say: it is the operator's,
 * as musterd was started. */
static char *path_var(void)
{
    static char var[PATH_BYTES_MAX];
    const char *path = getenv("PATH");
    int len = snprintf(var, sizeof var, "PATH=%s", path ? path : PATH_DEFAULT);
    if (len < 0 || (size_t)len >= sizeof var)
        snprintf(var, sizeof var, "PATH=" PATH_DEFAULT);
    return var;
}

/* The variables, in memory that stays. NULL: they are none that we would set. */
static char **read_env(int fd)
{
    static char bytes[RUNNER_ENV_BYTES_MAX];
    static char *vars[VARS_MAX + 1];
    ssize_t size = pread(fd, bytes, sizeof bytes, 0);
    size_t count = 0;
    vars[count++] = path_var();
    if (size <= 0 || (size_t)size == sizeof bytes || bytes[size - 1] != '\0')
        return NULL;
    for (char *at = bytes; at < bytes + size; at += strlen(at) + 1) {
        if (count == VARS_MAX || !may_be_set(at))
            return NULL;
        vars[count++] = at;
    }
    vars[count] = NULL;
    return vars;
}

static void limit_descriptors(uint64_t count)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur <= count)
        return;
    limit.rlim_cur = count;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Only root can be made to run what others wrote. */
static void check_permission(const struct script *script)
{
    char reason[SCRIPT_PERMISSION_REASON_BYTES];
    uid_t uid = script->account ? script->account->uid : geteuid();
    if (access(script->path, F_OK) != 0)
        give_up("cannot run ", script->path, strerror(errno), errno);
    if (geteuid() == 0 && !script_permission_check(script->path, uid, reason))
        give_up("does not run ", script->path, reason, EPERM);
}

_Noreturn void runner_child(const struct script *script, uint64_t descriptors,
                            const int fds[RUNNER_FDS])
{
    char *argv[] = {script->path, NULL};
    setsid();
    reset_signals();
    char **vars = read_env(connect_stdio(fds));
    if (!vars)
        give_up("cannot run ", script->path, "its environment is none", EINVAL);
    check_permission(script);
    limit_descriptors(descriptors);
    if (script->account && !account_become(script->account))
        give_up("cannot become the user that is to run ", script->path, strerror(errno), errno);
    if (chdir("/") == 0)
        execve(script->path, argv, vars);
    give_up("cannot run ", script->path, strerror(errno), errno);
}
