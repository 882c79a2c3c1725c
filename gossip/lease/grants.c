#include "gossip/lease/grants.h"

#include "agent/base/array.h"
#include "gossip/core.h"

#include <stdlib.h>
#include <string.h>

enum {
    /* Parts of its length, that a free lease is kept for a candidate of higher priority after that
     * has asked: longer than until it asks again (leases.c). */
    GRACE_PARTS = 6,
    KEPT_PARTS = 2, /* ... at the most: that candidate may hear nothing */
};

void grants_free(struct grants *grants)
{
    free(grants->slots);
}

/* Where it is, or belongs. */
static uint32_t place(const struct grants *grants, uint64_t name)
{
    uint32_t low = 0, high = grants->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (grants->slots[middle].name < name)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void remove_at(struct grants *grants, uint32_t at)
{
    grants->count--;
    memmove(grants->slots + at, grants->slots + at + 1,
            (grants->count - at) * sizeof *grants->slots);
}

/* False: each one is held. */
static bool make_room(struct grants *grants, int64_t now_us)
{
    uint32_t oldest = GRANTS_MAX;
    for (uint32_t i = 0; i < grants->count; i++) {
        const struct grant_slot *s = &grants->slots[i];
        bool held = lease_voter_grant(&s->voter, now_us);
        if (!held && (oldest == GRANTS_MAX || s->used_us < grants->slots[oldest].used_us))
            oldest = i;
    }
    if (oldest == GRANTS_MAX)
        return false;
    remove_at(grants, oldest);
    return true;
}

/* NULL: no room. */
static struct grant_slot *find_or_add(struct grants *grants, int64_t now_us, uint64_t name)
{
    uint32_t at = place(grants, name);
    if (at < grants->count && grants->slots[at].name == name)
        return &grants->slots[at];
    if (grants->count == GRANTS_MAX && !make_room(grants, now_us))
        return NULL;
    if (!ARRAY_RESERVE(grants->slots, grants->capacity, grants->count + 1))
        return NULL;
    at = place(grants, name);
    struct grant_slot *s = &grants->slots[at];
    memmove(s + 1, s, (grants->count++ - at) * sizeof *s);
    *s = (struct grant_slot){.name = name, .free_us = now_us};
    s->voter.epoch = grants->epochs;
    return s;
}

/* A holder that renews does not wait: noted, it would hide those that do until its lease is over.
 * Nor is one favoured that has let its lease run out: it may be cut off. */
static void note_asking(struct grant_slot *s, int64_t now_us, const struct lease_message *m)
{
    struct heir waiting = {m->grant.owner, m->ballot.claim, m->grant.priority, now_us + m->time_us};
    s->length_us = m->time_us;
    if (s->voter.grant.ballot.claim != m->ballot.claim)
        heirs_note(&s->waiting, now_us, &waiting);
}

/* Is a candidate of higher priority there, that asked just now or has had no time to? The time was
 * the successor's until open_us, which must have asked by then. */
static bool is_better_waiting(const struct grant_slot *s, int64_t now_us, int64_t open_us,
                              uint8_t priority)
{
    for (unsigned i = 0; i < s->waiting.count; i++) {
        const struct heir *waiting = &s->waiting.all[i];
        int64_t asked_us = waiting->until_us - s->length_us;
        int64_t from_us = waiting->key == s->heir ? asked_us : core_max(asked_us, open_us);
        if (waiting->priority > priority && now_us < waiting->until_us &&
            now_us < from_us + s->length_us / GRACE_PARTS)
            return true;
    }
    return false;
}

/* What was granted before the start may still be held. A disk that was lost does not know how long
 * that can be; who asks for a lease says how long it is. */
static int64_t silent_until_us(const struct grants *grants, const struct grant_slot *s,
                               const struct lease_message *m)
{
    int64_t length_us = core_max(m->time_us, s->length_us);
    return core_max(grants->silent_until_us, grants->started_us + lease_quarantine_us(length_us));
}

/* Is what is free kept for somebody else? A voter that was silent does not know until when it is
 * held, but for a lease that was renewed last just before it could answer. */
static bool is_kept(const struct grants *grants, const struct grant_slot *s, int64_t now_us,
                    const struct lease_message *m)
{
    int64_t open_us = core_max(s->free_us, s->voter.until_us) +
                      (s->heir != 0 ? s->length_us / GRANTS_HEIR_PARTS : 0);
    if (s->heir != 0 && now_us < open_us)
        return m->grant.owner != s->heir;
    int64_t over_us = core_max(open_us, silent_until_us(grants, s, m) + s->length_us);
    return now_us < over_us + s->length_us / KEPT_PARTS &&
           is_better_waiting(s, now_us, open_us, m->grant.priority);
}

static void note_release(struct grant_slot *s, int64_t now_us, const struct lease_message *m)
{
    s->free_us = now_us;
    s->heir = m->heir;
}

/* A member that only asks is a candidate no more, if it ever was. */
static bool answer_query(struct grants *grants, int64_t now_us, const struct wire_lease *heard,
                         struct lease_message *answer)
{
    uint32_t at = place(grants, heard->name);
    if (at == grants->count || grants->slots[at].name != heard->name)
        return false;
    heirs_remove(&grants->slots[at].waiting, heard->message.ballot.claim);
    lease_voter_tell(&grants->slots[at].voter, now_us, &heard->message, answer);
    return true;
}

bool grants_hear(struct grants *grants, int64_t now_us, const struct wire_lease *heard,
                 struct lease_message *answer)
{
    const struct lease_message *m = &heard->message;
    if (m->time_us > core_ms(grants->longest_ms)) {
        uint32_t ms = (uint32_t)((m->time_us + 999) / 1000);
        grants->wanted_ms = ms > grants->wanted_ms ? ms : grants->wanted_ms;
        return false;
    }
    if (m->kind == LEASE_QUERY)
        return answer_query(grants, now_us, heard, answer);
    struct grant_slot *s = find_or_add(grants, now_us, heard->name);
    if (!s)
        return false;
    s->used_us = now_us;
    if (m->kind == LEASE_PREPARE)
        note_asking(s, now_us, m);
    if (now_us < silent_until_us(grants, s, m)) {
        s->free_us = silent_until_us(grants, s, m);
        return false;
    }
    const struct lease_grant *held = lease_voter_grant(&s->voter, now_us);
    if (m->kind == LEASE_PREPARE && !held && is_kept(grants, s, now_us, m)) {
        *answer = (struct lease_message){.kind = LEASE_REFUSE, .ballot = m->ballot};
        return true;
    }
    bool answers = lease_voter_hear(&s->voter, now_us, m, answer);
    if (held && !lease_voter_grant(&s->voter, now_us))
        note_release(s, now_us, m);
    if (answers && answer->kind == LEASE_ACCEPT) {
        s->heir = 0;
        heirs_remove(&s->waiting, m->ballot.claim);
    }
    if (s->voter.epoch > grants->epochs)
        grants->epochs = s->voter.epoch;
    return answers;
}
