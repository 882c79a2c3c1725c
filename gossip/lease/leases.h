/* leases: what this member holds alone or claims, and what it grants to others as a voter; many
 * leases, each as in lease.h, on the network of the members. voters.h says who the voters are.
 *
 *     claimed -> tried for ... held -> renewed four times in its length -> released, or lost
 *
 * A candidate that is refused asks again when the lease may be free, and tells the holder that it
 * waits: from those the holder picks its successor. The holder's message (HANDOVER) is all that the
 * successor needs to release the lease at the voters in the holder's name, and to try for it in the
 * same packet.
 *
 * The caller drains what has changed, and acts by until_us alone: a lease ends then, and not when
 * this module says so. */
#ifndef GOSSIP_LEASES_H
#define GOSSIP_LEASES_H

#include "gossip/gossip.h"
#include "gossip/lease/grants.h"
#include "gossip/lease/lease_outbox.h"
#include "gossip/lease/strangers.h"
#include "gossip/lease/successors.h"
#include "gossip/lease/voters.h"

#define LEASES_MAX 1024                                   /* that one member claims */
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

/* A list of voters under our version that is not ours, and that members go by (strangers.h). */
struct leases_other_voters {
    uint64_t hash;
    unsigned members;                    /* that go by it */
    const struct gossip_profile *member; /* one of these; borrowed as in gossip_member; or NULL */
    const struct voters_configuration *voters; /* borrowed; NULL: its names are not known (yet) */
    bool overlaps; /* has a voter in common with ours, or may have: counts against our quorum */
};
/* Walks them: *cursor starts 0. A new one is the event OTHER_VOTERS. */
bool leases_next_other_voters(const struct gossip *g, unsigned *cursor,
                              struct leases_other_voters *other);

/* For how long this voter has answered none of our questions, though we ask twice in the length of
 * a lease at the least; 0: it answers, or nothing is asked. */
int64_t leases_voter_silent_us(const struct gossip *g, int64_t now_us, const char *voter);

/* A live member with the same first label as this voter, which is no member: the voter was written
 * "db1" and the member is "db1.example.org", or the other way round. False: there is none. */
bool leases_find_alike(const struct gossip *g, const char *voter, struct gossip_member *member);

/* True: a lease can be had. A majority of voters is alive, as far as this member sees; and if this
 * member asks them, a majority has answered recently: a member that is cut off counts as alive for
 * a while. */
bool leases_has_quorum(const struct gossip *g);

struct leases_options {
    const char *name;   /* up to LEASES_NAME_BYTES_MAX bytes, copied */
    uint32_t length_ms; /* LEASE_LENGTH_MS_MIN to LEASE_LENGTH_MS_MAX */
    uint8_t priority;
    bool preempts; /* takes it from a holder of lower priority */
    bool observes; /* is no candidate: only learns who holds it */
    /* For a lease of what is bound to this host and ends by itself in time, as an address that the
     * steward holds: this host in this run of it, by a number that no other host has, even with a
     * copy of the state directory; up to LEASE_HOST_MAX. A later life of this member on the same
     * host may take the lease up while it is held. The life that releases it must have ended what
     * earlier lives held, too. 0: not bound, as a lock, whose owner may go on for a while. */
    uint64_t host;
};

/* Claims it from now on; of a claim that exists, the options change. FULL, MEMORY, NAME. */
enum gossip_error leases_claim(struct gossip *g, int64_t now_us,
                               const struct leases_options *options);

/* Gives it up; what only the holder does has ended. successor: a member that waits for it; NULL:
 * the best of those; LEASES_NO_SUCCESSOR: the next holder has not taken it over. stays: remains a
 * candidate, but does not ask before the successor had its chance. UNKNOWN: there is no such claim,
 * or the successor does not wait for it; nothing changed. */
#define LEASES_NO_SUCCESSOR ""
enum gossip_error leases_release(struct gossip *g, int64_t now_us, const char *name,
                                 const char *successor, bool stays);

/* Asks the holder, which may be another, to hand it to that member. UNKNOWN: there is no such
 * member, or nobody is known to hold it. Success shows in the leases' state alone. */
enum gossip_error leases_move(struct gossip *g, int64_t now_us, const char *name, const char *to);

/* Neither renews nor tries for it after that time; INT64_MAX, as at first and when it is claimed
 * again and not held: no end. A caller that acts only while it is held says so over and over. */
void leases_renew_until(struct gossip *g, int64_t now_us, const char *name, int64_t until_us);

struct leases_state {
    char name[LEASES_NAME_BYTES_MAX + 1];
    bool held;
    int64_t until_us;                        /* held until then */
    bool taken_over;                         /* from a holder that has stopped */
    bool resumed;                            /* from an earlier life of this member */
    char holder[GOSSIP_NAME_BYTES_MAX + 1];  /* us or another; "": nobody that we know of */
    uint64_t epoch;                          /* of the last holder that we know of */
    char move_to[GOSSIP_NAME_BYTES_MAX + 1]; /* held, and it should go there; "": nowhere */
    unsigned waiting; /* members that told us, the holder, that they wait for it */
    struct {
        char name[GOSSIP_NAME_BYTES_MAX + 1];
        uint8_t priority;
    } successors[SUCCESSORS_MAX]; /* these */
    unsigned answered, asked;     /* voters, in the last attempt */
};

/* The state of one claim. UNKNOWN: there is none. */
enum gossip_error leases_get(const struct gossip *g, int64_t now_us, const char *name,
                             struct leases_state *state);
/* The state of the next lease that was won, renewed, lost, has another holder or should move, since
 * the caller asked last. False: none is left. */
bool leases_next_change(struct gossip *g, int64_t now_us, struct leases_state *state);

/* ---- for the core ---- */

struct claim;

struct leases {
    struct voters voters;
    bool started;
    struct grants grants;
    struct claim *claims;
    uint32_t count, capacity;
    struct lease_outbox out;
    struct strangers strangers;
    int64_t began_us, asked_us; /* to ask these voters; the last question; their last answers: */
    int64_t heard_us[LEASE_CONFIGURATIONS_MAX][LEASE_VOTERS_MAX];
};

void leases_free(struct leases *l);
void leases_receive(struct gossip *g, const struct wire_message *m,
                    const struct gossip_route *from);
void leases_tick(struct gossip *g);
int64_t leases_deadline(const struct gossip *g);

#endif
