#include "agent/config/config_type.h"

#include "agent/base/array.h"
#include "agent/config/config_table.h"
#include "agent/config/ip_words.h"

#include <confuse.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUCH_AS "such as \"10.0.0.30/32\""
#define HOST_BYTES 256
#define INTERFACES_BYTES 256 /* their names, in a message */

/* ---- text ---- */

static bool text_keep(char **into, const char *value, const struct config_place *at)
{
    free(*into);
    *into = strdup(value);
    return *into || config_refuse(at, "out of memory");
}

static bool text_take(const struct config_key *key, void *element, const char *value,
                      const struct config_place *at)
{
    if (key->max > 0 && strlen(value) > key->max)
        return config_refuse(at, "too long; use at most %" PRIu32 " bytes", key->max);
    return text_keep(CONFIG_FIELD(char *, key, element), value, at);
}

static void text_print(const struct config_key *key, const void *element, FILE *out)
{
    const char *text = *CONFIG_FIELD(char *, key, element);
    fprintf(out, " %s", text ? text : "(none)");
}

static bool name_take(const struct config_key *key, void *element, const char *value,
                      const struct config_place *at)
{
    if (!gossip_name_valid(value, strlen(value)))
        return config_refuse(at, "%s", gossip_error_text(GOSSIP_ERROR_NAME));
    return text_keep(CONFIG_FIELD(char *, key, element), value, at);
}

/* ---- lists of texts ---- */

static bool config_type_list_add(const struct config_key *key, void *element, const char *value,
                                 const struct config_place *at)
{
    size_t *count = CONFIG_ALSO(size_t, key, element);
    char **list = CONFIG_FIELD(char *, key, element);
    if (*count == key->max)
        return config_refuse(at, "more than %" PRIu32 " %s", key->max, key->many);
    list[*count] = NULL;
    if (!text_keep(&list[*count], value, at))
        return false;
    ++*count;
    return true;
}

static void list_print(const struct config_key *key, const void *element, FILE *out)
{
    for (size_t i = 0; i < *CONFIG_ALSO(size_t, key, element); i++)
        fprintf(out, "%s %s", i > 0 ? "," : "", CONFIG_FIELD(char *, key, element)[i]);
}

static bool names_take(const struct config_key *key, void *element, const char *value,
                       const struct config_place *at)
{
    if (!gossip_name_valid(value, strlen(value)))
        return config_refuse(at, "%s%s", gossip_error_text(GOSSIP_ERROR_NAME), key->hint);
    for (size_t i = 0; i < *CONFIG_ALSO(size_t, key, element); i++)
        if (strcmp(CONFIG_FIELD(char *, key, element)[i], value) == 0)
            return config_refuse(at, "named twice; once is enough");
    return config_type_list_add(key, element, value, at);
}

static bool hosts_take(const struct config_key *key, void *element, const char *value,
                       const struct config_place *at)
{
    char host[HOST_BYTES];
    struct gossip_addr addr = {.port = CONFIG_DEFAULT_PORT};
    if (!address_parse_host(value, host, sizeof host, &addr.port))
        return config_refuse(at, "not a host's name or address, with or without a port; use one "
                                 "such as \"10.0.0.12\", \"db2.example.org:7949\" or "
                                 "\"[2001:db8::12]:7949\"");
    if (address_parse(value, addr.ip, &addr.port) &&
        (address_is_any(addr.ip) || address_is_multicast(addr.ip)))
        return config_refuse(at, "not one host's address; use one that a member listens on");
    return config_type_list_add(key, element, value, at);
}

static bool includes_take(const struct config_key *key, void *element, const char *value,
                          const struct config_place *at)
{
    size_t index = *CONFIG_ALSO(size_t, key, element);
    if (!config_type_list_add(key, element, value, at))
        return false;
    at->draft->includes[index].file = at->file;
    at->draft->includes[index].line = at->line;
    return true;
}

/* ---- tags ---- */

