/* play: runs a scenario. */
#ifndef GOSSIP_SIM_PLAY_H
#define GOSSIP_SIM_PLAY_H

#include "gossip/sim/report.h"
#include "gossip/sim/scenario.h"

#define PLAY_LINE_BYTES 160

struct play;

/* Makes the cluster ready as far as that does not depend on a seed, so that a process may be forked
 * off for each run. scenario: borrowed while the play lives. NULL: *error says what in it is
 * impossible. */
struct play *play_new(const struct scenario *scenario, struct scenario_error *error);
void play_free(struct play *play);

/* Begins the one run that this play is for. False: report->broken says why the cluster did not
 * form. report: filled as it goes; the caller's, zeroed first. */
bool play_begin(struct play *play, uint64_t seed, struct report *report);

/* Goes on until something is to be told: a line of the trace, without its end, in `line`. False: it
 * is over, and the report is complete. */
bool play_next(struct play *play, char line[PLAY_LINE_BYTES]);

#endif
