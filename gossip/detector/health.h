/* health: how far this member can trust its own judgement. A host that was suspended, or starved of
 * CPU, missed answers that came: its measurements are wrong for a while, and it must neither
 * suspect nor have its vote counted (Lifeguard's local health, from measured stalls). */
#ifndef GOSSIP_HEALTH_H
#define GOSSIP_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

struct gossip;

#define HEALTH_LATE_US 5000 /* lateness below this is every scheduler's grain */

#define HEALTH_SENDERS 4 /* more senders than this need not be distinguished */

struct health {
    int64_t degraded_until_us;
    int64_t isolated_until_us; /* end of the last isolation: a packet came again */
    int64_t received_us;       /* last packet of any member */
    struct {
        uint64_t key;
        int64_t at_us;
    } senders[HEALTH_SENDERS]; /* different members, and the last packet of each */
};

/* A packet has come from a member. */
void health_received(struct gossip *g, uint64_t key);
/* The number of different members that sent within the last detect, at most HEALTH_SENDERS. */
unsigned health_senders(const struct gossip *g);

/* Compares the time of this call with the deadline that the host had been given, and notes a stall.
 * Returns the time by which this host was late, to be taken out of every running measurement; 0:
 * not worth it. */
int64_t health_wake(struct gossip *g);

/* True if this member received nothing for long enough to be cut off, though others should be
 * there. What it finds of others stays with it then: they may be well. */
bool health_is_isolated(const struct gossip *g);

/* True if this member was isolated at some time since then, and is not any more. */
bool health_was_isolated(const struct gossip *g, int64_t since_us);

/* True for some time after a stall. */
bool health_is_degraded(const struct gossip *g);

#endif
