#include "agent/vip/steward_link.h"

#include "agent/base/log.h"
#include "agent/steward/steward_failure.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

bool steward_link_send(int fd, const struct steward_request *request)
{
    struct steward_request r = *request;
    r.version = STEWARD_VERSION;
    return send(fd, &r, sizeof r, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof r;
}

enum steward_link_got steward_link_receive(int fd, struct steward_report *report)
{
    for (;;) {
        char bytes[sizeof *report + 1];
        ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return STEWARD_LINK_NOTHING;
        if (n <= 0)
            return STEWARD_LINK_CLOSED;
        int error = steward_report_check(bytes, (size_t)n, report);
        if (error == 0)
            return STEWARD_LINK_REPORT;
        log_error("a malformed report of the steward: %s", strerror(error));
    }
}

static void steward_link_log_conflict(const struct steward_report *r, const char *name)
{
    log_error("vip \"%s\": the host with the MAC %02x:%02x:%02x:%02x:%02x:%02x has the address, "
              "too; %s",
              name, r->mac[0], r->mac[1], r->mac[2], r->mac[3], r->mac[4], r->mac[5],
              r->flag ? "defended once" : "it is not held here");
}

static void steward_link_log_failure(const struct steward_report *r, const struct vip_spec *spec)
{
    char text[STEWARD_FAILURE_BYTES];
    assert(spec); /* only READY is about none */
    /* Skip answers to renewals of an address that was dropped or removed: logged already. */
    if (r->error == ESTALE || r->error == ENXIO)
        return;
    steward_failure_describe(r, spec, text);
    log_error("vip \"%s\": cannot be held here: %s", spec->name, text);
}

void steward_link_log(const struct steward_report *r, const struct vip_spec *spec)
{
    const char *name = spec ? spec->name : "";
    switch ((enum steward_report_kind)r->kind) {
    case STEWARD_READY:
        if (r->flag)
            log_info("fence: the kernel drops the traffic of an address at the end of its time");
        else
            log_warn(
                "fence: none (nftables is missing, or not permitted): if agent and steward are "
                "both stopped, an address can outlast its lease by two seconds");
        return;
    case STEWARD_FAILED:
        steward_link_log_failure(r, spec);
        return;
    case STEWARD_CONFLICT:
        steward_link_log_conflict(r, name);
        return;
    case STEWARD_RESTORED:
        log_warn("vip \"%s\": %s; it is restored and announced", name,
                 r->reason == DROP_LINK ? "its link was lost for a moment"
                                        : "the address was removed by another program");
        return;
    case STEWARD_DROPPED:
        if (r->reason != DROP_ASKED)
            log_warn("vip \"%s\": dropped: %s", name,
                     drop_reason_text((enum drop_reason)r->reason));
        return;
    case STEWARD_ADOPTED:
        log_info("vip \"%s\": taken over from the earlier steward, until the end of its lease",
                 name);
        return;
    case STEWARD_HELD:
    case STEWARD_ELIGIBILITY:
        return;
    }
}
