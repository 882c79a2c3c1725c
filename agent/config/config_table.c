#include "agent/config/config_table.h"

#include "gossip/lease/leases.h"

#include <sys/un.h>

#define SOCKET_NAME_BYTES_MAX sizeof("/control.sock") /* the longest in the run directory */
#define RUN_DIR_BYTES_MAX (sizeof((struct sockaddr_un *)NULL)->sun_path - SOCKET_NAME_BYTES_MAX)
#define STATE_DIR_BYTES_MAX 3072  /* leaves room for file names below a path's limit */
#define SCRIPT_MS_MAX 2592000000u /* 30 days, the longest duration */
#define DELAY_MS_MAX 86400000u    /* a day */
#define RPC_PORT_DEFAULT 7373     /* where Serf's clients look */

#define STARTER "(the user that starts musterd)"

_Static_assert(CONFIG_VIPS_MAX <= LEASES_MAX, "each has a lease");
_Static_assert(CONFIG_HANDLERS_MAX <= CONFIG_VIPS_MAX && CONFIG_HOSTS_MAX <= CONFIG_VIPS_MAX,
               "lines are kept for as many structs");

#define BYTES(owner, field) sizeof(((struct owner *)NULL)->field)
#define KEY(in, owner, key, of_type, field)                                                        \
    .section = in, .name = key, .type = &config_type_##of_type,                                    \
    .at = offsetof(struct owner, field), .bytes = BYTES(owner, field)
#define TOP(key, type, field) KEY(CONFIG_TOP, config, key, type, field)
#define HANDLER(key, type, field)                                                                  \
    KEY(CONFIG_HANDLER, handler_spec, key, type, field), .reloads = true
#define CONTROL(key, type, field) KEY(CONFIG_CONTROL, config, key, type, field)
#define QUORUM(key, type, field) KEY(CONFIG_QUORUM, quorum_spec, key, type, field), .reloads = true
#define VIP(key, type, field) KEY(CONFIG_VIP, vip_spec, key, type, field), .reloads = true
#define HOST(key, type, field) KEY(CONFIG_HOST, host_spec, key, type, field), .reloads = true
#define WITH(owner, field) .also = offsetof(struct owner, field), .also_bytes = BYTES(owner, field)
#define OPTION(text, field) .option = text, .option_at = offsetof(struct config_options, field)
#define OPTIONS(text, field, count)                                                                \
    OPTION(text, field), .option_count_at = offsetof(struct config_options, count)

