/* What a client sees of an address, and how many hosts have it: for the tests with faults.
 *
 * usage: oracle INTERFACE IP SECONDS [NAMESPACE...]       until SIGTERM, or so many seconds (0: no
 * end)
 *
 * Every 20 ms, from the namespace that it runs in: one ARP probe (RFC 5227) or one neighbour
 * solicitation, and whose MACs answer it; and one echo request, by the kernel's own neighbour
 * cache. The probes come from a MAC and an address of nobody, so that what they find out is not
 * learned by that cache. And from each of the hosts' namespaces, an echo from the address to the
 * address: it is answered if the host has the address, and lets its traffic pass.
 *
 * Prints a line for each change, TIME WHAT, in milliseconds since the start; and at the end:
 *
 *     probes, answers      periods, and those in which somebody answered
 *     dual                 periods in which two MACs answered
 *     dual_hosts           and in which two hosts had the address in use
 *     carried              the most hosts that had it at one time, in use or not
 *     echoes, echoed       requests, and answers
 *     gap_ms               the longest time without an answer, from the first one to the end
 *     silent_ms            the time without an answer at the end
 *     gaps                 those of over 100 ms
 *     moves                from one MAC to another
 *     announced            frames that told all who has it
 *     late_ms              the longest that a period began late: how noisy all of this is */
#include "agent/steward/announce.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    PERIOD_US = 20000,
    GAP_US = 100000, /* longer ones are counted */
    HOSTS_MAX = 16,
    MACS_MAX = 8, /* that answer one probe */
    ICMP_BYTES = 8,
    IPV4_AT = 12,   /* in a mapped address */
    OPTIONS_AT = 8, /* of a solicitation: the target follows the header of ICMP */
    LOOP_WAIT_MS = 5,
};

static const uint8_t mac_of_nobody[ETH_ALEN] = {0x02, 0x6f, 0x72, 0x61, 0x63, 0x6c};
static const uint8_t link_local_of_nobody[16] = {0xfe, 0x80, [8] = 0x6f, 0x72, 0x61, 0x63, 0x6c};

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

struct host {
    const char *name;
    int fd; /* in its namespace */
    bool carries, uses;
};

static struct {
    uint8_t ip[ANNOUNCE_IP_BYTES];
    bool ipv4;
    union address address;
    socklen_t address_bytes;
    int ifindex;
    int link_fd, echo_fd;
    uint16_t id, seq;
    struct host hosts[HOSTS_MAX];
    size_t hosts_count;
    uint8_t macs[MACS_MAX][ETH_ALEN]; /* that have answered in this period */
    size_t macs_count;
    uint8_t holder[ETH_ALEN];
    int64_t begun_us, answered_us;
    uint64_t probes, answers, dual, dual_hosts, carried, echoes, echoed, gaps, moves, announced;
    int64_t gap_us, late_us;
    bool known, gap_told, dual_told, hosts_told;
} o;

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
    (void)number;
    ended = 1;
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "oracle: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void stamp(void)
{
    printf("%" PRId64 " ", (now_us() - o.begun_us) / 1000);
}

static void say_mac(const char *what, const uint8_t *mac)
{
    stamp();
    printf("%s %02x:%02x:%02x:%02x:%02x:%02x\n", what, mac[0], mac[1], mac[2], mac[3], mac[4],
           mac[5]);
}

/* ---- who answers on the link ---- */

static uint16_t checksum(const uint8_t *bytes, size_t count, uint32_t sum)
{
    for (size_t i = 0; i + 1 < count; i += 2)
        sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}

/* As a host that looks for the address would send it: the answer goes to its source. */
static size_t build_solicitation(uint8_t *frame)
{
    announce_build(ANNOUNCE_NS, mac_of_nobody, o.ip, false, frame);
    uint8_t *ip6 = frame + ETH_HLEN, *icmp = ip6 + 40, *option = icmp + OPTIONS_AT + 16;
    memcpy(ip6 + 8, link_local_of_nobody, sizeof link_local_of_nobody);
    option[0] = ND_OPT_SOURCE_LINKADDR;
    option[1] = 1;
    memcpy(option + 2, mac_of_nobody, ETH_ALEN);
    size_t length = (size_t)(option + 8 - icmp);
    ip6[4] = 0, ip6[5] = (uint8_t)length;
    memset(icmp + 2, 0, 2);
    uint8_t pseudo[40] = {[35] = (uint8_t)length, [39] = IPPROTO_ICMPV6};
    memcpy(pseudo, ip6 + 8, 32);
    uint16_t first = ntohs(checksum(pseudo, sizeof pseudo, 0));
    uint16_t sum = checksum(icmp, length, (uint16_t)~first);
    memcpy(icmp + 2, &sum, sizeof sum);
    return ETH_HLEN + 40 + length;
}

