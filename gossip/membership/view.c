#include "gossip/membership/view.h"

#include "gossip/core.h"
#include "gossip/detector/ring.h"
#include "gossip/membership/profile.h"

#include <string.h>

enum {
    REAP_LOOK_S = 60,
    SAME_TIME_US = 10000000, /* of two starts: ages are whole seconds, and a little old */
};

/* What a change of status is called; a member counts as live while suspect or leaving. */
static void tell_change(struct gossip *g, const struct member *m, const struct fact *was)
{
    bool was_live = was->status <= GOSSIP_LEAVING;
    if (m->key == g->key && m->partly == was->partly)
        return;
    if (m->status == GOSSIP_LEFT)
        outbox_event(g, GOSSIP_EVENT_LEAVE, m, NULL);
    else if (m->status == GOSSIP_FAILED)
        outbox_event(g, GOSSIP_EVENT_FAILED, m, NULL);
    else if (!was_live)
        outbox_event(g, GOSSIP_EVENT_JOIN, m, NULL);
    else if (m->partly && !was->partly)
        outbox_event(g, GOSSIP_EVENT_UNREACHABLE, m, NULL);
    else if (m->status == GOSSIP_SUSPECT && was->status != GOSSIP_SUSPECT)
        outbox_event(g, GOSSIP_EVENT_SUSPECT, m, NULL);
    else if (was->partly && !m->partly && m->status == GOSSIP_ALIVE)
        outbox_event(g, GOSSIP_EVENT_REACHABLE, m, NULL);
    else
        outbox_event(g, GOSSIP_EVENT_UPDATE, m, NULL);
}

/* Who leaves says so, with an incarnation of its own; else somebody has made it forgotten. */
static bool is_decree(const struct member *m, const struct fact *heard)
{
    return heard->status == GOSSIP_LEFT && heard->generation == m->profile->generation &&
           heard->incarnation == m->incarnation && m->status != GOSSIP_LEAVING &&
           m->status != GOSSIP_LEFT;
}

static void set_fact(struct gossip *g, uint32_t row, const struct fact *fact)
{
    struct member *m = core_member(g, row);
    bool was_live = member_is_live(m);
    if (was_live)
        g->view -= sync_term(m);
    m->incarnation = fact->incarnation;
    m->partly = fact->partly && fact->status <= GOSSIP_SUSPECT;
    m->odd = fact->odd;
    if (fact->status != (enum gossip_status)m->status)
        member_set_status(&g->members, row, fact->status, g->now_us);
    if (member_is_live(m))
        g->view += sync_term(m);
    if (member_is_live(m) != was_live)
        probe_view_changed(g, row);
    if (fact->status != GOSSIP_SUSPECT)
        suspicion_end(g, row);
    if (fact->status <= GOSSIP_LEAVING)
        m->hidden = false;
}

static enum spread_lane lane_of(enum gossip_status old, enum gossip_status status)
{
    return status == GOSSIP_ALIVE && old != GOSSIP_SUSPECT ? SPREAD_ORDINARY : SPREAD_URGENT;
}

void view_set(struct gossip *g, uint32_t row, uint32_t incarnation, enum gossip_status status)
{
    struct fact fact = member_fact(core_member(g, row));
    fact.incarnation = incarnation;
    fact.status = status;
    view_set_fact(g, row, &fact);
}

void view_set_fact(struct gossip *g, uint32_t row, const struct fact *fact)
{
    struct member *m = core_member(g, row);
    const struct fact was = member_fact(m);
    m->forgotten = is_decree(m, fact);
    set_fact(g, row, fact);
    m->unheard = health_is_deaf(g) && row != g->self;
    if (m->unheard)
        spread_forget(g, row); /* older news of it would carry this out */
    if (m->status != was.status || m->partly != was.partly)
        tell_change(g, m, &was);
    if (!m->unheard)
        spread_news(g, row, lane_of(was.status, fact->status));
}

