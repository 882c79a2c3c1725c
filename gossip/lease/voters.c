#include "gossip/lease/voters.h"

#include "gossip/fnv.h"

#include <string.h>

/* Longer than any lease, by the slowest clock. */
static const int64_t settled_us =
    INT64_C(1000) * LEASE_LENGTH_MS_MAX / (LEASE_CLOCK_PARTS - 1) * (LEASE_CLOCK_PARTS + 1);

const char *voters_error_text(enum voters_error error)
{
#define VOTERS_ERROR_TEXT(name, text) text,
    static const char *const texts[] = {VOTERS_ERRORS(VOTERS_ERROR_TEXT)};
#undef VOTERS_ERROR_TEXT
    return texts[error];
}

static struct voters_configuration *voters_newest(struct voters *v)
{
    return &v->configurations[v->count - 1];
}

static int voters_index(const struct voters_configuration *one, const char *name)
{
    for (unsigned i = 0; i < one->count; i++)
        if (strcmp(one->names[i], name) == 0)
            return (int)i;
    return -1;
}

/* Over the names, whatever their order in the file. */
static uint64_t voters_hash(const struct voters_configuration *one)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < one->count; i++) {
        uint64_t hash = fnv(FNV_START, one->names[i], strlen(one->names[i]));
        sum += hash ^ hash >> 29;
    }
    return sum;
}

bool voters_fill(struct voters_configuration *one, uint32_t version, const char *const *names,
                 unsigned count)
{
    if (version == 0 || count == 0 || count > LEASE_VOTERS_MAX)
        return false;
    *one = (struct voters_configuration){.version = version, .newer_us = INT64_MAX};
    for (unsigned i = 0; i < count; i++) {
        size_t bytes = strlen(names[i]);
        if (!gossip_name_valid(names[i], bytes) || voters_index(one, names[i]) >= 0)
            return false;
        memcpy(one->names[one->count++], names[i], bytes + 1);
    }
    one->hash = voters_hash(one);
    return true;
}

/* One whose predecessor we know stands beside that; another takes the place of all. */
static void voters_append(struct voters *v, const struct voters_configuration *one)
{
    bool follows = v->count > 0 && !v->joining && one->version == voters_newest(v)->version + 1;
    if (!follows) {
        v->count = 0;
        v->joining = one->version > 1;
    }
    v->configurations[v->count++] = *one;
}

enum voters_error voters_configure(struct voters *v, uint32_t version, const char *const *names,
                                   unsigned count)
{
    struct voters_configuration one;
    if (!voters_fill(&one, version, names, count))
        return VOTERS_ERROR_EMPTY;
    if (v->count > 0 && version < voters_newest(v)->version)
        return VOTERS_ERROR_OLDER;
    if (v->count > 0 && version == voters_newest(v)->version)
        return one.hash == voters_newest(v)->hash ? VOTERS_OK : VOTERS_ERROR_CHANGED;
    if (v->count == LEASE_CONFIGURATIONS_MAX && version == voters_newest(v)->version + 1)
        return VOTERS_ERROR_FULL;
    voters_append(v, &one);
    return VOTERS_OK;
}

bool voters_restore(struct voters *v, uint32_t version, bool joining, const char *const *names,
                    unsigned count)
{
    struct voters_configuration one;
    bool follows =
        v->count == 0 || (!v->joining && !joining && version == voters_newest(v)->version + 1);
    if (v->count == LEASE_CONFIGURATIONS_MAX || !follows ||
        !voters_fill(&one, version, names, count))
        return false;
    v->configurations[v->count++] = one;
    v->joining = joining;
    return true;
}

struct gossip_voters voters_range(const struct voters *v)
{
    if (v->count == 0)
        return (struct gossip_voters){0};
    const struct voters_configuration *last = &v->configurations[v->count - 1];
    return (struct gossip_voters){v->joining ? 0 : v->configurations[0].version, last->version,
                                  last->hash};
}

static void voters_note_newer(struct voters_configuration *one, int64_t now_us, const char *name,
                              uint32_t high)
{
    int bit = voters_index(one, name);
    if (bit < 0 || high <= one->version)
        return;
    one->newer |= UINT32_C(1) << bit;
    bool most = 2 * (unsigned)__builtin_popcount(one->newer) > one->count;
    if (most && one->newer_us == INT64_MAX)
        one->newer_us = now_us;
}

bool voters_note(struct voters *v, int64_t now_us, const char *name, struct gossip_voters theirs)
{
    for (unsigned i = 0; i + 1 < v->count; i++)
        voters_note_newer(&v->configurations[i], now_us, name, theirs.newest);
    if (!v->joining || theirs.oldest != voters_newest(v)->version ||
        theirs.hash != voters_newest(v)->hash)
        return false;
    v->joining = false;
    return true;
}

/* Of the oldest one: only when that is dropped can the next one be. */
int64_t voters_deadline(const struct voters *v)
{
    if (v->count < 2 || v->configurations[0].newer_us == INT64_MAX)
        return INT64_MAX;
    return v->configurations[0].newer_us + settled_us;
}

bool voters_tick(struct voters *v, int64_t now_us)
{
    unsigned before = v->count;
    while (now_us >= voters_deadline(v)) {
        v->count--;
        memmove(v->configurations, v->configurations + 1, v->count * sizeof *v->configurations);
    }
    return v->count != before;
}

bool voters_serve(const struct voters *v, struct gossip_voters theirs)
{
    struct gossip_voters ours = voters_range(v);
    if (ours.newest == 0 || theirs.oldest == 0 || theirs.newest < ours.newest)
        return false;
    if (theirs.newest == ours.newest && theirs.hash != ours.hash)
        return false;
    return v->joining ? theirs.oldest < ours.newest : theirs.oldest <= ours.oldest;
}

bool voters_quorum(const struct voters *v, struct lease_quorum *quorum)
{
    if (v->count == 0 || v->joining)
        return false;
    *quorum = (struct lease_quorum){.configurations = v->count};
    for (unsigned i = 0; i < v->count; i++)
        quorum->voters[i] = (uint8_t)v->configurations[i].count;
    return true;
}

bool voters_bits(const struct voters *v, const char *name, uint32_t bits[LEASE_CONFIGURATIONS_MAX])
{
    uint32_t any = 0;
    for (unsigned i = 0; i < LEASE_CONFIGURATIONS_MAX; i++) {
        int bit = i < v->count ? voters_index(&v->configurations[i], name) : -1;
        bits[i] = bit < 0 ? 0 : UINT32_C(1) << bit;
        any |= bits[i];
    }
    return any != 0;
}

static bool voters_is_in_earlier(const struct voters *v, unsigned list, const char *name)
{
    for (unsigned i = 0; i < list; i++)
        if (voters_index(&v->configurations[i], name) >= 0)
            return true;
    return false;
}

const char *voters_next(const struct voters *v, unsigned *cursor)
{
    for (; *cursor < LEASE_CONFIGURATIONS_MAX * LEASE_VOTERS_MAX; ++*cursor) {
        unsigned list = *cursor / LEASE_VOTERS_MAX, at = *cursor % LEASE_VOTERS_MAX;
        if (list >= v->count)
            return NULL;
        if (at >= v->configurations[list].count ||
            voters_is_in_earlier(v, list, v->configurations[list].names[at]))
            continue;
        ++*cursor;
        return v->configurations[list].names[at];
    }
    return NULL;
}
