/* Asks a link every few milliseconds who has an address, and prints each claim: TIME MAC, the time
 * by CLOCK_BOOTTIME in microseconds. usage: link_watch INTERFACE IP INTERVAL_MS */
#include "agent/steward/announce.h"
#include "agent/steward/netlink.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void hear(int fd, const uint8_t *ip)
{
    struct announce_claim claim;
    int got;
    while ((got = announce_receive(fd, &claim)) >= 0)
        if (got > 0 && memcmp(claim.ip, ip, sizeof claim.ip) == 0)
            printf("%" PRId64 " %02x:%02x:%02x:%02x:%02x:%02x\n", now_us(), claim.mac[0],
                   claim.mac[1], claim.mac[2], claim.mac[3], claim.mac[4], claim.mac[5]);
}

int main(int argc, char **argv)
{
    uint8_t ip[ANNOUNCE_IP_BYTES] = {[10] = 0xff, [11] = 0xff};
    struct netlink netlink;
    struct netlink_link link;
    struct announce a;
    if (argc != 4 ||
        (inet_pton(AF_INET, argv[2], ip + 12) != 1 && inet_pton(AF_INET6, argv[2], ip) != 1) ||
        !netlink_open(&netlink, NETLINK_ROUTE) || !netlink_link_find(&netlink, argv[1], &link) ||
        !announce_open(&a)) {
        perror("link_watch");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    int64_t next_us = now_us(), interval_us = atoi(argv[3]) * INT64_C(1000);
    struct pollfd polled[] = {{.fd = a.arp_fd, .events = POLLIN},
                              {.fd = a.nd_fd, .events = POLLIN}};
    for (;;) {
        int64_t left_us = next_us - now_us();
        left_us = left_us > 0 ? left_us : 0;
        struct timespec wait = {left_us / 1000000, left_us % 1000000 * 1000};
        if (ppoll(polled, 2, &wait, NULL) > 0) {
            hear(a.arp_fd, ip);
            hear(a.nd_fd, ip);
        }
        if (now_us() < next_us)
            continue;
        announce_probe(&a, link.index, link.mac, ip);
        next_us = now_us() + interval_us;
    }
}
