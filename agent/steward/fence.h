/* fence: the kernel lets traffic of an address pass until a time, and none after it, whatever
 * happens to us: under a steward that is stopped or killed, the last resort.
 *
 * Two nftables tables (`inet muster`, and `arp muster`) name the addresses that are `ours` and
 * those that are `held`; an element of `held` has a timeout, in milliseconds. What goes to or comes
 * from an address of `ours` that is not `held` is dropped: ARP replies and neighbour advertisements
 * too. An address that was never held here, or is gone, is in neither: an operator's is left alone.
 *
 * The timeouts do not run on while the host is suspended, and frames of our own making
 * (announce.h) pass all the same: whoever holds until a time must look at the clock as well. */
#ifndef MUSTER_AGENT_FENCE_H
#define MUSTER_AGENT_FENCE_H

#include <stdbool.h>
#include <stdint.h>

#define FENCE_IP_BYTES 16 /* IPv6, or IPv4 mapped into it */
#define FENCE_WAIT_MS 200 /* for the kernel's answer */
#define FENCE_REMAKE_US INT64_C(10000000)

struct mnl_socket;

struct fence {
    struct mnl_socket *socket; /* NULL: there is no fence */
    uint32_t seq;
    int64_t remade_us; /* when the tables were last found missing, by CLOCK_BOOTTIME */
};

/* Makes the tables anew, with nft(8). False: there is no fence (no nft, no right, no nf_tables in
 * the kernel); the other calls then do nothing, and return false. */
bool fence_start(struct fence *g);
/* Removes the tables, if there are any. */
void fence_remove(struct fence *g);
/* Lets go of the fence, and leaves the tables as they are. */
void fence_abandon(struct fence *g);

/* One change of the tables each, atomic, without a process.
 * False with errno: nothing has changed. ENOENT: somebody has removed the tables (`nft flush
 * ruleset`, or a steward before us that took its time to end), and it is not yet FENCE_REMAKE_US
 * that they were made anew for that. */

/* Traffic of `ip` passes for ms milliseconds from now, and not after; ms < 1: not even now. */
bool fence_arm(struct fence *g, const uint8_t ip[FENCE_IP_BYTES], int64_t ms);
/* `ip` is gone from this host: no business of ours any longer. */
bool fence_forget(struct fence *g, const uint8_t ip[FENCE_IP_BYTES]);

#endif
