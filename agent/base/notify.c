#include "agent/base/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The address on which systemd listens: a path, or "@name" for the abstract namespace. Returns the
 * bytes of `addr`; 0: there is none, or it is no Unix socket. */
static socklen_t notify_addr(struct sockaddr_un *addr)
{
    const char *path = getenv("NOTIFY_SOCKET");
    if (!path || (path[0] != '/' && path[0] != '@'))
        return 0;
    size_t len = strlen(path);
    if (len >= sizeof addr->sun_path)
        return 0;
    *addr = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(addr->sun_path, path, len);
    if (path[0] == '@')
        addr->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

bool notify_has_supervisor(void)
{
    struct sockaddr_un addr;
    return notify_addr(&addr) > 0;
}

void notify_send(const char *state)
{
    struct sockaddr_un addr;
    socklen_t addr_bytes = notify_addr(&addr);
    if (addr_bytes == 0)
        return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    /* A message that does not fit the queue is lost; the next watchdog message follows soon. */
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&addr, addr_bytes);
    close(fd);
}

/* A positive number and nothing else; 0: not one. */
static int64_t notify_positive(const char *text)
{
    char *end;
    if (!text || text[0] < '0' || text[0] > '9')
        return 0;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0' ? value : 0;
}

int64_t notify_watchdog_us(void)
{
    const char *pid = getenv("WATCHDOG_PID");
    if (pid && notify_positive(pid) != getpid())
        return 0; /* inherited: a parent process is meant */
    return notify_positive(getenv("WATCHDOG_USEC")) / 2;
}
