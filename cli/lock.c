#include "agent/base/clock.h"
#include "agent/base/init.h"
#include "agent/rpc/fields.h"
#include "cli/cli.h"
#include "cli/guard.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    STOP_MS = 1000, /* before the lease ends, the command is asked to */
    KILL_MS = 200,  /* ... and is killed */
    EXIT_NOT_RUN = 126,
    EXIT_NOT_FOUND = 127,
    EXIT_SIGNAL = 128,
};

struct lock {
    bool held;
    int64_t until_us; /* CLOCK_BOOTTIME, as the agent's */
    uint64_t epoch;
    const char *holder;
};

#define LOCK(field, type)                                                                          \
    {                                                                                              \
        .name = #field, .kind = type, .offset = offsetof(struct lock, field)                       \
    }
static const struct fields_entry lock_entries[] = {
    LOCK(held, FIELDS_BOOLEAN),
    LOCK(until_us, FIELDS_SIGNED),
    LOCK(epoch, FIELDS_UNSIGNED),
    LOCK(holder, FIELDS_TEXT),
};
static const struct fields lock_fields = FIELDS(lock_entries);

/* The command as it runs. */
struct command {
    pid_t pid; /* and its process group */
    int pidfd;
    int asked; /* the signal that it got from us last; 0: none */
    struct guard guard;
};

static volatile sig_atomic_t command_group;

static void pass_on(int number)
{
    kill(-(pid_t)command_group, number);
}

static int64_t left_ms(const struct lock *lock)
{
    return (lock->until_us - clock_us(CLOCK_BOOTTIME)) / 1000;
}

static bool read_lock(struct client *client, struct lock *lock)
{
    if (client_record(client) != CLIENT_OK)
        return false;
    const char *wrong = fields_read(&client->body.data, &lock_fields, client->body.zone, lock);
    return !wrong || client_malformed(client, wrong) == CLIENT_OK;
}

/* ---- the command ---- */

static _Noreturn void become(char **argv, const char *name, const struct lock *lock)
{
    char epoch[24];
    snprintf(epoch, sizeof epoch, "%" PRIu64, lock->epoch);
    setenv("MUSTER_LOCK_NAME", name, 1);
    setenv("MUSTER_LOCK_EPOCH", epoch, 1);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGTTOU, SIG_DFL);
    execvp(argv[0], argv);
    fprintf(stderr, "muster lock: %s: %s\n", argv[0], strerror(errno));
    _exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUN);
}

/* Those that are the command's, as soon as there is one: before they are passed on, they would end
 * us and leave it running without a lock. */
