/* The summary of a run: summary.json, and the short table that a person reads in the terminal. */
#ifndef TW_SIM_SUMMARY_H
#define TW_SIM_SUMMARY_H

#include "sim/run/power_sum.h"
#include "sim/site/factory.h"
#include "sim/world/exchange.h"

#include <jansson.h>

/* The totals of a finished run, in the order of the tables of summary.c; what was not simulated is absent.
 * `partial` runs were cut short. The caller owns the reference. */
json_t *tw_summary(const tw_scenario *scenario, const tw_factory *factory, const tw_recorder *recorder,
                   gboolean partial);

/* Adds what became of sessions; nothing for a stream without any. */
void tw_summary_add_sessions(json_t *summary, const tw_stream *stream);

/* The totals of a run of several sites: of requests as `recorder` has them by the clock of the users, of the rest as sums
 * over the finished factories, and of power as it was summed by the second; and in short those of each site. Rates while the
 * load was on are left out, as it was on at other times at each site; so are means over engines' failures. */
json_t *tw_summary_of_sites(const tw_world *world, tw_factory *const *factories,
                            tw_recorder *const *recorders, const tw_exchange *exchange,
                            const tw_power_sum *power, const tw_recorder *recorder, gboolean partial);

/* Prints it as a table. `directory` holds the logs. */
void tw_summary_print(const json_t *summary, const char *directory, FILE *out);

#endif
