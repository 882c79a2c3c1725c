/* cli_run: runs one command of the command line against a fake agent, as a process of its own. */
#ifndef MUSTER_CLI_RUN_H
#define MUSTER_CLI_RUN_H

#include "cli/cli.h"
#include "tests/unit/fake_agent.h"

#include <stdbool.h>

#define CLI_RUN_OUTPUT_BYTES 4096

extern struct fake_agent fake;
/* What the last command wrote to stdout and stderr. */
extern char said[CLI_RUN_OUTPUT_BYTES], complained[CLI_RUN_OUTPUT_BYTES];

/* Runs a command with these arguments, separated by spaces; fills `complained`. `fake` is running.
 * Returns the exit status; a death by signal fails the test. */
int cli_run_to(int output_fd, cli_run_fn *command, const char *arguments, bool json);
/* The same; fills `said` too. */
int cli_run(cli_run_fn *command, const char *arguments, bool json);
/* The same, with `fake` started and stopped around it. */
int cli_run_against(void (*script)(struct fake_agent *f), cli_run_fn *command,
                    const char *arguments, bool json);

void assert_complained(const char *text);

#endif
