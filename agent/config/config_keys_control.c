#include "agent/base/address.h"
#include "agent/config/config_keys.h"
#include "agent/config/config_value.h"

#include <grp.h>

#define RPC_PORT_DEFAULT 7373 /* where Serf's clients look */

static bool take_group(struct config_draft *d, const char *value, const struct config_place *at)
{
    if (getgrnam(value) == NULL)
        return config_refuse(at, "no such group on this host; make it, or use another");
    return config_value_keep(&d->config->control_group, value, at);
}

static bool take_rpc(struct config_draft *d, const char *value, const struct config_place *at)
{
    struct gossip_addr addr = {.port = RPC_PORT_DEFAULT};

    if (!config_value_addr(&addr, value, at))
        return false;
    d->config->rpc = addr;
    d->rpc_at = *at;
    return true;
}

static bool take_rpc_auth(struct config_draft *d, const char *value, const struct config_place *at)
{
    return config_value_keep(&d->config->rpc_auth, value, at);
}

static bool end(struct config_draft *d, const struct config_place *at)
{
    const struct config *c = d->config;
    char addr[ADDRESS_TEXT_BYTES];

    (void)at;
    if (c->rpc.port == 0 || c->rpc_auth != NULL || address_is_loopback(c->rpc.ip))
        return true;
    d->rpc_at.value = address_text(c->rpc.ip, c->rpc.port, addr);
    return config_refuse(&d->rpc_at,
                         "other hosts could reach it, so clients must prove themselves; "
                         "set rpc_auth too, or use \"127.0.0.1:7373\"");
}

static const struct config_key keys[] = {
    {"group", false, false, take_group},
    {"rpc", false, false, take_rpc},
    {"rpc_auth", false, true, take_rpc_auth},
    {NULL, false, false, NULL},
};

CONFIG_KEYS_FIT(keys);

const struct config_section config_keys_control = {"control", false, keys, NULL, end};
