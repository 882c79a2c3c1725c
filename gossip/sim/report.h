/* report: the numbers of one run of a scenario. */
#ifndef GOSSIP_SIM_REPORT_H
#define GOSSIP_SIM_REPORT_H

#include "gossip/gossip.h"

/* One crash, and the times at which the survivors learned of it; times in microseconds after it. */
struct report_crash {
    uint32_t node;
    int64_t at_us;
    uint32_t
        survivors;    /* that run from before it to its end, and held the node as live until then */
    uint32_t noticed; /* of these: published FAILED, or LEAVE if it was leaving then */
    int64_t first_us, median_us, p99_us, last_us; /* of those; -1: none */
};

/* A member is in trouble once it was crashed, paused, cut off, or given links of its own; the
 * others have no fault: any suspicion of them is false. X(name, meaning) */
#define REPORT_NUMBERS(X)                                                                          \
    X(false_failures, "members without fault declared failed, by members without fault")           \
    X(false_failures_by_troubled, "... by members in trouble")                                     \
    X(false_unreachable, "members without fault marked unreachable")                               \
    X(false_suspicions, "members without fault suspected")                                         \
    X(troubled_failures, "members in trouble, running, declared failed by members without fault")  \
    X(troubled_unreachable, "... marked unreachable by them")                                      \
    X(troubled_unnoticed, "members in trouble, running, and at the end neither, in every view")    \
    X(unreachable_at_end, "marks of unreachable left at the end, in the views of all that run")    \
    X(shown_most, "times one member was shown failed or unreachable to one other, at the most")    \
    X(missed, "survivors that never learned of a crash")                                           \
    X(last_ms, "the longest that a crash took to be known to all")                                 \
    X(agreed_ms, "the longest that an agreement took")                                             \
    X(packets_per_s, "sent a member, mean over the run")                                           \
    X(bytes_per_s, "their bytes, as payload")                                                      \
    X(sealed_bytes_per_s, "... with what sealing will add to each packet")                         \
    X(packets_per_s_most, "of the member that sent or received the most")                          \
    X(sealed_bytes_per_s_most, "of the member that sent or received the most")                     \
    X(steps, "packets and deadlines served")                                                       \
    X(checks, "invariants checked")

#define REPORT_FIELD(name, meaning) double name;
struct report {
    uint64_t seed;
    int64_t formed_us; /* until all knew each other */
    REPORT_NUMBERS(REPORT_FIELD)
    char broken[256]; /* the invariant that did not hold; "": all did */
    uint64_t calibration[GOSSIP_CALIBRATION_BUCKETS]; /* of all nodes that run at the end,
                                                      gossip_get_calibration */
    size_t crashes_count;
    struct report_crash *crashes; /* owned */
};
#undef REPORT_FIELD

/* XChaCha20-Poly1305: a nonce of 24 bytes, a tag of 16, and the key's number (DESIGN.md, sealing).
 */
#define REPORT_SEALING_BYTES 44

struct report_name {
    const char *name, *meaning;
    size_t offset; /* of the double, in struct report */
};
extern const struct report_name report_names[];
extern const size_t report_names_count;

#define REPORT_NAME(name, meaning) " " #name
#define REPORT_NAMES_TEXT                                                                          \
    "no number of a report has that name; these do:" REPORT_NUMBERS(REPORT_NAME)

/* The number of that name; NULL: there is none. */
const double *report_number(const struct report *report, const char *name);

/* For qsort: of int64_t, the smaller first. */
int report_compare_us(const void *a, const void *b);

#endif
