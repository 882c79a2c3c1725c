/* musterd: reads its options, and runs an agent. */
#include "agent/agent.h"
#include "agent/base/directory.h"
#include "agent/base/error.h"
#include "agent/base/init.h"
#include "agent/base/log.h"
#include "agent/base/signals.h"
#include "agent/privilege.h"
#include "agent/steward/steward.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Fills the steward's part of the configuration. plan: zeroed. False: out of memory. */
static bool fill_plan(const struct config *c, struct steward_plan *plan)
{
    handover_name(c->state_dir, plan->handover);
    _Static_assert(STEWARD_VIPS_MAX >= CONFIG_VIPS_MAX, "room for all");
    for (size_t i = 0; i < c->vips_count; i++)
        steward_vip_describe(&c->vips[i], &plan->vips[plan->vips_count++]);
    return script_list_fill(&plan->scripts, c);
}

/* Runs in the steward at a reload: reads the configuration file again. */
static bool load_plan(void *arg, struct steward_plan *into, char *error)
{
    struct config *config = config_load(arg, error);
    bool ok = config && fill_plan(config, into);
    if (config && !ok)
        error_set(error, "out of memory");
    if (config)
        config_free(config);
    return ok;
}

/* Returns the steward's pid, with our ends of the sockets to it; 0: it could not be started, which
 * is printed. An agent without a steward must not run: it would look healthy, and hold no address
 * and run no script. */
static pid_t start_steward(const struct config *c, struct config_options *options,
                           struct steward_ends *ends)
{
    struct steward_plan *plan = calloc(1, sizeof *plan);
    pid_t pid = -1;
    *ends = (struct steward_ends){-1, -1};
    if (plan && fill_plan(c, plan))
        pid = steward_fork(plan, load_plan, options, ends);
    int error = errno;
    free(plan);
    if (pid > 0)
        return pid;
    fprintf(stderr,
            "musterd: cannot start the steward: %s; without it no address is held and no script "
            "is run\n",
            strerror(error));
    return 0;
}

/* A stopped steward ends as soon as it continues; until then the fence guards its addresses. */
static void await_steward(pid_t steward)
{
    enum { STEWARD_END_MS = 5000, PAUSE_MS = 10 }; /* it tries to remove addresses for 2 s */
    for (int waited_ms = 0; waitpid(steward, NULL, WNOHANG) == 0; waited_ms += PAUSE_MS) {
        if (waited_ms >= STEWARD_END_MS) {
            log_error("the steward, pid %d, does not end, and is left behind", (int)steward);
            return;
        }
        poll(NULL, 0, PAUSE_MS);
    }
}

/* Warns of settings that the operator may not have meant. */
static void log_user_hints(const struct config *c, const struct config_options *o)
{
    if (c->user && c->file && access(c->file, R_OK) != 0)
        log_warn("%s: user %s cannot read the file, so that a reload fails; chgrp the file to a "
                 "group of that user",
                 c->file, c->user);
    if (!c->user && !o->keep_user && geteuid() == 0)
        log_info("there is no user \"" CONFIG_DEFAULT_USER "\" on this host: the agent runs as "
                 "root");
}

/* Does all that must come before the first thread. EXIT_SUCCESS, or the status to exit with. */
static int prepare(const struct config *config, struct config_options *options,
                   struct steward_ends *ends, pid_t *steward)
{
    char error[ERROR_BYTES];
    *steward = 0;
    *ends = (struct steward_ends){-1, -1};
    /* First: the steward at its start removes addresses, which another agent may hold. */
    if (!directory_is_free(config->run_dir, "-r", error) ||
        !directory_is_free(config->state_dir, "-s", error)) {
        fprintf(stderr, "musterd: %s\n", error);
        return EXIT_FAILURE;
    }
    /* Before the steward: the name of its hand-over depends on the directory. */
    directory_make(config->state_dir, DIRECTORY_STATE_MODE);
    *steward = start_steward(config, options, ends);
    if (*steward == 0)
        return AGENT_EXIT_STEWARD;
    if (!privilege_drop(config, error))
        fprintf(stderr, "musterd: %s\n", error);
    else if (!log_open(config->log_level))
        fprintf(stderr, "musterd: cannot start a thread for the log\n");
    else
        return EXIT_SUCCESS;
    close(ends->vips);
    close(ends->scripts);
    return EXIT_FAILURE;
}

static int serve(struct config *config, struct config_options *options,
                 const struct steward_ends *ends)
{
    struct agent agent;
    char error[ERROR_BYTES] = "";
    int status = EXIT_FAILURE;
    log_user_hints(config, options);
    options->divided = config->account;
    if (agent_start(&agent, agent_rows, agent_rows_count, config, options, ends, error))
        status = agent_run(&agent);
    else
        log_error("%s", error);
    agent_stop(&agent, agent_rows, agent_rows_count);
    return status;
}

static int run(struct config *config, struct config_options *options)
{
    struct steward_ends ends;
    pid_t steward;
    int status = prepare(config, options, &ends, &steward);
    bool ready = status == EXIT_SUCCESS;
    if (ready)
        status = serve(config, options, &ends);
    else
        config_free(config);
    if (steward > 0)
        await_steward(steward);
    if (ready)
        log_close();
    return status;
}

static int start(struct config *config, struct config_options *options)
{
    signals_ignore_stray();
    if (init_split())
        return run(config, options);
    fprintf(stderr, "musterd: cannot fork: %s\n", strerror(errno));
    config_free(config);
    return EXIT_FAILURE;
}

/* Whatever is opened first would get the numbers of standard streams that are closed: the steward's
 * sockets, and the log written to them. */
static bool open_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return false;
    return true;
}

int main(int argc, char **argv)
{
    if (!open_standard_streams())
        return EXIT_FAILURE; /* there may be no stream left to say it on */
    struct config_options options = {0};
    int status = config_options_parse(argc, argv, &options);
    if (status >= 0)
        return status;
    char error[ERROR_BYTES];
    struct config *config = config_load(&options, error);
    if (!config) {
        fprintf(stderr, "%s\n", error);
        return AGENT_EXIT_CONFIGURATION;
    }
    if (!options.check)
        return start(config, &options);
    config_print(config, stdout);
    config_free(config);
    return EXIT_SUCCESS;
}
