/* lease_mistakes: mistakes that were made in leases before, for the tests that must find them.
 * gossip/lease/lease.c is compiled with this for the tests alone; elsewhere it holds none. */
#ifndef MUSTER_LEASE_MISTAKES_H
#define MUSTER_LEASE_MISTAKES_H

enum lease_mistake {
    LEASE_MISTAKE_LATE_DEADLINE = 1,    /* a holder's time is counted from the promises */
    LEASE_MISTAKE_LATEST = 2,           /* ... or even from the acceptances */
    LEASE_MISTAKE_MESSAGES = 4,         /* messages are counted, and not their senders */
    LEASE_MISTAKE_RELEASE = 8,          /* a release is of the owner, whatever it holds since */
    LEASE_MISTAKE_OWN_REPORT = 16,      /* what the candidate itself once held is open to it */
    LEASE_MISTAKE_QUARANTINE = 32,      /* a voter that starts anew is not silent */
    LEASE_MISTAKE_OVERWRITE = 64,       /* a voter trusts its promise: it lets go what is held */
    LEASE_MISTAKE_SHORTEN = 128,        /* a shorter lease counts for what was asked for before */
    LEASE_MISTAKE_RESUME_ORDER = 256,   /* an earlier life takes it from a later one */
    LEASE_MISTAKE_RESUME_RELEASE = 512, /* a lost attempt ends what an earlier life holds */
    LEASE_MISTAKE_RESUME_CLONE = 1024,  /* the same member on another host is a later life */
    WORLD_MISTAKE_AT_ONCE = 2048,       /* a host goes over to the next list of voters by itself */
    WORLD_MISTAKE_RESUME_LOCK = 4096,   /* a lease that is not bound to the host is resumed */
};

extern unsigned lease_mistakes; /* that are made now, a bit each */

#define MISTAKE(name) (lease_mistakes & LEASE_MISTAKE_##name)

#endif
