#include "agent/config/vip_spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void vip_spec_init(struct vip_spec *s)
{
    *s = (struct vip_spec){.priority = VIP_PRIORITY_DEFAULT,
                           .timeout_ms = VIP_TIMEOUT_MS_DEFAULT,
                           .lease_ms = VIP_LEASE_MS_DEFAULT};
}

void vip_spec_free(struct vip_spec *s)
{
    for (size_t i = 0; i < s->requires_count; i++)
        free(s->requires[i]);
    tag_match_free(&s->match);
    account_free(s->account);
    free(s->name);
    free(s->interface);
    free(s->hook);
    free(s->user);
    vip_spec_init(s);
}

bool vip_spec_may_hold(const struct vip_spec *s)
{
    return s->fits && s->requires_count == 0;
}