/* Takes the profile on; its generation is part of the view's hash. */
static void set_profile(struct gossip *g, uint32_t row, const struct gossip_profile *profile)
{
    struct member *m = core_member(g, row);
    if (member_is_live(m))
        g->view -= sync_term(m);
    member_set_profile(&g->members, row, profile);
    if (member_is_live(m))
        g->view += sync_term(m);
}

/* False: out of memory, or there is none higher. */
static bool take_generation_above(struct gossip *g, uint64_t generation)
{
    struct gossip_profile again = *core_member(g, g->self)->profile;
    if (generation >= GOSSIP_GENERATION_MAX)
        return false;
    again.generation = generation + 1;
    const struct gossip_profile *profile = profile_new(&again);
    if (profile)
        set_profile(g, g->self, profile);
    return profile;
}

void view_restate_self(struct gossip *g, uint32_t above, enum gossip_status status, bool partly)
{
    struct member *self = core_member(g, g->self);
    uint32_t highest = above > self->incarnation ? above : self->incarnation;
    const struct fact was = member_fact(self);
    if (highest == WIRE_INCARNATION_MAX)
        highest = take_generation_above(g, was.generation) ? 0 : highest - 1;
    const struct fact fact = {
        .generation = self->profile->generation,
        .incarnation = highest + 1,
        .status = status,
        .partly = partly,
        .odd = self->odd ^ (self->partly && !partly),
    };
    set_fact(g, g->self, &fact);
    if (partly != was.partly)
        tell_change(g, self, &was);
    spread_news(g, g->self, SPREAD_URGENT);
}

void view_reprofile_self(struct gossip *g, const struct gossip_profile *profile)
{
    set_profile(g, g->self, profile);
    const struct member *self = core_member(g, g->self);
    view_restate_self(g, 0, (enum gossip_status)self->status, self->partly);
}

/* True if the profile says something new beside its generation. */
static bool profile_differs(const struct gossip_profile *a, const struct gossip_profile *b)
{
    return strcmp(a->name, b->name) != 0 || !profile_addr_equal(&a->addr, &b->addr) ||
           a->tags_bytes != b->tags_bytes || memcmp(a->tags, b->tags, a->tags_bytes) != 0;
}

/* When what the record says of its member began: its start if it lives, its death if not. */
static int64_t began_us(const struct gossip *g, const struct wire_record *record)
{
    return g->now_us - (int64_t)record->age_s * 1000000;
}

static void set_age(const struct gossip *g, struct member *m, const struct wire_record *record)
{
    if (member_is_live(m))
        m->started_us = began_us(g, record);
    else
        m->since_us = began_us(g, record);
}

/* Takes on a full record that has won. */
static void take_record(struct gossip *g, uint32_t row, const struct wire_record *record)
{
    struct member *m = core_member(g, row);
    const struct fact was = member_fact(m);
    int64_t was_since_us = m->since_us;
    enum gossip_status status = record->fact.status;
    const struct gossip_profile *profile = profile_new(&record->profile);
    if (!profile)
        return;
    bool restarted = m->profile->generation != profile->generation;
    bool differs = restarted || profile_differs(m->profile, profile);
    /* What counted against an earlier version does not count against this one. */
    if (restarted || m->incarnation != record->fact.incarnation)
        suspicion_end(g, row);
    m->forgotten = is_decree(m, &record->fact);
    set_profile(g, row, profile);
    struct fact fact = record->fact;
    /* Who contradicts may not have heard that it is partly unreachable: then it is so still. */
    fact.partly |= was.partly && !restarted && fact.odd == was.odd;
    set_fact(g, row, &fact);
    set_age(g, m, record);
    if (was.status == GOSSIP_SUSPECT && status == GOSSIP_ALIVE)
        probe_contradicted(g, row);
    if (restarted)
        probe_restarted(g, row);
    m->hidden = status == GOSSIP_LEFT && record->hidden;
    if (status != was.status || m->partly != was.partly || differs)
        tell_change(g, m, &was);
    if (differs && status == was.status && m->partly != was.partly)
        outbox_event(g, GOSSIP_EVENT_UPDATE, m, NULL);
    if (m->hidden)
        outbox_event(g, GOSSIP_EVENT_REAP, m, NULL);
    /* A restart is urgent to those who miss its former self's answers. */
    spread_news(g, row, restarted ? SPREAD_URGENT : lane_of(was.status, status));
    if (was.status == GOSSIP_FAILED && status == GOSSIP_ALIVE && !restarted)
        reach_returned(g, row, was_since_us);
}

