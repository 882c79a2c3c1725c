/* play: runs a scenario. */
#ifndef GOSSIP_SIM_PLAY_H
#define GOSSIP_SIM_PLAY_H

#include "gossip/sim/report.h"
#include "gossip/sim/scenario.h"

#define PLAY_LINE_BYTES 160

struct play;

/* To form a large cluster is dear: half a minute and 10 GB at 10,000 nodes. From this size on so
 * many seeds in a row have the same ids, and so the same rings, and their runs may share what is
 * formed once: a process is forked off for each. Smaller clusters form anew for each seed. */
#define PLAY_LARGE_NODES 2048
#define PLAY_LARGE_SEEDS 16

/* scenario: borrowed while the play lives. NULL: *error names what is impossible in it. */
struct play *play_new(const struct scenario *scenario, struct scenario_error *error);
void play_free(struct play *play);

/* From what the ids of a formed cluster follow: runs for which this is the same may share it. */
uint64_t play_cluster(const struct play *play, uint64_t seed);
/* True if it is worth while to form the cluster before processes are forked off: it is large, and
 * nothing of it but the ids is left to the seed. */
bool play_is_shared(const struct play *play);
/* Forms it for that seed and those that share it, in place of what was formed before. */
void play_form(struct play *play, uint64_t seed);

/* About what a run needs of memory that is its own, and what is shared by all; in bytes. */
uint64_t play_own_bytes(const struct play *play);
uint64_t play_shared_bytes(const struct play *play);

/* Begins the one run that this play is for. False: report->broken has the reason why the cluster
 * did not form. report: filled as it goes; the caller's, zeroed first. */
bool play_begin(struct play *play, uint64_t seed, struct report *report);

/* Goes on until there is a line to print: a line of the trace, without its end, in `line`. False:
 * it is over, and the report is complete. */
bool play_next(struct play *play, char line[PLAY_LINE_BYTES]);

#endif
