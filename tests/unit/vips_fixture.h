/* vips_fixture: one address of this host between its lease, which the test gives and takes, and the
 * steward, which the test is. */
#ifndef MUSTER_VIPS_FIXTURE_H
#define MUSTER_VIPS_FIXTURE_H

#include "agent/vip/vips.h"

#include "agent/vip/steward_link.h"
#include "tests/unit/fake_core.h"
#include "tests/unit/fake_leases.h"
#include "tests/unit/fake_log.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MS = 1000, LEASE_MS = 1000, DEADLINE_S = 30 };

static struct vip_spec spec;
static struct vips *v;
static int vips_fd, steward_fd; /* steward_fd -1: closed */
static struct leases_state lease;

/* ---- the steward ---- */

static inline uint64_t key_of(const struct vip_spec *of)
{
    struct steward_vip vip;
    steward_vip_describe(of, &vip);
    return steward_vip_key(&vip);
}

/* What it was asked, pings passed over; kind 0: nothing. */
static inline struct steward_request asked(void)
{
    struct steward_request r = {0};
    uint8_t bytes[64];
    ssize_t n;
    while ((n = recv(steward_fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
        ck_assert_int_eq(steward_request_check(bytes, (size_t)n, fake.now_us, &r), 0);
        if (r.kind != STEWARD_PING)
            return r;
    }
    return (struct steward_request){0};
}

static inline void expect_asked(enum steward_request_kind kind, uint64_t epoch)
{
    struct steward_request r = asked();
    ck_assert_int_eq(r.kind, kind);
    ck_assert_uint_eq(r.vip, key_of(&spec));
    ck_assert_uint_eq(r.epoch, epoch);
}

/* The lease's time, less what the steward is to be ready before its end. */
static inline void expect_hold(unsigned flags)
{
    struct steward_request r = asked();
    ck_assert_int_eq(r.kind, STEWARD_HOLD);
    ck_assert_uint_eq(r.flags, flags);
    ck_assert_uint_eq(r.epoch, lease.epoch);
    ck_assert_int_eq(r.until_us, lease.until_us - LEASE_MS * MS / 50);
}

static inline void expect_not_asked(void)
{
    ck_assert_int_eq(asked().kind, 0);
}

static inline void turn(void)
{
    event_base_loop(fake.base, EVLOOP_NONBLOCK);
}

static inline void say(struct steward_report r)
{
    r.version = STEWARD_VERSION;
    r.vip = r.kind == STEWARD_READY ? 0 : key_of(&spec);
    ck_assert_int_eq(send(steward_fd, &r, sizeof r, MSG_NOSIGNAL), sizeof r);
    turn();
}

static inline void say_word(enum steward_report_kind kind)
{
    say((struct steward_report){.kind = (uint8_t)kind, .epoch = lease.epoch});
}

/* Lets the addresses look after themselves once, which they do by themselves now and then. */
static inline void tick(void)
{
    time_t end = time(NULL) + DEADLINE_S;
    unsigned before = fake.settles;
    while (fake.settles == before && time(NULL) <= end)
        event_base_loop(fake.base, EVLOOP_ONCE);
    ck_assert_uint_gt(fake.settles, before);
}

static inline void pass_ms(int ms)
{
    fake.now_us += (int64_t)ms * MS;
}

/* So that nothing more is taken. */
static inline void fill_socket(void)
{
    while (steward_link_send(vips_fd, &(struct steward_request){.kind = STEWARD_PING}))
        continue;
}

/* ---- the lease ---- */

static inline void renew(void)
{
    lease.until_us = fake.now_us + LEASE_MS * MS;
    fake_lease_change(&lease);
}

static inline void win(void)
{
    lease = (struct leases_state){
        .name = "vip/web", .held = true, .holder = "a", .epoch = lease.epoch + 1};
    renew();
}

static inline void lose(const char *holder)
{
    lease.held = false;
    snprintf(lease.holder, sizeof lease.holder, "%s", holder);
    fake_lease_change(&lease);
}

static inline void hold(void)
{
    win();
    expect_hold(STEWARD_PROBE);
    say_word(STEWARD_HELD);
    ck_assert_str_eq(fake_leases_told(), "vip-acquired web a 7 here\n");
    ck_assert_str_eq(fake_leases_asked(), "");
}

static inline struct vips_view view(void)
{
    struct vips_view found = {0};
    ck_assert(vips_find(v, "web", &found));
    return found;
}

static inline void assert_state(enum vip_state state)
{
    ck_assert_str_eq(vip_state_text(view().vip->state), vip_state_text(state));
}

static unsigned stewards_lost;
static inline void on_steward_lost(void *arg)
{
    (void)arg;
    stewards_lost++;
}

/* What snapshots would say, "NAME HOLDER EPOCH\n" each. */
static inline const char *snapshot(void)
{
    static char text[256];
    struct vip_record vip;
    size_t cursor = 0, used = 0;
    text[0] = '\0';
    while (vips_next_published(v, &cursor, &vip))
        used += (size_t)snprintf(text + used, sizeof text - used, "%s %s %d\n", vip.name,
                                 *vip.holder ? vip.holder : "-", (int)vip.epoch);
    return text;
}

static inline void take_on(const struct vip_spec *specs, size_t count)
{
    ck_assert(vips_reserve(v, count));
    vips_configure(v, specs, count);
}

/* It waits for its lease, and its steward is well. */
static inline void setup(void)
{
    static char name[] = "web";
    static struct vip_address address = {.prefix_bits = 32, .interface = "eth0"};
    int pair[2];
    stewards_lost = 0;
    fake_core_start();
    fake_log_reset();
    memset(&fake_leases, 0, sizeof fake_leases);
    spec = (struct vip_spec){.name = name,
                             .addresses = &address,
                             .addresses_count = 1,
                             .priority = 90,
                             .lease_ms = LEASE_MS,
                             .fits = true};
    lease = (struct leases_state){.name = "vip/web", .epoch = 6};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
                     0);
    vips_fd = pair[0];
    steward_fd = pair[1];
    v = vips_new(fake.host, vips_fd, on_steward_lost, NULL);
    take_on(&spec, 1);
    ck_assert_str_eq(fake_leases_asked(), "watch vip/web\n");
    say((struct steward_report){.kind = STEWARD_READY, .flag = 1});
    tick();
    ck_assert_str_eq(fake_leases_asked(), "want vip/web 90\n");
}

static inline void hang_up(void)
{
    if (steward_fd >= 0)
        close(steward_fd);
    steward_fd = -1;
}

static inline void teardown(void)
{
    vips_free(v);
    hang_up();
    fake_core_stop();
    fake_log_reset();
}

#endif
