/* announce: frames that claim an address on a link, ask whether somebody has it, or contest it. */
#ifndef MUSTER_AGENT_ANNOUNCE_H
#define MUSTER_AGENT_ANNOUNCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ANNOUNCE_MAC_BYTES 6
#define ANNOUNCE_IP_BYTES 16 /* IPv6, or IPv4 mapped into it (RFC 4291, 2.5.5.2) */
#define ANNOUNCE_FRAME_BYTES_MAX 86

enum announce_kind {
    ANNOUNCE_ARP_REQUEST, /* the ARP Announcement of RFC 5227, 1.1 */
    ANNOUNCE_ARP_REPLY,   /* the same as a reply, for hosts that learn only from those */
    ANNOUNCE_ARP_PROBE,   /* the ARP Probe of RFC 5227, 1.1: the sender names no address */
    ANNOUNCE_NA,          /* unsolicited neighbour advertisement, RFC 4861, 7.2.6 */
    ANNOUNCE_NS,          /* the solicitation of duplicate address detection, RFC 4862, 5.4.2 */
};

/* That somebody says it has an address. */
struct announce_claim {
    int ifindex; /* where it was heard */
    uint8_t ip[ANNOUNCE_IP_BYTES];
    uint8_t mac[ANNOUNCE_MAC_BYTES];
};

/* ---- frames, pure ---- */

/* Writes an Ethernet frame of that kind, from `mac`, about `ip`, which must be of the kind's
 * family. is_router: of ANNOUNCE_NA, the R flag (RFC 4861, 4.4): hosts drop a router that says it
 * is none. Returns its length in bytes. */
size_t announce_build(enum announce_kind kind, const uint8_t mac[ANNOUNCE_MAC_BYTES],
                      const uint8_t ip[ANNOUNCE_IP_BYTES], bool is_router,
                      uint8_t frame[ANNOUNCE_FRAME_BYTES_MAX]);

/* True: the frame claims an address, an ARP of either operation by its sender, or a neighbour
 * advertisement by its target; *claim is filled but for ifindex. False: it is anything else, a
 * probe (which claims nothing) and what is malformed included. */
bool announce_parse(const uint8_t *frame, size_t bytes, struct announce_claim *claim);

/* ---- sockets ---- */

struct announce {
    int arp_fd, nd_fd; /* for poll(2); non-blocking */
};

/* Needs CAP_NET_RAW. False with errno; nothing is left open then. */
bool announce_open(struct announce *a);
void announce_close(struct announce *a);

/* Says on that link that `mac` has `ip`. False with errno. */
bool announce_send(const struct announce *a, int ifindex, const uint8_t mac[ANNOUNCE_MAC_BYTES],
                   const uint8_t ip[ANNOUNCE_IP_BYTES]);
/* Asks on that link which host has `ip`; announce_receive gets the answer. False with errno. */
bool announce_probe(const struct announce *a, int ifindex, const uint8_t mac[ANNOUNCE_MAC_BYTES],
                    const uint8_t ip[ANNOUNCE_IP_BYTES]);

/* Takes one frame from either of the sockets. What was for another host, as are frames of a VLAN
 * that this host has no interface of, claims nothing. 1: *claim is filled; 0: it claimed nothing;
 * -1: nothing waits. */
int announce_receive(int fd, struct announce_claim *claim);

#endif
