#include "agent/control/control_command.h"
#include "agent/vip/locks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A lock that a client holds or waits for, for as long as its connection lasts. Only its newest
 * state waits to be sent: a stopped client costs no more with every renewal. A client that missed a
 * loss sees it by the epoch, which is another after each. */
struct control_lock {
    LIST_ENTRY(control_lock) link;
    char name[GOSSIP_NAME_BYTES_MAX + 1];
    struct control_client *client;
    struct lock *lock;
    uint64_t seq;
    bool unsent; /* this: */
    struct lock_state state;
    char holder[GOSSIP_NAME_BYTES_MAX + 1];
};

static void on_changed(void *arg, const struct lock_state *state)
{
    struct control_lock *l = arg;
    l->unsent = true;
    l->state = *state;
    snprintf(l->holder, sizeof l->holder, "%s", state->holder);
    control_wake(l->client->control);
}

static void send_state(struct control_lock *l)
{
    struct rpc_out *out = control_client_begin(l->client, l->seq, "");
    rpc_map_begin(out, NULL);
    rpc_put_boolean(out, "held", l->state.held);
    rpc_put_signed(out, "until_us", l->state.until_us);
    rpc_put_unsigned(out, "epoch", l->state.epoch);
    rpc_put_text(out, "holder", l->holder);
    rpc_end(out);
    control_client_send(l->client);
    l->unsent = false;
}

void control_lock_feed(struct control_client *c)
{
    struct control_lock *l;
    LIST_FOREACH (l, &c->locks, link)
        if (l->unsent && !c->unusable && control_client_has_room(c))
            send_state(l);
}

const char *control_lock_take(struct control_request *r)
{
    char name[GOSSIP_NAME_BYTES_MAX + 1] = "";
    const char *error = "out of memory";
    struct control_client *c = r->client;
    if (!rpc_get_string(r->body, "Name", name, sizeof name))
        return CONTROL_MALFORMED;
    if (c->locks_count == CONTROL_STREAMS_MAX)
        return "too many locks";
    struct control_lock *l = calloc(1, sizeof *l);
    if (l)
        *l = (struct control_lock){.client = c, .seq = r->seq};
    if (l)
        l->lock = locks_take(r->parts->locks, name, on_changed, l, &error);
    if (!l || !l->lock) {
        free(l);
        return error;
    }
    memcpy(l->name, name, sizeof l->name);
    LIST_INSERT_HEAD(&c->locks, l, link);
    c->locks_count++;
    /* The answer goes before the first record. */
    control_client_begin(c, r->seq, "");
    control_client_send(c);
    return CONTROL_ANSWERED;
}

const char *control_lock_give_back(struct control_request *r)
{
    char name[GOSSIP_NAME_BYTES_MAX + 1] = "";
    if (!rpc_get_string(r->body, "Name", name, sizeof name))
        return CONTROL_MALFORMED;
    struct control_lock *l = LIST_FIRST(&r->client->locks);
    while (l && strcmp(l->name, name) != 0)
        l = LIST_NEXT(l, link);
    if (!l)
        return "no such lock";
    LIST_REMOVE(l, link);
    r->client->locks_count--;
    locks_drop(l->lock);
    free(l);
    return CONTROL_OK;
}

/* The commands under these locks may still run. */
void control_lock_abandon_all(struct control_client *c)
{
    struct control_lock *l;
    while ((l = LIST_FIRST(&c->locks))) {
        LIST_REMOVE(l, link);
        locks_abandon(l->lock);
        free(l);
    }
    c->locks_count = 0;
}
