/* vip: the floating addresses as the agent shows them. */
#ifndef MUSTER_CLI_VIP_H
#define MUSTER_CLI_VIP_H

#include "agent/rpc/schema.h"
#include "cli/cli.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One address; texts end with the client's next call. The later fields are in an explanation only.
 */
struct vip {
    struct vip_record record;
    const char *state;
    const char *obstacle; /* why this host is no candidate; "": it is one */
    bool quorum, gate;
    uint64_t version, priority, lease_ms, left_ms;
    const char *since, *why, *failure;
    const msgpack_object *waiting, *voters;
    const msgpack_object *addresses, *routes, *rules, *track;
};

struct vip_list {
    bool quorum, drained;
    struct vip *vips; /* until the next call */
    size_t count;
};

/* Asks for all of them, and for one of them. The client's status. */
enum client_status vip_list(struct client *client, struct vip_list *list);
enum client_status vip_ask(struct client *client, const char *name, struct vip *vip);

/* Between two questions about a change that is under way. */
void vip_pause(void);

/* A command of `muster vip`, with its arguments. Returns the exit status. */
typedef int vip_verb_fn(struct cli *cli, char **arguments);
vip_verb_fn vip_explain_run, vip_move_run, vip_release_run;

#endif
