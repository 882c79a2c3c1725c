#include "cli/cli.h"
#include "cli/member.h"
#include "cli/print.h"

#include <string.h>

#define TAGS_MAX 64 /* --tag options; a member has hardly more */

struct filter {
    const char *status; /* NULL: any */
    const char *keys[TAGS_MAX], *values[TAGS_MAX];
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
    filter->keys[filter->tags_count] = pair;
    filter->values[filter->tags_count++] = value;
}

static const char *check_template(const struct cli *cli, const char *template)
{
    char error[PRINT_ERROR_BYTES];
    if (!print_template_check(template, error))
        cli_wrong(cli, "--format %s", error);
    return template;
}

static void members_read_options(struct cli *cli, int argc, char **argv, struct filter *filter)
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

static bool filter_fits(const struct filter *filter, const struct member_record *member)
{
    if (filter->status && strcmp(member->status, filter->status) != 0)
        return false;
    for (size_t i = 0; i < filter->tags_count; i++) {
        const char *value = fields_tag(&member->tags, filter->keys[i]);
        if (!value || strcmp(value, filter->values[i]) != 0)
            return false;
    }
    return true;
}

static int print_members_json(const struct cli *cli, const struct member_record *rows, size_t count)
{
    struct json json = {0};
    json_object_begin(&json, NULL);
    json_array_begin(&json, "members");
    for (size_t i = 0; i < count; i++)
        fields_json(&json, NULL, &member_fields, &rows[i]);
    json_array_end(&json);
    json_object_end(&json);
    return cli_print_json(cli, &json);
}

/* The last column is there only when one of its cells says something: those that read the others by
 * their place find them in it at all times. */
static int print_members(msgpack_zone *zone, const struct member_record *rows, size_t count)
{
    struct print_table table = {.columns = 5};
    bool any_note = false;
    for (size_t i = 0; i < count; i++)
        any_note |= *member_note(&rows[i]) != '\0';
    print_cell(&table, "NAME");
    print_cell(&table, "ADDRESS");
    print_cell(&table, "STATUS");
    print_cell(&table, "TAGS");
    print_cell(&table, any_note ? "NOTE" : "");
    for (size_t i = 0; i < count; i++) {
        print_cell(&table, rows[i].name);
        print_cell(&table, member_address(&rows[i], zone));
        print_status_cell(&table, rows[i].status);
        print_cell(&table, member_tags(&rows[i], zone));
        print_status_cell(&table, member_note(&rows[i]));
    }
    print_table(stdout, &table);
    return CLI_YES;
}

int members_run(struct cli *cli, int argc, char **argv)
{
    struct filter filter = {0};
    const struct member_record *all;
    size_t all_count, count = 0;
    members_read_options(cli, argc, argv, &filter);
    struct client *client = cli_connect(cli, CLIENT_NO_DEADLINE);
    if (member_list(client, &all, &all_count) != CLIENT_OK)
        return cli_failed(cli, NULL);
    struct member_record *rows = print_alloc(client->body.zone, all_count, sizeof *rows);
    for (size_t i = 0; i < all_count; i++)
        if (filter_fits(&filter, &all[i]))
            rows[count++] = all[i];
    if (cli->json)
        return print_members_json(cli, rows, count);
    if (!filter.template)
        return print_members(client->body.zone, rows, count);
    for (size_t i = 0; i < count; i++)
        print_template(stdout, filter.template, &rows[i]);
    return CLI_YES;
}
