#include "agent/steward.h"

#include "agent/steward_slot.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define PROCESS_NAME "musterd:steward" /* the kernel keeps 15 bytes */
/* Of each kind in one turn, so that none keeps the others, or the clock, waiting. */
#define TURN_EVENTS 64
#define END_TRIES 100 /* to remove everything, WARD_REMOVE_GAP_US apart */
#define LEFTOVERS_MAX (4 * STEWARD_VIPS_MAX)

enum { AGENT, TIMER, MONITOR, ARP, ND, POLLED };

struct steward {
    struct steward_hands hands;
    struct netlink monitor;
    int timer_fd;
    struct steward_slot *slots;
    size_t count;
    bool ended; /* the agent has */
};

int64_t steward_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- beginning ---- */

static void find_leftover(void *arg, const struct netlink_addr *addr)
{
    if (addr->mark == NETLINK_MARK)
        *(struct netlink_addr *)arg = *addr;
}

/* What an earlier life has left: nobody knows any more until when it may be here. */
static void remove_leftovers(struct netlink *n)
{
    for (int i = 0; i < LEFTOVERS_MAX; i++) {
        struct netlink_addr addr = {0};
        if (!netlink_addrs(n, find_leftover, &addr) || addr.mark != NETLINK_MARK ||
            !netlink_addr_delete(n, &addr))
            return;
    }
}

/* The bounding set is left alone, for scripts, and for nft when the gate has to be made anew. */
static void drop_capabilities(void)
{
    const uint32_t kept = UINT32_C(1) << CAP_NET_ADMIN | UINT32_C(1) << CAP_NET_RAW;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    if (syscall(SYS_capget, &header, data) != 0)
        return;
    uint32_t permitted = data[0].permitted & kept;
    memset(data, 0, sizeof data);
    data[0].permitted = data[0].effective = permitted;
    syscall(SYS_capset, &header, data);
}

static void ignore_signals(void)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        signal(numbers[i], SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
}

/* False with errno. Without the right to open them there are no frames, and no gate. */
static bool open_hands(struct steward *st, int fd)
{
    st->hands.fd = fd;
    if (!announce_open(&st->hands.announce))
        st->hands.announce = (struct announce){-1, -1};
    st->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (st->timer_fd < 0 || !netlink_monitor_open(&st->monitor) ||
        !netlink_open(&st->hands.netlink))
        return false;
    remove_leftovers(&st->hands.netlink);
    st->hands.gate_works = gate_open(&st->hands.gate);
    st->hands.ready_due = true;
    return true;
}

static bool start(struct steward *st, int fd, const struct steward_vip *vips, size_t count)
{
    st->slots = calloc(count ? count : 1, sizeof *st->slots);
    st->count = count;
    if (!st->slots || !open_hands(st, fd))
        return false;
    for (size_t i = 0; i < count; i++)
        steward_slot_init(&st->slots[i], &vips[i], (uint32_t)i);
    drop_capabilities();
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NAME, PROCESS_NAME);
    return true;
}

/* ---- one turn ---- */

static int64_t settle_all(struct steward *st)
{
    int64_t deadline_us = INT64_MAX;
    for (size_t i = 0; i < st->count; i++) {
        steward_slot_settle(&st->hands, &st->slots[i]);
        int64_t due_us = ward_deadline(&st->slots[i].ward);
        deadline_us = due_us < deadline_us ? due_us : deadline_us;
    }
    return deadline_us;
}

static void verify_all(struct steward *st)
{
    for (size_t i = 0; i < st->count; i++)
        steward_slot_verify(&st->hands, &st->slots[i]);
}

/* What was changed may have been changed by us: who is concerned looks for itself. */
static void on_event(void *arg, const struct netlink_event *e)
{
    struct steward *st = arg;
    bool is_link = e->kind == NETLINK_LINK_SET || e->kind == NETLINK_LINK_GONE;
    bool is_news = e->kind == NETLINK_ADDR_GONE || e->addr.mark != NETLINK_MARK;
    for (size_t i = 0; i < st->count; i++) {
        struct steward_slot *s = &st->slots[i];
        if (is_link)
            steward_slot_hear_link(s, &e->link, e->kind == NETLINK_LINK_GONE);
        else if (is_news && memcmp(e->addr.ip, s->vip->ip, sizeof e->addr.ip) == 0)
            steward_slot_verify(&st->hands, s);
    }
}

static void hear_kernel(struct steward *st)
{
    for (int i = 0; i < TURN_EVENTS; i++) {
        if (netlink_monitor_read(&st->monitor, on_event, st))
            continue;
        if (errno == EAGAIN)
            return;
        verify_all(st); /* something was lost */
    }
}

static void hear_link(struct steward *st, int fd)
{
    struct announce_claim claim;
    int got;
    for (int n = 0; n < TURN_EVENTS && (got = announce_receive(fd, &claim)) >= 0; n++)
        for (size_t i = 0; got > 0 && i < st->count; i++)
            steward_slot_hear_claim(&st->hands, &st->slots[i], &claim);
}

