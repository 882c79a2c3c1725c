/* store: the state directory: who we are, and whom we knew. Text files, written whole, off the
 * loop: write to a new file, fsync, rename, fsync the directory. */
#ifndef MUSTER_STORE_H
#define MUSTER_STORE_H

#include "agent/state/saver.h"
#include "gossip/gossip.h"
#include "gossip/lease/voters.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_PEERS_MAX 32 /* addresses kept to rejoin by; any one is enough */
#define STORE_ERROR_BYTES 512

struct store;

struct store_identity {
    uint8_t id[GOSSIP_ID_BYTES];
    uint64_t generation;
};

/* Opens the directory (made if missing, 0700; parents too) and locks it against a second agent.
 * NULL with `error` filled, naming the path and what would do. */
struct store *store_open(const char *state_dir, char *error);
void store_free(struct store *s);

/* The identity to run with, and already on disk when this returns: the id found or a new random
 * one, the generation above every earlier one (the larger of last + 1 and the wall clock in ms, so
 * that it also grows over a directory restored from a backup). A file that is truncated, flipped or
 * from a later version is set aside as FILE.bad, with a warning in the log, and a new one is made.
 * Blocks; for start-up. False with `error` filled: nothing could be written. */
bool store_identity(struct store *s, struct store_identity *identity, char *error);

/* The addresses kept, at most STORE_PEERS_MAX; a bad file is set aside as above and counts as
 * none. Blocks; for start-up. */
size_t store_peers(struct store *s, struct gossip_addr *peers);

/* Writes the addresses on the worker. */
void store_save_peers(struct store *s, struct worker *w, const struct gossip_addr *peers,
                      size_t count);

/* What a voter must not forget (gossip/lease/leases.h). */
struct store_leases {
    uint32_t longest_ms;
    uint64_t epochs;
    struct voters voters;
};

/* All 0 if there was nothing; where a bad file was set aside, the longest lease that can be.
 * Blocks; for start-up. */
void store_leases(struct store *s, struct store_leases *leases);
/* Blocks; for start-up. False with `error` filled. */
bool store_write_leases(struct store *s, const struct store_leases *leases, char *error);
/* Writes it on the worker; the disk has it when `done` says ok. */
bool store_save_leases(struct store *s, struct worker *w, const struct store_leases *leases,
                       saver_done_fn *done, void *arg);

#endif
