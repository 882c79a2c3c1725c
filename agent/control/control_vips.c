#include "agent/config/ip_words.h"
#include "agent/control/control_command.h"
#include "agent/events/journal.h"
#include "agent/vip/managed_vip.h"
#include "agent/vip/quorum.h"
#include "agent/vip/vips.h"
#include "gossip/lease/leases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_summary(struct rpc_out *out, const struct vips_view *view)
{
    struct vip_record vip;
    vips_describe(view->spec, view->vip, &vip);
    fields_put_pairs(out, &vip_fields, &vip);
    rpc_put_text(out, "state", vip_state_text(view->vip->state));
}

const char *control_vips_list(struct control_request *r)
{
    const struct control_parts *parts = r->parts;
    struct rpc_out *out = control_client_begin(r->client, r->seq, "");
    struct vips_view view;
    size_t cursor = 0;
    rpc_map_begin(out, NULL);
    rpc_put_boolean(out, "quorum", quorum_is_there(parts->quorum));
    rpc_put_boolean(out, "drained", vips_is_drained(parts->vips));
    rpc_array_begin(out, "vips");
    while (vips_next(parts->vips, &cursor, &view)) {
        rpc_map_begin(out, NULL);
        put_summary(out, &view);
        rpc_end(out);
    }
    rpc_end(out);
    rpc_end(out);
    control_client_send(r->client);
    return CONTROL_ANSWERED;
}

/* ---- explain ---- */

enum { NOTE_BYTES = 80 + GOSSIP_NAME_BYTES_MAX };

static const char *voter_not_seen(const struct gossip *g, const char *name, char into[NOTE_BYTES])
{
    struct gossip_member m;
    if (!leases_find_alike(g, name, &m))
        return "not seen";
    snprintf(into, NOTE_BYTES, "not seen; there is a member \"%s\": name the voter so",
             m.profile->name);
    return into;
}

static const char *voter_note(const struct gossip *g, const char *name, char into[NOTE_BYTES])
{
    const struct voters *voters = leases_voters(g);
    struct gossip_voters ours = voters_range(voters);
    struct gossip_member m;
    if (!gossip_find(g, name, &m))
        return voter_not_seen(g, name, into);
    if (m.status > GOSSIP_SUSPECT)
        return gossip_status_text(m.status);
    const struct gossip_voters *theirs = &m.profile->voters;
    if (theirs->newest == 0)
        return "no voter by its own configuration";
    if (theirs->newest != ours.newest)
        return "goes by another version of the list";
    if (theirs->hash != ours.hash)
        return "goes by another list of the same version";
    int64_t silent_us = leases_voter_silent_us(g, host_now_us(), name);
    if (silent_us == 0)
        return "agrees";
    snprintf(into, NOTE_BYTES, "no answer to lease questions for %lld s",
             (long long)(silent_us / 1000000));
    return into;
}

static void put_voters(struct rpc_out *out, const struct gossip *g)
{
    const struct voters *voters = leases_voters(g);
    unsigned cursor = 0;
    char note[NOTE_BYTES];
    rpc_array_begin(out, "voters");
    for (const char *name; (name = voters_next(voters, &cursor));) {
        rpc_map_begin(out, NULL);
        rpc_put_text(out, "name", name);
        rpc_put_text(out, "note", voter_note(g, name, note));
        rpc_end(out);
    }
    rpc_end(out);
}

static void put_successors(struct rpc_out *out, const struct leases_state *lease)
{
    rpc_array_begin(out, "waiting");
    for (unsigned i = 0; i < lease->waiting; i++) {
        rpc_map_begin(out, NULL);
        rpc_put_text(out, "name", lease->successors[i].name);
        rpc_put_unsigned(out, "priority", lease->successors[i].priority);
        rpc_end(out);
    }
    rpc_end(out);
}

/* Why the holder has it, since when, and what went wrong here. */
static void put_why(struct rpc_out *out, const struct vips_view *view)
{
    char since[JOURNAL_TIME_BYTES] = "";
    if (view->since_ms > 0)
        journal_time_text(view->since_ms, since);
    rpc_put_text(out, "since", since);
    rpc_put_text(out, "why", view->why ? view->why : "");
    rpc_put_text(out, "failure", view->failure ? view->failure : "");
}

