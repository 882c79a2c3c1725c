#include "agent/base/address.h"
#include "agent/base/text.h"
#include "agent/config/config_keys.h"
#include "agent/config/config_value.h"
#include "gossip/lease/leases.h"

#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#define SUCH_AS "such as \"10.0.0.30/32\""
#define NAMES_BYTES 256 /* of interfaces, in a message */

_Static_assert(CONFIG_VIPS_MAX <= LEASES_MAX, "each has a lease");
_Static_assert(VIP_INTERFACE_BYTES_MAX + 1 == IFNAMSIZ, "an interface's name is the kernel's");

/* The one whose section is being read, and where its keys stand. */
static struct vip_spec *current(struct config_draft *d)
{
    assert(d->config->vips_count > 0);
    return &d->config->vips[d->config->vips_count - 1];
}

static struct config_vip_lines *lines(struct config_draft *d)
{
    return &d->vip_lines[d->config->vips_count - 1];
}

static bool begin(struct config_draft *d, const struct config_place *at)
{
    struct config *c = d->config;

    if (!gossip_name_valid(at->title, strlen(at->title)))
        return config_refuse(at, "%s", gossip_error_text(GOSSIP_ERROR_NAME));
    if (c->vips_count == CONFIG_VIPS_MAX)
        return config_refuse(at, "more than %d addresses; let one agent hold no more",
                             CONFIG_VIPS_MAX);
    struct vip_spec *more = reallocarray(c->vips, c->vips_count + 1, sizeof *more);
    if (more == NULL)
        return config_refuse(at, "out of memory");
    c->vips = more;
    vip_spec_init(&c->vips[c->vips_count++]);
    *lines(d) = (struct config_vip_lines){.section = at->line};
    return config_value_keep(&current(d)->name, at->title, at);
}

/* ---- the address ---- */

/* Are all bits behind the prefix ones, or all zeros? */
static bool ends_in(const struct vip_spec *spec, bool ones)
{
    unsigned bit = spec->prefix_bits + (address_is_ipv4(spec->address.ip) ? 96 : 0);

    for (; bit < 128; bit++) {
        if ((spec->address.ip[bit / 8] >> (7 - bit % 8) & 1) != ones)
            return false;
    }
    return true;
}

/* An address that hosts can have and others can reach. */
static bool check_address(const struct vip_spec *spec, const struct config_place *at)
{
    const struct gossip_addr *addr = &spec->address;
    bool ipv4 = address_is_ipv4(addr->ip);

    if (address_is_any(addr->ip) || (ipv4 && addr->ip[12] == 0))
        return config_refuse(at, "no host's address; use one that a host can have, " SUCH_AS);
    if (address_is_loopback(addr->ip))
        return config_refuse(at, "a loopback address, which others could not reach; use one of "
                                 "a network, " SUCH_AS);
    if (address_is_multicast(addr->ip))
        return config_refuse(at, "a multicast or reserved address; use one that a host can "
                                 "have, " SUCH_AS);
    if (spec->prefix_bits > (ipv4 ? 30 : 126)) /* too small for any but hosts */
        return true;
    if (ends_in(spec, false))
        return config_refuse(at, "the address of the network itself; use a host's in it");
    if (ipv4 && ends_in(spec, true))
        return config_refuse(at, "the broadcast address of its network; use a host's in it");
    return true;
}

