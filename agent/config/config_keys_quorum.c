#include "agent/config/config_keys.h"
#include "agent/config/config_value.h"

#include <string.h>

static bool take_voter(struct config_draft *d, const char *value, const struct config_place *at)
{
    struct quorum_spec *quorum = &d->config->quorum;

    if (!gossip_name_valid(value, strlen(value)))
        return config_refuse(at, "%s; voters are members' names, and no addresses",
                             gossip_error_text(GOSSIP_ERROR_NAME));
    if (quorum_spec_has(quorum, value))
        return config_refuse(at, "named twice; a voter has one vote");
    if (quorum->count == LEASE_VOTERS_MAX)
        return config_refuse(at,
                             "more than %d voters; three or five are enough, and all other members "
                             "can hold addresses without a vote",
                             LEASE_VOTERS_MAX);
    if (quorum->count == 0)
        d->voters_at = *at;
    if (!config_value_keep(&quorum->voters[quorum->count], value, at))
        return false;
    quorum->count++;
    return true;
}

static bool take_version(struct config_draft *d, const char *value, const struct config_place *at)
{
    return config_value_number(&d->config->quorum.version, 1, INT32_MAX, value, at);
}

static bool take_both(struct config_draft *d, const char *value, const struct config_place *at)
{
    d->both_at = *at;
    return config_value_bool(&d->config->quorum.both_must_live, value, at);
}

static bool end(struct config_draft *d, const struct config_place *at)
{
    const struct quorum_spec *quorum = &d->config->quorum;

    if (quorum->count == 0)
        return config_refuse(at, "voters is missing; name the members that have a vote, such as "
                                 "voters = {\"db1\", \"db2\", \"witness1\"}");
    d->voters_at.value = NULL; /* all of them are meant */
    if (quorum->count == 2 && !quorum->both_must_live)
        return config_refuse(&d->voters_at,
                             "two voters cannot be safe: either one alone is no majority, so that "
                             "an address is held or moved only while both are alive; add a "
                             "witness, or accept that with both_voters_must_live = true");
    d->both_at.value = "true";
    if (quorum->count != 2 && quorum->both_must_live)
        return config_refuse(&d->both_at, "is for two voters, and there are %zu; take it out",
                             quorum->count);
    return true;
}

static const struct config_key keys[] = {
    {"voters", true, false, take_voter},
    {"version", false, false, take_version},
    {"both_voters_must_live", false, false, take_both},
    {NULL, false, false, NULL},
};

CONFIG_KEYS_FIT(keys);

const struct config_section config_keys_quorum = {"quorum", false, keys, NULL, end};