static void forget_row(struct gossip *g, uint32_t row)
{
    struct member *m = core_member(g, row);
    if (member_is_live(m)) {
        g->view -= sync_term(m);
        member_set_status(&g->members, row, GOSSIP_LEFT, g->now_us);
        probe_view_changed(g, row);
    }
    suspicion_end(g, row);
    spread_forget(g, row);
    if (!m->hidden)
        outbox_event(g, GOSSIP_EVENT_REAP, m, NULL);
    member_remove(&g->members, row);
}

/* Of two with one name the earlier start keeps it: by how long both say that they have run, for
 * their clocks may differ; of starts at about the same time, by generation and id. Another start at
 * the very same address is the same host, installed anew, and there we know that we are the last.
 */
static bool heard_keeps_name(const struct gossip *g, const struct wire_record *heard,
                             const struct member *held)
{
    const struct gossip_profile *profile = held->profile;
    if (profile_addr_equal(&heard->profile.addr, &profile->addr))
        return held->key != g->key && heard->fact.generation > profile->generation;
    int64_t later_us = began_us(g, heard) - held->started_us;
    if (later_us > SAME_TIME_US || later_us < -SAME_TIME_US)
        return later_us < 0;
    if (heard->fact.generation != profile->generation)
        return heard->fact.generation < profile->generation;
    return heard->key < held->key;
}

static void note_answer(struct view_source *source, uint32_t row)
{
    for (unsigned i = 0; i < source->answers_count; i++)
        if (source->answers[i] == row)
            return;
    if (source->answers_count < VIEW_ANSWERS_MAX)
        source->answers[source->answers_count++] = row;
}

void view_answer(struct gossip *g, const struct view_source *source)
{
    if (source->answers_count > 0)
        spread_tell(g, source->route, source->answers, source->answers_count);
}

static bool heard_is_live(const struct wire_record *record)
{
    return record->fact.status <= GOSSIP_LEAVING;
}

/* True if `record` takes its name from the live member in `row`. Whoever claims it in vain is told
 * who has it; and we look whether that one lives still, being the only one perhaps to think so. An
 * earlier holder must say so itself: what others say of it may be of one that is long dead; so it
 * is told too, and contradicts if it lives. */
static bool takes_name(struct gossip *g, const struct wire_record *record, uint32_t row,
                       struct view_source *source)
{
    const struct member *held = core_member(g, row);
    struct gossip_route claimant = {.addr = record->profile.addr, .via = GOSSIP_DATAGRAM};
    bool first_hand = source->sender == record->key;
    if (!heard_keeps_name(g, record, held)) {
        if (first_hand || row == g->self)
            note_answer(source, row);
        if (row != g->self)
            probe_look(g, row);
        return false;
    }
    if (first_hand || profile_addr_equal(&claimant.addr, &held->profile->addr))
        return true;
    spread_tell(g, &claimant, &row, 1);
    return false;
}

/* Another member has our name, and keeps it: we must stop. */
static void tell_name_taken(struct gossip *g, const struct wire_record *record)
{
    const struct gossip_profile *profile = profile_new(&record->profile);
    if (g->refused || !profile) {
        gossip_profile_release(profile);
        return;
    }
    g->refused = true;
    struct member holder = {.profile = profile,
                            .incarnation = record->fact.incarnation,
                            .status = (uint8_t)record->fact.status,
                            .since_us = g->now_us};
    outbox_event(g, GOSSIP_EVENT_NAME_TAKEN, &holder, NULL);
    gossip_profile_release(profile);
}