static void send_probe(void)
{
    uint8_t frame[ANNOUNCE_FRAME_BYTES_MAX];
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = o.ifindex};
    size_t bytes = o.ipv4 ? announce_build(ANNOUNCE_ARP_PROBE, mac_of_nobody, o.ip, false, frame)
                          : build_solicitation(frame);
    sendto(o.link_fd, frame, bytes, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to);
    o.probes++;
}

/* Only what answers a probe: an announcement goes to all. */
static void hear_link(void)
{
    uint8_t frame[1600];
    struct announce_claim claim;
    ssize_t got;
    while ((got = recv(o.link_fd, frame, sizeof frame, MSG_DONTWAIT)) >= 0) {
        size_t i = 0;
        if (got < ETH_HLEN || !announce_parse(frame, (size_t)got, &claim) ||
            memcmp(claim.ip, o.ip, sizeof o.ip) != 0)
            continue;
        o.announced += frame[0] & 1; /* to many */
        if (memcmp(frame, mac_of_nobody, ETH_ALEN) != 0)
            continue;
        memcpy(claim.mac, frame + ETH_ALEN, ETH_ALEN);
        while (i < o.macs_count && memcmp(o.macs[i], claim.mac, ETH_ALEN) != 0)
            i++;
        if (i == o.macs_count && i < MACS_MAX)
            memcpy(o.macs[o.macs_count++], claim.mac, ETH_ALEN);
    }
}

static void judge_link(void)
{
    o.answers += o.macs_count > 0;
    o.dual += o.macs_count > 1;
    if (o.macs_count > 1 && !o.dual_told)
        for (size_t i = 0; i < o.macs_count; i++)
            say_mac("dual", o.macs[i]);
    o.dual_told = o.macs_count > 1;
    if (o.macs_count == 1 && (!o.known || memcmp(o.holder, o.macs[0], ETH_ALEN) != 0)) {
        o.moves += o.known;
        o.known = true;
        memcpy(o.holder, o.macs[0], ETH_ALEN);
        say_mac("holder", o.holder);
    }
    o.macs_count = 0;
}

/* ---- echoes ---- */

static size_t build_echo(uint8_t *icmp, uint16_t seq)
{
    memset(icmp, 0, ICMP_BYTES);
    icmp[0] = o.ipv4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
    memcpy(icmp + 4, &o.id, sizeof o.id);
    memcpy(icmp + 6, &seq, sizeof seq);
    uint16_t sum = checksum(icmp, ICMP_BYTES, 0);
    memcpy(icmp + 2, &sum, sizeof sum); /* of ICMPv6, the kernel makes it anew */
    return ICMP_BYTES;
}

/* True: *seq is of an answer to us. */
static bool take_echo(int fd, uint16_t *seq)
{
    uint8_t bytes[256];
    ssize_t got;
    while ((got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) >= 0) {
        size_t at = o.ipv4 && got > 0 ? (size_t)(bytes[0] & 15) * 4 : 0;
        if ((size_t)got < at + ICMP_BYTES || memcmp(bytes + at + 4, &o.id, sizeof o.id) != 0 ||
            bytes[at] != (o.ipv4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY))
            continue;
        memcpy(seq, bytes + at + 6, sizeof *seq);
        return true;
    }
    return false;
}

static void send_echo(void)
{
    uint8_t icmp[ICMP_BYTES];
    size_t bytes = build_echo(icmp, ++o.seq);
    sendto(o.echo_fd, icmp, bytes, MSG_DONTWAIT, &o.address.any, o.address_bytes);
    o.echoes++;
}

