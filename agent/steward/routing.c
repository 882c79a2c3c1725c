#include "agent/steward/routing.h"

#include <errno.h>

static uint64_t routing_bit(size_t i)
{
    return UINT64_C(1) << i;
}

/* False with errno. */
static bool routing_find(struct netlink *n, const struct routing *r, uint64_t *found)
{
    *found = 0;
    return r->count == 0 || r->kind->find(n, r->all, r->count, found);
}

int routing_add(struct netlink *n, const struct routing *r, size_t *at)
{
    uint64_t found;
    *at = 0;
    if (!routing_find(n, r, &found))
        return errno;
    for (; *at < r->count; ++*at)
        if (!(found & routing_bit(*at)) && !r->kind->add(n, r->all, *at))
            return errno;
    return 0;
}

bool routing_remove(struct netlink *n, const struct routing *r)
{
    uint64_t found;
    if (!routing_find(n, r, &found))
        return false;
    for (size_t i = 0; i < r->count; i++)
        if (found & routing_bit(i))
            r->kind->remove(n, r->all, i);
    return found == 0 || (routing_find(n, r, &found) && found == 0);
}

int routing_verify(struct netlink *n, const struct routing *r)
{
    uint64_t found;
    if (!routing_find(n, r, &found))
        return errno;
    for (size_t i = 0; i < r->count; i++)
        if (!(found & routing_bit(i)))
            return ENOENT;
    return 0;
}
