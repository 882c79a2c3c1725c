#include "agent/steward/steward_protocol.h"

#include "agent/config/vip_spec.h"
#include "gossip/fnv.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void describe_route(const struct vip_route *r, struct steward_vip_route *into)
{
    *into = (struct steward_vip_route){.family = r->ipv6 ? AF_INET6 : AF_INET,
                                       .to_bits = r->to_bits,
                                       .has_via = !address_is_any(r->via),
                                       .has_src = !address_is_any(r->src),
                                       .onlink = r->onlink,
                                       .table = r->table,
                                       .metric = r->metric,
                                       .mtu = r->mtu};
    memcpy(into->to, r->to, sizeof into->to);
    memcpy(into->via, r->via, sizeof into->via);
    memcpy(into->src, r->src, sizeof into->src);
    memcpy(into->dev, r->dev, sizeof into->dev);
}

static void describe_rule(const struct vip_rule *r, struct steward_vip_rule *into)
{
    *into = (struct steward_vip_rule){.family = r->ipv6 ? AF_INET6 : AF_INET,
                                      .from_bits = r->from_bits,
                                      .to_bits = r->to_bits,
                                      .fwmark = r->fwmark,
                                      .fwmask = r->fwmask,
                                      .table = r->table,
                                      .priority = r->priority};
    memcpy(into->from, r->from, sizeof into->from);
    memcpy(into->to, r->to, sizeof into->to);
    memcpy(into->iif, r->iif, sizeof into->iif);
}

void steward_vip_describe(const struct vip_spec *s, struct steward_vip *into)
{
    _Static_assert(STEWARD_ADDRESSES_MAX >= VIP_ADDRESSES_MAX, "room for all");
    _Static_assert(STEWARD_ROUTES_MAX >= VIP_ROUTES_MAX, "room for all");
    _Static_assert(STEWARD_RULES_MAX >= VIP_RULES_MAX, "room for all");
    _Static_assert(STEWARD_TRACKS_MAX >= VIP_TRACK_MAX, "room for all");
    *into = (struct steward_vip){.addresses_count = (uint8_t)s->addresses_count,
                                 .routes_count = (uint8_t)s->routes_count,
                                 .rules_count = (uint8_t)s->rules_count,
                                 .tracks_count = (uint8_t)s->track_count,
                                 .announce_every_ms = s->announce_every_ms};
    snprintf(into->name, sizeof into->name, "%s", s->name);
    for (size_t i = 0; i < s->addresses_count; i++) {
        const struct vip_address *a = &s->addresses[i];
        into->addresses[i].prefix = a->prefix_bits;
        memcpy(into->addresses[i].ip, a->ip, sizeof a->ip);
        memcpy(into->addresses[i].interface, a->interface, sizeof a->interface);
    }
    for (size_t i = 0; i < s->routes_count; i++)
        describe_route(&s->routes[i], &into->routes[i]);
    for (size_t i = 0; i < s->rules_count; i++)
        describe_rule(&s->rules[i], &into->rules[i]);
    for (size_t i = 0; i < s->track_count; i++)
        snprintf(into->tracks[i], sizeof into->tracks[i], "%s", s->track[i]);
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
        r->kind == STEWARD_ELIGIBILITY ? STEWARD_INELIGIBLE_COUNT : (uint8_t)DROP_REASONS_COUNT;
    return r->kind >= STEWARD_READY && r->kind <= STEWARD_ELIGIBILITY && r->reason < reasons &&
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
        [STEWARD_ADOPTED] = "adopted",   [STEWARD_ELIGIBILITY] = "eligibility",
    };
    return kind >= STEWARD_READY && kind <= STEWARD_ELIGIBILITY ? texts[kind] : "unknown";
}

void steward_eligibility_describe(const struct steward_report *r, char *into, size_t bytes)
{
    static const char *const texts[] = {
#define STEWARD_INELIGIBLE_TEXT(name, text) text,
        STEWARD_INELIGIBLE_REASONS(STEWARD_INELIGIBLE_TEXT)
#undef STEWARD_INELIGIBLE_TEXT
    };
    assert(r->reason < STEWARD_INELIGIBLE_COUNT);
    const char *tracked = r->part == STEWARD_PART_TRACK ? "tracked " : "";
    if (r->reason == STEWARD_INELIGIBLE_NONE)
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