static bool tags_take(const struct config_key *key, void *element, const char *value,
                      const struct config_place *at)
{
    char *tags = CONFIG_FIELD(char, key, element), tag[GOSSIP_TAG_KEY_BYTES_MAX + 1];
    uint16_t *tags_bytes = CONFIG_ALSO(uint16_t, key, element);
    size_t bytes = strcspn(value, "=");
    if (value[bytes] == '\0' || bytes > GOSSIP_TAG_KEY_BYTES_MAX)
        return config_refuse(at, "%s", gossip_error_text(GOSSIP_ERROR_TAGS));
    memcpy(tag, value, bytes);
    tag[bytes] = '\0';
    if (at->file && tag_match_find(tags, *tags_bytes, tag)) /* an option may override */
        return config_refuse(at, "a tag \"%s\" is there already; give each key one value", tag);
    const char *same = tag_match_same_variable(tags, *tags_bytes, tag);
    if (same && !config_note(at,
                             "in the environment of scripts \"%s\" and \"%s\" are one variable; "
                             "rename one of them",
                             same, tag))
        return false;
    enum gossip_error error = gossip_tags_set(tags, tags_bytes, tag, value + bytes + 1);
    return error == GOSSIP_OK || config_refuse(at, "%s", gossip_error_text(error));
}

static void tags_print(const struct config_key *key, const void *element, FILE *out)
{
    const char *at = NULL, *tag, *value, *comma = "";
    while (gossip_tag_next(CONFIG_FIELD(char, key, element), *CONFIG_ALSO(uint16_t, key, element),
                           &at, &tag, &value)) {
        fprintf(out, "%s %s=%s", comma, tag, value);
        comma = ",";
    }
}

/* ---- numbers and words ---- */

static bool number_take(const struct config_key *key, void *element, const char *value,
                        const struct config_place *at)
{
    uint32_t number;
    if (!text_parse_number(value, key->max, &number) || number < key->min)
        return config_refuse(at, "not a whole number from %" PRIu32 " to %" PRIu32, key->min,
                             key->max);
    if (key->bytes == sizeof(uint8_t))
        *CONFIG_FIELD(uint8_t, key, element) = (uint8_t)number;
    else
        *CONFIG_FIELD(uint32_t, key, element) = number;
    return true;
}

static void number_print(const struct config_key *key, const void *element, FILE *out)
{
    bool small = key->bytes == sizeof(uint8_t);
    fprintf(out, " %" PRIu32,
            small ? *CONFIG_FIELD(uint8_t, key, element) : *CONFIG_FIELD(uint32_t, key, element));
}

/* The words are libConfuse's, in any case of letters: true, yes, on; false, no, off. */
static bool flag_take(const struct config_key *key, void *element, const char *value,
                      const struct config_place *at)
{
    int parsed = cfg_parse_boolean(value);
    if (parsed < 0)
        return config_refuse(at, "neither yes nor no; use true or false");
    *CONFIG_FIELD(bool, key, element) = parsed > 0;
    return true;
}

static bool duration_take(const struct config_key *key, void *element, const char *value,
                          const struct config_place *at)
{
    char least[DURATION_TEXT_BYTES], most[DURATION_TEXT_BYTES];
    uint32_t ms;
    duration_text(key->min, least);
    duration_text(key->max, most);
    if (!duration_parse(value, &ms))
        return config_refuse(at, "not a duration; use one from %s to %s, such as \"%s\"", least,
                             most, key->initial);
    if (ms < key->min)
        return config_refuse(at, "below the smallest possible %s; use a duration such as \"%s\"",
                             least, key->initial);
    if (ms > key->max)
        return config_refuse(at, "above the largest possible %s; use a duration such as \"%s\"",
                             most, key->initial);
    *CONFIG_FIELD(uint32_t, key, element) = ms;
    return true;
}

static void duration_print(const struct config_key *key, const void *element, FILE *out)
{
    char text[DURATION_TEXT_BYTES];
    fprintf(out, " %s", duration_text(*CONFIG_FIELD(uint32_t, key, element), text));
}

