#include "agent/config/vip_spec.h"

bool vip_spec_may_hold(const struct vip_spec *s)
{
    return s->fits && s->requires_count == 0;
}
