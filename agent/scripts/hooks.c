#include "agent/scripts/hooks.h"

#include <stdio.h>
#include <stdlib.h>

#define HOOK_PREFIX "vip/" /* of a hook, among the names of handlers */

/* Everything borrowed from the address's spec. */
static struct handler_spec hook_of(const struct vip_spec *vip, char *name)
{
    return (struct handler_spec){
        .name = name,
        .kinds = 1u << EVENT_VIP_ACQUIRED | 1u << EVENT_VIP_RELEASED | 1u << EVENT_VIP_CONFLICT |
                 1u << EVENT_VIP_RESTORED,
        .run = vip->hook,
        .vip = vip->name,
        .timeout_ms = vip->timeout_ms,
        .user = vip->user,
        .account = vip->account,
    };
}

struct handlers_plan *hooks_prepare(struct handlers *handlers, const struct config *c)
{
    enum { HOOK_NAME_BYTES = sizeof HOOK_PREFIX + GOSSIP_NAME_BYTES_MAX };
    size_t count = c->handlers_count;
    struct handler_spec *specs = calloc(count + c->vips_count + 1, sizeof *specs);
    char(*names)[HOOK_NAME_BYTES] = calloc(c->vips_count + 1, sizeof *names);
    bool ok = specs && names;
    for (size_t i = 0; ok && i < count; i++)
        specs[i] = c->handlers[i];
    for (size_t i = 0; ok && i < c->vips_count; i++) {
        if (!c->vips[i].hook)
            continue;
        snprintf(names[i], sizeof names[i], HOOK_PREFIX "%s", c->vips[i].name);
        specs[count++] = hook_of(&c->vips[i], names[i]);
    }
    struct handlers_plan *plan = ok ? handlers_prepare(handlers, specs, count) : NULL;
    free(specs);
    free(names);
    return plan;
}
