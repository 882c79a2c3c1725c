#include "agent/base/address.h"
#include "agent/control/control_command.h"
#include "agent/events/record.h"
#include "agent/scripts/handlers.h"
#include "agent/vip/quorum.h"
#include "agent/vip/vips.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define VALUE_BYTES 256

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unreleased"
#endif

static void put_text(struct rpc_out *out, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void put_text(struct rpc_out *out, const char *key, const char *format, ...)
{
    char value[VALUE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    rpc_put_text(out, key, value);
}

/* ---- stats: Serf's sections and keys, all values texts ---- */

static void put_runtime(struct rpc_out *out)
{
    struct utsname system = {0};
    rpc_map_begin(out, "runtime");
    uname(&system);
    for (char *c = system.sysname; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    rpc_put_text(out, "os", system.sysname);
    rpc_put_text(out, "arch", system.machine);
    rpc_put_text(out, "version", system.release);
    put_text(out, "cpu_count", "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    put_text(out, "max_procs", "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    rpc_put_text(out, "goroutines", "0");
    rpc_end(out);
}

static void put_serf(struct rpc_out *out, const struct host *host)
{
    /* Serf's counters of things that are not here. */
    static const char *const nothing[] = {"health_score", "event_time",  "query_time",
                                          "event_queue",  "query_queue", "coordinate_resets"};
    struct gossip_stats stats;
    rpc_map_begin(out, "serf");
    gossip_get_stats(host_view(host), &stats);
    put_text(out, "members", "%" PRIu64,
             stats.members_alive + stats.members_failed + stats.members_left);
    put_text(out, "failed", "%" PRIu64, stats.members_failed);
    put_text(out, "left", "%" PRIu64, stats.members_left);
    put_text(out, "member_time", "%" PRIu64, journal_newest(host_journal(host)));
    put_text(out, "intent_queue", "%" PRIu64, stats.updates_waiting);
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++)
        rpc_put_text(out, nothing[i], "0");
    rpc_put_text(out, "encrypted", "false");
    rpc_end(out);
}

static void put_event_handlers(struct rpc_out *out, const struct config *config)
{
    rpc_map_begin(out, "event_handlers");
    for (size_t i = 0; i < config->handlers_count; i++)
        rpc_put_text(out, config->handlers[i].name, config->handlers[i].run);
    rpc_end(out);
}

const char *control_info_stats(struct control_request *r)
{
    const struct host *host = r->parts->host;
    const struct gossip_profile *self = gossip_self(host_view(host)).profile;
    struct rpc_out *out = control_client_begin(r->client, r->seq, "");
    rpc_map_begin(out, NULL);
    rpc_map_begin(out, "agent");
    rpc_put_text(out, "name", self->name);
    rpc_end(out);
    put_runtime(out);
    put_serf(out, host);
    control_members_put_tags(out, "tags", self);
    put_event_handlers(out, host_config(host));
    rpc_end(out);
    control_client_send(r->client);
    return CONTROL_ANSWERED;
}

/* ---- info ---- */

static void put_agent(struct rpc_out *out, const struct control *c)
{
    const struct host *host = c->parts.host;
    const struct config *config = host_config(host);
    struct gossip_member self = gossip_self(host_view(host));
    char addr[ADDRESS_TEXT_BYTES], id[RECORD_ID_BYTES];
    rpc_map_begin(out, "agent");
    rpc_put_text(out, "name", self.profile->name);
    rpc_put_text(out, "version", PACKAGE_VERSION);
    rpc_put_text(out, "cluster", config->cluster);
    rpc_put_text(out, "addr", address_text(self.profile->addr.ip, self.profile->addr.port, addr));
    rpc_put_text(out, "status", gossip_status_text(self.status));
    const char *waits_for = c->parts.requests->waits_for(c->parts.requests_arg);
    if (waits_for)
        rpc_put_text(out, "waits_for", waits_for);
    rpc_put_text(out, "id", record_id_text(self.profile, id));
    rpc_put_unsigned(out, "generation", self.profile->generation);
    rpc_put_unsigned(out, "incarnation", self.incarnation);
    rpc_put_unsigned(out, "pid", (uint64_t)getpid());
    rpc_put_unsigned(out, "uptime_s", (uint64_t)(host_now_us() - c->started_us) / 1000000);
    rpc_put_text(out, "config", config->file ? config->file : "");
    rpc_put_text(out, "run_dir", config->run_dir);
    rpc_put_text(out, "state_dir", config->state_dir);
    rpc_put_unsigned(out, "last_event", journal_newest(host_journal(host)));
    rpc_put_unsigned(out, "event_readers", events_readers(c->parts.events));
    rpc_put_unsigned(out, "control_clients", control_clients(c));
    rpc_end(out);
}

/* rtt_us is there once it was measured. */
static void put_timing(struct rpc_out *out, const struct gossip *g)
{
    const struct gossip_timing *timing = gossip_get_timing(g);
    struct gossip_stats stats;
    rpc_map_begin(out, "timing");
    gossip_get_stats(g, &stats);
    rpc_put_unsigned(out, "detect_ms", timing->detect_ms);
    rpc_put_unsigned(out, "detect_ms_min", gossip_detect_ms_min((int64_t)stats.rtt_us));
    if (stats.rtt_us > 0)
        rpc_put_unsigned(out, "rtt_us", stats.rtt_us);
    rpc_put_unsigned(out, "ping_period_ms", timing->ping_period_ms);
    rpc_put_unsigned(out, "sweep_period_ms", timing->sweep_period_ms);
    rpc_put_unsigned(out, "reping_ms", timing->reping_ms);
    rpc_put_unsigned(out, "suspicion_max_ms", timing->suspicion_max_ms);
    rpc_put_unsigned(out, "suspicion_min_ms", timing->suspicion_min_ms);
    rpc_put_unsigned(out, "gossip_period_ms", timing->gossip_period_ms);
    rpc_put_unsigned(out, "redial_period_ms", timing->redial_period_ms);
    rpc_put_unsigned(out, "sync_delay_ms", timing->sync_delay_ms);
    rpc_put_unsigned(out, "leave_ms", timing->leave_ms);
    rpc_put_unsigned(out, "reap_s", timing->reap_s);
    rpc_end(out);
}

static void put_counters(struct rpc_out *out, const struct gossip *g)
{
    struct gossip_stats stats;
    rpc_map_begin(out, "counters");
    gossip_get_stats(g, &stats);
#define PUT(name, meaning) rpc_put_unsigned(out, #name, stats.name);
    GOSSIP_STATS(PUT)
#undef PUT
    rpc_end(out);
}

/* last_status and last_duration_ms are there after the first run. */
static void put_handler(struct rpc_out *out, const struct handler_stats *h)
{
    rpc_map_begin(out, h->name);
    rpc_put_text(out, "state", h->running ? "running" : "idle");
    if (h->last_status >= 0) {
        rpc_put_unsigned(out, "last_status", (uint64_t)h->last_status);
        rpc_put_unsigned(out, "last_duration_ms", (uint64_t)h->last_duration_us / 1000);
    }
    rpc_put_unsigned(out, "runs", h->runs);
    rpc_put_unsigned(out, "failures", h->failures);
    rpc_put_unsigned(out, "timeouts", h->timeouts);
    rpc_put_unsigned(out, "waiting", h->waiting);
    rpc_put_unsigned(out, "collapsed", h->collapsed);
    rpc_put_unsigned(out, "dropped", h->dropped);
    rpc_end(out);
}

static void put_handlers(struct rpc_out *out, const struct handlers *handlers)
{
    struct handler_stats h;
    rpc_map_begin(out, "handlers");
    for (size_t i = 0; handlers_stats(handlers, i, &h); i++)
        put_handler(out, &h);
    rpc_end(out);
}

static void put_vips(struct rpc_out *out, const struct control_parts *parts)
{
    rpc_map_begin(out, "vips");
    size_t held = 0, cursor = 0;
    struct vips_view view;
    while (vips_next(parts->vips, &cursor, &view))
        held += view.vip->state == VIP_HOLDING;
    rpc_put_unsigned(out, "configured", cursor);
    if (cursor > 0) {
        rpc_put_unsigned(out, "held", held);
        rpc_put_text(out, "drained", vips_is_drained(parts->vips) ? "yes" : "no");
        rpc_put_text(out, "quorum", quorum_is_there(parts->quorum) ? "yes" : "no");
        rpc_put_text(
            out, "gate",
            vips_has_fence(parts->vips)
                ? "nftables: the kernel ends what is held by itself, to the millisecond"
                : "none: should agent and steward both be stopped, an address can outlast its "
                  "lease by up to two seconds");
    }
    rpc_end(out);
}

const char *control_info_info(struct control_request *r)
{
    struct rpc_out *out = control_client_begin(r->client, r->seq, "");
    rpc_map_begin(out, NULL);
    put_agent(out, r->client->control);
    put_timing(out, host_view(r->parts->host));
    put_counters(out, host_view(r->parts->host));
    put_handlers(out, r->parts->handlers);
    put_vips(out, r->parts);
    rpc_end(out);
    control_client_send(r->client);
    return CONTROL_ANSWERED;
}

/* ---- explain ---- */

/* nil: not known. */
static void put_known(struct rpc_out *out, const char *key, bool known, int64_t value)
{
    if (known && value >= 0)
        rpc_put_signed(out, key, value);
    else
        rpc_put_nil(out, key);
}

static void put_known_number(struct rpc_out *out, const char *key, bool known, double value)
{
    if (known)
        rpc_put_number(out, key, value);
    else
        rpc_put_nil(out, key);
}

const char *control_info_explain(struct control_request *r)
{
    char name[GOSSIP_NAME_BYTES_MAX + 1] = "";
    struct gossip_explanation e;
    /* No member has a name that is too long. */
    enum gossip_error error = GOSSIP_ERROR_UNKNOWN;
    if (rpc_get_string(r->body, "Node", name, sizeof name))
        error = gossip_explain(host_view(r->parts->host), host_now_us(), name, &e);
    if (error != GOSSIP_OK)
        return gossip_error_text(error);
    struct rpc_out *out = control_client_begin(r->client, r->seq, "");
    rpc_map_begin(out, NULL);
    control_members_put(out, "member", &e.member);
    rpc_put_boolean(out, "watched", e.watched);
    put_known_number(out, "phi", e.watched, e.phi);
    put_known_number(out, "loss", e.watched, e.loss);
    put_known(out, "rtt_us", e.watched, e.rtt_us);
    put_known(out, "last_ack_us", e.watched, e.last_ack_age_us);
    put_known(out, "unanswered", e.watched, e.pings_unanswered);
    rpc_put_boolean(out, "suspicion", e.suspicion);
    rpc_put_boolean(out, "suspicion_ours", e.suspicion && e.suspicion_ours);
    put_known(out, "confirmations", e.suspicion, e.confirmations);
    put_known(out, "suspicion_left_us", e.suspicion, e.suspicion_left_us);
    rpc_array_begin(out, "observers");
    for (size_t i = 0; i < e.observers_count; i++)
        rpc_put_text(out, NULL, e.observers[i]->name);
    rpc_end(out);
    rpc_end(out);
    control_client_send(r->client);
    return CONTROL_ANSWERED;
}