/* A text that was printed into memory, as an element of a list. */
struct part_text {
    FILE *out;
    char *bytes;
    size_t len;
};

static FILE *part_begin(struct part_text *t)
{
    *t = (struct part_text){.bytes = NULL};
    t->out = open_memstream(&t->bytes, &t->len);
    return t->out;
}

static void part_put(struct rpc_out *out, struct part_text *t)
{
    fclose(t->out);
    rpc_put_text(out, NULL, t->bytes + strspn(t->bytes, " "));
    free(t->bytes);
}

/* What comes and goes with it, each as the configuration can have it. */
static void put_parts(struct rpc_out *out, const struct vip_spec *spec)
{
    struct part_text text;
    rpc_array_begin(out, "addresses");
    for (size_t i = 0; i < spec->addresses_count && part_begin(&text); i++) {
        ip_words_print_address(&spec->addresses[i], text.out);
        part_put(out, &text);
    }
    rpc_end(out);
    rpc_array_begin(out, "routes");
    for (size_t i = 0; i < spec->routes_count && part_begin(&text); i++) {
        ip_words_print_route(&spec->routes[i], text.out);
        part_put(out, &text);
    }
    rpc_end(out);
    rpc_array_begin(out, "rules");
    for (size_t i = 0; i < spec->rules_count && part_begin(&text); i++) {
        ip_words_print_rule(&spec->rules[i], text.out);
        part_put(out, &text);
    }
    rpc_end(out);
    rpc_array_begin(out, "track");
    for (size_t i = 0; i < spec->track_count; i++)
        rpc_put_text(out, NULL, spec->track[i]);
    rpc_end(out);
}

static bool get_name(struct control_request *r, const char *key, char *name)
{
    *name = '\0';
    return rpc_get_string(r->body, key, name, GOSSIP_NAME_BYTES_MAX + 1);
}

const char *control_vips_explain(struct control_request *r)
{
    char name[GOSSIP_NAME_BYTES_MAX + 1];
    const struct control_parts *parts = r->parts;
    struct vips_view view;
    if (!get_name(r, "Name", name) || !vips_find(parts->vips, name, &view))
        return "no such vip";
    struct rpc_out *out = control_client_begin(r->client, r->seq, "");
    int64_t left_us = view.lease.held ? view.lease.until_us - host_now_us() : 0;
    rpc_map_begin(out, NULL);
    put_summary(out, &view);
    rpc_put_text(out, "obstacle", view.ineligible_because ? view.ineligible_because : "");
    put_why(out, &view);
    put_parts(out, view.spec);
    rpc_put_boolean(out, "quorum", quorum_is_there(parts->quorum));
    rpc_put_boolean(out, "gate", vips_has_fence(parts->vips));
    rpc_put_unsigned(out, "version", voters_range(leases_voters(host_view(parts->host))).newest);
    rpc_put_unsigned(out, "priority", view.spec->priority);
    rpc_put_unsigned(out, "lease_ms", view.spec->lease_ms);
    rpc_put_unsigned(out, "left_ms", left_us > 0 ? (uint64_t)left_us / 1000 : 0);
    put_successors(out, &view.lease);
    put_voters(out, host_view(parts->host));
    rpc_end(out);
    control_client_send(r->client);
    return CONTROL_ANSWERED;
}

/* ---- move, release, drain ---- */

const char *control_vips_move(struct control_request *r)
{
    char name[GOSSIP_NAME_BYTES_MAX + 1], host[GOSSIP_NAME_BYTES_MAX + 1];
    if (!get_name(r, "Name", name))
        return "no such vip";
    if (!get_name(r, "Host", host))
        return "no such member";
    const char *error = vips_move(r->parts->vips, name, host);
    return error ? error : CONTROL_OK;
}

const char *control_vips_release(struct control_request *r)
{
    char name[GOSSIP_NAME_BYTES_MAX + 1];
    if (!get_name(r, "Name", name))
        return "no such vip";
    const char *error = vips_release(r->parts->vips, name);
    return error ? error : CONTROL_OK;
}

const char *control_vips_drain(struct control_request *r)
{
    vips_drain(r->parts->vips, true);
    return CONTROL_OK;
}

const char *control_vips_undrain(struct control_request *r)
{
    vips_drain(r->parts->vips, false);
    return CONTROL_OK;
}
