/* The steward's addresses against an agent that asks for anything, while operators, other hosts,
 * the link and the kernel do what they may. An input is a row of actions: a byte that says which,
 * and what it needs.
 *
 * Whatever is asked: what has our mark is there only while its time has not passed, as far as the
 * kernel lets it be removed; and what an operator configured stays. */
#include "agent/steward/steward_table.h"
#include "tests/unit/fake_kernel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { VIPS = 4, OTHER_IFINDEX = 8, ACTION_BYTES = 5, ACTION_BYTES_MAX = 1 + ACTION_BYTES + 30 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "broken: %s (line %d)\n", #condition, __LINE__);                       \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static struct steward_vip vips[VIPS];
static struct steward_io io;
static struct steward_table table;
static struct steward_hold *holds; /* its */
static int agent_fd;

static void start(void)
{
    int pair[2];
    fake_kernel_start();
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) == 0);
    agent_fd = pair[0];
    io = (struct steward_io){.fd = pair[1], .fence_works = true};
    fake_kernel.other_link = fake_kernel.link;
    fake_kernel.other_link.index = OTHER_IFINDEX;
    snprintf(fake_kernel.other_link.name, sizeof fake_kernel.other_link.name, "vip1");
    for (uint32_t i = 0; i < VIPS; i++) {
        vips[i] = (struct steward_vip){.name = "vip", .addresses_count = 1};
        vips[i].addresses[0] = (struct steward_vip_address){.prefix = 128, .interface = "vip0"};
        vips[i].addresses[0].ip[0] = 0xfd;
        vips[i].addresses[0].ip[15] = (uint8_t)i;
    }
    /* One is several, of both families on both links. */
    vips[0].addresses_count = 3;
    vips[0].addresses[1] = (struct steward_vip_address){{0xfd, [15] = 99}, 64, "vip1"};
    vips[0].addresses[2] =
        (struct steward_vip_address){{[10] = 0xff, [11] = 0xff, 10, 0, 0, 100}, 24, "vip1"};
    vips[1].tracks_count = 1;
    snprintf(vips[1].tracks[0], sizeof vips[1].tracks[0], "vip1");
    REQUIRE(steward_table_prepare(&table, vips, VIPS));
    steward_table_commit(&table, &io);
    holds = table.holds;
}

static void stop(void)
{
    steward_table_free(&table);
    close(agent_fd);
    close(io.fd);
}

static struct netlink_addr addr_of(uint8_t which, uint8_t mark)
{
    struct netlink_addr addr = {.ifindex = FAKE_IFINDEX, .prefix = 128, .mark = mark};
    memcpy(addr.ip, vips[which % VIPS].addresses[0].ip, sizeof addr.ip);
    return addr;
}

static void settle(void)
{
    for (size_t i = 0; i < VIPS; i++) {
        steward_hold_settle(&io, &holds[i]);
        REQUIRE(hold_deadline(&holds[i].hold) > fake_kernel.now_us || fake_kernel.call_us > 0);
    }
}

static bool any_is_there(const struct steward_vip *vip)
{
    for (size_t i = 0; i < vip->addresses_count; i++)
        if (fake_addr_find(vip->addresses[i].ip, true))
            return true;
    return false;
}

static void check(void)
{
    for (size_t i = 0; i < VIPS; i++) {
        const struct hold *w = &holds[i].hold;
        bool there = any_is_there(&vips[i]);
        REQUIRE(!hold_is_active(w) || fake_kernel.now_us < w->until_us || fake_kernel.call_us > 0);
        REQUIRE(!there || w->state != HOLD_FREE);
        REQUIRE(!there || w->state != HOLD_DROPPING || fake_kernel.now_us < w->next_us ||
                fake_kernel.call_us > 0);
        REQUIRE(w->until_us - fake_kernel.now_us <= STEWARD_AHEAD_US_MAX);
    }
}

static void hear_reports(void)
{
    uint8_t bytes[64];
    struct steward_report r;
    ssize_t n;
    while ((n = recv(agent_fd, bytes, sizeof bytes, 0)) >= 0)
        REQUIRE(steward_report_check(bytes, (size_t)n, &r) == 0);
    REQUIRE(errno == EAGAIN);
}