static bool level_take(const struct config_key *key, void *element, const char *value,
                       const struct config_place *at)
{
    return log_level_parse(value, CONFIG_FIELD(enum log_level, key, element)) ||
           config_refuse(at, "not a level; use \"error\", \"warn\", \"info\" or \"debug\"");
}

static void level_print(const struct config_key *key, const void *element, FILE *out)
{
    fprintf(out, " %s", log_level_text(*CONFIG_FIELD(enum log_level, key, element)));
}

static bool events_take(const struct config_key *key, void *element, const char *value,
                        const struct config_place *at)
{
    enum event_kind kind;
    if (!event_kind_parse(value, &kind)) {
#define LISTED(name, text) " " text
        return config_refuse(at, "no such event; known are" EVENT_KINDS(LISTED));
#undef LISTED
    }
    *CONFIG_FIELD(unsigned, key, element) |= 1u << kind;
    return true;
}

static void events_print(const struct config_key *key, const void *element, FILE *out)
{
    const char *comma = "";
    for (unsigned kind = 0; kind < EVENT_KINDS_COUNT; kind++) {
        if ((*CONFIG_FIELD(unsigned, key, element) & 1u << kind) == 0)
            continue;
        fprintf(out, "%s %s", comma, event_kind_text(kind));
        comma = ",";
    }
}

/* ---- addresses ---- */

static bool address_take(const struct config_key *key, void *element, const char *value,
                         const struct config_place *at)
{
    struct gossip_addr addr = {.port = (uint16_t)key->min};
    if (!address_parse(value, addr.ip, &addr.port))
        return config_refuse(at, "not an IPv4 or IPv6 address with or without a port; use one such "
                                 "as \"10.0.0.11\", \"10.0.0.11:7949\" or \"[2001:db8::11]:7949\"");
    if (address_is_multicast(addr.ip))
        return config_refuse(at, "a multicast or reserved address; use one of this host's");
    *CONFIG_FIELD(struct gossip_addr, key, element) = addr;
    return true;
}

static void address_print(const struct config_key *key, const void *element, FILE *out)
{
    const struct gossip_addr *addr = CONFIG_FIELD(struct gossip_addr, key, element);
    char text[ADDRESS_TEXT_BYTES];
    fprintf(out, " %s", address_text(addr->ip, addr->port, text));
}

/* Are all bits behind the prefix ones, or all zeros? */
static bool prefix_ends_in(const uint8_t *ip, unsigned bits, bool ones)
{
    for (unsigned bit = bits + (address_is_ipv4(ip) ? 96 : 0); bit < 128; bit++)
        if ((ip[bit / 8] >> (7 - bit % 8) & 1) != ones)
            return false;
    return true;
}

/* An address that hosts can have and others can reach. */
static bool prefix_is_of_host(const uint8_t *ip, unsigned bits, const struct config_place *at)
{
    bool ipv4 = address_is_ipv4(ip);
    if (address_is_any(ip) || (ipv4 && ip[ADDRESS_IPV4_AT] == 0))
        return config_refuse(at, "no host's address; use one that a host can have, " SUCH_AS);
    if (address_is_loopback(ip))
        return config_refuse(at, "a loopback address, which others could not reach; use one of "
                                 "a network, " SUCH_AS);
    if (address_is_multicast(ip))
        return config_refuse(at, "a multicast or reserved address; use one that a host can "
                                 "have, " SUCH_AS);
    if (bits > (ipv4 ? 30 : 126)) /* too small for any but hosts */
        return true;
    if (prefix_ends_in(ip, bits, false))
        return config_refuse(at, "the address of the network itself; use a host's in it");
    if (ipv4 && prefix_ends_in(ip, bits, true))
        return config_refuse(at, "the broadcast address of its network; use a host's in it");
    return true;
}

/* Room for one more element in an array of the key. NULL: refused. */
#define ARRAY_ADD(type, key, element, at)                                                          \
    ((type *)array_add(CONFIG_FIELD(void *, key, element), CONFIG_ALSO(size_t, key, element),      \
                       sizeof(type), key, at))
