#include "agent/steward/steward.h"

#include "agent/base/signals.h"
#include "agent/steward/steward_table.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define PROCESS_NAME "musterd:steward" /* the kernel keeps 15 bytes */
/* Of each kind in one turn, so that none keeps the others, or the clock, waiting. */
#define TURN_EVENTS 64
#define CHECK_US INT64_C(3000000)
#define END_TRIES 100 /* to remove everything, HOLD_REMOVE_GAP_US apart */

enum { AGENT, TIMER, MONITOR, ARP, ND, SCRIPTS, SUCCESSOR, POLLED };

struct steward {
    struct steward_io io;
    struct netlink monitor;
    int timer_fd;
    int64_t check_us; /* the next time that all is looked at */
    struct steward_table table;
    steward_load_fn *load;
    void *load_arg;
    int vips_fd;           /* what a reading of the configuration wrote, for us */
    struct runner *runner; /* NULL: its other end is gone */
    int handover_fd;       /* where a successor connects; -1: nowhere */
    bool is_handed_over;   /* what was held is the successor's now */
};

/* ---- beginning ---- */

/* The name is free once the predecessor has ended. False with errno: it may go on. */
static bool take_over(struct steward *st, const char *name)
{
    static struct handover_hold holds[STEWARD_VIPS_MAX];
    size_t count;
    if (!handover_take(name, holds, &count))
        return false;
    for (size_t i = 0; i < count; i++)
        steward_table_adopt(&st->table, &st->io, &holds[i]);
    st->handover_fd = handover_listen(name);
    return true;
}

/* What an earlier life has left and not handed over: nobody knows any more until when it may be
 * here. What is not in the table may be of another agent, and goes by itself if it is not. */
static void remove_leftovers(struct steward *st)
{
    for (size_t i = 0; i < st->table.count; i++)
        if (!hold_is_active(&st->table.holds[i].hold))
            steward_hold_remove_leftovers(&st->io, &st->table.holds[i]);
}

/* A host without addresses needs no fence, and makes none. */
static void prepare_fence(struct steward *st)
{
    if (st->table.count > 0 && !st->io.fence_works)
        st->io.fence_works = fence_start(&st->io.fence);
    st->io.ready_due = true;
}

/* What is permitted is left alone, and so is the bounding set: scripts of root's get what the
 * supervisor allows. Under no_new_privs they get no more than is permitted here (execve(2)). */
static void drop_capabilities(void)
{
    const uint32_t kept = UINT32_C(1) << CAP_NET_ADMIN | UINT32_C(1) << CAP_NET_RAW |
                          UINT32_C(1) << CAP_SETUID | UINT32_C(1) << CAP_SETGID |
                          UINT32_C(1) << CAP_KILL;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    if (syscall(SYS_capget, &header, data) != 0)
        return;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        data[i].effective = i == 0 ? data[i].permitted & kept : 0;
    syscall(SYS_capset, &header, data);
}

/* The agent's end is what ends the steward. */
static void ignore_signals(void)
{
    signals_ignore_stray();
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
}

/* False with errno. Without the right to open them there are no frames, and no fence. */
static bool open_io(struct steward *st, int fd, const char *handover)
{
    st->io.fd = fd;
    if (!announce_open(&st->io.announce))
        st->io.announce = (struct announce){-1, -1};
    st->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (st->timer_fd < 0 || !netlink_monitor_open(&st->monitor) ||
        !netlink_open(&st->io.netlink, NETLINK_ROUTE))
        return false;
    if (!take_over(st, handover))
        return false;
    steward_table_look_at_links(&st->table, &st->io);
    remove_leftovers(st);
    prepare_fence(st);
    return true;
}

/* In a process of its own: reads all of it, and leaves the addresses for us, and the scripts to the
 * runner. */
