/* Telemetry: rows of engines, racks and the site for each interval of the log, and the meter that reads the
 * site's power.
 *
 * Intervals, and windows of the meter, end before anything that happens at their end: call tw_telemetry_until
 * before every event. They only look at the engines, so that no result depends on their length. */
#ifndef TW_SIM_TELEMETRY_H
#define TW_SIM_TELEMETRY_H

#include "sim/energy/meter.h"
#include "sim/engine/engine.h"
#include "sim/log/log_writer.h"
#include "sim/network/network.h"
#include "sim/scenario/scenario.h"

typedef struct tw_telemetry tw_telemetry;

/* Requests in the interval under way. */
typedef struct tw_telemetry_tally {
  guint64 arrived, completed, rejected;
} tw_telemetry_tally;

/* All are borrowed; without a log (NULL) only the meter runs. `network` may be NULL. What a flow has cost its
 * links counts when the first event after its end begins. */
tw_telemetry *tw_telemetry_new(const tw_scenario *scenario, tw_engine **engines, const tw_site_power *power,
                               const tw_network *network, tw_log *log);
struct tw_site_jobs;
/* Jobs draw power from now on. Borrowed. */
void tw_telemetry_jobs(tw_telemetry *telemetry, const struct tw_site_jobs *jobs);
void tw_telemetry_free(tw_telemetry *telemetry);

/* The counters of the interval under way, for the factory to count on. Borrowed. */
tw_telemetry_tally *tw_telemetry_counts(tw_telemetry *telemetry);

/* From `now_s` on, so many requests wait for an engine that serves. */
void tw_telemetry_unrouted(tw_telemetry *telemetry, guint requests, double now_s);

/* Ends the intervals and windows that end at or before `now_s`, and writes their rows: an event begins then.
 */
void tw_telemetry_until(tw_telemetry *telemetry, double now_s);
/* Ends the first interval or window that ends at or before `now_s`: the work of tw_telemetry_until bit by
 * bit. FALSE where none does. */
gboolean tw_telemetry_step(tw_telemetry *telemetry, double now_s);
/* The end of the last interval or window that has ended. */
double tw_telemetry_ended(const tw_telemetry *telemetry);
/* Ends the last interval, which may be short, as the run ends; `event_s` is the instant of its last event. */
void tw_telemetry_close(tw_telemetry *telemetry, double end_s, double event_s);

/* Joules that links have drawn for flows of a kind. */
double tw_telemetry_flow_joules(const tw_telemetry *telemetry, tw_flow_kind kind);

tw_energy tw_telemetry_energy(const tw_telemetry *telemetry);
/* Has `watcher` see every whole window of the meter. */
void tw_telemetry_watch(tw_telemetry *telemetry, tw_meter_watcher *watcher, void *user);
/* The draw that the grid has seen, as tw_meter_grid tells it. */
const tw_grid_totals *tw_telemetry_grid(const tw_telemetry *telemetry);
/* The energy up to the end of the last whole second, as tw_meter_whole tells it. */
tw_energy tw_telemetry_whole(const tw_telemetry *telemetry, double *whole_s);

#endif
