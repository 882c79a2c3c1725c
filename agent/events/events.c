#include "agent/events/events.h"

#include "agent/base/json.h"
#include "agent/base/log.h"
#include "agent/events/record.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINES_A_TURN 16     /* to one reader, before the loop looks at anything else */
#define ACCEPTS_A_TURN 64   /* likewise */
#define ACCEPT_PAUSE_MS 100 /* with no descriptor free, accept would fail again at once */

/* Snapshots being sent at one time. Each is the whole view (4 MB in the largest cluster), and a
 * reader that stalls halfway through one keeps it, so this is what bounds their memory. */
#define SNAPSHOTS_MAX 8

#define GAP_FORMAT "{\"seq\":%" PRIu64 ",\"event\":\"gap\",\"lost\":%" PRIu64 "}\n"
#define GAP_BYTES_MAX (sizeof GAP_FORMAT + 40) /* two 64-bit numbers of 20 digits */

/* The view as it was at `seq`, as one line. Shared by the readers that are being sent it. */
struct snapshot {
    uint64_t seq;
    struct json json;
    size_t line_bytes;
    unsigned holds;
};

/* What is being sent is an entry, or a snapshot with perhaps a gap before it, or nothing. */
struct reader {
    LIST_ENTRY(reader) link;
    struct events *events;
    int fd;
    struct event *hangup, *writable;
    uint64_t next; /* the first change neither sent nor being sent; 0: wants its first snapshot */
    const struct journal_entry *entry;
    struct snapshot *snapshot;
    char gap[GAP_BYTES_MAX];
    size_t gap_bytes;
    size_t sent; /* bytes of what is being sent */
};

LIST_HEAD(reader_list, reader);

struct events {
    struct event_base *base;
    const struct journal *journal;
    const struct gossip *gossip;
    int listen_fd;
    struct event *listen, *resume;
    bool accept_failing;
    struct reader_list idle; /* up to date */
    struct reader_list busy; /* with something to send, and `writable` armed */
    size_t readers;
    events_vip_fn *next_vip;
    const void *vips;
    struct snapshot *snapshots[SNAPSHOTS_MAX]; /* being sent, oldest first */
    size_t snapshots_count;
};

static void reader_free(struct reader *r);

static void write_snapshot(struct json *j, const struct events *e, uint64_t seq)
{
    json_object_begin(j, NULL);
    json_unsigned(j, "seq", seq);
    json_string(j, "event", "snapshot");
    json_array_begin(j, "members");
    struct gossip_member member;
    size_t cursor = 0;
    while (gossip_next_member(e->gossip, &cursor, &member))
        record_member_json(j, NULL, &member);
    json_array_end(j);
    json_array_begin(j, "vips");
    struct vip_record vip;
    cursor = 0;
    while (e->next_vip && e->next_vip(e->vips, &cursor, &vip))
        fields_json(j, NULL, &vip_fields, &vip);
    json_array_end(j);
    json_object_end(j);
}

/* The view as of now. NULL: out of memory. */
static struct snapshot *snapshot_new(struct events *e)
{
    struct snapshot *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->seq = journal_newest(e->journal);
    write_snapshot(&s->json, e, s->seq);
    if (s->json.failed) {
        json_free(&s->json);
        free(s);
        return NULL;
    }
    s->json.text[s->json.len] = '\n'; /* in the NUL's place */
    s->line_bytes = s->json.len + 1;
    e->snapshots[e->snapshots_count++] = s;
    return s;
}

static void snapshot_release(struct events *e, struct snapshot *s)
{
    if (--s->holds > 0)
        return;
    size_t at = 0;
    while (e->snapshots[at] != s)
        at++;
    e->snapshots_count--;
    for (; at < e->snapshots_count; at++)
        e->snapshots[at] = e->snapshots[at + 1];
    json_free(&s->json);
    free(s);
}

/* Closes whoever is being sent the oldest snapshot, and so frees it. They stopped reading in the
 * middle of a line, so that nothing but the end of the connection could tell them more. */
