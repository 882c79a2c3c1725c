#include "agent/steward/announce.h"

#include "agent/base/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What follows the Ethernet header (RFC 826; RFC 8200, 3; RFC 4861, 4.3 and 4.4). */
enum {
    TYPE_AT = 12,
    ARP_AT = 14,
    ARP_OPERATION_AT = ARP_AT + 7,
    ARP_SENDER_MAC_AT = ARP_AT + 8,
    ARP_SENDER_IP_AT = ARP_AT + 14,
    ARP_TARGET_MAC_AT = ARP_AT + 18,
    ARP_TARGET_IP_AT = ARP_AT + 24,
    ARP_END = ARP_AT + 28,
    IP6_AT = 14,
    IP6_LENGTH_AT = IP6_AT + 4,
    IP6_NEXT_AT = IP6_AT + 6,
    IP6_HOPS_AT = IP6_AT + 7,
    IP6_SOURCE_AT = IP6_AT + 8,
    IP6_TARGET_AT = IP6_AT + 24,
    ND_AT = IP6_AT + 40,
    ND_FLAGS_AT = ND_AT + 4,
    ND_TARGET_AT = ND_AT + 8,
    ND_OPTIONS_AT = ND_AT + 24,
    ND_MAC_OPTION_BYTES = 8,
    IPV4_BYTES = 4,
    FRAME_READ_BYTES = 1518, /* what is longer is not about one address */
    ND_ROUTER = 0x80,
    ND_OVERRIDE = 0x20, /* what is cached */
    HOPS = 255,         /* RFC 4861, 7.1: what has passed a router is not of this link */
};
_Static_assert(ND_OPTIONS_AT + ND_MAC_OPTION_BYTES == ANNOUNCE_FRAME_BYTES_MAX, "the longest");

static const uint8_t broadcast[ANNOUNCE_MAC_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t arp_ipv4[] = {0, 1, 8, 0, ANNOUNCE_MAC_BYTES, IPV4_BYTES};
static const uint8_t all_nodes[] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
static const uint8_t solicited_node[] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static unsigned get16(const uint8_t *at)
{
    return (unsigned)(at[0] << 8 | at[1]);
}

static void put_header(uint8_t *frame, const uint8_t *to, const uint8_t *from, unsigned type)
{
    memcpy(frame, to, ANNOUNCE_MAC_BYTES);
    memcpy(frame + ANNOUNCE_MAC_BYTES, from, ANNOUNCE_MAC_BYTES);
    put16(frame + TYPE_AT, type);
}

static size_t build_arp(enum announce_kind kind, const uint8_t *mac, const uint8_t *ip,
                        uint8_t *frame)
{
    put_header(frame, broadcast, mac, ETH_P_ARP);
    memcpy(frame + ARP_AT, arp_ipv4, sizeof arp_ipv4);
    frame[ARP_OPERATION_AT] = kind == ANNOUNCE_ARP_REPLY ? 2 : 1;
    memcpy(frame + ARP_SENDER_MAC_AT, mac, ANNOUNCE_MAC_BYTES);
    if (kind != ANNOUNCE_ARP_PROBE)
        memcpy(frame + ARP_SENDER_IP_AT, ip + ADDRESS_IPV4_AT, IPV4_BYTES);
    if (kind == ANNOUNCE_ARP_REPLY)
        memcpy(frame + ARP_TARGET_MAC_AT, mac, ANNOUNCE_MAC_BYTES);
    memcpy(frame + ARP_TARGET_IP_AT, ip + ADDRESS_IPV4_AT, IPV4_BYTES);
    return ARP_END;
}

static uint32_t sum16(const uint8_t *bytes, size_t count)
{
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < count; i += 2)
        sum += get16(bytes + i);
    return count % 2 ? sum + ((uint32_t)bytes[count - 1] << 8) : sum;
}

