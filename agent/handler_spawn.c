#include "agent/handler_spawn.h"

#include "agent/config.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define TAG_PREFIX "MUSTER_TAG_"

#define FIXED_VARS 18 /* PATH and the MUSTER_ ones that are no tags, and the NULL */
#define PATH_BYTES_MAX 4096
#define FIXED_BYTES (PATH_BYTES_MAX + 4 * GOSSIP_NAME_BYTES_MAX + 1024) /* theirs */
#define TAGS_MAX (GOSSIP_TAGS_BYTES_MAX / 2) /* a tag has at least the NULs of key and value */
#define ENV_VARS_MAX (FIXED_VARS + TAGS_MAX)
#define ENV_BYTES_MAX (FIXED_BYTES + GOSSIP_TAGS_BYTES_MAX + TAGS_MAX * sizeof TAG_PREFIX)

struct env {
    char *vars[ENV_VARS_MAX];
    size_t count;
    char bytes[ENV_BYTES_MAX];
    size_t used;
};

/* The limits above leave room for the largest change, so that nothing is ever cut. */
__attribute__((format(printf, 2, 3))) static void env_add(struct env *env, const char *format, ...)
{
    size_t room = sizeof env->bytes - env->used;
    char *var = env->bytes + env->used;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(var, room, format, args);
    va_end(args);
    assert(n >= 0 && (size_t)n < room && env->count + 1 < ENV_VARS_MAX);
    env->vars[env->count++] = var;
    env->vars[env->count] = NULL;
    env->used += (size_t)n + 1;
}

static bool env_has(const struct env *env, const char *name)
{
    size_t bytes = strlen(name);
    for (size_t i = 0; i < env->count; i++)
        if (strncmp(env->vars[i], name, bytes) == 0 && env->vars[i][bytes] == '=')
            return true;
    return false;
}

/* Keys that differ only in what a variable's name cannot hold become one: the first counts. */
static void env_add_tag(struct env *env, const char *key, const char *value)
{
    char name[sizeof TAG_PREFIX + GOSSIP_TAGS_BYTES_MAX] = TAG_PREFIX;
    char *at = name + strlen(name);
    for (; *key; key++)
        *at++ = isalnum((unsigned char)*key) ? (char)toupper((unsigned char)*key) : '_';
    *at = '\0';
    if (!env_has(env, name))
        env_add(env, "%s=%s", name, value);
}

static void env_add_member(struct env *env, const struct gossip_member *member)
{
    const struct gossip_profile *p = member->profile;
    char ip[CONFIG_ADDR_TEXT_BYTES];
    env_add(env, "MUSTER_MEMBER_NAME=%s", p->name);
    env_add(env, "MUSTER_MEMBER_ADDR=%s", config_ip_text(&p->addr, ip));
    env_add(env, "MUSTER_MEMBER_PORT=%u", p->addr.port);
    env_add(env, "MUSTER_MEMBER_STATUS=%s", gossip_status_text(member->status));
    env_add(env, "MUSTER_MEMBER_UNREACHABLE=%s", member->partly ? "yes" : "no");
    env_add(env, "MUSTER_MEMBER_INCARNATION=%" PRIu32, member->incarnation);
    const char *at = NULL, *key, *value;
    while (gossip_tag_next(p->tags, p->tags_bytes, &at, &key, &value))
        env_add_tag(env, key, value);
}

static void env_add_vip(struct env *env, const struct journal_vip *vip)
{
    env_add(env, "MUSTER_VIP_NAME=%s", vip->name);
    env_add(env, "MUSTER_VIP_ADDRESS=%s", vip->address);
    env_add(env, "MUSTER_VIP_INTERFACE=%s", vip->interface);
    env_add(env, "MUSTER_VIP_HOLDER=%s", vip->holder);
    env_add(env, "MUSTER_VIP_EPOCH=%" PRIu64, vip->epoch);
}

/* What members say is only ever the value of a variable of ours; of the agent's own environment
 * only PATH, which is the operator's, goes on to scripts. */
