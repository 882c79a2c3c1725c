#include "agent/config/config_check.h"

#include "agent/config/config_table.h"
#include "agent/config/script_permission.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOST_NAME_BYTES 256

/* ---- sections ---- */

bool config_section_defaults(struct config_draft *d, enum config_section_id section, void *element)
{
    struct config_place at = {.draft = d};
    const struct config_key *key = NULL;
    while ((key = config_key_next(section, key)))
        if (key->initial && !config_take(key, element, key->initial, &at))
            return false;
    return true;
}

/* One more struct behind those that there are. NULL: out of memory. */
static void *section_grow(struct config *c, const struct config_section *s)
{
    char **array = (char **)(void *)((char *)c + s->at);
    size_t *count = (size_t *)(void *)((char *)c + s->count_at);
    char *more = reallocarray(*array, *count + 1, s->element_bytes);
    if (!more)
        return NULL;
    *array = more;
    return memset(more + s->element_bytes * (*count)++, 0, s->element_bytes);
}

bool config_section_begin(struct config_draft *d, enum config_section_id section, const char *title,
                          int line)
{
    const struct config_section *s = &config_sections[section];
    struct config_place at = {
        .draft = d, .file = d->path, .line = line, .section = s->name, .title = title};
    if (s->max == 0) {
        struct config_place first = config_draft_section(d, section, 0);
        if (first.line > 0)
            return config_refuse_second(&at, &first, "merge them");
        config_draft_note(d, section, 0, NULL, line);
        return true;
    }
    size_t count = config_section_count(d->config, section);
    if (!gossip_name_valid(title, strlen(title)))
        return config_refuse(&at, "%s", gossip_error_text(GOSSIP_ERROR_NAME));
    if (count == s->max)
        return config_refuse(&at, "more than %zu %s", s->max, s->many);
    for (size_t i = 0; i < count; i++) {
        struct config_place first = config_draft_section(d, section, i);
        if (strcmp(first.title, title) == 0)
            return config_refuse_second(&at, &first, "give each section its own name");
    }
    char **element = section_grow(d->config, s);
    if (!element || !(*element = strdup(title)))
        return config_refuse(&at, "out of memory");
    config_draft_note(d, section, count, NULL, line);
    return config_section_defaults(d, section, element);
}

/* The script of that key must be one that only root and its user can change: asked where root
 * starts it, as another user's scripts can do no more than that user. */
static bool check_permissions(const char *path, const struct account *account,
                              const struct config_place *at)
{
    const struct config_draft *d = at->draft;
    char reason[SCRIPT_PERMISSION_REASON_BYTES];
    struct stat st;
    if (geteuid() != 0 && !d->for_root)
        return true;
    if (stat(path, &st) != 0 && (errno == ENOENT || (errno == EACCES && d->for_root)))
        return true; /* the look-up has noted it */
    if (script_permission_check(path, account ? account->uid : 0, reason))
        return true;
    /* Without a user of its own the script is fine where the caller, and not root, starts musterd.
     */
    if (d->for_root && (!account || account->uid == geteuid()))
        return config_note(at, "others could change what is run, and root would not run it: %s",
                           reason);
    return config_refuse(at, "others could change what is run: %s", reason);
}

static bool check_handler(struct config_draft *d, size_t index)
{
    const struct handler_spec *spec = &d->config->handlers[index];
    const struct config_key *run = config_key_find(CONFIG_HANDLER, "run");
    struct config_place at = config_draft_place(d, run, index, spec->run);
    return check_permissions(spec->run, spec->account, &at);
}

static bool check_control(struct config_draft *d, size_t index)
{
    const struct config *c = d->config;
    const struct config_key *rpc = config_key_find(CONFIG_CONTROL, "rpc");
    char text[ADDRESS_TEXT_BYTES];
    if (c->rpc.port == 0 || c->rpc_auth || address_is_loopback(c->rpc.ip))
        return true;
    struct config_place at =
        config_draft_place(d, rpc, index, address_text(c->rpc.ip, c->rpc.port, text));
    return config_refuse(&at, "other hosts can reach it, so clients must authenticate; set "
                              "rpc_auth too, or use \"127.0.0.1:7373\"");
}

