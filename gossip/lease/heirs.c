#include "gossip/lease/heirs.h"

#include <stddef.h>

/* Where it goes: in its own place, in a new one, or in that of the least. */
static struct heir *place(struct heirs *heirs, int64_t now_us, const struct heir *heir)
{
    struct heir *least = NULL;
    for (unsigned i = 0; i < heirs->count; i++) {
        struct heir *h = &heirs->all[i];
        if (h->key == heir->key)
            return h;
        if (now_us >= h->until_us)
            h->priority = 0;
        if (!least || h->priority < least->priority)
            least = h;
    }
    if (heirs->count < HEIRS_MAX)
        return &heirs->all[heirs->count++];
    return least->priority < heir->priority || now_us >= least->until_us ? least : NULL;
}

void heirs_note(struct heirs *heirs, int64_t now_us, const struct heir *heir)
{
    struct heir *at = place(heirs, now_us, heir);
    if (at)
        *at = *heir;
}

void heirs_remove(struct heirs *heirs, uint64_t claim)
{
    for (unsigned i = 0; i < heirs->count; i++)
        if (heirs->all[i].claim == claim)
            heirs->all[i--] = heirs->all[--heirs->count];
}

const struct heir *heirs_choose(const struct heirs *heirs, int64_t now_us, uint64_t key)
{
    const struct heir *best = NULL;
    for (unsigned i = 0; i < heirs->count; i++) {
        const struct heir *h = &heirs->all[i];
        if (now_us >= h->until_us || (key != 0 && h->key != key))
            continue;
        if (!best || h->priority > best->priority)
            best = h;
    }
    return best;
}
