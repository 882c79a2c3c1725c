#include "agent/events/events.h"

#include "agent/base/log.h"
#include "agent/events/listener.h"
#include "agent/events/reader.h"
#include "agent/events/snapshot.h"

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

#define LINES_A_TURN 16 /* to one reader, before the loop looks at anything else */

#define GAP_FORMAT "{\"seq\":%" PRIu64 ",\"event\":\"gap\",\"lost\":%" PRIu64 "}\n"
#define GAP_BYTES_MAX (sizeof GAP_FORMAT + 40) /* two 64-bit numbers of 20 digits */

/* What is being sent is an entry, or a snapshot with perhaps a gap before it, or nothing. */
struct events_reader {
    LIST_ENTRY(events_reader) link;
    struct events *events;
    int fd;
    struct event *hangup, *writable;
    struct reader reader; /* what is neither sent nor being sent */
    bool is_new;          /* wants its first snapshot */
    const struct journal_entry *entry;
    struct snapshot *snapshot;
    char gap[GAP_BYTES_MAX];
    size_t gap_bytes;
    size_t sent; /* bytes of what is being sent */
};

LIST_HEAD(events_readers, events_reader);

struct events {
    struct event_base *base;
    const struct journal *journal;
    struct listener *listener;
    struct events_readers idle; /* up to date */
    struct events_readers busy; /* with something to send, and `writable` armed */
    size_t readers;
    struct snapshots snapshots;
};

static void events_reader_free(struct events_reader *r)
{
    struct events *e = r->events;
    LIST_REMOVE(r, link);
    e->readers--;
    if (r->entry)
        journal_release(r->entry);
    if (r->snapshot)
        snapshot_release(&e->snapshots, r->snapshot);
    if (r->hangup)
        event_free(r->hangup);
    if (r->writable)
        event_free(r->writable);
    close(r->fd);
    free(r);
}

static bool is_sending(const struct events_reader *r)
{
    return r->entry || r->snapshot;
}

/* Closes the readers that are being sent the oldest snapshot, and so frees it. They stopped reading
 * in the middle of a line: only the end of the connection can reach them. */
static void drop_oldest_snapshot(struct events *e)
{
    const struct snapshot *oldest = e->snapshots.sent[0];
    size_t closed = 0;
    for (struct events_reader *r = LIST_FIRST(&e->busy), *next; r; r = next) {
        next = LIST_NEXT(r, link);
        if (r->snapshot != oldest)
            continue;
        events_reader_free(r);
        closed++;
    }
    log_warn("events.sock: closed %zu readers that had stopped halfway through a snapshot", closed);
}

/* Takes up a snapshot; unless it is the first, after a gap of `lost` changes and those up to it.
 * False: out of memory. */
static bool take_up_snapshot(struct events_reader *r, uint64_t lost)
{
    struct events *e = r->events;
    if (snapshots_are_full(&e->snapshots))
        drop_oldest_snapshot(e);
    r->snapshot = snapshot_take(&e->snapshots);
    if (!r->snapshot)
        return false;
    lost += reader_skip(&r->reader, r->snapshot->seq);
    if (!r->is_new)
        r->gap_bytes = (size_t)snprintf(r->gap, sizeof r->gap, GAP_FORMAT, r->snapshot->seq, lost);
    r->is_new = false;
    return true;
}

/* Takes up what comes next, if anything does. False: out of memory. */
static bool take_up_next(struct events_reader *r)
{
    struct reader_item item = {.entry = NULL};
    r->sent = r->gap_bytes = 0;
    if (!r->is_new && !reader_next(&r->reader, r->events->journal, &item))
        return true;
    if (!item.entry)
        return take_up_snapshot(r, item.lost);
    r->entry = journal_hold(item.entry);
    return true;
}

