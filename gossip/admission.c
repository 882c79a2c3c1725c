#include "gossip/admission.h"

#include "gossip/changes.h"
#include "gossip/core.h"
#include "gossip/membership/profile.h"
#include "gossip/records.h"

#include <string.h>

static void admission_send_challenge(struct gossip *g, const struct gossip_route *to,
                                     uint64_t token, uint64_t cookie)
{
    struct wire_writer w = outbox_begin(g, WIRE_CHALLENGE, to->via);
    wire_put(&w, token, 8);
    wire_put(&w, cookie, 8);
    outbox_send(g, to, &w);
}

/* To the address at which the newcomer says to listen, whatever the packet's source: nobody else
 * shall read the cookie. */
static void newcomer_challenge(struct gossip *g, const struct wire_message *m,
                               const struct gossip_addr *addr)
{
    const struct gossip_route to = {.addr = *addr, .via = GOSSIP_DATAGRAM};
    admission_send_challenge(g, &to, m->join.token, proof_cookie(g, m->sender, addr));
}

/* A newcomer that names another host's address than its own never gets the cookie, and would not
 * know why. */
static void newcomer_say_seen(struct gossip *g, const struct wire_message *m,
                              const struct gossip_route *from, const struct gossip_addr *addr)
{
    if (m->join.token == 0 || memcmp(from->addr.ip, addr->ip, sizeof addr->ip) == 0)
        return;
    struct wire_writer w = outbox_begin(g, WIRE_SEEN, from->via);
    wire_put(&w, m->join.token, 8);
    for (size_t i = 0; i < sizeof from->addr.ip; i++)
        wire_put(&w, from->addr.ip[i], 1);
    wire_put(&w, from->addr.port, 2);
    outbox_send(g, from, &w);
}

void admission_seen(struct gossip *g, const struct wire_message *m, const struct gossip_route *from)
{
    (void)from;
    if (join_is_token(g, m->seen.token) &&
        memcmp(m->seen.addr.ip, core_member(g, g->self)->profile->addr.ip,
               sizeof m->seen.addr.ip) != 0)
        outbox_event(g, GOSSIP_EVENT_SEEN_ELSEWHERE, NULL, &m->seen.addr);
}

void admission_digest(struct gossip *g, const struct wire_message *m,
                      const struct gossip_route *from)
{
    /* A member's key from elsewhere: that member by another way, or a copy of it. */
    if (proof_sender(g, m->sender, from) != MEMBER_NONE)
        sync_digest(g, m, from);
    else if (m->sender != g->key)
        admission_send_challenge(g, from, 0, proof_cookie(g, m->sender, &from->addr));
}

void admission_challenged(struct gossip *g, const struct wire_message *m,
                          const struct gossip_route *from)
{
    const struct join_target *t = join_target_of(g, m->join.token);
    uint32_t slot = proof_sender(g, m->sender, from);
    if (core_is_leaving(g))
        return;
    if (t)
        join_send(g, &t->addr, GOSSIP_DATAGRAM, t->token, m->join.cookie);
    else if (contest_is_token(g, m->join.token))
        contest_return(g, m->join.cookie);
    else if (m->join.token == 0 && slot != MEMBER_NONE)
        join_send(g, &core_member(g, slot)->profile->addr, GOSSIP_DATAGRAM, 0, m->join.cookie);
}

/* True for a live member at another address than the newcomer's. At the same address it is the same
 * host, started or installed anew. */
static bool newcomer_is_held(const struct gossip *g, uint32_t slot,
                             const struct wire_record *record)
{
    const struct member *m = &g->members.slots[slot];
    return slot != MEMBER_NONE && member_is_live(m) &&
           !profile_addr_equal(&m->profile->addr, &record->profile.addr);
}

/* The live member that has the id or the name that a newcomer claims; MEMBER_NONE: both are free.
 */
static uint32_t newcomer_holder(const struct gossip *g, const struct wire_record *record)
{
    uint32_t by_id = member_by_key(&g->members, record->key);
    uint32_t by_name = member_by_name(&g->members, record->profile.name);
    if (newcomer_is_held(g, by_id, record))
        return by_id;
    return by_name != by_id && newcomer_is_held(g, by_name, record) ? by_name : MEMBER_NONE;
}

/* Sends the newcomer the holder's record, and probes the holder: it may be gone. */
static void newcomer_refuse(struct gossip *g, const struct wire_message *m,
                            const struct gossip_route *to, uint32_t slot)
{
    struct wire_writer w = outbox_begin(g, WIRE_REFUSE, to->via);
    wire_put(&w, m->join.token, 8);
    wire_put(&w, slot == g->self ? g->first_generation : 0, 8);
    wire_put_full(&w, core_member(g, slot), g->now_us);
    outbox_send(g, to, &w);
    if (slot != g->self)
        probe_now(g, slot);
}

