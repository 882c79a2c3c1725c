/* reach: members that live, and that those who watch them cannot reach: links that are cut one way,
 * or lose most of what they carry. To call them failed would be wrong, and they would be back a
 * moment later, again and again; so they are shown as partly unreachable, once, until that has been
 * over for a while. Rapid (Suresh et al. 2018) counts observers alike, and removes the member.
 *
 * An observer finds an edge poor: most pings are lost, many more than on its other edges, or none
 * was answered for long. As soon as enough observers do, and there is a sign of life, one says so.
 * The member admits it, and it alone takes it back: when pings say no more that it is poorly
 * reached. A later version of it that says nothing of either may not have heard of it, or have
 * taken it back long ago: each says whether that was done an odd number of times, and who still
 * holds the mark compares.
 *
 * A member that nobody hears at all is failed and not partly unreachable. If it was called so
 * though it had contradicted, or if enough observers saw it fail and come back twice, soon one
 * after the other and without a new start, it is partly unreachable when it is back, and is given
 * longer before it is accused.
 */
#ifndef GOSSIP_REACH_H
#define GOSSIP_REACH_H

#include "gossip/wire.h"

/* Times detect that nobody may complain before all is well again; twice as long after each relapse.
 */
#define REACH_CLEAR_DETECTS 40

/* So many must say that one has failed before what is known to be hard to reach is given up. */
#define REACH_SENDERS 3

/* What this member knows of how it is reached. */
struct reach {
    int64_t told_us;         /* last told that it is poorly reached */
    int64_t well_us;         /* last pinged by one that reaches it well */
    int64_t fault_us;        /* last found most of its own edges failing */
    int64_t cleared_us;      /* when it last took back that it is partly unreachable */
    unsigned relapses;       /* times that it was said again soon after */
    uint32_t contradicted;   /* the incarnation that was suspected when we last contradicted */
    int64_t contradicted_us; /* and when that was; 0: never */
    uint64_t senders[REACH_SENDERS]; /* who called us failed all the same */
    unsigned senders_count;
};

struct edge;
struct vote;

/* Looks anew at one of our edges, after a ping was answered or missed. */
void reach_measure(struct gossip *g, struct edge *e);
/* True if most of those whom we watch answer poorly, or not now: the fault may well be ours. */
bool reach_is_own_fault(const struct gossip *g);
/* Says that the subject is partly unreachable, if enough observers find so and it lives. */
void reach_judge(struct gossip *g, const struct edge *e);
/* ... not long ago: what we find of others may be our own fault still. */
bool reach_was_own_fault(const struct gossip *g);
/* Is one of our edges poor, and the fault not ours? Then we tell others. */
bool reach_finds_poor(const struct gossip *g, const struct edge *e);
/* Is that another's finding that the subject is poorly reached, and a fresh one? */
bool reach_vote_counts(const struct gossip *g, const struct vote *vote);
/* Is the subject poorly reached, by us or by others that told us so? */
bool reach_is_poor(const struct gossip *g, const struct edge *e);

/* The subject's window to contradict is over, but it has been heard: it lives. */
void reach_claim(struct gossip *g, uint32_t row);

/* We have been pinged by one that thinks us poorly reached, or not. */
void reach_told(struct gossip *g, bool poorly);
/* Others call us partly unreachable: so it is. */
void reach_admit(struct gossip *g);

/* We have contradicted a suspicion of that incarnation; and we are called failed all the same. If
 * some time has passed in between, our contradiction was not heard, though we hear others: we say
 * then that we are partly unreachable. */
void reach_contradicted(struct gossip *g, uint32_t incarnation);
void reach_called_failed(struct gossip *g, uint32_t incarnation, uint64_t sender);
/* A member is back that we held for failed since then, though it did not start anew. */
void reach_returned(struct gossip *g, uint32_t row, int64_t failed_us);
/* We watch one again: if it comes and goes, its other observers hear that we find so. */
void reach_watch(struct gossip *g, const struct edge *e);
/* How long one that is partly unreachable may show no sign of life before it is accused: twice as
 * long as it was away before it came back, if it comes and goes. */
int64_t reach_patience_us(const struct gossip *g, uint32_t row);

void reach_tick(struct gossip *g);
int64_t reach_deadline(const struct gossip *g);

#endif
