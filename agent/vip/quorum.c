#include "agent/vip/quorum.h"

#include "agent/agent.h"
#include "gossip/lease/leases.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EPOCHS_AHEAD = 1000, /* so many may pass before the disk is written again */
    EPOCHS_LEFT = 100,   /* ... and when so few are left, it is */
    SAVE_AGAIN_US = 1000000,
};

struct quorum {
    struct agent *agent;
    struct store_leases kept; /* what the disk has, or is about to have */
    struct store_leases next; /* being written */
    bool saving;
    int64_t retry_us;     /* not before that, after it could not be written */
    struct voters wanted; /* the operator's, which the disk does not have yet */
    bool has_wanted;
    bool is_there, was_there; /* as was last told; at any time before */
    char error[AGENT_ERROR_BYTES];
};

static void configure(struct voters *voters, const struct quorum_spec *spec, const char **why)
{
    const char *names[LEASE_VOTERS_MAX];
    for (size_t i = 0; i < spec->count; i++)
        names[i] = spec->voters[i];
    enum voters_error error = voters_configure(voters, spec->version, names, (unsigned)spec->count);
    *why = error == VOTERS_OK ? NULL : voters_error_text(error);
}

static bool differ(const struct store_leases *a, const struct store_leases *b)
{
    struct gossip_voters x = voters_range(&a->voters), y = voters_range(&b->voters);
    return a->longest_ms != b->longest_ms || a->epochs != b->epochs || x.low != y.low ||
           x.high != y.high || x.hash != y.hash;
}

struct quorum *quorum_start(struct agent *a, const struct quorum_spec *spec, uint32_t lease_ms,
                            char *error)
{
    struct quorum *q = calloc(1, sizeof *q);
    if (!q) {
        snprintf(error, AGENT_ERROR_BYTES, "out of memory");
        return NULL;
    }
    q->agent = a;
    struct store_leases found;
    store_leases(a->store, &found);
    q->kept = found;
    const char *why = NULL;
    if (spec->count > 0)
        configure(&q->kept.voters, spec, &why);
    if (why)
        log_error("quorum, version %" PRIu32 ": %s; what was in force here, version %" PRIu32
                  ", goes on",
                  spec->version, why, voters_range(&found.voters).high);
    uint32_t silent_ms = found.longest_ms > lease_ms ? found.longest_ms : lease_ms;
    q->kept.longest_ms = silent_ms > GRANTS_LENGTH_MS ? silent_ms : GRANTS_LENGTH_MS;
    q->kept.epochs += EPOCHS_AHEAD;
    bool takes_part = spec->count > 0 && q->kept.voters.count > 0;
    if (takes_part && differ(&q->kept, &found) && !store_write_leases(a->store, &q->kept, error)) {
        free(q);
        return NULL;
    }
    if (takes_part)
        leases_start(a->gossip, agent_now_us(), &q->kept.voters, q->kept.longest_ms, found.epochs);
    return q;
}

void quorum_free(struct quorum *q)
{
    free(q);
}

/* What is to be on disk: what the core has come to by itself (lists that are through, epochs,
 * longer leases), and the operator's next list. */
static struct store_leases needed(const struct quorum *q)
{
    const struct gossip *g = q->agent->gossip;
    struct leases_needs needs = leases_needs(g);
    struct store_leases next = q->kept;
    if (leases_voters(g)->count > 0)
        next.voters = *leases_voters(g);
    if (q->has_wanted)
        next.voters = q->wanted;
    if (needs.longest_ms > next.longest_ms)
        next.longest_ms = needs.longest_ms;
    if (next.longest_ms < GRANTS_LENGTH_MS)
        next.longest_ms = GRANTS_LENGTH_MS;
    if (needs.epochs + EPOCHS_LEFT > next.epochs)
        next.epochs = needs.epochs + EPOCHS_AHEAD;
    return next;
}

/* The core goes by what the disk has. */
static void take_on(struct quorum *q, uint32_t version_before)
{
    struct gossip *g = q->agent->gossip;
    int64_t now_us = agent_now_us();
    leases_allow(g, now_us, q->kept.longest_ms);
    if (voters_range(&q->kept.voters).high == version_before)
        return;
    if (leases_voters(g)->count == 0)
        leases_start(g, now_us, &q->kept.voters, q->kept.longest_ms, q->kept.epochs - EPOCHS_AHEAD);
    else
        leases_set_voters(g, now_us, &q->kept.voters);
}

