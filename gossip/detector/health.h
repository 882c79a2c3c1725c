/* health: how far this member can trust its own judgement. A host that was suspended, or starved of
 * CPU, missed answers that came: its silence-counting is wrong for a while, and it must neither
 * accuse nor have its vote counted (Lifeguard's local health, from measured stalls). */
#ifndef GOSSIP_HEALTH_H
#define GOSSIP_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

struct gossip;

#define HEALTH_LATE_US 5000 /* lateness below this is every scheduler's grain */

#define HEALTH_HEARD 4 /* more than so many others need not be told apart */

struct health {
    int64_t ill_until_us;
    int64_t deaf_until_us; /* when we heard somebody again, the last time that we were deaf */
    int64_t heard_us;      /* when anybody was last heard */
    struct {
        uint64_t key;
        int64_t at_us;
    } heard[HEALTH_HEARD]; /* different members, each when last */
};

/* A packet has come from a member. */
void health_heard(struct gossip *g, uint64_t key);
/* How many different members were heard within the last detect, at most HEALTH_HEARD. */
unsigned health_hears(const struct gossip *g);

/* Compares the time of this call with the deadline that the host had been given. Time slept is
 * taken out of every running measurement. */
void health_wake(struct gossip *g);

/* True if this member has heard nobody for long enough to be cut off, though others should be
 * there. It keeps to itself what it thinks of them then: they may hear it well. */
bool health_is_deaf(const struct gossip *g);

/* True if we were deaf at some time since then, and are not any more. */
bool health_was_deaf(const struct gossip *g, int64_t since_us);

/* True for some time after a stall. */
bool health_is_ill(const struct gossip *g);

#endif