static bool steward_load(void *arg, struct script_list *into, char *error)
{
    static struct steward_plan plan;
    const struct steward *st = arg;
    if (!st->load || !st->load(st->load_arg, &plan, error))
        return false;
    ssize_t bytes = (ssize_t)(plan.vips_count * sizeof *plan.vips);
    *into = plan.scripts;
    return ftruncate(st->vips_fd, 0) == 0 &&
           pwrite(st->vips_fd, plan.vips, (size_t)bytes, 0) == bytes;
}

static bool prepare_vips(struct steward *st)
{
    static struct steward_vip vips[STEWARD_VIPS_MAX];
    ssize_t n = pread(st->vips_fd, vips, sizeof vips, 0);
    if (n < 0 || n % (ssize_t)sizeof *vips != 0 ||
        !steward_table_prepare(&st->table, vips, (size_t)n / sizeof *vips))
        return false;
    prepare_fence(st);
    return true;
}

/* What was read is taken on, or not, together with the scripts. */
static bool steward_on_change(void *arg, enum runner_change change)
{
    struct steward *st = arg;
    switch (change) {
    case RUNNER_PREPARED:
        return prepare_vips(st);
    case RUNNER_COMMITTED:
        steward_table_commit(&st->table, &st->io);
        steward_table_look_at_links(&st->table, &st->io);
        return true;
    case RUNNER_ROLLED_BACK:
        steward_table_rollback(&st->table);
        return true;
    }
    return true;
}

static bool steward_start(struct steward *st, const struct steward_ends *ends,
                          struct steward_plan *plan)
{
    if (!steward_table_prepare(&st->table, plan->vips, plan->vips_count))
        return false;
    steward_table_commit(&st->table, &st->io);
    steward_guard_start(&st->io.guard, plan->handover); /* without one, lifetimes are short */
    if (!open_io(st, ends->vips, plan->handover))
        return false;
    st->vips_fd = memfd_create("muster-vips", MFD_CLOEXEC);
    st->runner = runner_new(ends->scripts, &plan->scripts, steward_load, st);
    if (st->vips_fd < 0 || !st->runner)
        return false;
    runner_on_change(st->runner, steward_on_change);
    drop_capabilities();
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NAME, PROCESS_NAME);
    return true;
}

/* ---- one turn ---- */

static void steward_on_event(void *arg, const struct netlink_event *e)
{
    struct steward *st = arg;
    bool is_link = e->kind == NETLINK_LINK_SET || e->kind == NETLINK_LINK_GONE;
    bool is_ours = e->kind == NETLINK_ADDR_SET && e->addr.mark == NETLINK_MARK;
    if (is_link)
        steward_io_link_changed(&st->io);
    for (size_t i = 0; i < st->table.count; i++) {
        struct steward_hold *h = &st->table.holds[i];
        if (is_link)
            steward_hold_apply_link(&st->io, h, &e->link, e->kind == NETLINK_LINK_GONE);
        else if (e->kind == NETLINK_ROUTE_GONE)
            steward_hold_apply_route(h);
        else if (!is_ours)
            steward_hold_apply_addr(h, &e->addr);
    }
}

/* What was changed may have been changed by us: all is looked at together, after the last event
 * that waited. Where events were lost, as the host has many changes at once, everything is. */
static void receive_changes(struct steward *st)
{
    bool any_lost = false;
    for (int i = 0; i < TURN_EVENTS; i++) {
        if (netlink_monitor_read(&st->monitor, steward_on_event, st))
            continue;
        if (errno == EAGAIN)
            break;
        any_lost = true;
    }
    (any_lost ? steward_table_check : steward_table_verify)(&st->table, &st->io);
}

/* Now and then everything is looked at, whatever was heard, or not. */
static void check_at_times(struct steward *st)
{
    int64_t now_us = steward_now_us();
    if (now_us < st->check_us)
        return;
    steward_table_check(&st->table, &st->io);
    st->check_us = now_us + CHECK_US;
}