static bool same_ip(const struct gossip_addr *a, const struct gossip_addr *b)
{
    return memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static bool take_address(struct config_draft *d, const char *value, const struct config_place *at)
{
    struct vip_spec *spec = current(d);

    if (!address_parse_prefix(value, spec->address.ip, &spec->prefix_bits))
        return config_refuse(at, "not an IPv4 or IPv6 address with a prefix, " SUCH_AS);
    for (const struct vip_spec *other = d->config->vips; other < spec; other++) {
        if (same_ip(&other->address, &spec->address))
            return config_refuse(at, "vip \"%s\" has this address already; give each its own",
                                 other->name);
    }
    lines(d)->address = at->line;
    return check_address(spec, at);
}

/* ---- the other keys ---- */

/* As the kernel has it (dev_valid_name). */
static bool take_interface(struct config_draft *d, const char *value, const struct config_place *at)
{
    if (strlen(value) > VIP_INTERFACE_BYTES_MAX || value[strcspn(value, "/: ")] != '\0' ||
        strcmp(value, ".") == 0 || strcmp(value, "..") == 0)
        return config_refuse(at,
                             "not an interface's name, which is 1 to %d bytes without '/', ':' "
                             "and spaces; use one such as \"eth0\"",
                             VIP_INTERFACE_BYTES_MAX);
    lines(d)->interface = at->line;
    return config_value_keep(&current(d)->interface, value, at);
}

static bool take_match(struct config_draft *d, const char *value, const struct config_place *at)
{
    return config_value_match(&current(d)->match, value, at);
}

static bool take_priority(struct config_draft *d, const char *value, const struct config_place *at)
{
    uint32_t priority;

    if (!config_value_number(&priority, 0, UINT8_MAX, value, at))
        return false;
    current(d)->priority = (uint8_t)priority;
    return true;
}

static bool take_preempt(struct config_draft *d, const char *value, const struct config_place *at)
{
    return config_value_bool(&current(d)->preempt, value, at);
}

static bool take_requires(struct config_draft *d, const char *value, const struct config_place *at)
{
    struct vip_spec *spec = current(d);

    if (!gossip_name_valid(value, strlen(value)))
        return config_refuse(at, "%s", gossip_error_text(GOSSIP_ERROR_NAME));
    for (size_t i = 0; i < spec->requires_count; i++) {
        if (strcmp(spec->requires[i], value) == 0)
            return config_refuse(at, "named twice; once is enough");
    }
    if (spec->requires_count == VIP_REQUIRES_MAX)
        return config_refuse(at, "more than %d checks", VIP_REQUIRES_MAX);
    if (!config_value_keep(&spec->requires[spec->requires_count], value, at))
        return false;
    spec->requires_count++;
    return true;
}

static bool take_hook(struct config_draft *d, const char *value, const struct config_place *at)
{
    lines(d)->hook = at->line;
    return config_value_path(value, at) && config_value_keep(&current(d)->hook, value, at);
}

static bool take_lease(struct config_draft *d, const char *value, const struct config_place *at)
{
    return config_value_duration(&current(d)->lease_ms, LEASE_LENGTH_MS_MIN, LEASE_LENGTH_MS_MAX,
                                 value, at);
}

static bool take_timeout(struct config_draft *d, const char *value, const struct config_place *at)
{
    return config_value_timeout(&current(d)->timeout_ms, value, at);
}

static bool take_user(struct config_draft *d, const char *value, const struct config_place *at)
{
    lines(d)->user = at->line;
    return config_value_keep(&current(d)->user, value, at);
}

static bool end(struct config_draft *d, const struct config_place *at)
{
    if (current(d)->prefix_bits == 0)
        return config_refuse(at, "address is missing; give it with its prefix, such as "
                                 "address = \"10.0.0.30/32\"");
    if (current(d)->interface == NULL)
        return config_refuse(at, "interface is missing; name the one that gets the address, such "
                                 "as interface = \"eth0\"");
    return true;
}

/* ---- once the whole configuration is known ---- */

static struct config_place place(const struct config_draft *d, const struct vip_spec *spec,
                                 int line, const char *key, const char *value)
{
    return (struct config_place){
        .error = d->error,
        .file = d->config->file,
        .line = line,
        .section = config_keys_vip.name,
        .title = spec->name,
        .key = key,
        .value = value,
    };
}

/* The names of all interfaces, as far as they fit. True: `name` is one of them. */
static bool find_interface(const struct if_nameindex *all, const char *name, char *names)
{
    size_t len = 0;

    names[0] = '\0';
    for (const struct if_nameindex *i = all; i->if_name != NULL; i++) {
        char shown[4 * IFNAMSIZ];
        if (strcmp(i->if_name, name) == 0)
            return true;
        text_escape(shown, sizeof shown, i->if_name);
        if (len < NAMES_BYTES)
            len += (size_t)snprintf(names + len, NAMES_BYTES - len, " %s", shown);
    }
    if (len >= NAMES_BYTES)
        memcpy(names + NAMES_BYTES - 5, " ...", 5);
    return false;
}

static bool check_interface(const struct vip_spec *spec, const struct config_place *at)
{
    struct if_nameindex *all = if_nameindex();
    char names[NAMES_BYTES];

    if (all == NULL)
        return config_refuse(at, "this host's interfaces cannot be listed: %s", strerror(errno));
    bool found = find_interface(all, spec->interface, names);
    if_freenameindex(all);
    return found || config_refuse(at, "no such interface on this host; there are%s", names);
}

static bool check_hook(struct config_draft *d, struct vip_spec *spec,
                       const struct config_vip_lines *at)
{
    struct config_place user_at = place(d, spec, at->user, "user", spec->user);
    struct config_place hook_at = place(d, spec, at->hook, "hook", spec->hook);

    if (spec->user != NULL && !config_value_account(&spec->account, spec->user, &user_at))
        return false;
    return spec->hook == NULL || (config_value_script(d, spec->hook, &hook_at) &&
                                  config_value_trusted(d, spec->hook, spec->account, &hook_at));
}

/* Agents must reach one another whoever holds it. */
static bool check_not_own(const struct config_draft *d, const struct vip_spec *spec, int line)
{
    const struct config *c = d->config;
    char text[ADDRESS_PREFIX_TEXT_BYTES];
    struct config_place at = place(d, spec, line, "address",
                                   address_prefix_text(spec->address.ip, spec->prefix_bits, text));

    if (same_ip(&c->bind, &spec->address))
        return config_refuse(&at, "the agent's own, by bind; use one that no host has to itself");
    if (same_ip(&c->advertise, &spec->address))
        return config_refuse(&at,
                             "the agent's own, by advertise; use one that no host has to itself");
    return true;
}

static bool finish(struct config_draft *d, struct vip_spec *spec, const struct config_vip_lines *at)
{
    struct config_place section_at = place(d, spec, at->section, NULL, NULL);
    struct config_place interface_at = place(d, spec, at->interface, "interface", spec->interface);
    const struct config *c = d->config;

    if (c->quorum.count == 0)
        return config_refuse(&section_at,
                             "nobody could say who holds it; name those that have a vote, such as "
                             "quorum { voters = {\"db1\", \"db2\", \"witness1\"} }");
    spec->fits = tag_match_fits(&spec->match, c->tags, c->tags_bytes);
    return check_not_own(d, spec, at->address) &&
           (!spec->fits || (check_interface(spec, &interface_at) && check_hook(d, spec, at)));
}

bool config_keys_finish_vips(struct config_draft *d)
{
    for (size_t i = 0; i < d->config->vips_count; i++) {
        if (!finish(d, &d->config->vips[i], &d->vip_lines[i]))
            return false;
    }
    return true;
}

static const struct config_key keys[] = {
    {"address", false, false, take_address},
    {"interface", false, false, take_interface},
    {"match", true, false, take_match},
    {"priority", false, false, take_priority},
    {"preempt", false, false, take_preempt},
    {"requires", true, false, take_requires},
    {"hook", false, false, take_hook},
    {"lease", false, false, take_lease},
    {"timeout", false, false, take_timeout},
    {"user", false, false, take_user},
    {NULL, false, false, NULL},
};

CONFIG_KEYS_FIT(keys);

const struct config_section config_keys_vip = {"vip", true, keys, begin, end};
