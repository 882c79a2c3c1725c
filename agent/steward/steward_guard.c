#include "agent/steward/steward_guard.h"

#include "agent/steward/fence.h"
#include "agent/steward/handover.h"
#include "agent/steward/steward_clock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GUARD_NAME "musterd:guard"
#define GUARD_ADDRESSES_MAX (STEWARD_VIPS_MAX * STEWARD_ADDRESSES_MAX)
#define GUARD_RETRY_US INT64_C(100000) /* where an address could not be removed */

/* One side writes and the other reads at any time: the time is set after the address, and 0 before
 * the address changes. */
struct guard_entry {
    _Atomic int64_t until_us; /* 0: not in use */
    uint8_t ip[NETLINK_IP_BYTES];
};

/* Only the pages that are used take memory. */
struct steward_guard_table {
    atomic_size_t count; /* entries that have been in use */
    struct guard_entry entries[GUARD_ADDRESSES_MAX];
};

/* ---- the steward's side ---- */

static struct guard_entry *guard_find(struct steward_guard_table *t, const uint8_t *ip)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->entries[i].until_us != 0 && memcmp(t->entries[i].ip, ip, NETLINK_IP_BYTES) == 0)
            return &t->entries[i];
    return NULL;
}

static struct guard_entry *guard_free_entry(struct steward_guard_table *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->entries[i].until_us == 0)
            return &t->entries[i];
    return t->count < GUARD_ADDRESSES_MAX ? &t->entries[t->count] : NULL;
}

static bool guard_is_alive(const struct steward_guard *g)
{
    struct pollfd polled = {.fd = g->fd};
    return g->table && poll(&polled, 1, 0) == 0; /* POLLERR: nobody reads */
}

/* What the guard sleeps for may be later than the time of a new one. */
bool steward_guard_set(struct steward_guard *g, const uint8_t ip[NETLINK_IP_BYTES],
                       int64_t until_us)
{
    if (!guard_is_alive(g))
        return false;
    struct guard_entry *e = guard_find(g->table, ip);
    if (e) {
        e->until_us = until_us;
        return true;
    }
    e = guard_free_entry(g->table);
    if (!e)
        return false;
    memcpy(e->ip, ip, NETLINK_IP_BYTES);
    e->until_us = until_us;
    if (e == &g->table->entries[g->table->count])
        g->table->count++;
    return write(g->fd, "", 1) == 1 || errno == EAGAIN; /* full: it has enough to wake up for */
}

void steward_guard_forget(struct steward_guard *g, const uint8_t ip[NETLINK_IP_BYTES])
{
    struct guard_entry *e = g->table ? guard_find(g->table, ip) : NULL;
    if (e)
        e->until_us = 0;
}

void steward_guard_stop(struct steward_guard *g)
{
    if (!g->table)
        return;
    for (size_t i = 0; i < g->table->count; i++)
        g->table->entries[i].until_us = 0;
    munmap(g->table, sizeof *g->table);
    close(g->fd);
    *g = (struct steward_guard){.fd = -1};
}

/* ---- the guard's process ---- */

struct guarding {
    struct steward_guard_table *table;
    int fd;
    char handover[HANDOVER_NAME_BYTES];
    bool steward_is_dead;
};

static volatile sig_atomic_t guard_is_told_to_end;

static void guard_on_term(int number)
{
    (void)number;
    guard_is_told_to_end = 1;
}

/* INT64_MAX: nothing is held. */
static int64_t guard_earliest(const struct steward_guard_table *t)
{
    int64_t earliest_us = INT64_MAX;
    for (size_t i = 0; i < t->count; i++) {
        int64_t until_us = t->entries[i].until_us;
        if (until_us != 0 && until_us < earliest_us)
            earliest_us = until_us;
    }
    return earliest_us;
}

struct guard_search {
    const uint8_t *ip;
    struct netlink_addr addr;
    bool found;
};

static void guard_compare(void *arg, const struct netlink_addr *addr)
{
    struct guard_search *s = arg;
    if (addr->mark != NETLINK_MARK || memcmp(addr->ip, s->ip, sizeof addr->ip) != 0)
        return;
    s->addr = *addr;
    s->found = true;
}

/* True: it is not there, or not any more. Link-local ones may be on several interfaces. */
static bool guard_remove(struct netlink *n, const uint8_t *ip)
{
    enum { TRIES = 64 };
    for (int i = 0; i < TRIES; i++) {
        struct guard_search s = {.ip = ip};
        if (!netlink_addrs(n, guard_compare, &s))
            return false;
        if (!s.found || !netlink_addr_delete(n, &s.addr))
            return !s.found;
    }
    return false;
}

