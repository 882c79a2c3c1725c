#include "gossip/lease/grants.h"

#include "agent/base/array.h"
#include "gossip/core.h"

#include <stdlib.h>
#include <string.h>

enum {
    /* Parts of its length, that a free lease is kept for a candidate of higher priority after that
     * has asked: longer than until it asks again (claim.c). */
    GRACE_PARTS = 6,
    KEPT_PARTS = 2, /* ... at the most: that candidate may hear nothing */
};

void grants_free(struct grants *grants)
{
    free(grants->slots);
}

/* The index of that name, or the one where it belongs. */
static uint32_t grants_place(const struct grants *grants, uint64_t name)
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

static void grants_remove_at(struct grants *grants, uint32_t at)
{
    grants->count--;
    memmove(grants->slots + at, grants->slots + at + 1,
            (grants->count - at) * sizeof *grants->slots);
}

/* Removes the slot that was used longest ago and is not held. False: each one is held. */
static bool grants_make_room(struct grants *grants, int64_t now_us)
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
    grants_remove_at(grants, oldest);
    return true;
}

/* The slot of that name, a new one if there was none. NULL: no room. */
static struct grant_slot *grants_find_or_add(struct grants *grants, int64_t now_us, uint64_t name)
{
    uint32_t at = grants_place(grants, name);
    if (at < grants->count && grants->slots[at].name == name)
        return &grants->slots[at];
    if (grants->count == GRANTS_MAX && !grants_make_room(grants, now_us))
        return NULL;
    if (!ARRAY_RESERVE(grants->slots, grants->capacity, grants->count + 1))
        return NULL;
    at = grants_place(grants, name);
    struct grant_slot *s = &grants->slots[at];
    memmove(s + 1, s, (grants->count++ - at) * sizeof *s);
    *s = (struct grant_slot){.name = name, .free_us = now_us};
    s->voter.epoch = grants->epochs;
    return s;
}

/* Notes a candidate that waits. A holder that renews does not: noted, it would hide those that do
 * until its lease is over. One whose lease ran out is not favoured either: it may be cut off. */
static void grant_note_asking(struct grant_slot *s, int64_t now_us, const struct lease_message *m)
{
    struct successor waiting = {m->grant.owner, m->ballot.claim, m->grant.priority,
                                now_us + m->time_us};
    s->length_us = m->time_us;
    if (s->voter.grant.ballot.claim != m->ballot.claim)
        successors_note(&s->waiting, now_us, &waiting);
}

/* True: a candidate of higher priority asked just now, or has had no time to. Until open_us the
 * time was the successor's alone, which must have asked by then. */
static bool grant_is_better_waiting(const struct grant_slot *s, int64_t now_us, int64_t open_us,
                                    uint8_t priority)
{
    for (unsigned i = 0; i < s->waiting.count; i++) {
        const struct successor *waiting = &s->waiting.all[i];
        int64_t asked_us = waiting->until_us - s->length_us;
        int64_t from_us = waiting->key == s->successor ? asked_us : core_max(asked_us, open_us);
        if (waiting->priority > priority && now_us < waiting->until_us &&
            now_us < from_us + s->length_us / GRACE_PARTS)
            return true;
    }
    return false;
}

/* What was granted before the start may still be held until then. A disk that was lost does not
 * know how long that can be; a candidate that asks for a lease says how long it is. */
static int64_t grant_silent_until_us(const struct grants *grants, const struct grant_slot *s,
                                     const struct lease_message *m)
{
    int64_t length_us = core_max(m->time_us, s->length_us);
    return core_max(grants->silent_until_us, grants->started_us + lease_quarantine_us(length_us));
}

/* True: what is free is kept for another. A voter that was silent does not know since when it is
 * free: at the latest when a lease ends that was renewed just before the voter could answer. */
static bool grant_is_kept(const struct grants *grants, const struct grant_slot *s, int64_t now_us,
                          const struct lease_message *m)
{
    int64_t open_us = core_max(s->free_us, s->voter.until_us) +
                      (s->successor != 0 ? s->length_us / GRANTS_SUCCESSOR_PARTS : 0);
    if (s->successor != 0 && now_us < open_us)
        return m->grant.owner != s->successor;
    int64_t over_us = core_max(open_us, grant_silent_until_us(grants, s, m) + s->length_us);
    return now_us < over_us + s->length_us / KEPT_PARTS &&
           grant_is_better_waiting(s, now_us, open_us, m->grant.priority);
}

static void grant_note_release(struct grant_slot *s, int64_t now_us, const struct lease_message *m)
{
    s->free_us = now_us;
    s->successor = m->successor;
}

/* A member that only asks is a candidate no longer, if it ever was. It is answered also where
 * nothing is known of the lease: so it knows that this voter answers. */
static void grants_answer_query(struct grants *grants, int64_t now_us,
                                const struct wire_lease *received, struct lease_message *answer)
{
    static const struct lease_voter nothing;
    uint32_t at = grants_place(grants, received->name);
    bool known = at < grants->count && grants->slots[at].name == received->name;
    if (known)
        successors_remove(&grants->slots[at].waiting, received->message.ballot.claim);
    lease_voter_report(known ? &grants->slots[at].voter : &nothing, now_us, &received->message,
                       answer);
}

bool grants_receive(struct grants *grants, int64_t now_us, const struct wire_lease *received,
                    struct lease_message *answer)
{
    const struct lease_message *m = &received->message;
    if (m->time_us > core_ms(grants->longest_ms)) {
        uint32_t ms = (uint32_t)((m->time_us + 999) / 1000);
        grants->wanted_ms = ms > grants->wanted_ms ? ms : grants->wanted_ms;
        return false;
    }
    if (m->kind == LEASE_QUERY) {
        grants_answer_query(grants, now_us, received, answer);
        return true;
    }
    struct grant_slot *s = grants_find_or_add(grants, now_us, received->name);
    if (!s)
        return false;
    s->used_us = now_us;
    if (m->kind == LEASE_PREPARE)
        grant_note_asking(s, now_us, m);
    if (now_us < grant_silent_until_us(grants, s, m)) {
        s->free_us = grant_silent_until_us(grants, s, m);
        return false;
    }
    const struct lease_grant *held = lease_voter_grant(&s->voter, now_us);
    if (m->kind == LEASE_PREPARE && !held && grant_is_kept(grants, s, now_us, m)) {
        *answer = (struct lease_message){.kind = LEASE_REFUSE, .ballot = m->ballot};
        return true;
    }
    bool answers = lease_voter_receive(&s->voter, now_us, m, answer);
    if (held && !lease_voter_grant(&s->voter, now_us))
        grant_note_release(s, now_us, m);
    if (answers && answer->kind == LEASE_ACCEPT) {
        s->successor = 0;
        successors_remove(&s->waiting, m->ballot.claim);
    }
    if (s->voter.epoch > grants->epochs)
        grants->epochs = s->voter.epoch;
    return answers;
}