static bool check_quorum(struct config_draft *d, size_t index)
{
    const struct quorum_spec *quorum = &d->config->quorum;
    const struct config_key *voters = config_key_find(CONFIG_QUORUM, "voters");
    const struct config_key *both = config_key_find(CONFIG_QUORUM, "both_voters_must_live");
    if (quorum->count == 2 && !quorum->both_must_live) {
        struct config_place at = config_draft_place(d, voters, index, NULL);
        return config_refuse(&at,
                             "two voters cannot be safe: either one alone is no majority, so that "
                             "an address is held or moved only while both are alive; add a "
                             "witness, or accept that with both_voters_must_live = true");
    }
    if (quorum->count != 2 && quorum->both_must_live) {
        struct config_place at = config_draft_place(d, both, index, "true");
        return config_refuse(&at, "is for two voters, and there are %zu; remove it", quorum->count);
    }
    return true;
}

/* The place of one of a vip's addresses. */
static struct config_place vip_address_place(struct config_draft *d, size_t index,
                                             const struct vip_address *a, char *text)
{
    const struct config_key *one = config_key_find(CONFIG_VIP, "address");
    const struct config_key *all = config_key_find(CONFIG_VIP, "addresses");
    bool is_list = *config_draft_line(d, all, index) > 0;
    return config_draft_place(d, is_list ? all : one, index,
                              address_prefix_text(a->ip, a->prefix_bits, text));
}

static bool check_same_ip(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, ADDRESS_IP_BYTES) == 0;
}

/* An IPv6 link-local address is another one on each link (RFC 4291, 2.5.6); an IPv4 address is the
 * host's, whatever its interface. */
static bool check_same_address(const struct vip_address *a, const struct vip_address *b)
{
    bool of_link = !address_is_ipv4(a->ip) && address_is_link_local(a->ip);
    return check_same_ip(a->ip, b->ip) && (!of_link || strcmp(a->interface, b->interface) == 0);
}

/* The vip that has an address before it stands at `at` in vip `index`; NULL: none. */
static const struct vip_spec *vip_with_address(const struct config *c, size_t index, size_t at)
{
    const struct vip_address *wanted = &c->vips[index].addresses[at];
    for (size_t i = 0; i <= index; i++)
        for (size_t j = 0; j < (i < index ? c->vips[i].addresses_count : at); j++)
            if (check_same_address(&c->vips[i].addresses[j], wanted))
                return &c->vips[i];
    return NULL;
}

/* Each address gets its interface. */
static bool check_vip_interfaces(struct config_draft *d, size_t index)
{
    struct vip_spec *spec = &d->config->vips[index];
    struct config_place at = config_draft_section(d, CONFIG_VIP, index);
    for (size_t i = 0; i < spec->addresses_count; i++) {
        struct vip_address *a = &spec->addresses[i];
        if (a->interface[0] == '\0' && !spec->interface)
            return config_refuse(&at, "interface is missing; name the one that gets the address, "
                                      "such as interface = \"eth0\"");
        if (a->interface[0] == '\0')
            memcpy(a->interface, spec->interface, strlen(spec->interface) + 1);
    }
    return true;
}

static bool check_vip_keys(struct config_draft *d, size_t index)
{
    const struct vip_spec *spec = &d->config->vips[index];
    const struct config_key *one = config_key_find(CONFIG_VIP, "address");
    const struct config_key *all = config_key_find(CONFIG_VIP, "addresses");
    const struct config_key *delay = config_key_find(CONFIG_VIP, "preempt_delay");
    if (*config_draft_line(d, one, index) > 0 && *config_draft_line(d, all, index) > 0) {
        struct config_place at = config_draft_place(d, all, index, NULL);
        return config_refuse(&at, "address is given too, on line %d; name all of them here",
                             *config_draft_line(d, one, index));
    }
    if (spec->preempt_delay_ms > 0 && !spec->preempt) {
        struct config_place at = config_draft_place(d, delay, index, NULL);
        return config_refuse(&at, "nothing is preempted here; set preempt = true, or remove it");
    }
    return true;
}

