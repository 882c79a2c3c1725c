#include "gossip/gossip.h"

#include "gossip/admission.h"
#include "gossip/changes.h"
#include "gossip/core.h"
#include "gossip/detect.h"
#include "gossip/membership/profile.h"
#include "gossip/records.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char *gossip_error_text(enum gossip_error error)
{
#define ERROR_TEXT(name, text) text,
    static const char *const texts[] = {GOSSIP_ERRORS(ERROR_TEXT)};
#undef ERROR_TEXT
    return texts[error];
}

/* Measured (gossip/detector/DETECTOR.md): without round trips a crash takes 0.43 of detect at the
 * median, and some five round trips are added: until a ping is missed, while pings anew are, for
 * evidence, for the suspect to refute, and for the update. */
uint32_t gossip_detect_ms_min(int64_t rtt_us)
{
    int64_t ms = 100 + rtt_us / 1000 * 9 + rtt_us % 1000 * 9 / 1000;
    return ms > GOSSIP_DETECT_MS_MIN ? (uint32_t)core_min(ms, UINT32_MAX) : GOSSIP_DETECT_MS_MIN;
}

enum gossip_error gossip_timing_derive(uint32_t detect_ms, struct gossip_timing *timing)
{
    return tuning_derive(&tuning_default, detect_ms, timing);
}

/* Time moves to now_us; a stall of this host is compensated first. */
static void gossip_begin(struct gossip *g, int64_t now_us)
{
    assert(now_us >= g->now_us);
    g->now_us = now_us;
    detect_wake(g);
}

/* The next deadline; the host holds on to it until the next call. */
static void gossip_end(struct gossip *g)
{
    lease_outbox_flush(g);
    int64_t deadline_us = core_min(detect_deadline(g), leases_deadline(g));
    deadline_us = core_min(deadline_us, core_min(spread_deadline(g), join_deadline(g)));
    deadline_us = core_min(deadline_us, core_min(g->reap_us, g->left_us));
    deadline_us = core_min(deadline_us, contest_deadline(g));
    if (g->gone)
        deadline_us = INT64_MAX;
    g->deadline_us = deadline_us > g->now_us ? deadline_us : g->now_us;
}

int64_t gossip_deadline(const struct gossip *g)
{
    return core_max(g->deadline_us, g->now_us);
}

struct gossip *gossip_new(const struct gossip_config *config, int64_t now_us,
                          enum gossip_error *error)
{
    const struct gossip_tuning *tuning = config->tuning ? config->tuning : &tuning_default;
    struct gossip_timing timing;
    *error = profile_check(&config->self);
    if (*error == GOSSIP_OK)
        *error = tuning_derive(tuning, config->detect_ms, &timing);
    if (*error != GOSSIP_OK)
        return NULL;
    *error = GOSSIP_ERROR_MEMORY;
    struct gossip *g = calloc(1, sizeof *g);
    const struct gossip_profile *self = profile_new(&config->self);
    if (!g || !self || !member_table_init(&g->members)) {
        gossip_profile_release(self);
        free(g);
        return NULL;
    }
    g->tuning = *tuning;
    g->timing = timing;
    g->now_us = g->deadline_us = now_us;
    g->cluster = wire_cluster_hash(config->cluster);
    g->key = profile_key(self->id);
    g->first_generation = self->generation;
    g->left_us = INT64_MAX;
    g->reap_us = now_us;
    g->joins.redial_us = now_us;
    rng_seed(&g->rng, config->seed);
    memcpy(g->proof.secret, config->secret, sizeof g->proof.secret);
    outbox_init(&g->outbox);
    spread_init(&g->spread);
    detect_init(g);
    g->self = member_add(&g->members, self);
    g->view = member_term(core_member(g, g->self));
    core_member(g, g->self)->since_us = core_member(g, g->self)->started_us = now_us;
    gossip_profile_release(self);
    *error = GOSSIP_OK;
    return g;
}

void gossip_free(struct gossip *g)
{
    if (!g)
        return;
    outbox_free(&g->outbox);
    suspicion_free(&g->suspicions);
    leases_free(&g->leases);
    member_table_free(&g->members);
    free(g);
}

/* A sender that is anything but alive in our view is sent that claim: it will refute. */
static void receive_put_claim(struct gossip *g, struct wire_writer *w, uint64_t sender)
{
    uint32_t slot = member_by_key(&g->members, sender);
    if (slot != MEMBER_NONE && core_member(g, slot)->status != GOSSIP_ALIVE)
        spread_put(g, w, slot);
}

