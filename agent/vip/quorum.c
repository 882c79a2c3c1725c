#include "agent/vip/quorum.h"

#include "agent/base/address.h"
#include "agent/base/error.h"
#include "agent/base/log.h"
#include "agent/base/worker.h"
#include "agent/host.h"
#include "agent/state/store.h"
#include "gossip/lease/leases.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EPOCHS_AHEAD = 1000, /* reserved on disk by one write */
    EPOCHS_LEFT = 100,   /* with fewer left, the next are reserved */
    SAVE_AGAIN_US = 1000000,
};

struct quorum {
    struct host *host;
    struct store *store;
    struct worker *worker;
    struct store_leases saved; /* what the disk has, or is about to have */
    struct store_leases next;  /* being written */
    bool saving;
    int64_t retry_us;      /* of the next write after a failed one; 0: none failed */
    struct voters pending; /* the operator's, which the disk does not have yet */
    bool has_pending;
    bool is_there, was_there; /* as last published; ever before */
    char error[ERROR_BYTES];
};

static void quorum_make_voters(struct voters *voters, const struct quorum_spec *spec,
                               const char **why)
{
    const char *names[LEASE_VOTERS_MAX];
    for (size_t i = 0; i < spec->count; i++)
        names[i] = spec->voters[i];
    enum voters_error error = voters_configure(voters, spec->version, names, (unsigned)spec->count);
    *why = error == VOTERS_OK ? NULL : voters_error_text(error);
}

static bool quorum_differs(const struct store_leases *a, const struct store_leases *b)
{
    struct gossip_voters x = voters_range(&a->voters), y = voters_range(&b->voters);
    return a->longest_ms != b->longest_ms || a->epochs != b->epochs || x.oldest != y.oldest ||
           x.newest != y.newest || x.hash != y.hash;
}

/* The state that should be on disk: what the core has reached (committed lists, epochs, longer
 * leases), and the operator's next list. */
static struct store_leases quorum_needed(const struct quorum *q)
{
    const struct gossip *g = host_view(q->host);
    struct leases_needs needs = leases_needs(g);
    struct store_leases next = q->saved;
    if (leases_voters(g)->count > 0)
        next.voters = *leases_voters(g);
    if (q->has_pending)
        next.voters = q->pending;
    if (needs.longest_ms > next.longest_ms)
        next.longest_ms = needs.longest_ms;
    if (next.longest_ms < GRANTS_LENGTH_MS)
        next.longest_ms = GRANTS_LENGTH_MS;
    if (needs.epochs + EPOCHS_LEFT > next.epochs)
        next.epochs = needs.epochs + EPOCHS_AHEAD;
    return next;
}

/* Only what the disk has may count in the core. */
static void quorum_apply(struct quorum *q, uint32_t version_before)
{
    struct gossip *g = host_core(q->host);
    int64_t now_us = host_now_us();
    leases_allow(g, now_us, q->saved.longest_ms);
    if (voters_range(&q->saved.voters).newest == version_before)
        return;
    if (leases_voters(g)->count == 0)
        leases_start(g, now_us, &q->saved.voters, q->saved.longest_ms,
                     q->saved.epochs - EPOCHS_AHEAD);
    else
        leases_set_voters(g, now_us, &q->saved.voters);
}

static void quorum_on_saved(void *arg, bool ok)
{
    struct quorum *q = arg;
    q->saving = false;
    q->retry_us = ok ? 0 : host_now_us() + SAVE_AGAIN_US;
    if (!ok || host_is_leaving(q->host))
        return;
    uint32_t before = voters_range(&q->saved.voters).newest;
    q->saved = q->next;
    if (q->has_pending && voters_range(&q->saved.voters).newest == voters_range(&q->pending).newest)
        q->has_pending = false;
    quorum_apply(q, before);
}

