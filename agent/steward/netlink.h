/* netlink: addresses and links of this host, asked of the kernel and heard from it.
 *
 * Every call waits for the kernel's answer for at most NETLINK_WAIT_MS; what returns false has set
 * errno, ETIMEDOUT if the answer did not come. */
#ifndef MUSTER_AGENT_NETLINK_H
#define MUSTER_AGENT_NETLINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETLINK_WAIT_MS 200
/* IFA_PROTO of the addresses that are ours ('m'; /etc/iproute2/rt_addrprotos names such numbers;
 * the kernel's own end at 3). Linux before 5.18 does not keep it, and says nothing when it is
 * given: see netlink_addr_set. */
#define NETLINK_MARK 109
#define NETLINK_LOOPBACK 1  /* the index of lo, in each network namespace */
#define NETLINK_IP_BYTES 16 /* IPv6, or IPv4 mapped into it */
#define NETLINK_MAC_BYTES 6
#define NETLINK_REQUEST_BYTES 512  /* far more than any that is built here */
#define NETLINK_ANSWER_BYTES 16384 /* the kernel's messages about one link, with room to spare */

struct mnl_socket;

struct netlink {
    struct mnl_socket *socket;
    unsigned seq;
};

struct netlink_addr {
    int ifindex;
    uint8_t ip[NETLINK_IP_BYTES];
    uint8_t prefix; /* of the family: at most 32, or 128 */
    uint8_t mark;   /* NETLINK_MARK: ours; 0: an operator's */
    bool is_global; /* of scope "global": the host may send from it wherever it sends */
    bool is_secondary;
};

struct netlink_link {
    int index;
    char name[IF_NAMESIZE];
    bool enabled;  /* switched on (IFF_UP) */
    bool up;       /* enabled, and with a carrier */
    bool is_port;  /* of a bridge, bond or the like, which takes its packets */
    bool no_ipv6;  /* switched off (disable_ipv6) */
    bool ethernet; /* it has a MAC, and so ARP and its like */
    uint8_t mac[NETLINK_MAC_BYTES];
};

/* protocol: NETLINK_ROUTE for what follows. False with errno: *n is closed. */
bool netlink_open(struct netlink *n, int protocol);
void netlink_close(struct netlink *n);

struct nlattr;
struct nlmsghdr;
typedef int netlink_part_fn(const struct nlmsghdr *part, void *arg); /* a libmnl callback */
/* Sends messages that all carry the number n->seq, and hands the parts of the answer to fn (NULL:
 * to nobody), up to its end, which is an acknowledgement or the first error. */
bool netlink_ask(struct netlink *n, const void *bytes, size_t count, netlink_part_fn *fn,
                 void *arg);

/* Builds a request in bytes (NETLINK_REQUEST_BYTES): its header, to which attributes are put. */
struct nlmsghdr *netlink_start(char *bytes, int type, int flags);
/* Puts an IP of the length of its family. */
void netlink_put_ip(struct nlmsghdr *h, uint16_t type, const uint8_t ip[NETLINK_IP_BYTES]);
/* And back; false: its length is not that of `family`, and nothing changed. */
bool netlink_get_ip(const struct nlattr *attr, int family, uint8_t ip[NETLINK_IP_BYTES]);
/* Sends it, and hands the parts of the answer to fn as netlink_ask does. */
bool netlink_request(struct netlink *n, struct nlmsghdr *h, netlink_part_fn *fn, void *arg);
/* The same for a list that the kernel shall restrict to what the request names
 * (NETLINK_GET_STRICT_CHK); read again if it changed while it was read, so that a part may come
 * twice. */
bool netlink_dump(struct netlink *n, struct nlmsghdr *h, netlink_part_fn *fn, void *arg);

/* Adds an address with our mark, or, if `replace`, adds it or changes it to that mark and lifetime.
 * valid_s: seconds after which the kernel removes it (within a second more). No duplicate
 * address detection, which is the caller's, and no route to its prefix. An IPv6 address is
 * deprecated from the start: it answers, and is never chosen for what the host itself begins.
 * False, EEXIST: it is there, and `replace` was not asked; EPERM, ENODEV, ENETDOWN, EINVAL. Whether
 * the kernel keeps marks shows in netlink_addrs only. */
bool netlink_addr_set(struct netlink *n, const struct netlink_addr *addr, uint32_t valid_s,
                      bool replace);
/* False, EADDRNOTAVAIL: it was not there. */
bool netlink_addr_delete(struct netlink *n, const struct netlink_addr *addr);

typedef void netlink_addr_fn(void *arg, const struct netlink_addr *addr);
/* Calls back with every address of this host; the callback must not use `n`. */
bool netlink_addrs(struct netlink *n, netlink_addr_fn *fn, void *arg);
/* Adds a route to the network of an address of ours, by its link and from it (IPv4): such as the
 * kernel makes itself, but after all others to the same network. The kernel removes it with the
 * address. False, EEXIST: it is there already. */
bool netlink_network_add(struct netlink *n, const struct netlink_addr *addr, uint8_t prefix);
bool netlink_network_delete(struct netlink *n, const struct netlink_addr *addr, uint8_t prefix);

/* The link with that name or altname. False, ENODEV: there is none; *found is all zero then. */
bool netlink_link_find(struct netlink *n, const char *name, struct netlink_link *found);

/* The link with that index; otherwise the same. */
bool netlink_link_by_index(struct netlink *n, int index, struct netlink_link *found);

/* Has a link of this host that MAC? False, ENOENT: none has. */
bool netlink_mac_find(struct netlink *n, const uint8_t mac[NETLINK_MAC_BYTES]);

/* ---- what changes, as it changes ---- */

enum netlink_event_kind {
    NETLINK_ADDR_SET,
    NETLINK_ADDR_GONE,
    NETLINK_LINK_SET,
    NETLINK_LINK_GONE,
    NETLINK_ROUTE_GONE, /* of ours: a route or a rule */
};

struct netlink_event {
    enum netlink_event_kind kind;
    union {
        struct netlink_addr addr;
        struct netlink_link link;
    };
};

typedef void netlink_event_fn(void *arg, const struct netlink_event *event);

/* A second socket, never to be asked through. */
bool netlink_monitor_open(struct netlink *n);
int netlink_fd(const struct netlink *n);
/* Calls back with what has been heard, without waiting; at most a bufferful. False: nothing was
 * heard (EAGAIN), or something was lost (ENOBUFS and others): look for yourself. */
bool netlink_monitor_read(struct netlink *n, netlink_event_fn *fn, void *arg);

/* ---- for both halves of this room ---- */

/* False: it is not about what we deal with. */
bool netlink_decode_addr(const struct nlmsghdr *h, struct netlink_addr *addr);
bool netlink_decode_link(const struct nlmsghdr *h, struct netlink_link *link);

#endif