/* Updates ride on the answer to a member; a stranger's is no longer than its ping. */
static void receive_ping(struct gossip *g, const struct wire_message *m,
                         const struct gossip_route *from)
{
    if (m->ping.target != g->key)
        return;
    struct wire_writer w = outbox_begin(g, WIRE_ACK, from->via);
    wire_put(&w, m->ping.seq, 4);
    if (proof_sender(g, m->sender, from) != MEMBER_NONE) {
        reach_complaint(g, m->ping.flags & WIRE_COMPLAINT);
        if (g->spread.waiting && core_member(g, g->self)->update_priority != MEMBER_NO_UPDATE)
            spread_put(g, &w, g->self);
        receive_put_claim(g, &w, m->sender);
        spread_fill(g, &w);
    }
    outbox_send(g, from, &w);
}

static void receive_delta(struct gossip *g, const struct wire_message *m,
                          const struct gossip_route *from)
{
    if (!sync_is_asked_for(g, m))
        return;
    join_answered(g, m->delta.echo, m->sender);
    sync_succeeded(g);
    sync_delta(g, m, from);
}

/* An UPDATES is its records. Of a stranger only these are taken: each of them checks by itself what
 * the sender has proved, and answers no more bytes than were sent. */
static const struct {
    void (*function)(struct gossip *, const struct wire_message *, const struct gossip_route *);
    bool of_strangers;
} receivers[WIRE_KINDS] = {
    [WIRE_PING] = {receive_ping, true},
    [WIRE_ACK] = {detect_ack, true},
    [WIRE_EVIDENCE] = {detect_evidence, false},
    [WIRE_JOIN] = {admission_request, true},
    [WIRE_DIGEST] = {admission_digest, true},
    [WIRE_DELTA] = {receive_delta, true},
    [WIRE_REFUSE] = {admission_refused, true},
    [WIRE_LEASE] = {leases_receive, false},
    [WIRE_CHALLENGE] = {admission_challenged, true},
    [WIRE_VOTERS] = {strangers_receive, false},
    [WIRE_SEEN] = {admission_seen, true},
};

/* The records of a JOIN and of a REFUSE are claims, which admission.c weighs; those of a DELTA
 * count if it was asked for. */
static bool has_updates(const struct gossip *g, const struct wire_message *m, bool is_member)
{
    if (m->kind == WIRE_JOIN || m->kind == WIRE_REFUSE)
        return false;
    return m->kind == WIRE_DELTA ? sync_is_asked_for(g, m) : is_member;
}

static void receive_records(struct gossip *g, const struct wire_message *m,
                            const struct gossip_route *from)
{
    bool settled = merge_is_settled(g, m->sender);
    struct records_source source = {
        .route = from, .sender = m->sender, .settled = m->kind == WIRE_DELTA};
    struct wire_reader records = m->records;
    struct wire_record record;
    while (wire_next_record(&records, &record))
        records_apply(g, &record, &source);
    if (source.settled && settled)
        merge_note(g, m->sender, source.known, source.fresh_terms);
    records_answer(g, &source);
}

static void receive_message(struct gossip *g, const struct wire_message *m,
                            const struct gossip_route *from)
{
    bool is_member = proof_sender(g, m->sender, from) != MEMBER_NONE;
    if (has_updates(g, m, is_member))
        receive_records(g, m, from);
    if (receivers[m->kind].function && (is_member || receivers[m->kind].of_strangers))
        receivers[m->kind].function(g, m, from);
    admission_outdo(g);
    uint32_t slot = proof_sender(g, m->sender, from);
    if (slot == MEMBER_NONE)
        return;
    detect_packet(g, slot);
    move_refuted(g, m->sender);
    if (m->kind != WIRE_JOIN && m->kind != WIRE_DELTA)
        sync_compare(g, slot, m->view, from);
}

enum gossip_error gossip_receive(struct gossip *g, int64_t now_us, const struct gossip_route *from,
                                 const uint8_t *bytes, size_t len)
{
    struct wire_message m;
    size_t most = from->via == GOSSIP_STREAM ? GOSSIP_FRAME_BYTES_MAX : GOSSIP_PACKET_BYTES_MAX;
    enum gossip_error error = GOSSIP_ERROR_MALFORMED;
    if (len <= most)
        error = wire_decode(bytes, len, g->cluster, &m);
    gossip_begin(g, now_us);
    g->stats.packets_received++;
    g->stats.bytes_received += len;
    if (error == GOSSIP_ERROR_MALFORMED)
        g->stats.packets_malformed++;
    else if (error != GOSSIP_OK)
        g->stats.packets_foreign++;
    else if (!g->gone)
        receive_message(g, &m, from);
    gossip_end(g);
    return error;
}

