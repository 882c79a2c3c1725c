#include "agent/events/reader.h"

#include <assert.h>

struct reader reader_at_end(const struct journal *j, unsigned kinds)
{
    return (struct reader){.next = journal_newest(j) + 1, .kinds = kinds};
}

struct reader reader_from(const struct journal *j, unsigned kinds, uint64_t from)
{
    struct reader r = reader_at_end(j, kinds);
    r.earlier_run = from > r.next;
    if (from > 0)
        r.next = r.earlier_run ? 1 : from;
    return r;
}

bool reader_next(struct reader *r, const struct journal *j, struct reader_item *item)
{
    uint64_t oldest = journal_oldest(j);
    *item = (struct reader_item){.lost = r->next < oldest ? oldest - r->next : 0};
    if (item->lost > 0 || r->earlier_run) {
        r->next += item->lost;
        r->earlier_run = false;
        item->last_lost = r->next - 1;
        return true;
    }
    while (r->next <= journal_newest(j)) {
        item->entry = journal_at(j, r->next++);
        if (r->kinds & 1u << item->entry->kind)
            return true;
    }
    return false;
}

uint64_t reader_skip(struct reader *r, uint64_t seq)
{
    assert(seq + 1 >= r->next);
    uint64_t skipped = seq + 1 - r->next;
    r->next = seq + 1;
    return skipped;
}
