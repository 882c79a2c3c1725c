#include "agent/vip/vip.h"

#include <string.h>

const char *vip_state_text(enum vip_state state)
{
    static const char *const texts[] = {"out", "waiting", "starting", "holding", "stopping"};
    return texts[state];
}

static bool vip_is_candidate(const struct vip *v)
{
    return v->eligible && v->retry_us == 0;
}

/* Neither held nor on the way there. */
static unsigned vip_settle(struct vip *v)
{
    v->state = vip_is_candidate(v) ? VIP_WAITING : VIP_OUT;
    return vip_is_candidate(v) ? VIP_CLAIM : VIP_OBSERVE;
}

static unsigned vip_publish_holder(struct vip *v, const char *holder)
{
    bool same = strcmp(v->holder, holder) == 0;
    if (same && (*holder == '\0' || v->published_epoch == v->epoch))
        return 0;
    v->published_epoch = v->epoch;
    v->here = strcmp(v->holder, v->self) == 0 || strcmp(holder, v->self) == 0;
    memcpy(v->holder, holder, strlen(holder) + 1);
    return *holder != '\0' ? VIP_ACQUIRED : VIP_RELEASED;
}

static unsigned vip_stop(struct vip *v, const char *successor)
{
    memmove(v->successor, successor, strlen(successor) + 1);
    v->state = VIP_STOPPING;
    return VIP_DOWN;
}

unsigned vip_set_eligible(struct vip *v, int64_t now_us, bool eligible)
{
    (void)now_us;
    v->eligible = eligible;
    switch (v->state) {
    case VIP_OUT:
    case VIP_WAITING:
        return vip_settle(v);
    case VIP_STARTING:
    case VIP_HOLDING:
        return eligible ? 0 : vip_stop(v, "");
    case VIP_STOPPING:
        return 0;
    }
    return 0;
}

static unsigned vip_lease_held(struct vip *v, const struct leases_state *lease)
{
    unsigned probe = lease->taken_over || lease->resumed ? 0 : VIP_PROBE;
    v->until_us = lease->until_us;
    v->epoch = lease->epoch;
    switch (v->state) {
    case VIP_WAITING:
        v->state = VIP_STARTING;
        v->foreign = false;
        return VIP_UP | probe;
    case VIP_STARTING:
    case VIP_HOLDING:
        return lease->move_to[0] != '\0' ? vip_stop(v, lease->move_to) : VIP_UP | VIP_RENEW;
    case VIP_STOPPING:
        return 0;
    case VIP_OUT: /* the lease was won while this host was giving up its claim */
        v->successor[0] = '\0';
        return VIP_RELEASE | VIP_OBSERVE;
    }
    return 0;
}

unsigned vip_lease(struct vip *v, int64_t now_us, const struct leases_state *lease)
{
    (void)now_us;
    if (lease->held)
        return vip_lease_held(v, lease);
    bool was_ours = v->state > VIP_WAITING;
    /* A lease that voters still grant to an earlier run of this agent: the address is not held. */
    const char *holder = strcmp(lease->holder, v->self) == 0 ? "" : lease->holder;
    v->epoch = lease->epoch;
    return (was_ours ? vip_settle(v) : 0) | vip_publish_holder(v, holder);
}

unsigned vip_move(struct vip *v, int64_t now_us, const char *successor)
{
    (void)now_us;
    return v->state == VIP_STARTING || v->state == VIP_HOLDING ? vip_stop(v, successor) : 0;
}

/* A named successor does not probe for another holder. While a foreign host claims the address,
 * the next holder must probe: yield to nobody in particular. */
static unsigned vip_give_back(const struct vip *v)
{
    return v->foreign ? VIP_YIELD : VIP_RELEASE;
}

static int64_t vip_next_back_off_us(const struct vip *v)
{
    int64_t twice_us = 2 * v->back_off_us;
    twice_us = twice_us < VIP_BACK_OFF_US_MAX ? twice_us : VIP_BACK_OFF_US_MAX;
    return twice_us > VIP_BACK_OFF_US_MIN ? twice_us : VIP_BACK_OFF_US_MIN;
}

/* Another host should try, for now. */
static unsigned vip_back_off(struct vip *v, int64_t now_us)
{
    v->back_off_us = vip_next_back_off_us(v);
    v->retry_us = now_us + (v->foreign ? VIP_RETRY_US : v->back_off_us);
    v->successor[0] = '\0';
    return vip_give_back(v) | vip_settle(v) | vip_publish_holder(v, "");
}

unsigned vip_report(struct vip *v, int64_t now_us, enum vip_report_kind kind)
{
    bool ours = v->state == VIP_STARTING || v->state == VIP_HOLDING;
    switch (kind) {
    case VIP_IS_UP:
        if (!ours)
            return 0;
        v->state = VIP_HOLDING;
        v->back_off_us = 0;
        return vip_publish_holder(v, v->self);
    case VIP_IS_DOWN:
        if (v->state == VIP_STOPPING)
            return vip_give_back(v) | vip_settle(v) | vip_publish_holder(v, "");
        return ours ? vip_back_off(v, now_us) : 0;
    case VIP_IS_REFUSED:
        return ours ? vip_back_off(v, now_us) : 0;
    case VIP_IS_FOREIGN:
        v->here = true;
        v->foreign = true;
        return VIP_CONFLICT;
    case VIP_IS_RESTORED:
        v->here = true;
        return v->state == VIP_HOLDING ? VIP_RESTORED : 0;
    }
    return 0;
}

unsigned vip_tick(struct vip *v, int64_t now_us)
{
    if (v->retry_us == 0 || now_us < v->retry_us)
        return 0;
    v->retry_us = 0;
    return v->state == VIP_OUT ? vip_settle(v) : 0;
}
