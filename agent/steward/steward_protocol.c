#include "agent/steward/steward_protocol.h"

#include "agent/config/vip_spec.h"
#include "gossip/fnv.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

void steward_vip_describe(const struct vip_spec *s, struct steward_vip *into)
{
    *into = (struct steward_vip){.prefix = s->prefix_bits};
    snprintf(into->name, sizeof into->name, "%s", s->name);
    snprintf(into->interface, sizeof into->interface, "%s", s->interface);
    memcpy(into->ip, s->address.ip, sizeof into->ip);
}

uint64_t steward_vip_key(const struct steward_vip *vip)
{
    uint64_t key = fnv(FNV_START, vip->name, strlen(vip->name) + 1);
    key = fnv(key, vip->ip, sizeof vip->ip);
    key = fnv(key, &vip->prefix, sizeof vip->prefix);
    key = fnv(key, vip->interface, strlen(vip->interface) + 1);
    return key ? key : 1;
}

int steward_request_check(const void *bytes, size_t count, int64_t now_us,
                          struct steward_request *r)
{
    static const uint8_t zero[sizeof r->zero];
    *r = (struct steward_request){0};
    memcpy(r, bytes, count < sizeof *r ? count : sizeof *r);
    if (count != sizeof *r)
        return EMSGSIZE;
    if (r->version != STEWARD_VERSION || r->kind < STEWARD_HOLD || r->kind > STEWARD_QUIT ||
        r->flags & ~(STEWARD_PROBE | STEWARD_RENEW) || memcmp(r->zero, zero, sizeof zero) != 0)
        return EPROTO;
    if (r->until_us < 0 || (r->until_us > now_us && r->until_us - now_us > STEWARD_AHEAD_US_MAX))
        return EINVAL;
    return 0;
}

int steward_report_check(const void *bytes, size_t count, struct steward_report *r)
{
    static const uint8_t zero[sizeof r->zero];
    *r = (struct steward_report){0};
    memcpy(r, bytes, count < sizeof *r ? count : sizeof *r);
    if (count != sizeof *r)
        return EMSGSIZE;
    if (r->version != STEWARD_VERSION || r->kind < STEWARD_READY || r->kind > STEWARD_ADOPTED ||
        r->reason >= DROP_REASONS_COUNT || r->flag > 1 || memcmp(r->zero, zero, sizeof zero) != 0)
        return EPROTO;
    return 0;
}

const char *steward_report_text(enum steward_report_kind kind)
{
    static const char *const texts[] = {
        [STEWARD_READY] = "ready",       [STEWARD_HELD] = "held",
        [STEWARD_DROPPED] = "dropped",   [STEWARD_FAILED] = "failed",
        [STEWARD_CONFLICT] = "conflict", [STEWARD_RESTORED] = "restored",
        [STEWARD_ADOPTED] = "adopted",
    };
    return kind >= STEWARD_READY && kind <= STEWARD_ADOPTED ? texts[kind] : "unknown";
}

const char *drop_reason_text(enum drop_reason reason)
{
    static const char *const texts[] = {
#define DROP_REASON(name, text) text,
        DROP_REASONS(DROP_REASON)
#undef DROP_REASON
    };
    assert(reason < DROP_REASONS_COUNT);
    return texts[reason];
}

/* ---- scripts ---- */

int runner_request_check(const void *bytes, size_t count, struct runner_request *r)
{
    *r = (struct runner_request){0};
    if (count != sizeof *r)
        return EMSGSIZE;
    memcpy(r, bytes, sizeof *r);
    bool known = r->kind >= RUNNER_RUN && r->kind <= RUNNER_PRUNE;
    return r->version == RUNNER_VERSION && known && r->zero[0] == 0 && r->zero[1] == 0 ? 0 : EPROTO;
}

int runner_report_check(const void *bytes, size_t count, struct runner_report *r)
{
    static const uint8_t zero[sizeof r->spare];
    *r = (struct runner_report){0};
    if (count != sizeof *r)
        return EMSGSIZE;
    memcpy(r, bytes, sizeof *r);
    bool known = r->kind >= RUNNER_ENDED && r->kind <= RUNNER_ABANDONED;
    bool unused =
        memcmp(r->zero, zero, sizeof r->zero) == 0 && memcmp(r->spare, zero, sizeof r->spare) == 0;
    return r->version == RUNNER_VERSION && known && unused ? 0 : EPROTO;
}
