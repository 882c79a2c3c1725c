#include "agent/steward/handover.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

struct request {
    uint8_t version, zero[7];
};

struct answer {
    uint8_t version, zero[3];
    int32_t error;
    uint32_t count, hold_bytes;
    struct handover_hold holds[STEWARD_VIPS_MAX]; /* count of them */
};

#define ANSWER_BYTES(count)                                                                        \
    (offsetof(struct answer, holds) + (count) * sizeof(struct handover_hold))

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

/* False: it gave nothing that we could take. */
static bool peer_ask(int fd, struct answer *answer)
{
    struct request request = {.version = HANDOVER_VERSION};
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    if (send(fd, &request, sizeof request, MSG_NOSIGNAL) < 0 ||
        poll(&polled, 1, HANDOVER_WAIT_MS) <= 0)
        return false;
    ssize_t n = recv(fd, answer, sizeof *answer, MSG_DONTWAIT);
    return n >= (ssize_t)ANSWER_BYTES(0) && answer->version == HANDOVER_VERSION &&
           answer->hold_bytes == sizeof *answer->holds && answer->count <= STEWARD_VIPS_MAX &&
           (size_t)n == ANSWER_BYTES(answer->count);
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
    struct answer *answer = calloc(1, sizeof *answer);
    bool taken = answer && peer_ask(fd, answer);
    bool is_living_agents = taken && answer->error == EBUSY;
    *count = taken && answer->error == 0 ? answer->count : 0;
    if (*count > 0)
        memcpy(into, answer->holds, *count * sizeof *into);
    if (!is_living_agents && !(taken && has_let_go(fd)))
        kill_peer(pidfd);
    close(pidfd);
    free(answer);
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

static bool peer_give(int fd, const struct handover_hold *holds, size_t count, int error)
{
    struct answer *answer = calloc(1, sizeof *answer);
    if (!answer)
        return false;
    answer->version = HANDOVER_VERSION;
    answer->error = error;
    answer->count = (uint32_t)count;
    answer->hold_bytes = sizeof *holds;
    memcpy(answer->holds, holds, count * sizeof *holds);
    bool sent = send(fd, answer, ANSWER_BYTES(count), MSG_NOSIGNAL) >= 0;
    free(answer);
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
