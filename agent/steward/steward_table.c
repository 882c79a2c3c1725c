#include "agent/steward/steward_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct steward_address *table_find(const struct steward_table *t, uint64_t key)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->addresses[i].key == key)
            return &t->addresses[i];
    return NULL;
}

static bool table_reserve(struct steward_table *t, const struct steward_vip *vips, size_t count)
{
    size_t missing = 0;
    for (size_t i = 0; i < count; i++)
        missing += !table_find(t, steward_vip_key(&vips[i]));
    if (missing == 0)
        return true;
    struct steward_address *more = reallocarray(t->addresses, t->count + missing, sizeof *more);
    if (more)
        t->addresses = more;
    return more;
}

/* What is in no configuration goes; what is back in one stays. */
static void table_sweep(struct steward_table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        struct steward_address *a = &t->addresses[i];
        a->retired = !a->in_force && !a->prepared;
        if (a->retired)
            hold_drop(&a->hold, steward_now_us(), DROP_ASKED);
    }
}

bool steward_table_prepare(struct steward_table *t, const struct steward_vip *vips, size_t count)
{
    if (!table_reserve(t, vips, count))
        return false;
    for (size_t i = 0; i < t->count; i++)
        t->addresses[i].prepared = false;
    for (size_t i = 0; i < count; i++) {
        struct steward_address *a = table_find(t, steward_vip_key(&vips[i]));
        if (!a) {
            a = &t->addresses[t->count++];
            steward_address_init(a, &vips[i]);
        }
        a->prepared = true;
    }
    table_sweep(t);
    return true;
}

void steward_table_commit(struct steward_table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        t->addresses[i].in_force = t->addresses[i].prepared;
        t->addresses[i].prepared = false;
    }
    table_sweep(t);
}

void steward_table_rollback(struct steward_table *t)
{
    for (size_t i = 0; i < t->count; i++)
        t->addresses[i].prepared = false;
    table_sweep(t);
}

void steward_table_free(struct steward_table *t)
{
    free(t->addresses);
    *t = (struct steward_table){0};
}

/* Said once: who asks for what is not there will ask again. */
static void table_refuse(const struct steward_io *io, const struct steward_request *r, int error)
{
    struct steward_report out = {.version = STEWARD_VERSION,
                                 .kind = STEWARD_FAILED,
                                 .reason = DROP_FAILED,
                                 .error = error,
                                 .vip = r->vip,
                                 .epoch = r->epoch};
    (void)!send(io->fd, &out, sizeof out, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void steward_table_apply(struct steward_table *t, struct steward_io *io, const void *bytes,
                         size_t count)
{
    struct steward_request r;
    int error = steward_request_check(bytes, count, steward_now_us(), &r);
    struct steward_address *a = table_find(t, r.vip);
    if (error == 0 && r.kind == STEWARD_PING)
        io->ready_due = true;
    else if (error == 0 && r.kind == STEWARD_QUIT)
        io->quit = true;
    else if (a)
        steward_address_apply(io, a, &r, error);
    else
        table_refuse(io, &r, error ? error : ENXIO);
}

bool steward_table_adopt(struct steward_table *t, struct steward_io *io,
                         const struct handover_hold *h)
{
    int64_t left_us = h->until_us - steward_now_us();
    struct steward_address *a = table_find(t, steward_vip_key(&h->vip));
    if (left_us <= 0 || left_us > STEWARD_AHEAD_US_MAX)
        return false;
    if (!a) {
        a = reallocarray(t->addresses, t->count + 1, sizeof *a);
        if (!a)
            return false;
        t->addresses = a;
        a += t->count++;
        steward_address_init(a, &h->vip);
        a->retired = true;
    }
    steward_address_adopt(io, a, h);
    if (a->retired)
        hold_drop(&a->hold, steward_now_us(), DROP_ASKED);
    return true;
}

size_t steward_table_give(const struct steward_table *t, struct handover_hold *into)
{
    size_t count = 0;
    for (size_t i = 0; i < t->count && count < STEWARD_VIPS_MAX; i++)
        count += steward_address_give(&t->addresses[i], &into[count]);
    return count;
}

int64_t steward_table_settle(struct steward_table *t, struct steward_io *io)
{
    int64_t deadline_us = INT64_MAX;
    size_t kept = 0;
    for (size_t i = 0; i < t->count; i++) {
        struct steward_address *a = &t->addresses[i];
        steward_address_settle(io, a);
        int64_t due_us = hold_deadline(&a->hold);
        deadline_us = due_us < deadline_us ? due_us : deadline_us;
        if (a->retired && a->hold.state == HOLD_FREE && steward_address_flush(io, a))
            continue;
        if (kept != i)
            t->addresses[kept] = *a;
        kept++;
    }
    t->count = kept;
    return deadline_us;
}

bool steward_table_is_free(const struct steward_table *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->addresses[i].hold.state != HOLD_FREE)
            return false;
    return true;
}
