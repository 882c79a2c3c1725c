#include "agent/rpc/fields.h"
#include "cli/cli.h"
#include "cli/print.h"

#define TAGS_MAX 256 /* of one command; a member has room for fewer */

/* What is to change. */
struct changes {
    const char *keys[TAGS_MAX], *values[TAGS_MAX]; /* to be set */
    size_t set_count;
    const char *remove[TAGS_MAX];
    size_t remove_count;
};

static void check_count(const struct cli *cli, size_t count)
{
    if (count == TAGS_MAX)
        cli_wrong(cli, "more than %d tags at one time", TAGS_MAX);
}

static void read_changes(struct cli *cli, int argc, char **argv, struct changes *changes)
{
    static const struct option options[] = {{"delete", required_argument, NULL, 'd'}, CLI_OPTIONS};
    while (cli_option(cli, argc, argv, CLI_LETTERS "d:", options) == 'd') {
        check_count(cli, changes->remove_count);
        changes->remove[changes->remove_count++] = optarg;
    }
    for (char **pair = cli_rest(cli, argc, argv, 0, CLI_ANY_NUMBER); *pair; pair++) {
        char *value = cli_split(*pair);
        if (!value)
            cli_wrong(cli, "\"%s\": not KEY=VALUE, such as \"role=db\"", *pair);
        check_count(cli, changes->set_count);
        changes->keys[changes->set_count] = *pair;
        changes->values[changes->set_count++] = value;
    }
}

static int change_tags(struct cli *cli, const struct changes *changes)
{
    struct rpc_out *out = client_request(&cli->client, "tags");
    rpc_map_begin(out, NULL);
    rpc_map_begin(out, "Tags");
    for (size_t i = 0; i < changes->set_count; i++)
        rpc_put_text(out, changes->keys[i], changes->values[i]);
    rpc_end(out);
    rpc_array_begin(out, "DeleteTags");
    for (size_t i = 0; i < changes->remove_count; i++)
        rpc_put_text(out, NULL, changes->remove[i]);
    rpc_end(out);
    rpc_end(out);
    client_call(&cli->client, false);
    return cli_done(cli, NULL, "changed");
}

static int print_tags(const struct cli *cli, const struct fields_tags *tags)
{
    const char *at = NULL, *key, *value;
    struct json json = {0};
    json_object_begin(&json, NULL);
    fields_tags_json(&json, "tags", tags);
    json_object_end(&json);
    if (cli->json)
        return cli_print_json(cli, &json);
    json_free(&json);
    while (fields_tag_next(tags, &at, &key, &value)) {
        print_safe(stdout, key);
        putchar('=');
        print_safe(stdout, value);
        putchar('\n');
    }
    return CLI_YES;
}

static int show_tags(struct cli *cli)
{
    static const struct fields_entry entries[] = {{.name = "tags", .kind = FIELDS_TAGS}};
    static const struct fields fields = FIELDS(entries);
    struct client *client = &cli->client;
    struct fields_tags tags;
    if (client_ask(client, true, "stats") == CLIENT_OK &&
        !fields_read(&client->body.data, &fields, client->body.zone, &tags))
        return print_tags(cli, &tags);
    if (client->status == CLIENT_OK)
        client_malformed(client, "tags");
    return cli_failed(cli, NULL);
}

int tags_run(struct cli *cli, int argc, char **argv)
{
    struct changes changes = {0};
    read_changes(cli, argc, argv, &changes);
    cli_connect(cli, CLIENT_NO_DEADLINE);
    bool ask = changes.set_count == 0 && changes.remove_count == 0;
    return ask ? show_tags(cli) : change_tags(cli, &changes);
}
