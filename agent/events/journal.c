#include "agent/events/journal.h"

#include "agent/events/record.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TIME_MS_MAX INT64_C(253402300799999) /* the end of the year 9999 */

/* Everything from oldest to newest is kept, at its number modulo the ring's size. */
struct journal {
    struct journal_entry *ring[JOURNAL_ENTRIES_MAX];
    uint64_t newest, oldest;
    size_t bytes;
    struct json line; /* where lines are written, before they are copied out */
};

struct journal *journal_new(void)
{
    struct journal *j = calloc(1, sizeof *j);
    if (j)
        j->oldest = 1;
    return j;
}

static struct journal_entry **journal_slot(struct journal *j, uint64_t seq)
{
    return &j->ring[seq % JOURNAL_ENTRIES_MAX];
}

static void journal_drop_oldest(struct journal *j)
{
    struct journal_entry **at = journal_slot(j, j->oldest++);
    j->bytes -= (*at)->line_bytes;
    journal_release(*at);
    *at = NULL;
}

static void journal_drop_all(struct journal *j)
{
    while (j->oldest <= j->newest)
        journal_drop_oldest(j);
}

/* Drops the oldest until one more entry of `bytes` bytes fits, or nothing is left. */
static void journal_make_room(struct journal *j, size_t bytes)
{
    while (j->oldest <= j->newest && (j->newest - j->oldest + 1 >= JOURNAL_ENTRIES_MAX ||
                                      j->bytes + bytes > JOURNAL_BYTES_MAX))
        journal_drop_oldest(j);
}

void journal_free(struct journal *j)
{
    if (!j)
        return;
    journal_drop_all(j);
    json_free(&j->line);
    free(j);
}

void journal_time_text(int64_t time_ms, char *into)
{
    if (time_ms < 0)
        time_ms = 0;
    if (time_ms > TIME_MS_MAX)
        time_ms = TIME_MS_MAX;
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t used = strftime(into, JOURNAL_TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(into + used, JOURNAL_TIME_BYTES - used, ".%03uZ", (unsigned)(time_ms % 1000));
}

static void write_line(struct json *j, const struct journal_entry *e)
{
    char time_text[JOURNAL_TIME_BYTES];
    journal_time_text(e->time_ms, time_text);
    json_reset(j);
    json_object_begin(j, NULL);
    json_unsigned(j, "seq", e->seq);
    json_string(j, "time", time_text);
    json_string(j, "event", event_kind_text(e->kind));
    if (event_kind_is_of_member(e->kind))
        record_member_json(j, "member", &e->member);
    if (e->vip)
        fields_json(j, "vip", &vip_fields, e->vip);
    json_object_end(j);
}

/* An entry, its line and what it says of an address, in one piece. NULL: out of memory. */
static struct journal_entry *entry_new(struct json *scratch, const struct journal_entry *from)
{
    write_line(scratch, from);
    if (scratch->failed)
        return NULL;
    size_t line_bytes = scratch->len + 1, vip_bytes = from->vip ? sizeof *from->vip : 0;
    struct journal_entry *e = malloc(sizeof *e + vip_bytes + line_bytes + 1);
    if (!e)
        return NULL;
    *e = *from;
    char *line = (char *)(e + 1) + vip_bytes;
    memcpy(line, scratch->text, scratch->len);
    memcpy(line + scratch->len, "\n", 2);
    e->line = line;
    e->line_bytes = line_bytes;
    e->holds = 1;
    if (from->vip)
        e->vip = memcpy(e + 1, from->vip, vip_bytes);
    e->member.profile = gossip_profile_hold(from->member.profile);
    return e;
}

const struct journal_entry *journal_append(struct journal *j, int64_t time_ms, enum event_kind kind,
                                           const struct gossip_member *member,
                                           const struct vip_record *vip)
{
    uint64_t seq = j->newest + 1;
    struct vip_record copy = vip ? *vip : (struct vip_record){.epoch = 0};
    struct journal_entry *entry = entry_new(&j->line, &(struct journal_entry){
                                                          .seq = seq,
                                                          .time_ms = time_ms,
                                                          .kind = kind,
                                                          .member = *member,
                                                          .vip = vip ? &copy : NULL,
                                                      });
    if (!entry) {
        /* What is kept has no holes, so all before this one goes too, which also frees some. */
        journal_drop_all(j);
        j->newest = seq;
        j->oldest = seq + 1;
        return NULL;
    }
    journal_make_room(j, entry->line_bytes);
    j->newest = seq;
    j->bytes += entry->line_bytes;
    *journal_slot(j, seq) = entry;
    return entry;
}

uint64_t journal_newest(const struct journal *j)
{
    return j->newest;
}

uint64_t journal_oldest(const struct journal *j)
{
    return j->oldest;
}

const struct journal_entry *journal_at(const struct journal *j, uint64_t seq)
{
    if (seq < j->oldest || seq > j->newest)
        return NULL;
    return j->ring[seq % JOURNAL_ENTRIES_MAX];
}

/* Holders see an entry as constant. The journal alone counts its holds. */
static struct journal_entry *owned(const struct journal_entry *entry)
{
    return (struct journal_entry *)(uintptr_t)entry;
}

const struct journal_entry *journal_hold(const struct journal_entry *entry)
{
    owned(entry)->holds++;
    return entry;
}

void journal_release(const struct journal_entry *entry)
{
    assert(entry->holds > 0);
    if (--owned(entry)->holds > 0)
        return;
    gossip_profile_release(entry->member.profile);
    free(owned(entry));
}
