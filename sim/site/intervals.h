/* Rows over time: what engines, racks and the site did in each interval, and the meter that reads the site's
 * power.
 *
 * Intervals, and windows of the meter, end before anything that happens at their end: call tw_intervals_until
 * before every event. They only look at the engines, so that no result depends on their length. */
#ifndef TW_SIM_INTERVALS_H
#define TW_SIM_INTERVALS_H

#include "sim/energy/meter.h"
#include "sim/engine/engine.h"
#include "sim/log/log_writer.h"
#include "sim/network/network.h"
#include "sim/scenario/scenario.h"

typedef struct tw_intervals tw_intervals;

/* Requests in the interval under way. */
typedef struct tw_interval_counts {
  guint64 arrived, completed, rejected;
} tw_interval_counts;

/* All are borrowed; without a log (NULL) only the meter runs. `network` may be NULL. What a flow has cost its
 * links counts when the first event after its end begins. */
tw_intervals *tw_intervals_new(const tw_scenario *scenario, tw_engine **engines, const tw_site_power *power,
                               const tw_network *network, tw_log *log);
void tw_intervals_free(tw_intervals *intervals);

/* The counters of the interval under way, for the factory to count on. Borrowed. */
tw_interval_counts *tw_intervals_counts(tw_intervals *intervals);

/* From `now_s` on, so many requests wait for an engine that serves. */
void tw_intervals_hold(tw_intervals *intervals, guint requests, double now_s);

/* Ends the intervals and windows that end at or before `now_s`, and writes their rows: an event begins then.
 */
void tw_intervals_until(tw_intervals *intervals, double now_s);
/* Ends the first interval or window that ends at or before `now_s`: the work of tw_intervals_until bit by
 * bit. FALSE where none does. */
gboolean tw_intervals_step(tw_intervals *intervals, double now_s);
/* The end of the last one that has ended. */
double tw_intervals_ended(const tw_intervals *intervals);
/* Ends the last interval, which may be short, as the run ends; `event_s` is the instant of its last event. */
void tw_intervals_close(tw_intervals *intervals, double end_s, double event_s);

/* Joules that links have drawn for flows of a kind. */
double tw_intervals_flow_joules(const tw_intervals *intervals, tw_flow_kind kind);

tw_energy tw_intervals_energy(const tw_intervals *intervals);
/* As tw_meter_whole. */
tw_energy tw_intervals_whole(const tw_intervals *intervals, double *whole_s);

#endif
