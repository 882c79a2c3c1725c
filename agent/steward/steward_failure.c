#include "agent/steward/steward_failure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The kernel's word for it does not say what is wrong. */
static const char *failure_reason(int error, bool ipv6)
{
    switch (error) {
    case EACCES: /* the kernel's own answer, where the switch was set meanwhile */
        return ipv6 ? "IPv6 is switched off on the interface (sysctl disable_ipv6)"
                    : strerror(error);
    case EPERM:
        return "Operation not permitted (the steward needs CAP_NET_ADMIN and CAP_NET_RAW)";
    case EOPNOTSUPP:
        return ipv6 ? "the kernel has no IPv6, or keeps no mark on an address (Linux before 5.18)"
                    : "the kernel keeps no mark on an address (Linux before 5.18)";
    default:
        return strerror(error);
    }
}

static void failure_of_address(const struct steward_report *r, const struct vip_address *a,
                               char *into)
{
    char text[ADDRESS_TEXT_BYTES];
    address_ip_text(a->ip, text);
    if (r->error == EEXIST && r->where[0] != '\0')
        snprintf(into, STEWARD_FAILURE_BYTES, "%s is on %s of this host already", text, r->where);
    else if (r->error == EEXIST)
        snprintf(into, STEWARD_FAILURE_BYTES, "%s is on this host already", text);
    else
        snprintf(into, STEWARD_FAILURE_BYTES, "%s on %s: %s", text, a->interface,
                 failure_reason(r->error, !address_is_ipv4(a->ip)));
}

/* False: it is not for an interface that the part could not be held. */
static bool failure_of_interface(const struct steward_report *r, char *into)
{
    const char *tracked = r->part == STEWARD_PART_TRACK ? "tracked " : "";
    if ((r->error != ENODEV && r->error != ENETDOWN) || r->where[0] == '\0')
        return false;
    snprintf(into, STEWARD_FAILURE_BYTES, "%sinterface %s %s", tracked, r->where,
             r->error == ENODEV ? "is not there" : "is not up, or has no carrier");
    return true;
}

void steward_failure_describe(const struct steward_report *r, const struct vip_spec *spec,
                              char *into)
{
    static const char *const kinds[STEWARD_PARTS_COUNT] = {
        [STEWARD_PART_ROUTE] = "route",
        [STEWARD_PART_RULE] = "rule",
    };
    if (failure_of_interface(r, into))
        return;
    if (r->part == STEWARD_PART_ADDRESS && r->index < spec->addresses_count)
        failure_of_address(r, &spec->addresses[r->index], into);
    else if (kinds[r->part])
        snprintf(into, STEWARD_FAILURE_BYTES, "%s %u: %s", kinds[r->part], r->index + 1U,
                 failure_reason(r->error, false));
    else
        snprintf(into, STEWARD_FAILURE_BYTES, "%s", failure_reason(r->error, false));
}
