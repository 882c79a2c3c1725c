/* embed: the core on plain poll(2). Joins a cluster through one UDP socket, prints what it is
 * told, leaves at SIGINT. Large exchanges want a stream, which is left out here: a datagram
 * carries a small cluster. */
#include "gossip/gossip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* "ADDR" and "PORT" to a socket address, IPv4 mapped into IPv6 as the core wants it. */
static struct gossip_addr address(const char *ip, const char *port)
{
    struct gossip_addr addr = {.ip = {[10] = 0xff, [11] = 0xff}};
    if (inet_pton(AF_INET, ip, addr.ip + 12) != 1 && inet_pton(AF_INET6, ip, addr.ip) != 1) {
        fprintf(stderr, "embed: \"%s\": not an address\n", ip);
        exit(2);
    }
    addr.port = (uint16_t)strtoul(port, NULL, 10);
    return addr;
}

static struct sockaddr_in6 socket_address(const struct gossip_addr *addr)
{
    struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_port = htons(addr->port)};
    memcpy(&in.sin6_addr, addr->ip, sizeof addr->ip);
    return in;
}

static void drain(struct gossip *g, int fd, bool *gone)
{
    struct gossip_packet packet;
    struct gossip_event event;
    while (gossip_next_packet(g, &packet)) {
        struct sockaddr_in6 to = socket_address(&packet.route.addr);
        if (packet.route.via == GOSSIP_DATAGRAM) {
            sendto(fd, packet.bytes, packet.len, 0, (struct sockaddr *)&to, sizeof to);
        }
    }
    while (gossip_next_event(g, &event)) {
        if (event.kind == GOSSIP_EVENT_GONE) {
            *gone = true;
        } else if (event.kind <= GOSSIP_EVENT_REAP) {
            printf("%s is %s\n", event.member.profile->name,
                   gossip_status_text(event.member.status));
        }
    }
}

static void receive(struct gossip *g, int fd)
{
    uint8_t bytes[GOSSIP_PACKET_BYTES_MAX];
    struct sockaddr_in6 from = {0};
    socklen_t from_bytes = sizeof from;
    ssize_t len;
    while ((len = recvfrom(fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from,
                           &from_bytes)) >= 0) {
        struct gossip_route route = {.via = GOSSIP_DATAGRAM};
        memcpy(route.addr.ip, &from.sin6_addr, sizeof route.addr.ip);
        route.addr.port = ntohs(from.sin6_port);
        gossip_receive(g, now_us(), &route, bytes, (size_t)len);
    }
}

static void run(struct gossip *g, int fd)
{
    bool gone = false, leaving = false;
    while (!gone) {
        int64_t wait_us = gossip_deadline(g) - now_us();
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        poll(&ready, 1, wait_us <= 0 ? 0 : (int)(wait_us / 1000 + 1));
        receive(g, fd);
        if (stop && !leaving) {
            leaving = true;
            gossip_leave(g, now_us());
        }
        gossip_tick(g, now_us());
        drain(g, fd, &gone);
    }
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc != 6) {
        fprintf(stderr, "usage: embed NAME ADDR PORT JOIN_ADDR JOIN_PORT\n");
        return 2;
    }
    struct gossip_config config = {.cluster = "default", .detect_ms = GOSSIP_DETECT_MS_DEFAULT};
    config.self.name = argv[1];
    config.self.addr = address(argv[2], argv[3]);
    config.self.generation = (uint64_t)time(NULL) * 1000;
    config.self.tags = "";
    if (getrandom(config.self.id, sizeof config.self.id, 0) != sizeof config.self.id ||
        getrandom(&config.seed, sizeof config.seed, 0) != sizeof config.seed ||
        getrandom(config.secret, sizeof config.secret, 0) != sizeof config.secret) {
        perror("embed: getrandom");
        return 1;
    }
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    struct sockaddr_in6 own = socket_address(&config.self.addr);
    if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof own) != 0) {
        perror("embed: socket");
        return 1;
    }
    enum gossip_error error = GOSSIP_OK;
    struct gossip *g = gossip_new(&config, now_us(), &error);
    struct gossip_addr join = address(argv[4], argv[5]);
    if (g == NULL || (error = gossip_join(g, now_us(), &join)) != GOSSIP_OK) {
        fprintf(stderr, "embed: %s\n", gossip_error_text(error));
        gossip_free(g);
        return 1;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    run(g, fd);
    gossip_free(g);
    close(fd);
    return 0;
}
