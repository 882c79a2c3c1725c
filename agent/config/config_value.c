#include "agent/config/config_value.h"

#include "agent/base/address.h"
#include "agent/base/duration.h"
#include "agent/base/text.h"
#include "agent/config/trust.h"

#include <confuse.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool config_value_keep(char **into, const char *value, const struct config_place *at)
{
    char *copy = strdup(value);

    if (copy == NULL)
        return config_refuse(at, "out of memory");
    free(*into);
    *into = copy;
    return true;
}

bool config_value_addr(struct gossip_addr *addr, const char *value, const struct config_place *at)
{
    if (!address_parse(value, addr->ip, &addr->port))
        return config_refuse(at, "not an IPv4 or IPv6 address with or without a port; use one such "
                                 "as \"10.0.0.11\", \"10.0.0.11:7949\" or \"[2001:db8::11]:7949\"");
    if (address_is_multicast(addr->ip))
        return config_refuse(at, "a multicast or reserved address; use one of this host's");
    return true;
}

bool config_value_split_tag(const char *value, char *key, const char **text)
{
    size_t bytes = strcspn(value, "=");

    if (value[bytes] == '\0' || bytes > GOSSIP_TAG_KEY_BYTES_MAX)
        return false;
    memcpy(key, value, bytes);
    key[bytes] = '\0';
    *text = value + bytes + 1;
    return true;
}

bool config_value_match(struct tag_match *match, const char *value, const struct config_place *at)
{
    char scratch[GOSSIP_TAGS_BYTES_MAX];
    char key[GOSSIP_TAG_KEY_BYTES_MAX + 1];
    uint16_t scratch_bytes = 0;
    const char *text;

    if (!config_value_split_tag(value, key, &text) ||
        gossip_tags_set(scratch, &scratch_bytes, key, text) != GOSSIP_OK)
        return config_refuse(at, "%s", gossip_error_text(GOSSIP_ERROR_TAGS));
    if (match->count == TAG_MATCH_MAX)
        return config_refuse(at, "more than %d tags to match", TAG_MATCH_MAX);
    if (tag_match_has(match, key))
        return config_refuse(at,
                             "a tag \"%s\" is matched already; a member has one value of it, so "
                             "keep one of them",
                             key);
    return tag_match_add(match, key, text) || config_refuse(at, "out of memory");
}

bool config_value_duration(uint32_t *ms, uint32_t ms_min, uint32_t ms_max, const char *value,
                           const struct config_place *at)
{
    char limit[DURATION_TEXT_BYTES];
    uint32_t parsed;

    if (!duration_parse(value, &parsed))
        return config_refuse(at, "not a duration; use one such as \"1.5s\" or \"800ms\"");
    if (parsed < ms_min)
        return config_refuse(at, "below the smallest possible %s; use a duration such as \"1.5s\"",
                             duration_text(ms_min, limit));
    if (parsed > ms_max)
        return config_refuse(at, "above the largest possible %s; use a duration such as \"1.5s\"",
                             duration_text(ms_max, limit));
    *ms = parsed;
    return true;
}

bool config_value_number(uint32_t *number, uint32_t min, uint32_t max, const char *value,
                         const struct config_place *at)
{
    uint32_t parsed;

    if (!text_parse_number(value, max, &parsed) || parsed < min)
        return config_refuse(at, "not a whole number from %" PRIu32 " to %" PRIu32, min, max);
    *number = parsed;
    return true;
}

bool config_value_bool(bool *into, const char *value, const struct config_place *at)
{
    int parsed = cfg_parse_boolean(value);

    if (parsed < 0)
        return config_refuse(at, "neither yes nor no; use true or false");
    *into = parsed > 0;
    return true;
}

/* ---- scripts ---- */

bool config_value_path(const char *path, const struct config_place *at)
{
    return path[0] == '/' || config_refuse(at, "not an absolute path; use one such as "
                                               "\"/etc/muster/hooks/page.sh\", without arguments");
}

bool config_value_script(struct config_draft *d, const char *path, const struct config_place *at)
{
    struct stat st;
    if (!config_value_path(path, at))
        return false;
    if (d->divided)
        return true;
    if (stat(path, &st) != 0 && errno == EACCES && d->for_root)
        return config_note(d, at, "only root can look at it; check that with -t as root");
    if (stat(path, &st) != 0)
        return config_refuse(at, "%s; name a script that is there, without arguments",
                             strerror(errno));
    if (!S_ISREG(st.st_mode))
        return config_refuse(at, "not a file; name a script");
    /* Root may execute what has any of these bits. */
    bool executable =
        access(path, X_OK) == 0 || (d->for_root && st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH));
    return executable || config_refuse(at, "not executable; chmod +x it");
}

bool config_value_trusted(struct config_draft *d, const char *path, const struct account *account,
                          const struct config_place *at)
{
    char reason[TRUST_REASON_BYTES];
    struct stat st;
    if (geteuid() != 0 && !d->for_root)
        return true;
    if (stat(path, &st) != 0 && errno == EACCES && d->for_root)
        return true; /* which is noted */
    if (trust_check(path, account ? account->uid : 0, reason))
        return true;
    /* Without a user of its own the script is fine where the caller, and not root, starts musterd.
     */
    if (d->for_root && (!account || account->uid == geteuid()))
        return config_note(d, at, "others could change what is run, and root would not run it: %s",
                           reason);
    return config_refuse(at, "others could change what is run: %s", reason);
}

bool config_value_timeout(uint32_t *ms, const char *value, const struct config_place *at)
{
    uint32_t parsed;

    if (!duration_parse(value, &parsed))
        return config_refuse(at, "not a duration of at most 30 days; use one such as \"30s\"");
    if (parsed == 0)
        return config_refuse(at, "too short for anything to run; use a duration such as \"30s\"");
    *ms = parsed;
    return true;
}

bool config_value_account(struct account **account, const char *user, const struct config_place *at)
{
    const char *why;

    *account = account_find(user, &why);
    return *account != NULL ||
           config_refuse(at, "%s on this host; make it, or use another, such as \"nobody\"", why);
}
