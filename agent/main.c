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

/* Its pid, and our end of the socket to it; 0: there is none, which is said. */
static pid_t start_steward(const struct config *c, int *fd)
{
    struct steward_vip *vips = calloc(c->vips_count, sizeof *vips);
    pid_t pid = -1;
    for (size_t i = 0; vips && i < c->vips_count; i++)
        describe(&c->vips[i], &vips[i]);
    if (vips)
        pid = steward_fork(vips, c->vips_count, fd);
    free(vips);
    if (pid > 0)
        return pid;
    fprintf(stderr, "musterd: cannot start the steward: %s; no address is held here\n",
            strerror(errno));
    return 0;
}

static int run(struct config *config, const struct config_options *options)
{
    struct agent agent;
    char error[AGENT_ERROR_BYTES] = "";
    int status = EXIT_FAILURE, steward_fd = -1;
    /* Before there is any thread. */
    pid_t steward = config->vips_count > 0 ? start_steward(config, &steward_fd) : 0;
    if (!log_open(config->log_level)) {
        fprintf(stderr, "musterd: cannot start a thread for the log\n");
        config_free(config);
        return status;
    }
    if (agent_start(&agent, config, options, steward_fd, error))
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
