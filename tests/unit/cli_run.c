#include "tests/unit/cli_run.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 16

struct fake_agent fake;
char said[CLI_RUN_OUTPUT_BYTES], complained[CLI_RUN_OUTPUT_BYTES];

static void read_output(FILE *from, char *into)
{
    rewind(from);
    into[fread(into, 1, CLI_RUN_OUTPUT_BYTES - 1, from)] = '\0';
    fclose(from);
}

static _Noreturn void run_here(cli_run_fn *command, const char *socket, char *line, bool json)
{
    struct cli_command entry = {"test", "ARGUMENTS", "", command};
    struct cli cli = {.command = &entry, .title = "muster test", .json = json};
    char *words[WORDS_MAX] = {cli.title};
    int count = 1;
    for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
        words[count++] = word;
    snprintf(cli.socket, sizeof cli.socket, "%s", socket);
    optind = 0;
    int status = command(&cli, count, words);
    fflush(stdout);
    _exit(status);
}

int cli_run_to(int output_fd, cli_run_fn *command, const char *arguments, bool json)
{
    char line[256];
    FILE *err = tmpfile();
    ck_assert_ptr_nonnull(err);
    snprintf(line, sizeof line, "%s", arguments);
    fflush(stdout); /* or the child would write what waits there again */
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        dup2(output_fd, STDOUT_FILENO);
        dup2(fileno(err), STDERR_FILENO);
        run_here(command, fake.address.sun_path, line, json);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    read_output(err, complained);
    ck_assert_msg(WIFEXITED(status), "ended by signal %d: %s", WTERMSIG(status), complained);
    return WEXITSTATUS(status);
}

int cli_run(cli_run_fn *command, const char *arguments, bool json)
{
    FILE *out = tmpfile();
    ck_assert_ptr_nonnull(out);
    int status = cli_run_to(fileno(out), command, arguments, json);
    read_output(out, said);
    return status;
}

int cli_run_against(void (*script)(struct fake_agent *f), cli_run_fn *command,
                    const char *arguments, bool json)
{
    fake_agent_start(&fake, script);
    int status = cli_run(command, arguments, json);
    fake_agent_stop(&fake);
    return status;
}

void assert_complained(const char *text)
{
    ck_assert_msg(strstr(complained, text), "\"%s\" does not say \"%s\"", complained, text);
}
