#include "agent/peers.h"

#include "agent/host.h"
#include "agent/state/store.h"

#include <event2/event.h>
#include <stdlib.h>

enum {
    SAVE_DELAY_US = 50000, /* a change of members seldom comes alone */
    SAVE_PERIOD_S = 5,
};

struct peers {
    struct host *host;
    struct store *store;
    struct worker *files;
    struct event *save; /* a moment after a change */
    int64_t saved_us;   /* 0: not yet */
};

/* A random few if there are more than are kept. With no other member alive the file stays as it is:
 * an old address is better than none. */
void peers_save(struct peers *p)
{
    struct gossip_addr addrs[STORE_PEERS_MAX];
    size_t cursor = 0, seen = 0;
    struct gossip_member m;
    const struct gossip *g = host_view(p->host);
    const struct gossip_profile *self = gossip_self(g).profile;
    while (gossip_next_member(g, &cursor, &m)) {
        if (m.status > GOSSIP_SUSPECT || m.profile == self)
            continue;
        size_t at = seen++;
        if (at >= STORE_PEERS_MAX)
            at = (size_t)random() % seen; /* reservoir sampling */
        if (at < STORE_PEERS_MAX)
            addrs[at] = m.profile->addr;
    }
    p->saved_us = host_now_us();
    if (seen > 0)
        store_save_peers(p->store, p->files, addrs,
                         seen < STORE_PEERS_MAX ? seen : STORE_PEERS_MAX);
}

static void on_save(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    peers_save(arg);
}

/* Soon after the first change, so that an agent killed young can still rejoin; then seldom, for a
 * large cluster changes all the time. */
static void peers_on_change(void *arg, const struct journal_entry *entry)
{
    const struct peers *p = arg;
    if (!entry || !event_kind_is_of_member(entry->kind) || event_pending(p->save, EV_TIMEOUT, NULL))
        return;
    bool recently = p->saved_us && host_now_us() - p->saved_us < SAVE_PERIOD_S * 1000000;
    event_add(p->save, &(struct timeval){.tv_sec = recently ? SAVE_PERIOD_S : 0,
                                         .tv_usec = recently ? 0 : SAVE_DELAY_US});
}

struct peers *peers_new(struct host *host, struct store *store, struct worker *files)
{
    struct peers *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    *p = (struct peers){.host = host, .store = store, .files = files};
    p->save = evtimer_new(host_base(host), on_save, p);
    if (!p->save) {
        free(p);
        return NULL;
    }
    host_subscribe(host, HOST_PEERS, peers_on_change, p);
    return p;
}

void peers_free(struct peers *p)
{
    if (!p)
        return;
    host_subscribe(p->host, HOST_PEERS, NULL, NULL);
    event_free(p->save);
    free(p);
}
