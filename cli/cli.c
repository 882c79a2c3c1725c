#include "cli/cli.h"

#include "agent/base/duration.h"
#include "agent/rpc/fields.h"
#include "cli/print.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_RUN_DIR MUSTER_RUNSTATEDIR "/muster"
#define MESSAGE_BYTES_MAX 2048

static void cli_vsay(const struct cli *cli, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
static void cli_vsay(const struct cli *cli, const char *format, va_list arguments)
{
    char message[MESSAGE_BYTES_MAX];
    vsnprintf(message, sizeof message, format, arguments);
    fprintf(stderr, "%s: ", cli->title);
    print_safe(stderr, message);
    putc('\n', stderr);
}

void cli_say(const struct cli *cli, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    cli_vsay(cli, format, arguments);
    va_end(arguments);
}

void cli_usage(const struct cli *cli, FILE *out)
{
    if (cli->command)
        fprintf(out, "usage: muster %s%s%s\n", cli->command->name,
                *cli->command->arguments ? " " : "", cli->command->arguments);
    else
        fputs("usage: muster [-r RUN_DIR | -s SOCKET] [-o text|json] COMMAND ...\n", out);
}

void cli_wrong(const struct cli *cli, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    cli_vsay(cli, format, arguments);
    va_end(arguments);
    cli_usage(cli, stderr);
    exit(CLI_USAGE);
}

static void set_socket(struct cli *cli, const char *path, const char *name)
{
    int len = snprintf(cli->socket, sizeof cli->socket, "%s%s", path, name);
    if (len < 0 || (size_t)len >= sizeof cli->socket)
        cli_wrong(cli, "\"%s%s\" is too long for a socket's path: %zu bytes are the most", path,
                  name, sizeof cli->socket - 1);
}

static void set_run_dir(struct cli *cli, const char *run_dir)
{
    set_socket(cli, run_dir, "/control.sock");
}

static void set_output(struct cli *cli, const char *name)
{
    cli->json = strcmp(name, "json") == 0;
    if (!cli->json && strcmp(name, "text") != 0)
        cli_wrong(cli, "-o \"%s\": there are text and json", name);
}

int cli_option(struct cli *cli, int argc, char **argv, const char *letters,
               const struct option *options)
{
    for (;;) {
        int option = getopt_long(argc, argv, letters, options, NULL);
        switch (option) {
        case 'r':
            set_run_dir(cli, optarg);
            break;
        case 's':
            set_socket(cli, optarg, "");
            break;
        case 'o':
            set_output(cli, optarg);
            break;
        case '?': /* getopt has said what is wrong */
            cli_usage(cli, stderr);
            exit(CLI_USAGE);
        case 'h':
            if (!cli->command)
                return option;
            cli_usage(cli, stdout);
            exit(CLI_YES);
        default:
            return option;
        }
    }
}

char **cli_rest(struct cli *cli, int argc, char **argv, int least, int most)
{
    const char *run_dir = getenv("MUSTER_RUN_DIR");
    if (!*cli->socket)
        set_run_dir(cli, run_dir && *run_dir ? run_dir : DEFAULT_RUN_DIR);
    int count = argc - optind;
    if (count > most)
        cli_wrong(cli, "\"%s\" is one argument too many", argv[optind + most]);
    if (count < least)
        cli_wrong(cli, "an argument is missing");
    return argv + optind;
}

char **cli_arguments(struct cli *cli, int argc, char **argv, int least, int most)
{
    static const struct option options[] = {CLI_OPTIONS};
    int option = cli_option(cli, argc, argv, CLI_LETTERS, options);
    assert(option == -1);
    return cli_rest(cli, argc, argv, least, most);
}

char *cli_split(char *pair)
{
    char *equals = strchr(pair, '=');
    if (!equals || equals == pair)
        return NULL;
    *equals = '\0';
    return equals + 1;
}

int64_t cli_deadline(const struct cli *cli, const char *text)
{
    uint32_t timeout_ms;
    if (!duration_parse(text, &timeout_ms) || timeout_ms == 0)
        cli_wrong(cli,
                  "--timeout \"%s\": not a time of up to 30 days, such as \"250ms\", \"5s\" or "
                  "\"2m\"",
                  text);
    return client_now_ms() + timeout_ms;
}

struct client *cli_connect(struct cli *cli, int64_t deadline_ms)
{
    client_open(&cli->client, cli->socket, deadline_ms);
    return &cli->client;
}

int cli_failed(const struct cli *cli, const char *subject)
{
    static const int exits[] = {
        [CLIENT_OK] = CLI_YES,       [CLIENT_REFUSED] = CLI_NO,
        [CLIENT_LOST] = CLI_UNASKED, [CLIENT_TIMED_OUT] = CLI_TIMEOUT,
        [CLIENT_UNREAD] = CLI_YES,
    };
    const struct client *client = &cli->client;
    if (client->status == CLIENT_REFUSED && subject)
        cli_say(cli, "\"%s\": %s", subject, client->error);
    else if (client->status != CLIENT_OK && client->status != CLIENT_UNREAD)
        cli_say(cli, "%s", client->error);
    return exits[client->status];
}

int cli_done(const struct cli *cli, const char *subject, const char *what)
{
    if (cli->client.status != CLIENT_OK)
        return cli_failed(cli, subject);
    if (!cli->json)
        return CLI_YES;
    struct json json = {0};
    json_object_begin(&json, NULL);
    json_boolean(&json, what, true);
    json_object_end(&json);
    return cli_print_json(cli, &json);
}

int cli_print_json(const struct cli *cli, struct json *json)
{
    int status = CLI_YES;
    if (json->failed) {
        cli_say(cli, "out of memory");
        status = CLI_UNASKED;
    } else {
        puts(json->text);
    }
    json_free(json);
    return status;
}

int cli_print_answer(const struct cli *cli)
{
    struct json json = {0};
    fields_object_json(&json, NULL, &cli->client.body.data);
    return cli_print_json(cli, &json);
}
