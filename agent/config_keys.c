#include "agent/config_keys.h"

#include "agent/text.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHOWN_BYTES 100          /* of a value in a message; longer ones are cut */
#define RPC_PORT_DEFAULT 7373    /* where Serf's clients look */
#define HANDLER_TIMEOUT_MS 30000 /* unless configured */
#define HOST_BYTES 256

/* ---- messages ---- */

static void add(char *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(char *error, const char *format, ...)
{
    size_t len = strlen(error);
    va_list args;

    va_start(args, format);
    vsnprintf(error + len, CONFIG_ERROR_BYTES - len, format, args);
    va_end(args);
}

static void add_quoted(char *error, const char *before, const char *value, const char *after)
{
    char shown[SHOWN_BYTES];

    text_escape(shown, sizeof shown, value);
    add(error, "%s\"%s\"%s", before, shown, after);
}

static void add_place(const struct config_place *at)
{
    if (at->file != NULL && at->line > 0)
        add(at->error, "%s:%d: ", at->file, at->line);
    else if (at->file != NULL)
        add(at->error, "%s: ", at->file);
    if (at->section != NULL) {
        add(at->error, "%s", at->section);
        if (at->title != NULL)
            add_quoted(at->error, " ", at->title, "");
        add(at->error, ": ");
    }
    if (at->key != NULL)
        add(at->error, "%s%s", at->key, at->value != NULL ? " " : ": ");
    if (at->value != NULL)
        add_quoted(at->error, "", at->value, ": ");
}

bool config_refuse(const struct config_place *at, const char *format, ...)
{
    char text[CONFIG_ERROR_BYTES];
    va_list args;

    if (at->error[0] != '\0')
        return false;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add_place(at);
    add(at->error, "%s", text);
    return false;
}

/* ---- what several keys share ---- */

/* Puts a copy in the place of what was there. */
static bool keep(char **into, const char *value, const struct config_place *at)
{
    char *copy = strdup(value);

    if (copy == NULL)
        return config_refuse(at, "out of memory");
    free(*into);
    *into = copy;
    return true;
}

/* 0.0.0.0 or :: */
static bool is_any(const struct gossip_addr *addr)
{
    static const uint8_t zero[16];
    size_t from = config_addr_is_ipv4(addr) ? 12 : 0;

    return memcmp(addr->ip + from, zero, sizeof zero - from) == 0;
}

static bool is_multicast(const struct gossip_addr *addr)
{
    return config_addr_is_ipv4(addr) ? addr->ip[12] >= 224 : addr->ip[0] == 0xff;
}

static bool is_loopback(const struct gossip_addr *addr)
{
    static const uint8_t ipv6[16] = {[15] = 1};

    return config_addr_is_ipv4(addr) ? addr->ip[12] == 127
                                     : memcmp(addr->ip, ipv6, sizeof ipv6) == 0;
}

/* An address of this host; addr->port is what it is without one. */
static bool take_addr(struct gossip_addr *addr, const char *value, const struct config_place *at)
{
    if (!config_addr_parse(value, addr))
        return config_refuse(at, "not an IPv4 or IPv6 address with or without a port; use one such "
                                 "as \"10.0.0.11\", \"10.0.0.11:7949\" or \"[2001:db8::11]:7949\"");
    if (is_multicast(addr))
        return config_refuse(at, "a multicast or reserved address; use one of this host's");
    return true;
}

/* Splits KEY=VALUE; key is of GOSSIP_TAG_KEY_BYTES_MAX + 1 bytes, *text borrowed. */
static bool split_tag(const char *value, char *key, const char **text)
{
    size_t bytes = strcspn(value, "=");

    if (value[bytes] == '\0' || bytes > GOSSIP_TAG_KEY_BYTES_MAX)
        return false;
    memcpy(key, value, bytes);
    key[bytes] = '\0';
    *text = value + bytes + 1;
    return true;
}

static bool has_tag(const struct config *c, const char *key)
{
    const char *at = NULL, *other, *value;

    while (gossip_tag_next(c->tags, c->tags_bytes, &at, &other, &value)) {
        if (strcmp(other, key) == 0)
            return true;
    }
    return false;
}

/* ---- the top ---- */

static bool take_name(struct config_draft *d, const char *value, const struct config_place *at)
{
    if (!gossip_name_valid(value, strlen(value)))
        return config_refuse(at, "%s", gossip_error_text(GOSSIP_ERROR_NAME));
    return keep(&d->config->name, value, at);
}

static bool take_cluster(struct config_draft *d, const char *value, const struct config_place *at)
{
    if (strlen(value) > GOSSIP_CLUSTER_BYTES_MAX)
        return config_refuse(at, "too long; use at most %d bytes", GOSSIP_CLUSTER_BYTES_MAX);
    return keep(&d->config->cluster, value, at);
}

static bool take_bind(struct config_draft *d, const char *value, const struct config_place *at)
{
    struct gossip_addr addr = {.port = CONFIG_DEFAULT_PORT};

    if (!take_addr(&addr, value, at))
        return false;
    d->config->bind_ipv6 = !config_addr_is_ipv4(&addr);
    if (is_any(&addr))
        memset(addr.ip, 0, sizeof addr.ip);
    d->config->bind = addr;
    return true;
}

static bool take_advertise(struct config_draft *d, const char *value, const struct config_place *at)
{
    struct gossip_addr addr = {.port = 0}; /* the one of bind, once that is known */

    if (!take_addr(&addr, value, at))
        return false;
    if (is_any(&addr))
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

    if (!config_host_parse(value, host, sizeof host, &port))
        return config_refuse(at, "not a host's name or address, with or without a port; use one "
                                 "such as \"10.0.0.12\", \"db2.example.org:7949\" or "
                                 "\"[2001:db8::12]:7949\"");
    if (config_addr_parse(value, &addr) && (is_any(&addr) || is_multicast(&addr)))
        return config_refuse(at, "not one host's address; use one that a member listens on");
    if (d->config->join_count == CONFIG_JOINS_MAX)
        return config_refuse(at,
                             "more than %d to join; a few are enough, as any one that answers "
                             "tells of all others",
                             CONFIG_JOINS_MAX);
    if (!keep(&d->config->join[d->config->join_count], value, at))
        return false;
    d->config->join_count++;
    return true;
}

static bool take_tag(struct config_draft *d, const char *value, const struct config_place *at)
{
    char key[GOSSIP_TAG_KEY_BYTES_MAX + 1];
    const char *text;

    if (!split_tag(value, key, &text))
        return config_refuse(at, "%s", gossip_error_text(GOSSIP_ERROR_TAGS));
    if (at->file != NULL && has_tag(d->config, key)) /* an option may override */
        return config_refuse(at, "a tag \"%s\" is there already; give each key one value", key);
    enum gossip_error error = gossip_tags_set(d->config->tags, &d->config->tags_bytes, key, text);
    return error == GOSSIP_OK || config_refuse(at, "%s", gossip_error_text(error));
}

static bool take_detect(struct config_draft *d, const char *value, const struct config_place *at)
{
    char limit[CONFIG_DURATION_TEXT_BYTES];
    uint32_t ms;

    if (!config_duration_parse(value, &ms))
        return config_refuse(at, "not a duration; use one such as \"1.5s\" or \"800ms\"");
    if (ms < GOSSIP_DETECT_MS_MIN)
        return config_refuse(at, "below the smallest possible %s; use a duration such as \"1.5s\"",
                             config_duration_text(GOSSIP_DETECT_MS_MIN, limit));
    if (ms > GOSSIP_DETECT_MS_MAX)
        return config_refuse(at, "above the largest possible %s; use a duration such as \"1.5s\"",
                             config_duration_text(GOSSIP_DETECT_MS_MAX, limit));
    d->config->detect_ms = ms;
    return true;
}

static bool take_log_level(struct config_draft *d, const char *value, const struct config_place *at)
{
    return log_level_parse(value, &d->config->log_level) ||
           config_refuse(at, "not a level; use \"error\", \"warn\", \"info\" or \"debug\"");
}

static const struct config_key top_keys[] = {
    {"name", false, false, take_name},
    {"cluster", false, false, take_cluster},
    {"bind", false, false, take_bind},
    {"advertise", false, false, take_advertise},
    {"join", true, false, take_join},
    {"tags", true, false, take_tag},
    {"detect", false, false, take_detect},
    {"log_level", false, false, take_log_level},
    {NULL, false, false, NULL},
};

/* ---- handler "NAME" { ... } ---- */

/* The one whose section is being read. */
static struct handler_spec *current(struct config_draft *d)
{
    assert(d->config->handlers_count > 0);
    return &d->config->handlers[d->config->handlers_count - 1];
}

static bool handler_begin(struct config_draft *d, const struct config_place *at)
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
    c->handlers[c->handlers_count++] = (struct handler_spec){.timeout_ms = HANDLER_TIMEOUT_MS};
    return keep(&current(d)->name, at->title, at);
}

