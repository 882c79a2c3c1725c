#include "agent/base/address.h"
#include "agent/config/config_keys.h"
#include "agent/config/config_value.h"

#include <string.h>

#define HOST_BYTES 256

static bool has_tag(const struct config *c, const char *key)
{
    const char *at = NULL, *other, *value;

    while (gossip_tag_next(c->tags, c->tags_bytes, &at, &other, &value)) {
        if (strcmp(other, key) == 0)
            return true;
    }
    return false;
}

static bool take_name(struct config_draft *d, const char *value, const struct config_place *at)
{
    if (!gossip_name_valid(value, strlen(value)))
        return config_refuse(at, "%s", gossip_error_text(GOSSIP_ERROR_NAME));
    return config_value_keep(&d->config->name, value, at);
}

static bool take_cluster(struct config_draft *d, const char *value, const struct config_place *at)
{
    if (strlen(value) > GOSSIP_CLUSTER_BYTES_MAX)
        return config_refuse(at, "too long; use at most %d bytes", GOSSIP_CLUSTER_BYTES_MAX);
    return config_value_keep(&d->config->cluster, value, at);
}

static bool take_bind(struct config_draft *d, const char *value, const struct config_place *at)
{
    struct gossip_addr addr = {.port = CONFIG_DEFAULT_PORT};

    if (!config_value_addr(&addr, value, at))
        return false;
    d->config->bind_ipv6 = !address_is_ipv4(addr.ip);
    if (address_is_any(addr.ip))
        memset(addr.ip, 0, sizeof addr.ip);
    d->config->bind = addr;
    return true;
}

static bool take_advertise(struct config_draft *d, const char *value, const struct config_place *at)
{
    struct gossip_addr addr = {.port = 0}; /* the one of bind, once that is known */

    if (!config_value_addr(&addr, value, at))
        return false;
    if (address_is_any(addr.ip))
        return config_refuse(at, "not an address that others could reach; use one of this host's, "
                                 "or leave it out to have it found from the interfaces");
    d->config->advertise = addr;
    d->advertise_at = *at;
    return true;
}

static bool take_join(struct config_draft *d, const char *value, const struct config_place *at)
{
    char host[HOST_BYTES];
    uint16_t port = CONFIG_DEFAULT_PORT;
    struct gossip_addr addr = {.port = 0};

    if (!address_parse_host(value, host, sizeof host, &port))
        return config_refuse(at, "not a host's name or address, with or without a port; use one "
                                 "such as \"10.0.0.12\", \"db2.example.org:7949\" or "
                                 "\"[2001:db8::12]:7949\"");
    if (address_parse(value, addr.ip, &addr.port) &&
        (address_is_any(addr.ip) || address_is_multicast(addr.ip)))
        return config_refuse(at, "not one host's address; use one that a member listens on");
    if (d->config->join_count == CONFIG_JOINS_MAX)
        return config_refuse(at,
                             "more than %d to join; a few are enough, as any one that answers "
                             "tells of all others",
                             CONFIG_JOINS_MAX);
    if (!config_value_keep(&d->config->join[d->config->join_count], value, at))
        return false;
    d->config->join_count++;
    return true;
}

static bool take_tag(struct config_draft *d, const char *value, const struct config_place *at)
{
    char key[GOSSIP_TAG_KEY_BYTES_MAX + 1];
    const char *text;

    if (!config_value_split_tag(value, key, &text))
        return config_refuse(at, "%s", gossip_error_text(GOSSIP_ERROR_TAGS));
    if (at->file != NULL && has_tag(d->config, key)) /* an option may override */
        return config_refuse(at, "a tag \"%s\" is there already; give each key one value", key);
    enum gossip_error error = gossip_tags_set(d->config->tags, &d->config->tags_bytes, key, text);
    return error == GOSSIP_OK || config_refuse(at, "%s", gossip_error_text(error));
}

static bool take_detect(struct config_draft *d, const char *value, const struct config_place *at)
{
    return config_value_duration(&d->config->detect_ms, GOSSIP_DETECT_MS_MIN, GOSSIP_DETECT_MS_MAX,
                                 value, at);
}

static bool take_log_level(struct config_draft *d, const char *value, const struct config_place *at)
{
    return log_level_parse(value, &d->config->log_level) ||
           config_refuse(at, "not a level; use \"error\", \"warn\", \"info\" or \"debug\"");
}

static bool take_user(struct config_draft *d, const char *value, const struct config_place *at)
{
    d->user_at = *at;
    return config_value_account(&d->config->account, value, at) &&
           config_value_keep(&d->config->user, value, at);
}

static const struct config_key keys[] = {
    {"name", false, false, take_name},     {"cluster", false, false, take_cluster},
    {"bind", false, false, take_bind},     {"advertise", false, false, take_advertise},
    {"join", true, false, take_join},      {"tags", true, false, take_tag},
    {"detect", false, false, take_detect}, {"log_level", false, false, take_log_level},
    {"user", false, false, take_user},     {NULL, false, false, NULL},
};

CONFIG_KEYS_FIT(keys);

const struct config_section config_keys_top = {NULL, false, keys, NULL, NULL};
