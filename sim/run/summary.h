/* The summary of a run: summary.json, and the short table that a person reads in the terminal. */
#ifndef TW_SIM_SUMMARY_H
#define TW_SIM_SUMMARY_H

#include "sim/site/factory.h"

#include <jansson.h>

/* The totals of a finished run, in the order of the tables of summary.c; what was not simulated is absent.
 * `partial` runs were cut short. The caller owns the reference. */
json_t *tw_summary(const tw_scenario *scenario, const tw_factory *factory, const tw_recorder *recorder,
                   gboolean partial);

/* Prints it as a table. `directory` holds the logs. */
void tw_summary_print(const json_t *summary, const char *directory, FILE *out);

#endif
