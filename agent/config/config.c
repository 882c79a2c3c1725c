#include "agent/config/config.h"

#include "agent/base/address.h"
#include "agent/config/config_file.h"
#include "agent/config/config_keys.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_NAME_BYTES_MAX sizeof("/control.sock") /* the longest in the run folder */
#define RUN_DIR_BYTES_MAX (sizeof((struct sockaddr_un *)NULL)->sun_path - SOCKET_NAME_BYTES_MAX)
#define STATE_DIR_BYTES_MAX 3072 /* leaves room for file names below a path's limit */
#define HOST_NAME_BYTES 256

/* ---- options over the file ---- */

static bool take_option(struct config_draft *d, const char *option, const char *key,
                        const char *value, char *error)
{
    const struct config_section *top = config_sections[0];
    struct config_place at = {.error = error, .key = option, .value = value};

    return value == NULL || config_take(d, &top->keys[config_key_index(top, key)], value, &at);
}

static void drop_joins(struct config *c)
{
    while (c->join_count > 0) {
        c->join_count--;
        free(c->join[c->join_count]);
        c->join[c->join_count] = NULL;
    }
}

static bool take_options(struct config_draft *d, const struct config_options *o, char *error)
{
    bool ok = take_option(d, "-n", "name", o->name, error) &&
              take_option(d, "-b", "bind", o->bind, error) &&
              take_option(d, "-a", "advertise", o->advertise, error) &&
              take_option(d, "-l", "log_level", o->log_level, error);

    if (o->join_count > 0)
        drop_joins(d->config);
    for (size_t i = 0; ok && i < o->join_count; i++)
        ok = take_option(d, "-j", "join", o->join[i], error);
    if (o->tags_count > 0)
        d->config->tags_bytes = 0;
    for (size_t i = 0; ok && i < o->tags_count; i++)
        ok = take_option(d, "-T", "tags", o->tags[i], error);
    return ok;
}

static bool take_folder(char **into, const char *option, const char *value, size_t bytes_max,
                        char *error)
{
    struct config_place at = {.error = error, .key = option, .value = value};

    if (value[0] == '\0')
        return config_refuse(&at, "empty; name a folder");
    if (strlen(value) > bytes_max)
        return config_refuse(&at, "too long; use a path of at most %zu bytes", bytes_max);
    *into = strdup(value);
    return *into != NULL || config_refuse(&at, "out of memory");
}

static bool take_folders(struct config *c, const struct config_options *o, char *error)
{
    const char *run_dir = o->run_dir != NULL ? o->run_dir : CONFIG_DEFAULT_RUN_DIR;
    const char *state_dir = o->state_dir != NULL ? o->state_dir : CONFIG_DEFAULT_STATE_DIR;

    return take_folder(&c->run_dir, "-r", run_dir, RUN_DIR_BYTES_MAX, error) &&
           take_folder(&c->state_dir, "-s", state_dir, STATE_DIR_BYTES_MAX, error);
}

/* ---- what depends on several keys ---- */

static bool default_name(struct config *c, char *error)
{
    char host[HOST_NAME_BYTES] = "";

    if (c->name != NULL)
        return true;
    gethostname(host, sizeof host - 1);
    struct config_place at = {.error = error, .key = "name", .value = host};
    if (!gossip_name_valid(host, strlen(host)))
        return config_refuse(&at,
                             "this host's name cannot be a member's: %s; set name in the "
                             "configuration, or give one with -n",
                             gossip_error_text(GOSSIP_ERROR_NAME));
    c->name = strdup(host);
    return c->name != NULL || config_refuse(&at, "out of memory");
}

static bool default_cluster(struct config *c, char *error)
{
    struct config_place at = {.error = error, .key = "cluster"};

    if (c->cluster == NULL)
        c->cluster = strdup("default");
    return c->cluster != NULL || config_refuse(&at, "out of memory");
}

/* Its port is the one of bind unless given; its family must be, as there is one socket. */
static bool finish_advertise(struct config_draft *d)
{
    static const uint8_t unset[sizeof d->config->advertise.ip];
    struct config *c = d->config;
    char text[ADDRESS_TEXT_BYTES];

    if (memcmp(c->advertise.ip, unset, sizeof unset) == 0)
        return true;
    if (address_is_ipv4(c->advertise.ip) == c->bind_ipv6) {
        d->advertise_at.value = address_ip_text(c->advertise.ip, text);
        return config_refuse(&d->advertise_at,
                             "nothing listens there, as bind is an %s address; "
                             "use one of the same family",
                             c->bind_ipv6 ? "IPv6" : "IPv4");
    }
    if (c->advertise.port == 0)
        c->advertise.port = c->bind.port;
    return true;
}

/* Only root can switch user; -k disables switching. */
static bool finish_user(struct config_draft *d, const struct config_options *o)
{
    struct config *c = d->config;
    bool may_change = geteuid() == 0 || o->divided || d->for_root;
    const char *why;

    if (o->keep_user) {
        account_free(c->account);
        free(c->user);
        c->account = NULL;
        c->user = NULL;
    }
    if (c->user != NULL && !may_change && c->account->uid != geteuid()) {
        d->user_at.value = c->user;
        return config_refuse(&d->user_at, "only root can become another user; start it as root, or "
                                          "stay who you are with -k");
    }
    if (c->user != NULL || o->keep_user || !may_change)
        return true;
    c->account = account_find(CONFIG_DEFAULT_USER, &why);
    c->user = c->account != NULL ? strdup(CONFIG_DEFAULT_USER) : NULL;
    return true;
}

/* ---- all of it ---- */

static bool load(struct config_draft *d, const struct config_options *o, char *error)
{
    const char *file = o->file != NULL ? o->file : CONFIG_DEFAULT_FILE;

    return config_file_read(file, o->file != NULL, d, error) && take_options(d, o, error) &&
           take_folders(d->config, o, error) && default_name(d->config, error) &&
           default_cluster(d->config, error) && finish_advertise(d) && finish_user(d, o) &&
           config_keys_finish_vips(d);
}

struct config *config_load(const struct config_options *options, char *error)
{
    struct config_draft draft = {
        .config = calloc(1, sizeof *draft.config),
        .error = error,
        .divided = options->divided,
        .for_root = options->check && !options->keep_user && geteuid() != 0,
    };
    struct config_place at = {.error = error};

    error[0] = '\0';
    if (draft.config == NULL) {
        config_refuse(&at, "out of memory");
        return NULL;
    }
    draft.config->bind.port = CONFIG_DEFAULT_PORT;
    draft.config->detect_ms = GOSSIP_DETECT_MS_DEFAULT;
    draft.config->log_level = LOG_LEVEL_INFO;
    quorum_spec_init(&draft.config->quorum);
    if (load(&draft, options, error))
        return draft.config;
    config_free(draft.config);
    return NULL;
}

void config_free(struct config *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->handlers_count; i++)
        handler_spec_free(&c->handlers[i]);
    for (size_t i = 0; i < c->vips_count; i++)
        vip_spec_free(&c->vips[i]);
    quorum_spec_free(&c->quorum);
    drop_joins(c);
    free(c->handlers);
    free(c->vips);
    free(c->file);
    free(c->name);
    free(c->cluster);
    free(c->run_dir);
    free(c->state_dir);
    free(c->user);
    account_free(c->account);
    free(c->control_group);
    free(c->rpc_auth);
    free(c->notes);
    free(c);
}
