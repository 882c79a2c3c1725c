/* lease_want: a lease that this member wants, or only watches. Of leases.c alone. */
#ifndef GOSSIP_LEASE_WANT_H
#define GOSSIP_LEASE_WANT_H

#include "gossip/lease/leases.h"

struct lease_want {
    char name[LEASES_NAME_BYTES_MAX + 1];
    uint64_t hash;
    struct lease_candidate c;
    struct lease_message asked; /* of this attempt */
    int64_t tried_us, next_us, resend_us;
    int64_t keep_us;                    /* renewed until then */
    uint32_t answered[LEASE_LISTS_MAX]; /* the last question: seats, by list */
    int64_t reached_us;                 /* when a majority of each list had answered one */
    bool preempts, watches;
    bool changed;
    bool held;                 /* as was last told */
    bool inherits;             /* this attempt follows a handover */
    bool resumed;              /* an earlier life of ours held it until we did */
    bool over;                 /* wanted no more, but the heir is still being told */
    struct lease_grant holder; /* as far as we know; owner 0: nobody */
    int64_t holder_until_us;
    struct lease_grant reported;         /* what voters say last, and who of them */
    uint32_t reporters[LEASE_LISTS_MAX]; /* seats, by list */
    uint64_t move_to;                    /* an heir that should have it from us; 0: none */
    struct heirs heirs;
    uint64_t told; /* the holder that was told last that we wait; 0: none */
    uint64_t heir;
    struct lease_ballot released, inherited; /* by us; by another, for us */
    unsigned handovers;                      /* still to be sent */
    int64_t handover_us;
};

uint64_t lease_want_hash(const char *name);
/* NULL: it is not wanted. */
struct lease_want *lease_want_find(const struct leases *l, uint64_t hash);

/* Takes in what the voters say of the lists that they go by. */
void leases_note_voters(struct gossip *g);
/* Do so many go by another list of our version that nothing new should be taken? */
bool leases_are_disputed(struct gossip *g);

#endif