static void env_fill(struct env *env, const struct handler_order *order)
{
    const struct journal_entry *entry = order->entry;
    char time_text[32];
    journal_time_text(entry->time_ms, time_text);
    const char *path = getenv("PATH");
    bool usable = path && strlen(path) <= PATH_BYTES_MAX;

    env->count = env->used = 0;
    env_add(env, "PATH=%s", usable ? path : PATH_DEFAULT);
    env_add(env, "MUSTER_EVENT=%s", journal_kind_text(entry->kind));
    env_add(env, "MUSTER_SEQ=%" PRIu64, entry->seq);
    env_add(env, "MUSTER_TIME=%s", time_text);
    env_add(env, "MUSTER_SELF=%s", order->self);
    env_add(env, "MUSTER_RUN_DIR=%s", order->run_dir);
    if (journal_is_of_member(entry->kind))
        env_add_member(env, &entry->member);
    if (entry->vip)
        env_add_vip(env, entry->vip);
}

/* ---- between fork and exec: only what is async-signal-safe, for the parent has threads ---- */

static void put(const char *text)
{
    (void)!write(STDERR_FILENO, text, strlen(text));
}

static _Noreturn void give_up(const char *what, const char *path, int error)
{
    put(what);
    put(path);
    put(": ");
    put(strerrordesc_np(error));
    put("\n");
    bool missing = error == ENOENT || error == ENOTDIR;
    _exit(missing ? HANDLER_EXIT_NOT_FOUND : HANDLER_EXIT_NOT_RUN);
}

static void reset_signals(void)
{
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL); /* refused for those that cannot be caught: they are so already */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* input and output may themselves be 0, 1 or 2, if we were started without those. */
static void connect_stdio(int input, int output)
{
    input = fcntl(input, F_DUPFD_CLOEXEC, 3);
    output = fcntl(output, F_DUPFD_CLOEXEC, 3);
    dup2(input, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    /* All of ours are opened so; this is for what a library may have left open. */
    close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC);
}

static bool become(const struct account *account)
{
    if (!account)
        return true;
    /* So that the script may open /dev/stderr, which is the pipe that we made. */
    (void)!fchown(STDERR_FILENO, account->uid, account->gid);
    return account_become(account);
}

static void limit_descriptors(rlim_t count)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur <= count)
        return;
    limit.rlim_cur = count;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static _Noreturn void child(const struct handler_order *order, char **vars, int input, int output)
{
    setsid();
    reset_signals();
    connect_stdio(input, output);
    char *argv[] = {order->path, NULL};
    limit_descriptors(order->descriptors);
    if (!become(order->account))
        give_up("cannot become the user that is to run ", order->path, errno);
    if (chdir("/") == 0)
        execve(order->path, argv, vars);
    give_up("cannot run ", order->path, errno);
}

/* ---- the parent's side ---- */

/* The change's line as a file in memory: the script may read it or not, at any speed, and nothing
 * of it is left to us. */
static int input_new(const struct journal_entry *entry)
{
    int fd = memfd_create("muster-event", MFD_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = pwrite(fd, entry->line, entry->line_bytes, 0);
    if (n == (ssize_t)entry->line_bytes)
        return fd;
    if (n >= 0)
        errno = ENOSPC;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* fork, and not vfork or posix_spawn, which are cheaper but suspend us until the child has read the
 * script's first page: from a disk that hangs, perhaps. Forking this small a process takes a
 * fraction of a millisecond. Signals wait meanwhile, so that none runs our handlers in the child.
 */
static pid_t fork_child(const struct handler_order *order, int input, int output)
{
    struct env env;
    env_fill(&env, order);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        child(order, env.vars, input, output);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return pid;
}

pid_t handler_spawn(const struct handler_order *order, int output)
{
    int input = input_new(order->entry);
    if (input < 0)
        return -1;
    pid_t pid = fork_child(order, input, output);
    int error = errno;
    close(input);
    errno = error;
    return pid;
}