static void drop_oldest_snapshot(struct events *e)
{
    const struct snapshot *oldest = e->snapshots[0];
    size_t closed = 0;
    for (struct reader *r = LIST_FIRST(&e->busy), *next; r; r = next) {
        next = LIST_NEXT(r, link);
        if (r->snapshot != oldest)
            continue;
        reader_free(r);
        closed++;
    }
    log_warn("events.sock: closed %zu readers that had stopped halfway through a snapshot", closed);
}

/* A snapshot from which the journal still goes on, held; the one of this moment but for when too
 * many are being sent. NULL: out of memory. */
static struct snapshot *snapshot_take(struct events *e)
{
    struct snapshot *s = e->snapshots_count > 0 ? e->snapshots[e->snapshots_count - 1] : NULL;
    bool full = e->snapshots_count == SNAPSHOTS_MAX;
    uint64_t oldest_usable = full ? journal_oldest(e->journal) - 1 : journal_newest(e->journal);
    if (!s || s->seq < oldest_usable) {
        if (full)
            drop_oldest_snapshot(e);
        s = snapshot_new(e);
    }
    if (s)
        s->holds++;
    return s;
}

static void reader_free(struct reader *r)
{
    struct events *e = r->events;
    LIST_REMOVE(r, link);
    e->readers--;
    if (r->entry)
        journal_release(r->entry);
    if (r->snapshot)
        snapshot_release(e, r->snapshot);
    if (r->hangup)
        event_free(r->hangup);
    if (r->writable)
        event_free(r->writable);
    close(r->fd);
    free(r);
}

static bool is_sending(const struct reader *r)
{
    return r->entry || r->snapshot;
}

static bool is_up_to_date(const struct reader *r)
{
    return r->next > journal_newest(r->events->journal);
}

/* Takes up what comes next for a reader that is not up to date. False: out of memory. */
static bool take_up_next(struct reader *r)
{
    struct events *e = r->events;
    r->sent = r->gap_bytes = 0;
    const struct journal_entry *entry = journal_at(e->journal, r->next);
    if (entry) {
        r->entry = journal_hold(entry);
        r->next++;
        return true;
    }
    r->snapshot = snapshot_take(e);
    if (!r->snapshot)
        return false;
    uint64_t next = r->snapshot->seq + 1;
    if (r->next > 0) /* it had a place, and what came then is no longer kept */
        r->gap_bytes =
            (size_t)snprintf(r->gap, sizeof r->gap, GAP_FORMAT, r->snapshot->seq, next - r->next);
    r->next = next;
    return true;
}

static void finish_sending(struct reader *r)
{
    if (r->entry)
        journal_release(r->entry);
    if (r->snapshot)
        snapshot_release(r->events, r->snapshot);
    r->entry = NULL;
    r->snapshot = NULL;
}

/* The bytes to hand to the kernel next. */
static const char *unsent(const struct reader *r, size_t *bytes)
{
    assert(is_sending(r));
    if (r->sent < r->gap_bytes) {
        *bytes = r->gap_bytes - r->sent;
        return r->gap + r->sent;
    }
    size_t at = r->sent - r->gap_bytes;
    *bytes = (r->entry ? r->entry->line_bytes : r->snapshot->line_bytes) - at;
    return (r->entry ? r->entry->line : r->snapshot->json.text) + at;
}

enum progress { SENT, BLOCKED, GONE };