static bool check_vip(struct config_draft *d, size_t index)
{
    const struct vip_spec *spec = &d->config->vips[index];
    if (!check_vip_keys(d, index) || !check_vip_interfaces(d, index))
        return false;
    for (size_t i = 0; i < spec->addresses_count; i++) {
        char text[ADDRESS_PREFIX_TEXT_BYTES];
        struct config_place at = vip_address_place(d, index, &spec->addresses[i], text);
        const struct vip_spec *other = vip_with_address(d->config, index, i);
        if (other == spec)
            return config_refuse(&at, "given twice in this vip; once is enough");
        if (other)
            return config_refuse(&at, "vip \"%s\" has this address already; give each its own",
                                 other->name);
    }
    return true;
}

static bool check_nothing(struct config_draft *d, size_t index)
{
    (void)d, (void)index;
    return true;
}

bool config_section_end(struct config_draft *d, enum config_section_id section)
{
    static bool (*const checks[CONFIG_SECTIONS])(struct config_draft *, size_t) = {
        [CONFIG_HANDLER] = check_handler, [CONFIG_CONTROL] = check_control,
        [CONFIG_QUORUM] = check_quorum,   [CONFIG_VIP] = check_vip,
        [CONFIG_HOST] = check_nothing,
    };
    size_t index = config_section_count(d->config, section) - 1;
    const void *element = config_section_element(d->config, section, index);
    struct config_place at = config_draft_section(d, section, index);
    const struct config_key *key = NULL;
    while ((key = config_key_next(section, key)))
        if (key->missing && config_key_is_unset(key, element))
            return config_refuse(&at, "%s is missing; %s", key->name, key->missing);
    return checks[section](d, index);
}

/* ---- this host's section ---- */

/* The value of a host's key takes the place of the one at the top. */
static void host_override(struct config_draft *d, size_t index, const char *name)
{
    const struct config_key *own = config_key_find(CONFIG_HOST, name);
    const struct config_key *top = config_key_find(CONFIG_TOP, name);
    const struct host_spec *host = &d->config->hosts[index];
    const struct config_lines *lines = &d->lines[CONFIG_HOST][index];
    size_t at = config_key_index(own), to = config_key_index(top);
    if (lines->keys[at] == 0)
        return;
    memcpy(config_key_value(top, d->config), config_key_value(own, host), top->bytes);
    memcpy(config_key_also(top, d->config), config_key_also(own, host), top->also_bytes);
    d->lines[CONFIG_TOP][0].keys[to] = lines->keys[at];
    d->lines[CONFIG_TOP][0].files[to] = lines->files[at];
}

/* Tags come beside those of the top, and over those of the same key. */
static bool host_add_tags(struct config_draft *d, size_t index)
{
    struct config *c = d->config;
    const struct host_spec *host = &c->hosts[index];
    const char *at = NULL, *key, *value;
    while (gossip_tag_next(host->tags, host->tags_bytes, &at, &key, &value)) {
        enum gossip_error error = gossip_tags_set(c->tags, &c->tags_bytes, key, value);
        if (error != GOSSIP_OK) {
            struct config_place place =
                config_draft_place(d, config_key_find(CONFIG_HOST, "tags"), index, key);
            return config_refuse(&place, "%s", gossip_error_text(error));
        }
    }
    return true;
}

bool config_apply_host(struct config_draft *d, const char *name)
{
    char host[HOST_NAME_BYTES] = "";
    const struct config *c = d->config;
    gethostname(host, sizeof host - 1);
    name = name ? name : c->name ? c->name : host;
    for (size_t i = 0; i < c->hosts_count; i++) {
        if (strcmp(c->hosts[i].name, name) != 0)
            continue;
        host_override(d, i, "bind");
        host_override(d, i, "advertise");
        return host_add_tags(d, i);
    }
    return true;
}