static const int passed[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

static void hold_signals(sigset_t *before)
{
    sigset_t held;
    sigemptyset(&held);
    for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
        sigaddset(&held, passed[i]);
    sigprocmask(SIG_BLOCK, &held, before);
}

static void pass_signals(void)
{
    struct sigaction action = {.sa_handler = pass_on};
    for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
        sigaction(passed[i], &action, NULL);
}

/* In a process group of its own, which can be ended as one; on a terminal it is in front. */
static bool command_start(struct command *c, char **argv, const char *name, const struct lock *lock)
{
    sigset_t before;
    if (!guard_start(&c->guard))
        return false;
    signal(SIGTTOU, SIG_IGN);
    hold_signals(&before);
    c->pid = fork();
    if (c->pid == 0) {
        setpgid(0, 0);
        if (isatty(STDIN_FILENO))
            tcsetpgrp(STDIN_FILENO, getpid());
        sigprocmask(SIG_SETMASK, &before, NULL);
        become(argv, name, lock);
    }
    if (c->pid > 0) {
        setpgid(c->pid, c->pid);
        guard_watch(&c->guard, c->pid);
        command_group = c->pid;
        pass_signals();
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (c->pid < 0)
        return false;
    c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
    if (c->pidfd >= 0)
        return true;
    int error = errno;
    kill(-c->pid, SIGKILL); /* it would go on without anybody who can end it */
    waitpid(c->pid, NULL, 0);
    errno = error;
    return false;
}

static void ask_to_end(struct command *c, int number)
{
    if (c->asked == number || c->asked == SIGKILL)
        return;
    c->asked = number;
    kill(-c->pid, number);
}

static int command_finish(const struct cli *cli, struct command *c)
{
    int status = 0;
    waitpid(c->pid, &status, 0);
    close(c->pidfd);
    guard_stop(&c->guard);
    if (isatty(STDIN_FILENO))
        tcsetpgrp(STDIN_FILENO, getpgrp());
    if (c->asked) {
        kill(-c->pid, SIGKILL); /* what it has left behind must not go on either */
        cli_say(cli, "the lock was lost, and the command ended");
        return CLI_NO;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SIGNAL + WTERMSIG(status);
}

/* ---- holding ---- */

/* Takes in what the agent says. An agent that is gone says nothing: the lease then ends. What is
 * won again, as its epoch shows, may have been another's in between: the command has lost its own.
 */
static void apply_records(struct client *client, struct lock *lock)
{
    do {
        struct lock said;
        if (!read_lock(client, &said))
            return;
        if (lock->held && said.held && said.epoch == lock->epoch)
            *lock = said;
        else
            *lock = (struct lock){.held = false};
    } while (client_is_buffered(client));
}

static void put_name(struct client *client, const char *command, const char *name)
{
    struct rpc_out *out = client_request(client, command);
    rpc_map_begin(out, NULL);
    rpc_put_text(out, "Name", name);
    rpc_end(out);
}

/* The command has ended, and its lock need not last. A client that goes without this may have left
 * something running: its lock stays until its lease is over. */
static void lock_give_back(struct client *client, const char *name)
{
    put_name(client, "unlock", name);
    client_send(client);
}

static int lock_hold(const struct cli *cli, struct client *client, const char *name,
                     struct command *c, struct lock *lock)
{
    for (;;) {
        int64_t ms = left_ms(lock);
        if (ms <= KILL_MS)
            ask_to_end(c, SIGKILL);
        else if (ms <= STOP_MS)
            ask_to_end(c, SIGTERM);
        int64_t wait_ms = ms > STOP_MS ? ms - STOP_MS : ms > KILL_MS ? ms - KILL_MS : -1;
        struct pollfd fds[] = {
            {.fd = c->pidfd, .events = POLLIN},
            {.fd = client->status == CLIENT_OK ? client->fd : -1, .events = POLLIN}};
        if (poll(fds, 2, wait_ms < 0 ? -1 : (int)wait_ms + 1) < 0 && errno != EINTR)
            return CLI_UNASKED;
        if (fds[0].revents) {
            int status = command_finish(cli, c);
            lock_give_back(client, name);
            return status;
        }
        if (fds[1].revents)
            apply_records(client, lock);
    }
}

static int lock_await(const struct cli *cli, struct client *client, const char *name, char **argv)
{
    struct lock lock = {.held = false};
    struct command command = {.pidfd = -1, .guard = {-1}};
    /* All that has come: lock_hold() waits for what comes. */
    while (client->status == CLIENT_OK && (!lock.held || client_is_buffered(client)))
        read_lock(client, &lock);
    if (client->status != CLIENT_OK)
        return cli_failed(cli, name);
    client->deadline_ms = CLIENT_NO_DEADLINE;
    if (command_start(&command, argv, name, &lock))
        return lock_hold(cli, client, name, &command, &lock);
    cli_say(cli, "%s: %s", argv[0], strerror(errno));
    guard_stop(&command.guard);
    lock_give_back(client, name);
    return EXIT_NOT_RUN;
}

int lock_run(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"timeout", required_argument, NULL, 'T'}, CLI_OPTIONS};
    int64_t deadline_ms = CLIENT_NO_DEADLINE;
    while (cli_option(cli, argc, argv, "+" CLI_LETTERS, options) != -1)
        deadline_ms = cli_deadline(cli, optarg);
    char **words = cli_rest(cli, argc, argv, 2, CLI_ANY_NUMBER);
    char **command = words + (strcmp(words[1], "--") == 0 ? 2 : 1);
    if (!*command)
        cli_wrong(cli, "the command is missing: %s -- COMMAND", words[0]);

    /* As PID 1 of a container, we would be left with the orphans of the command. */
    if (!init_split()) {
        cli_say(cli, "cannot fork: %s", strerror(errno));
        return CLI_UNASKED;
    }
    struct client *client = cli_connect(cli, deadline_ms);
    put_name(client, "lock", words[0]);
    client_stream(client);
    return lock_await(cli, client, words[0], command);
}
