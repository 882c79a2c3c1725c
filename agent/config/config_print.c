#include "agent/config/config.h"

#include "agent/config/config_table.h"
#include "gossip/lease/leases.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

static void print_duration(FILE *out, const char *key, uint32_t ms)
{
    char text[DURATION_TEXT_BYTES];
    fprintf(out, "%s = %s\n", key, duration_text(ms, text));
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
    for (size_t i = 0; i < c->vips_count; i++)
        if (c->vips[i].lease_ms > longest_ms)
            longest_ms = c->vips[i].lease_ms;
    return (uint32_t)(lease_quarantine_us(longest_ms * INT64_C(1000)) / 1000);
}

static void print_quorum(const struct config *c, FILE *out)
{
    if (c->quorum.count == 0)
        return;
    print_majority(&c->quorum, out);
    fprintf(out, "quorum.here = %s\n",
            quorum_spec_has(&c->quorum, c->name) ? "a voter"
                                                 : "no voter (it can hold all the same)");
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

/* What its lease's length means is rounded down to milliseconds. */
static void print_vip(const struct vip_spec *spec, FILE *out)
{
    char text[DURATION_TEXT_BYTES];
    uint32_t hold_ms = (uint32_t)(lease_hold_us(spec->lease_ms * INT64_C(1000)) / 1000);
    fprintf(out, "vip.%s.here = %s\n", spec->name, role_text(spec));
    fprintf(out, "vip.%s.priority_here = %u\n", spec->name, spec->priority);
    fprintf(out, "vip.%s.renewed_every = %s\n", spec->name,
            duration_text(spec->lease_ms / LEASES_RENEW_PARTS, text));
    fprintf(out, "vip.%s.given_up_unless_renewed_within = %s\n", spec->name,
            duration_text(hold_ms, text));
}

/* ---- timing ---- */

static void print_timing(uint32_t detect_ms, FILE *out)
{
    struct gossip_timing t;
    enum gossip_error error = gossip_timing_derive(detect_ms, &t);
    assert(error == GOSSIP_OK); /* its range was checked */
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
        into, ERROR_BYTES,
        "detect \"%s\": below the smallest possible %s where answers take %.1f ms, and members "
        "that live may be suspected; use at least \"%s\", on all members",
        duration_text(detect_ms, detect), duration_text(least_ms, least), (double)rtt_us / 1000,
        least);
    return true;
}

/* ---- all of it ---- */

static void print_key(const struct config *c, const struct config_key *key, size_t index, FILE *out)
{
    const char *section = config_sections[key->section].name;
    const char *title = config_section_title(c, key->section, index);
    fprintf(out, "%s%s%s%s%s =", section ? section : "", section ? "." : "", title ? title : "",
            title ? "." : "", key->name);
    config_key_print(key, config_section_element(c, key->section, index), out);
    fputc('\n', out);
}

static void print_section(const struct config *c, enum config_section_id section, FILE *out)
{
    for (size_t i = 0; i < config_section_count(c, section); i++) {
        const struct config_key *key = NULL;
        while ((key = config_key_next(section, key)))
            print_key(c, key, i, out);
        if (section == CONFIG_VIP)
            print_vip(&c->vips[i], out);
    }
    if (section == CONFIG_QUORUM)
        print_quorum(c, out);
}

void config_print(const struct config *c, FILE *out)
{
    fprintf(out, "file = %s\n", c->file ? c->file : "(none)");
    for (unsigned section = 0; section < CONFIG_SECTIONS; section++)
        print_section(c, section, out);
    print_timing(c->detect_ms, out);
    for (const char *note = c->notes ? c->notes : ""; *note; note = strchr(note, '\n') + 1)
        fprintf(out, "warning = %.*s\n", (int)strcspn(note, "\n"), note);
}
