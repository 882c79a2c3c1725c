/* cli: what the commands share: exit statuses, common options, the connection to the agent, answers
 * in text and in JSON. A command is a row of main.c's table and a file of its own (orders.c has
 * those that only say that something is done). Below them: client.h (the protocol), print.h (text),
 * member.h and vip.h (what is listed). */
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

/* A command. argv[0] is for messages only; returns the exit status. */
typedef int cli_run_fn(struct cli *cli, int argc, char **argv);

struct cli_command {
    const char *name;
    const char *arguments; /* for the usage line; "" for none */
    const char *summary;   /* one line, no full stop */
    cli_run_fn *run;
};

struct cli {
    const struct cli_command *command; /* NULL until it is known */
    char title[32];                    /* "muster members", begins every message */
    char socket[CLIENT_PATH_BYTES];
    bool json;
    struct client client; /* after cli_connect */
};

/* ---- the command line ---- */

/* What every command takes; own options stand before it. */
#define CLI_LETTERS "r:s:o:h"
#define CLI_OPTIONS                                                                                \
    {"run-dir", required_argument, NULL, 'r'}, {"socket", required_argument, NULL, 's'},           \
        {"output", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'},                \
    {                                                                                              \
        NULL, 0, NULL, 0                                                                           \
    }

/* As getopt_long, with the common options taken care of: a wrong one ends the process with
 * CLI_USAGE, and --help after a command with CLI_YES; before one it is returned as 'h'. */
int cli_option(struct cli *cli, int argc, char **argv, const char *letters,
               const struct option *options);
/* For commands without options of their own. Returns the arguments, of which there are `least` to
 * `most`, NULL at the end; ends the process with CLI_USAGE otherwise. The run directory is
 * $MUSTER_RUN_DIR or /run/muster where no option names one. */
char **cli_arguments(struct cli *cli, int argc, char **argv, int least, int most);
/* The same after the last cli_option. */
char **cli_rest(struct cli *cli, int argc, char **argv, int least, int most);
#define CLI_ANY_NUMBER INT32_MAX

/* Splits KEY=VALUE in place and returns VALUE, NULL if it is none. */
char *cli_split(char *pair);
/* The argument of --timeout as a deadline; ends the process with CLI_USAGE if it is no time. */
int64_t cli_deadline(const struct cli *cli, const char *text);

/* Says what is wrong with the command line and how it should be; ends the process (CLI_USAGE). */
_Noreturn void cli_wrong(const struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void cli_usage(const struct cli *cli, FILE *out);
/* Says something on stderr, made safe for a terminal. */
void cli_say(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- the agent ---- */

/* Connects; main closes cli->client in the end. Borrowed from cli. */
struct client *cli_connect(struct cli *cli, int64_t deadline_ms);
/* Says what the client's last call ended with, about `subject` (NULL: nothing in particular), and
 * returns the exit status for it. */
int cli_failed(const struct cli *cli, const char *subject);
/* The same, and after a call that went well text mode says nothing, and JSON mode {"WHAT":true}. */
int cli_done(const struct cli *cli, const char *subject, const char *what);

/* ---- answers ---- */

/* Prints the document and frees it. Returns the exit status. */
int cli_print_json(const struct cli *cli, struct json *json);
/* Prints the body of the last answer as one JSON document: our commands answer in JSON's names. */
int cli_print_answer(const struct cli *cli);

/* ---- the commands ---- */

cli_run_fn explain_run, forget_run, info_run, join_run, leave_run, lock_run, members_run,
    reload_run, tags_run, version_run, vip_run, drain_run, undrain_run, wait_run, watch_run;

#endif