/* RFC 8200, 8.1, over a message whose own checksum is in it or 0. 0: the one in it is right. */
static unsigned checksum(const uint8_t *frame, size_t nd_bytes)
{
    uint32_t sum = sum16(frame + IP6_SOURCE_AT, 2 * ANNOUNCE_IP_BYTES) + (uint32_t)nd_bytes +
                   IPPROTO_ICMPV6 + sum16(frame + ND_AT, nd_bytes);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

/* To the group of those who may have the address; the last bytes of the group are the link's. */
static size_t build_nd(uint8_t *frame, const uint8_t *mac, const uint8_t *to, size_t nd_bytes)
{
    uint8_t group[ANNOUNCE_MAC_BYTES] = {0x33, 0x33};
    memcpy(group + 2, to + 12, 4);
    put_header(frame, group, mac, ETH_P_IPV6);
    frame[IP6_AT] = 6 << 4;
    put16(frame + IP6_LENGTH_AT, (unsigned)nd_bytes);
    frame[IP6_NEXT_AT] = IPPROTO_ICMPV6;
    frame[IP6_HOPS_AT] = HOPS;
    memcpy(frame + IP6_TARGET_AT, to, ANNOUNCE_IP_BYTES);
    put16(frame + ND_AT + 2, checksum(frame, nd_bytes));
    return ND_AT + nd_bytes;
}

static size_t build_na(const uint8_t *mac, const uint8_t *ip, bool is_router, uint8_t *frame)
{
    memcpy(frame + IP6_SOURCE_AT, ip, ANNOUNCE_IP_BYTES);
    frame[ND_AT] = ND_NEIGHBOR_ADVERT;
    frame[ND_FLAGS_AT] = (uint8_t)(ND_OVERRIDE | (is_router ? ND_ROUTER : 0));
    memcpy(frame + ND_TARGET_AT, ip, ANNOUNCE_IP_BYTES);
    frame[ND_OPTIONS_AT] = ND_OPT_TARGET_LINKADDR;
    frame[ND_OPTIONS_AT + 1] = 1; /* eight bytes */
    memcpy(frame + ND_OPTIONS_AT + 2, mac, ANNOUNCE_MAC_BYTES);
    return build_nd(frame, mac, all_nodes, ND_OPTIONS_AT + ND_MAC_OPTION_BYTES - ND_AT);
}

static size_t build_ns(const uint8_t *mac, const uint8_t *ip, uint8_t *frame)
{
    uint8_t to[ANNOUNCE_IP_BYTES];
    memcpy(to, solicited_node, sizeof solicited_node);
    memcpy(to + sizeof solicited_node, ip + sizeof solicited_node,
           sizeof to - sizeof solicited_node);
    frame[ND_AT] = ND_NEIGHBOR_SOLICIT;
    memcpy(frame + ND_TARGET_AT, ip, ANNOUNCE_IP_BYTES);
    return build_nd(frame, mac, to, ND_OPTIONS_AT - ND_AT);
}

size_t announce_build(enum announce_kind kind, const uint8_t mac[ANNOUNCE_MAC_BYTES],
                      const uint8_t ip[ANNOUNCE_IP_BYTES], bool is_router,
                      uint8_t frame[ANNOUNCE_FRAME_BYTES_MAX])
{
    memset(frame, 0, ANNOUNCE_FRAME_BYTES_MAX);
    assert(address_is_ipv4(ip) == (kind <= ANNOUNCE_ARP_PROBE));
    if (kind == ANNOUNCE_NA)
        return build_na(mac, ip, is_router, frame);
    if (kind == ANNOUNCE_NS)
        return build_ns(mac, ip, frame);
    return build_arp(kind, mac, ip, frame);
}

static bool parse_arp(const uint8_t *frame, size_t bytes, struct announce_claim *claim)
{
    static const uint8_t nobody[IPV4_BYTES];
    if (bytes < ARP_END || memcmp(frame + ARP_AT, arp_ipv4, sizeof arp_ipv4) != 0 ||
        memcmp(frame + ARP_SENDER_IP_AT, nobody, sizeof nobody) == 0)
        return false;
    unsigned operation = get16(frame + ARP_OPERATION_AT - 1);
    address_from_ipv4(frame + ARP_SENDER_IP_AT, claim->ip);
    memcpy(claim->mac, frame + ARP_SENDER_MAC_AT, ANNOUNCE_MAC_BYTES);
    return operation == 1 || operation == 2;
}

/* The link address that an advertisement names; its sender's where it names none. */
static const uint8_t *nd_mac(const uint8_t *frame, size_t end)
{
    for (size_t at = ND_OPTIONS_AT; at + ND_MAC_OPTION_BYTES <= end;
         at += (size_t)frame[at + 1] * 8)
        if (frame[at + 1] == 0)
            break;
        else if (frame[at] == ND_OPT_TARGET_LINKADDR)
            return frame + at + 2;
    return frame + ANNOUNCE_MAC_BYTES;
}

/* The checks of RFC 4861, 7.1.2, as far as they bear on a claim. */
static bool parse_na(const uint8_t *frame, size_t bytes, struct announce_claim *claim)
{
    if (bytes < ND_OPTIONS_AT || frame[IP6_AT] >> 4 != 6 || frame[IP6_NEXT_AT] != IPPROTO_ICMPV6 ||
        frame[IP6_HOPS_AT] != HOPS)
        return false;
    size_t nd_bytes = get16(frame + IP6_LENGTH_AT);
    if (nd_bytes < ND_OPTIONS_AT - ND_AT || nd_bytes > bytes - ND_AT ||
        frame[ND_AT] != ND_NEIGHBOR_ADVERT || frame[ND_AT + 1] != 0 ||
        checksum(frame, nd_bytes) != 0)
        return false;
    memcpy(claim->ip, frame + ND_TARGET_AT, ANNOUNCE_IP_BYTES);
    memcpy(claim->mac, nd_mac(frame, ND_AT + nd_bytes), ANNOUNCE_MAC_BYTES);
    return true;
}

bool announce_parse(const uint8_t *frame, size_t bytes, struct announce_claim *claim)
{
    if (bytes < ARP_AT)
        return false;
    switch (get16(frame + TYPE_AT)) {
    case ETH_P_ARP:
        return parse_arp(frame, bytes, claim);
    case ETH_P_IPV6:
        return parse_na(frame, bytes, claim);
    default:
        return false;
    }
}

/* ---- sockets ---- */

/* Only what announce_parse may take wakes the process up: ARP with a sender, advertisements. */
static struct sock_filter arp_code[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARP_SENDER_IP_AT),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, FRAME_READ_BYTES),
    BPF_STMT(BPF_RET | BPF_K, 0),
};
static struct sock_filter nd_code[] = {
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, IP6_NEXT_AT),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 3),
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ND_AT),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_NEIGHBOR_ADVERT, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, FRAME_READ_BYTES),
    BPF_STMT(BPF_RET | BPF_K, 0),
};
#define FILTER(code) ((struct sock_fprog){sizeof(code) / sizeof(code)[0], code})