static void *array_add(void **all, size_t *count, size_t bytes, const struct config_key *key,
                       const struct config_place *at)
{
    if (*count == key->max) {
        config_refuse(at, "more than %" PRIu32 " %s", key->max, key->many);
        return NULL;
    }
    if (!array_resize(all, *count + 1, bytes)) {
        config_refuse(at, "out of memory");
        return NULL;
    }
    return (char *)*all + (*count)++ * bytes;
}

static bool vip_address_take(const struct config_key *key, void *element, const char *value,
                             const struct config_place *at)
{
    char why[ERROR_BYTES];
    struct vip_address taken;
    if (!ip_words_address(value, &taken, why))
        return config_refuse(at, "%s", why);
    if (!prefix_is_of_host(taken.ip, taken.prefix_bits, at))
        return false;
    struct vip_address *into = ARRAY_ADD(struct vip_address, key, element, at);
    if (into)
        *into = taken;
    return into;
}

/* The first of them, which stands for the vip. */
static void vip_address_print(const struct config_key *key, const void *element, FILE *out)
{
    const struct vip_address *first = *CONFIG_FIELD(struct vip_address *, key, element);
    char text[ADDRESS_PREFIX_TEXT_BYTES];
    fprintf(out, " %s", address_prefix_text(first->ip, first->prefix_bits, text));
}

static void vip_addresses_print(const struct config_key *key, const void *element, FILE *out)
{
    const struct vip_address *all = *CONFIG_FIELD(struct vip_address *, key, element);
    for (size_t i = 0; i < *CONFIG_ALSO(size_t, key, element); i++) {
        fputs(i > 0 ? "," : "", out);
        ip_words_print_address(&all[i], out);
    }
}

static bool vip_routes_take(const struct config_key *key, void *element, const char *value,
                            const struct config_place *at)
{
    char why[ERROR_BYTES];
    struct vip_route taken;
    if (!ip_words_route(value, &taken, why))
        return config_refuse(at, "%s", why);
    struct vip_route *into = ARRAY_ADD(struct vip_route, key, element, at);
    if (into)
        *into = taken;
    return into;
}

static void vip_routes_print(const struct config_key *key, const void *element, FILE *out)
{
    const struct vip_route *all = *CONFIG_FIELD(struct vip_route *, key, element);
    for (size_t i = 0; i < *CONFIG_ALSO(size_t, key, element); i++) {
        fputs(i > 0 ? "," : "", out);
        ip_words_print_route(&all[i], out);
    }
}

static bool vip_rules_take(const struct config_key *key, void *element, const char *value,
                           const struct config_place *at)
{
    char why[ERROR_BYTES];
    struct vip_rule taken;
    if (!ip_words_rule(value, &taken, why))
        return config_refuse(at, "%s", why);
    struct vip_rule *into = ARRAY_ADD(struct vip_rule, key, element, at);
    if (into)
        *into = taken;
    return into;
}

static void vip_rules_print(const struct config_key *key, const void *element, FILE *out)
{
    const struct vip_rule *all = *CONFIG_FIELD(struct vip_rule *, key, element);
    for (size_t i = 0; i < *CONFIG_ALSO(size_t, key, element); i++) {
        fputs(i > 0 ? "," : "", out);
        ip_words_print_rule(&all[i], out);
    }
}

/* ---- priorities ---- */

/* The element of that host; NULL: there is none. */
static struct vip_priority *priority_of(struct vip_priority *all, size_t count, const char *host)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i].host, host) == 0)
            return &all[i];
    return NULL;
}

