#include "agent/config.h"

#include <assert.h>

static void print_addr(FILE *out, const char *key, const struct gossip_addr *addr)
{
    char text[CONFIG_ADDR_TEXT_BYTES];

    fprintf(out, "%s = %s\n", key, config_addr_text(addr, text));
}

static void print_optional(FILE *out, const char *key, const char *value, const char *otherwise)
{
    fprintf(out, "%s = %s\n", key, value != NULL ? value : otherwise);
}

static void print_duration(FILE *out, const char *key, uint32_t ms)
{
    char text[CONFIG_DURATION_TEXT_BYTES];

    fprintf(out, "%s = %s\n", key, config_duration_text(ms, text));
}

/* True for the 16 bytes of no address at all. */
static bool is_unset(const struct gossip_addr *addr)
{
    for (size_t i = 0; i < sizeof addr->ip; i++) {
        if (addr->ip[i] != 0)
            return false;
    }
    return true;
}

static void print_addresses(const struct config *c, FILE *out)
{
    if (is_unset(&c->bind))
        fprintf(out, "bind = %s:%u\n", c->bind_ipv6 ? "[::]" : "0.0.0.0", c->bind.port);
    else
        print_addr(out, "bind", &c->bind);
    if (is_unset(&c->advertise))
        fprintf(out, "advertise = (found from the interfaces)\n");
    else
        print_addr(out, "advertise", &c->advertise);
    fprintf(out, "join =");
    for (size_t i = 0; i < c->join_count; i++)
        fprintf(out, "%s %s", i > 0 ? "," : "", c->join[i]);
    fprintf(out, "%s\n", c->join_count == 0 ? " (nobody: waits to be joined)" : "");
}

static void print_tags(const struct config *c, FILE *out)
{
    const char *at = NULL, *key, *value, *comma = "";

    fprintf(out, "tags =");
    while (gossip_tag_next(c->tags, c->tags_bytes, &at, &key, &value)) {
        fprintf(out, "%s %s=%s", comma, key, value);
        comma = ",";
    }
    fprintf(out, "%s\n", c->tags_bytes == 0 ? " (none)" : "");
}

static void print_control(const struct config *c, FILE *out)
{
    print_optional(out, "control.group", c->control_group, "(the process's own)");
    if (c->rpc.port == 0)
        fprintf(out, "control.rpc = (none)\n");
    else
        print_addr(out, "control.rpc", &c->rpc);
    fprintf(out, "control.rpc_auth = %s\n", c->rpc_auth != NULL ? "(set)" : "(none)");
}

static void print_handler(const struct handler_spec *spec, FILE *out)
{
    const char *comma = "";
    char text[CONFIG_DURATION_TEXT_BYTES];

    fprintf(out, "handler.%s.on =", spec->name);
    for (unsigned kind = 0; kind < JOURNAL_KINDS_COUNT; kind++) {
        if ((spec->kinds & 1u << kind) == 0)
            continue;
        fprintf(out, "%s %s", comma, journal_kind_text(kind));
        comma = ",";
    }
    fprintf(out, "\nhandler.%s.match =", spec->name);
    for (size_t i = 0; i < spec->match.count; i++)
        fprintf(out, "%s %s=%s", i > 0 ? "," : "", spec->match.tags[i].key,
                spec->match.tags[i].value);
    fprintf(out, "%s\n", spec->match.count == 0 ? " (every member)" : "");
    fprintf(out, "handler.%s.run = %s\n", spec->name, spec->run);
    fprintf(out, "handler.%s.timeout = %s\n", spec->name,
            config_duration_text(spec->timeout_ms, text));
    fprintf(out, "handler.%s.user = %s\n", spec->name,
            spec->user != NULL ? spec->user : "(the agent's own)");
}

static void print_timing(uint32_t detect_ms, FILE *out)
{
    struct gossip_timing t;
    enum gossip_error error = gossip_timing_derive(detect_ms, &t);

    assert(error == GOSSIP_OK); /* its range was checked */
    print_duration(out, "detect", detect_ms);
    print_duration(out, "timing.ping_period", t.ping_period_ms);
    print_duration(out, "timing.sweep_period", t.sweep_period_ms);
    print_duration(out, "timing.reping", t.reping_ms);
    print_duration(out, "timing.suspicion_max", t.suspicion_max_ms);
    print_duration(out, "timing.suspicion_min", t.suspicion_min_ms);
    print_duration(out, "timing.gossip_period", t.gossip_period_ms);
    print_duration(out, "timing.redial_period", t.redial_period_ms);
    print_duration(out, "timing.sync_delay", t.sync_delay_ms);
    print_duration(out, "timing.leave", t.leave_ms);
    fprintf(out, "timing.reap = %uh\n", t.reap_s / 3600);
}

bool config_detect_advice(uint32_t detect_ms, uint64_t rtt_us, char *into)
{
    char detect[CONFIG_DURATION_TEXT_BYTES], least[CONFIG_DURATION_TEXT_BYTES];
    uint32_t least_ms = gossip_detect_ms_min((int64_t)rtt_us);

    if (detect_ms >= least_ms)
        return false;
    snprintf(
        into, CONFIG_ERROR_BYTES,
        "detect \"%s\": below the smallest possible %s where answers take %.1f ms, and members "
        "that live may be suspected; use at least \"%s\", on all members",
        config_duration_text(detect_ms, detect), config_duration_text(least_ms, least),
        (double)rtt_us / 1000, least);
    return true;
}

void config_print(const struct config *c, FILE *out)
{
    print_optional(out, "file", c->file, "(none)");
    fprintf(out, "name = %s\ncluster = %s\n", c->name, c->cluster);
    print_addresses(c, out);
    print_tags(c, out);
    fprintf(out, "log_level = %s\n", log_level_text(c->log_level));
    fprintf(out, "run_dir = %s\nstate_dir = %s\n", c->run_dir, c->state_dir);
    print_control(c, out);
    for (size_t i = 0; i < c->handlers_count; i++)
        print_handler(&c->handlers[i], out);
    print_timing(c->detect_ms, out);
}