/* A live member has the newcomer's name or id. True: it is the newcomer itself, which has moved. */
static bool newcomer_has_moved(struct gossip *g, const struct wire_message *m,
                               const struct gossip_route *to, uint32_t holder,
                               const struct wire_record *record)
{
    if (holder == g->self || !move_is_claimed(core_member(g, holder), record)) {
        newcomer_refuse(g, m, to, holder);
        return false;
    }
    probe_now(g, holder);
    return move_is_confirmed(g, holder, record);
}

/* The newcomer's address has been proved. */
static void newcomer_let_in(struct gossip *g, const struct wire_message *m,
                            const struct gossip_route *from, const struct wire_record *record)
{
    struct gossip_route to = *from;
    if (from->via == GOSSIP_DATAGRAM)
        to.addr = record->profile.addr;
    uint32_t holder = newcomer_holder(g, record);
    if (holder != MEMBER_NONE && !newcomer_has_moved(g, m, &to, holder, record))
        return;
    if (record->key == g->key)
        return;
    struct records_source source = {.route = &to, .sender = m->sender};
    records_apply(g, record, &source);
    records_answer(g, &source);
    uint32_t slot = member_by_key(&g->members, m->sender);
    if (slot == MEMBER_NONE)
        return;
    proof_note_source(core_member(g, slot), from);
    bool knows_nobody = m->view == member_term(core_member(g, slot));
    if (!knows_nobody)
        merge_let_in(g, m->sender, m->view);
    if (m->join.token)
        sync_welcome(g, &to, m, !knows_nobody);
}

void admission_request(struct gossip *g, const struct wire_message *m,
                       const struct gossip_route *from)
{
    struct wire_reader records = m->records;
    struct wire_record record;
    if (m->sender == g->key && join_target_of(g, m->join.token)) {
        /* We have joined ourselves: a list of seeds may well be the same on every host. */
        join_answered(g, m->join.token, m->sender);
        return;
    }
    if (!wire_next_record(&records, &record) || !record.full || record.key != m->sender)
        return;
    const struct gossip_addr *addr = &record.profile.addr;
    if (proof_by_stream(from, addr) || m->join.cookie == proof_cookie(g, m->sender, addr)) {
        newcomer_let_in(g, m, from, &record);
        return;
    }
    newcomer_challenge(g, m, addr);
    newcomer_say_seen(g, m, from, addr);
}

/* An earlier agent has our id or name: this one must stop. The host is told once. */
static void admission_stop(struct gossip *g, const struct wire_record *record)
{
    const struct gossip_profile *profile = profile_new(&record->profile);
    if (!g->refused && profile) {
        struct member holder = {.profile = profile,
                                .incarnation = record->fact.incarnation,
                                .status = (uint8_t)record->fact.status,
                                .since_us = g->now_us};
        if (record->key == g->key)
            outbox_event(g, GOSSIP_EVENT_ID_TAKEN, NULL, &profile->addr);
        else
            outbox_event(g, GOSSIP_EVENT_NAME_TAKEN, &holder, NULL);
        g->refused = true;
    }
    gossip_profile_release(profile);
}

/* The holder itself decides, on a stream that we opened to it; from others it is a hint. */
void admission_refused(struct gossip *g, const struct wire_message *m,
                       const struct gossip_route *from)
{
    bool contested = contest_is_token(g, m->refuse.token);
    bool introduced = m->refuse.token == 0 &&
                      proof_sender(g, m->sender, from) != MEMBER_NONE; /* as CHALLENGE asked */
    struct wire_reader records = m->records;
    struct wire_record record;
    if (!contested && !introduced && !join_target_of(g, m->refuse.token))
        return;
    if (!wire_next_record(&records, &record) || !record.full)
        return;
    if (record.key != g->key &&
        strcmp(record.profile.name, core_member(g, g->self)->profile->name) != 0)
        return;
    /* A copy of a member that is in a cluster which does not let us in: we have less to lose, and
     * are another from our next start on, even where that one started later. */
    bool yields = record.key == g->key &&
                  (introduced || g->contest.yields || member_live_count(&g->members) == 1);
    bool is_holder = from->via == GOSSIP_STREAM && m->sender == record.key &&
                     profile_addr_equal(&from->addr, &record.profile.addr);
    if (!is_holder) {
        contest_begin(g, &record);
        g->contest.yields = yields;
    } else if (yields || contest_is_earlier(g, &record, m->refuse.generation))
        admission_stop(g, &record);
    else if (contested)
        contest_end(g);
}

void admission_outdo(struct gossip *g)
{
    const struct member *self = core_member(g, g->self);
    if (!g->contest.outdo)
        return;
    g->contest.outdo = false;
    if (view_take_generation_above(g, g->contest.generation))
        changes_apply(g,
                      view_restate_self(g, 0, (enum gossip_status)self->status, self->unreachable));
}
