#include "gossip/records.h"

#include "gossip/changes.h"
#include "gossip/core.h"
#include "gossip/membership/profile.h"

#include <string.h>

static bool record_is_live(const struct wire_record *record)
{
    return record->fact.status <= GOSSIP_LEAVING;
}

static void records_note_answer(struct records_source *source, uint32_t slot)
{
    for (unsigned i = 0; i < source->answers_count; i++)
        if (source->answers[i] == slot)
            return;
    if (source->answers_count < RECORDS_ANSWERS_MAX)
        source->answers[source->answers_count++] = slot;
}

void records_answer(struct gossip *g, const struct records_source *source)
{
    if (source->answers_count > 0)
        spread_send(g, source->route, source->answers, source->answers_count);
}

/* Of two others with one name the earlier start keeps it, as in contest_is_earlier. Another start
 * at the very same address is the same host, installed anew. */
static bool record_keeps_name(const struct gossip *g, const struct wire_record *record,
                              const struct member *held)
{
    const struct gossip_profile *profile = held->profile;
    if (profile_addr_equal(&record->profile.addr, &profile->addr))
        return record->fact.generation > profile->generation;
    int64_t later_us = view_began_us(g, record) - held->started_us;
    if (later_us > VIEW_SAME_TIME_US || later_us < -VIEW_SAME_TIME_US)
        return later_us < 0;
    if (record->fact.generation != profile->generation)
        return record->fact.generation < profile->generation;
    return record->key < held->key;
}

/* Sends the holder of a name the record of an earlier agent with that name: the holder finds out
 * whether that agent lives, and stops if it does. */
static void record_send_claim(struct gossip *g, uint32_t slot, const struct wire_record *record)
{
    const struct member claimant = {.profile = &record->profile,
                                    .key = record->key,
                                    .started_us = view_began_us(g, record),
                                    .incarnation = record->fact.incarnation,
                                    .status = (uint8_t)record->fact.status};
    struct gossip_route to = outbox_to(core_member(g, slot));
    struct wire_writer w = outbox_begin(g, WIRE_UPDATES, to.via);
    if (wire_put_full(&w, &claimant, g->now_us))
        outbox_send(g, &to, &w);
}

/* Another agent has our name. */
static void record_contest_name(struct gossip *g, const struct wire_record *record,
                                struct records_source *source)
{
    if (contest_is_earlier(g, record, record->fact.generation))
        contest_begin(g, record);
    else
        records_note_answer(source, g->self);
}

/* True if `record` takes its name from the live member in `slot`: only from its own former self. A
 * member that claims it in vain is sent the holder's fact; and the holder is probed, for we may be
 * the only one to think that it lives. An earlier agent gets the name once the holder has stopped.
 */
static bool record_takes_name(struct gossip *g, const struct wire_record *record, uint32_t slot,
                              struct records_source *source)
{
    const struct member *held = core_member(g, slot);
    bool keeps = record_keeps_name(g, record, held);
    if (profile_addr_equal(&record->profile.addr, &held->profile->addr) && keeps)
        return true;
    if (keeps)
        record_send_claim(g, slot, record);
    else if (source->sender == record->key)
        records_note_answer(source, slot);
    probe_now(g, slot);
    return false;
}

/* True if the record's member may have its name here; the holder before it is forgotten then. */
static bool record_gets_name(struct gossip *g, const struct wire_record *record,
                             struct records_source *source)
{
    uint32_t slot = member_by_name(&g->members, record->profile.name);
    if (slot == MEMBER_NONE)
        return true;
    if (!record_is_live(record))
        return false;
    if (slot == g->self) {
        record_contest_name(g, record, source);
        return false;
    }
    if (member_is_live(core_member(g, slot)) && !record_takes_name(g, record, slot, source))
        return false;
    changes_apply(g, view_remove(g, slot));
    return true;
}

/* True if the table has room for the record's member; a full one forgets a dead member for a live
 * one. */
static bool record_gets_room(struct gossip *g, const struct wire_record *record)
{
    if (g->members.count < GOSSIP_MEMBERS_MAX)
        return true;
    uint32_t dead = record_is_live(record) ? view_oldest_dead(g) : MEMBER_NONE;
    if (dead != MEMBER_NONE)
        changes_apply(g, view_remove(g, dead));
    return dead != MEMBER_NONE;
}

static void record_apply_unknown(struct gossip *g, const struct wire_record *record,
                                 struct records_source *source)
{
    struct view_change change;
    if (!record->full || (!record_is_live(record) && view_is_expired(g, view_began_us(g, record))))
        return;
    if (!record_gets_name(g, record, source) || !record_gets_room(g, record) ||
        !view_add(g, record, &change))
        return;
    changes_apply(g, change);
    if (record_is_live(record) && record->key != source->sender)
        source->fresh_terms += member_term(core_member(g, change.slot));
    if (record->fact.status == GOSSIP_SUSPECT)
        suspicion_confirm(g, change.slot, record->observer);
}

static void record_refute(struct gossip *g, const struct fact *claim)
{
    if (claim->unreachable)
        reach_complaint(g, true);
    if (claim->status == GOSSIP_SUSPECT)
        reach_refuted(g, claim->incarnation);
    g->stats.refutations++;
    bool unreachable = core_member(g, g->self)->unreachable || claim->unreachable;
    changes_apply(g, view_restate_self(g, claim->incarnation, GOSSIP_ALIVE, unreachable));
}

