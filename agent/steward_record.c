#include "agent/steward.h"

#include <errno.h>
#include <string.h>

int steward_request_check(const void *bytes, size_t count, size_t vips, int64_t now_us,
                          struct steward_request *r)
{
    *r = (struct steward_request){0};
    memcpy(r, bytes, count < sizeof *r ? count : sizeof *r);
    if (count != sizeof *r)
        return EMSGSIZE;
    if (r->version != STEWARD_VERSION || r->order < STEWARD_HOLD || r->order > STEWARD_PING ||
        r->flags & ~(STEWARD_PROBE | STEWARD_ADOPT | STEWARD_RENEW) || r->zero != 0)
        return EPROTO;
    if (r->vip >= vips)
        return ERANGE;
    if (r->until_us < 0 || (r->until_us > now_us && r->until_us - now_us > STEWARD_AHEAD_US_MAX))
        return EINVAL;
    return 0;
}

int steward_report_check(const void *bytes, size_t count, size_t vips, struct steward_report *r)
{
    static const uint8_t zero[sizeof r->zero];
    *r = (struct steward_report){0};
    memcpy(r, bytes, count < sizeof *r ? count : sizeof *r);
    if (count != sizeof *r)
        return EMSGSIZE;
    if (r->version != STEWARD_VERSION || r->word < STEWARD_READY || r->word > STEWARD_RESTORED ||
        r->why >= WARD_WHYS_COUNT || r->flag > 1 || memcmp(r->zero, zero, sizeof zero) != 0)
        return EPROTO;
    return r->word != STEWARD_READY && r->vip >= vips ? ERANGE : 0;
}

const char *steward_word_text(enum steward_word word)
{
    static const char *const texts[] = {
        [STEWARD_READY] = "ready",       [STEWARD_HELD] = "held",
        [STEWARD_DROPPED] = "dropped",   [STEWARD_FAILED] = "failed",
        [STEWARD_CONFLICT] = "conflict", [STEWARD_RESTORED] = "restored",
    };
    return word >= STEWARD_READY && word <= STEWARD_RESTORED ? texts[word] : "unknown";
}
