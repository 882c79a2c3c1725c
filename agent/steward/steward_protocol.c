#include "agent/steward/steward_protocol.h"

#include "agent/config/vip_spec.h"
#include "gossip/fnv.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

void steward_vip_describe(const struct vip_spec *s, struct steward_vip *into)
{
    *into = (struct steward_vip){.addresses_count = 1};
    snprintf(into->name, sizeof into->name, "%s", s->name);
    struct steward_vip_address *a = &into->addresses[0];
    a->prefix = s->prefix_bits;
    snprintf(a->interface, sizeof a->interface, "%s", s->interface);
    memcpy(a->ip, s->address.ip, sizeof a->ip);
}

uint64_t steward_vip_key(const struct steward_vip *vip)
{
    uint64_t key = fnv(FNV_START, vip->name, strlen(vip->name) + 1);
    for (size_t i = 0; i < vip->addresses_count; i++) {
        const struct steward_vip_address *a = &vip->addresses[i];
        key = fnv(key, a->ip, sizeof a->ip);
        key = fnv(key, &a->prefix, sizeof a->prefix);
        key = fnv(key, a->interface, strlen(a->interface) + 1);
    }
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

static bool report_is_in_range(const struct steward_report *r)
{
    uint8_t reasons =
        r->kind == STEWARD_OBSTACLE ? STEWARD_OBSTACLES_COUNT : (uint8_t)DROP_REASONS_COUNT;
    return r->kind >= STEWARD_READY && r->kind <= STEWARD_OBSTACLE && r->reason < reasons &&
           r->flag <= 1 && r->part < STEWARD_PARTS_COUNT && r->where[sizeof r->where - 1] == '\0';
}

int steward_report_check(const void *bytes, size_t count, struct steward_report *r)
{
    *r = (struct steward_report){0};
    memcpy(r, bytes, count < sizeof *r ? count : sizeof *r);
    if (count != sizeof *r)
        return EMSGSIZE;
    return r->version == STEWARD_VERSION && report_is_in_range(r) ? 0 : EPROTO;
}

const char *steward_report_text(enum steward_report_kind kind)
{
    static const char *const texts[] = {
        [STEWARD_READY] = "ready",       [STEWARD_HELD] = "held",
        [STEWARD_DROPPED] = "dropped",   [STEWARD_FAILED] = "failed",
        [STEWARD_CONFLICT] = "conflict", [STEWARD_RESTORED] = "restored",
        [STEWARD_ADOPTED] = "adopted",   [STEWARD_OBSTACLE] = "obstacle",
    };
    return kind >= STEWARD_READY && kind <= STEWARD_OBSTACLE ? texts[kind] : "unknown";
}

void steward_obstacle_describe(const struct steward_report *r, char *into, size_t bytes)
{
    static const char *const texts[] = {
#define STEWARD_OBSTACLE_TEXT(name, text) text,
        STEWARD_OBSTACLES(STEWARD_OBSTACLE_TEXT)
#undef STEWARD_OBSTACLE_TEXT
    };
    assert(r->reason < STEWARD_OBSTACLES_COUNT);
    const char *tracked = r->part == STEWARD_PART_TRACK ? "tracked " : "";
    if (r->reason == STEWARD_OBSTACLE_NONE)
        into[0] = '\0';
    else
        snprintf(into, bytes, "%sinterface %s %s", tracked, r->where, texts[r->reason]);
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
