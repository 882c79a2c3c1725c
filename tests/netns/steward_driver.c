/* An agent of a few lines, for tests: starts a steward for the addresses it is given, and asks it
 * what it reads, a line each:
 *
 *     hold VIP MS [probe]    until MS milliseconds from now
 *     keep VIP MS [probe]    the same, and renewed each third of it, while it lasts
 *     drop VIP | announce VIP        which also end the renewals, or not
 *     quit                           sends QUIT, and waits for the steward's end
 *
 * It prints a line for what it asks and each report: TIME WORD VIP and what belongs to it.
 * STATE_DIR in the environment is what a hand-over goes by. */
#include "agent/steward/steward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define VIPS_MAX 256

static struct steward_vip vips[VIPS_MAX];
static size_t count;
static struct {
    int64_t length_us, until_us; /* length 0: it is not renewed */
    uint64_t epoch;
    uint8_t flags;
    bool held;
} leases[VIPS_MAX];
static int fd;

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "steward_driver: %s\n", what);
    exit(2);
}

static void add_address(struct steward_vip *vip, const char *text)
{
    char ip[INET6_ADDRSTRLEN];
    unsigned prefix;
    if (vip->addresses_count == STEWARD_ADDRESSES_MAX)
        fail(text);
    struct steward_vip_address *a = &vip->addresses[vip->addresses_count++];
    if (sscanf(text, "%45[^/]/%u@%15s", ip, &prefix, a->interface) != 3)
        fail(text);
    a->ip[10] = a->ip[11] = 0xff;
    if (inet_pton(AF_INET, ip, a->ip + 12) != 1 && inet_pton(AF_INET6, ip, a->ip) != 1)
        fail(text);
    a->prefix = (uint8_t)prefix;
}

/* IP/PREFIX@INTERFACE, and more of them, and INTERFACE for one that is tracked, after commas. */
static void add_vip(char *text)
{
    if (count == VIPS_MAX)
        fail(text);
    struct steward_vip *vip = &vips[count];
    for (char *part = strtok(text, ","); part; part = strtok(NULL, ","))
        if (strchr(part, '@'))
            add_address(vip, part);
        else if (vip->tracks_count < STEWARD_TRACKS_MAX)
            snprintf(vip->tracks[vip->tracks_count++], sizeof vip->tracks[0], "%s", part);
    snprintf(vip->name, sizeof vip->name, "vip%zu", count++);
}

static void ask(enum steward_request_kind kind, uint32_t vip)
{
    struct steward_request r = {.version = STEWARD_VERSION,
                                .kind = (uint8_t)kind,
                                .flags = leases[vip].flags,
                                .vip = steward_vip_key(&vips[vip]),
                                .epoch = leases[vip].epoch,
                                .until_us = leases[vip].until_us};
    if (kind != STEWARD_HOLD)
        r.flags = 0, r.until_us = 0;
    if (send(fd, &r, sizeof r, MSG_NOSIGNAL) != sizeof r)
        fail("the steward is gone");
}

static void hold(uint32_t vip, int64_t length_us)
{
    leases[vip].until_us = now_us() + length_us;
    ask(STEWARD_HOLD, vip);
    printf("%" PRId64 " until %" PRIu32 " %" PRId64 "\n", now_us(), vip, leases[vip].until_us);
}

static size_t index_of(uint64_t key)
{
    size_t i = 0;
    while (i < count && steward_vip_key(&vips[i]) != key)
        i++;
    return i;
}

static void hear(void)
{
    uint8_t bytes[sizeof(struct steward_report) + 1];
    struct steward_report r;
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        fail("the steward is gone");
    if (steward_report_check(bytes, (size_t)n, &r) != 0)
        fail("a report is not in order");
    size_t vip = r.vip ? index_of(r.vip) : 0;
    if (vip == count)
        fail("a report of another address");
    if (r.kind == STEWARD_HELD && leases[vip].held)
        return; /* the answer to a renewal */
    if (r.kind == STEWARD_HELD || r.kind == STEWARD_DROPPED)
        leases[vip].held = r.kind == STEWARD_HELD;
    char reason[80] = "";
    if (r.kind == STEWARD_ELIGIBILITY) {
        reason[0] = ' ';
        steward_eligibility_describe(&r, reason + 1, sizeof reason - 1);
        r.reason = 0;
    }
    printf("%" PRId64 " %s %zu epoch %" PRIu64 " why %s flag %u error %s mac "
           "%02x:%02x:%02x:%02x:%02x:%02x part %u %u%s%s%s\n",
           now_us(), steward_report_text(r.kind), vip, r.epoch, drop_reason_text(r.reason), r.flag,
           r.error ? strerrorname_np(r.error) : "none", r.mac[0], r.mac[1], r.mac[2], r.mac[3],
           r.mac[4], r.mac[5], r.part, r.index, r.where[0] ? " where " : "", r.where, reason);
}

static bool take_line(const char *line)
{
    char word[16] = "";
    uint32_t vip = 0;
    int ms = 0;
    sscanf(line, "%15s %" SCNu32 " %d", word, &vip, &ms);
    if (strcmp(word, "quit") == 0)
        return false;
    if (vip >= count)
        fail(line);
    if (strcmp(word, "hold") == 0 || strcmp(word, "keep") == 0) {
        leases[vip].flags = strstr(line, "probe") ? STEWARD_PROBE : 0;
        leases[vip].epoch++;
        leases[vip].length_us = word[0] == 'k' ? ms * INT64_C(1000) : 0;
        hold(vip, ms * INT64_C(1000));
    } else if (strcmp(word, "drop") == 0) {
        leases[vip].length_us = 0;
        ask(STEWARD_DROP, vip);
    } else if (strcmp(word, "announce") == 0) {
        ask(STEWARD_ANNOUNCE, vip);
    } else {
        fail(line);
    }
    return true;
}

/* As with a lease: what has lapsed is not renewed. */
static void renew(void)
{
    for (uint32_t i = 0; i < count; i++) {
        int64_t left_us = leases[i].until_us - now_us();
        if (leases[i].length_us == 0 || left_us > leases[i].length_us * 2 / 3)
            continue;
        leases[i].flags = STEWARD_RENEW;
        if (left_us > 0)
            hold(i, leases[i].length_us);
        else {
            leases[i].length_us = 0;
            printf("%" PRId64 " lapsed %" PRIu32 "\n", now_us(), i);
        }
    }
}

int main(int argc, char **argv)
{
    char line[256];
    int status = 0;
    for (int i = 1; i < argc; i++)
        add_vip(argv[i]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    setvbuf(stdin, NULL, _IONBF, 0);
    static struct steward_plan plan;
    struct steward_ends ends;
    handover_name(getenv("STATE_DIR") ? getenv("STATE_DIR") : "", plan.handover);
    memcpy(plan.vips, vips, sizeof vips);
    plan.vips_count = count;
    pid_t pid = steward_fork(&plan, NULL, NULL, &ends);
    fd = ends.vips;
    if (pid < 0)
        fail(strerror(errno));
    printf("%" PRId64 " steward %d\n", now_us(), (int)pid);
    struct pollfd polled[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    for (;;) {
        poll(polled, 2, 20);
        if (polled[1].revents)
            hear();
        if (polled[0].revents && (!fgets(line, sizeof line, stdin) || !take_line(line)))
            break;
        renew();
    }
    send(fd, &(struct steward_request){.version = STEWARD_VERSION, .kind = STEWARD_QUIT},
         sizeof(struct steward_request), MSG_NOSIGNAL);
    close(fd);
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
