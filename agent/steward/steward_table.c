#include "agent/steward/steward_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct steward_slot *find(const struct steward_table *t, uint64_t key)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->slots[i].key == key)
            return &t->slots[i];
    return NULL;
}

bool steward_table_set(struct steward_table *t, const struct steward_vip *vips, size_t count)
{
    struct steward_slot *more =
        count > 0 ? reallocarray(t->slots, t->count + count, sizeof *more) : t->slots;
    if (count > 0 && !more)
        return false;
    t->slots = more;
    for (size_t i = 0; i < t->count; i++)
        t->slots[i].retired = true;
    for (size_t i = 0; i < count; i++) {
        struct steward_slot *s = find(t, steward_vip_key(&vips[i]));
        if (s)
            s->retired = false;
        else
            steward_slot_init(&t->slots[t->count++], &vips[i]);
    }
    for (size_t i = 0; i < t->count; i++)
        if (t->slots[i].retired)
            ward_drop(&t->slots[i].ward, steward_now_us(), WARD_ASKED);
    return true;
}

void steward_table_free(struct steward_table *t)
{
    free(t->slots);
    *t = (struct steward_table){0};
}

/* Said once: who asks for what is not there will ask again. */
static void refuse(const struct steward_hands *h, const struct steward_request *r, int error)
{
    struct steward_report out = {.version = STEWARD_VERSION,
                                 .word = STEWARD_FAILED,
                                 .why = WARD_FAILED,
                                 .error = error,
                                 .vip = r->vip,
                                 .epoch = r->epoch};
    (void)!send(h->fd, &out, sizeof out, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void steward_table_take(struct steward_table *t, struct steward_hands *h, const void *bytes,
                        size_t count)
{
    struct steward_request r;
    int error = steward_request_check(bytes, count, steward_now_us(), &r);
    struct steward_slot *s = find(t, r.vip);
    if (error == 0 && r.order == STEWARD_PING)
        h->ready_due = true;
    else if (s)
        steward_slot_take(h, s, &r, error);
    else
        refuse(h, &r, error ? error : ENXIO);
}

int64_t steward_table_settle(struct steward_table *t, struct steward_hands *h)
{
    int64_t deadline_us = INT64_MAX;
    size_t kept = 0;
    for (size_t i = 0; i < t->count; i++) {
        struct steward_slot *s = &t->slots[i];
        steward_slot_settle(h, s);
        int64_t due_us = ward_deadline(&s->ward);
        deadline_us = due_us < deadline_us ? due_us : deadline_us;
        if (s->retired && s->ward.state == WARD_FREE && steward_slot_flush(h, s))
            continue;
        if (kept != i)
            t->slots[kept] = *s;
        kept++;
    }
    t->count = kept;
    return deadline_us;
}

bool steward_table_is_free(const struct steward_table *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->slots[i].ward.state != WARD_FREE)
            return false;
    return true;
}