/* Nothing but 0 and an error says that there is nobody: an empty packet cannot be told from that,
 * and an agent that sends one is not one that should hold anything. */
static void hear_agent(struct steward *st)
{
    uint8_t bytes[sizeof(struct steward_request) + 1]; /* what is longer shows */
    for (int i = 0; i < TURN_EVENTS; i++) {
        ssize_t n = recv(st->hands.fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        st->ended = n <= 0;
        if (st->ended)
            return;
        steward_slots_take(&st->hands, st->slots, st->count, bytes, (size_t)n);
    }
}

static bool flush_all(struct steward *st)
{
    bool all = steward_hands_flush(&st->hands);
    for (size_t i = 0; i < st->count; i++)
        all &= steward_slot_flush(&st->hands, &st->slots[i]);
    return all;
}

/* Absolute, so that nothing that happens before it is set moves it, and it runs on in suspend. */
static void set_timer(const struct steward *st, int64_t deadline_us)
{
    struct itimerspec at = {0};
    if (deadline_us != INT64_MAX) {
        deadline_us = deadline_us > 1 ? deadline_us : 1;
        at.it_value.tv_sec = deadline_us / 1000000;
        at.it_value.tv_nsec = deadline_us % 1000000 * 1000;
    }
    timerfd_settime(st->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

/* The clock first: what has been waiting, perhaps while we were stopped, is judged after it. */
static void turn(struct steward *st, const struct pollfd *polled)
{
    uint64_t expirations;
    settle_all(st);
    if (polled[TIMER].revents)
        (void)!read(st->timer_fd, &expirations, sizeof expirations);
    if (polled[MONITOR].revents)
        hear_kernel(st);
    if (polled[ARP].revents)
        hear_link(st, polled[ARP].fd);
    if (polled[ND].revents)
        hear_link(st, polled[ND].fd);
    if (polled[AGENT].revents)
        hear_agent(st);
}

static void loop(struct steward *st)
{
    struct pollfd polled[POLLED] = {
        [AGENT] = {.fd = st->hands.fd},
        [TIMER] = {.fd = st->timer_fd, .events = POLLIN},
        [MONITOR] = {.fd = netlink_fd(&st->monitor), .events = POLLIN},
        [ARP] = {.fd = st->hands.announce.arp_fd, .events = POLLIN},
        [ND] = {.fd = st->hands.announce.nd_fd, .events = POLLIN},
    };
    while (!st->ended) {
        set_timer(st, settle_all(st));
        polled[AGENT].events = (short)(flush_all(st) ? POLLIN : POLLIN | POLLOUT);
        if (poll(polled, POLLED, -1) > 0)
            turn(st, polled);
    }
}

/* ---- the end ---- */

static bool all_free(const struct steward *st)
{
    for (size_t i = 0; i < st->count; i++)
        if (st->slots[i].ward.state != WARD_FREE)
            return false;
    return true;
}

/* What cannot be removed is left to the gate, and to its lifetime. */
static bool remove_all(struct steward *st)
{
    for (size_t i = 0; i < st->count; i++)
        ward_drop(&st->slots[i].ward, steward_now_us(), WARD_ASKED);
    for (int i = 0; i < END_TRIES; i++) {
        settle_all(st);
        if (all_free(st))
            return true;
        usleep(WARD_REMOVE_GAP_US);
    }
    return false;
}

static void stop(struct steward *st, bool all_gone)
{
    if (all_gone)
        gate_close(&st->hands.gate);
    gate_abandon(&st->hands.gate);
    netlink_close(&st->hands.netlink);
    netlink_close(&st->monitor);
    announce_close(&st->hands.announce);
    if (st->timer_fd >= 0)
        close(st->timer_fd);
    free(st->slots);
}

int steward_run(int fd, const struct steward_vip *vips, size_t count)
{
    struct steward st = {.timer_fd = -1, .hands.announce = {-1, -1}};
    ignore_signals();
    bool started = start(&st, fd, vips, count);
    if (started)
        loop(&st);
    else
        fprintf(stderr, "musterd: the steward cannot start: %s\n", strerror(errno));
    bool all_gone = started && remove_all(&st);
    stop(&st, all_gone);
    return all_gone ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Only `fd` and the standard three are kept. Under another number than its own, so that what is
 * above it can be closed at once. */
static int keep_only(int fd)
{
    enum { KEPT = STDERR_FILENO + 1 };
    if (fd != KEPT && dup3(fd, KEPT, O_CLOEXEC) < 0)
        return fd;
    syscall(SYS_close_range, KEPT + 1, ~0U, 0);
    return KEPT;
}

pid_t steward_fork(const struct steward_vip *vips, size_t count, int *fd)
{
    int pair[2];
    assert(count <= STEWARD_VIPS_MAX);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(steward_run(keep_only(pair[1]), vips, count));
    int error = errno;
    close(pair[1]);
    if (pid < 0)
        close(pair[0]);
    else
        *fd = pair[0];
    errno = error;
    return pid;
}