static void finish_sending(struct events_reader *r)
{
    if (r->entry)
        journal_release(r->entry);
    if (r->snapshot)
        snapshot_release(&r->events->snapshots, r->snapshot);
    r->entry = NULL;
    r->snapshot = NULL;
}

/* The bytes to hand to the kernel next. */
static const char *unsent(const struct events_reader *r, size_t *bytes)
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
static enum progress send_some(struct events_reader *r)
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

static void move_to(struct events_reader *r, struct events_readers *list)
{
    LIST_REMOVE(r, link);
    LIST_INSERT_HEAD(list, r, link);
}

/* Sends what there is for this turn. False: the reader is gone, or must go. */
static bool events_reader_serve(struct events_reader *r)
{
    for (int lines = 0; lines < LINES_A_TURN; lines++) {
        if (!is_sending(r) && !take_up_next(r)) {
            log_error("events.sock: out of memory for a snapshot, reader closed");
            return false;
        }
        if (!is_sending(r)) {
            move_to(r, &r->events->idle);
            return true;
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
    if (!events_reader_serve(arg))
        events_reader_free(arg);
}

/* Something came from the reader, or it hung up; one that only shut its own side down still reads.
 * What it says is left unread: the edge has passed, and its own send buffer is the limit. Asked for
 * nothing, poll reports hang-ups and errors only. */
static void events_reader_hung_up(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct pollfd p = {.fd = fd};
    if (poll(&p, 1, 0) == 1)
        events_reader_free(arg);
}

static void events_reader_new(struct events *e, int fd)
{
    struct events_reader *r = calloc(1, sizeof *r);
    if (!r) {
        close(fd);
        return;
    }
    r->events = e;
    r->fd = fd;
    r->is_new = true;
    r->reader = (struct reader){.kinds = READER_ALL_KINDS};
    LIST_INSERT_HEAD(&e->busy, r, link);
    e->readers++;
    r->hangup = event_new(e->base, fd, EV_READ | EV_ET | EV_PERSIST, events_reader_hung_up, r);
    r->writable = event_new(e->base, fd, EV_WRITE | EV_ET, on_writable, r);
    if (!r->hangup || !r->writable || event_add(r->hangup, NULL) != 0 ||
        event_add(r->writable, NULL) != 0)
        events_reader_free(r);
}

static void events_refuse(int fd)
{
    static const char line[] = "{\"event\":\"error\",\"error\":\"too many readers\"}\n";
    (void)!send(fd, line, sizeof line - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(fd);
}

static void on_connection(void *arg, int fd)
{
    struct events *e = arg;
    if (e->readers >= EVENTS_READERS_MAX)
        events_refuse(fd);
    else
        events_reader_new(e, fd);
}

void events_list_vips(struct events *e, events_vip_fn *next, const void *arg)
{
    e->snapshots.next_vip = next;
    e->snapshots.vips = arg;
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
    e->journal = journal;
    e->snapshots = (struct snapshots){.journal = journal, .gossip = gossip};
    LIST_INIT(&e->idle);
    LIST_INIT(&e->busy);
    e->listener = listener_new(base, listen_fd, "events.sock", on_connection, e);
    if (e->listener)
        return e;
    free(e);
    return NULL;
}

static void free_readers(struct events_readers *list)
{
    for (struct events_reader *r = LIST_FIRST(list), *next; r; r = next) {
        next = LIST_NEXT(r, link);
        events_reader_free(r);
    }
}

void events_free(struct events *e)
{
    if (!e)
        return;
    free_readers(&e->idle);
    free_readers(&e->busy);
    listener_free(e->listener);
    free(e);
}

void events_notify(struct events *e)
{
    for (struct events_reader *r = LIST_FIRST(&e->idle), *next; r; r = next) {
        next = LIST_NEXT(r, link);
        if (event_add(r->writable, NULL) == 0)
            move_to(r, &e->busy);
        else
            events_reader_free(r);
    }
}

size_t events_readers(const struct events *e)
{
    return e->readers;
}