/* HOST=NUMBER, or NUMBER for all others: it takes the place of the default. */
static bool priorities_take(const struct config_key *key, void *element, const char *value,
                            const struct config_place *at)
{
    const char *equals = strrchr(value, '='), *number = equals ? equals + 1 : value;
    size_t bytes = equals ? (size_t)(equals - value) : 0;
    struct vip_priority taken = {.host = ""};
    uint32_t parsed;
    if (equals && !gossip_name_valid(value, bytes))
        return config_refuse(at, "%s; write HOST=NUMBER, such as \"db1=150\"",
                             gossip_error_text(GOSSIP_ERROR_NAME));
    if (!text_parse_number(number, UINT8_MAX, &parsed))
        return config_refuse(at, "not a whole number from 0 to %d", UINT8_MAX);
    memcpy(taken.host, value, bytes);
    taken.value = (uint8_t)parsed;
    struct vip_priority *into = priority_of(*CONFIG_FIELD(struct vip_priority *, key, element),
                                            *CONFIG_ALSO(size_t, key, element), taken.host);
    if (into && equals)
        return config_refuse(at, "\"%s\" has a priority already; give each host one", taken.host);
    into = into ? into : ARRAY_ADD(struct vip_priority, key, element, at);
    if (into)
        *into = taken;
    return into;
}

static void priorities_print(const struct config_key *key, const void *element, FILE *out)
{
    const struct vip_priority *all = *CONFIG_FIELD(struct vip_priority *, key, element);
    for (size_t i = 0; i < *CONFIG_ALSO(size_t, key, element); i++)
        fprintf(out, "%s %s%s%u", i > 0 ? "," : "", all[i].host, *all[i].host ? "=" : "",
                all[i].value);
}

/* ---- what must be on this host ---- */

static bool group_look_up(const struct config_key *key, void *element,
                          const struct config_place *at)
{
    return getgrnam(*CONFIG_FIELD(char *, key, element)) ||
           config_refuse(at, "no such group on this host; make it, or use another");
}

static bool user_look_up(const struct config_key *key, void *element, const struct config_place *at)
{
    struct account **account = CONFIG_ALSO(struct account *, key, element);
    const char *why;
    *account = account_find(*CONFIG_FIELD(char *, key, element), &why);
    if (!*account && why)
        return config_refuse(at, "cannot be looked up: %s", why);
    if (*account)
        return true;
    /* The agent's own must be there at once; a script's may come later, as from a directory
     * service. */
    if (key->section == CONFIG_TOP || strpbrk(*CONFIG_FIELD(char *, key, element), " :/"))
        return config_refuse(
            at, "no such user on this host; make it, or use another, such as \"nobody\"");
    return config_note(at, "no such user on this host, so nothing is run until it is there and the "
                           "configuration is read again");
}

static bool interface_is_name(const char *value, const struct config_place *at)
{
    _Static_assert(VIP_INTERFACE_BYTES_MAX + 1 == IFNAMSIZ, "an interface's name is the kernel's");
    return ip_words_interface(value) ||
           config_refuse(at,
                         "not an interface's name, which is 1 to %d bytes without '/', ':' "
                         "and spaces; use one such as \"eth0\"",
                         VIP_INTERFACE_BYTES_MAX);
}

static bool interface_take(const struct config_key *key, void *element, const char *value,
                           const struct config_place *at)
{
    return interface_is_name(value, at) && text_keep(CONFIG_FIELD(char *, key, element), value, at);
}

static bool interfaces_take(const struct config_key *key, void *element, const char *value,
                            const struct config_place *at)
{
    return interface_is_name(value, at) && config_type_list_add(key, element, value, at);
}

/* The names of all interfaces, as far as they fit. */
static void interfaces_list(char *names)
{
    struct if_nameindex *all = if_nameindex();
    size_t len = 0;
    names[0] = '\0';
    for (const struct if_nameindex *i = all; i && i->if_name; i++) {
        char shown[4 * IFNAMSIZ];
        text_escape(shown, sizeof shown, i->if_name);
        if (len < INTERFACES_BYTES)
            len += (size_t)snprintf(names + len, INTERFACES_BYTES - len, " %s", shown);
    }
    if (len >= INTERFACES_BYTES)
        memcpy(names + INTERFACES_BYTES - 5, " ...", 5);
    if_freenameindex(all);
}

