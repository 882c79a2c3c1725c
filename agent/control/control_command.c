#include "agent/control/control_command.h"

#include <string.h>

#define AUTHENTICATION_REQUIRED "Authentication required"

enum {
    HAS_BODY = 1,   /* a map follows the request */
    ANSWERS = 2,    /* a body follows the answer, also one with an error */
    UNGREETED = 4,  /* may come before the handshake */
    UNVERIFIED = 8, /* may come before `auth` where that is needed */
};

struct control_command {
    const char *name;
    unsigned flags;
    control_command_fn *run; /* NULL: refused as unknown, but its body is skipped */
};

static control_command_fn handshake, authenticate;

static const struct control_command commands[] = {
    {"handshake", HAS_BODY | UNGREETED | UNVERIFIED, handshake},
    {"auth", HAS_BODY | UNVERIFIED, authenticate},
    {"members", ANSWERS, control_members_all},
    {"members-filtered", HAS_BODY | ANSWERS, control_members_filtered},
    {"join", HAS_BODY | ANSWERS, control_admin_join},
    {"leave", 0, control_admin_leave},
    {"force-leave", HAS_BODY, control_admin_force_leave},
    {"tags", HAS_BODY, control_admin_tags},
    {"stats", ANSWERS, control_info_stats},
    {"stream", HAS_BODY, control_stream_stream},
    {"monitor", HAS_BODY, control_stream_monitor},
    {"stop", HAS_BODY, control_stream_stop},
    {"view", ANSWERS, control_members_view},
    {"info", ANSWERS, control_info_info},
    {"explain", HAS_BODY | ANSWERS, control_info_explain},
    {"watch", HAS_BODY, control_stream_watch},
    {"reload", 0, control_admin_reload},
    {"lock", HAS_BODY, control_lock_take},
    {"unlock", HAS_BODY, control_lock_give_back},
    {"vips", ANSWERS, control_vips_list},
    {"vip-explain", HAS_BODY | ANSWERS, control_vips_explain},
    {"vip-move", HAS_BODY, control_vips_move},
    {"vip-release", HAS_BODY, control_vips_release},
    {"drain", 0, control_vips_drain},
    {"undrain", 0, control_vips_undrain},
    /* Serf's clients wait for the answer's body of these, too. */
    {"get-coordinate", HAS_BODY | ANSWERS, NULL},
    {"install-key", HAS_BODY | ANSWERS, NULL},
    {"use-key", HAS_BODY | ANSWERS, NULL},
    {"remove-key", HAS_BODY | ANSWERS, NULL},
    {"list-keys", ANSWERS, NULL},
};

static const struct control_command *command_find(struct rpc_text name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strlen(commands[i].name) == name.len &&
            memcmp(commands[i].name, name.bytes, name.len) == 0)
            return &commands[i];
    return NULL;
}

/* ---- who may ask ---- */

/* The Unix socket has its permissions. */
static bool must_authenticate(const struct control_client *c)
{
    return c->tcp && !c->authenticated && host_config(c->control->parts.host)->rpc_auth;
}

static const char *handshake(struct control_request *r)
{
    int64_t version = 0;
    if (!rpc_get_signed(r->body, "Version", &version))
        return CONTROL_MALFORMED;
    if (version != 1)
        return "Unsupported IPC version";
    if (r->client->handshaken)
        return "Handshake already performed";
    r->client->handshaken = true;
    if (!must_authenticate(r->client))
        control_client_welcome(r->client);
    return CONTROL_OK;
}

/* In constant time: the time shows nothing but the key's length. */
static bool is_key(const char *key, struct rpc_text given)
{
    unsigned differs = 0;
    if (given.len != strlen(key))
        return false;
    for (size_t i = 0; i < given.len; i++)
        differs |= (unsigned char)(key[i] ^ given.bytes[i]);
    return differs == 0;
}

static const char *authenticate(struct control_request *r)
{
    struct rpc_text given = {"", 0};
    const char *key = host_config(r->parts->host)->rpc_auth;
    if (!rpc_get_text(r->body, "AuthKey", &given))
        return CONTROL_MALFORMED;
    if (!is_key(key ? key : "", given))
        return "Invalid authentication token";
    r->client->authenticated = true;
    control_client_welcome(r->client);
    return CONTROL_OK;
}

/* Returns the error that refuses a request; NULL: none. command: NULL for an unknown one. */
static const char *command_objection(const struct control_client *c,
                                     const struct control_command *command)
{
    unsigned flags = command ? command->flags : 0;
    if (!c->handshaken && !(flags & UNGREETED))
        return "Handshake required";
    if (must_authenticate(c) && !(flags & UNVERIFIED))
        return AUTHENTICATION_REQUIRED;
    return command && command->run ? NULL : "Unsupported command";
}

/* ---- dispatch ---- */

static void put_nothing(struct rpc_out *out)
{
    rpc_map_begin(out, NULL);
    rpc_end(out);
}

/* Serf's clients read the body of a command's answer also after an error, except after
 * AUTHENTICATION_REQUIRED. */
static void command_answer(struct control_client *c, const struct control_command *command,
                           uint64_t seq, const char *error)
{
    struct rpc_out *out = control_client_begin(c, seq, error);
    if (command && command->flags & ANSWERS && strcmp(error, AUTHENTICATION_REQUIRED) != 0)
        put_nothing(out);
    control_client_send(c);
}

static void command_run(struct control_client *c, const struct control_command *command,
                        uint64_t seq, const msgpack_object *body)
{
    struct control_request r = {.client = c, .parts = &c->control->parts, .seq = seq, .body = body};
    const char *error = CONTROL_MALFORMED;
    if (body && body->type == MSGPACK_OBJECT_NIL)
        r.body = NULL;
    if (!r.body || body->type == MSGPACK_OBJECT_MAP)
        error = command->run(&r);
    if (error != CONTROL_ANSWERED)
        command_answer(c, command, seq, error);
}

static void take_request(struct control_client *c, const msgpack_object *object)
{
    uint64_t seq = 0;
    struct rpc_text name = {NULL, 0};
    bool well_formed = rpc_get_unsigned(object, "Seq", &seq) &&
                       rpc_get_text(object, "Command", &name) && name.bytes;
    const struct control_command *command = well_formed ? command_find(name) : NULL;
    const char *error = well_formed ? command_objection(c, command) : CONTROL_MALFORMED;
    c->refused = error && (!command || command->flags & HAS_BODY);
    if (error) {
        command_answer(c, command, seq, error);
    } else if (command->flags & HAS_BODY) {
        c->command = command;
        c->seq = seq;
    } else {
        command_run(c, command, seq, NULL);
    }
}

void control_command_take(struct control_client *c, const msgpack_object *object)
{
    const struct control_command *command = c->command;
    bool is_refused_body = c->refused && !rpc_field(object, "Command");
    c->command = NULL;
    c->refused = false;
    if (command)
        command_run(c, command, c->seq, object);
    else if (!is_refused_body)
        take_request(c, object);
}

void control_command_give_up(struct control_client *c, const char *error)
{
    command_answer(c, c->command, c->command ? c->seq : 0, error);
    c->command = NULL;
}
