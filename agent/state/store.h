/* store: what a member must remember, in its state directory: its identity, addresses to rejoin by,
 * and what a voter promised. Text files, replaced whole, off the event loop.
 *
 * A file whose content cannot be used (truncated, flipped, of a later version, no plain file) is
 * set aside as FILE.bad, with a warning. An identity or leases that are there and cannot be read at
 * all (no permission, a broken disk) stop the agent from starting: a voter that forgets what it
 * granted could grant it twice. */
#ifndef MUSTER_STATE_STORE_H
#define MUSTER_STATE_STORE_H

#include "agent/base/error.h"
#include "agent/base/file_writer.h"
#include "gossip/gossip.h"
#include "gossip/lease/voters.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_PEERS_MAX 32 /* addresses kept to rejoin by; any one is enough */

struct machine;
struct store;
struct worker;

struct store_identity {
    uint8_t id[GOSSIP_ID_BYTES];
    uint64_t generation;
};

/* What a voter must not forget (gossip/lease/leases.h). */
struct store_leases {
    uint32_t longest_ms;
    uint64_t epochs;
    struct voters voters;
};

/* Opens the directory (made if missing, 0700; parents too) and locks it against a second agent.
 * NULL with `error` filled (ERROR_BYTES), naming the path and
 * what would do. */
struct store *store_open(const char *state_dir, char *error);
/* Call after worker_free: writes that wait are dropped. NULL: nothing. */
void store_free(struct store *s);

/* Reading and writing at start-up: these block. */

/* Ties the identity to this machine. One that is of another machine, for the disk is a copy, is set
 * aside, so that store_identity makes a new one; that is logged. To be called before that. False
 * with `error` filled: it cannot be read, set aside or written. */
bool store_tie(struct store *s, const struct machine *here, char *error);
/* Sets the identity aside, because another agent runs with it: the next start has a new one. */
bool store_forget_identity(struct store *s);

/* The identity to run with, already on disk when this returns: the id found or a new random one,
 * the generation above every earlier one (the larger of last + 1 and the wall clock in ms, so that
 * it also grows over a directory restored from a backup). False with `error` filled: it cannot be
 * read, or not written. */
bool store_identity(struct store *s, struct store_identity *identity, char *error);

/* The addresses kept, at most STORE_PEERS_MAX. A file that cannot be used counts as none: a member
 * finds the others by `join` as well. */
size_t store_peers(struct store *s, struct gossip_addr *peers);

/* All 0 if there was nothing. After a file was set aside, and until it is written anew, the longest
 * lease that can be. False with `error` filled: it cannot be read, or not be set aside. */
bool store_leases(struct store *s, struct store_leases *leases, char *error);
/* False with `error` filled. */
bool store_write_leases(struct store *s, const struct store_leases *leases, char *error);

/* Writing while the agent runs: done by the worker, off the event loop. */

/* Addresses without a port are left out, and those over STORE_PEERS_MAX. */
void store_save_peers(struct store *s, struct worker *w, const struct gossip_addr *peers,
                      size_t count);
/* The disk has it when `done` says ok. False as file_writer_write. */
bool store_save_leases(struct store *s, struct worker *w, const struct store_leases *leases,
                       file_writer_done_fn *done, void *arg);

#endif
