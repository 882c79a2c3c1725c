#include "agent/steward/steward_eligibility.h"

#include "agent/base/address.h"

#include <stdio.h>

/* needs_ipv6, takes_packets: for an address of ours, and not if it is only tracked. */
static enum steward_ineligible eligibility_of(const struct netlink_link *link, bool needs_ipv6,
                                              bool takes_packets)
{
    if (link->index == 0)
        return STEWARD_INELIGIBLE_NO_INTERFACE;
    if (!link->enabled)
        return STEWARD_INELIGIBLE_DOWN;
    if (!link->up)
        return STEWARD_INELIGIBLE_NO_CARRIER;
    if (link->is_port && takes_packets)
        return STEWARD_INELIGIBLE_PORT;
    return link->no_ipv6 && needs_ipv6 ? STEWARD_INELIGIBLE_NO_IPV6 : STEWARD_INELIGIBLE_NONE;
}

static void eligibility_fill(struct steward_report *r, enum steward_ineligible reason,
                             enum steward_part part, size_t index, const char *interface)
{
    r->reason = (uint8_t)reason;
    r->part = (uint8_t)part;
    r->index = (uint8_t)index;
    snprintf(r->where, sizeof r->where, "%s", interface);
}

struct steward_report steward_eligibility_find(uint64_t key,
                                               const struct steward_addresses *addresses,
                                               const struct steward_vip *vip,
                                               const struct netlink_link *tracks)
{
    struct steward_report r = {.kind = STEWARD_ELIGIBILITY, .vip = key};
    enum steward_ineligible reason = STEWARD_INELIGIBLE_NONE;
    for (size_t i = 0; reason == STEWARD_INELIGIBLE_NONE && i < addresses->count; i++) {
        const struct steward_address *a = &addresses->all[i];
        reason = eligibility_of(&a->link, !address_is_ipv4(a->spec.ip), true);
        if (reason != STEWARD_INELIGIBLE_NONE)
            eligibility_fill(&r, reason, STEWARD_PART_ADDRESS, i, a->spec.interface);
    }
    for (size_t i = 0; reason == STEWARD_INELIGIBLE_NONE && i < vip->tracks_count; i++) {
        reason = eligibility_of(&tracks[i], false, false);
        if (reason != STEWARD_INELIGIBLE_NONE)
            eligibility_fill(&r, reason, STEWARD_PART_TRACK, i, vip->tracks[i]);
    }
    return r;
}
