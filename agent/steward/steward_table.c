#include "agent/steward/steward_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct steward_hold *table_find(const struct steward_table *t, uint64_t key)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->holds[i].key == key)
            return &t->holds[i];
    return NULL;
}

static bool table_reserve(struct steward_table *t, const struct steward_vip *vips, size_t count)
{
    size_t missing = 0;
    for (size_t i = 0; i < count; i++)
        missing += !table_find(t, steward_vip_key(&vips[i]));
    if (missing == 0)
        return true;
    struct steward_hold *more = reallocarray(t->holds, t->count + missing, sizeof *more);
    if (more)
        t->holds = more;
    return more;
}

/* What is in no configuration goes; what is back in one stays. */
static void table_sweep(struct steward_table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        struct steward_hold *h = &t->holds[i];
        h->removed = !h->in_force && !h->prepared;
        if (h->removed)
            hold_drop(&h->hold, steward_now_us(), DROP_ASKED);
    }
}

static void table_forget_next(struct steward_table *t)
{
    free(t->next);
    t->next = NULL;
    t->next_count = 0;
}

/* False: out of memory; the earlier one is still there. */
static bool table_keep_next(struct steward_table *t, const struct steward_vip *vips, size_t count)
{
    struct steward_vip *next = malloc((count + 1) * sizeof *next);
    if (!next)
        return false;
    if (count > 0)
        memcpy(next, vips, count * sizeof *next);
    table_forget_next(t);
    t->next = next;
    t->next_count = count;
    return true;
}

bool steward_table_prepare(struct steward_table *t, const struct steward_vip *vips, size_t count)
{
    if (!table_reserve(t, vips, count) || !table_keep_next(t, vips, count))
        return false;
    for (size_t i = 0; i < t->count; i++)
        t->holds[i].prepared = false;
    for (size_t i = 0; i < count; i++) {
        struct steward_hold *h = table_find(t, steward_vip_key(&vips[i]));
        if (!h) {
            h = &t->holds[t->count++];
            steward_hold_init(h, &vips[i]);
        }
        h->prepared = true;
    }
    table_sweep(t);
    return true;
}

void steward_table_commit(struct steward_table *t, struct steward_io *io)
{
    for (size_t i = 0; i < t->next_count; i++) {
        struct steward_hold *h = table_find(t, steward_vip_key(&t->next[i]));
        if (h && h->prepared)
            steward_hold_change(io, h, &t->next[i]);
    }
    table_forget_next(t);
    for (size_t i = 0; i < t->count; i++) {
        t->holds[i].in_force = t->holds[i].prepared;
        t->holds[i].prepared = false;
    }
    table_sweep(t);
}

void steward_table_rollback(struct steward_table *t)
{
    table_forget_next(t);
    for (size_t i = 0; i < t->count; i++)
        t->holds[i].prepared = false;
    table_sweep(t);
}

void steward_table_look_at_links(struct steward_table *t, struct steward_io *io)
{
    for (size_t i = 0; i < t->count; i++) {
        struct steward_hold *h = &t->holds[i];
        if (!h->in_force)
            continue;
        steward_hold_look_at_links(io, h);
        steward_hold_report_eligibility(h);
    }
}

static void table_on_addr(void *arg, const struct netlink_addr *addr)
{
    struct steward_table *t = arg;
    for (size_t i = 0; i < t->count; i++)
        steward_hold_read(&t->holds[i], addr);
}

/* False: nothing was to be read, or the kernel does not say. */
static bool table_read(struct steward_table *t, struct steward_io *io, bool all)
{
    bool any = false;
    for (size_t i = 0; i < t->count; i++)
        any |= steward_hold_read_begin(&t->holds[i], all);
    if (!any || !netlink_addrs(&io->netlink, table_on_addr, t))
        return false;
    for (size_t i = 0; i < t->count; i++)
        steward_hold_judge(io, &t->holds[i]);
    return true;
}

void steward_table_verify(struct steward_table *t, struct steward_io *io)
{
    table_read(t, io, false);
}

void steward_table_check(struct steward_table *t, struct steward_io *io)
{
    steward_io_link_changed(io);
    for (size_t i = 0; i < t->count; i++)
        steward_hold_look_at_links(io, &t->holds[i]);
    if (!table_read(t, io, true))
        return;
    for (size_t i = 0; i < t->count; i++)
        steward_hold_route(io, &t->holds[i]);
}

void steward_table_free(struct steward_table *t)
{
    table_forget_next(t);
    free(t->holds);
    *t = (struct steward_table){0};
}

/* Said once: who asks for what is not there will ask again. */
static void table_refuse(const struct steward_io *io, const struct steward_request *r, int error)
{
    struct steward_report out = {.kind = STEWARD_FAILED,
                                 .reason = DROP_FAILED,
                                 .error = error,
                                 .vip = r->vip,
                                 .epoch = r->epoch};
    steward_io_send(io, &out);
}

void steward_table_apply(struct steward_table *t, struct steward_io *io, const void *bytes,
                         size_t count)
{
    struct steward_request r;
    int error = steward_request_check(bytes, count, steward_now_us(), &r);
    struct steward_hold *h = table_find(t, r.vip);
    if (error == 0 && r.kind == STEWARD_PING)
        io->ready_due = true;
    else if (error == 0 && r.kind == STEWARD_QUIT)
        io->quit = true;
    else if (h)
        steward_hold_apply(io, h, &r, error);
    else
        table_refuse(io, &r, error ? error : ENXIO);
}

/* NULL: out of memory. */
static struct steward_hold *table_add_removed(struct steward_table *t,
                                              const struct steward_vip *vip)
{
    struct steward_hold *more = reallocarray(t->holds, t->count + 1, sizeof *more);
    if (!more)
        return NULL;
    t->holds = more;
    struct steward_hold *h = &t->holds[t->count++];
    steward_hold_init(h, vip);
    h->removed = true;
    return h;
}

bool steward_table_adopt(struct steward_table *t, struct steward_io *io,
                         const struct handover_hold *given)
{
    int64_t left_us = given->until_us - steward_now_us();
    if (left_us <= 0 || left_us > STEWARD_AHEAD_US_MAX)
        return false;
    struct steward_hold *h = table_find(t, steward_vip_key(&given->vip));
    if (!h)
        h = table_add_removed(t, &given->vip);
    if (!h)
        return false;
    steward_hold_adopt(io, h, given);
    if (h->removed)
        hold_drop(&h->hold, steward_now_us(), DROP_ASKED);
    return true;
}

size_t steward_table_give(const struct steward_table *t, struct handover_hold *into)
{
    size_t count = 0;
    for (size_t i = 0; i < t->count && count < STEWARD_VIPS_MAX; i++)
        count += steward_hold_give(&t->holds[i], &into[count]);
    return count;
}

int64_t steward_table_settle(struct steward_table *t, struct steward_io *io)
{
    int64_t deadline_us = INT64_MAX;
    size_t kept = 0;
    for (size_t i = 0; i < t->count; i++) {
        struct steward_hold *h = &t->holds[i];
        steward_hold_settle(io, h);
        int64_t due_us = hold_deadline(&h->hold);
        deadline_us = due_us < deadline_us ? due_us : deadline_us;
        if (h->removed && h->hold.state == HOLD_FREE && steward_hold_flush(io, h))
            continue;
        if (kept != i)
            t->holds[kept] = *h;
        kept++;
    }
    t->count = kept;
    return deadline_us;
}

bool steward_table_is_free(const struct steward_table *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->holds[i].hold.state != HOLD_FREE)
            return false;
    return true;
}
