#include "agent/base/text.h"
#include "agent/control/control_command.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST_BYTES 300 /* a name of 253, brackets, a port */

/* ---- join, reload: answered later ---- */

/* One request, until everything that it waits for has ended. */
struct control_pending {
    LIST_ENTRY(control_pending) link;
    struct control_client *client;
    uint64_t seq;
    bool counts; /* the answer has a body: how many succeeded (join) */
    size_t waiting, done;
    char error[ERROR_BYTES]; /* the first */
};

/* NULL: out of memory. */
static struct control_pending *pending_new(struct control_request *r, bool counts, size_t waiting)
{
    struct control_pending *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->client = r->client;
    p->seq = r->seq;
    p->counts = counts;
    p->waiting = waiting;
    LIST_INSERT_HEAD(&r->client->pending, p, link);
    r->client->pending_count++;
    return p;
}

static void pending_free(struct control_pending *p)
{
    LIST_REMOVE(p, link);
    p->client->pending_count--;
    free(p);
}

void control_admin_forget_pending(struct control_client *c)
{
    const struct control_parts *parts = &c->control->parts;
    for (struct control_pending *p = LIST_FIRST(&c->pending), *next; p; p = next) {
        next = LIST_NEXT(p, link);
        parts->requests->forget(parts->requests_arg, p);
        pending_free(p);
    }
}

/* A join succeeds with any of its hosts, as in Serf. */
static void pending_answer(struct control_pending *p)
{
    struct control_client *c = p->client;
    struct rpc_out *out = control_client_begin(c, p->seq, p->done > 0 ? "" : p->error);
    if (p->counts) {
        rpc_map_begin(out, NULL);
        rpc_put_unsigned(out, "Num", p->done);
        rpc_end(out);
    }
    control_client_send(c);
    pending_free(p);
    control_wake(c->control); /* the client may close after its last answer */
}

static void pending_done(void *arg, bool ok, const char *error)
{
    struct control_pending *p = arg;
    assert(p->waiting > 0);
    if (ok)
        p->done++;
    else if (!*p->error)
        snprintf(p->error, sizeof p->error, "%s", error);
    if (--p->waiting == 0)
        pending_answer(p);
}

/* False: one of them is no text, or too long for a host. */
static bool read_hosts(const msgpack_object_array *list, char hosts[][HOST_BYTES])
{
    for (uint32_t i = 0; i < list->size; i++)
        if (!rpc_as_string(&list->ptr[i], hosts[i], HOST_BYTES))
            return false;
    return true;
}

/* Replay, in the body, asks for earlier user events: there are none. */
const char *control_admin_join(struct control_request *r)
{
    struct control_client *c = r->client;
    char hosts[CONFIG_JOINS_MAX][HOST_BYTES];
    msgpack_object_array list = {0};
    if (!rpc_get_array(r->body, "Existing", &list))
        return CONTROL_MALFORMED;
    if (list.size > CONFIG_JOINS_MAX || c->pending_count >= CONTROL_PENDING_MAX)
        return "too many joins";
    if (!read_hosts(&list, hosts))
        return CONTROL_MALFORMED;
    /* One more than hosts: a join that fails at once must not answer before all were begun. */
    struct control_pending *p = pending_new(r, true, list.size + 1);
    if (!p)
        return "out of memory";
    for (uint32_t i = 0; i < list.size; i++)
        r->parts->requests->join(r->parts->requests_arg, hosts[i], pending_done, p);
    if (--p->waiting == 0)
        pending_answer(p);
    return CONTROL_ANSWERED;
}

/* ---- leave, force-leave ---- */

const char *control_admin_leave(struct control_request *r)
{
    r->client->leave = true;
    return CONTROL_OK;
}

const char *control_admin_force_leave(struct control_request *r)
{
    char name[GOSSIP_NAME_BYTES_MAX + 1] = "";
    bool prune = false;
    if (!rpc_get_boolean(r->body, "Prune", &prune))
        return CONTROL_MALFORMED;
    /* No member has a name that is too long. */
    if (!rpc_get_string(r->body, "Node", name, sizeof name))
        return gossip_error_text(GOSSIP_ERROR_UNKNOWN);
    enum gossip_error error =
        gossip_force_leave(host_core(r->parts->host), host_now_us(), name, prune);
    return error == GOSSIP_OK ? CONTROL_OK : gossip_error_text(error);
}

/* ---- tags ---- */

struct tags {
    char encoded[GOSSIP_TAGS_BYTES_MAX];
    uint16_t bytes;
};

/* Longer texts are read as one that gossip_tags_set refuses. */
#define TAG_TEXT_BYTES (GOSSIP_TAGS_BYTES_MAX + 2)

static const char *delete_tags(struct tags *tags, const msgpack_object_array *keys)
{
    char key[TAG_TEXT_BYTES];
    for (uint32_t i = 0; i < keys->size; i++) {
        if (!rpc_as_string(&keys->ptr[i], key, sizeof key))
            return CONTROL_MALFORMED;
        gossip_tags_remove(tags->encoded, &tags->bytes, key);
    }
    return NULL;
}

static const char *refuse_tag(struct control_request *r, const char *key, enum gossip_error error)
{
    char shown[GOSSIP_TAG_KEY_BYTES_MAX];
    text_escape(shown, sizeof shown, key);
    snprintf(r->error, sizeof r->error, "tag \"%s\": %s", shown, gossip_error_text(error));
    return r->error;
}

static const char *set_tags(struct control_request *r, struct tags *tags,
                            const msgpack_object_map *pairs)
{
    char key[TAG_TEXT_BYTES] = "", value[TAG_TEXT_BYTES];
    for (uint32_t i = 0; i < pairs->size; i++) {
        enum gossip_error error = GOSSIP_ERROR_TAGS;
        if (rpc_as_string(&pairs->ptr[i].key, key, sizeof key) &&
            rpc_as_string(&pairs->ptr[i].val, value, sizeof value))
            error = gossip_tags_set(tags->encoded, &tags->bytes, key, value);
        if (error != GOSSIP_OK)
            return refuse_tag(r, key, error);
    }
    return NULL;
}

/* All or nothing. A tag that is both deleted and set is set. */
const char *control_admin_tags(struct control_request *r)
{
    const struct gossip_profile *self = gossip_self(host_view(r->parts->host)).profile;
    msgpack_object_map pairs = {0};
    msgpack_object_array keys = {0};
    struct tags tags = {.bytes = self->tags_bytes};
    memcpy(tags.encoded, self->tags, tags.bytes);
    if (!rpc_get_map(r->body, "Tags", &pairs) || !rpc_get_array(r->body, "DeleteTags", &keys))
        return CONTROL_MALFORMED;
    const char *wrong = delete_tags(&tags, &keys);
    if (!wrong)
        wrong = set_tags(r, &tags, &pairs);
    if (wrong)
        return wrong;
    enum gossip_error error =
        gossip_set_tags(host_core(r->parts->host), host_now_us(), tags.encoded, tags.bytes);
    return error == GOSSIP_OK ? CONTROL_OK : gossip_error_text(error);
}

const char *control_admin_reload(struct control_request *r)
{
    if (r->client->pending_count >= CONTROL_PENDING_MAX)
        return "too many reloads";
    struct control_pending *p = pending_new(r, false, 1);
    if (!p)
        return "out of memory";
    r->parts->requests->reload(r->parts->requests_arg, pending_done, p);
    return CONTROL_ANSWERED;
}
