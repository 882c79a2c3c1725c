/* meter: follows a run and counts the numbers of its report. */
#ifndef GOSSIP_SIM_METER_H
#define GOSSIP_SIM_METER_H

#include "gossip/sim/net_views.h"
#include "gossip/sim/report.h"

struct meter;

struct meter *meter_new(struct net *net);
/* Time and traffic count from now on. */
void meter_begin(struct meter *m);
void meter_free(struct meter *m);

/* What the scenario does to a node: any trouble; and its end, while it still runs, or its start
 * anew. */
void meter_trouble(struct meter *m, uint32_t node);
void meter_crashes(struct meter *m, uint32_t node);
void meter_started(struct meter *m, uint32_t node);
void meter_agreed(struct meter *m, int64_t took_us);

/* One event that a node published. */
void meter_event(struct meter *m, const struct net_event *told);

/* Fills in the numbers and the crashes. */
void meter_report(struct meter *m, struct report *report);

#endif
