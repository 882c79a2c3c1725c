#include "agent/rpc/fields.h"
#include "cli/cli.h"
#include "cli/print.h"

/* The command has something to say without an agent too. */
#define VERSION_WAIT_MS 2000

/* NULL: there is no agent, or none that says. */
static const char *agent_version(struct client *client)
{
    if (client_ask(client, true, "info") != CLIENT_OK)
        return NULL;
    const msgpack_object *version = rpc_field(rpc_field(&client->body.data, "agent"), "version");
    return version ? fields_text(version, client->body.zone) : NULL;
}

int version_run(struct cli *cli, int argc, char **argv)
{
    cli_arguments(cli, argc, argv, 0, 0);
    const char *agent = agent_version(cli_connect(cli, client_now_ms() + VERSION_WAIT_MS));
    if (!cli->json) {
        puts("muster " PACKAGE_VERSION);
        if (agent) {
            fputs("musterd ", stdout);
            print_safe(stdout, agent);
            putchar('\n');
        }
        return CLI_YES;
    }
    struct json json = {0};
    json_object_begin(&json, NULL);
    json_string(&json, "version", PACKAGE_VERSION);
    if (agent)
        json_string(&json, "agent_version", agent);
    json_object_end(&json);
    return cli_print_json(cli, &json);
}