static void hear_echo(void)
{
    uint16_t seq;
    while (take_echo(o.echo_fd, &seq)) {
        int64_t now = now_us(), gap_us = o.echoed ? now - o.answered_us : 0;
        if (gap_us > GAP_US) {
            o.gaps++;
            stamp();
            printf("answered after %" PRId64 " ms\n", gap_us / 1000);
        }
        o.gap_us = gap_us > o.gap_us ? gap_us : o.gap_us;
        o.answered_us = now;
        o.echoed++;
        o.gap_told = false;
    }
    if (o.echoed && !o.gap_told && now_us() - o.answered_us > GAP_US) {
        o.gap_told = true;
        stamp();
        puts("silent");
    }
}

/* ---- the hosts ---- */

static int echo_socket(void)
{
    int fd = o.ipv4 ? socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP)
                    : socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
    if (fd < 0)
        fail("socket");
    return fd;
}

static void open_hosts(char **names, size_t count)
{
    int ours = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < count && i < HOSTS_MAX; i++) {
        char path[256];
        snprintf(path, sizeof path, "/run/netns/%s", names[i]);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
            fail(path);
        close(fd);
        o.hosts[o.hosts_count++] = (struct host){.name = names[i], .fd = echo_socket()};
    }
    if (setns(ours, CLONE_NEWNET) != 0)
        fail("setns");
    close(ours);
}

/* From the address to the address: only a host that has it can send that. */
static bool send_to_itself(int fd, uint16_t seq)
{
    uint8_t icmp[ICMP_BYTES];
    struct iovec iov = {.iov_base = icmp, .iov_len = build_echo(icmp, seq)};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    } control = {0};
    struct msghdr m = {.msg_name = &o.address,
                       .msg_namelen = o.address_bytes,
                       .msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control};
    struct in_pktinfo from = {.ipi_spec_dst = o.address.in.sin_addr};
    struct in6_pktinfo from6 = {.ipi6_addr = o.address.in6.sin6_addr};
    size_t size = o.ipv4 ? sizeof from : sizeof from6;
    m.msg_controllen = CMSG_SPACE(size);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = o.ipv4 ? IPPROTO_IP : IPPROTO_IPV6;
    c->cmsg_type = o.ipv4 ? IP_PKTINFO : IPV6_PKTINFO;
    c->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(c), o.ipv4 ? (void *)&from : (void *)&from6, size);
    /* What a gate drops on its way out is EPERM. */
    return sendmsg(fd, &m, MSG_DONTWAIT) >= 0 || errno == EPERM;
}

static size_t ask_hosts(void)
{
    static uint16_t seq;
    size_t carried = 0, used = 0;
    for (size_t i = 0; i < o.hosts_count; i++) {
        struct host *h = &o.hosts[i];
        uint16_t got = 0;
        h->uses = false;
        h->carries = send_to_itself(h->fd, ++seq);
        struct pollfd p = {.fd = h->fd, .events = POLLIN};
        /* The answer is there when the request has been sent, but on a busy host. */
        while (h->carries && !h->uses && (take_echo(h->fd, &got) || poll(&p, 1, LOOP_WAIT_MS) > 0))
            h->uses = got == seq;
        while (take_echo(h->fd, &got))
            ;
        carried += h->carries;
        used += h->uses;
    }
    o.carried = carried > o.carried ? carried : o.carried;
    return used;
}

/* They are asked one after the other, and it may have moved between them: two that are there again
 * at a second look had it both when the second was first asked. */
static void judge_hosts(void)
{
    bool first[HOSTS_MAX] = {false}, two = false;
    size_t again = 0;
    if (ask_hosts() > 1) {
        for (size_t i = 0; i < o.hosts_count; i++)
            first[i] = o.hosts[i].uses;
        ask_hosts();
        for (size_t i = 0; i < o.hosts_count; i++)
            again += first[i] && o.hosts[i].uses;
        two = again > 1;
    }
    o.dual_hosts += two;
    if (two && !o.hosts_told) {
        stamp();
        printf("dual hosts");
        for (size_t i = 0; i < o.hosts_count; i++)
            printf("%s%s", o.hosts[i].uses ? " " : "", o.hosts[i].uses ? o.hosts[i].name : "");
        puts("");
    }
    o.hosts_told = two;
}

