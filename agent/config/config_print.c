#include "agent/base/address.h"
#include "agent/base/duration.h"
#include "agent/config/config.h"

#include "gossip/lease/leases.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

static void print_addr(FILE *out, const char *key, const struct gossip_addr *addr)
{
    char text[ADDRESS_TEXT_BYTES];

    fprintf(out, "%s = %s\n", key, address_text(addr->ip, addr->port, text));
}

static void print_optional(FILE *out, const char *key, const char *value, const char *otherwise)
{
    fprintf(out, "%s = %s\n", key, value != NULL ? value : otherwise);
}

static void print_duration(FILE *out, const char *key, uint32_t ms)
{
    char text[DURATION_TEXT_BYTES];

    fprintf(out, "%s = %s\n", key, duration_text(ms, text));
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

static void print_match(const struct tag_match *match, FILE *out)
{
    for (size_t i = 0; i < match->count; i++)
        fprintf(out, "%s %s=%s", i > 0 ? "," : "", match->tags[i].key, match->tags[i].value);
    fprintf(out, "%s\n", match->count == 0 ? " (every member)" : "");
}

static void print_handler(const struct handler_spec *spec, FILE *out)
{
    const char *comma = "";
    char text[DURATION_TEXT_BYTES];

    fprintf(out, "handler.%s.on =", spec->name);
    for (unsigned kind = 0; kind < EVENT_KINDS_COUNT; kind++) {
        if ((spec->kinds & 1u << kind) == 0)
            continue;
        fprintf(out, "%s %s", comma, event_kind_text(kind));
        comma = ",";
    }
    fprintf(out, "\nhandler.%s.match =", spec->name);
    print_match(&spec->match, out);
    fprintf(out, "handler.%s.run = %s\n", spec->name, spec->run);
    fprintf(out, "handler.%s.timeout = %s\n", spec->name, duration_text(spec->timeout_ms, text));
    fprintf(out, "handler.%s.user = %s\n", spec->name,
            spec->user != NULL ? spec->user : "(who started musterd)");
}

/* ---- leases ---- */

static void print_majority(const struct quorum_spec *quorum, FILE *out)
{
    size_t majority = quorum->count / 2 + 1;

    fprintf(out, "quorum.majority = %zu of %zu ", majority, quorum->count);
    if (quorum->count == 1)
        fprintf(out, "(no failover: without %s nothing is held)\n", quorum->voters[0]);
    else if (quorum->count == majority)
        fprintf(out, "(both must be alive for anything to be held or moved)\n");
    else
        fprintf(out, "(%zu may fail)\n", quorum->count - majority);
}

/* A voter that has just started cannot know what it granted before. */
static uint32_t silence_ms(const struct config *c)
{
    uint32_t longest_ms = GRANTS_LENGTH_MS;

    for (size_t i = 0; i < c->vips_count; i++) {
        if (c->vips[i].lease_ms > longest_ms)
            longest_ms = c->vips[i].lease_ms;
    }
    return (uint32_t)(lease_quarantine_us(longest_ms * INT64_C(1000)) / 1000);
}

static void print_quorum(const struct config *c, FILE *out)
{
    const struct quorum_spec *quorum = &c->quorum;

    fprintf(out, "quorum.voters =");
    for (size_t i = 0; i < quorum->count; i++)
        fprintf(out, "%s %s", i > 0 ? "," : "", quorum->voters[i]);
    fprintf(out, "%s\n", quorum->count == 0 ? " (none: nothing can be held)" : "");
    if (quorum->count == 0)
        return;
    fprintf(out, "quorum.version = %" PRIu32 "\n", quorum->version);
    print_majority(quorum, out);
    fprintf(out, "quorum.here = %s\n",
            quorum_spec_has(quorum, c->name) ? "a voter" : "no voter (it can hold all the same)");
    print_duration(out, "quorum.silent_at_start", silence_ms(c));
}

static const char *role_text(const struct vip_spec *spec)
{
    if (!spec->fits)
        return "no candidate (its tags do not match)";
    if (!vip_spec_may_hold(spec))
        return "no candidate (checks are required, and this version has none)";
    return "a candidate";
}

static void print_requires(const struct vip_spec *spec, FILE *out)
{
    fprintf(out, "vip.%s.requires =", spec->name);
    for (size_t i = 0; i < spec->requires_count; i++)
        fprintf(out, "%s %s", i > 0 ? "," : "", spec->requires[i]);
    fprintf(out, "%s\n",
            spec->requires_count == 0 ? " (nothing)"
                                      : " (this version has no checks: no host ever holds it)");
}

static void print_hook(const struct vip_spec *spec, FILE *out)
{
    char text[DURATION_TEXT_BYTES];

    fprintf(out, "vip.%s.hook = %s\n", spec->name, spec->hook != NULL ? spec->hook : "(none)");
    if (spec->hook == NULL)
        return;
    fprintf(out, "vip.%s.timeout = %s\n", spec->name, duration_text(spec->timeout_ms, text));
    fprintf(out, "vip.%s.user = %s\n", spec->name,
            spec->user != NULL ? spec->user : "(who started musterd)");
}

/* What its lease's length means; rounded down to milliseconds. */
static void print_lease(const struct vip_spec *spec, FILE *out)
{
    char text[DURATION_TEXT_BYTES];
    uint32_t hold_ms = (uint32_t)(lease_hold_us(spec->lease_ms * INT64_C(1000)) / 1000);

    fprintf(out, "vip.%s.lease = %s\n", spec->name, duration_text(spec->lease_ms, text));
    fprintf(out, "vip.%s.renewed_every = %s\n", spec->name,
            duration_text(spec->lease_ms / LEASES_RENEW_PARTS, text));
    fprintf(out, "vip.%s.given_up_unless_renewed_within = %s\n", spec->name,
            duration_text(hold_ms, text));
}

static void print_vip(const struct vip_spec *spec, FILE *out)
{
    char text[ADDRESS_PREFIX_TEXT_BYTES];

    fprintf(out, "vip.%s.address = %s\n", spec->name,
            address_prefix_text(spec->address.ip, spec->prefix_bits, text));
    fprintf(out, "vip.%s.interface = %s\n", spec->name, spec->interface);
    fprintf(out, "vip.%s.match =", spec->name);
    print_match(&spec->match, out);
    fprintf(out, "vip.%s.here = %s\n", spec->name, role_text(spec));
    fprintf(out, "vip.%s.priority = %u\n", spec->name, spec->priority);
    fprintf(out, "vip.%s.preempt = %s\n", spec->name,
            spec->preempt ? "true (takes it from a holder of lower priority)"
                          : "false (leaves it to a holder that lives)");
    print_requires(spec, out);
    print_hook(spec, out);
    print_lease(spec, out);
}

/* ---- timing ---- */

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
    char detect[DURATION_TEXT_BYTES], least[DURATION_TEXT_BYTES];
    uint32_t least_ms = gossip_detect_ms_min((int64_t)rtt_us);

    if (detect_ms >= least_ms)
        return false;
    snprintf(
        into, CONFIG_ERROR_BYTES,
        "detect \"%s\": below the smallest possible %s where answers take %.1f ms, and members "
        "that live may be suspected; use at least \"%s\", on all members",
        duration_text(detect_ms, detect), duration_text(least_ms, least), (double)rtt_us / 1000,
        least);
    return true;
}

static void print_notes(const struct config *c, FILE *out)
{
    for (const char *note = c->notes ? c->notes : ""; *note; note = strchr(note, '\n') + 1)
        fprintf(out, "note = %.*s\n", (int)strcspn(note, "\n"), note);
}

void config_print(const struct config *c, FILE *out)
{
    print_optional(out, "file", c->file, "(none)");
    fprintf(out, "name = %s\ncluster = %s\n", c->name, c->cluster);
    print_addresses(c, out);
    print_tags(c, out);
    fprintf(out, "log_level = %s\n", log_level_text(c->log_level));
    fprintf(out, "run_dir = %s\nstate_dir = %s\n", c->run_dir, c->state_dir);
    print_optional(out, "user", c->user, "(who started musterd)");
    print_control(c, out);
    for (size_t i = 0; i < c->handlers_count; i++)
        print_handler(&c->handlers[i], out);
    print_quorum(c, out);
    for (size_t i = 0; i < c->vips_count; i++)
        print_vip(&c->vips[i], out);
    print_timing(c->detect_ms, out);
    print_notes(c, out);
}