static void on_saved(void *arg, bool ok)
{
    struct quorum *q = arg;
    struct agent *a = q->agent;
    q->saving = false;
    q->retry_us = ok ? 0 : agent_now_us() + SAVE_AGAIN_US;
    if (!ok || a->leaving)
        return;
    uint32_t before = voters_range(&q->kept.voters).high;
    q->kept = q->next;
    if (q->has_wanted && voters_range(&q->kept.voters).high == voters_range(&q->wanted).high)
        q->has_wanted = false;
    take_on(q, before);
    agent_settle(a);
}

/* One at a time: what is being written is not changed meanwhile. */
static void keep_up(struct quorum *q)
{
    struct agent *a = q->agent;
    struct store_leases next = needed(q);
    if (q->saving || agent_now_us() < q->retry_us || !differ(&next, &q->kept))
        return;
    q->next = next;
    q->saving = store_save_leases(a->store, a->worker, &q->next, on_saved, q);
    if (!q->saving)
        q->retry_us = agent_now_us() + SAVE_AGAIN_US;
}

const char *quorum_configure(struct quorum *q, const struct quorum_spec *spec)
{
    const char *why = NULL;
    struct voters voters = q->has_wanted ? q->wanted : needed(q).voters;
    if (spec->count == 0 && voters.count == 0)
        return NULL;
    uint32_t before = voters_range(&voters).high;
    if (spec->count == 0)
        why = "it cannot be taken away while running";
    else
        configure(&voters, spec, &why);
    if (why) {
        snprintf(q->error, sizeof q->error,
                 "quorum, version %" PRIu32 ": %s; version %" PRIu32 " stays in force",
                 spec->version, why, before);
        return q->error;
    }
    if (voters_range(&voters).high == before)
        return NULL;
    q->wanted = voters;
    q->has_wanted = true;
    keep_up(q);
    return NULL;
}

void quorum_settle(struct quorum *q)
{
    struct agent *a = q->agent;
    bool takes_part = leases_voters(a->gossip)->count > 0;
    bool is_there = takes_part && leases_has_quorum(a->gossip);
    struct gossip_member self = gossip_self(a->gossip);
    if (is_there != q->is_there && q->was_there)
        agent_publish(a, is_there ? EVENT_QUORUM_REGAINED : EVENT_QUORUM_LOST, &self, NULL);
    q->is_there = is_there;
    q->was_there |= is_there;
    if (takes_part || q->has_wanted)
        keep_up(q);
}

static bool is_voter(const struct voters *voters, const char *name)
{
    uint32_t seats[LEASE_LISTS_MAX];
    return voters_seats(voters, name, seats);
}

static void say_dead(const struct quorum *q, const char *name)
{
    const struct voters *voters = leases_voters(q->agent->gossip);
    unsigned cursor = 0, alive = 0, all = 0;
    for (const char *voter; (voter = voters_next(voters, &cursor)); all++) {
        struct gossip_member m;
        alive += gossip_find(q->agent->gossip, voter, &m) && m.status <= GOSSIP_SUSPECT;
    }
    log_warn("voter %s is gone: %u of %u are alive; with half of them or fewer no address is held",
             name, alive, all);
}

void quorum_hear(const struct quorum *q, enum event_kind kind, const struct gossip_member *member)
{
    const struct voters *voters = leases_voters(q->agent->gossip);
    struct gossip_voters ours = voters_range(voters);
    const struct gossip_profile *p = member->profile;
    bool is_gone = kind == EVENT_MEMBER_FAILED || kind == EVENT_MEMBER_LEAVE;
    bool is_news = kind == EVENT_MEMBER_JOIN || kind == EVENT_MEMBER_UPDATE;
    if (voters->count == 0)
        return;
    if (is_gone && is_voter(voters, p->name))
        say_dead(q, p->name);
    if (is_news && p->voters.high == ours.high && p->voters.hash != ours.hash)
        log_warn(
            "%s goes by another list of voters, that has the same version %" PRIu32
            " as the one here: neither counts what the other says, and where as many go by that "
            "as by this, nothing new is taken; make quorum the same on all, and raise its "
            "version",
            p->name, ours.high);
}

bool quorum_is_there(const struct quorum *q)
{
    return q->is_there;
}
