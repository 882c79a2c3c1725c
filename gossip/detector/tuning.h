/* tuning: the detector's parameters, for studies (muster-sim's `tune`); operators set `detect`
 * alone. The defaults are on the front that gossip/detector/DETECTOR.md shows. */
#ifndef GOSSIP_TUNING_H
#define GOSSIP_TUNING_H

#include "gossip/gossip.h"

/* Only the study build (GOSSIP_STUDY, muster-sim-study) can take a part of the detector away, for
 * tests/bench/ablation.py: by a switch that is 0, or by no rings at all. */
#ifdef GOSSIP_STUDY
#define TUNING_RINGS(X)                                                                            \
    X(ring_edges, 3, 0, 6, WHOLE,                                                                  \
      "rings, and so the members that each observes; 0: random ones, as SWIM")
#define TUNING_SWITCHES(X)                                                                         \
    X(pooling, 1, 0, 1, WHOLE, "switch: other observers' evidence counts")                         \
    X(loss_term, 1, 0, 1, WHOLE, "switch: phi knows of loss")                                      \
    X(health, 1, 0, 1, WHOLE, "switch: a member that stalled does not judge")                      \
    X(notice, 1, 0, 1, WHOLE, "switch: the first miss is sent to the other observers")
#define TUNING_LACKS(tuning, part) ((tuning)->part <= 0)
#else
#define TUNING_RINGS(X)                                                                            \
    X(ring_edges, 3, 1, 6, WHOLE, "rings, and so the members that each observes")
#define TUNING_SWITCHES(X)
#define TUNING_LACKS(tuning, part) false
#endif

/* X(name, default, least, most, WHOLE numbers only or any REAL one, meaning). Shares are of
 * `detect`. */
#define TUNINGS(X)                                                                                 \
    TUNING_RINGS(X)                                                                                \
    X(observers, 2, 1, 6, WHOLE, "that must bring evidence before one suspects (H)")               \
    X(phi_own, 3, 0, 100, REAL, "of our own, before others' evidence counts: two pings or so")     \
    X(phi_pooled, 10, 0, 100, REAL, "of all observers together")                                   \
    X(phi_alone, 12, 0, 100, REAL, "of ours, when no other observer reports any")                  \
    X(phi_cap, 5, 0, 100, REAL,                                                                    \
      "what one observer adds to the pool: its link may be what is broken")                        \
    X(loss_min, 0.01, 1e-9, 0.5, REAL, "no link is trusted to lose less")                          \
    X(spread_min_us, 12000, 1, 1e6, REAL, "of answer times: schedulers delay in such lumps")       \
    X(ping_share, 0.45, 0.05, 5, REAL, "a ring edge is pinged once in this time")                  \
    X(sweep_share, 2.0 / 3, 0.05, 50, REAL, "one more ping, round-robin over everybody")           \
    X(reping_share, 1.0 / 30, 0.005, 1, REAL, "between pings while an answer is missing")          \
    X(suspicion_max_share, 0.6, 0.05, 20, REAL, "a suspect's time to refute, none confirming")     \
    X(suspicion_min_share, 0.3, 0.05, 20, REAL, "... everybody confirming")                        \
    X(repings, 8, 0, 100, WHOLE, "fast ones; then each waits twice as long as the last")           \
    X(repings_alone, 64, 0, 100, WHOLE, "where no other observer can confirm")                     \
    X(random_probes, 4, 0, 100, WHOLE,                                                             \
      "for each member declared failed: failures seldom come alone")                               \
    X(belief_doublings, 2, 0, 16, WHOLE, "of the time that a refutation is believed")              \
    X(tokens_per_s, 20, 1, 1e6, REAL, "packets because answers are missing: pings anew, evidence") \
    X(tokens, 64, 1, 1e6, WHOLE, "of these at once")                                               \
    TUNING_SWITCHES(X)

#define TUNING_FIELD(name, usual, least, most, kind, meaning) double name;
struct gossip_tuning {
    TUNINGS(TUNING_FIELD)
};
#undef TUNING_FIELD

extern const struct gossip_tuning tuning_default;

/* Sets a parameter by its name. NULL: done; else the text of the error, in static storage. */
const char *tuning_set(struct gossip_tuning *tuning, const char *name, double value);

/* Fills `timing`; gossip_timing_derive does the same with the defaults. DETECT. */
enum gossip_error tuning_derive(const struct gossip_tuning *tuning, uint32_t detect_ms,
                                struct gossip_timing *timing);

#endif