bool config_note_interface(const char *name, const struct config_place *at)
{
    char names[INTERFACES_BYTES];
    if (if_nametoindex(name) > 0)
        return true;
    interfaces_list(names);
    return config_note(at, "no such interface on this host, so it is waited for; there are%s",
                       names);
}

static bool script_take(const struct config_key *key, void *element, const char *value,
                        const struct config_place *at)
{
    if (value[0] != '/')
        return config_refuse(at, "not an absolute path; use one such as "
                                 "\"/etc/muster/hooks/page.sh\", without arguments");
    return text_keep(CONFIG_FIELD(char *, key, element), value, at);
}

static bool script_look_up(const struct config_key *key, void *element,
                           const struct config_place *at)
{
    const char *path = *CONFIG_FIELD(char *, key, element);
    const struct config_draft *d = at->draft;
    struct stat st;
    if (d->divided)
        return true;
    int error = stat(path, &st) == 0 ? 0 : errno;
    if (error == EACCES && d->for_root)
        return config_note(at, "only root can look at it; check that with -t as root");
    if (error == ENOENT)
        return config_note(at, "no such file, so nothing is run until it is there; a script is "
                               "named without arguments");
    if (error != 0)
        return config_refuse(at, "%s; name a script, without arguments", strerror(error));
    if (!S_ISREG(st.st_mode))
        return config_refuse(at, "not a file; name a script");
    /* Root may execute what has any of these bits. */
    bool executable =
        access(path, X_OK) == 0 || (d->for_root && st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH));
    return executable || config_refuse(at, "not executable; chmod +x it");
}

/* ---- the types: storage, whether it is a list, functions (config_type.h) ---- */

#define TYPE(name, ...) const struct config_type config_type_##name = {__VA_ARGS__}

TYPE(address, CONFIG_PLAIN, .take = address_take, .print = address_print);
TYPE(duration, CONFIG_PLAIN, .take = duration_take, .print = duration_print);
TYPE(events, CONFIG_PLAIN, true, .take = events_take, .print = events_print);
TYPE(flag, CONFIG_PLAIN, .take = flag_take);
TYPE(group, CONFIG_STRING, .take = text_take, .look_up = group_look_up, .print = text_print);
TYPE(hosts, CONFIG_STRINGS, true, .take = hosts_take, .print = list_print);
TYPE(includes, CONFIG_STRINGS, true, .take = includes_take, .print = list_print);
TYPE(interface, CONFIG_STRING, .take = interface_take, .print = text_print);
TYPE(interfaces, CONFIG_STRINGS, true, .take = interfaces_take, .print = list_print);
TYPE(level, CONFIG_PLAIN, .take = level_take, .print = level_print);
TYPE(name, CONFIG_STRING, .take = name_take, .print = text_print);
TYPE(names, CONFIG_STRINGS, true, .take = names_take, .print = list_print);
TYPE(number, CONFIG_PLAIN, .take = number_take, .print = number_print);
TYPE(priorities, CONFIG_ARRAY, true, .take = priorities_take, .print = priorities_print);
TYPE(script, CONFIG_STRING, .take = script_take, .look_up = script_look_up, .print = text_print);
TYPE(tags, CONFIG_PLAIN, true, .take = tags_take, .print = tags_print);
TYPE(text, CONFIG_STRING, .take = text_take, .print = text_print);
TYPE(user, CONFIG_USER, .take = text_take, .look_up = user_look_up, .print = text_print);
TYPE(vip_address, CONFIG_ARRAY, .take = vip_address_take, .print = vip_address_print);
TYPE(vip_addresses, CONFIG_ARRAY, true, .take = vip_address_take, .print = vip_addresses_print);
TYPE(vip_routes, CONFIG_ARRAY, true, .take = vip_routes_take, .print = vip_routes_print);
TYPE(vip_rules, CONFIG_ARRAY, true, .take = vip_rules_take, .print = vip_rules_print);

/* ---- any of them ---- */

bool config_take(const struct config_key *key, void *element, const char *value,
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
    return key->type->take(key, element, value, at) &&
           (key->for_holder || !key->type->look_up || key->type->look_up(key, element, at));
}
