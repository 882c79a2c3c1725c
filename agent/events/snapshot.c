#include "agent/events/snapshot.h"

#include "agent/events/record.h"

#include <stdlib.h>

static void snapshot_write(struct json *j, const struct snapshots *all, uint64_t seq)
{
    struct gossip_member member;
    struct vip_record vip;
    size_t cursor = 0;
    json_object_begin(j, NULL);
    json_unsigned(j, "seq", seq);
    json_string(j, "event", "snapshot");
    json_array_begin(j, "members");
    while (gossip_next_member(all->gossip, &cursor, &member))
        record_member_json(j, NULL, &member);
    json_array_end(j);
    json_array_begin(j, "vips");
    cursor = 0;
    while (all->next_vip && all->next_vip(all->vips, &cursor, &vip))
        fields_json(j, NULL, &vip_fields, &vip);
    json_array_end(j);
    json_object_end(j);
}

/* The view as of now. NULL: out of memory. */
static struct snapshot *snapshot_new(struct snapshots *all)
{
    struct snapshot *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->seq = journal_newest(all->journal);
    snapshot_write(&s->json, all, s->seq);
    if (s->json.failed) {
        json_free(&s->json);
        free(s);
        return NULL;
    }
    s->json.text[s->json.len] = '\n'; /* in the NUL's place */
    s->line_bytes = s->json.len + 1;
    all->sent[all->count++] = s;
    return s;
}

void snapshot_release(struct snapshots *all, struct snapshot *s)
{
    if (--s->holds > 0)
        return;
    size_t at = 0;
    while (all->sent[at] != s)
        at++;
    all->count--;
    for (; at < all->count; at++)
        all->sent[at] = all->sent[at + 1];
    json_free(&s->json);
    free(s);
}

/* The newest, if the reader may begin with it. */
static struct snapshot *snapshot_usable(const struct snapshots *all)
{
    struct snapshot *s = all->count > 0 ? all->sent[all->count - 1] : NULL;
    uint64_t from = all->count == SNAPSHOTS_MAX ? journal_oldest(all->journal) - 1
                                                : journal_newest(all->journal);
    return s && s->seq >= from ? s : NULL;
}

bool snapshots_are_full(const struct snapshots *all)
{
    return all->count == SNAPSHOTS_MAX && !snapshot_usable(all);
}

struct snapshot *snapshot_take(struct snapshots *all)
{
    struct snapshot *s = snapshot_usable(all);
    if (!s && all->count < SNAPSHOTS_MAX)
        s = snapshot_new(all);
    if (s)
        s->holds++;
    return s;
}