static void receive_claims(struct steward *st, int fd)
{
    struct announce_claim claim;
    int got;
    for (int n = 0; n < TURN_EVENTS && (got = announce_receive(fd, &claim)) >= 0; n++)
        for (size_t i = 0; got > 0 && i < st->table.count; i++)
            steward_hold_apply_claim(&st->io, &st->table.holds[i], &claim);
}

/* Nothing but 0 and an error says that there is nobody: an empty packet cannot be told from that,
 * and an agent that sends one is not one that should hold anything. */
static void receive_requests(struct steward *st)
{
    uint8_t bytes[sizeof(struct steward_request) + 1]; /* what is longer shows */
    for (int i = 0; i < TURN_EVENTS && st->io.fd >= 0; i++) {
        ssize_t n = recv(st->io.fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            close(st->io.fd);
            st->io.fd = -1;
            return;
        }
        steward_table_apply(&st->table, &st->io, bytes, (size_t)n);
    }
}

static bool flush_all(struct steward *st)
{
    bool all = steward_io_flush(&st->io);
    for (size_t i = 0; i < st->table.count; i++)
        all &= steward_hold_flush(&st->io, &st->table.holds[i]);
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

static void run_scripts(struct steward *st)
{
    runner_turn(st->runner);
    if (!runner_is_over(st->runner))
        return;
    runner_free(st->runner);
    st->runner = NULL;
}

static void answer_successor(struct steward *st)
{
    static struct handover_hold holds[STEWARD_VIPS_MAX];
    receive_requests(st); /* the agent may just have died */
    size_t count = steward_table_give(&st->table, holds);
    int fd = handover_answer(st->handover_fd, holds, count, st->io.fd >= 0);
    if (fd < 0)
        return;
    st->is_handed_over = true;
    steward_guard_stop(&st->io.guard);
    steward_table_free(&st->table);
    close(st->handover_fd);
    st->handover_fd = -1;
    close(fd); /* the successor goes on once it sees that */
}

/* The clock first: what has been waiting, perhaps while we were stopped, is judged after it. */
static void steward_turn(struct steward *st, const struct pollfd *polled)
{
    uint64_t expirations;
    steward_table_settle(&st->table, &st->io);
    if (polled[TIMER].revents)
        (void)!read(st->timer_fd, &expirations, sizeof expirations);
    check_at_times(st);
    if (polled[MONITOR].revents)
        receive_changes(st);
    if (polled[ARP].revents)
        receive_claims(st, polled[ARP].fd);
    if (polled[ND].revents)
        receive_claims(st, polled[ND].fd);
    if (polled[AGENT].revents)
        receive_requests(st);
    if (polled[SCRIPTS].revents)
        run_scripts(st);
    if (polled[SUCCESSOR].revents)
        answer_successor(st);
}

/* Without an agent, what is held is held to its end: its lease is good until then. Scripts run to
 * their end, or to their timeout. */
static bool goes_on(const struct steward *st)
{
    if (st->io.quit)
        return false;
    return st->io.fd >= 0 || !steward_table_is_free(&st->table) || st->runner;
}

static void steward_loop(struct steward *st)
{
    struct pollfd polled[POLLED] = {
        [TIMER] = {.fd = st->timer_fd, .events = POLLIN},
        [MONITOR] = {.fd = netlink_fd(&st->monitor), .events = POLLIN},
        [ARP] = {.fd = st->io.announce.arp_fd, .events = POLLIN},
        [ND] = {.fd = st->io.announce.nd_fd, .events = POLLIN},
        [SCRIPTS] = {.events = POLLIN},
        [SUCCESSOR] = {.events = POLLIN},
    };
    while (goes_on(st)) {
        polled[AGENT].fd = st->io.fd;
        polled[SUCCESSOR].fd = st->handover_fd;
        int64_t due_us = steward_table_settle(&st->table, &st->io);
        bool checks = st->table.count > 0 && st->check_us < due_us;
        set_timer(st, checks ? st->check_us : due_us);
        polled[SCRIPTS].fd = st->runner ? runner_fd(st->runner) : -1;
        polled[AGENT].events = (short)(flush_all(st) ? POLLIN : POLLIN | POLLOUT);
        if (poll(polled, POLLED, -1) > 0)
            steward_turn(st, polled);
    }
}

/* ---- the end ---- */

/* What cannot be removed is left to the fence, and to its lifetime. */
static bool remove_all(struct steward *st)
{
    steward_table_prepare(&st->table, NULL, 0);
    steward_table_commit(&st->table, &st->io);
    for (int i = 0; i < END_TRIES; i++) {
        steward_table_settle(&st->table, &st->io);
        if (steward_table_is_free(&st->table))
            return true;
        usleep(HOLD_REMOVE_GAP_US);
    }
    return false;
}

static void steward_stop(struct steward *st, bool all_gone)
{
    if (all_gone) {
        fence_remove(&st->io.fence);
        steward_guard_stop(&st->io.guard);
    }
    fence_abandon(&st->io.fence);
    netlink_close(&st->io.netlink);
    netlink_close(&st->monitor);
    announce_close(&st->io.announce);
    if (st->timer_fd >= 0)
        close(st->timer_fd);
    if (st->runner) {
        runner_turn(st->runner); /* KILL may have come just before QUIT */
        runner_free(st->runner);
    }
    steward_table_free(&st->table);
    if (st->vips_fd >= 0)
        close(st->vips_fd);
    if (st->handover_fd >= 0)
        close(st->handover_fd);
}

int steward_run(const struct steward_ends *ends, struct steward_plan *plan,
                steward_load_fn *load_plan, void *load_arg)
{
    struct steward st = {.timer_fd = -1,
                         .vips_fd = -1,
                         .handover_fd = -1,
                         .load = load_plan,
                         .load_arg = load_arg,
                         .io.announce = {-1, -1},
                         .io.guard.fd = -1};
    ignore_signals();
    bool started = steward_start(&st, ends, plan);
    if (started)
        steward_loop(&st);
    else
        fprintf(stderr, "musterd: the steward cannot start: %s\n", strerror(errno));
    bool all_gone = started && !st.is_handed_over && remove_all(&st);
    steward_stop(&st, all_gone);
    return all_gone || st.is_handed_over ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Only those and the standard three are kept, under numbers of their own, so that what is above
 * them can be closed at once. */
static void keep_only(struct steward_ends *ends)
{
    enum { FIRST = STDERR_FILENO + 1, SECOND };
    int vips = fcntl(ends->vips, F_DUPFD_CLOEXEC, SECOND + 1);
    int scripts = fcntl(ends->scripts, F_DUPFD_CLOEXEC, SECOND + 1);
    ends->vips = dup3(vips, FIRST, O_CLOEXEC);
    ends->scripts = dup3(scripts, SECOND, O_CLOEXEC);
    syscall(SYS_close_range, SECOND + 1, ~0U, 0);
}

static bool make_pair(int pair[2])
{
    pair[0] = pair[1] = -1;
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0;
}

static void close_pair(const int pair[2])
{
    for (int i = 0; i < 2; i++)
        if (pair[i] >= 0)
            close(pair[i]);
}

pid_t steward_fork(struct steward_plan *plan, steward_load_fn *load_plan, void *load_arg,
                   struct steward_ends *ends)
{
    int vips[2], scripts[2] = {-1, -1};
    assert(plan->vips_count <= STEWARD_VIPS_MAX);
    pid_t pid = make_pair(vips) && make_pair(scripts) ? fork() : -1;
    if (pid == 0) {
        struct steward_ends theirs = {vips[1], scripts[1]};
        keep_only(&theirs);
        _exit(steward_run(&theirs, plan, load_plan, load_arg));
    }
    int error = errno;
    script_list_free(&plan->scripts);
    if (pid < 0) {
        close_pair(vips);
        close_pair(scripts);
        errno = error;
        return -1;
    }
    close(vips[1]);
    close(scripts[1]);
    *ends = (struct steward_ends){vips[0], scripts[0]};
    return pid;
}