/* What was held until then, or not as long. Of a steward that is stopped the fence stays shut. */
static void guard_remove_until(struct guarding *g, int64_t latest_us)
{
    struct netlink n = {0};
    struct fence fence = {0};
    if (!netlink_open(&n, NETLINK_ROUTE))
        return;
    if (g->steward_is_dead)
        netlink_open(&fence.netlink, NETLINK_NETFILTER);
    for (size_t i = 0; i < g->table->count; i++) {
        struct guard_entry *e = &g->table->entries[i];
        int64_t until_us = e->until_us;
        if (until_us == 0 || until_us > latest_us || !guard_remove(&n, e->ip))
            continue;
        fence_forget(&fence, e->ip);
        atomic_compare_exchange_strong(&e->until_us, &until_us, 0);
    }
    if (g->steward_is_dead && guard_earliest(g->table) == INT64_MAX)
        fence_remove(&fence);
    fence_abandon(&fence);
    netlink_close(&n);
}

static int guard_wait_ms(const struct guarding *g, int64_t not_before_us)
{
    int64_t due_us = guard_earliest(g->table);
    if (due_us == INT64_MAX)
        return -1;
    due_us += GUARD_LATE_US;
    due_us = due_us > not_before_us ? due_us : not_before_us;
    int64_t left_us = due_us - steward_now_us();
    return left_us > 0 ? (int)(left_us / 1000 + 1) : 0;
}

/* poll(2) does not count the time of a suspended host, and is not woken by its end: what is late
 * then is the steward's to remove, which wakes up for it. */
static void guard_wait(struct guarding *g, int64_t not_before_us)
{
    char bytes[64];
    struct pollfd polled = {.fd = g->steward_is_dead ? -1 : g->fd, .events = POLLIN};
    if (poll(&polled, 1, guard_wait_ms(g, not_before_us)) > 0 &&
        read(g->fd, bytes, sizeof bytes) == 0)
        g->steward_is_dead = true;
}

/* A dead steward's addresses may be those of the next one by now. */
static bool guard_goes_on(const struct guarding *g)
{
    return !g->steward_is_dead ||
           (guard_earliest(g->table) != INT64_MAX && !handover_is_served(g->handover));
}

static void guard_run(struct guarding *g)
{
    int64_t not_before_us = 0;
    while (guard_goes_on(g)) {
        int64_t now_us = steward_now_us(), earliest_us = guard_earliest(g->table);
        if (g->steward_is_dead && guard_is_told_to_end) {
            guard_remove_until(g, INT64_MAX);
            return;
        }
        if (earliest_us != INT64_MAX && now_us >= earliest_us + GUARD_LATE_US &&
            now_us >= not_before_us) {
            guard_remove_until(g, now_us - GUARD_LATE_US);
            not_before_us = now_us + GUARD_RETRY_US;
        }
        if (guard_goes_on(g))
            guard_wait(g, not_before_us);
    }
}

static void guard_keep_one_capability(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    if (syscall(SYS_capget, &header, data) != 0)
        return;
    uint32_t kept = data[0].permitted & UINT32_C(1) << CAP_NET_ADMIN;
    memset(data, 0, sizeof data);
    data[0].permitted = data[0].effective = kept;
    syscall(SYS_capset, &header, data);
}

/* SIGTERM ends it once its steward is dead, so that a supervisor need not wait for it. */
static void guard_prepare(struct guarding *g)
{
    enum { KEPT = STDERR_FILENO + 1 };
    struct sigaction on_term = {.sa_handler = guard_on_term};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
        dup2(null, fd);
    g->fd = dup3(g->fd, KEPT, O_CLOEXEC) < 0 ? g->fd : KEPT;
    syscall(SYS_close_range, KEPT + 1, ~0U, 0);
    sigaction(SIGTERM, &on_term, NULL);
    guard_keep_one_capability();
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NAME, GUARD_NAME);
}

bool steward_guard_start(struct steward_guard *g, const char *handover)
{
    int ends[2];
    *g = (struct steward_guard){.fd = -1};
    void *table = mmap(NULL, sizeof *g->table, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (table == MAP_FAILED)
        return false;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        munmap(table, sizeof *g->table);
        return false;
    }
    pid_t pid = fork();
    if (pid == 0) {
        struct guarding guarding = {.table = table, .fd = ends[0]};
        strncpy(guarding.handover, handover, sizeof guarding.handover - 1);
        close(ends[1]);
        guard_prepare(&guarding);
        guard_run(&guarding);
        _exit(0);
    }
    close(ends[0]);
    *g = (struct steward_guard){table, ends[1]};
    if (pid < 0)
        steward_guard_stop(g);
    return pid > 0;
}