static bool take_on(struct config_draft *d, const char *value, const struct config_place *at)
{
    enum journal_kind kind;

    if (!journal_kind_parse(value, &kind)) {
#define LISTED(name, text) " " text
        return config_refuse(at, "no such event; known are" JOURNAL_KINDS(LISTED));
#undef LISTED
    }
    current(d)->kinds |= 1u << kind;
    return true;
}

static bool take_match(struct config_draft *d, const char *value, const struct config_place *at)
{
    struct tag_match *match = &current(d)->match;
    char scratch[GOSSIP_TAGS_BYTES_MAX];
    char key[GOSSIP_TAG_KEY_BYTES_MAX + 1];
    uint16_t scratch_bytes = 0;
    const char *text;

    if (!split_tag(value, key, &text) ||
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

static bool take_run(struct config_draft *d, const char *value, const struct config_place *at)
{
    struct stat st;

    if (value[0] != '/')
        return config_refuse(at, "not an absolute path; use one such as "
                                 "\"/etc/muster/hooks/page.sh\", without arguments");
    if (stat(value, &st) != 0)
        return config_refuse(at, "%s; name a script that is there, without arguments",
                             strerror(errno));
    if (!S_ISREG(st.st_mode))
        return config_refuse(at, "not a file; name a script");
    if (access(value, X_OK) != 0)
        return config_refuse(at, "not executable; chmod +x it");
    return keep(&current(d)->run, value, at);
}

static bool take_timeout(struct config_draft *d, const char *value, const struct config_place *at)
{
    uint32_t ms;

    if (!config_duration_parse(value, &ms))
        return config_refuse(at, "not a duration of at most 30 days; use one such as \"30s\"");
    if (ms == 0)
        return config_refuse(at, "too short for anything to run; use a duration such as \"30s\"");
    current(d)->timeout_ms = ms;
    return true;
}

static bool take_user(struct config_draft *d, const char *value, const struct config_place *at)
{
    struct handler_spec *spec = current(d);
    const char *why;

    spec->account = account_find(value, &why);
    if (spec->account == NULL)
        return config_refuse(at, "%s on this host; make it, or use another, such as \"nobody\"",
                             why);
    return keep(&spec->user, value, at);
}

static bool handler_end(struct config_draft *d, const struct config_place *at)
{
    if (current(d)->kinds == 0)
        return config_refuse(at, "on is missing; say which events it is for, such as "
                                 "on = {\"member-failed\"}");
    if (current(d)->run == NULL)
        return config_refuse(at, "run is missing; name the script, such as "
                                 "run = \"/etc/muster/hooks/page.sh\"");
    return true;
}

static const struct config_key handler_keys[] = {
    {"on", true, false, take_on},      {"match", true, false, take_match},
    {"run", false, false, take_run},   {"timeout", false, false, take_timeout},
    {"user", false, false, take_user}, {NULL, false, false, NULL},
};

/* ---- control { ... } ---- */

static bool take_group(struct config_draft *d, const char *value, const struct config_place *at)
{
    if (getgrnam(value) == NULL)
        return config_refuse(at, "no such group on this host; make it, or use another");
    return keep(&d->config->control_group, value, at);
}

static bool take_rpc(struct config_draft *d, const char *value, const struct config_place *at)
{
    struct gossip_addr addr = {.port = RPC_PORT_DEFAULT};

    if (!take_addr(&addr, value, at))
        return false;
    d->config->rpc = addr;
    d->rpc_at = *at;
    return true;
}

static bool take_rpc_auth(struct config_draft *d, const char *value, const struct config_place *at)
{
    return keep(&d->config->rpc_auth, value, at);
}

static bool control_end(struct config_draft *d, const struct config_place *at)
{
    const struct config *c = d->config;
    char addr[CONFIG_ADDR_TEXT_BYTES];

    (void)at;
    if (c->rpc.port == 0 || c->rpc_auth != NULL || is_loopback(&c->rpc))
        return true;
    d->rpc_at.value = config_addr_text(&c->rpc, addr);
    return config_refuse(&d->rpc_at,
                         "other hosts could reach it, so clients must prove themselves; "
                         "set rpc_auth too, or use \"127.0.0.1:7373\"");
}

static const struct config_key control_keys[] = {
    {"group", false, false, take_group},
    {"rpc", false, false, take_rpc},
    {"rpc_auth", false, true, take_rpc_auth},
    {NULL, false, false, NULL},
};

/* ---- all ---- */

const struct config_section config_sections[CONFIG_SECTIONS] = {
    {NULL, false, top_keys, NULL, NULL},
    {"handler", true, handler_keys, handler_begin, handler_end},
    {"control", false, control_keys, NULL, control_end},
};

#define FITS(keys) (sizeof(keys) / sizeof(keys)[0] <= CONFIG_KEYS_MAX)
_Static_assert(FITS(top_keys) && FITS(handler_keys) && FITS(control_keys), "all keys fit");

size_t config_key_index(const struct config_section *section, const char *name)
{
    size_t i = 0;

    while (strcmp(section->keys[i].name, name) != 0) {
        i++;
        assert(section->keys[i].name != NULL);
    }
    return i;
}

bool config_take(struct config_draft *d, const struct config_key *key, const char *value,
                 const struct config_place *at)
{
    size_t bytes = strlen(value);

    if (bytes == 0)
        return config_refuse(at, "empty; give a value, or leave it out");
    if (bytes > CONFIG_VALUE_BYTES_MAX)
        return config_refuse(at, "%zu bytes are too long; use at most %d", bytes,
                             CONFIG_VALUE_BYTES_MAX);
    if (!text_printable(value))
        return config_refuse(at, "a control character, or not UTF-8; use printable UTF-8 only");
    return key->take(d, value, at);
}
