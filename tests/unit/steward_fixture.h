/* steward_fixture: a table of two addresses against a kernel that is none, and the agent's end. */
#ifndef MUSTER_STEWARD_FIXTURE_H
#define MUSTER_STEWARD_FIXTURE_H

#include "agent/steward/steward_table.h"
#include "tests/unit/fake_kernel.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { VIPS = 2, MS = 1000 };

static const struct steward_vip vips[VIPS] = {
    {.name = "web",
     .addresses_count = 1,
     .addresses = {{{[10] = 0xff, [11] = 0xff, 10, 0, 0, 100}, 32, "vip0"}}},
    {.name = "db", .addresses_count = 1, .addresses = {{{0xfd, [15] = 1}, 128, "vip0"}}},
};
static const uint8_t other_mac[STEWARD_MAC_BYTES] = {2, 0, 0, 0, 0, 9};

static struct steward_io io;
static struct steward_table table;
static struct steward_hold *holds; /* its */
static int agent_fd;
static int64_t begun_us;
static struct steward_report told_eligibility;

/* As a configuration with these, and no others, that comes into force. */
static inline void set_table(const struct steward_vip *all, size_t count)
{
    ck_assert(steward_table_prepare(&table, all, count));
    steward_table_commit(&table, &io);
}

static inline void setup(void)
{
    int pair[2];
    fake_kernel_start();
    told_eligibility = (struct steward_report){0};
    begun_us = fake_kernel.now_us;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
    agent_fd = pair[0];
    io = (struct steward_io){.fd = pair[1], .fence_works = true};
    set_table(vips, VIPS);
    holds = table.holds;
}

static inline void teardown(void)
{
    steward_table_free(&table);
    close(agent_fd);
    close(io.fd);
}

static inline struct steward_request request(enum steward_request_kind kind, int until_ms)
{
    struct steward_request r = {.version = STEWARD_VERSION,
                                .kind = (uint8_t)kind,
                                .vip = steward_vip_key(&vips[0]),
                                .epoch = 5};
    r.until_us = begun_us + (int64_t)until_ms * MS;
    return r;
}

static inline void take(const struct steward_request *r)
{
    steward_table_apply(&table, &io, r, sizeof *r);
}

static inline void ask(enum steward_request_kind kind, int until_ms)
{
    struct steward_request r = request(kind, until_ms);
    take(&r);
}

static inline void pass_until(int ms)
{
    int64_t end_us = begun_us + (int64_t)ms * MS, next_us;
    while ((next_us = hold_deadline(&holds[0].hold)) <= end_us) {
        fake_kernel.now_us = next_us > fake_kernel.now_us ? next_us : fake_kernel.now_us;
        steward_hold_settle(&io, &holds[0]);
    }
    fake_kernel.now_us = end_us;
}

/* The next report but for ELIGIBILITY, which is kept in told_eligibility; kind 0: there is none. */
static inline struct steward_report told(void)
{
    struct steward_report r = {.kind = STEWARD_ELIGIBILITY};
    while (r.kind == STEWARD_ELIGIBILITY) {
        uint8_t bytes[64];
        ssize_t n = recv(agent_fd, bytes, sizeof bytes, 0);
        if (n < 0)
            return (struct steward_report){0};
        ck_assert_int_eq(steward_report_check(bytes, (size_t)n, &r), 0);
        if (r.kind == STEWARD_ELIGIBILITY)
            told_eligibility = r;
    }
    return r;
}

/* What stands in the way of the first one, as the agent has been told. */
static inline void expect_eligibility(const char *text)
{
    char said[80];
    steward_hold_flush(&io, &holds[0]);
    ck_assert_int_eq(told().kind, 0);
    steward_eligibility_describe(&told_eligibility, said, sizeof said);
    ck_assert_str_eq(said, text);
}

static inline void expect(enum steward_report_kind kind)
{
    struct steward_report r = told();
    ck_assert_msg(r.kind == kind, "%s, not %s", steward_report_text(r.kind),
                  steward_report_text(kind));
}

static inline void expect_dropped(enum drop_reason why)
{
    struct steward_report r = told();
    ck_assert_int_eq(r.kind, STEWARD_DROPPED);
    ck_assert_str_eq(drop_reason_text(r.reason), drop_reason_text(why));
}

static inline void expect_failed(int error)
{
    struct steward_report r = told();
    ck_assert_int_eq(r.kind, STEWARD_FAILED);
    ck_assert_int_eq(r.error, error);
    ck_assert_uint_eq(r.flag, 0);
}

static inline bool is_there(void)
{
    return fake_addr_find(vips[0].addresses[0].ip, true);
}

static inline struct netlink_addr operators(int ifindex, uint8_t prefix)
{
    struct netlink_addr addr = {.ifindex = ifindex, .prefix = prefix};
    memcpy(addr.ip, vips[0].addresses[0].ip, sizeof addr.ip);
    return addr;
}

#endif
