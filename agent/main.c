/* musterd: reads its options, and runs an agent. */
#include "agent/agent.h"

#include <stdio.h>
#include <stdlib.h>

enum { EXIT_CONFIGURATION = 2 };

static int run(struct config *config, const struct config_options *options)
{
    struct agent agent;
    char error[AGENT_ERROR_BYTES] = "";
    int status = EXIT_FAILURE;
    if (!log_open(config->log_level)) {
        fprintf(stderr, "musterd: cannot start a thread for the log\n");
        config_free(config);
        return status;
    }
    if (agent_start(&agent, config, options, error))
        status = agent_run(&agent);
    else
        log_error("%s", error);
    agent_stop(&agent);
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
