/* hold: one address that is held until a time: what is to be done about it, and when.
 *
 *              hold                 probed                  added
 *     FREE ----------> PROBING ----------------> ADDING ------------> HELD
 *       ^                 |      it was missing:   ^  ^------------------|
 *       |                 |                        |                     |
 *       +-- DROPPING <----+------------------------+---------------------+
 *      gone      until a drop, a conflict, a lost link, a failure, or simply the end of its time
 *
 * Pure: readings of the caller's clock go in, which counts while the host is suspended
 * (CLOCK_BOOTTIME), and steps come out. After whatever was called, and at hold_deadline, ask
 * hold_next with a new reading until it says HOLD_WAIT: so that what was done too late is undone.
 */
#ifndef MUSTER_AGENT_HOLD_H
#define MUSTER_AGENT_HOLD_H

#include "agent/steward/steward_protocol.h"

#include <stdbool.h>
#include <stdint.h>

/* RFC 5227's probing takes seconds, which is longer than a lease: ours is a fraction of it, at most
 * 120 ms. A conflict that shows later is still found, while the address is held: by what the other
 * host says, and, as it may say nothing, by asking now and then. */
#define HOLD_PROBES 3
#define HOLD_PROBE_GAP_US_MAX 40000
#define HOLD_PROBE_GAP_US_MIN 10000
#define HOLD_PROBE_PARTS 16              /* the gap's share of the time that it is to be held */
#define HOLD_SAME_CLAIM_US 200000        /* a request and a reply are one announcement */
#define HOLD_DEFEND_US INT64_C(10000000) /* RFC 5227, 1.1: DEFEND_INTERVAL */
#define HOLD_REPROBE_US INT64_C(3000000) /* so often the link is asked while it is held */
#define HOLD_LINK_GRACE_US 250000        /* a link that returns within that was not lost */
#define HOLD_RESTORE_GAP_US 50000 /* between two restorations: somebody may do it in a loop */
#define HOLD_REMOVE_GAP_US 20000  /* between two attempts to remove it */

enum hold_state { HOLD_FREE, HOLD_PROBING, HOLD_ADDING, HOLD_HELD, HOLD_DROPPING };

enum hold_step {
    HOLD_WAIT,     /* nothing, until hold_deadline or until something is heard */
    HOLD_PROBE,    /* ask the link whether somebody else has it */
    HOLD_ADD,      /* add it and read it back, or put it back if h->restoring; then hold_added */
    HOLD_REFRESH,  /* until_us has changed: tell the kernel */
    HOLD_ANNOUNCE, /* say on the link that it is here */
    HOLD_REMOVE    /* remove it, and look whether it is gone; then hold_removed */
};

struct hold {
    enum hold_state state;
    enum drop_reason reason; /* DROPPING, and FREE again after it: because of what */
    uint64_t epoch;
    int64_t until_us;
    int64_t next_us;       /* the next probe, addition or removal is not before that */
    int64_t probe_gap_us;  /* between probes, and from the last to the addition */
    unsigned probes;       /* sent */
    unsigned announced;    /* announcements since announce_us */
    int64_t announce_us;   /* when it was added, or last asked for a new row */
    int64_t every_us;      /* after the row, so often; 0: not any more. Set by the caller */
    int64_t again_us;      /* after the row: the next one */
    int64_t reprobe_us;    /* HELD: the link is asked again */
    int64_t defended_us;   /* INT64_MIN: never */
    int64_t link_until_us; /* dropped then, unless the link returns; INT64_MAX: it is there */
    uint8_t spread;        /* set by the caller, another for each */
    bool refresh, defend, restoring;
};

void hold_init(struct hold *h);

/* Holds it until until_us, or goes on holding it. probe: ask the link first, where it is free.
 * False: it is being removed, perhaps because its old time has passed by now: nothing has changed
 * but that; it may be tried again once it is gone. */
bool hold_until(struct hold *h, int64_t now_us, uint64_t epoch, int64_t until_us, bool probe);
/* The address is there already, held until until_us: goes on from there, without a probe. */
void hold_adopt(struct hold *h, int64_t now_us, uint64_t epoch, int64_t until_us);
/* To be removed now; nothing if it is free. */
void hold_drop(struct hold *h, int64_t now_us, enum drop_reason reason);
/* Says again that it is here, several times; nothing if it is not held. */
void hold_announce(struct hold *h, int64_t now_us);

/* ---- what has been found ---- */

/* HOLD_ADD has been done: it is there, or could not be added. */
void hold_added(struct hold *h, int64_t now_us, bool there);
/* HOLD_REMOVE has been done: it is gone, or still there. */
void hold_removed(struct hold *h, int64_t now_us, bool gone);
/* Somebody else has taken it off the link. */
void hold_missing(struct hold *h, int64_t now_us);
/* True: a claim that comes now belongs to the one that was just answered. */
bool hold_is_same_claim(const struct hold *h, int64_t now_us);
/* Another host says that it has the address. Defended once (RFC 5227, 2.4 b). True: it is dropped
 * for that. */
bool hold_conflict(struct hold *h, int64_t now_us);
/* The link is there, or not. */
void hold_link(struct hold *h, int64_t now_us, bool up);

/* ---- what is to be done ---- */

enum hold_step hold_next(struct hold *h, int64_t now_us);
/* When to ask hold_next again, if nothing happens before. INT64_MAX: never. */
int64_t hold_deadline(const struct hold *h);
/* Not free, and not on its way to it. */
bool hold_is_active(const struct hold *h);

#endif
