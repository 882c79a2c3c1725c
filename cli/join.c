#include "cli/cli.h"

#include <inttypes.h>

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

int join_run(struct cli *cli, int argc, char **argv)
{
    char **hosts = cli_arguments(cli, argc, argv, 1, CLI_ANY_NUMBER);
    size_t count = 0;
    uint64_t joined = 0;
    struct client *client = cli_connect(cli, CLIENT_NO_DEADLINE);
    struct rpc_out *out = client_request(client, "join");
    rpc_map_begin(out, NULL);
    rpc_array_begin(out, "Existing");
    while (hosts[count])
        rpc_put_text(out, NULL, hosts[count++]);
    rpc_end(out);
    rpc_put_boolean(out, "Replay", false);
    rpc_end(out);
    if (client_call(client, true) == CLIENT_OK &&
        !rpc_get_unsigned(&client->body.data, "Num", &joined))
        client_malformed(client, "Num");
    if (client->status != CLIENT_OK)
        return cli_failed(cli, count == 1 ? hosts[0] : NULL);
    return print_joined(cli, joined, count);
}