/* ---- the whole configuration ---- */

static bool finish_name(struct config_draft *d)
{
    struct config *c = d->config;
    char host[HOST_NAME_BYTES] = "";
    if (c->name)
        return true;
    gethostname(host, sizeof host - 1);
    struct config_place at = {.draft = d, .key = "name", .value = host};
    if (!gossip_name_valid(host, strlen(host)))
        return config_refuse(&at,
                             "this host's name cannot be a member's: %s; set name in the "
                             "configuration, or give one with -n",
                             gossip_error_text(GOSSIP_ERROR_NAME));
    c->name = strdup(host);
    return c->name || config_refuse(&at, "out of memory");
}

/* Its port is the one of bind unless given; its family must be, as there is one socket. */
static bool finish_advertise(struct config_draft *d)
{
    const struct config_key *key = config_key_find(CONFIG_TOP, "advertise");
    struct config *c = d->config;
    char text[ADDRESS_TEXT_BYTES];
    if (config_key_is_unset(key, c))
        return true;
    if (c->advertise_where.interface[0] == '\0' && c->bind_where.interface[0] == '\0' &&
        address_is_ipv4(c->advertise.ip) == c->bind_where.ipv6) {
        struct config_place at =
            config_draft_place(d, key, 0, address_ip_text(c->advertise.ip, text));
        return config_refuse(&at,
                             "nothing listens there, as bind is an %s address; "
                             "use one of the same family",
                             c->bind_where.ipv6 ? "IPv6" : "IPv4");
    }
    if (c->advertise.port == 0)
        c->advertise.port = c->bind.port;
    return true;
}

/* Only root can switch user; -k disables switching. */
static bool finish_user(struct config_draft *d, bool keep_user)
{
    const struct config_key *key = config_key_find(CONFIG_TOP, "user");
    struct config *c = d->config;
    bool may_switch = geteuid() == 0 || d->divided || d->for_root;
    const char *why;
    if (keep_user)
        config_key_free(key, c);
    if (c->user && !may_switch && c->account->uid != geteuid()) {
        struct config_place at = config_draft_place(d, key, 0, c->user);
        return config_refuse(
            &at, "only root can switch user; start musterd as root, or keep the user with -k");
    }
    if (c->user || keep_user || !may_switch)
        return true;
    c->account = account_find(CONFIG_DEFAULT_USER, &why);
    if (!c->account && !why)
        return true;
    c->user = strdup(CONFIG_DEFAULT_USER);
    if (c->account && c->user)
        return true;
    struct config_place at = config_draft_place(d, key, 0, CONFIG_DEFAULT_USER);
    return config_refuse(&at,
                         "cannot be looked up: %s; name another user, or keep the user with -k",
                         why ? why : "out of memory");
}

/* Agents must reach one another whichever host holds it. */
static bool finish_address(struct config_draft *d, size_t index, const struct vip_address *a)
{
    const struct config *c = d->config;
    char text[ADDRESS_PREFIX_TEXT_BYTES];
    struct config_place at = vip_address_place(d, index, a, text);
    const char *key = check_same_ip(c->bind.ip, a->ip) && c->bind_where.network_bits == 0 ? "bind"
                      : check_same_ip(c->advertise.ip, a->ip) ? "advertise"
                                                              : NULL;
    return !key ||
           config_refuse(&at, "the agent's own, by %s; use one that belongs to no host", key);
}

/* The priority of this host: its own, or that of all others. */
static uint8_t finish_priority(const struct config *c, const struct vip_spec *spec)
{
    uint8_t priority = 0;
    for (size_t i = 0; i < spec->priorities_count; i++) {
        if (strcmp(spec->priorities[i].host, c->name) == 0)
            return spec->priorities[i].value;
        if (spec->priorities[i].host[0] == '\0')
            priority = spec->priorities[i].value;
    }
    return priority;
}