/* True if a new member may have its name here; whoever had it before is forgotten then. */
static bool name_is_free(struct gossip *g, const struct wire_record *record,
                         struct view_source *source)
{
    uint32_t row = member_by_name(&g->members, record->profile.name);
    if (row == MEMBER_NONE)
        return true;
    if (!heard_is_live(record))
        return false;
    if (member_is_live(core_member(g, row)) && !takes_name(g, record, row, source))
        return false;
    if (row == g->self) {
        tell_name_taken(g, record);
        return false;
    }
    forget_row(g, row);
    return true;
}

static bool is_to_be_reaped(const struct gossip *g, int64_t since_us)
{
    return g->now_us - since_us >= (int64_t)g->timing.reap_s * 1000000;
}

/* Makes room in a full table: of the dead, who left first, or else who failed first. */
static bool forget_one(struct gossip *g)
{
    const struct member *oldest = NULL;
    for (uint32_t row = 0; row < g->members.used; row++) {
        const struct member *m = core_member(g, row);
        if (!m->profile || member_is_live(m) || row == g->self)
            continue;
        if (!oldest || m->status > oldest->status ||
            (m->status == oldest->status && m->since_us < oldest->since_us))
            oldest = m;
    }
    if (oldest)
        forget_row(g, (uint32_t)(oldest - g->members.rows));
    return oldest;
}

static void hear_unknown(struct gossip *g, const struct wire_record *record,
                         struct view_source *source)
{
    if (!record->full || (!heard_is_live(record) && is_to_be_reaped(g, began_us(g, record))))
        return;
    if (!name_is_free(g, record, source))
        return;
    if (g->members.count == GOSSIP_MEMBERS_MAX && (!heard_is_live(record) || !forget_one(g)))
        return;
    const struct gossip_profile *profile = profile_new(&record->profile);
    uint32_t row = profile ? member_add(&g->members, profile) : MEMBER_NONE;
    gossip_profile_release(profile);
    if (row == MEMBER_NONE)
        return;
    struct member *m = core_member(g, row);
    m->incarnation = record->fact.incarnation;
    m->partly = record->fact.partly;
    m->odd = record->fact.odd;
    m->hidden = record->hidden && record->fact.status == GOSSIP_LEFT;
    member_set_status(&g->members, row, record->fact.status, g->now_us);
    set_age(g, m, record);
    /* A member that was dead before we heard of it is history: remembered, not told. */
    if (!member_is_live(m))
        return;
    g->view += sync_term(m);
    probe_view_changed(g, row);
    outbox_event(g, GOSSIP_EVENT_JOIN, m, NULL);
    if (m->status == GOSSIP_SUSPECT)
        suspicion_hear(g, row, record->accuser);
    spread_news(g, row, SPREAD_ORDINARY);
}

/* Somebody says something of us. Whatever is not what we say ourselves is contradicted (SWIM 4.2),
 * to the sender only if we have contradicted it before; a higher generation than ours is another
 * agent with our id. */
static void hear_self(struct gossip *g, const struct wire_record *record,
                      struct view_source *source)
{
    const struct member *self = core_member(g, g->self);
    struct fact held = member_fact(self);
    if (record->fact.generation > held.generation) {
        if (!record->full)
            return;
        struct gossip_route route = {.addr = record->profile.addr, .via = GOSSIP_DATAGRAM};
        struct wire_writer w = outbox_begin(g, WIRE_REFUSE, GOSSIP_DATAGRAM);
        wire_put(&w, g->first_generation, 8);
        outbox_send(g, &route, &w);
        if (take_generation_above(g, record->fact.generation))
            view_restate_self(g, 0, (enum gossip_status)self->status, self->partly);
        return;
    }
    if (self->status == GOSSIP_ALIVE && member_fact_beats(&record->fact, &held)) {
        if (record->fact.status == GOSSIP_ALIVE && record->fact.incarnation == held.incarnation) {
            reach_admit(g);
            return;
        }
        if (record->fact.partly)
            reach_told(g, true);
        if (record->fact.status == GOSSIP_SUSPECT)
            reach_contradicted(g, record->fact.incarnation);
        g->stats.refutations++;
        view_restate_self(g, record->fact.incarnation, GOSSIP_ALIVE,
                          held.partly || record->fact.partly);
    } else if (record->fact.status != GOSSIP_ALIVE && member_fact_beats(&held, &record->fact)) {
        if (record->fact.status == GOSSIP_FAILED)
            reach_called_failed(g, record->fact.incarnation, source->sender);
        note_answer(source, g->self);
    }
}

