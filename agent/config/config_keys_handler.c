#include "agent/config/config_keys.h"
#include "agent/config/config_value.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The one whose section is being read. */
static struct handler_spec *current(struct config_draft *d)
{
    assert(d->config->handlers_count > 0);
    return &d->config->handlers[d->config->handlers_count - 1];
}

static bool begin(struct config_draft *d, const struct config_place *at)
{
    struct config *c = d->config;

    if (!gossip_name_valid(at->title, strlen(at->title)))
        return config_refuse(at, "%s", gossip_error_text(GOSSIP_ERROR_NAME));
    if (c->handlers_count == CONFIG_HANDLERS_MAX)
        return config_refuse(at, "more than %d handlers; let one script serve several events",
                             CONFIG_HANDLERS_MAX);
    struct handler_spec *more = reallocarray(c->handlers, c->handlers_count + 1, sizeof *more);
    if (more == NULL)
        return config_refuse(at, "out of memory");
    c->handlers = more;
    c->handlers[c->handlers_count++] =
        (struct handler_spec){.timeout_ms = HANDLER_TIMEOUT_MS_DEFAULT};
    return config_value_keep(&current(d)->name, at->title, at);
}

static bool take_on(struct config_draft *d, const char *value, const struct config_place *at)
{
    enum event_kind kind;

    if (!event_kind_parse(value, &kind)) {
#define LISTED(name, text) " " text
        return config_refuse(at, "no such event; known are" EVENT_KINDS(LISTED));
#undef LISTED
    }
    current(d)->kinds |= 1u << kind;
    return true;
}

static bool take_match(struct config_draft *d, const char *value, const struct config_place *at)
{
    return config_value_match(&current(d)->match, value, at);
}

static bool take_run(struct config_draft *d, const char *value, const struct config_place *at)
{
    d->script_at = *at;
    return config_value_script(d, value, at) && config_value_keep(&current(d)->run, value, at);
}

static bool take_timeout(struct config_draft *d, const char *value, const struct config_place *at)
{
    return config_value_timeout(&current(d)->timeout_ms, value, at);
}

static bool take_user(struct config_draft *d, const char *value, const struct config_place *at)
{
    struct handler_spec *spec = current(d);

    return config_value_account(&spec->account, value, at) &&
           config_value_keep(&spec->user, value, at);
}

static bool end(struct config_draft *d, const struct config_place *at)
{
    const struct handler_spec *spec = current(d);

    if (spec->kinds == 0)
        return config_refuse(at, "on is missing; say which events it is for, such as "
                                 "on = {\"member-failed\"}");
    if (spec->run == NULL)
        return config_refuse(at, "run is missing; name the script, such as "
                                 "run = \"/etc/muster/hooks/page.sh\"");
    d->script_at.value = spec->run;
    return config_value_trusted(d, spec->run, spec->account, &d->script_at);
}

static const struct config_key keys[] = {
    {"on", true, false, take_on},      {"match", true, false, take_match},
    {"run", false, false, take_run},   {"timeout", false, false, take_timeout},
    {"user", false, false, take_user}, {NULL, false, false, NULL},
};

CONFIG_KEYS_FIT(keys);

const struct config_section config_keys_handler = {"handler", true, keys, begin, end};
