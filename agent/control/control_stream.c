#include "agent/base/log.h"
#include "agent/control/control_command.h"
#include "agent/events/reader.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILTER_BYTES 512 /* every event's name there is, several times over */
#define LEVEL_BYTES 32

/* A place in the journal or in the log, from where a client is sent what comes. Nothing is kept for
 * it but the place: a client that reads slowly falls behind, until what comes next is no longer
 * there. */
struct control_stream {
    LIST_ENTRY(control_stream) link;
    uint64_t seq; /* of the request, and of every record */
    /* Sends one record, if there is one to send. */
    bool (*send_next)(struct control_client *c, struct control_stream *s);
    struct reader reader; /* of changes */
    bool watch;           /* changes in our own form, not in Serf's */
    uint64_t line;        /* of the log: the first not looked at */
    enum log_level level; /* of lines */
};

/* ---- records ---- */

/* In Serf's form, with names as Serf has them, or in ours. */
static void put_gap(struct rpc_out *out, uint64_t lost, uint64_t last_lost, bool watch)
{
    rpc_map_begin(out, NULL);
    rpc_put_text(out, watch ? "event" : "Event", "gap");
    rpc_put_unsigned(out, watch ? "lost" : "Lost", lost);
    rpc_put_unsigned(out, watch ? "seq" : "Seq", last_lost);
    rpc_end(out);
}

static void put_serf_entry(struct rpc_out *out, const struct journal_entry *entry)
{
    rpc_map_begin(out, NULL);
    rpc_put_text(out, "Event", event_kind_text(entry->kind));
    rpc_array_begin(out, "Members");
    control_members_put_serf(out, &entry->member);
    rpc_end(out);
    rpc_end(out);
}

static void put_watch_entry(struct rpc_out *out, const struct journal_entry *entry)
{
    char time_text[JOURNAL_TIME_BYTES];
    journal_time_text(entry->time_ms, time_text);
    rpc_map_begin(out, NULL);
    rpc_put_text(out, "event", event_kind_text(entry->kind));
    rpc_put_unsigned(out, "seq", entry->seq);
    rpc_put_text(out, "time", time_text);
    rpc_put_text_part(out, "line", entry->line, entry->line_bytes - 1); /* without its newline */
    if (event_kind_is_of_member(entry->kind))
        control_members_put(out, "member", &entry->member);
    if (entry->vip)
        fields_put(out, "vip", &vip_fields, entry->vip);
    rpc_end(out);
}

static bool send_change(struct control_client *c, struct control_stream *s)
{
    struct reader_item item;
    if (!reader_next(&s->reader, host_journal(c->control->parts.host), &item))
        return false;
    struct rpc_out *out = control_client_begin(c, s->seq, "");
    if (!item.entry)
        put_gap(out, item.lost, item.last_lost, s->watch);
    else
        (s->watch ? put_watch_entry : put_serf_entry)(out, item.entry);
    control_client_send(c);
    return true;
}

/* Goes to the first line that is kept. Returns how many were lost before it. */
static uint64_t skip_lost_lines(struct control_stream *s)
{
    uint64_t newest = log_newest(), from = s->line;
    enum log_level level;
    if (newest >= LOG_HISTORY_LINES && s->line <= newest - LOG_HISTORY_LINES)
        s->line = newest - LOG_HISTORY_LINES + 1;
    while (s->line <= newest && !log_line(s->line, &level))
        s->line++;
    return s->line - from;
}

/* The next line of the stream's level, borrowed. NULL: none so far. */
static const char *take_line(struct control_stream *s)
{
    while (s->line <= log_newest()) {
        enum log_level level;
        const char *line = log_line(s->line++, &level);
        if (line && level <= s->level)
            return line;
    }
    return NULL;
}

/* Serf's clients show the Log of a gap as they show any line. */
static bool send_line(struct control_client *c, struct control_stream *s)
{
    char notice[64];
    const char *line;
    uint64_t lost = skip_lost_lines(s);
    snprintf(notice, sizeof notice, "[WARN] %" PRIu64 " lines lost: read too slowly", lost);
    line = lost ? notice : take_line(s);
    if (!line)
        return false;
    struct rpc_out *out = control_client_begin(c, s->seq, "");
    rpc_map_begin(out, NULL);
    rpc_put_text(out, "Log", line);
    if (lost) {
        rpc_put_text(out, "Event", "gap");
        rpc_put_unsigned(out, "Lost", lost);
    }
    rpc_end(out);
    control_client_send(c);
    return true;
}

/* One record of each in turn, so that none waits for another to be done. */
void control_stream_feed(struct control_client *c)
{
    struct control_stream *s;
    bool sent;
    do {
        sent = false;
        LIST_FOREACH (s, &c->streams, link)
            if (!c->unusable && control_client_has_room(c) && s->send_next(c, s))
                sent = true;
    } while (sent);
}

