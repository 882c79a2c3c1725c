/* ward: one address that is held until a time: what is to be done about it, and when.
 *
 *              hold                 probed                  added
 *     FREE ----------> PROBING ----------------> ADDING ------------> HELD
 *       ^                 |      it was missing:   ^  ^------------------|
 *       |                 |                        |                     |
 *       +-- DROPPING <----+------------------------+---------------------+
 *      gone      until a drop, a conflict, a lost link, a failure, or simply the end of its time
 *
 * Pure: readings of the caller's clock go in, which counts while the host is suspended
 * (CLOCK_BOOTTIME), and steps come out. After whatever was called, and at ward_deadline, ask
 * ward_next with a new reading until it says WARD_WAIT: so that what was done too late is undone.
 */
#ifndef MUSTER_AGENT_WARD_H
#define MUSTER_AGENT_WARD_H

#include <stdbool.h>
#include <stdint.h>

/* RFC 5227's probing takes seconds, which is longer than a lease: ours is a fraction of it, at most
 * 120 ms. A conflict that shows later is still found, while the address is held: by what the other
 * host says, and, as it may say nothing, by asking now and then. */
#define WARD_PROBES 3
#define WARD_PROBE_GAP_US_MAX 40000
#define WARD_PROBE_GAP_US_MIN 10000
#define WARD_PROBE_PARTS 16              /* the gap's share of the time that it is to be held */
#define WARD_DEFEND_US INT64_C(10000000) /* RFC 5227, 1.1: DEFEND_INTERVAL */
#define WARD_LOOK_US INT64_C(3000000)    /* so often the link is asked while it is held */
#define WARD_LINK_GRACE_US 250000        /* a link that returns within that was not lost */
#define WARD_RESTORE_GAP_US 50000 /* between two restorations: somebody may do it in a loop */
#define WARD_REMOVE_GAP_US 20000  /* between two attempts to remove it */

enum ward_state { WARD_FREE, WARD_PROBING, WARD_ADDING, WARD_HELD, WARD_DROPPING };

/* Why an address was dropped. */
#define WARD_WHYS(X)                                                                               \
    X(ASKED, "asked")                                                                              \
    X(EXPIRED, "expired")                                                                          \
    X(LINK, "link")                                                                                \
    X(CONFLICT, "conflict")                                                                        \
    X(FAILED, "failed")

enum ward_why {
#define WARD_WHY(name, text) WARD_##name,
    WARD_WHYS(WARD_WHY)
#undef WARD_WHY
        WARD_WHYS_COUNT
};
/* Static text. */
const char *ward_why_text(enum ward_why why);

enum ward_step {
    WARD_WAIT,     /* nothing, until ward_deadline or until something is heard */
    WARD_PROBE,    /* ask the link whether somebody else has it */
    WARD_ADD,      /* add it and read it back, or put it back if w->restoring; then ward_added */
    WARD_REFRESH,  /* until_us has changed: tell the kernel */
    WARD_ANNOUNCE, /* say on the link that it is here */
    WARD_REMOVE    /* remove it, and look whether it is gone; then ward_removed */
};

struct ward {
    enum ward_state state;
    enum ward_why why; /* DROPPING, and FREE again after it: because of what */
    uint64_t epoch;
    int64_t until_us;
    int64_t next_us;       /* the next probe, addition or removal is not before that */
    int64_t probe_gap_us;  /* between probes, and from the last to the addition */
    unsigned probes;       /* sent */
    unsigned announced;    /* so many of the row that began at announce_us */
    int64_t announce_us;   /* when it was added, or last asked for a new row */
    int64_t look_us;       /* HELD: the link is asked again */
    int64_t defended_us;   /* INT64_MIN: never */
    int64_t link_until_us; /* dropped then, unless the link returns; INT64_MAX: it is there */
    bool refresh, defend, restoring;
};

void ward_init(struct ward *w);

/* Holds it until until_us, or goes on holding it. probe: ask the link first, where it is free.
 * False: it is being removed, perhaps because its old time has passed by now: nothing has changed
 * but that; it may be tried again once it is gone. */
bool ward_hold(struct ward *w, int64_t now_us, uint64_t epoch, int64_t until_us, bool probe);
/* To be removed now; nothing if it is free. */
void ward_drop(struct ward *w, int64_t now_us, enum ward_why why);
/* Says again that it is here, several times; nothing if it is not held. */
void ward_announce(struct ward *w, int64_t now_us);

/* ---- what has been found ---- */

/* WARD_ADD has been done: it is there, or could not be added. */
void ward_added(struct ward *w, int64_t now_us, bool there);
/* WARD_REMOVE has been done: it is gone, or still there. */
void ward_removed(struct ward *w, int64_t now_us, bool gone);
/* Somebody else has taken it off the link. */
void ward_missing(struct ward *w, int64_t now_us);
/* Another host says that it has the address. Defended once (RFC 5227, 2.4 b). True: it is dropped
 * for that. */
bool ward_conflict(struct ward *w, int64_t now_us);
/* The link is there, or not. */
void ward_link(struct ward *w, int64_t now_us, bool up);

/* ---- what is to be done ---- */

enum ward_step ward_next(struct ward *w, int64_t now_us);
/* When to ask ward_next again, if nothing happens before. INT64_MAX: never. */
int64_t ward_deadline(const struct ward *w);
/* Not free, and not on its way to it. */
bool ward_is_live(const struct ward *w);

#endif
