#include "cli/vip.h"

#include <string.h>

enum {
    AGAIN_MS = 500, /* asked for again so often */
    MOVE_MS = 5000, /* a move takes milliseconds, or it is none */
};

#define NO_MEMBER "no such member" /* what is said of a host's name, and not of an address's */

static enum client_status vip_ask_move(struct client *client, const char *name, const char *host)
{
    return client_ask(client, false, "vip-move", "Name", name, "Host", host);
}

/* The request to the holder may have been lost, or HOST did not wait for the address yet. A refusal
 * means nothing: between two holders nobody has the address. */
static void vip_repeat_move(struct client *client, const char *name, const char *host)
{
    if (vip_ask_move(client, name, host) == CLIENT_REFUSED)
        client->status = CLIENT_OK;
}

/* Until HOST has it (NULL: until this host has not). A move that was tried, as the epoch shows, and
 * went wrong is not tried again: each time nobody has it for a moment. */
static int await_move(struct cli *cli, const char *name, const char *host)
{
    struct client *client = &cli->client;
    struct vip vip = {.state = ""};
    uint64_t epoch = 0;
    int64_t end_ms = client_now_ms() + MOVE_MS, again_ms = client_now_ms() + AGAIN_MS;
    while (client_now_ms() < end_ms) {
        if (host && vip.record.epoch == epoch && client_now_ms() >= again_ms) {
            vip_repeat_move(client, name, host);
            again_ms += AGAIN_MS;
        }
        if (vip_ask(client, name, &vip) != CLIENT_OK)
            return cli_failed(cli, name);
        if (host ? strcmp(vip.record.holder, host) == 0 : strcmp(vip.state, "waiting") == 0)
            return cli_done(cli, NULL, host ? "moved" : "released");
        epoch = epoch ? epoch : vip.record.epoch;
        vip_pause();
    }
    cli_say(cli, "\"%s\" is held by %s; muster vip explain %s on its holder says who waits for it",
            name, *vip.record.holder ? vip.record.holder : "nobody", name);
    return CLI_NO;
}

int vip_move_run(struct cli *cli, char **arguments)
{
    const char *name = arguments[0], *host = arguments[1];
    if (vip_ask_move(&cli->client, name, host) != CLIENT_OK)
        return cli_failed(cli, strcmp(cli->client.error, NO_MEMBER) == 0 ? host : name);
    return await_move(cli, name, host);
}

int vip_release_run(struct cli *cli, char **arguments)
{
    const char *name = arguments[0];
    if (client_ask(&cli->client, false, "vip-release", "Name", name) != CLIENT_OK)
        return cli_failed(cli, name);
    return await_move(cli, name, NULL);
}
