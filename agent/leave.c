#include "agent/leave.h"

#include "agent/base/log.h"
#include "agent/base/notify.h"
#include "agent/scripts/handler_run.h"
#include "agent/scripts/handlers.h"
#include "agent/vip/vips.h"

#include <event2/event.h>
#include <stdlib.h>

/* Between the last SIGTERM to scripts and the end of the leave. */
#define END_S 1
/* A script's default timeout (config_table.c). */
#define SCRIPT_TIMEOUT_S 30
_Static_assert(END_S * 1000 > HANDLER_GRACE_MS, "a script that ignores SIGTERM is killed in time");
_Static_assert(LEAVE_MAX_S > LEAVE_HAND_OVER_S + SCRIPT_TIMEOUT_S + END_S,
               "a script has its default timeout");

struct leave {
    struct host *host;
    struct vips *vips;
    struct handlers *handlers;
    leave_done_fn *done; /* NULL: called already */
    void *arg;
    struct event *hand_over; /* end of waiting for the addresses */
    struct event *hurry;     /* end of waiting for scripts: SIGTERM */
    struct event *end;       /* end of the leave */
    bool announced;          /* the core sends the leave */
    bool gone;               /* the cluster knows of the leave */
    bool hurried;
};

static void leave_announce(struct leave *l)
{
    l->announced = true;
    gossip_leave(host_core(l->host), host_now_us());
}

static void leave_end(struct leave *l)
{
    leave_done_fn *done = l->done;
    l->done = NULL;
    if (done)
        done(l->arg);
}

static void leave_on_settle(void *arg)
{
    struct leave *l = arg;
    if (!host_is_leaving(l->host))
        return;
    if (!l->announced && vips_are_down(l->vips))
        leave_announce(l);
    if (l->gone && handlers_are_idle(l->handlers))
        leave_end(l);
}

static void leave_on_gone(void *arg, const struct gossip_event *event)
{
    struct leave *l = arg;
    (void)event;
    l->gone = true;
    if (!handlers_are_idle(l->handlers))
        log_info("left; scripts for changes during the leave are still running");
}

static void leave_on_idle(void *arg)
{
    struct leave *l = arg;
    host_dirty(l->host);
}

static void leave_on_hand_over(evutil_socket_t fd, short what, void *arg)
{
    struct leave *l = arg;
    (void)fd, (void)what;
    if (!l->announced)
        leave_announce(l);
}

static void leave_on_hurry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    leave_hurry(arg);
}

static void leave_on_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    leave_end(arg);
}

void leave_begin(struct leave *l)
{
    if (host_is_leaving(l->host))
        return;
    log_info("leaving");
    notify_send("STOPPING=1");
    host_set_leaving(l->host);
    vips_stop(l->vips);
    event_add(l->hand_over, &(struct timeval){.tv_sec = LEAVE_HAND_OVER_S});
    event_add(l->hurry, &(struct timeval){.tv_sec = LEAVE_MAX_S - END_S});
    event_add(l->end, &(struct timeval){.tv_sec = LEAVE_MAX_S});
}

void leave_hurry(struct leave *l)
{
    if (l->hurried)
        return;
    l->hurried = true;
    handlers_stop(l->handlers);
    host_dirty(l->host);
}

struct leave *leave_new(struct host *host, struct vips *vips, struct handlers *handlers,
                        leave_done_fn *done, void *arg)
{
    struct event_base *base = host_base(host);
    struct leave *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    *l = (struct leave){.host = host, .vips = vips, .handlers = handlers, .done = done, .arg = arg};
    l->hand_over = evtimer_new(base, leave_on_hand_over, l);
    l->hurry = evtimer_new(base, leave_on_hurry, l);
    l->end = evtimer_new(base, leave_on_end, l);
    host_on_event(host, GOSSIP_EVENT_GONE, leave_on_gone, l);
    host_on_settle(host, HOST_LEAVE, leave_on_settle, l);
    handlers_on_idle(handlers, leave_on_idle, l);
    if (l->hand_over && l->hurry && l->end)
        return l;
    leave_free(l);
    return NULL;
}

void leave_free(struct leave *l)
{
    if (!l)
        return;
    struct event *events[] = {l->hand_over, l->hurry, l->end};
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (events[i])
            event_free(events[i]);
    host_on_event(l->host, GOSSIP_EVENT_GONE, NULL, NULL);
    host_on_settle(l->host, HOST_LEAVE, NULL, NULL);
    handlers_on_idle(l->handlers, NULL, NULL);
    free(l);
}
