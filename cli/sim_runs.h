/* sim_runs: plays a scenario once for each seed, each in a process of its own: several at a
 * time, and one that fails takes only itself with it. */
#ifndef MUSTER_SIM_RUNS_H
#define MUSTER_SIM_RUNS_H

#include "gossip/sim/play.h"

#include <stddef.h>
#include <stdint.h>

#define SIM_RUNS_MAX 100000
#define SIM_JOBS_MAX 1000 /* below what a process may have of files and children */

/* A run that gave no report: its process was killed, or has crashed. */
struct sim_lost {
    uint64_t seed;
    char what[64];
};

struct sim_runs {
    uint64_t first_seed;
    size_t count;
    size_t at_once; /* 0: as many as there are cores, and memory suffices for */
    /* Owned, by seed; together there are `count` of them. */
    struct report *reports;
    struct sim_lost *lost;
    size_t reports_count, lost_count;
};

/* Plays them all. play: fresh, from play_new. trace: called with each line of the trace of a single
 * run as it comes; NULL for none. False: a process could not be made, and errno has the reason. */
bool sim_runs_play(struct sim_runs *runs, struct play *play,
                   void (*trace)(void *context, const char *line), void *context);
void sim_runs_free(struct sim_runs *runs);

/* The first that broke an invariant; NULL: none. */
const struct report *sim_runs_broken(const struct sim_runs *runs);

/* Of all crashes in all runs the p-th percentile (0..100) of one time, in milliseconds, nearest
 * rank; pick: which. -1: no member noticed any crash. */
enum sim_time { SIM_FIRST, SIM_MEDIAN, SIM_P99, SIM_LAST, SIM_TIMES };
double sim_runs_percentile(const struct sim_runs *runs, enum sim_time pick, double p);
size_t sim_runs_crashes(const struct sim_runs *runs);

#endif
