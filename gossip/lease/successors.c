#include "gossip/lease/successors.h"

#include <stddef.h>

/* The member's own entry, a new one, or that of the lowest priority; NULL: none is lower. */
static struct successor *successors_place(struct successors *s, int64_t now_us,
                                          const struct successor *successor)
{
    struct successor *least = NULL;
    for (unsigned i = 0; i < s->count; i++) {
        struct successor *other = &s->all[i];
        if (other->key == successor->key)
            return other;
        if (now_us >= other->until_us)
            other->priority = 0;
        if (!least || other->priority < least->priority)
            least = other;
    }
    if (s->count < SUCCESSORS_MAX)
        return &s->all[s->count++];
    return least->priority < successor->priority || now_us >= least->until_us ? least : NULL;
}

void successors_note(struct successors *s, int64_t now_us, const struct successor *successor)
{
    struct successor *place = successors_place(s, now_us, successor);
    if (place)
        *place = *successor;
}

void successors_remove(struct successors *s, uint64_t claim)
{
    for (unsigned i = s->count; i > 0; i--)
        if (s->all[i - 1].claim == claim)
            s->all[i - 1] = s->all[--s->count];
}

const struct successor *successors_choose(const struct successors *s, int64_t now_us, uint64_t key)
{
    const struct successor *best = NULL;
    for (unsigned i = 0; i < s->count; i++) {
        const struct successor *other = &s->all[i];
        if (now_us >= other->until_us || (key != 0 && other->key != key))
            continue;
        if (!best || other->priority > best->priority)
            best = other;
    }
    return best;
}