static void gossip_leave_tick(struct gossip *g)
{
    struct member *self = core_member(g, g->self);
    if (g->now_us < g->left_us)
        return;
    if (self->status == GOSSIP_LEAVING) {
        changes_apply(g, view_set_status(g, g->self, GOSSIP_LEFT));
        g->left_us = g->now_us + core_ms(g->timing.leave_ms) / 2;
        return;
    }
    g->gone = true;
    outbox_event(g, GOSSIP_EVENT_GONE, NULL, NULL);
}

void gossip_tick(struct gossip *g, int64_t now_us)
{
    gossip_begin(g, now_us);
    if (!g->gone) {
        gossip_leave_tick(g);
        detect_tick(g);
        join_tick(g);
        contest_tick(g);
        admission_outdo(g);
        leases_tick(g);
        changes_reap(g);
        spread_tick(g);
    }
    gossip_end(g);
}

void gossip_leave(struct gossip *g, int64_t now_us)
{
    gossip_begin(g, now_us);
    if (!core_is_leaving(g)) {
        bool alone = member_live_count(&g->members) == 1;
        g->joins.count = 0;
        g->left_us = now_us + (alone ? 0 : core_ms(g->timing.leave_ms) / 2);
        changes_apply(g, view_restate_self(g, 0, GOSSIP_LEAVING, false));
    }
    gossip_end(g);
}

enum gossip_error gossip_force_leave(struct gossip *g, int64_t now_us, const char *name, bool prune)
{
    uint32_t slot = member_by_name(&g->members, name);
    if (slot == MEMBER_NONE || core_member(g, slot)->pruned)
        return GOSSIP_ERROR_UNKNOWN;
    if (slot == g->self || member_is_live(core_member(g, slot)))
        return GOSSIP_ERROR_ALIVE;
    gossip_begin(g, now_us);
    if (core_member(g, slot)->status == GOSSIP_FAILED)
        changes_apply(g, view_set_status(g, slot, GOSSIP_LEFT));
    if (prune)
        changes_apply(g, view_prune(g, slot));
    gossip_end(g);
    return GOSSIP_OK;
}

/* Publishes our profile, changed. */
static enum gossip_error gossip_set_profile(struct gossip *g, int64_t now_us,
                                            const struct gossip_profile *changed)
{
    const struct gossip_profile *profile = profile_new(changed);
    if (!profile)
        return GOSSIP_ERROR_MEMORY;
    gossip_begin(g, now_us);
    changes_apply(g, view_reprofile_self(g, profile));
    outbox_event(g, GOSSIP_EVENT_UPDATE, core_member(g, g->self), NULL);
    gossip_end(g);
    return GOSSIP_OK;
}

enum gossip_error gossip_set_tags(struct gossip *g, int64_t now_us, const char *tags,
                                  uint16_t tags_bytes)
{
    if (!profile_tags_valid(tags, tags_bytes))
        return GOSSIP_ERROR_TAGS;
    if (core_is_leaving(g))
        return GOSSIP_ERROR_LEAVING;
    struct gossip_profile changed = *core_member(g, g->self)->profile;
    bool same = changed.tags_bytes == tags_bytes;
    if (same && (tags_bytes == 0 || memcmp(changed.tags, tags, tags_bytes) == 0))
        return GOSSIP_OK;
    changed.tags = tags;
    changed.tags_bytes = tags_bytes;
    return gossip_set_profile(g, now_us, &changed);
}

enum gossip_error gossip_set_addr(struct gossip *g, int64_t now_us, const struct gossip_addr *addr)
{
    struct gossip_profile changed = *core_member(g, g->self)->profile;
    if (core_is_leaving(g))
        return GOSSIP_ERROR_LEAVING;
    if (profile_addr_equal(&changed.addr, addr))
        return GOSSIP_OK;
    changed.addr = *addr;
    if (profile_check(&changed) != GOSSIP_OK)
        return GOSSIP_ERROR_ADDRESS;
    return gossip_set_profile(g, now_us, &changed);
}
