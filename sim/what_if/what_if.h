/* Changes that would help: a run again with one knob turned at a time, with the same seeds for each.
 *
 * The gain of a knob is the mean over the seeds of what it changes, and its noise half of the 95 % interval of that
 * mean (Student's t over the differences by seed). Where no seed changes the run as it is, knobs are run with one. */
#ifndef TW_SIM_WHAT_IF_H
#define TW_SIM_WHAT_IF_H

#include "sim/what_if/rerun.h"

typedef struct tw_what_if_options {
  const char *output;                         /* a directory, with one below it for each run */
  gint64 at_once;                             /* processes */
  gint64 seeds;                               /* Seeds of each run, from the scenario's own. */
  void (*said)(void *user, const char *line); /* progress, for people; or NULL */
  void *user;
} tw_what_if_options;

/* The metric that says how much of the SLO is kept: where the run is cut short, that of the requests which ended. */
const char *tw_attainment_metric(const tw_rerun *rerun);

/* {"seeds" of each knob, "by_chance": false where no seed changes the run as it is, "metrics": [names], "now": {METRIC: mean}, "knobs": [{"name", "assignments": [...], "failed": text, or
 * METRIC: {"gain", "noise"}}]}, the most helpful first: by attainment where the SLO is missed by more than 1 % of the
 * requests, else by joules per token of those that keep it. NULL with `error` set. */
json_t *tw_what_if(const tw_rerun *rerun, const tw_what_if_options *options, GError **error);

/* The factor by which the load may grow with the SLO kept by 99 % of the requests, by search over runs: {"path",
 * "now", "holds", "breaks", "factor", "runs", "constant_classes": [names of those whose clients wait, which are as many
 * throughout]}. NULL with `error` set, also where the workload has no rate. */
json_t *tw_headroom(const tw_rerun *rerun, const tw_what_if_options *options, GError **error);

#endif
