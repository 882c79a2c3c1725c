#include "cli/cli.h"
#include "cli/member.h"
#include "cli/print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAGS_MAX 64 /* --tag options; a member has hardly more */
#define COLUMNS_MAX 5

struct filter {
    const char *status; /* NULL: any */
    struct member_tag tags[TAGS_MAX];
    size_t tags_count;
    const char *template; /* NULL: a table */
};

static const char *check_status(const struct cli *cli, const char *status)
{
    static const char *const known[] = {"alive", "suspect", "failed", "leaving", "left"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(status, known[i]) == 0)
            return status;
    cli_wrong(cli, "--status \"%s\": there are alive, suspect, failed, leaving and left", status);
}

static void add_tag(const struct cli *cli, struct filter *filter, char *pair)
{
    char *value = cli_split(pair);
    if (!value)
        cli_wrong(cli, "--tag \"%s\": not KEY=VALUE, such as \"role=db\"", pair);
    if (filter->tags_count == TAGS_MAX)
        cli_wrong(cli, "more than %d tags to look for", TAGS_MAX);
    filter->tags[filter->tags_count++] = (struct member_tag){pair, value};
}

static const char *check_template(const struct cli *cli, const char *template)
{
    char error[PRINT_ERROR_BYTES];
    if (!print_template_check(template, error))
        cli_wrong(cli, "--format %s", error);
    return template;
}

static void read_options(struct cli *cli, int argc, char **argv, struct filter *filter)
{
    static const struct option options[] = {{"status", required_argument, NULL, 'S'},
                                            {"tag", required_argument, NULL, 'T'},
                                            {"format", required_argument, NULL, 'F'},
                                            CLI_OPTIONS};
    int option;
    while ((option = cli_option(cli, argc, argv, CLI_LETTERS, options)) != -1) {
        if (option == 'S')
            filter->status = check_status(cli, optarg);
        else if (option == 'T')
            add_tag(cli, filter, optarg);
        else
            filter->template = check_template(cli, optarg);
    }
    cli_rest(cli, argc, argv, 0, 0);
    if (filter->template && cli->json)
        cli_wrong(cli, "--format and -o json are two ways to answer: take one");
}

static bool fits(const struct member *member, const struct filter *filter)
{
    if (filter->status && strcmp(member->status, filter->status) != 0)
        return false;
    for (size_t i = 0; i < filter->tags_count; i++) {
        const char *value = member_tag_value(member, filter->tags[i].key);
        if (!value || strcmp(value, filter->tags[i].value) != 0)
            return false;
    }
    return true;
}

static int print_json(const struct cli *cli, const struct filter *filter, const struct member *rows,
                      size_t count)
{
    struct json json = {0};
    json_object_begin(&json, NULL);
    json_array_begin(&json, "members");
    for (size_t i = 0; i < count; i++)
        if (fits(&rows[i], filter))
            member_json(&json, NULL, &rows[i]);
    json_array_end(&json);
    json_object_end(&json);
    return cli_print_json(cli, &json);
}

/* The last column, which is there only when it says something: whoever reads the others by their
 * place finds them in it at all times. */
static size_t count_columns(const struct filter *filter, const struct member *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fits(&rows[i], filter) && *member_note(&rows[i]))
            return COLUMNS_MAX;
    return COLUMNS_MAX - 1;
}

static int print_rows(const struct cli *cli, const struct filter *filter, const struct member *rows,
                      size_t count)
{
    size_t columns = count_columns(filter, rows, count);
    struct print_cell *cells = calloc((count + 1) * columns, sizeof *cells);
    if (!cells) {
        cli_say(cli, "out of memory");
        return CLI_UNASKED;
    }
    static const char *const head[COLUMNS_MAX] = {"NAME", "ADDRESS", "STATUS", "TAGS", "NOTE"};
    struct print_cell *cell = cells;
    for (size_t i = 0; i < columns; i++)
        *cell++ = (struct print_cell){head[i], false};
    for (size_t i = 0; i < count; i++) {
        if (!fits(&rows[i], filter))
            continue;
        *cell++ = (struct print_cell){rows[i].name, false};
        *cell++ = (struct print_cell){rows[i].address, false};
        *cell++ = (struct print_cell){rows[i].status, true};
        *cell++ = (struct print_cell){rows[i].tags_text, false};
        if (columns == COLUMNS_MAX)
            *cell++ = (struct print_cell){member_note(&rows[i]), true};
    }
    print_table(stdout, cells, columns, (size_t)(cell - cells) / columns);
    free(cells);
    return CLI_YES;
}

static int print_formatted(const struct filter *filter, const struct member *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fits(&rows[i], filter))
            print_template(stdout, filter->template, &rows[i]);
    return CLI_YES;
}

int members_run(struct cli *cli, int argc, char **argv)
{
    struct filter filter = {0};
    read_options(cli, argc, argv, &filter);

    struct client client;
    const struct member *rows;
    size_t count;
    int status;
    client_open(&client, cli->socket, CLIENT_NO_DEADLINE);
    if (member_list(&client, &rows, &count) != CLIENT_OK)
        status = cli_failed(cli, &client, NULL);
    else if (cli->json)
        status = print_json(cli, &filter, rows, count);
    else if (filter.template)
        status = print_formatted(&filter, rows, count);
    else
        status = print_rows(cli, &filter, rows, count);
    client_close(&client);
    return status;
}