/* One write at a time: q->next must not change under the worker. */
static void quorum_save(struct quorum *q)
{
    struct store_leases next = quorum_needed(q);
    if (q->saving || host_now_us() < q->retry_us || !quorum_differs(&next, &q->saved))
        return;
    q->next = next;
    q->saving = store_save_leases(q->store, q->worker, &q->next, quorum_on_saved, q);
    if (!q->saving)
        q->retry_us = host_now_us() + SAVE_AGAIN_US;
}

/* The voter lists after the configuration's, from those pending or in force. NULL, or the reason
 * why it is refused. */
static const char *quorum_next(struct quorum *q, const struct quorum_spec *spec,
                               struct voters *voters, uint32_t *before)
{
    const char *why = NULL;
    *voters = q->has_pending ? q->pending : quorum_needed(q).voters;
    *before = voters_range(voters).newest;
    if (spec->count == 0 && voters->count == 0)
        return NULL;
    if (spec->count == 0)
        why = "it cannot be taken away while running";
    else
        quorum_make_voters(voters, spec, &why);
    if (!why)
        return NULL;
    snprintf(q->error, sizeof q->error,
             "quorum, version %" PRIu32 ": %s; version %" PRIu32 " stays in force", spec->version,
             why, *before);
    return q->error;
}

const char *quorum_check(struct quorum *q, const struct quorum_spec *spec)
{
    struct voters voters;
    uint32_t before;
    return quorum_next(q, spec, &voters, &before);
}

const char *quorum_configure(struct quorum *q, const struct quorum_spec *spec)
{
    struct voters voters;
    uint32_t before;
    const char *why = quorum_next(q, spec, &voters, &before);
    if (why || voters_range(&voters).newest == before)
        return why;
    q->pending = voters;
    q->has_pending = true;
    quorum_save(q);
    return NULL;
}

static void quorum_on_settle(void *arg)
{
    struct quorum *q = arg;
    const struct gossip *g = host_view(q->host);
    bool takes_part = leases_voters(g)->count > 0;
    bool is_there = takes_part && leases_has_quorum(g);
    struct gossip_member self = gossip_self(g);
    if (is_there != q->is_there && q->was_there)
        host_publish(q->host, is_there ? EVENT_QUORUM_REGAINED : EVENT_QUORUM_LOST, &self, NULL);
    q->is_there = is_there;
    q->was_there |= is_there;
    if (takes_part || q->has_pending)
        quorum_save(q);
}

static bool quorum_has_voter(const struct voters *voters, const char *name)
{
    uint32_t bits[LEASE_CONFIGURATIONS_MAX];
    return voters_bits(voters, name, bits);
}

static void quorum_log_lost_voter(const struct quorum *q, const char *name)
{
    const struct voters *voters = leases_voters(host_view(q->host));
    unsigned cursor = 0, alive = 0, all = 0;
    for (const char *voter; (voter = voters_next(voters, &cursor)); all++) {
        struct gossip_member m;
        alive += gossip_find(host_view(q->host), voter, &m) && m.status <= GOSSIP_SUSPECT;
    }
    log_warn("voter %s is gone: %u of %u are alive; with half of them or fewer no address is held",
             name, alive, all);
}

static void quorum_log_change(const struct quorum *q, enum event_kind kind,
                              const struct gossip_member *member)
{
    const struct voters *voters = leases_voters(host_view(q->host));
    bool is_gone = kind == EVENT_MEMBER_FAILED || kind == EVENT_MEMBER_LEAVE;
    if (is_gone && quorum_has_voter(voters, member->profile->name))
        quorum_log_lost_voter(q, member->profile->name);
}

static void quorum_print_names(const struct voters_configuration *voters, char *into, size_t bytes)
{
    into[0] = '\0';
    for (unsigned i = 0; i < voters->count; i++) {
        size_t used = strlen(into);
        snprintf(into + used, bytes - used, "%s%s", i > 0 ? " " : "", voters->names[i]);
    }
}

