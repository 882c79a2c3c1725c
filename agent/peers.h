/* peers: keeps the addresses of live members on disk, to rejoin by after a restart. */
#ifndef MUSTER_PEERS_H
#define MUSTER_PEERS_H

struct host;
struct peers;
struct store;
struct worker;

/* store, files: borrowed; files: a worker for the disk. NULL: out of memory. */
struct peers *peers_new(struct host *host, struct store *store, struct worker *files);
/* NULL: nothing. */
void peers_free(struct peers *p);

/* Saves them now, before the agent leaves. */
void peers_save(struct peers *p);

#endif
