/* control_command: the table of commands, who may give which, and the dispatch to them. */
#ifndef MUSTER_CONTROL_COMMAND_H
#define MUSTER_CONTROL_COMMAND_H

#include "agent/base/error.h"
#include "agent/config/config.h"
#include "agent/control/control_client.h"

/* A command returns this when it has answered by itself, or will. */
#define CONTROL_ANSWERED NULL
/* A command returns this when all is well and the answer has no body. */
#define CONTROL_OK ""
#define CONTROL_MALFORMED "malformed request"

struct control_request {
    struct control_client *client;
    const struct control_parts *parts;
    uint64_t seq;
    const msgpack_object *body; /* a map; NULL if there is none, which reads as an empty one */
    char error[ERROR_BYTES];    /* room for a text to return */
};

/* Returns the error to answer with (borrowed until the next), or one of the above. */
typedef const char *control_command_fn(struct control_request *r);

/* Takes the next object of a client: a request, its body, or the body of a refused request. */
void control_command_take(struct control_client *c, const msgpack_object *object);

/* Answers with an error: the request whose body was to come, or none in particular (Seq 0). */
void control_command_give_up(struct control_client *c, const char *error);

/* control_members */
control_command_fn control_members_all, control_members_filtered, control_members_view;
/* A member as Serf shows it, as an array's element. */
void control_members_put_serf(struct rpc_out *out, const struct gossip_member *member);
/* A member as our own commands show it (agent/rpc/schema.h). */
void control_members_put(struct rpc_out *out, const char *key, const struct gossip_member *member);
/* The map of its tags alone. */
void control_members_put_tags(struct rpc_out *out, const char *key,
                              const struct gossip_profile *profile);

/* control_stream */
control_command_fn control_stream_stream, control_stream_watch, control_stream_monitor,
    control_stream_stop;
/* Writes records of all streams of a client, as many as there is room for. */
void control_stream_feed(struct control_client *c);
/* Ends all streams of a client. */
void control_stream_end_all(struct control_client *c);

/* control_info */
control_command_fn control_info_stats, control_info_info, control_info_explain;

/* control_lock */
control_command_fn control_lock_take, control_lock_give_back;
/* Writes what has changed of all locks of a client, as much as there is room for. */
void control_lock_feed(struct control_client *c);
/* The client is gone: its locks are not renewed, and end with their leases. */
void control_lock_abandon_all(struct control_client *c);

/* control_vips */
control_command_fn control_vips_list, control_vips_explain, control_vips_move, control_vips_release,
    control_vips_drain, control_vips_undrain;

/* control_admin */
control_command_fn control_admin_join, control_admin_leave, control_admin_force_leave,
    control_admin_tags, control_admin_reload;
/* The client is gone: its joins and reloads are not answered. */
void control_admin_forget_pending(struct control_client *c);

#endif
