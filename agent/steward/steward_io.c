#include "agent/steward/steward_io.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

bool steward_io_send(const struct steward_io *io, const struct steward_report *report)
{
    struct steward_report r = *report;
    r.version = STEWARD_VERSION;
    return send(io->fd, &r, sizeof r, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno != EAGAIN;
}

bool steward_io_flush(struct steward_io *io)
{
    struct steward_report r = {.kind = STEWARD_READY, .flag = io->fence_works};
    io->ready_due = io->ready_due && !steward_io_send(io, &r);
    return !io->ready_due;
}

bool steward_io_arm(struct steward_io *io, const uint8_t ip[STEWARD_IP_BYTES], int64_t ms)
{
    bool works = fence_arm(&io->fence, ip, ms);
    io->ready_due |= works != io->fence_works;
    io->fence_works = works;
    io->guard_works = steward_guard_set(&io->guard, ip, steward_now_us() + ms * 1000);
    return works;
}

bool steward_io_forget(struct steward_io *io, const uint8_t ip[STEWARD_IP_BYTES])
{
    steward_guard_forget(&io->guard, ip);
    return fence_forget(&io->fence, ip);
}

void steward_io_link_changed(struct steward_io *io)
{
    io->own_macs_count = 0;
}

bool steward_io_is_foreign(struct steward_io *io, const uint8_t mac[STEWARD_MAC_BYTES])
{
    for (size_t i = 0; i < io->own_macs_count; i++)
        if (memcmp(io->own_macs[i], mac, STEWARD_MAC_BYTES) == 0)
            return false;
    if (!netlink_mac_find(&io->netlink, mac))
        return errno == ENOENT;
    if (io->own_macs_count < STEWARD_OWN_MACS)
        memcpy(io->own_macs[io->own_macs_count++], mac, STEWARD_MAC_BYTES);
    return false;
}
