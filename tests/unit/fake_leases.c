#include "tests/unit/fake_leases.h"

#include "agent/control/control.h"
#include "tests/unit/fake_core.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct fake_leases fake_leases;

static void note(char *list, size_t bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void note(char *list, size_t bytes, const char *format, ...)
{
    size_t used = strlen(list);
    va_list args;
    va_start(args, format);
    int len = vsnprintf(list + used, bytes - used, format, args);
    va_end(args);
    assert(len >= 0 && (size_t)len < bytes - used);
}

#define NOTE(list, ...) note(fake_leases.list, sizeof fake_leases.list, __VA_ARGS__)

const char *fake_leases_asked(void)
{
    static char last[sizeof fake_leases.asked];
    memcpy(last, fake_leases.asked, sizeof last);
    fake_leases.asked[0] = '\0';
    return last;
}

const char *fake_leases_told(void)
{
    static char last[sizeof fake_leases.told];
    memcpy(last, fake_leases.told, sizeof last);
    fake_leases.told[0] = '\0';
    return last;
}

/* ---- leases ---- */

enum gossip_error leases_claim(struct gossip *g, int64_t now_us,
                               const struct leases_options *options)
{
    (void)g, (void)now_us;
    fake_leases.keep_us = INT64_MAX;
    fake_leases.host = options->host;
    if (options->observes)
        NOTE(asked, "watch %s\n", options->name);
    else
        NOTE(asked, "want %s %u%s\n", options->name, options->priority,
             options->preempts ? " preempting" : "");
    return fake_leases.want_error;
}

enum gossip_error leases_release(struct gossip *g, int64_t now_us, const char *name,
                                 const char *successor, bool stays)
{
    (void)g, (void)now_us;
    NOTE(asked, "release %s%s%s%s\n", name, successor ? " to " : "",
         successor && *successor ? successor
         : successor             ? "nobody"
                                 : "",
         stays ? " and stay" : "");
    return successor ? fake_leases.release_error : GOSSIP_OK;
}

enum gossip_error leases_move(struct gossip *g, int64_t now_us, const char *name,
                              const char *successor)
{
    (void)g, (void)now_us;
    NOTE(asked, "move %s to %s\n", name, successor);
    return fake_leases.move_error;
}

void leases_renew_until(struct gossip *g, int64_t now_us, const char *name, int64_t until_us)
{
    (void)g, (void)now_us, (void)name;
    fake_leases.keep_us = until_us;
}

enum gossip_error leases_get(const struct gossip *g, int64_t now_us, const char *name,
                             struct leases_state *state)
{
    (void)g, (void)now_us, (void)name;
    *state = fake_leases.state;
    return GOSSIP_OK;
}

const struct voters *leases_voters(const struct gossip *g)
{
    (void)g;
    return &fake_leases.voters;
}

/* ---- who is told ---- */

void host_publish(struct host *h, enum event_kind kind, const struct gossip_member *member,
                  const struct vip_record *vip)
{
    (void)h, (void)member;
    NOTE(told, "%s %s %s %d%s\n", event_kind_text(kind), vip->name,
         *vip->holder ? vip->holder : "-", (int)vip->epoch, vip->here ? " here" : "");
}

void control_notify(struct control *c)
{
    (void)c;
}
