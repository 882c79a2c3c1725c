#include "agent/control/control_command.h"
#include "agent/vip/managed_vip.h"
#include "agent/vip/quorum.h"
#include "agent/vip/vips.h"
#include "gossip/lease/leases.h"

#include <stdio.h>
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

enum { NOTE_BYTES = 80 };

static const char *voter_note(const struct gossip *g, const char *name, char into[NOTE_BYTES])
{
    const struct voters *voters = leases_voters(g);
    struct gossip_voters ours = voters_range(voters);
    struct gossip_member m;
    if (!gossip_find(g, name, &m))
        return "not seen";
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
