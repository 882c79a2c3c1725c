#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int help_run(struct cli *cli, int argc, char **argv);

static const struct cli_command commands[] = {
    {"members", "[--status STATUS] [--tag KEY=VALUE]... [--format TEMPLATE]",
     "list the members of the cluster", members_run},
    {"watch", "[--on EVENT,...] [--from SEQ]", "print changes as they happen", watch_run},
    {"wait", "[--alive N] [--failed NAME]... [--vip NAME]... [--timeout TIME]",
     "wait until N members are alive, some have failed, or addresses are held", wait_run},
    {"info", "", "show this agent's identity, timings and counters", info_run},
    {"explain", "NAME", "show what this agent knows about a member, and why", explain_run},
    {"join", "ADDRESS...", "join a cluster through any of its members", join_run},
    {"leave", "", "leave the cluster and stop the agent", leave_run},
    {"forget", "NAME", "remove a failed member from every view", forget_run},
    {"tags", "[KEY=VALUE]... [-d KEY]...", "show this agent's tags, or change them", tags_run},
    {"reload", "", "read the agent's configuration again", reload_run},
    {"vip", "[list] | explain NAME | move NAME HOST | release NAME",
     "show the floating addresses, or move one", vip_run},
    {"lock", "[--timeout TIME] NAME -- COMMAND...",
     "run a command while holding a lock of the whole cluster", lock_run},
    {"drain", "", "give up this host's addresses and take none", drain_run},
    {"undrain", "", "take addresses again", undrain_run},
    {"version", "", "show the versions of this command and of the agent", version_run},
    {"help", "[COMMAND]", "show how a command is used", help_run},
};
#define COMMANDS_COUNT (sizeof commands / sizeof commands[0])

static const struct cli_command *main_find(const char *name)
{
    for (size_t i = 0; i < COMMANDS_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void overview(const struct cli *cli, FILE *out)
{
    cli_usage(cli, out);
    fputs("\nCommands:\n", out);
    for (size_t i = 0; i < COMMANDS_COUNT; i++)
        fprintf(out, "  %-8s  %s\n", commands[i].name, commands[i].summary);
    fputs("\nOptions, before the command or after it:\n"
          "  -r, --run-dir RUN_DIR   ask the agent of this run directory "
          "($MUSTER_RUN_DIR, " MUSTER_RUNSTATEDIR "/muster)\n"
          "  -s, --socket SOCKET     ask at this socket\n"
          "  -o, --output text|json  how to answer\n"
          "  -h, --help              show this, or how a command is used\n"
          "\nExit status: 0 yes or done, 1 no, 2 wrong usage, 3 the agent could not be asked, "
          "4 timed out.\n",
          out);
}

static int help_run(struct cli *cli, int argc, char **argv)
{
    const char *name = *cli_arguments(cli, argc, argv, 0, 1);
    const struct cli_command *command = name ? main_find(name) : NULL;
    if (name && !command)
        cli_wrong(cli, "there is no command \"%s\"; muster help lists them", name);
    cli->command = command;
    if (!command) {
        overview(cli, stdout);
        return CLI_YES;
    }
    cli_usage(cli, stdout);
    printf("%s\n", command->summary);
    return CLI_YES;
}

static int main_run(struct cli *cli, int argc, char **argv)
{
    cli->command = main_find(argv[0]);
    if (!cli->command)
        cli_wrong(cli, "there is no command \"%s\"; muster help lists them", argv[0]);
    snprintf(cli->title, sizeof cli->title, "muster %s", argv[0]);
    argv[0] = cli->title; /* getopt's messages begin with it */
    optind = 0;           /* getopt begins anew */
    return cli->command->run(cli, argc, argv);
}

static int main_finish(struct cli *cli, int status)
{
    if (cli->client.path)
        client_close(&cli->client);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    cli_say(cli, "standard output: %s", strerror(errno));
    return status == CLI_YES ? CLI_UNASKED : status;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {CLI_OPTIONS};
    struct cli cli = {.title = "muster"};
    argv[0] = cli.title;
    if (cli_option(&cli, argc, argv, "+" CLI_LETTERS, options) == 'h') {
        overview(&cli, stdout);
        return main_finish(&cli, CLI_YES);
    }
    if (optind >= argc) {
        overview(&cli, stderr);
        return CLI_USAGE;
    }
    return main_finish(&cli, main_run(&cli, argc - optind, argv + optind));
}
