#include "cli/cli.h"
#include "cli/fields.h"
#include "cli/member.h"
#include "cli/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAGS_MAX 256 /* of one command; a member has room for fewer */

static int print_joined(const struct cli *cli, uint64_t joined, size_t asked)
{
    if (!cli->json) {
        printf("joined through %" PRIu64 " of %zu addresses\n", joined, asked);
        return CLI_YES;
    }
    struct json json = {0};
    json_object_begin(&json, NULL);
    json_unsigned(&json, "joined", joined);
    json_object_end(&json);
    return cli_print_json(cli, &json);
}

int admin_join_run(struct cli *cli, int argc, char **argv)
{
    static const struct fields_entry fields[] = {{"Num", FIELDS_UNSIGNED, 0, false}};
    char **hosts = cli_arguments(cli, argc, argv, 1, CLI_ANY_NUMBER);
    size_t count = 0;
    while (hosts[count])
        count++;

    struct client client;
    client_open(&client, cli->socket, CLIENT_NO_DEADLINE);
    client_request(&client, "join");
    client_put_map(&client, 2);
    client_put_text(&client, "Existing");
    client_put_array(&client, count);
    for (size_t i = 0; i < count; i++)
        client_put_text(&client, hosts[i]);
    client_put_text(&client, "Replay");
    client_put_boolean(&client, false);

    uint64_t joined = 0;
    if (client_call(&client, true) == CLIENT_OK) {
        const char *wrong = fields_read(&client.body.data, fields, 1, client.body.zone, &joined);
        if (wrong)
            client_malformed(&client, wrong);
    }
    int status = client.status == CLIENT_OK
                     ? print_joined(cli, joined, count)
                     : cli_failed(cli, &client, count == 1 ? hosts[0] : NULL);
    client_close(&client);
    return status;
}

int admin_leave_run(struct cli *cli, int argc, char **argv)
{
    cli_arguments(cli, argc, argv, 0, 0);
    struct client client;
    client_open(&client, cli->socket, CLIENT_NO_DEADLINE);
    client_request(&client, "leave");
    if (client_call(&client, false) == CLIENT_OK)
        client_await_end(&client);
    int status = cli_done(cli, &client, NULL, "left");
    client_close(&client);
    return status;
}

int admin_reload_run(struct cli *cli, int argc, char **argv)
{
    return cli_order(cli, argc, argv, "reload", "reloaded");
}

int admin_forget_run(struct cli *cli, int argc, char **argv)
{
    const char *name = *cli_arguments(cli, argc, argv, 1, 1);
    struct client client;
    client_open(&client, cli->socket, CLIENT_NO_DEADLINE);
    client_request(&client, "force-leave");
    client_put_map(&client, 2);
    client_put_text(&client, "Node");
    client_put_text(&client, name);
    client_put_text(&client, "Prune");
    client_put_boolean(&client, true);
    client_call(&client, false);
    int status = cli_done(cli, &client, name, "forgotten");
    client_close(&client);
    return status;
}

/* What `tags` is to change. */
struct changes {
    struct member_tag set[TAGS_MAX];
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
        changes->set[changes->set_count++] = (struct member_tag){*pair, value};
    }
}

static int change_tags(const struct cli *cli, struct client *client, const struct changes *changes)
{
    client_request(client, "tags");
    client_put_map(client, 2);
    client_put_text(client, "Tags");
    client_put_map(client, changes->set_count);
    for (size_t i = 0; i < changes->set_count; i++) {
        client_put_text(client, changes->set[i].key);
        client_put_text(client, changes->set[i].value);
    }
    client_put_text(client, "DeleteTags");
    client_put_array(client, changes->remove_count);
    for (size_t i = 0; i < changes->remove_count; i++)
        client_put_text(client, changes->remove[i]);
    client_call(client, false);
    return cli_done(cli, client, NULL, "changed");
}

static int print_tags(const struct cli *cli, const struct member *self)
{
    if (cli->json) {
        struct json json = {0};
        json_object_begin(&json, NULL);
        member_tags_json(&json, self);
        json_object_end(&json);
        return cli_print_json(cli, &json);
    }
    for (size_t i = 0; i < self->tags_count; i++) {
        print_safe(stdout, self->tags[i].key);
        putchar('=');
        print_safe(stdout, self->tags[i].value);
        putchar('\n');
    }
    return CLI_YES;
}

static int show_tags(const struct cli *cli, struct client *client)
{
    static const struct fields_entry fields[] = {{"tags", FIELDS_OBJECT, 0, false}};
    const msgpack_object *tags = NULL;
    struct member self;
    client_request(client, "stats");
    if (client_call(client, true) != CLIENT_OK)
        return cli_failed(cli, client, NULL);
    const char *wrong = fields_read(&client->body.data, fields, 1, client->body.zone, &tags);
    if (wrong || !member_read_tags(tags, client->body.zone, &self)) {
        client_malformed(client, "tags");
        return cli_failed(cli, client, NULL);
    }
    return print_tags(cli, &self);
}

int admin_tags_run(struct cli *cli, int argc, char **argv)
{
    struct changes changes = {0};
    read_changes(cli, argc, argv, &changes);
    struct client client;
    client_open(&client, cli->socket, CLIENT_NO_DEADLINE);
    bool ask = changes.set_count == 0 && changes.remove_count == 0;
    int status = ask ? show_tags(cli, &client) : change_tags(cli, &client, &changes);
    client_close(&client);
    return status;
}