/* ---- all of it ---- */

static void open_all(const char *interface, const char *ip)
{
    int family;
    o.ip[10] = o.ip[11] = 0xff;
    o.ipv4 = inet_pton(AF_INET, ip, o.ip + IPV4_AT) == 1;
    if (!o.ipv4 && inet_pton(AF_INET6, ip, o.ip) != 1)
        fail(ip);
    family = o.ipv4 ? AF_INET : AF_INET6;
    o.address.any.sa_family = (sa_family_t)family;
    if (o.ipv4)
        memcpy(&o.address.in.sin_addr, o.ip + IPV4_AT, 4);
    else
        memcpy(&o.address.in6.sin6_addr, o.ip, 16);
    o.address_bytes = o.ipv4 ? sizeof o.address.in : sizeof o.address.in6;
    o.ifindex = (int)if_nametoindex(interface);
    struct sockaddr_ll at = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(o.ipv4 ? ETH_P_ARP : ETH_P_IPV6),
                             .sll_ifindex = o.ifindex};
    o.link_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (o.ifindex == 0 || o.link_fd < 0 || bind(o.link_fd, (struct sockaddr *)&at, sizeof at) != 0)
        fail(interface);
    o.echo_fd = echo_socket();
    o.id = htons((uint16_t)getpid());
}

/* Until the next period; answers are taken, and timed, as they come. */
static void wait_until(int64_t next_us)
{
    struct pollfd polled[] = {{.fd = o.echo_fd, .events = POLLIN},
                              {.fd = o.link_fd, .events = POLLIN}};
    int64_t left_us;
    while (!ended && (left_us = next_us - now_us()) > 0) {
        struct timespec wait = {.tv_nsec = left_us * 1000};
        ppoll(polled, 2, &wait, NULL);
        hear_echo();
        hear_link();
    }
    hear_echo();
    hear_link();
}

static void print_summary(void)
{
    int64_t silent_us = o.echoed ? now_us() - o.answered_us : now_us() - o.begun_us;
    o.gaps += silent_us > GAP_US;
    o.gap_us = silent_us > o.gap_us ? silent_us : o.gap_us;
    printf("probes %" PRIu64 "\nanswers %" PRIu64 "\ndual %" PRIu64 "\ndual_hosts %" PRIu64
           "\ncarried %" PRIu64 "\nechoes %" PRIu64 "\nechoed %" PRIu64 "\n",
           o.probes, o.answers, o.dual, o.dual_hosts, o.carried, o.echoes, o.echoed);
    printf("gap_ms %" PRId64 "\nsilent_ms %" PRId64 "\ngaps %" PRIu64 "\nmoves %" PRIu64
           "\nannounced %" PRIu64 "\nlate_ms %" PRId64 "\n",
           o.gap_us / 1000, silent_us / 1000, o.gaps, o.moves, o.announced, o.late_us / 1000);
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct sched_param priority = {.sched_priority = 10};
    if (argc < 4) {
        fprintf(stderr, "usage: oracle INTERFACE IP SECONDS [NAMESPACE...]\n");
        return 2;
    }
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    open_all(argv[1], argv[2]);
    open_hosts(argv + 4, (size_t)argc - 4);
    /* As far as it is allowed: what is measured is not our own delays. */
    sched_setscheduler(0, SCHED_FIFO, &priority);
    mlockall(MCL_CURRENT | MCL_FUTURE);
    o.begun_us = now_us();
    int64_t end_us = atoi(argv[3]) > 0 ? o.begun_us + atoi(argv[3]) * INT64_C(1000000) : INT64_MAX;
    for (int64_t next_us = o.begun_us; !ended && next_us < end_us; next_us += PERIOD_US) {
        wait_until(next_us);
        int64_t late_us = now_us() - next_us;
        o.late_us = late_us > o.late_us ? late_us : o.late_us;
        if (late_us > PERIOD_US)
            next_us += late_us;
        if (o.probes > 0)
            judge_link();
        send_echo();
        send_probe();
        judge_hosts();
    }
    print_summary();
    return 0;
}