const struct config_key config_keys[] = {
    {TOP("include", includes, include), WITH(config, include_count), .max = CONFIG_INCLUDES_MAX,
     .unset = "(nothing)", .many = "patterns; let one match several files", .gathers = true,
     .reloads = true},
    {TOP("name", name, name), OPTION("-n", name)},
    {TOP("cluster", text, cluster), .max = GOSSIP_CLUSTER_BYTES_MAX,
     .initial = CONFIG_CLUSTER_UNNAMED},
    {TOP("bind", bind, bind), WITH(config, bind_where), .min = CONFIG_DEFAULT_PORT,
     .initial = "0.0.0.0", OPTION("-b", bind)},
    {TOP("advertise", advertise, advertise), WITH(config, advertise_where),
     .unset = "(found from the interfaces)", OPTION("-a", advertise)},
    {TOP("join", hosts, join), WITH(config, join_count), .max = CONFIG_JOINS_MAX,
     .unset = "(nobody: waits to be joined)",
     .many = "to join; a few are enough, as any one that answers tells of all others",
     .reloads = true, OPTIONS("-j", join, join_count)},
    {TOP("tags", tags, tags), WITH(config, tags_bytes), .unset = "(none)", .reloads = true,
     OPTIONS("-T", tags, tags_count)},
    {TOP("detect", duration, detect_ms), .min = GOSSIP_DETECT_MS_MIN, .max = GOSSIP_DETECT_MS_MAX,
     .initial = "1.5s"},
    {TOP("log_level", level, log_level), .initial = "info", .reloads = true,
     OPTION("-l", log_level)},
    {TOP("user", user, user), WITH(config, account), .unset = STARTER},
    {TOP("run_dir", text, run_dir), .max = RUN_DIR_BYTES_MAX, .initial = CONFIG_DEFAULT_RUN_DIR,
     OPTION("-r", run_dir), .only_option = true},
    {TOP("state_dir", text, state_dir), .max = STATE_DIR_BYTES_MAX,
     .initial = CONFIG_DEFAULT_STATE_DIR, OPTION("-s", state_dir), .only_option = true},

    {HANDLER("on", events, kinds),
     .missing = "say which events it is for, such as on = {\"member-failed\"}"},
    {HANDLER("match", tags, match.tags), WITH(handler_spec, match.bytes),
     .unset = "(every member)"},
    {HANDLER("run", script, run),
     .missing = "name the script, such as run = \"/etc/muster/hooks/page.sh\""},
    {HANDLER("timeout", duration, timeout_ms), .min = 1, .max = SCRIPT_MS_MAX, .initial = "30s"},
    {HANDLER("user", user, user), WITH(handler_spec, account), .unset = STARTER},

    {CONTROL("group", group, control_group), .unset = "(the process's own)"},
    {CONTROL("rpc", address, rpc), .min = RPC_PORT_DEFAULT, .unset = "(none)"},
    {CONTROL("rpc_auth", text, rpc_auth), .unset = "(none)", .set = "(set)", .secret = true},

    {QUORUM("voters", names, voters), WITH(quorum_spec, count), .max = LEASE_VOTERS_MAX,
     .unset = "(none: nothing can be held)",
     .missing =
         "name the members that have a vote, such as voters = {\"db1\", \"db2\", \"witness1\"}",
     .many = "voters; three or five are enough, and all other members can hold addresses without a "
             "vote",
     .hint = "; voters are members' names, and no addresses"},
    {QUORUM("version", number, version), .min = 1, .max = INT32_MAX, .initial = "1"},
    {QUORUM("both_voters_must_live", flag, both_must_live), .unset = "false", .set = "true"},

    {VIP("address", vip_address, addresses), WITH(vip_spec, addresses_count), .max = 1,
     .missing = "give it with its prefix, such as address = \"10.0.0.30/32\"",
     .many = "address; use addresses = {...}"},
    {VIP("addresses", vip_addresses, addresses), WITH(vip_spec, addresses_count),
     .max = VIP_ADDRESSES_MAX, .unset = "(as address)", .many = "addresses"},
    {VIP("interface", interface, interface), .unset = "(each address has its own)"},
    {VIP("routes", vip_routes, routes), WITH(vip_spec, routes_count), .max = VIP_ROUTES_MAX,
     .unset = "(none)", .many = "routes"},
    {VIP("rules", vip_rules, rules), WITH(vip_spec, rules_count), .max = VIP_RULES_MAX,
     .unset = "(none)", .many = "rules"},
    {VIP("track", interfaces, track), WITH(vip_spec, track_count), .max = VIP_TRACK_MAX,
     .unset = "(none)", .many = "interfaces"},
    {VIP("match", tags, match.tags), WITH(vip_spec, match.bytes), .unset = "(every member)"},
    {VIP("priority", priorities, priorities), WITH(vip_spec, priorities_count),
     .max = VIP_PRIORITIES_MAX, .initial = "100", .many = "hosts"},
    {VIP("preempt", flag, preempt), .unset = "false (leaves it to a holder that lives)",
     .set = "true (takes it from a holder of lower priority)"},
    {VIP("preempt_delay", duration, preempt_delay_ms), .max = DELAY_MS_MAX, .initial = "0ms"},
    {VIP("start_delay", duration, start_delay_ms), .max = DELAY_MS_MAX, .initial = "0ms"},
    {VIP("announce_every", duration, announce_every_ms), .max = DELAY_MS_MAX, .initial = "1m"},
    {VIP("requires", names, requires), WITH(vip_spec, requires_count), .max = VIP_REQUIRES_MAX,
     .unset = "(nothing)", .many = "checks", .hint = ""},
    {VIP("hook", script, hook), .unset = "(none)", .for_holder = true},
    {VIP("lease", duration, lease_ms), .min = LEASE_LENGTH_MS_MIN, .max = LEASE_LENGTH_MS_MAX,
     .initial = "1s"},
    {VIP("timeout", duration, timeout_ms), .min = 1, .max = SCRIPT_MS_MAX, .initial = "30s"},
    {VIP("user", user, user), WITH(vip_spec, account), .unset = STARTER, .for_holder = true},

    {HOST("tags", tags, tags), WITH(host_spec, tags_bytes), .unset = "(none)"},
    {HOST("bind", bind, bind), WITH(host_spec, bind_where), .min = CONFIG_DEFAULT_PORT,
     .unset = "(as above)"},
    {HOST("advertise", advertise, advertise), WITH(host_spec, advertise_where),
     .unset = "(as above)"},
    {.name = NULL},
};

#define SEVERAL(section, field, spec, spec_count)                                                  \
    .name = section, .at = offsetof(struct config, field),                                         \
    .count_at = offsetof(struct config, spec_count), .element_bytes = sizeof(struct spec)

const struct config_section config_sections[CONFIG_SECTIONS] = {
    [CONFIG_TOP] = {.at = 0},
    [CONFIG_HANDLER] = {SEVERAL("handler", handlers, handler_spec, handlers_count),
                        .max = CONFIG_HANDLERS_MAX,
                        .many = "handlers; let one script serve several events"},
    [CONFIG_CONTROL] = {.name = "control", .at = 0},
    [CONFIG_QUORUM] = {.name = "quorum", .at = offsetof(struct config, quorum)},
    [CONFIG_VIP] = {SEVERAL("vip", vips, vip_spec, vips_count), .max = CONFIG_VIPS_MAX,
                    .many = "addresses; let one agent hold no more"},
    [CONFIG_HOST] = {SEVERAL("host", hosts, host_spec, hosts_count), .max = CONFIG_HOSTS_MAX,
                     .many = "hosts; put what they share at the top"},
};