/* Half of the requests are made to be in order, so that what is behind the check is reached. */
static void request(uint8_t how, const uint8_t *data, size_t count)
{
    struct steward_request r = {.version = STEWARD_VERSION};
    if (how & 1) {
        steward_table_apply(&table, &io, data, count);
        return;
    }
    r.kind = (uint8_t)(STEWARD_HOLD + data[0] % 3);
    r.flags = data[1] & (STEWARD_PROBE | STEWARD_RENEW);
    r.vip = holds[data[2] % VIPS].key;
    r.epoch = data[3] % 4;
    r.until_us = fake_kernel.now_us + (data[4] - 16) * INT64_C(20000);
    steward_table_apply(&table, &io, &r, sizeof r);
}

static void claim(uint8_t which, uint8_t mac)
{
    struct announce_claim c = {.ifindex = FAKE_IFINDEX, .mac = {2, 0, 0, 0, 0, mac}};
    memcpy(c.ip, vips[which % VIPS].addresses[0].ip, sizeof c.ip);
    for (size_t i = 0; i < VIPS; i++)
        steward_hold_apply_claim(&io, &holds[i], &c);
}

static void change_link(uint8_t how)
{
    struct netlink_link *link = how & 8 ? &fake_kernel.other_link : &fake_kernel.link;
    link->enabled = link->up = how & 1;
    link->mac[5] = how >> 4;
    if (how & 8)
        link->index = (how & 6) == 6 ? 0 : OTHER_IFINDEX;
    else
        fake_kernel.no_link = (how & 6) == 6;
    struct netlink_link changed = *link;
    changed.index = how & 8 ? OTHER_IFINDEX : FAKE_IFINDEX;
    for (size_t i = 0; i < VIPS; i++)
        steward_hold_apply_link(&io, &holds[i], &changed, (how & 6) == 6);
}

static void change_kernel(uint8_t how)
{
    static const int errors[] = {0, EPERM, EBUSY, ETIMEDOUT};
    fake_kernel.set_error = errors[how & 3];
    fake_kernel.delete_error = errors[how >> 2 & 3];
    fake_kernel.fence_fails = how & 16;
    fake_kernel.markless = how & 32;
    fake_kernel.call_us = how & 64 ? 7000 : 0;
}

/* The host's own, on the link of an IPv4 address of ours, and whatever a check finds. */
static void change_own(uint8_t last)
{
    struct netlink_addr own = {.ifindex = OTHER_IFINDEX, .prefix = 24, .is_global = true};
    memcpy(own.ip, vips[0].addresses[2].ip, sizeof own.ip);
    own.ip[15] = last & 1;
    if (!fake_addr_remove(&own))
        fake_addr_add(&own);
    if (last & 2)
        steward_table_check(&table, &io);
}

/* An operator's hand. */
static void change_addr(uint8_t which, bool add)
{
    struct netlink_addr ours = addr_of(which, NETLINK_MARK), theirs = addr_of(which, 0);
    if (which & 64) {
        change_own(which);
        return;
    }
    fake_addr_remove(&ours);
    if (add)
        fake_addr_add(&theirs);
    for (size_t i = 0; i < VIPS; i++)
        holds[i].is_unread = true;
    steward_table_verify(&table, &io);
}

static void act(uint8_t how, const uint8_t *data, size_t count)
{
    switch (how >> 1 & 7) {
    case 0:
        claim(data[0], data[1]);
        break;
    case 1:
        change_link(data[0]);
        break;
    case 2:
        change_kernel(data[0]);
        break;
    case 3:
        change_addr(data[0], how & 1);
        break;
    case 4:
        fake_kernel.now_us += data[0] * INT64_C(5000);
        break;
    default:
        request(how, data, count);
    }
}

/* With a kernel that obeys again, and time, all ends. */
static void end(void)
{
    change_kernel(0);
    fake_kernel.now_us += STEWARD_AHEAD_US_MAX + 1;
    settle();
    for (size_t i = 0; i < VIPS; i++) {
        REQUIRE(holds[i].hold.state == HOLD_FREE);
        REQUIRE(!any_is_there(&vips[i]));
    }
}

/* Before anything else an operator has the last one: nobody may take it without being asked to. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    start();
    struct netlink_addr theirs = addr_of(VIPS - 1, 0);
    fake_addr_add(&theirs);
    bool touched = false;
    while (size >= ACTION_BYTES_MAX) {
        size_t count = ACTION_BYTES + data[0] / 16 * 2; /* some of it is the next action too */
        touched |= (data[0] >> 1 & 7) == 3;
        act(data[0], data + 1, count);
        settle();
        check();
        hear_reports();
        data += 1 + ACTION_BYTES;
        size -= 1 + ACTION_BYTES;
    }
    REQUIRE(touched || fake_addr_find(theirs.ip, false));
    end();
    stop();
    return 0;
}
