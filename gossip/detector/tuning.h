/* tuning: the detector's parameters, for those who study it (muster-sim's `tune`); operators set
 * `detect` alone. The defaults are on the front that gossip/detector/DETECTOR.md shows. */
#ifndef GOSSIP_TUNING_H
#define GOSSIP_TUNING_H

#include "gossip/gossip.h"

/* X(name, default, least, most, WHOLE numbers only or any REAL one, meaning). Shares are of
 * `detect`; switches are 0 or 1. */
#define TUNINGS(X)                                                                                 \
    X(ring_edges, 3, 0, 6, WHOLE,                                                                  \
      "rings, and so the members that each watches; 0: random ones, as SWIM")                      \
    X(observers, 2, 1, 6, WHOLE, "that must bring evidence before one accuses (H)")                \
    X(phi_own, 3, 0, 100, REAL, "of our own, before we listen to others: two pings or so")         \
    X(phi_pooled, 10, 0, 100, REAL, "of all observers together")                                   \
    X(phi_alone, 12, 0, 100, REAL, "of ours, when no other observer says anything")                \
    X(phi_cap, 5, 0, 100, REAL,                                                                    \
      "what one observer adds to the pool: its link may be what is broken")                        \
    X(loss_min, 0.01, 1e-9, 0.5, REAL, "no link is trusted to lose less")                          \
    X(spread_min_us, 12000, 1, 1e6, REAL, "of answer times: schedulers delay in such lumps")       \
    X(ping_share, 0.45, 0.05, 5, REAL, "a ring edge is pinged once in this time")                  \
    X(sweep_share, 2.0 / 3, 0.05, 50, REAL, "one more ping, round-robin over everybody")           \
    X(reping_share, 1.0 / 30, 0.005, 1, REAL, "between pings while an answer is missing")          \
    X(suspicion_max_share, 0.6, 0.05, 20, REAL, "a suspect's time to refute, nobody confirming")   \
    X(suspicion_min_share, 0.3, 0.05, 20, REAL, "... everybody confirming")                        \
    X(repings, 8, 0, 100, WHOLE, "fast ones; then each waits twice as long as the last")           \
    X(repings_alone, 64, 0, 100, WHOLE,                                                            \
      "where nobody else can confirm, and all evidence is our own")                                \
    X(looks, 4, 0, 100, WHOLE,                                                                     \
      "at others, for each that we find failed: the dead seldom come alone")                       \
    X(belief_doublings, 2, 0, 16, WHOLE, "of how long a contradiction is believed")                \
    X(tokens_per_s, 20, 1, 1e6, REAL, "packets because answers are missing: pings anew, evidence") \
    X(tokens, 64, 1, 1e6, WHOLE, "of these at once")                                               \
    X(pooling, 1, 0, 1, WHOLE, "switch: what other observers see counts")                          \
    X(loss_term, 1, 0, 1, WHOLE, "switch: phi knows of loss")                                      \
    X(health, 1, 0, 1, WHOLE, "switch: who stalled does not judge")                                \
    X(notice, 1, 0, 1, WHOLE, "switch: the first miss is told to the other observers")

#define TUNING_FIELD(name, usual, least, most, kind, meaning) double name;
struct gossip_tuning {
    TUNINGS(TUNING_FIELD)
};
#undef TUNING_FIELD

extern const struct gossip_tuning tuning_default;

/* Sets one by its name. NULL: done; else what is wrong: static storage. */
const char *tuning_set(struct gossip_tuning *tuning, const char *name, double value);

/* As gossip_timing_derive, which takes the defaults. */
enum gossip_error tuning_derive(const struct gossip_tuning *tuning, uint32_t detect_ms,
                                struct gossip_timing *timing);

#endif
