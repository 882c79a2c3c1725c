/* events: events.sock. Whoever connects reads a snapshot, then every change, one JSON line each. */
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
void events_free(struct events *e);

/* What snapshots say of an address from now on: of one that is known by its name, or of one more.
 * Copied. False: out of memory, and nothing has changed. */
bool events_set_vip(struct events *e, const struct journal_vip *vip);
/* They say nothing of it any more. */
void events_drop_vip(struct events *e, const char *name);

/* Call after each journal_append: wakes the readers. */
void events_notify(struct events *e);

size_t events_readers(const struct events *e);

#endif