/* A claim about us. All that we do not publish ourselves is refuted (SWIM 4.2), to the sender only
 * if we have refuted it before. That we are unreachable is admitted. */
static void record_apply_self(struct gossip *g, const struct wire_record *record,
                              struct records_source *source)
{
    const struct member *self = core_member(g, g->self);
    const struct fact held = member_fact(self), *claim = &record->fact;
    bool elsewhere =
        record->full && !profile_addr_equal(&record->profile.addr, &self->profile->addr);
    /* An earlier version of ours may be from before our address changed. */
    bool is_copy =
        elsewhere && claim->generation == held.generation && claim->incarnation == held.incarnation;
    if (claim->generation > held.generation || is_copy) {
        if (record->full)
            contest_begin(g, record);
    } else if (self->status == GOSSIP_ALIVE && member_fact_beats(claim, &held)) {
        if (claim->status != GOSSIP_ALIVE || claim->incarnation != held.incarnation) {
            record_refute(g, claim);
            return;
        }
        reach_admit(g);
        changes_apply(g, view_mark_unreachable(g, g->self));
    } else if (claim->status != GOSSIP_ALIVE && member_fact_beats(&held, claim)) {
        if (claim->status == GOSSIP_FAILED &&
            reach_refutation_lost(g, claim->incarnation, source->sender)) {
            reach_complaint(g, true);
            changes_apply(g, view_restate_self(g, 0, (enum gossip_status)self->status, true));
        }
        records_note_answer(source, g->self);
    }
}

/* We hold a newer fact than the record's. The update of it may have missed the sender; and in a
 * state exchange, "alive" about a member that is failed here shows that it lives on the other side
 * of a partition. */
static void record_apply_stale(struct gossip *g, uint32_t slot, const struct wire_record *record,
                               struct records_source *source)
{
    const struct member *held = core_member(g, slot);
    if (held->status == GOSSIP_FAILED && record_is_live(record) && source->settled)
        spread_challenge(g, slot, GOSSIP_DATAGRAM);
    else if (record->fact.status == GOSSIP_SUSPECT || record->fact.status == GOSSIP_FAILED)
        records_note_answer(source, slot);
}

static void record_apply_prune(struct gossip *g, uint32_t slot, const struct wire_record *record)
{
    if (record->fact.status == GOSSIP_LEFT && record->pruned && !core_member(g, slot)->pruned)
        changes_apply(g, view_prune(g, slot));
}

/* The record replaces what is held, if the detector and the name's holder let it. */
static void record_apply_newer(struct gossip *g, uint32_t slot, const struct wire_record *record,
                               struct records_source *source)
{
    const struct member *m = core_member(g, slot);
    bool ends_it = record->fact.status == GOSSIP_FAILED || view_is_force_left(m, &record->fact);
    if (ends_it && !suspicion_allows_failed(g, slot, &record->fact)) {
        suspicion_verify(g, slot, source->sender);
        return;
    }
    if (record->full && strcmp(record->profile.name, m->profile->name) != 0 &&
        !record_gets_name(g, record, source))
        return;
    struct view_change change;
    if (!record->full)
        changes_apply(g, view_set(g, slot, &record->fact));
    else if (view_take(g, slot, record, &change))
        changes_apply(g, change);
    if (record->fact.status == GOSSIP_SUSPECT)
        suspicion_confirm(g, slot, record->observer);
    record_apply_prune(g, slot, record);
}

static void record_apply_known(struct gossip *g, uint32_t slot, const struct wire_record *record,
                               struct records_source *source)
{
    const struct fact held = member_fact(core_member(g, slot)), *received = &record->fact;
    bool same_version =
        received->generation == held.generation && received->incarnation == held.incarnation;
    if (member_fact_beats(received, &held)) {
        /* Without its profile, a newer version cannot be applied: the state exchange brings it. */
        if (record->full || same_version)
            record_apply_newer(g, slot, record, source);
    } else if (same_version && received->status == held.status) {
        if (held.status == GOSSIP_SUSPECT)
            suspicion_confirm(g, slot, record->observer);
        record_apply_prune(g, slot, record);
        /* A copy of it that has started in the same moment: it shall find out. */
        if (record->full && record_is_live(record) &&
            !profile_addr_equal(&record->profile.addr, &core_member(g, slot)->profile->addr))
            record_send_claim(g, slot, record);
    } else if (member_fact_beats(&held, received)) {
        record_apply_stale(g, slot, record, source);
    }
}

/* Slots go by the short form of the id: a member that shares it with one that is held cannot be
 * held too. */
static bool record_is_same_id(const struct member *held, const struct wire_record *record)
{
    return !record->full || memcmp(held->profile->id, record->profile.id, GOSSIP_ID_BYTES) == 0;
}

void records_apply(struct gossip *g, const struct wire_record *record,
                   struct records_source *source)
{
    uint32_t slot = member_by_key(&g->members, record->key);
    uint64_t known = slot == MEMBER_NONE ? 0 : core_member(g, slot)->profile->generation;
    if (record->fact.generation > known + WIRE_GENERATION_STEP_MAX)
        return;
    source->known += slot != MEMBER_NONE && slot != g->self && record->key != source->sender;
    if (slot == MEMBER_NONE)
        record_apply_unknown(g, record, source);
    else if (!record_is_same_id(core_member(g, slot), record))
        return;
    else if (slot == g->self)
        record_apply_self(g, record, source);
    else
        record_apply_known(g, slot, record, source);
}