/* What we hold is newer than what the sender says. News of it may have missed the sender; and in a
 * state exchange, "alive" about one that we hold for failed says that it lives on the other side of
 * a partition. */
static void hear_stale(struct gossip *g, uint32_t row, const struct wire_record *record,
                       struct view_source *source)
{
    const struct member *held = core_member(g, row);
    if (held->status == GOSSIP_FAILED && heard_is_live(record) && source->settled)
        probe_ask(g, row, GOSSIP_DATAGRAM);
    else if (record->fact.status == GOSSIP_SUSPECT || record->fact.status == GOSSIP_FAILED)
        note_answer(source, row);
}

static void hear_known(struct gossip *g, uint32_t row, const struct wire_record *record,
                       struct view_source *source)
{
    struct member *m = core_member(g, row);
    struct fact held = member_fact(m);
    bool same_version =
        record->fact.generation == held.generation && record->fact.incarnation == held.incarnation;
    if (!member_fact_beats(&record->fact, &held)) {
        if (same_version && record->fact.status == held.status) {
            if (held.status == GOSSIP_SUSPECT)
                suspicion_hear(g, row, record->accuser);
            if (held.status == GOSSIP_LEFT && record->hidden && !m->hidden)
                view_hide(g, row);
        } else if (member_fact_beats(&held, &record->fact)) {
            hear_stale(g, row, record, source);
        }
        return;
    }
    /* Without its profile, a newer version cannot be taken on: the state exchange brings it. */
    if (!record->full && !same_version)
        return;
    bool ends_it = record->fact.status == GOSSIP_FAILED || is_decree(m, &record->fact);
    if (ends_it && !suspicion_allows_failed(g, row, &record->fact)) {
        suspicion_verify(g, row, source->sender);
        return;
    }
    if (record->full && strcmp(record->profile.name, m->profile->name) != 0 &&
        !name_is_free(g, record, source))
        return;
    if (record->full)
        take_record(g, row, record);
    else
        view_set_fact(g, row, &record->fact);
    if (record->fact.status == GOSSIP_SUSPECT)
        suspicion_hear(g, row, record->accuser);
    if (record->fact.status == GOSSIP_LEFT && record->hidden && !m->hidden)
        view_hide(g, row);
}

/* Rows go by the short form of the id: who shares it with one that is held cannot be held too. */
static bool is_same_id(const struct member *held, const struct wire_record *record)
{
    return !record->full || memcmp(held->profile->id, record->profile.id, GOSSIP_ID_BYTES) == 0;
}

void view_hear(struct gossip *g, const struct wire_record *record, struct view_source *source)
{
    uint32_t row = member_by_key(&g->members, record->key);
    uint64_t known = row == MEMBER_NONE ? 0 : core_member(g, row)->profile->generation;
    if (record->fact.generation > known + WIRE_GENERATION_STEP_MAX)
        return;
    if (row == MEMBER_NONE)
        hear_unknown(g, record, source);
    else if (!is_same_id(core_member(g, row), record))
        return;
    else if (row == g->self)
        hear_self(g, record, source);
    else
        hear_known(g, row, record, source);
}

void view_hide(struct gossip *g, uint32_t row)
{
    struct member *m = core_member(g, row);
    m->hidden = true;
    outbox_event(g, GOSSIP_EVENT_REAP, m, NULL);
    spread_news(g, row, SPREAD_ORDINARY);
}

void view_reap(struct gossip *g)
{
    if (g->now_us < g->reap_us)
        return;
    g->reap_us = g->now_us + core_ms(REAP_LOOK_S * 1000);
    for (uint32_t row = 0; row < g->members.used; row++) {
        const struct member *m = core_member(g, row);
        if (m->profile && !member_is_live(m) && row != g->self && is_to_be_reaped(g, m->since_us))
            forget_row(g, row);
    }
}
