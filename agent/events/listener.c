#include "agent/events/listener.h"

#include "agent/base/log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_A_TURN 64   /* before the loop looks at anything else */
#define ACCEPT_PAUSE_MS 100 /* with no descriptor free, accept would fail again at once */

struct listener {
    int fd;
    const char *name;
    listener_accept_fn *accept;
    void *arg;
    struct event *readable, *resume;
    bool failing;
};

/* Nothing can be accepted for now; what connects meanwhile waits in the backlog. */
static void listener_pause(struct listener *l, int error)
{
    const struct timeval pause = {.tv_usec = ACCEPT_PAUSE_MS * 1000};
    if (!l->failing)
        log_warn("%s: cannot accept connections: %s; trying again", l->name, strerror(error));
    l->failing = true;
    if (event_add(l->resume, &pause) == 0)
        event_del(l->readable);
}

static void listener_on_resume(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;
    (void)fd, (void)what;
    event_add(l->readable, NULL);
}

static void listener_on_readable(evutil_socket_t listen_fd, short what, void *arg)
{
    struct listener *l = arg;
    (void)what;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            l->accept(l->arg, fd);
            continue;
        }
        if (errno == EAGAIN)
            l->failing = false;
        else if (errno != EINTR && errno != ECONNABORTED)
            listener_pause(l, errno);
        return;
    }
}

struct listener *listener_new(struct event_base *base, int fd, const char *name,
                              listener_accept_fn *accept, void *arg)
{
    struct listener *l = calloc(1, sizeof *l);
    if (!l) {
        close(fd);
        return NULL;
    }
    *l = (struct listener){.fd = fd, .name = name, .accept = accept, .arg = arg};
    l->readable = event_new(base, fd, EV_READ | EV_PERSIST, listener_on_readable, l);
    l->resume = evtimer_new(base, listener_on_resume, l);
    if (l->readable && l->resume && event_add(l->readable, NULL) == 0)
        return l;
    listener_free(l);
    return NULL;
}

void listener_free(struct listener *l)
{
    if (!l)
        return;
    if (l->readable)
        event_free(l->readable);
    if (l->resume)
        event_free(l->resume);
    close(l->fd);
    free(l);
}
