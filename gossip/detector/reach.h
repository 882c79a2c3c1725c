/* reach: members that live, and that their observers cannot reach: links that are cut one way, or
 * lose most of what they carry. To declare them failed would be wrong, and they would be back a
 * moment later, again and again; so they are shown as unreachable, once, until that has been over
 * for a while. Rapid (Suresh et al. 2018) counts observers alike, and removes the member.
 *
 * An observer finds an edge lossy: most pings are lost, many more than on its other edges, or none
 * was answered for long. As soon as enough observers do, and there is a sign of life, one of them
 * publishes the mark. The member admits it, and the member alone takes it back, when pings no
 * longer complain. A later version of the member without the mark may not know of it, or may have
 * taken it back long ago: each version carries a parity bit that flips with every taking back, and
 * a member that still holds the mark compares.
 *
 * A member that sends nothing at all is failed and not unreachable. If it was called failed though
 * it had refuted that, or if enough observers saw it fail and come back twice, soon one after the
 * other and without a new start, it is unreachable when it is back, and has longer before it is
 * suspected.
 */
#ifndef GOSSIP_REACH_H
#define GOSSIP_REACH_H

#include "gossip/detector/edge.h"

/* Times detect without a complaint before the mark is taken back; doubled by each relapse. */
#define REACH_CLEAR_DETECTS 40

/* N members must claim that one has failed before a member known to be unreachable is given up. */
#define REACH_SENDERS 3

/* What this member knows of how others reach it. */
struct reach {
    int64_t complaint_us;            /* last ping of an observer that finds us lossy */
    int64_t reached_us;              /* last ping of an observer that does not */
    int64_t fault_us;                /* most of our own edges failed, last */
    int64_t cleared_us;              /* we last took the mark back */
    unsigned relapses;               /* times that it was set again soon after */
    uint32_t refuted;                /* the suspected incarnation that we refuted last */
    int64_t refuted_us;              /* and when that was; 0: never */
    uint64_t senders[REACH_SENDERS]; /* that called us failed all the same */
    unsigned senders_count;
};

/* Findings about others. */

/* Measures one of our edges anew, after a ping was answered or missed. */
void reach_measure(struct gossip *g, struct edge *e);
/* True if most of our ring edges are lossy, or miss an answer now: the fault may be local. */
bool reach_is_local_fault(const struct gossip *g);
/* True if that was so recently: what we find of others may be our own fault still. */
bool reach_was_local_fault(const struct gossip *g);
/* True if the edge is lossy, or its subject comes and goes, and the fault is not local. */
bool reach_finds_lossy(const struct gossip *g, const struct edge *e);
/* True if we or other observers find the edge's subject lossy. */
bool reach_is_lossy(const struct gossip *g, const struct edge *e);
/* True if the vote is a recent report that the subject is lossy. */
bool reach_vote_counts(const struct gossip *g, const struct vote *vote);
/* True if enough observers find the subject lossy, and it lives: the mark is to be published. */
bool reach_is_unreachable(const struct gossip *g, const struct edge *e);
/* Records that a member is back that was failed since then, though it did not start anew. */
void reach_returned(struct gossip *g, uint32_t slot, int64_t failed_us);
/* True if the member has just come back, and not for the first time. */
bool reach_comes_and_goes(const struct gossip *g, const struct member *m);
/* The time without a sign of life after which an unreachable member is suspected: twice as long as
 * it was away before it came back, if it comes and goes. */
int64_t reach_patience_us(const struct gossip *g, uint32_t slot);

/* What others find of us. */

/* Records a ping of an observer that finds us lossy, or does not. */
void reach_complaint(struct gossip *g, bool lossy);
/* Records that others call us unreachable, and that we admit it. */
void reach_admit(struct gossip *g);
/* Records that we refuted a suspicion of that incarnation. */
void reach_refuted(struct gossip *g, uint32_t incarnation);
/* True if enough members still call that incarnation failed, some time after we refuted it: the
 * refutation was not received, though we receive, and we are to call ourselves unreachable. */
bool reach_refutation_lost(struct gossip *g, uint32_t incarnation, uint64_t sender);
/* True if we are unreachable, and that is over: the mark is to be taken back. */
bool reach_is_over(struct gossip *g);
/* When reach_is_over is to be asked next. */
int64_t reach_deadline(const struct gossip *g);

#endif
