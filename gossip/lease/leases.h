/* leases: what this member wants to hold alone, and as a voter lets others hold; many leases, each
 * as in lease.h, on the network of the members. voters.h says who the voters are.
 *
 *     wanted -> tried for ... held -> renewed four times in its length -> released, or lost
 *
 * Who cannot have it asks again when it may be free, and tells the holder that it waits: from
 * those a holder picks its heir. An heir needs no more than the holder's word (HANDOVER) to
 * go and release the lease at the voters in the holder's name, and try for it in the same packet.
 *
 * The caller drains what has changed, and acts by until_us alone: a lease is not over when this
 * module says so, but then. */
#ifndef GOSSIP_LEASES_H
#define GOSSIP_LEASES_H

#include "gossip/gossip.h"
#include "gossip/lease/grants.h"
#include "gossip/lease/heirs.h"
#include "gossip/lease/lease_out.h"
#include "gossip/lease/voters.h"

#define LEASES_MAX 1024                                   /* that one member wants */
#define LEASES_NAME_BYTES_MAX (GOSSIP_NAME_BYTES_MAX + 8) /* a name with what kind it is of */
#define LEASES_RENEW_PARTS 4                              /* of its length: renewed so often */

/* Takes part: as a voter where it is one, from when all that it may have granted before is over.
 * voters: copied; the disk must have them. longest_ms: the longest lease that was granted before,
 * as known to the disk; epochs: no lease has had a higher one. */
void leases_start(struct gossip *g, int64_t now_us, const struct voters *voters,
                  uint32_t longest_ms, uint64_t epochs);
/* Others, which the disk has. */
void leases_set_voters(struct gossip *g, int64_t now_us, const struct voters *voters);
/* As they are now; borrowed until the next call. They change by themselves (voters.h). */
const struct voters *leases_voters(const struct gossip *g);

/* What the disk should have: GRANTS_LENGTH_MS at least. */
struct leases_needs {
    uint32_t longest_ms;
    uint64_t epochs;
};
struct leases_needs leases_needs(const struct gossip *g);
/* The disk has that now. */
void leases_allow(struct gossip *g, int64_t now_us, uint32_t longest_ms);

/* Can a lease be had? So many voters are alive, as far as this member sees; and if it asks them, so
 * many have answered of late: who is cut off is held for alive for a while. */
bool leases_has_quorum(const struct gossip *g);

struct leases_options {
    const char *name;   /* up to LEASES_NAME_BYTES_MAX bytes, copied */
    uint32_t length_ms; /* LEASE_LENGTH_MS_MIN to LEASE_LENGTH_MS_MAX */
    uint8_t priority;
    bool preempts; /* takes it from a holder of lower priority */
    bool watches;  /* only wants to know who holds it */
    /* For a lease of what is bound to this host and ends with its time, as an address that the
     * steward holds: this host in this run of it, by a number that no other host has, even with the
     * same state folder; up to LEASE_HOST_MAX. A later life of this member on the same host may
     * take the lease up again while it is held; whoever releases it then has ended what earlier
     * lives held, too. 0: it is not, as with a lock, whose owner may go on for a while. */
    uint64_t host;
};

/* Wants it from now on; of one that is wanted already, the options change. FULL, MEMORY, NAME. */
enum gossip_error leases_want(struct gossip *g, int64_t now_us,
                              const struct leases_options *options);

/* Gives it up; whatever only the holder does has ended. heir: a member that waits for it; NULL:
 * the best of those; LEASES_NO_HEIR: who wins it next has not inherited it. stays: waits for it
 * again, but not before the heir had its chance. UNKNOWN: it is not wanted, or the heir does not
 * wait for it; nothing changed. */
#define LEASES_NO_HEIR ""
enum gossip_error leases_release(struct gossip *g, int64_t now_us, const char *name,
                                 const char *heir, bool stays);

/* Asks the holder, which may be another, to hand it to that heir. UNKNOWN: there is no such member,
 * or nobody is known to hold it. Whether it moves shows. */
enum gossip_error leases_move(struct gossip *g, int64_t now_us, const char *name, const char *heir);

/* Neither renews nor tries for it after that time; INT64_MAX, as when it is wanted anew and not
 * held: no end. So whoever does something only while it is held says, over and over, that it still
 * can. */
void leases_keep(struct gossip *g, int64_t now_us, const char *name, int64_t until_us);

struct leases_state {
    char name[LEASES_NAME_BYTES_MAX + 1];
    bool held;
    int64_t until_us;                        /* held until then */
    bool inherited;                          /* from a holder that has let go of it */
    bool resumed;                            /* from an earlier life of this member */
    char holder[GOSSIP_NAME_BYTES_MAX + 1];  /* us or another; "": nobody that we know of */
    uint64_t epoch;                          /* of the last holder that we know of */
    char move_to[GOSSIP_NAME_BYTES_MAX + 1]; /* held, and that heir should have it; "": none */
    unsigned waiting; /* members that told us, the holder, that they wait for it */
    struct {
        char name[GOSSIP_NAME_BYTES_MAX + 1];
        uint8_t priority;
    } heirs[HEIRS_MAX];
    unsigned answered, asked; /* voters, in the last attempt */
};

/* Of one lease that we want. UNKNOWN. */
enum gossip_error leases_get(const struct gossip *g, int64_t now_us, const char *name,
                             struct leases_state *state);
/* The next lease that was won, renewed, lost, has another holder or should move, since it was last
 * asked of. */
bool leases_next_change(struct gossip *g, int64_t now_us, struct leases_state *state);

/* ---- for the core ---- */

struct lease_want;

struct leases {
    struct voters voters;
    bool started;
    struct grants grants;
    struct lease_want *wants;
    uint32_t count, capacity;
    struct lease_out out;
    bool disputed;
    int64_t disputed_us; /* when that was looked at */
};

void leases_free(struct leases *l);
void leases_hear(struct gossip *g, const struct wire_message *m, const struct gossip_route *from);
void leases_tick(struct gossip *g);
int64_t leases_deadline(const struct gossip *g);

#endif