static bool finish_script(struct config_draft *d, size_t index, const char *key, const char *path)
{
    struct config_place at = config_draft_place(d, config_key_find(CONFIG_VIP, key), index, path);
    return !path || check_permissions(path, d->config->vips[index].account, &at);
}

/* Interfaces that come later are waited for. */
static bool finish_interfaces(struct config_draft *d, size_t index)
{
    const struct vip_spec *spec = &d->config->vips[index];
    const struct config_key *interface = config_key_find(CONFIG_VIP, "interface");
    const struct config_key *track = config_key_find(CONFIG_VIP, "track");
    const struct config_key *routes = config_key_find(CONFIG_VIP, "routes");
    bool ok = true;
    for (size_t i = 0; ok && i < spec->addresses_count; i++) {
        char text[ADDRESS_PREFIX_TEXT_BYTES];
        const char *name = spec->addresses[i].interface;
        struct config_place at = vip_address_place(d, index, &spec->addresses[i], text);
        if (spec->interface && strcmp(name, spec->interface) == 0)
            at = config_draft_place(d, interface, index, NULL);
        at.key = "interface";
        at.value = name;
        if (i == 0 || strcmp(name, spec->addresses[i - 1].interface) != 0)
            ok = config_note_interface(name, &at);
    }
    for (size_t i = 0; ok && i < spec->track_count; i++) {
        struct config_place at = config_draft_place(d, track, index, spec->track[i]);
        ok = config_note_interface(spec->track[i], &at);
    }
    for (size_t i = 0; ok && i < spec->routes_count; i++) {
        struct config_place at = config_draft_place(d, routes, index, spec->routes[i].dev);
        ok = spec->routes[i].dev[0] == '\0' || config_note_interface(spec->routes[i].dev, &at);
    }
    return ok;
}

/* What only a host that may hold the address must have. */
static bool finish_holder(struct config_draft *d, size_t index)
{
    struct vip_spec *spec = &d->config->vips[index];
    const struct config_key *key = NULL;
    while ((key = config_key_next(CONFIG_VIP, key))) {
        if (!key->for_holder || config_key_is_unset(key, spec))
            continue;
        struct config_place at = config_draft_place(d, key, index, NULL);
        at.value = *(char **)config_key_value(key, spec);
        if (!key->type->look_up(key, spec, &at))
            return false;
    }
    return finish_script(d, index, "hook", spec->hook);
}

/* Tags that are set while the agent runs may make this host a candidate: its hook's user is looked
 * up all the same, and what is missing is nobody's trouble yet. */
static void finish_other(struct vip_spec *spec)
{
    const char *why;
    if (spec->user)
        spec->account = account_find(spec->user, &why);
}

static bool finish_vip(struct config_draft *d, size_t index)
{
    struct config *c = d->config;
    struct config_place at = config_draft_section(d, CONFIG_VIP, index);
    if (c->quorum.count == 0)
        return config_refuse(&at, "voters must decide which member holds it; name them, such as "
                                  "quorum { voters = {\"db1\", \"db2\", \"witness1\"} }");
    struct vip_spec *spec = &c->vips[index];
    spec->fits = tag_match_fits(&spec->match, c->tags, c->tags_bytes);
    spec->priority = finish_priority(c, spec);
    for (size_t i = 0; i < spec->addresses_count; i++)
        if (!finish_address(d, index, &spec->addresses[i]))
            return false;
    if (spec->fits)
        return finish_interfaces(d, index) && finish_holder(d, index);
    finish_other(spec);
    return true;
}

bool config_finish(struct config_draft *d, bool keep_user)
{
    bool ok = finish_name(d) && finish_advertise(d) && finish_user(d, keep_user);
    for (size_t i = 0; ok && i < d->config->vips_count; i++)
        ok = finish_vip(d, i);
    return ok;
}
