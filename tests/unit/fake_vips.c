#include "tests/unit/fake_vips.h"

#include "agent/vip/managed_vip.h"
#include "agent/vip/quorum.h"

#include <stdio.h>
#include <string.h>

struct fake_vips fake_vips;

static const char *note(const char *verb, const char *name, const char *host)
{
    size_t used = strlen(fake_vips.asked);
    snprintf(fake_vips.asked + used, sizeof fake_vips.asked - used, "%s%s%s%s%s\n", verb,
             *name ? " " : "", name, *host ? " " : "", host);
    return fake_vips.error;
}

bool vips_next(const struct vips *v, size_t *cursor, struct vips_view *view)
{
    (void)v;
    if (*cursor >= fake_vips.count)
        return false;
    *view = fake_vips.views[(*cursor)++];
    return true;
}

bool vips_find(const struct vips *v, const char *name, struct vips_view *view)
{
    size_t cursor = 0;
    while (vips_next(v, &cursor, view))
        if (strcmp(view->spec->name, name) == 0)
            return true;
    return false;
}

void vips_describe(const struct vip_spec *spec, const struct vip *vip, struct vip_record *into)
{
    *into = (struct vip_record){.epoch = vip->epoch, .address = "10.0.0.100/32"};
    snprintf(into->name, sizeof into->name, "%s", spec->name);
    snprintf(into->interface, sizeof into->interface, "%s", spec->addresses[0].interface);
    snprintf(into->holder, sizeof into->holder, "%s", vip->holder);
}

const char *vips_move(struct vips *v, const char *name, const char *heir)
{
    (void)v;
    return note("move", name, heir);
}

const char *vips_release(struct vips *v, const char *name)
{
    (void)v;
    return note("release", name, "");
}

void vips_drain(struct vips *v, bool drain)
{
    (void)v;
    note(drain ? "drain" : "undrain", "", "");
}

bool vips_is_drained(const struct vips *v)
{
    (void)v;
    return fake_vips.drained;
}

bool vips_has_fence(const struct vips *v)
{
    (void)v;
    return fake_vips.gate;
}

bool quorum_is_there(const struct quorum *q)
{
    (void)q;
    return fake_vips.quorum;
}

const struct voters *leases_voters(const struct gossip *g)
{
    (void)g;
    return &fake_vips.voters;
}

int64_t leases_voter_silent_us(const struct gossip *g, int64_t now_us, const char *voter)
{
    (void)g, (void)now_us, (void)voter;
    return 0;
}

bool leases_find_alike(const struct gossip *g, const char *voter, struct gossip_member *member)
{
    return strcmp(voter, fake_vips.alike[0]) == 0 && gossip_find(g, fake_vips.alike[1], member);
}

struct lock *locks_take(struct locks *l, const char *name, lock_changed_fn *changed, void *arg,
                        const char **error)
{
    (void)l;
    *error = fake_vips.error;
    if (fake_vips.error)
        return NULL;
    snprintf(fake_vips.lock_name, sizeof fake_vips.lock_name, "%s", name);
    fake_vips.changed = changed;
    fake_vips.changed_arg = arg;
    fake_vips.locks_taken++;
    return (struct lock *)&fake_vips;
}

void locks_abandon(struct lock *lock)
{
    (void)lock;
    fake_vips.locks_abandoned++;
}

void locks_drop(struct lock *lock)
{
    (void)lock;
    fake_vips.locks_dropped++;
}