/* It hears nothing before its filter is in place. */
static int open_socket(unsigned protocol, struct sock_fprog filter)
{
    struct sockaddr_ll any = {.sll_family = AF_PACKET, .sll_protocol = htons((uint16_t)protocol)};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0 &&
                   bind(fd, (struct sockaddr *)&any, sizeof any) == 0))
        return fd;
    close(fd);
    return -1;
}

bool announce_open(struct announce *a)
{
    a->nd_fd = -1;
    a->arp_fd = open_socket(ETH_P_ARP, FILTER(arp_code));
    if (a->arp_fd < 0)
        return false;
    a->nd_fd = open_socket(ETH_P_IPV6, FILTER(nd_code));
    if (a->nd_fd >= 0)
        return true;
    announce_close(a);
    return false;
}

void announce_close(struct announce *a)
{
    if (a->arp_fd >= 0)
        close(a->arp_fd);
    if (a->nd_fd >= 0)
        close(a->nd_fd);
    a->arp_fd = a->nd_fd = -1;
}

/* As the kernel's own advertisements say it: the interface forwards IPv6. */
static bool announce_is_router(int ifindex)
{
    char name[IF_NAMESIZE], path[64 + IF_NAMESIZE], forwards = '0';
    if (!if_indextoname((unsigned)ifindex, name))
        return false;
    snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/forwarding", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool known = read(fd, &forwards, 1) == 1;
    close(fd);
    return known && forwards != '0';
}

static bool send_frame(const struct announce *a, enum announce_kind kind, int ifindex,
                       const uint8_t *mac, const uint8_t *ip)
{
    uint8_t frame[ANNOUNCE_FRAME_BYTES_MAX];
    bool is_router = kind == ANNOUNCE_NA && announce_is_router(ifindex);
    size_t bytes = announce_build(kind, mac, ip, is_router, frame);
    struct sockaddr_ll to = {
        .sll_family = AF_PACKET, .sll_ifindex = ifindex, .sll_halen = ANNOUNCE_MAC_BYTES};
    memcpy(to.sll_addr, frame, ANNOUNCE_MAC_BYTES);
    int fd = kind <= ANNOUNCE_ARP_PROBE ? a->arp_fd : a->nd_fd;
    return sendto(fd, frame, bytes, 0, (struct sockaddr *)&to, sizeof to) == (ssize_t)bytes;
}

bool announce_send(const struct announce *a, int ifindex, const uint8_t mac[ANNOUNCE_MAC_BYTES],
                   const uint8_t ip[ANNOUNCE_IP_BYTES])
{
    if (!address_is_ipv4(ip))
        return send_frame(a, ANNOUNCE_NA, ifindex, mac, ip);
    return send_frame(a, ANNOUNCE_ARP_REQUEST, ifindex, mac, ip) &&
           send_frame(a, ANNOUNCE_ARP_REPLY, ifindex, mac, ip);
}

bool announce_probe(const struct announce *a, int ifindex, const uint8_t mac[ANNOUNCE_MAC_BYTES],
                    const uint8_t ip[ANNOUNCE_IP_BYTES])
{
    enum announce_kind kind = address_is_ipv4(ip) ? ANNOUNCE_ARP_PROBE : ANNOUNCE_NS;
    return send_frame(a, kind, ifindex, mac, ip);
}

int announce_receive(int fd, struct announce_claim *claim)
{
    uint8_t frame[FRAME_READ_BYTES];
    struct sockaddr_ll from = {0};
    socklen_t from_bytes = sizeof from;
    ssize_t n =
        recvfrom(fd, frame, sizeof frame, MSG_DONTWAIT, (struct sockaddr *)&from, &from_bytes);
    if (n < 0)
        return -1;
    claim->ifindex = from.sll_ifindex;
    bool is_for_us = from.sll_pkttype == PACKET_HOST || from.sll_pkttype == PACKET_BROADCAST ||
                     from.sll_pkttype == PACKET_MULTICAST;
    return is_for_us && announce_parse(frame, (size_t)n, claim);
}
