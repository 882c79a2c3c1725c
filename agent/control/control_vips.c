#include "agent/control/control_command.h"
#include "agent/vip/quorum.h"
#include "agent/vip/vips.h"
#include "gossip/lease/leases.h"

#include <stdio.h>
#include <string.h>

static void put_summary(struct rpc_out *out, const struct vips_view *view)
{
    struct journal_vip vip;
    vips_describe(view->spec, view->vip, &vip);
    rpc_put_text(out, "Name", vip.name);
    rpc_put_text(out, "Address", vip.address);
    rpc_put_text(out, "Interface", vip.interface);
    rpc_put_text(out, "Holder", vip.holder);
    rpc_put_unsigned(out, "Epoch", vip.epoch);
    rpc_put_text(out, "State", vip_state_text(view->vip->state));
}
#define SUMMARY_FIELDS 6

static size_t count_vips(const struct vips *vips)
{
    struct vips_view view;
    size_t cursor = 0;
    while (vips_next(vips, &cursor, &view))
        continue;
    return cursor;
}

const char *control_vips_list(struct control_request *r)
{
    const struct control_parts *parts = r->parts;
    struct rpc_out *out = control_client_begin(r->client, r->seq, "");
    struct vips_view view;
    size_t cursor = 0;
    rpc_put_map(out, NULL, 3);
    rpc_put_boolean(out, "Quorum", quorum_is_there(parts->quorum));
    rpc_put_boolean(out, "Drained", vips_is_drained(parts->vips));
    rpc_put_array(out, "Vips", count_vips(parts->vips));
    while (vips_next(parts->vips, &cursor, &view)) {
        rpc_put_map(out, NULL, SUMMARY_FIELDS);
        put_summary(out, &view);
    }
    control_client_send(r->client);
    return CONTROL_ANSWERED;
}

/* ---- explain ---- */

static const char *voter_note(const struct gossip *g, const char *name)
{
    const struct voters *voters = leases_voters(g);
    struct gossip_voters ours = voters_range(voters);
    struct gossip_member m;
    if (!gossip_find(g, name, &m))
        return "not seen";
    if (m.status > GOSSIP_SUSPECT)
        return gossip_status_text(m.status);
    const struct gossip_voters *theirs = &m.profile->voters;
    if (theirs->high == 0)
        return "no voter by its own configuration";
    if (theirs->high != ours.high)
        return "goes by another version of the list";
    if (theirs->hash != ours.hash)
        return "goes by another list of the same version";
    return "agrees";
}

static void put_voters(struct rpc_out *out, const struct gossip *g)
{
    const struct voters *voters = leases_voters(g);
    unsigned cursor = 0;
    size_t count = 0;
    while (voters_next(voters, &cursor))
        count++;
    rpc_put_array(out, "Voters", count);
    cursor = 0;
    for (const char *name; (name = voters_next(voters, &cursor));) {
        rpc_put_map(out, NULL, 2);
        rpc_put_text(out, "Name", name);
        rpc_put_text(out, "Note", voter_note(g, name));
    }
}

static void put_heirs(struct rpc_out *out, const struct leases_state *lease)
{
    rpc_put_array(out, "Waiting", lease->waiting);
    for (unsigned i = 0; i < lease->waiting; i++) {
        rpc_put_map(out, NULL, 2);
        rpc_put_text(out, "Name", lease->heirs[i].name);
        rpc_put_unsigned(out, "Priority", lease->heirs[i].priority);
    }
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
    rpc_put_map(out, NULL, SUMMARY_FIELDS + 9);
    put_summary(out, &view);
    rpc_put_boolean(out, "Quorum", quorum_is_there(parts->quorum));
    rpc_put_unsigned(out, "Version", voters_range(leases_voters(host_view(parts->host))).high);
    rpc_put_text(out, "Obstacle", view.obstacle ? view.obstacle : "");
    rpc_put_unsigned(out, "Priority", view.spec->priority);
    rpc_put_unsigned(out, "LeaseMs", view.spec->lease_ms);
    rpc_put_unsigned(out, "LeftMs", left_us > 0 ? (uint64_t)left_us / 1000 : 0);
    rpc_put_boolean(out, "Gate", vips_has_gate(parts->vips));
    put_heirs(out, &view.lease);
    put_voters(out, host_view(parts->host));
    control_client_send(r->client);
    return CONTROL_ANSWERED;
}

/* ---- what is asked for ---- */

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
