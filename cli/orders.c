/* Commands that have the agent do something, and answer only that it is done. */
#include "cli/cli.h"

static int order_run(struct cli *cli, int argc, char **argv, const char *command, const char *what)
{
    cli_arguments(cli, argc, argv, 0, 0);
    client_ask(cli_connect(cli, CLIENT_NO_DEADLINE), false, command);
    return cli_done(cli, NULL, what);
}

int reload_run(struct cli *cli, int argc, char **argv)
{
    return order_run(cli, argc, argv, "reload", "reloaded");
}

int undrain_run(struct cli *cli, int argc, char **argv)
{
    return order_run(cli, argc, argv, "undrain", "undrained");
}

/* Done when the agent has ended, and not only when it has said that it will. */
int leave_run(struct cli *cli, int argc, char **argv)
{
    cli_arguments(cli, argc, argv, 0, 0);
    struct client *client = cli_connect(cli, CLIENT_NO_DEADLINE);
    if (client_ask(client, false, "leave") == CLIENT_OK)
        client_await_end(client);
    return cli_done(cli, NULL, "left");
}

int forget_run(struct cli *cli, int argc, char **argv)
{
    const char *name = *cli_arguments(cli, argc, argv, 1, 1);
    struct client *client = cli_connect(cli, CLIENT_NO_DEADLINE);
    struct rpc_out *out = client_request(client, "force-leave");
    rpc_map_begin(out, NULL);
    rpc_put_text(out, "Node", name);
    rpc_put_boolean(out, "Prune", true);
    rpc_end(out);
    client_call(client, false);
    return cli_done(cli, name, "forgotten");
}
