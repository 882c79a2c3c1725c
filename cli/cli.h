/* cli: what the subcommands share: exit statuses, common options, how errors are said. */
#ifndef MUSTER_CLI_H
#define MUSTER_CLI_H

#include "agent/base/json.h"
#include "cli/client.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum cli_exit {
    CLI_YES = 0,     /* or done */
    CLI_NO = 1,      /* not found, not alive, refused */
    CLI_USAGE = 2,   /* the command line is wrong */
    CLI_UNASKED = 3, /* the agent could not be asked */
    CLI_TIMEOUT = 4, /* --timeout passed */
};

struct cli;

struct cli_command {
    const char *name;
    const char *arguments;                              /* for the usage line; "" for none */
    const char *summary;                                /* one line, no full stop */
    int (*run)(struct cli *cli, int argc, char **argv); /* argv[0] is for messages only */
};

struct cli {
    const struct cli_command *command; /* NULL until it is known */
    char title[32];                    /* "muster members", begins every message */
    char socket[CLIENT_PATH_BYTES];
    bool json;
};

/* What every command takes; own options stand before it. */
#define CLI_LETTERS "r:s:o:h"
#define CLI_OPTIONS                                                                                \
    {"run-dir", required_argument, NULL, 'r'}, {"socket", required_argument, NULL, 's'},           \
        {"output", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'},                \
    {                                                                                              \
        NULL, 0, NULL, 0                                                                           \
    }

/* The defaults: the run folder is $MUSTER_RUN_DIR or /run/muster. */
void cli_init(struct cli *cli);

/* As getopt_long, with the common options taken care of: a wrong one ends the process with
 * CLI_USAGE, and --help after a command with CLI_YES; before one it is returned as 'h'. */
int cli_option(struct cli *cli, int argc, char **argv, const char *letters,
               const struct option *options);

/* For commands without options of their own. Returns the arguments, of which there are `least` to
 * `most`, NULL at the end; ends the process with CLI_USAGE otherwise. */
char **cli_arguments(struct cli *cli, int argc, char **argv, int least, int most);
/* The same after the last cli_option. */
char **cli_rest(struct cli *cli, int argc, char **argv, int least, int most);
#define CLI_ANY_NUMBER INT32_MAX

/* Says what is wrong with the command line and how it should be; ends the process (CLI_USAGE). */
_Noreturn void cli_wrong(const struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void cli_usage(const struct cli *cli, FILE *out);

/* Says something on stderr, made safe for a terminal. */
void cli_say(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Says what the client's last call ended with, about `subject` (NULL: nothing in particular), and
 * returns the exit status for it. */
int cli_failed(const struct cli *cli, const struct client *client, const char *subject);
/* The same, and after a call that went well text mode says nothing, and JSON mode {"WHAT":true}. */
int cli_done(const struct cli *cli, const struct client *client, const char *subject,
             const char *what);
/* A whole command that takes no arguments: has the agent do that, and says WHAT. */
int cli_order(struct cli *cli, int argc, char **argv, const char *command, const char *what);

/* Splits KEY=VALUE in place and returns VALUE, NULL if it is none. */
char *cli_split(char *pair);

/* Prints the document and frees it. Returns the exit status. */
int cli_print_json(const struct cli *cli, struct json *json);

int admin_forget_run(struct cli *cli, int argc, char **argv);
int admin_join_run(struct cli *cli, int argc, char **argv);
int admin_leave_run(struct cli *cli, int argc, char **argv);
int admin_reload_run(struct cli *cli, int argc, char **argv);
int admin_tags_run(struct cli *cli, int argc, char **argv);
int explain_run(struct cli *cli, int argc, char **argv);
int info_run(struct cli *cli, int argc, char **argv);
int info_version_run(struct cli *cli, int argc, char **argv);
int members_run(struct cli *cli, int argc, char **argv);
int lock_run(struct cli *cli, int argc, char **argv);
int vip_run(struct cli *cli, int argc, char **argv);
int vip_drain_run(struct cli *cli, int argc, char **argv);
int vip_undrain_run(struct cli *cli, int argc, char **argv);
int wait_run(struct cli *cli, int argc, char **argv);
int watch_run(struct cli *cli, int argc, char **argv);

#endif
