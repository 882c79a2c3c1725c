#include "agent/state/statefile.h"

#include "gossip/fnv.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void statefile_add(struct statefile *f, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(f->bytes + f->len, sizeof f->bytes - f->len, format, args);
    va_end(args);
    assert(n >= 0 && (size_t)n < sizeof f->bytes - f->len);
    f->len += (size_t)n;
}

void statefile_add_sum(struct statefile *f)
{
    /* Each step of FNV is one-to-one in the sum so far, so that no change of a single byte goes
     * unseen. The sum guards against accidents, not against intent. */
    statefile_add(f, "sum %016" PRIx64 "\n", fnv(FNV_START, f->bytes, f->len));
}

bool statefile_same(const struct statefile *a, const struct statefile *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}
