/* sim_print: what the runs of a scenario have shown, for people and as JSON. */
#ifndef MUSTER_SIM_PRINT_H
#define MUSTER_SIM_PRINT_H

#include "agent/base/json.h"
#include "cli/sim_runs.h"

#include <stdio.h>

/* name: of the scenario, as the user gave it. */
void sim_print_text(FILE *out, const char *name, const struct scenario *scenario,
                    const struct sim_runs *runs);

/* The members of the document's object but the trace. */
void sim_print_json(struct json *json, const char *name, const struct scenario *scenario,
                    const struct sim_runs *runs);

#endif