static void quorum_log_other(const struct voters *ours, const struct leases_other_voters *other,
                             const struct gossip_profile *member)
{
    enum { NAMES_BYTES = 1024 };
    char addr[ADDRESS_TEXT_BYTES], theirs[NAMES_BYTES] = "not known", own[NAMES_BYTES];
    const struct voters_configuration *newest = &ours->configurations[ours->count - 1];
    quorum_print_names(newest, own, sizeof own);
    if (other->voters)
        quorum_print_names(other->voters, theirs, sizeof theirs);
    log_warn("%s has a different list of voters with the same version %" PRIu32
             ": it is at %s, and %u members have it. Theirs: %s. Ours: %s. %s",
             member->name, newest->version, address_text(member->addr.ip, member->addr.port, addr),
             other->members, theirs, own,
             other->overlaps
                 ? "Neither list counts the votes of members with the other, and with half of the "
                   "members on each no new lease is granted: make quorum the same on all hosts, "
                   "and raise its version"
                 : "No voter is in both: another cluster has merged with this one, and each counts "
                   "its own voters alone. Give each a name of its own: cluster in muster.conf");
}

static void quorum_on_other_voters(void *arg, const struct gossip_event *event)
{
    const struct quorum *q = arg;
    const struct gossip *g = host_view(q->host);
    struct leases_other_voters other;
    unsigned cursor = 0;
    while (leases_next_other_voters(g, &cursor, &other))
        if (other.hash == event->member.profile->voters.hash)
            quorum_log_other(leases_voters(g), &other, event->member.profile);
}

static void quorum_on_change(void *arg, const struct journal_entry *entry)
{
    const struct quorum *q = arg;
    if (entry && event_kind_is_of_member(entry->kind))
        quorum_log_change(q, entry->kind, &entry->member);
}

bool quorum_is_there(const struct quorum *q)
{
    return q->is_there;
}

struct quorum *quorum_start(struct host *host, struct store *store, struct worker *worker,
                            const struct quorum_spec *spec, uint32_t lease_ms, char *error)
{
    struct quorum *q = calloc(1, sizeof *q);
    if (!q) {
        error_set(error, "out of memory");
        return NULL;
    }
    q->host = host;
    q->store = store;
    q->worker = worker;
    struct store_leases found;
    if (!store_leases(store, &found, error)) {
        free(q);
        return NULL;
    }
    q->saved = found;
    const char *why = NULL;
    if (spec->count > 0)
        quorum_make_voters(&q->saved.voters, spec, &why);
    if (why)
        log_error("quorum, version %" PRIu32 ": %s; version %" PRIu32 " stays in force here",
                  spec->version, why, voters_range(&found.voters).newest);
    uint32_t silent_ms = found.longest_ms > lease_ms ? found.longest_ms : lease_ms;
    q->saved.longest_ms = silent_ms > GRANTS_LENGTH_MS ? silent_ms : GRANTS_LENGTH_MS;
    q->saved.epochs += EPOCHS_AHEAD;
    bool takes_part = spec->count > 0 && q->saved.voters.count > 0;
    if (takes_part && quorum_differs(&q->saved, &found) &&
        !store_write_leases(store, &q->saved, error)) {
        free(q);
        return NULL;
    }
    if (takes_part)
        leases_start(host_core(host), host_now_us(), &q->saved.voters, q->saved.longest_ms,
                     found.epochs);
    host_on_settle(host, HOST_QUORUM, quorum_on_settle, q);
    host_on_event(host, GOSSIP_EVENT_OTHER_VOTERS, quorum_on_other_voters, q);
    host_subscribe(host, HOST_QUORUM, quorum_on_change, q);
    return q;
}

void quorum_free(struct quorum *q)
{
    if (!q)
        return;
    host_on_settle(q->host, HOST_QUORUM, NULL, NULL);
    host_on_event(q->host, GOSSIP_EVENT_OTHER_VOTERS, NULL, NULL);
    host_subscribe(q->host, HOST_QUORUM, NULL, NULL);
    free(q);
}
