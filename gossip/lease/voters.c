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

static struct voters_list *newest(struct voters *v)
{
    return &v->lists[v->count - 1];
}

static int seat_in(const struct voters_list *list, const char *name)
{
    for (unsigned i = 0; i < list->count; i++)
        if (strcmp(list->names[i], name) == 0)
            return (int)i;
    return -1;
}

/* Over the names, whatever their order in the file. */
static uint64_t hash_of(const struct voters_list *list)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < list->count; i++) {
        uint64_t hash = fnv(FNV_START, list->names[i], strlen(list->names[i]));
        sum += hash ^ hash >> 29;
    }
    return sum;
}

static bool fill(struct voters_list *list, uint32_t version, const char *const *names,
                 unsigned count)
{
    if (version == 0 || count == 0 || count > LEASE_VOTERS_MAX)
        return false;
    *list = (struct voters_list){.version = version, .beyond_us = INT64_MAX};
    for (unsigned i = 0; i < count; i++) {
        size_t bytes = strlen(names[i]);
        if (!gossip_name_valid(names[i], bytes) || seat_in(list, names[i]) >= 0)
            return false;
        memcpy(list->names[list->count++], names[i], bytes + 1);
    }
    list->hash = hash_of(list);
    return true;
}

/* One whose predecessor we know stands beside it; another takes the place of all. */
static void append(struct voters *v, const struct voters_list *list)
{
    bool follows = v->count > 0 && !v->waits && list->version == newest(v)->version + 1;
    if (!follows) {
        v->count = 0;
        v->waits = list->version > 1;
    }
    v->lists[v->count++] = *list;
}

enum voters_error voters_configure(struct voters *v, uint32_t version, const char *const *names,
                                   unsigned count)
{
    struct voters_list list;
    if (!fill(&list, version, names, count))
        return VOTERS_ERROR_EMPTY;
    if (v->count > 0 && version < newest(v)->version)
        return VOTERS_ERROR_OLDER;
    if (v->count > 0 && version == newest(v)->version)
        return list.hash == newest(v)->hash ? VOTERS_OK : VOTERS_ERROR_CHANGED;
    if (v->count == LEASE_LISTS_MAX && version == newest(v)->version + 1)
        return VOTERS_ERROR_FULL;
    append(v, &list);
    return VOTERS_OK;
}

bool voters_restore(struct voters *v, uint32_t version, bool waits, const char *const *names,
                    unsigned count)
{
    struct voters_list list;
    bool follows = v->count == 0 || (!v->waits && !waits && version == newest(v)->version + 1);
    if (v->count == LEASE_LISTS_MAX || !follows || !fill(&list, version, names, count))
        return false;
    v->lists[v->count++] = list;
    v->waits = waits;
    return true;
}

struct gossip_voters voters_range(const struct voters *v)
{
    if (v->count == 0)
        return (struct gossip_voters){0};
    const struct voters_list *last = &v->lists[v->count - 1];
    return (struct gossip_voters){v->waits ? 0 : v->lists[0].version, last->version, last->hash};
}

static void note_beyond(struct voters_list *list, int64_t now_us, const char *name, uint32_t high)
{
    int seat = seat_in(list, name);
    if (seat < 0 || high <= list->version)
        return;
    list->beyond |= UINT32_C(1) << seat;
    bool most = 2 * (unsigned)__builtin_popcount(list->beyond) > list->count;
    if (most && list->beyond_us == INT64_MAX)
        list->beyond_us = now_us;
}

bool voters_note(struct voters *v, int64_t now_us, const char *name, struct gossip_voters theirs)
{
    for (unsigned i = 0; i + 1 < v->count; i++)
        note_beyond(&v->lists[i], now_us, name, theirs.high);
    if (!v->waits || theirs.low != newest(v)->version || theirs.hash != newest(v)->hash)
        return false;
    v->waits = false;
    return true;
}

/* Of the oldest list; only when it is through can the next one be. */
int64_t voters_deadline(const struct voters *v)
{
    if (v->count < 2 || v->lists[0].beyond_us == INT64_MAX)
        return INT64_MAX;
    return v->lists[0].beyond_us + settled_us;
}

bool voters_tick(struct voters *v, int64_t now_us)
{
    unsigned before = v->count;
    while (now_us >= voters_deadline(v)) {
        v->count--;
        memmove(v->lists, v->lists + 1, v->count * sizeof *v->lists);
    }
    return v->count != before;
}

bool voters_serve(const struct voters *v, struct gossip_voters theirs)
{
    struct gossip_voters ours = voters_range(v);
    if (ours.high == 0 || theirs.low == 0 || theirs.high < ours.high)
        return false;
    if (theirs.high == ours.high && theirs.hash != ours.hash)
        return false;
    return v->waits ? theirs.low < ours.high : theirs.low <= ours.low;
}

bool voters_quorum(const struct voters *v, struct lease_quorum *quorum)
{
    if (v->count == 0 || v->waits)
        return false;
    *quorum = (struct lease_quorum){.lists = v->count};
    for (unsigned i = 0; i < v->count; i++)
        quorum->voters[i] = (uint8_t)v->lists[i].count;
    return true;
}

bool voters_seats(const struct voters *v, const char *name, uint32_t seats[LEASE_LISTS_MAX])
{
    uint32_t any = 0;
    for (unsigned i = 0; i < LEASE_LISTS_MAX; i++) {
        int seat = i < v->count ? seat_in(&v->lists[i], name) : -1;
        seats[i] = seat < 0 ? 0 : UINT32_C(1) << seat;
        any |= seats[i];
    }
    return any != 0;
}

static bool is_in_earlier(const struct voters *v, unsigned list, const char *name)
{
    for (unsigned i = 0; i < list; i++)
        if (seat_in(&v->lists[i], name) >= 0)
            return true;
    return false;
}

const char *voters_next(const struct voters *v, unsigned *cursor)
{
    for (; *cursor < LEASE_LISTS_MAX * LEASE_VOTERS_MAX; ++*cursor) {
        unsigned list = *cursor / LEASE_VOTERS_MAX, at = *cursor % LEASE_VOTERS_MAX;
        if (list >= v->count)
            return NULL;
        if (at >= v->lists[list].count || is_in_earlier(v, list, v->lists[list].names[at]))
            continue;
        ++*cursor;
        return v->lists[list].names[at];
    }
    return NULL;
}
