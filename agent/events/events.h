/* events: events.sock. A client that connects reads a snapshot, then every change, one JSON line
 * each. Reading order of this directory: journal.h (what is kept), record.h (what it looks like),
 * reader.h (a place in it), snapshot.h, then this server. */
#ifndef MUSTER_EVENTS_H
#define MUSTER_EVENTS_H

#include "agent/events/journal.h"

#include <stdbool.h>
#include <stddef.h>

struct event_base;
struct events;

#define EVENTS_READERS_MAX 4096

/* Serves listen_fd (a listening, non-blocking Unix socket; taken, also on failure). Readers hold a
 * place in the journal, not copies of it: a reader that never reads costs its socket and one small
 * struct. One that falls behind what the journal keeps gets {"seq":S,"event":"gap","lost":N}, S the
 * last one lost, and a snapshot of that same S, from which it goes on. NULL: out of memory. */
struct events *events_new(struct event_base *base, int listen_fd, const struct journal *journal,
                          const struct gossip *gossip);
/* Closes all readers. NULL: nothing. */
void events_free(struct events *e);

/* The next address, as it was last published. *cursor starts 0. False: there are no more. */
typedef bool events_vip_fn(const void *arg, size_t *cursor, struct vip_record *into);
/* Where snapshots have the addresses from (arg borrowed); NULL, as at first: there are none. */
void events_list_vips(struct events *e, events_vip_fn *next, const void *arg);

/* Call after each journal_append: wakes the readers. */
void events_notify(struct events *e);

/* How many readers are connected. */
size_t events_readers(const struct events *e);

#endif
