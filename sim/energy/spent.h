/* The time, the energy and the cost of a run by what they were spent on: the classes of sim/base/time_class.h.
 *
 *     seconds  of all accelerators of the platform; those that neither engines nor jobs use are idle, and those of jobs
 *              are a class of their own, of which the metrics of training tell more
 *     joules   what accelerators draw anyway by their time, what work adds by the time of kernels that read or
 *              compute; with those beside accelerators they sum to the site's
 *     dollars  accelerators and racks by the hour by their time, electricity by joules */
#ifndef TW_SIM_SPENT_H
#define TW_SIM_SPENT_H

#include "sim/engine/engine.h"
#include "sim/log/metric.h"
#include "sim/scenario/site_power.h"

typedef struct tw_spent {
  double seconds[TW_TIME_CLASS_COUNT];
  double joules[TW_TIME_CLASS_COUNT]; /* NAN where the platform does not say */
  double jobs_s; /* time of the accelerators of jobs; their joules are those of the metric */
} tw_spent;

/* Sums up a run that ended at `end_s`. With audits it asserts that the classes of every engine sum to its time and
 * its joules to 1e-9. */
tw_spent tw_spent_of(const tw_scenario *scenario, tw_engine *const *engines, const tw_site_power *power,
                     double end_s);

/* Sets the metrics "spent", once those of energy and cost are set. */
void tw_spent_measure(const tw_spent *spent, tw_metric_values *values);

/* Takes the share of jobs out of the metrics of what tokens cost, which are set and are of the whole site: tokens by
 * the megawatt, joules, dollars and grams by the token. Jobs bear what hosts, network, conversion and cooling take in
 * the same parts as the joules of accelerators. Rates during the load take the shares of the whole run. */
void tw_spent_leave_out_jobs(tw_metric_values *values);

#endif
