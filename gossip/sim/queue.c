#include "gossip/sim/queue.h"

#include "agent/base/array.h"

#include <assert.h>
#include <stdlib.h>

void queue_free(struct queue *q)
{
    for (size_t i = 0; i < q->count; i++)
        free(q->heap[i].bytes);
    free(q->heap);
}

static bool queue_is_sooner(const struct happening *a, const struct happening *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

uint64_t queue_push(struct queue *q, struct happening h)
{
    ARRAY_MUST_RESERVE(q->heap, q->capacity, q->count + 1);
    h.order = ++q->order;
    size_t at = q->count++;
    for (; at > 0 && queue_is_sooner(&h, &q->heap[(at - 1) / 2]); at = (at - 1) / 2)
        q->heap[at] = q->heap[(at - 1) / 2];
    q->heap[at] = h;
    return h.order;
}

int64_t queue_next_us(const struct queue *q)
{
    return q->count ? q->heap[0].at_us : INT64_MAX;
}

struct happening queue_pop(struct queue *q)
{
    assert(q->count > 0);
    struct happening top = q->heap[0], last = q->heap[--q->count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < q->count; at = child) {
        if (child + 1 < q->count && queue_is_sooner(&q->heap[child + 1], &q->heap[child]))
            child++;
        if (!queue_is_sooner(&q->heap[child], &last))
            break;
        q->heap[at] = q->heap[child];
    }
    if (q->count)
        q->heap[at] = last;
    return top;
}
