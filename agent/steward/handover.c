#include "agent/steward/handover.h"

#include "agent/base/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct request {
    uint8_t version, zero[7];
};

struct answer {
    uint8_t version, zero[3];
    int32_t error;
    uint32_t count, hold_bytes; /* count holds follow, a packet each */
};

void handover_name(const char *state_dir, char *name)
{
    struct stat st;
    name[0] = '\0';
    if (stat(state_dir, &st) == 0)
        snprintf(name, HANDOVER_NAME_BYTES, "muster-steward-%jx-%jx", (uintmax_t)st.st_dev,
                 (uintmax_t)st.st_ino);
}

/* Abstract: begins with a NUL, and its length is part of it. */
static socklen_t handover_address(const char *name, struct sockaddr_un *sa)
{
    size_t bytes = strlen(name);
    *sa = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(sa->sun_path + 1, name, bytes);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + bytes);
}

static bool is_same_user(int fd, struct ucred *peer)
{
    socklen_t bytes = sizeof *peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &bytes) == 0 && peer->uid == geteuid();
}

/* ---- the next steward ---- */

/* The descriptor is the peer's process for sure: as long as the connection is open it lives, and
 * its number is its own. -1 with errno: ESRCH: it has ended. */
static int open_peer(int fd, pid_t pid)
{
    struct pollfd polled = {.fd = fd};
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0 || poll(&polled, 1, 0) == 0)
        return pidfd;
    close(pidfd);
    errno = ESRCH;
    return -1;
}

/* It closes the connection when it touches no address any more; it may have scripts to wait for. */
static bool has_let_go(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    return poll(&polled, 1, HANDOVER_WAIT_MS) > 0;
}

static void kill_peer(int pidfd)
{
    struct pollfd polled = {.fd = pidfd, .events = POLLIN};
    syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    poll(&polled, 1, HANDOVER_WAIT_MS);
}

/* False: no packet of that size came in time. */
static bool peer_receive(int fd, void *into, size_t bytes)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    return poll(&polled, 1, HANDOVER_WAIT_MS) > 0 &&
           recv(fd, into, bytes, MSG_DONTWAIT | MSG_TRUNC) == (ssize_t)bytes;
}

/* False: it gave nothing that we could take. */
static bool peer_ask(int fd, struct answer *answer, struct handover_hold *into)
{
    struct request request = {.version = HANDOVER_VERSION};
    if (send(fd, &request, sizeof request, MSG_NOSIGNAL) < 0 ||
        !peer_receive(fd, answer, sizeof *answer) || answer->version != HANDOVER_VERSION ||
        answer->hold_bytes != sizeof *into || answer->count > STEWARD_VIPS_MAX)
        return false;
    for (size_t i = 0; i < answer->count; i++)
        if (!peer_receive(fd, &into[i], sizeof *into))
            return false;
    return true;
}

/* False with errno: EBUSY: its agent lives; others: it lives, and cannot be held to anything. */
static bool peer_take(int fd, struct handover_hold *into, size_t *count)
{
    struct ucred peer;
    if (!is_same_user(fd, &peer))
        return true; /* another user's program, which has nothing of ours */
    int pidfd = open_peer(fd, peer.pid);
    if (pidfd < 0)
        return errno == ESRCH;
    struct answer answer;
    bool taken = peer_ask(fd, &answer, into);
    bool is_living_agents = taken && answer.error == EBUSY;
    *count = taken && answer.error == 0 ? answer.count : 0;
    if (!is_living_agents && !(taken && has_let_go(fd)))
        kill_peer(pidfd);
    close(pidfd);
    errno = EBUSY;
    return !is_living_agents;
}

bool handover_take(const char *name, struct handover_hold *into, size_t *count)
{
    struct sockaddr_un sa;
    socklen_t bytes = handover_address(name, &sa);
    *count = 0;
    if (name[0] == '\0')
        return true;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool ok;
    if (connect(fd, (struct sockaddr *)&sa, bytes) == 0)
        ok = peer_take(fd, into, count);
    else
        ok = errno != EAGAIN; /* which is: too many wait there already */
    int error = errno;
    close(fd);
    errno = error;
    return ok;
}

bool handover_is_served(const char *name)
{
    struct sockaddr_un sa;
    socklen_t bytes = handover_address(name, &sa);
    if (name[0] == '\0')
        return false;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool served = connect(fd, (struct sockaddr *)&sa, bytes) == 0 || errno == EAGAIN;
    close(fd);
    return served;
}

/* ---- the predecessor ---- */

int handover_listen(const char *name)
{
    struct sockaddr_un sa;
    socklen_t bytes = handover_address(name, &sa);
    int fd =
        name[0] == '\0' ? -1 : socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || (bind(fd, (struct sockaddr *)&sa, bytes) == 0 && listen(fd, SOMAXCONN) == 0))
        return fd;
    close(fd);
    return -1;
}

/* -1: there is none, or of another user. */
static int accept_peer(int listen_fd)
{
    struct ucred peer;
    int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 || is_same_user(fd, &peer))
        return fd;
    close(fd);
    return -1;
}

static bool receive_request(int fd)
{
    struct request request;
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    return poll(&polled, 1, HANDOVER_REQUEST_MS) > 0 &&
           recv(fd, &request, sizeof request, MSG_DONTWAIT) == sizeof request &&
           request.version == HANDOVER_VERSION;
}

/* A reader that reads makes room at once; for all of them together we wait as long as it does. */
static bool peer_send(int fd, const void *packet, size_t bytes, int64_t until_us)
{
    struct pollfd polled = {.fd = fd, .events = POLLOUT};
    while (send(fd, packet, bytes, MSG_NOSIGNAL) < 0) {
        int64_t left_ms = (until_us - clock_us(CLOCK_MONOTONIC)) / 1000;
        if (errno != EAGAIN || left_ms <= 0 || poll(&polled, 1, (int)left_ms) <= 0)
            return false;
    }
    return true;
}

static bool peer_give(int fd, const struct handover_hold *holds, size_t count, int error)
{
    struct answer answer = {.version = HANDOVER_VERSION,
                            .error = error,
                            .count = (uint32_t)count,
                            .hold_bytes = sizeof *holds};
    int64_t until_us = clock_us(CLOCK_MONOTONIC) + HANDOVER_WAIT_MS * INT64_C(1000);
    bool sent = peer_send(fd, &answer, sizeof answer, until_us);
    for (size_t i = 0; sent && i < count; i++)
        sent = peer_send(fd, &holds[i], sizeof holds[i], until_us);
    return sent;
}

int handover_answer(int listen_fd, const struct handover_hold *holds, size_t count,
                    bool agent_lives)
{
    int fd = accept_peer(listen_fd);
    if (fd < 0)
        return -1;
    if (receive_request(fd) &&
        peer_give(fd, holds, agent_lives ? 0 : count, agent_lives ? EBUSY : 0) && !agent_lives)
        return fd;
    close(fd);
    return -1;
}
