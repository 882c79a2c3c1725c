/* steward_io: what all that a steward holds share: the agent, the kernel, the link, the fence. */
#ifndef MUSTER_AGENT_STEWARD_IO_H
#define MUSTER_AGENT_STEWARD_IO_H

#include "agent/steward/announce.h"
#include "agent/steward/fence.h"
#include "agent/steward/netlink.h"
#include "agent/steward/steward_clock.h"
#include "agent/steward/steward_guard.h"
#include "agent/steward/steward_protocol.h"

#define STEWARD_OWN_MACS 16

struct steward_io {
    int fd; /* to the agent; -1: the agent is gone */
    struct netlink netlink;
    struct announce announce;
    struct fence fence;
    struct steward_guard guard;
    /* Of other links of this host, as far as they were heard: with Linux's defaults each answers
     * for addresses of any (arp_ignore). */
    uint8_t own_macs[STEWARD_OWN_MACS][STEWARD_MAC_BYTES];
    size_t own_macs_count;
    bool fence_works; /* as far as the last attempt showed */
    bool guard_works; /* likewise */
    bool ready_due;   /* READY waits for the agent to read */
    bool quit;        /* the agent ends in order */
};

/* Sends a report; its version is filled in. False: there is no room now. An agent that is gone will
 * be noticed elsewhere. */
bool steward_io_send(const struct steward_io *io, const struct steward_report *report);
/* Sends READY if it waits, as far as there is room. False: it still waits. */
bool steward_io_flush(struct steward_io *io);
/* Traffic of `ip` passes for so long, and not after (fence_arm), and the guard removes it soon
 * after that. Everything works without them, but the agent is told of a fence. False: there is no
 * fence now. */
bool steward_io_arm(struct steward_io *io, const uint8_t ip[STEWARD_IP_BYTES], int64_t ms);
/* Traffic of `ip` is not ours any more. False with errno: the fence still knows of it. */
bool steward_io_forget(struct steward_io *io, const uint8_t ip[STEWARD_IP_BYTES]);
/* A link has changed, and perhaps its MAC. */
void steward_io_link_changed(struct steward_io *io);
/* Is it the MAC of another host? Not while the kernel does not say whether a link of this host has
 * it: no address can be added then, and one that is held is probed again. */
bool steward_io_is_foreign(struct steward_io *io, const uint8_t mac[STEWARD_MAC_BYTES]);

#endif