/* One send; the reader's place moves by what the kernel took. */
static enum progress send_some(struct reader *r)
{
    size_t bytes;
    const char *from = unsent(r, &bytes);
    ssize_t n = send(r->fd, from, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? BLOCKED : GONE;
    r->sent += (size_t)n;
    bool was_gap = r->sent <= r->gap_bytes;
    if (!was_gap && (size_t)n == bytes)
        finish_sending(r);
    return SENT;
}

static void move_to(struct reader *r, struct reader_list *list)
{
    LIST_REMOVE(r, link);
    LIST_INSERT_HEAD(list, r, link);
}

/* Sends what there is for this turn. False: the reader is gone, or must go. */
static bool serve(struct reader *r)
{
    for (int lines = 0; lines < LINES_A_TURN; lines++) {
        if (!is_sending(r) && is_up_to_date(r)) {
            move_to(r, &r->events->idle);
            return true;
        }
        if (!is_sending(r) && !take_up_next(r)) {
            log_error("events.sock: out of memory for a snapshot, reader closed");
            return false;
        }
        enum progress progress = send_some(r);
        if (progress == GONE)
            return false;
        if (progress == BLOCKED)
            break;
    }
    return event_add(r->writable, NULL) == 0;
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    if (!serve(arg))
        reader_free(arg);
}

/* Something came from the reader, or it hung up; one that only shut its own side down still reads.
 * What it says is left unread: the edge has passed, and its own send buffer is the limit. Asked for
 * nothing, poll tells of hang-ups and errors only. */
static void on_hangup(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct pollfd p = {.fd = fd};
    if (poll(&p, 1, 0) == 1)
        reader_free(arg);
}

static void reader_new(struct events *e, int fd)
{
    struct reader *r = calloc(1, sizeof *r);
    if (!r) {
        close(fd);
        return;
    }
    r->events = e;
    r->fd = fd;
    LIST_INSERT_HEAD(&e->busy, r, link);
    e->readers++;
    r->hangup = event_new(e->base, fd, EV_READ | EV_ET | EV_PERSIST, on_hangup, r);
    r->writable = event_new(e->base, fd, EV_WRITE | EV_ET, on_writable, r);
    if (!r->hangup || !r->writable || event_add(r->hangup, NULL) != 0 ||
        event_add(r->writable, NULL) != 0)
        reader_free(r);
}

static void refuse(int fd)
{
    static const char line[] = "{\"event\":\"error\",\"error\":\"too many readers\"}\n";
    (void)!send(fd, line, sizeof line - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(fd);
}

/* Nothing can be accepted for now; what connects meanwhile waits in the backlog. */
static void pause_accepting(struct events *e, int error)
{
    if (!e->accept_failing)
        log_warn("events.sock: cannot accept readers: %s; trying again", strerror(error));
    e->accept_failing = true;
    const struct timeval pause = {.tv_usec = ACCEPT_PAUSE_MS * 1000};
    if (event_add(e->resume, &pause) == 0)
        event_del(e->listen);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct events *e = arg;
    event_add(e->listen, NULL);
}

static void on_connection(evutil_socket_t listen_fd, short what, void *arg)
{
    (void)what;
    struct events *e = arg;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EAGAIN)
                e->accept_failing = false;
            else if (errno != EINTR && errno != ECONNABORTED)
                pause_accepting(e, errno);
            return;
        }
        if (e->readers >= EVENTS_READERS_MAX)
            refuse(fd);
        else
            reader_new(e, fd);
    }
}

void events_list_vips(struct events *e, events_vip_fn *next, const void *arg)
{
    e->next_vip = next;
    e->vips = arg;
}

struct events *events_new(struct event_base *base, int listen_fd, const struct journal *journal,
                          const struct gossip *gossip)
{
    assert(event_base_get_features(base) & EV_FEATURE_ET);
    struct events *e = calloc(1, sizeof *e);
    if (!e) {
        close(listen_fd);
        return NULL;
    }
    e->base = base;
    e->listen_fd = listen_fd;
    e->journal = journal;
    e->gossip = gossip;
    LIST_INIT(&e->idle);
    LIST_INIT(&e->busy);
    e->listen = event_new(base, listen_fd, EV_READ | EV_PERSIST, on_connection, e);
    e->resume = evtimer_new(base, on_resume, e);
    if (!e->listen || !e->resume || event_add(e->listen, NULL) != 0) {
        events_free(e);
        return NULL;
    }
    return e;
}

static void free_readers(struct reader_list *list)
{
    for (struct reader *r = LIST_FIRST(list), *next; r; r = next) {
        next = LIST_NEXT(r, link);
        reader_free(r);
    }
}

void events_free(struct events *e)
{
    if (!e)
        return;
    free_readers(&e->idle);
    free_readers(&e->busy);
    if (e->listen)
        event_free(e->listen);
    if (e->resume)
        event_free(e->resume);
    close(e->listen_fd);
    free(e);
}

void events_notify(struct events *e)
{
    for (struct reader *r = LIST_FIRST(&e->idle), *next; r; r = next) {
        next = LIST_NEXT(r, link);
        if (event_add(r->writable, NULL) == 0)
            move_to(r, &e->busy);
        else
            reader_free(r);
    }
}

size_t events_readers(const struct events *e)
{
    return e->readers;
}