/* ---- beginning and end ---- */

static void stream_end(struct control_client *c, struct control_stream *s)
{
    LIST_REMOVE(s, link);
    c->streams_count--;
    c->control->streams_count--;
    free(s);
}

void control_stream_end_all(struct control_client *c)
{
    for (struct control_stream *s = LIST_FIRST(&c->streams), *next; s; s = next) {
        next = LIST_NEXT(s, link);
        stream_end(c, s);
    }
}

static struct control_stream *stream_find(const struct control_client *c, uint64_t seq)
{
    struct control_stream *s;
    LIST_FOREACH (s, &c->streams, link)
        if (s->seq == seq)
            return s;
    return NULL;
}

/* Begins `wanted`, with the request's Seq. */
static const char *stream_begin(struct control_request *r, const struct control_stream *wanted)
{
    struct control_client *c = r->client;
    if (stream_find(c, r->seq))
        return "Stream with given sequence exists";
    if (c->streams_count >= CONTROL_STREAMS_MAX)
        return "too many streams";
    struct control_stream *s = malloc(sizeof *s);
    if (!s)
        return "out of memory";
    *s = *wanted;
    s->seq = r->seq;
    LIST_INSERT_HEAD(&c->streams, s, link);
    c->streams_count++;
    c->control->streams_count++;
    return CONTROL_OK;
}

/* ---- filters ---- */

#define SERF_KINDS                                                                                 \
    (1u << EVENT_MEMBER_JOIN | 1u << EVENT_MEMBER_LEAVE | 1u << EVENT_MEMBER_FAILED |              \
     1u << EVENT_MEMBER_UPDATE | 1u << EVENT_MEMBER_REAP)

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Adds the kinds that one name of a filter means, of those known. Serf's user events and queries
 * are known names without a kind. False: an unknown name. */
static bool add_kinds(const char *name, unsigned known, unsigned *kinds)
{
    enum event_kind kind;
    if (strcmp(name, "*") == 0)
        *kinds |= known;
    else if (event_kind_parse(name, &kind) && known & 1u << kind)
        *kinds |= 1u << kind;
    else
        return strcmp(name, "user") == 0 || has_prefix(name, "user:") ||
               strcmp(name, "query") == 0 || has_prefix(name, "query:");
    return true;
}

/* filter: a list with commas; changed. */
static bool parse_filter(char *filter, unsigned known, unsigned *kinds)
{
    if (!*filter) {
        *kinds = known;
        return true;
    }
    for (char *rest = filter, *name; (name = strsep(&rest, ","));)
        if (!add_kinds(name, known, kinds))
            return false;
    return true;
}

/* ---- the commands ---- */

static const char *begin_entries(struct control_request *r, struct control_stream *wanted,
                                 unsigned known)
{
    char filter[FILTER_BYTES] = "";
    wanted->send_next = send_change;
    if (!rpc_get_string(r->body, "Type", filter, sizeof filter) ||
        !parse_filter(filter, known, &wanted->reader.kinds))
        return "Invalid event filter";
    return stream_begin(r, wanted);
}

const char *control_stream_stream(struct control_request *r)
{
    const struct journal *j = host_journal(r->parts->host);
    struct control_stream wanted = {.reader = reader_at_end(j, 0)};
    return begin_entries(r, &wanted, SERF_KINDS);
}

const char *control_stream_watch(struct control_request *r)
{
    uint64_t from = 0;
    if (!rpc_get_unsigned(r->body, "From", &from))
        return CONTROL_MALFORMED;
    struct control_stream wanted = {.watch = true,
                                    .reader = reader_from(host_journal(r->parts->host), 0, from)};
    return begin_entries(r, &wanted, READER_ALL_KINDS);
}

static const char *unknown_level(struct control_request *r, char *level)
{
    for (char *c = level; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    snprintf(r->error, sizeof r->error, "Unknown log level: %s", level);
    return r->error;
}

const char *control_stream_monitor(struct control_request *r)
{
    struct control_stream wanted = {.send_next = send_line, .line = 1};
    const struct control_stream *s;
    char level[LEVEL_BYTES] = "";
    if (!rpc_get_string(r->body, "LogLevel", level, sizeof level))
        return CONTROL_MALFORMED;
    if (!log_level_parse(level, &wanted.level))
        return unknown_level(r, level);
    LIST_FOREACH (s, &r->client->streams, link)
        if (s->send_next == send_line)
            return "Monitor already exists";
    skip_lost_lines(&wanted);
    return stream_begin(r, &wanted);
}

const char *control_stream_stop(struct control_request *r)
{
    uint64_t seq = 0;
    if (!rpc_get_unsigned(r->body, "Stop", &seq))
        return CONTROL_MALFORMED;
    struct control_stream *s = stream_find(r->client, seq);
    if (s)
        stream_end(r->client, s);
    return CONTROL_OK;
}
