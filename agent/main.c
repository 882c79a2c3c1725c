/* musterd: reads its options, and runs an agent. */
#include "agent/agent.h"
#include "agent/steward.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { EXIT_CONFIGURATION = 2 };

static void describe(const struct vip_spec *spec, struct steward_vip *vip)
{
    snprintf(vip->name, sizeof vip->name, "%s", spec->name);
    snprintf(vip->interface, sizeof vip->interface, "%s", spec->interface);
    memcpy(vip->ip, spec->address.ip, sizeof vip->ip);
    vip->prefix = spec->prefix_bits;
}

/* The configuration as it is now, in the steward. */
static bool load_scripts(void *arg, struct scripts *into)
{
    char error[CONFIG_ERROR_BYTES];
    struct config *config = config_load(arg, error);
    bool ok = config && scripts_take(into, config);
    if (config)
        config_free(config);
    return ok;
}

/* Its pid, and our ends of the sockets to it; 0: there is none, which is said. */
static pid_t start_steward(const struct config *c, struct config_options *options,
                           struct steward_ends *ends)
{
    static struct scripts scripts;
    struct steward_vip *vips = calloc(c->vips_count + 1, sizeof *vips);
    pid_t pid = -1;
    *ends = (struct steward_ends){-1, -1};
    for (size_t i = 0; vips && i < c->vips_count; i++)
        describe(&c->vips[i], &vips[i]);
    const struct steward_plan plan = {vips, c->vips_count, &scripts, load_scripts, options};
    if (vips && scripts_take(&scripts, c))
        pid = steward_fork(&plan, ends);
    int error = errno;
    scripts_free(&scripts);
    free(vips);
    if (pid > 0)
        return pid;
    fprintf(stderr,
            "musterd: cannot start the steward: %s; no address is held here, and no script "
            "is run\n",
            strerror(error));
    return 0;
}

static int run(struct config *config, struct config_options *options)
{
    struct agent agent;
    char error[AGENT_ERROR_BYTES] = "";
    int status = EXIT_FAILURE;
    struct steward_ends ends;
    /* Before there is any thread. */
    pid_t steward = start_steward(config, options, &ends);
    if (!log_open(config->log_level)) {
        fprintf(stderr, "musterd: cannot start a thread for the log\n");
        config_free(config);
        return status;
    }
    if (agent_start(&agent, config, options, &ends, error))
        status = agent_run(&agent);
    else
        log_error("%s", error);
    agent_stop(&agent);
    if (steward > 0)
        waitpid(steward, NULL, 0);
    log_close();
    return status;
}

int main(int argc, char **argv)
{
    struct config_options options = {0};
    int status = config_options_parse(argc, argv, &options);
    if (status >= 0)
        return status;
    char error[CONFIG_ERROR_BYTES];
    struct config *config = config_load(&options, error);
    if (!config) {
        fprintf(stderr, "%s\n", error);
        return EXIT_CONFIGURATION;
    }
    if (!options.check)
        return run(config, &options);
    config_print(config, stdout);
    config_free(config);
    return EXIT_SUCCESS;
}
