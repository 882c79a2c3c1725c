#include "agent/base/address.h"
#include "agent/control/control_command.h"
#include "agent/scripts/handler.h"
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

/* ---- sections: `stats` and `info` are maps of them. Values are texts in the first, as Serf has
 * them, and texts or integers in the second ---- */

struct section {
    struct rpc_out *out;
    size_t place, count;
};

static struct section section_begin(struct rpc_out *out, const char *name)
{
    return (struct section){.out = out, .place = rpc_map_begin(out, name)};
}

static void section_end(const struct section *s)
{
    rpc_end(s->out, s->place, s->count);
}

static void put_text(struct section *s, const char *key, const char *value)
{
    rpc_put_text(s->out, key, value);
    s->count++;
}

static void put(struct section *s, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void put(struct section *s, const char *key, const char *format, ...)
{
    char value[VALUE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    put_text(s, key, value);
}

static void put_unsigned(struct section *s, const char *key, uint64_t value)
{
    rpc_put_unsigned(s->out, key, value);
    s->count++;
}

/* ---- stats: the sections and keys that Serf's clients know ---- */

static void put_runtime(struct rpc_out *out)
{
    struct utsname system = {0};
    struct section s = section_begin(out, "runtime");
    uname(&system);
    for (char *c = system.sysname; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    put_text(&s, "os", system.sysname);
    put_text(&s, "arch", system.machine);
    put_text(&s, "version", system.release);
    put(&s, "cpu_count", "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    section_end(&s);
}

static void put_serf(struct rpc_out *out, const struct host *host)
{
    /* What Serf counts and we have nothing of, at Serf's value for nothing. */
    static const char *const nothing[] = {"health_score", "event_time", "query_time", "event_queue",
                                          "query_queue"};
    struct gossip_stats stats;
    struct section s = section_begin(out, "serf");
    gossip_get_stats(host_view(host), &stats);
    put(&s, "members", "%" PRIu64, stats.members_alive + stats.members_failed + stats.members_left);
    put(&s, "failed", "%" PRIu64, stats.members_failed);
    put(&s, "left", "%" PRIu64, stats.members_left);
    put(&s, "member_time", "%" PRIu64, journal_newest(host_journal(host)));
    put(&s, "intent_queue", "%" PRIu64, stats.news_waiting);
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++)
        put_text(&s, nothing[i], "0");
    put_text(&s, "encrypted", "false");
    section_end(&s);
}

static void put_event_handlers(struct rpc_out *out, const struct config *config)
{
    struct section s = section_begin(out, "event_handlers");
    for (size_t i = 0; i < config->handlers_count; i++)
        put_text(&s, config->handlers[i].name, config->handlers[i].run);
    section_end(&s);
}

const char *control_info_stats(struct control_request *r)
{
    const struct host *host = r->parts->host;
    const struct gossip_profile *self = gossip_self(host_view(host)).profile;
    struct rpc_out *out = control_client_begin(r->client, r->seq, "");
    rpc_put_map(out, NULL, 5);
    struct section s = section_begin(out, "agent");
    put_text(&s, "name", self->name);
    section_end(&s);
    put_runtime(out);
    put_serf(out, host);
    control_members_put_tags(out, "tags", self);
    put_event_handlers(out, host_config(host));
    control_client_send(r->client);
    return CONTROL_ANSWERED;
}

/* ---- info ---- */

static void put_agent(struct rpc_out *out, const struct control *c)
{
    const struct host *host = c->parts.host;
    const struct config *config = host_config(host);
    struct gossip_member self = gossip_self(host_view(host));
    char addr[ADDRESS_TEXT_BYTES], id[CONTROL_ID_TEXT_BYTES];
    struct section s = section_begin(out, "agent");
    put_text(&s, "name", self.profile->name);
    put_text(&s, "version", PACKAGE_VERSION);
    put_text(&s, "cluster", config->cluster);
    put_text(&s, "addr", address_text(self.profile->addr.ip, self.profile->addr.port, addr));
    put_text(&s, "status", gossip_status_text(self.status));
    put_text(&s, "id", control_members_id_text(self.profile, id));
    put_unsigned(&s, "generation", self.profile->generation);
    put_unsigned(&s, "incarnation", self.incarnation);
    put_unsigned(&s, "pid", (uint64_t)getpid());
    put_unsigned(&s, "uptime_s", (uint64_t)(host_now_us() - c->started_us) / 1000000);
    put_text(&s, "config", config->file ? config->file : "");
    put_text(&s, "run_dir", config->run_dir);
    put_text(&s, "state_dir", config->state_dir);
    put_unsigned(&s, "last_event", journal_newest(host_journal(host)));
    put_unsigned(&s, "event_readers", events_readers(c->parts.events));
    put_unsigned(&s, "control_clients", control_clients(c));
    section_end(&s);
}

/* And what detect could be here, by how long answers take: once there was one. */
static void put_timing(struct rpc_out *out, const struct gossip *g)
{
    const struct gossip_timing *timing = gossip_get_timing(g);
    struct gossip_stats stats;
    struct section s = section_begin(out, "timing");
    gossip_get_stats(g, &stats);
    put_unsigned(&s, "detect_ms", timing->detect_ms);
    put_unsigned(&s, "detect_ms_min", gossip_detect_ms_min((int64_t)stats.rtt_us));
    if (stats.rtt_us > 0)
        put_unsigned(&s, "rtt_us", stats.rtt_us);
    put_unsigned(&s, "ping_period_ms", timing->ping_period_ms);
    put_unsigned(&s, "sweep_period_ms", timing->sweep_period_ms);
    put_unsigned(&s, "reping_ms", timing->reping_ms);
    put_unsigned(&s, "suspicion_max_ms", timing->suspicion_max_ms);
    put_unsigned(&s, "suspicion_min_ms", timing->suspicion_min_ms);
    put_unsigned(&s, "gossip_period_ms", timing->gossip_period_ms);
    put_unsigned(&s, "redial_period_ms", timing->redial_period_ms);
    put_unsigned(&s, "sync_delay_ms", timing->sync_delay_ms);
    put_unsigned(&s, "leave_ms", timing->leave_ms);
    put_unsigned(&s, "reap_s", timing->reap_s);
    section_end(&s);
}

static void put_counters(struct rpc_out *out, const struct gossip *g)
{
    struct gossip_stats stats;
    struct section s = section_begin(out, "counters");
    gossip_get_stats(g, &stats);
#define PUT(name, meaning) put_unsigned(&s, #name, stats.name);
    GOSSIP_STATS(PUT)
#undef PUT
    section_end(&s);
}

/* Those of one run are there once there was one. */
static void put_handler(struct rpc_out *out, const struct handler_stats *h)
{
    struct section s = section_begin(out, h->name);
    put_text(&s, "state", h->running ? "running" : "idle");
    if (h->last_status >= 0) {
        put_unsigned(&s, "last_status", (uint64_t)h->last_status);
        put_unsigned(&s, "last_duration_ms", (uint64_t)h->last_duration_us / 1000);
    }
    put_unsigned(&s, "runs", h->runs);
    put_unsigned(&s, "failures", h->failures);
    put_unsigned(&s, "timeouts", h->timeouts);
    put_unsigned(&s, "waiting", h->waiting);
    put_unsigned(&s, "collapsed", h->collapsed);
    put_unsigned(&s, "dropped", h->dropped);
    section_end(&s);
}

static void put_handlers(struct rpc_out *out, const struct handlers *handlers)
{
    struct handler_stats h;
    struct section s = section_begin(out, "handlers");
    for (; handlers_stats(handlers, s.count, &h); s.count++)
        put_handler(out, &h);
    section_end(&s);
}

static void put_vips(struct rpc_out *out, const struct control_parts *parts)
{
    struct section s = section_begin(out, "vips");
    size_t held = 0, cursor = 0;
    struct vips_view view;
    while (vips_next(parts->vips, &cursor, &view))
        held += view.vip->state == VIP_HOLDING;
    put_unsigned(&s, "configured", cursor);
    if (cursor > 0) {
        put_unsigned(&s, "held", held);
        put_text(&s, "drained", vips_is_drained(parts->vips) ? "yes" : "no");
        put_text(&s, "quorum", quorum_is_there(parts->quorum) ? "yes" : "no");
        put_text(&s, "gate",
                 vips_has_gate(parts->vips)
                     ? "nftables: the kernel ends what is held by itself, to the millisecond"
                     : "none: should agent and steward both be stopped, an address can outlast its "
                       "lease by up to two seconds");
    }
    section_end(&s);
}

const char *control_info_info(struct control_request *r)
{
    struct rpc_out *out = control_client_begin(r->client, r->seq, "");
    rpc_put_map(out, NULL, 5);
    put_agent(out, r->client->control);
    put_timing(out, host_view(r->parts->host));
    put_counters(out, host_view(r->parts->host));
    put_handlers(out, r->parts->handlers);
    put_vips(out, r->parts);
    control_client_send(r->client);
    return CONTROL_ANSWERED;
}

/* ---- explain ---- */

const char *control_info_explain(struct control_request *r)
{
    char name[GOSSIP_NAME_BYTES_MAX + 1] = "";
    struct gossip_explanation e;
    /* A name too long to be one is nobody's. */
    enum gossip_error error = GOSSIP_ERROR_UNKNOWN;
    if (rpc_get_string(r->body, "Node", name, sizeof name))
        error = gossip_explain(host_view(r->parts->host), host_now_us(), name, &e);
    if (error != GOSSIP_OK)
        return gossip_error_text(error);
    struct rpc_out *out = control_client_begin(r->client, r->seq, "");
    rpc_put_map(out, NULL, 12);
    control_members_put(out, "Member", &e.member);
    rpc_put_boolean(out, "Watched", e.watched);
    rpc_put_number(out, "Phi", e.phi);
    rpc_put_number(out, "Loss", e.loss);
    rpc_put_signed(out, "RTT", e.rtt_us);
    rpc_put_signed(out, "LastAck", e.last_ack_age_us);
    rpc_put_unsigned(out, "Unanswered", e.pings_unanswered);
    rpc_put_boolean(out, "Suspicion", e.suspicion);
    rpc_put_boolean(out, "SuspicionOurs", e.suspicion_ours);
    rpc_put_unsigned(out, "Confirmations", e.confirmations);
    rpc_put_signed(out, "SuspicionLeft", e.suspicion_left_us);
    rpc_put_array(out, "Observers", e.observers_count);
    for (size_t i = 0; i < e.observers_count; i++)
        rpc_put_text(out, NULL, e.observers[i]->name);
    control_client_send(r->client);
    return CONTROL_ANSWERED;
}
