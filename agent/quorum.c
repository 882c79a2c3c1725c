#include "agent/quorum.h"

#include "agent/agent.h"
#include "gossip/leases.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EPOCHS_AHEAD = 1000, /* so many may pass before the disk is written again */
    EPOCHS_LEFT = 100,   /* ... and when so few are left, it is */
};

struct quorum {
    struct agent *agent;
    struct store_leases kept; /* what the disk has, or is about to have */
    struct store_leases next; /* being written */
    bool saving;
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

static void save(struct quorum *q);

/* The core goes by what the disk has. */
static void on_saved(void *arg, bool ok)
{
    struct quorum *q = arg;
    struct agent *a = q->agent;
    q->saving = false;
    if (!ok || a->leaving)
        return;
    struct gossip_voters before = voters_range(&q->kept.voters),
                         now = voters_range(&q->next.voters);
    q->kept = q->next;
    leases_allow(a->gossip, agent_now_us(), q->kept.longest_ms);
    if (before.high != now.high && !leases_voters(a->gossip)->count)
        leases_start(a->gossip, agent_now_us(), &q->kept.voters, q->kept.longest_ms,
                     q->kept.epochs - EPOCHS_AHEAD);
    else if (before.high != now.high)
        leases_set_voters(a->gossip, agent_now_us(), &q->kept.voters);
    agent_settle(a);
}

static void save(struct quorum *q)
{
    q->saving = true;
    store_save_leases(q->agent->store, q->agent->worker, &q->next, on_saved, q);
}

const char *quorum_configure(struct quorum *q, const struct quorum_spec *spec)
{
    const char *why = NULL;
    struct voters voters = q->saving ? q->next.voters : q->kept.voters;
    if (spec->count == 0 && voters.count == 0)
        return NULL;
    if (spec->count == 0) {
        why = "it cannot be taken away while running";
    } else {
        uint32_t before = voters_range(&voters).high;
        configure(&voters, spec, &why);
        if (!why && voters_range(&voters).high == before)
            return NULL;
    }
    if (why) {
        snprintf(q->error, sizeof q->error,
                 "quorum, version %" PRIu32 ": %s; version %" PRIu32 " stays in force",
                 spec->version, why, voters_range(&voters).high);
        return q->error;
    }
    q->next = q->kept;
    q->next.voters = voters;
    if (q->next.longest_ms < GRANTS_LENGTH_MS)
        q->next.longest_ms = GRANTS_LENGTH_MS;
    save(q);
    return NULL;
}

/* What the core has come to by itself: lists that are through, epochs, longer leases. */
static void keep_up(struct quorum *q)
{
    const struct gossip *g = q->agent->gossip;
    struct leases_needs needs = leases_needs(g);
    struct store_leases next = q->kept;
    next.voters = *leases_voters(g);
    if (needs.longest_ms > next.longest_ms)
        next.longest_ms = needs.longest_ms;
    if (needs.epochs + EPOCHS_LEFT > next.epochs)
        next.epochs = needs.epochs + EPOCHS_AHEAD;
    if (!differ(&next, &q->kept))
        return;
    q->next = next;
    save(q);
}

void quorum_settle(struct quorum *q)
{
    struct agent *a = q->agent;
    if (leases_voters(a->gossip)->count == 0)
        return;
    bool is_there = leases_has_quorum(a->gossip);
    struct gossip_member self = gossip_self(a->gossip);
    if (is_there != q->is_there && q->was_there)
        agent_publish(a, is_there ? JOURNAL_QUORUM_REGAINED : JOURNAL_QUORUM_LOST, &self, NULL);
    q->is_there = is_there;
    q->was_there |= is_there;
    if (!q->saving)
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

void quorum_hear(const struct quorum *q, enum journal_kind kind, const struct gossip_member *member)
{
    const struct voters *voters = leases_voters(q->agent->gossip);
    struct gossip_voters ours = voters_range(voters);
    const struct gossip_profile *p = member->profile;
    bool is_gone = kind == JOURNAL_FAILED || kind == JOURNAL_LEAVE;
    bool is_news = kind == JOURNAL_JOIN || kind == JOURNAL_UPDATE;
    if (voters->count == 0)
        return;
    if (is_gone && is_voter(voters, p->name))
        say_dead(q, p->name);
    if (is_news && p->voters.high == ours.high && p->voters.hash != ours.hash)
        log_warn("%s goes by another list of voters, that has the same version %" PRIu32
                 " as the one here: what it says counts for nothing here; make quorum the same on "
                 "both, and raise its version",
                 p->name, ours.high);
}

bool quorum_is_there(const struct quorum *q)
{
    return q->is_there;
}
