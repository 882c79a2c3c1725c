/* fence: the kernel lets traffic of an address pass until a time, and drops it after, whatever
 * happens to this process: the last resort if the steward is stopped or killed.
 *
 * Three nftables tables (ip, ip6 and arp, each named muster) hold two sets: the addresses that are
 * `ours`, and those that are `held`. An element of `held` has a timeout, in milliseconds. Packets
 * to or from an address of `ours` that is not `held` are dropped; ARP replies and neighbour
 * advertisements too. An address that was never held here, or is removed, is in neither set: an
 * operator's address is left alone.
 *
 * The timeouts stand still while the host is suspended, and frames of our own making (announce.h)
 * pass: the steward must look at the clock as well.
 *
 * The tables are built from netlink attributes with libmnl (LGPL), each message as a table of rows.
 * libnftnl and libnftables are GPL and would decide the licence of musterd's binary; nft(8) is a
 * process to start while addresses wait, and a package to install. */
#ifndef MUSTER_AGENT_FENCE_H
#define MUSTER_AGENT_FENCE_H

#include "agent/steward/netlink.h"

#include <stdbool.h>
#include <stdint.h>

#define FENCE_IP_BYTES 16 /* IPv6, or IPv4 mapped into it */
#define FENCE_REMAKE_US INT64_C(10000000)

struct fence {
    struct netlink netlink; /* its socket is NULL: there is no fence */
    int64_t remade_us;      /* when the tables were last found missing, by CLOCK_BOOTTIME */
};

/* Each change of the tables is one batch: all of it takes effect, or nothing. */

/* Makes the tables anew, empty. False with errno: there is no fence (no right, no nf_tables in the
 * kernel); the other calls then do nothing, and return false. */
bool fence_start(struct fence *f);
/* Removes the tables, if there are any, and closes the socket. */
void fence_remove(struct fence *f);
/* Closes the socket, and leaves the tables as they are. */
void fence_abandon(struct fence *f);

/* Traffic of `ip` passes for ms milliseconds from now, and not after; ms < 1: not even now.
 * False with errno: nothing has changed. ENOENT: somebody has removed the tables (`nft flush
 * ruleset`), and FENCE_REMAKE_US have not passed since they were last made anew for that. */
bool fence_arm(struct fence *f, const uint8_t ip[FENCE_IP_BYTES], int64_t ms);
/* `ip` is gone from this host: its traffic is not ours any longer. False with errno. */
bool fence_forget(struct fence *f, const uint8_t ip[FENCE_IP_BYTES]);

#endif
